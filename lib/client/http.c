/*
 * http: libcurl and libuv: curl says which sockets to watch and when to wake it, the
 * loop says when that is. Callbacks to the owner run only while curl is not on the stack, so
 * they may start and cancel calls as they like.
 */
#define _GNU_SOURCE /* memmem */
#include "lib/client/http.h"

#include "lib/client/client.h"
#include "lib/client/timer.h"
#include "lib/client/tls_peer.h"
#include "lib/core/err.h"
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HTTP_BODY_MAX (64u << 20) /* bytes kept of one answer */

struct http {
  struct cws_client *client;
  CURLM *multi;
  struct timer *timer;
  struct http_call *calls; /* started and not ended */
  int alert;               /* the last fatal one of TLS since the last dispatch; 0 for none */
  bool dispatching;
  bool freed; /* while dispatching: freed when that is over */
};

struct http_call {
  struct http *http;
  struct http_call *prev, *next;
  CURL *easy;
  struct curl_slist *headers;
  http_body_fn *on_body; /* or NULL */
  http_done_fn *on_done;
  void *user;
  struct buf body;
  char *next_query;
  char error[CURL_ERROR_SIZE];
  bool has_head; /* the headers came to their end: curl takes a connection that ends before for a
                    success */
  bool has_news; /* body bytes since the last dispatch */
};

struct watch {
  uv_poll_t handle;
  struct http *http;
  struct cws_client *client; /* `http` may be gone when the handle has closed */
  curl_socket_t fd;
};

static void http_dispatch(struct http *http);

/* ---- sockets and time ---- */

static void watch_on_closed(uv_handle_t *handle) {
  struct watch *watch = handle->data;
  struct cws_client *client = watch->client;
  free(watch);
  client_release(client);
}

static void watch_on_uv(uv_poll_t *handle, int status, int events) {
  struct watch *watch = handle->data;
  struct http *http = watch->http;
  int running, flags = 0;
  if (status < 0) /* reset, say; what came before is still to be read, and may say why */
    flags = CURL_CSELECT_ERR | CURL_CSELECT_IN;
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(http->multi, watch->fd, flags, &running);
  http_dispatch(http);
}

static struct watch *watch_new(struct http *http, curl_socket_t fd) {
  struct watch *watch = calloc(1, sizeof(*watch));
  if (watch == NULL)
    return NULL;
  watch->http = http;
  watch->client = http->client;
  watch->fd = fd;
  watch->handle.data = watch;
  if (uv_poll_init_socket(http->client->loop, &watch->handle, fd) != 0) {
    free(watch);
    return NULL;
  }
  client_hold(http->client);
  return watch;
}

static void watch_free(struct watch *watch) {
  if (watch != NULL)
    uv_close((uv_handle_t *)&watch->handle, watch_on_closed);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user) {
  struct http *http = user;
  struct watch *watch = socket_user;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    curl_multi_assign(http->multi, fd, NULL);
    watch_free(watch);
    return 0;
  }
  if (watch == NULL) {
    watch = watch_new(http, fd);
    if (watch == NULL)
      return -1;
    curl_multi_assign(http->multi, fd, watch);
  }
  int events = (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
  return uv_poll_start(&watch->handle, events, watch_on_uv) == 0 ? 0 : -1;
}

static void http_on_timer(void *arg) {
  struct http *http = arg;
  int running;
  curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  http_dispatch(http);
}

static int on_curl_timer(CURLM *multi, long ms, void *user) {
  struct http *http = user;
  (void)multi;
  if (ms < 0)
    timer_stop(http->timer);
  else
    timer_start(http->timer, ms);
  return 0;
}

/* ---- one call's data ---- */

static size_t on_curl_body(char *bytes, size_t size, size_t n, void *user) {
  struct http_call *call = user;
  if (call->body.len + size * n > HTTP_BODY_MAX)
    return 0; /* curl ends the call with CURLE_WRITE_ERROR */
  buf_add(&call->body, bytes, size * n);
  call->has_news = true;
  return call->body.failed ? 0 : size * n;
}

/* Link: </api/v1/requests/r/events?after=1000>; rel="next". Only the query is used: the path and
 * the host are ours, whatever stands there. */
static char *link_query(const char *line, size_t len) {
  const char *open = memchr(line, '<', len);
  if (open == NULL || memmem(line, len, "rel=\"next\"", 10) == NULL)
    return NULL;
  const char *close = memchr(open, '>', len - (size_t)(open - line));
  const char *mark = close == NULL ? NULL : memchr(open, '?', (size_t)(close - open));
  return mark == NULL ? NULL : strndup(mark + 1, (size_t)(close - mark) - 1);
}

static size_t on_curl_header(char *bytes, size_t size, size_t n, void *user) {
  struct http_call *call = user;
  size_t len = size * n;
  call->has_head = len <= 2; /* the blank line; one behind "100 Continue" is followed by more */
  if (len > 5 && strncasecmp(bytes, "link:", 5) == 0 && call->next_query == NULL)
    call->next_query = link_query(bytes, len);
  return len;
}

