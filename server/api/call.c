/* call: what routes share: answering, opening streams, asking the hub, reading parameters. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <councilws/units.h>

#include "lib/core/err.h"
#include "server/api/route.h"

#define RETRY_AFTER_S 1 /* for what passes soon: a full queue, a store that is busy */

static struct call *of_open(struct hub_open *open) {
  return open->user;
}

static struct call *of_query(struct hub_query *query) {
  return query->user;
}

/* The events of a publish that never reached the hub. */
static void drop_events(struct hub_publish *p) {
  for (size_t i = 0; p->events != NULL && i < p->count; i++) {
    cws_event_free(p->events[i]);
    json_decref(p->data_json[i]);
  }
  free(p->events);
  free(p->data_json);
}

void call_free(struct call *call) {
  drop_events(&call->publish);
  stream_unref(call->stream);
  grants_free(call->grants);
  buf_finish(&call->query.json);
  free(call->query.next_cursor);
  free(call);
}

/* ---- answering ---- */

static void answer(struct call *call, int status, const char *content_type,
                   const struct buf *body) {
  if (body->failed) {
    call_fail(call, CWS_ENOMEM, "out of memory");
    return;
  }
  http_reply(call->request, &(struct http_response){.status = status,
                                                    .content_type = content_type,
                                                    .body = body->data,
                                                    .body_len = body->len});
  call_free(call);
}

void call_reply(struct call *call, int status, const struct buf *body) {
  answer(call, status, NULL, body);
}

void call_reply_as(struct call *call, const char *content_type, const struct buf *body) {
  answer(call, 200, content_type, body);
}

void call_fail_after(struct call *call, const struct cws_error *e, int retry_after_s) {
  int status = cws_error_http_status(e->code);
  bool may_retry = status == 503 || status == 429;
  if (retry_after_s == 0 && may_retry)
    retry_after_s = RETRY_AFTER_S;
  http_reply_error(call->request, e, may_retry ? retry_after_s : 0, NULL);
  call_free(call);
}

void call_fail_with(struct call *call, const struct cws_error *e) {
  call_fail_after(call, e, 0);
}

void call_fail(struct call *call, int code, const char *fmt, ...) {
  struct cws_error e = {.code = code};
  va_list args;
  va_start(args, fmt);
  vsnprintf(e.message, sizeof e.message, fmt, args);
  va_end(args);
  call_fail_with(call, &e);
}

/* ---- the hub ---- */

static void on_open(struct hub_open *open, int code, struct stream *s, int64_t acked) {
  (void)acked;
  struct call *call = of_open(open);
  if (code != 0) {
    struct cws_error e = {0};
    err_set(&e, code, open->error.code != 0 ? "%s" : NULL, open->error.message);
    call_fail_with(call, &e);
    return;
  }
  call->stream = s;
  call->then(call, s);
}

void call_open(struct call *call, void (*then)(struct call *call, struct stream *s)) {
  int64_t acked;
  if (hub_open_now(call->api->hub, call->request_id, NULL, &call->stream, &acked)) {
    then(call, call->stream);
    return;
  }
  call->then = then;
  call->open = (struct hub_open){.done = on_open, .user = call};
  int rc = hub_open_stream(call->api->hub, call->worker, call->request_id, NULL, &call->open);
  if (rc != 0)
    call_fail(call, rc, "%s", cws_error_text(rc));
}

void call_query_then(struct call *call, void (*done)(struct hub_query *q)) {
  call->query.done = done;
  call->query.user = call;
  call->query.request_id = call->request_id;
  int rc = hub_query(call->api->hub, call->worker, &call->query);
  if (rc != 0)
    call_fail(call, rc, "%s", cws_error_text(rc));
}

static void on_answer(struct hub_query *q) {
  struct call *call = of_query(q);
  if (q->code != 0)
    call_fail(call, q->code, "%s",
              q->error.message[0] != '\0' ? q->error.message : cws_error_text(q->code));
  else
    call_reply(call, 200, &q->json);
}

void call_query(struct call *call) {
  call_query_then(call, on_answer);
}

/* ---- parameters ---- */

static bool is_one_of(const char *name, const char *const *names) {
  for (; *names != NULL; names++) {
    if (strcmp(*names, name) == 0)
      return true;
  }
  return false;
}

bool call_check_query(struct call *call, const char *const *names) {
  const char *name;
  for (size_t i = 0; (name = http_query_name(call->request, i)) != NULL; i++) {
    if (is_one_of(name, names))
      continue;
    call_fail(call, CWS_EBADREQUEST, "unknown query parameter '%.64s'", name);
    return false;
  }
  return true;
}

bool call_int(struct call *call, const char *name, int64_t min, int64_t max, int64_t if_absent,
              int64_t *out) {
  const char *text = http_query(call->request, name);
  struct cws_error e = {0};
  *out = if_absent;
  if (text == NULL || cws_int_parse(text, min, max, out, &e) == 0)
    return true;
  call_fail(call, CWS_EBADREQUEST, "%s: %s", name, e.message);
  return false;
}

bool call_accepts(const struct call *call, const char *media_type) {
  const char *accept = http_header(call->request, "accept");
  return accept != NULL && strstr(accept, media_type) != NULL;
}

bool call_wants_stream(const struct call *call) {
  return call_accepts(call, "text/event-stream") && http_method(call->request) == HTTP_M_GET;
}

const char *bearer_of(const struct http_request *r) {
  const char *value = http_header(r, "authorization");
  if (value == NULL || strncasecmp(value, "bearer ", 7) != 0)
    return NULL;
  return value + 7 + strspn(value + 7, " ");
}
