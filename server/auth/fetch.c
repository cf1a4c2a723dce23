/* fetch: one libcurl transfer; see fetch.h. */
#include "server/auth/fetch.h"

#include "lib/core/buf.h"
#include "lib/core/err.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct transfer {
  struct buf body;
  size_t max_bytes;
  bool is_too_large;
  const atomic_bool *stop;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
  struct transfer *t = user;
  size_t len = size * count;
  if (len > t->max_bytes - t->body.len) {
    t->is_too_large = true;
    return 0;
  }
  buf_add(&t->body, bytes, len);
  return t->body.failed ? 0 : len;
}

static int on_progress(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up) {
  const struct transfer *t = user;
  (void)down_total, (void)down, (void)up_total, (void)up;
  return t->stop != NULL && atomic_load(t->stop);
}

static void set_limits(CURL *curl, const char *url) {
  bool is_https = strncasecmp(url, "https:", 6) == 0;
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, is_https ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)FETCH_REDIRECTS);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_CONNECT_MS);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)FETCH_TIMEOUT_MS);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* other threads own the signals */
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
}

static void set_callbacks(CURL *curl, struct transfer *t) {
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, NULL); /* no body grows after its check */
}

static int code_of(CURLcode result, const struct transfer *t) {
  if (t->is_too_large)
    return CWS_ETOOLARGE;
  switch (result) {
  case CURLE_OUT_OF_MEMORY:
    return CWS_ENOMEM;
  case CURLE_WRITE_ERROR:
    return t->body.failed ? CWS_ENOMEM : CWS_EPROTOCOL;
  case CURLE_ABORTED_BY_CALLBACK:
    return CWS_ECANCELED;
  case CURLE_OPERATION_TIMEDOUT:
    return CWS_ETIMEOUT;
  case CURLE_TOO_MANY_REDIRECTS:
  case CURLE_UNSUPPORTED_PROTOCOL: /* as of a redirect to http, or out of it */
    return CWS_EPROTOCOL;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
    return CWS_ETLS;
  default:
    return CWS_ECONNECT;
  }
}

static int judge(CURL *curl, CURLcode result, const struct transfer *t, struct cws_error *err) {
  long status = 0;
  if (t->is_too_large)
    return err_set(err, CWS_ETOOLARGE, "the answer is larger than %zu bytes", t->max_bytes);
  if (result != CURLE_OK)
    return err_set(err, code_of(result, t), "%s", curl_easy_strerror(result));
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200)
    return err_set(err, CWS_EPROTOCOL, "the answer has the status %ld instead of 200", status);
  return 0;
}

int fetch_url(const char *url, size_t max_bytes, const atomic_bool *stop, char **out, size_t *len,
              struct cws_error *err) {
  struct transfer t = {.max_bytes = max_bytes, .stop = stop};
  buf_init(&t.body);
  CURL *curl = curl_easy_init();
  if (curl == NULL || curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK) {
    curl_easy_cleanup(curl);
    return err_set(err, CWS_ENOMEM, NULL);
  }
  set_limits(curl, url);
  set_callbacks(curl, &t);
  CURLcode result = curl_easy_perform(curl);
  int code = judge(curl, result, &t, err);
  curl_easy_cleanup(curl);
  if (code == 0 && (*out = buf_take(&t.body, len)) == NULL)
    code = err_set(err, CWS_ENOMEM, NULL);
  buf_finish(&t.body);
  return code;
}

bool fetch_is_url(const char *text) {
  return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

/* Behind the scheme, and the user and password if there are. */
static const char *host_of(const char *url) {
  const char *host = strstr(url, "://") + 3;
  const char *end = host + strcspn(host, "/?#");
  for (const char *p = host; p < end; p++) {
    if (*p == '@')
      host = p + 1;
  }
  return host;
}

bool fetch_is_plain(const char *url) {
  static const char *const OWN[] = {"127.0.0.1", "localhost", "[::1]"};
  if (strncasecmp(url, "http://", 7) != 0)
    return false;
  const char *host = host_of(url);
  for (size_t i = 0; i < sizeof OWN / sizeof OWN[0]; i++) {
    size_t len = strlen(OWN[i]);
    if (strncasecmp(host, OWN[i], len) == 0 && strchr(":/?#", host[len]) != NULL)
      return false;
  }
  return true;
}

void fetch_url_label(const char *url, char *label, size_t size) {
  const char *authority = strstr(url, "://") + 3;
  const char *host = host_of(url);
  snprintf(label, size, "%.*s%.*s", (int)(authority - url), url, (int)strcspn(host, "?#"), host);
}