/* ---- ends ---- */

static void call_free(struct http_call *call) {
  struct http *http = call->http;
  if (call->prev != NULL)
    call->prev->next = call->next;
  else if (http->calls == call)
    http->calls = call->next;
  if (call->next != NULL)
    call->next->prev = call->prev;
  if (call->easy != NULL) {
    curl_multi_remove_handle(http->multi, call->easy);
    curl_easy_cleanup(call->easy);
  }
  curl_slist_free_all(call->headers);
  buf_finish(&call->body);
  free(call->next_query);
  free(call);
}

void http_cancel(struct http_call *call) {
  if (call != NULL)
    call_free(call);
}

static int code_of_curl(CURLcode code) {
  switch (code) {
  case CURLE_COULDNT_RESOLVE_HOST:
    return CWS_EHOST;
  case CURLE_COULDNT_CONNECT:
    return CWS_ECONNECT;
  case CURLE_OPERATION_TIMEDOUT:
    return CWS_ETIMEOUT;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
    return CWS_ETLS;
  case CURLE_WRITE_ERROR:
    return CWS_ETOOLARGE;
  case CURLE_OUT_OF_MEMORY:
    return CWS_ENOMEM;
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_WEIRD_SERVER_REPLY:
    return CWS_EPROTOCOL;
  default:
    return CWS_EDISCONNECTED;
  }
}

/* Where the hub judged this side's certificate, curl saw a connection that was lost. */
static const char *alert_of_call(const struct http_call *call, CURLcode code) {
  bool may_be_it = code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
                   code == CURLE_SSL_CONNECT_ERROR || code == CURLE_GOT_NOTHING;
  return may_be_it ? tls_peer_reason(call->http->alert) : NULL;
}

/* A TLS handshake that the peer cut off is a lost connection, which comes back;
 * CURLE_SSL_CONNECT_ERROR says both. */
static int code_of_call(const struct http_call *call, CURLcode code) {
  if (code == CURLE_SSL_CONNECT_ERROR &&
      (strstr(call->error, "SSL_ERROR_SYSCALL") != NULL || strstr(call->error, "reset") != NULL))
    return CWS_EDISCONNECTED;
  return code_of_curl(code);
}

/* What curl says of a unix socket names "localhost port 80", and of a connection that ends early
 * whichever system call saw it. */
static const char *text_of_call(const struct http_call *call, CURLcode code) {
  switch (code) {
  case CURLE_RECV_ERROR:
  case CURLE_SEND_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_UNRECOVERABLE_POLL:
    return "the connection was lost before the answer came";
  default:
    return call->error[0] != '\0' && call->http->client->url.unix_path == NULL
               ? call->error
               : curl_easy_strerror(code);
  }
}

static void fill_answer(struct http_call *call, CURLcode code, struct http_answer *answer) {
  long status = 0;
  curl_off_t retry_after_s = 0;
  memset(answer, 0, sizeof(*answer));
  if (code == CURLE_OK && !call->has_head)
    code = CURLE_PARTIAL_FILE;
  if (code != CURLE_OK) {
    const struct url *url = &call->http->client->url;
    const char *alert = alert_of_call(call, code);
    if (alert != NULL)
      err_set(&answer->error, CWS_ETLS, "TLS with %s failed: %s", url->host_port, alert);
    err_set(&answer->error, code_of_call(call, code), "%s: %s",
            url->unix_path != NULL ? url->unix_path : url->host_port, text_of_call(call, code));
    return;
  }
  curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
  answer->status = (int)status;
  answer->retry_after_ms = (int64_t)retry_after_s * 1000;
  answer->body = call->body.data != NULL ? call->body.data : "";
  answer->body_len = call->body.len;
  answer->next_query = call->next_query;
}

static void call_done(struct http_call *call, CURLcode code) {
  struct http_answer answer;
  fill_answer(call, code, &answer);
  /* Off the list first: on_done may free the whole client, which cancels what is on the list. */
  curl_multi_remove_handle(call->http->multi, call->easy);
  call->on_done(call, &answer, call->user);
  call_free(call);
}

/* Hands out what arrived. The first call with news is looked for anew each time, since a callback
 * may have ended any call. */
static void dispatch_bodies(struct http *http) {
  for (struct http_call *call = http->calls; call != NULL;) {
    long status = 0;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!call->has_news || call->on_body == NULL || status != 200) {
      call = call->next;
      continue;
    }
    call->has_news = false;
    struct buf taken = call->body;
    buf_init(&call->body);
    call->on_body(call, taken.data, taken.len, call->user);
    buf_finish(&taken);
    call = http->calls;
  }
}

static void dispatch_done(struct http *http) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
    struct http_call *call = NULL;
    if (message->msg != CURLMSG_DONE)
      continue;
    CURLcode code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
    call_done(call, code);
  }
}

static void http_destroy(struct http *http) {
  curl_multi_cleanup(http->multi);
  timer_free(http->timer);
  struct cws_client *client = http->client;
  free(http);
  client_release(client);
}

