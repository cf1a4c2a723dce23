/*
 * calls: read a range, ask, list, erase: HTTP calls that end by themselves. A
 * range is read page by page, its events handed on line by line as they arrive; what a retry brings
 * again is passed over by its id.
 */
#include "lib/client/client.h"
#include "lib/client/http.h"
#include "lib/client/reply.h"
#include "lib/client/retry.h"
#include "lib/client/timer.h"
#include "lib/core/err.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define READ_ATTEMPTS 5
#define READ_PAGE 1000

struct cws_call {
  struct op op;
  const char *method;
  struct buf path;     /* without a range's query */
  char *query;         /* of the page being read, or NULL */
  struct timer *timer; /* the next attempt */
  struct http_call *http;
  struct retry retry;
  bool expired, ended;
  bool takes_503;              /* it is an answer, too: what is asked is whether the hub is ready */
  cws_read_event_fn *on_event; /* NULL: not a range */
  cws_call_done_fn *on_done;
  void *user;
  struct buf line;  /* the last one, while it is not whole */
  int64_t position; /* last event handed on */
};

/* ---- the end ---- */

static void call_finish(struct cws_call *call, const struct cws_error *why, const char *json,
                        size_t len) {
  if (call->ended)
    return;
  call->ended = true;
  http_cancel(call->http);
  call->http = NULL;
  timer_stop(call->timer);
  op_end(&call->op);
  if (call->on_done != NULL)
    call->on_done(why, json, len, call->user);
  op_unref(&call->op);
}

static void call_fail(struct cws_call *call, const struct cws_error *why) {
  call_finish(call, why, NULL, 0);
}

static void call_cancel(struct op *op) {
  struct cws_error why = {0};
  err_set(&why, CWS_ECANCELED, NULL);
  call_fail((struct cws_call *)op, &why);
}

static void call_destroy(struct op *op) {
  struct cws_call *call = (struct cws_call *)op;
  timer_free(call->timer);
  buf_finish(&call->path);
  buf_finish(&call->line);
  free(call->query);
  free(call);
}

static void call_lose(struct cws_call *call, const struct loss *loss) {
  struct cws_client *client = call->op.client;
  int64_t wait_ms = 0;
  call->expired = loss->error.code == CWS_ETOKENEXPIRED;
  switch (retry_next(&call->retry, loss, client->options.token_fn != NULL,
                     (int64_t)uv_now(client->loop), &wait_ms)) {
  case RETRY_END:
    call_fail(call, &loss->error);
    break;
  case RETRY_WAIT:
    log_info(client->log, "%s; trying again in %lld ms", loss->error.message, (long long)wait_ms);
    timer_start(call->timer, wait_ms);
    break;
  case RETRY_RENEW:
    timer_start(call->timer, 0);
    break;
  }
}

/* ---- the lines of a range ---- */

static void take_line(struct cws_call *call, const char *line, size_t len) {
  struct cws_event_owned *event;
  struct cws_error why = {0};
  if (len == 0)
    return;
  if (cws_event_parse_stored(line, len, &event, &why) != 0) {
    why.code = CWS_EPROTOCOL;
    call_fail(call, &why);
    return;
  }
  const struct cws_event *view = cws_event_view(event);
  if (view->message_id > call->position) {
    call->position = view->message_id;
    retry_succeeded(&call->retry);
    call->on_event(view, call->user);
  }
  cws_event_free(event);
}

static void on_lines(struct http_call *http, const char *bytes, size_t len, void *user) {
  struct cws_call *call = user;
  (void)http;
  op_ref(&call->op);
  while (len > 0 && !call->ended) {
    const char *end = memchr(bytes, '\n', len);
    size_t n = end == NULL ? len : (size_t)(end - bytes);
    buf_add(&call->line, bytes, n);
    if (end == NULL)
      break;
    if (call->line.failed)
      call_lose(call, &(struct loss){.error = {.code = CWS_ENOMEM, .message = "out of memory"}});
    else
      take_line(call, call->line.data, call->line.len);
    buf_reset(&call->line);
    bytes += n + 1;
    len -= n + 1;
  }
  op_unref(&call->op);
}

static void page_done(struct cws_call *call, const struct http_answer *answer) {
  if (call->line.len > 0)
    take_line(call, call->line.data, call->line.len);
  buf_reset(&call->line);
  if (call->ended)
    return;
  if (answer->next_query == NULL || strcmp(answer->next_query, call->query) == 0) {
    call_finish(call, NULL, NULL, 0);
    return;
  }
  char *query = strdup(answer->next_query);
  if (query == NULL) {
    call_fail(call, &(struct cws_error){.code = CWS_ENOMEM, .message = "out of memory"});
    return;
  }
  free(call->query);
  call->query = query;
  timer_start(call->timer, 0);
}

/* ---- one HTTP call ---- */

/* By the hub itself: a proxy's 503 has no status inside. */
static bool is_unready(const struct cws_call *call, const struct http_answer *answer) {
  if (!call->takes_503 || answer->status != 503)
    return false;
  json_t *json = json_loadb(answer->body, answer->body_len, 0, NULL);
  bool has_status = json_is_string(json_object_get(json, "status"));
  json_decref(json);
  return has_status;
}

static void on_answer(struct http_call *http, const struct http_answer *answer, void *user) {
  struct cws_call *call = user;
  struct loss loss = {
      .error = answer->error, .http_status = answer->status, .hint_ms = answer->retry_after_ms};
  (void)http;
  op_ref(&call->op);
  call->http = NULL;
  if (answer->status >= 200 && answer->status < 300 && call->on_event != NULL) {
    page_done(call, answer);
  } else if ((answer->status >= 200 && answer->status < 300) || is_unready(call, answer)) {
    call_finish(call, NULL, answer->body, answer->body_len);
  } else {
    buf_reset(&call->line);
    if (answer->status != 0)
      reply_error(answer->status, answer->body, answer->body_len, &loss.error);
    call_lose(call, &loss);
  }
  op_unref(&call->op);
}

static int start_http(struct cws_call *call, struct cws_error *err) {
  char *token;
  int rc = client_token(call->op.client, call->expired, &token, err);
  if (rc != 0)
    return rc;
  struct buf path;
  buf_init(&path);
  buf_add(&path, call->path.data, call->path.len);
  if (call->query != NULL)
    buf_addf(&path, "?%s", call->query);
  struct http_request request = {
      .method = call->method,
      .path = path.data,
      .token = token,
      .accept = call->on_event != NULL ? "application/x-ndjson" : "application/json",
  };
  rc = path.failed ? err_set(err, CWS_ENOMEM, NULL)
                   : http_start(call->op.client, &request, call->on_event != NULL ? on_lines : NULL,
                                on_answer, call, &call->http, err);
  buf_finish(&path);
  free(token);
  return rc;
}

static void call_on_timer(void *arg) {
  struct cws_call *call = arg;
  struct loss loss = {.http_status = 0};
  op_ref(&call->op);
  if (start_http(call, &loss.error) != 0)
    call_lose(call, &loss);
  call->expired = false;
  op_unref(&call->op);
}

/* ---- the caller's side ---- */

static struct cws_call *call_new(struct cws_client *client, const char *method,
                                 cws_call_done_fn *on_done, void *user, struct cws_error *err) {
  struct cws_call *call = calloc(1, sizeof(*call));
  if (call != NULL)
    call->timer = timer_new(client, call_on_timer, call);
  if (call == NULL || call->timer == NULL) {
    free(call);
    err_set(err, CWS_ENOMEM, NULL);
    return NULL;
  }
  call->method = method;
  call->on_done = on_done;
  call->user = user;
  buf_init(&call->path);
  buf_init(&call->line);
  retry_init(&call->retry, client->options.backoff_base_ms, client->options.backoff_cap_ms, 1);
  return call;
}

static int call_start(struct cws_call *call, struct cws_client *client, struct cws_call **out,
                      struct cws_error *err) {
  int rc = call->path.failed ? err_set(err, CWS_ENOMEM, NULL) : client_check_open(client, err);
  if (rc != 0) {
    call_destroy(&call->op);
    return rc;
  }
  op_start(&call->op, client, call_cancel, call_destroy);
  timer_start(call->timer, 0);
  if (out != NULL)
    *out = call;
  return 0;
}

static int check_request_id(const char *request_id, struct cws_error *err) {
  if (request_id == NULL)
    return err_set(err, CWS_EBADREQUEST, "no request_id");
  return cws_request_id_check(request_id, strlen(request_id), err);
}