static void http_dispatch(struct http *http) {
  http->dispatching = true;
  dispatch_bodies(http);
  dispatch_done(http);
  http->alert = 0;
  http->dispatching = false;
  if (http->freed)
    http_destroy(http);
}

void http_free(struct http *http) {
  if (http == NULL)
    return;
  http->freed = true;
  if (!http->dispatching)
    http_destroy(http);
}

/* ---- starting ---- */

static void init_curl(void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
}

static struct http *http_new(struct cws_client *client) {
  static uv_once_t once = UV_ONCE_INIT;
  uv_once(&once, init_curl);
  struct http *http = calloc(1, sizeof(*http));
  if (http == NULL)
    return NULL;
  http->client = client;
  http->multi = curl_multi_init();
  http->timer = timer_new(client, http_on_timer, http);
  if (http->multi == NULL || http->timer == NULL) {
    timer_free(http->timer);
    curl_multi_cleanup(http->multi);
    free(http);
    return NULL;
  }
  client_hold(client);
  curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
  curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
  curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
  curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
  return http;
}

static bool add_header(struct http_call *call, const char *name, const char *value) {
  struct buf line;
  if (value == NULL)
    return true;
  buf_init(&line);
  buf_addf(&line, "%s%s", name, value);
  struct curl_slist *list = line.failed ? NULL : curl_slist_append(call->headers, line.data);
  buf_finish(&line);
  if (list == NULL)
    return false;
  call->headers = list;
  return true;
}

static bool set_url(struct http_call *call, const char *path) {
  const struct cws_client *client = call->http->client;
  struct buf url;
  buf_init(&url);
  url_add_origin(&url, &client->url);
  buf_add_str(&url, path);
  bool ok = !url.failed && curl_easy_setopt(call->easy, CURLOPT_URL, url.data) == CURLE_OK;
  buf_finish(&url);
  if (ok && client->url.unix_path != NULL)
    ok = curl_easy_setopt(call->easy, CURLOPT_UNIX_SOCKET_PATH, client->url.unix_path) == CURLE_OK;
  return ok;
}

static CURLcode on_curl_tls(CURL *easy, void *ssl_ctx, void *user) {
  struct http *http = user;
  (void)easy;
  tls_peer_watch(ssl_ctx, &http->alert);
  return CURLE_OK;
}

/* Proxies of the environment are off, as they are for the WebSocket; redirects are not followed, so
 * the token never leaves for another host. curl's own CA directory stays beside the given file. */
static void set_transport(struct http_call *call) {
  const struct cws_client_options *o = &call->http->client->options;
  CURL *easy = call->easy;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* "." and ".." are request_ids */
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, o->user_agent);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
  if (o->ca_file != NULL)
    curl_easy_setopt(easy, CURLOPT_CAINFO, o->ca_file);
  if (o->cert_file != NULL)
    curl_easy_setopt(easy, CURLOPT_SSLCERT, o->cert_file);
  if (o->key_file != NULL)
    curl_easy_setopt(easy, CURLOPT_SSLKEY, o->key_file);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_curl_tls);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, call->http);
}

static void set_receivers(struct http_call *call) {
  CURL *easy = call->easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_curl_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_curl_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
}

static void set_request(struct http_call *call, const struct http_request *request) {
  CURL *easy = call->easy;
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->http->client->options.call_timeout_ms);
  if (request->body != NULL) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
  } else if (strcmp(request->method, "GET") != 0) {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
  }
}

/* "Expect:" turns curl's wait for 100 Continue off: a refusal is rare, a wait would come with each
 * batch. */
static bool set_headers(struct http_call *call, const struct http_request *request) {
  bool ok = add_header(call, "Accept: ", request->accept) &&
            add_header(call, "Content-Type: ", request->content_type) &&
            add_header(call, "Authorization: Bearer ", request->token) &&
            add_header(call, "Expect:", "");
  curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
  return ok;
}

static void call_link(struct http_call *call) {
  struct http *http = call->http;
  call->next = http->calls;
  if (call->next != NULL)
    call->next->prev = call;
  http->calls = call;
}

int http_start(struct cws_client *client, const struct http_request *request, http_body_fn *on_body,
               http_done_fn *on_done, void *user, struct http_call **out, struct cws_error *err) {
  if (client->http == NULL)
    client->http = http_new(client);
  struct http_call *call = client->http == NULL ? NULL : calloc(1, sizeof(*call));
  if (call == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  call->http = client->http;
  call->on_body = on_body;
  call->on_done = on_done;
  call->user = user;
  buf_init(&call->body);
  call_link(call);
  call->easy = curl_easy_init();
  bool ok = call->easy != NULL && set_url(call, request->path);
  if (ok) {
    set_transport(call);
    set_receivers(call);
    set_request(call, request);
    ok = set_headers(call, request) &&
         curl_multi_add_handle(call->http->multi, call->easy) == CURLM_OK;
  }
  if (!ok) {
    call_free(call);
    return err_set(err, CWS_ENOMEM, NULL);
  }
  *out = call;
  return 0;
}