void cws_read_options_init(struct cws_read_options *options) {
  *options = (struct cws_read_options){
      .size = sizeof(*options), .page = READ_PAGE, .max_attempts = READ_ATTEMPTS};
}

static char *read_query(const struct cws_read_options *o) {
  struct buf b;
  size_t len;
  buf_init(&b);
  url_add_query_i64(&b, "after", o->after);
  if (o->to > 0)
    url_add_query_i64(&b, "to", o->to);
  if (o->types != NULL)
    url_add_query(&b, "type", o->types);
  url_add_query_i64(&b, "limit", o->page);
  if (!b.failed)
    buf_consume(&b, 1); /* the '?' */
  return buf_take(&b, &len);
}

int cws_read(struct cws_client *client, const struct cws_read_options *options,
             cws_read_event_fn *on_event, cws_call_done_fn *on_done, void *user,
             struct cws_call **out, struct cws_error *err) {
  struct cws_read_options o;
  cws_read_options_init(&o);
  client_take_struct(&o, options);
  int rc = check_request_id(o.request_id, err);
  if (rc != 0)
    return rc;
  if (o.after < 0 || o.to < 0 || o.page < 1 || o.max_attempts < 0 || on_event == NULL)
    return err_set(err, CWS_EINVAL, "after, to, page or max_attempts is out of range");
  struct cws_call *call = call_new(client, "GET", on_done, user, err);
  if (call == NULL)
    return CWS_ENOMEM;
  call->on_event = on_event;
  call->position = o.after;
  call->retry.max_failures = o.max_attempts;
  url_add_path(&call->path, &client->url, "/requests/");
  buf_add_str(&call->path, o.request_id);
  buf_add_str(&call->path, "/events");
  call->query = read_query(&o);
  if (call->query == NULL)
    call->path.failed = true;
  return call_start(call, client, out, err);
}

int cws_status(struct cws_client *client, const char *request_id, cws_call_done_fn *on_done,
               void *user, struct cws_call **out, struct cws_error *err) {
  int rc = request_id == NULL ? 0 : check_request_id(request_id, err);
  if (rc != 0)
    return rc;
  struct cws_call *call = call_new(client, "GET", on_done, user, err);
  if (call == NULL)
    return CWS_ENOMEM;
  url_add_path(&call->path, &client->url, request_id == NULL ? "/ws/status" : "/requests/");
  if (request_id != NULL)
    buf_add_str(&call->path, request_id);
  return call_start(call, client, out, err);
}

int cws_ready(struct cws_client *client, cws_call_done_fn *on_done, void *user,
              struct cws_call **out, struct cws_error *err) {
  struct cws_call *call = call_new(client, "GET", on_done, user, err);
  if (call == NULL)
    return CWS_ENOMEM;
  call->takes_503 = true;
  url_add_outer_path(&call->path, &client->url, "/healthz/ready");
  return call_start(call, client, out, err);
}

int cws_list(struct cws_client *client, const char *status, int64_t limit, const char *cursor,
             cws_call_done_fn *on_done, void *user, struct cws_call **out, struct cws_error *err) {
  if (limit < 1 || limit > 1000)
    return err_set(err, CWS_EINVAL, "limit is 1 to 1000");
  struct cws_call *call = call_new(client, "GET", on_done, user, err);
  if (call == NULL)
    return CWS_ENOMEM;
  url_add_path(&call->path, &client->url, "/requests");
  url_add_query_i64(&call->path, "limit", limit);
  if (status != NULL)
    url_add_query(&call->path, "status", status);
  if (cursor != NULL)
    url_add_query(&call->path, "cursor", cursor);
  return call_start(call, client, out, err);
}

int cws_delete(struct cws_client *client, const char *request_id, cws_call_done_fn *on_done,
               void *user, struct cws_call **out, struct cws_error *err) {
  int rc = check_request_id(request_id, err);
  if (rc != 0)
    return rc;
  struct cws_call *call = call_new(client, "DELETE", on_done, user, err);
  if (call == NULL)
    return CWS_ENOMEM;
  url_add_path(&call->path, &client->url, "/requests/");
  buf_add_str(&call->path, request_id);
  return call_start(call, client, out, err);
}

void cws_call_cancel(struct cws_call *call) {
  call_cancel(&call->op);
}
