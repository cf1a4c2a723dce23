/* route_publish: POST /requests/{id}/events: one JSON object, or NDJSON as one batch, all or
 * nothing. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/core/err.h"
#include "lib/core/event.h"
#include "lib/core/token_claims.h"
#include "server/api/route.h"

/* The events of one body, until the hub takes them. */
struct batch {
  struct cws_event_owned **events;
  json_t **data_json;
  size_t count, cap;
};

static void batch_finish(struct batch *b) {
  for (size_t i = 0; i < b->count; i++) {
    cws_event_free(b->events[i]);
    json_decref(b->data_json[i]);
  }
  free(b->events);
  free(b->data_json);
}

static int batch_grow(struct batch *b) {
  if (b->count < b->cap)
    return 0;
  size_t cap = b->cap > 0 ? b->cap * 2 : 16;
  struct cws_event_owned **events = realloc(b->events, cap * sizeof *events);
  if (events != NULL)
    b->events = events;
  json_t **data_json = realloc(b->data_json, cap * sizeof *data_json);
  if (data_json != NULL)
    b->data_json = data_json;
  if (events == NULL || data_json == NULL)
    return CWS_ENOMEM;
  b->cap = cap;
  return 0;
}

static int batch_add(struct batch *b, const char *json, size_t len, size_t max_bytes,
                     struct cws_error *err) {
  if (batch_grow(b) != 0)
    return err_set(err, CWS_ENOMEM, NULL);
  int rc = event_parse(json, len, max_bytes, &b->events[b->count], &b->data_json[b->count], err);
  if (rc == 0)
    b->count++;
  return rc;
}

/* ---- the body ---- */

static bool is_blank(const char *s, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (strchr(" \t\r", s[i]) == NULL || s[i] == '\0')
      return false;
  }
  return true;
}

static int read_lines(const struct api *api, const char *body, size_t len, struct batch *b,
                      struct cws_error *err) {
  size_t number = 0;
  for (size_t at = 0; at < len;) {
    const char *newline = memchr(body + at, '\n', len - at);
    size_t n = newline != NULL ? (size_t)(newline - (body + at)) : len - at;
    struct cws_error detail = {0};
    number++;
    if (b->count == api->max_batch_events && !is_blank(body + at, n))
      return err_set(err, CWS_ETOOLARGE, "line %zu: a batch has at most %zu events", number,
                     api->max_batch_events);
    if (!is_blank(body + at, n) && batch_add(b, body + at, n, api->max_event_bytes, &detail) != 0)
      return err_set(err, detail.code, "line %zu: %s", number, detail.message);
    at += n + 1;
  }
  return b->count > 0 ? 0 : err_set(err, CWS_EBADREQUEST, "the body has no event");
}

enum body_kind { BODY_JSON, BODY_NDJSON, BODY_OTHER };

static enum body_kind body_kind(const struct http_request *r) {
  const char *type = http_header(r, "content-type");
  if (type == NULL)
    return BODY_JSON;
  size_t len = strcspn(type, "; \t");
  if (len == 16 && strncasecmp(type, "application/json", len) == 0)
    return BODY_JSON;
  bool is_lines = (len == 20 && strncasecmp(type, "application/x-ndjson", len) == 0) ||
                  (len == 17 && strncasecmp(type, "application/jsonl", len) == 0);
  return is_lines ? BODY_NDJSON : BODY_OTHER;
}

static int read_body(const struct call *call, struct batch *b, struct cws_error *err) {
  size_t len;
  const char *encoding = http_header(call->request, "content-encoding");
  if (encoding != NULL && strcasecmp(encoding, "identity") != 0)
    return err_set(err, CWS_EMEDIATYPE,
                   "content-encoding: '%.32s' is not understood, send it plain", encoding);
  const char *body = http_body(call->request, &len);
  if (body_kind(call->request) == BODY_NDJSON)
    return read_lines(call->api, body, len, b, err);
  if (len == 0)
    return err_set(err, CWS_EBADREQUEST, "the body has no event");
  return batch_add(b, body, len, call->api->max_event_bytes, err);
}

/* ---- the answer ---- */

/* By hand: it is the answer that is given most. Request ids need no escapes. */
static void format_answer(struct buf *b, const char *request_id, const struct hub_publish *p) {
  buf_add_str(b, "{\"request_id\":\"");
  buf_add_str(b, request_id);
  buf_add_str(b, "\",\"first_message_id\":");
  buf_add_i64(b, p->first_id);
  buf_add_str(b, ",\"last_message_id\":");
  buf_add_i64(b, p->last_id);
  buf_add_str(b, ",\"count\":");
  buf_add_i64(b, (int64_t)p->count);
  buf_add_str(b, p->duplicate ? ",\"duplicate\":true}" : ",\"duplicate\":false}");
}

static void on_published(struct hub_publish *p) {
  struct call *call = p->user;
  struct metrics *m = call->api->metrics;
  if (p->code != 0) {
    if (cws_error_http_status(p->code) >= 500)
      metrics_add(&m->publishes_failed, 1);
    call_fail(call, p->code, "%s",
              p->error.message[0] != '\0' ? p->error.message : cws_error_text(p->code));
    return;
  }
  metrics_add(&m->events_published, (int64_t)p->stored);
  metrics_add(&m->events_duplicate, (int64_t)(p->count - p->stored));
  struct buf body;
  buf_init(&body);
  format_answer(&body, call->request_id, p);
  call_reply(call, 201, &body);
  buf_finish(&body);
}

/* The batch waits in call->publish, and goes with the call where the hub does not take it. */
static void on_stream(struct call *call, struct stream *s) {
  struct cws_event_owned **events = call->publish.events;
  json_t **data_json = call->publish.data_json;
  int rc = hub_publish(call->api->hub, call->worker, s, &call->publish);
  if (rc != 0) {
    call_fail(call, rc, "%s", cws_error_text(rc));
    return;
  }
  call->publish.events = NULL; /* the events are the hub's now, the arrays still ours */
  call->publish.data_json = NULL;
  free(events);
  free(data_json);
}

/* ---- checks ---- */

static int check_key(const char *key, struct cws_error *err) {
  size_t len = key != NULL ? strlen(key) : 1;
  if (len == 0 || len > CWS_EVENT_ID_MAX)
    return err_set(err, CWS_EBADREQUEST, "idempotency-key: 1 to %d characters", CWS_EVENT_ID_MAX);
  for (size_t i = 0; key != NULL && i < len; i++) {
    if (key[i] <= ' ' || key[i] > '~')
      return err_set(err, CWS_EBADREQUEST, "idempotency-key: printable ASCII without blanks");
  }
  return 0;
}

static int check_owner(const char *owner, struct cws_error *err) {
  if (owner != NULL && !claims_sub_is_valid(owner))
    return err_set(err, CWS_EBADREQUEST, "owner: 1 to %d bytes of UTF-8 without control characters",
                   CLAIM_SUB_MAX);
  return 0;
}

static int check_head(const struct call *call, struct cws_error *err) {
  struct http_request *r = call->request;
  if (atomic_load(&call->api->is_draining))
    return err_set(err, CWS_EDRAINING, NULL);
  if (!grants_may_publish(call->grants, call->request_id))
    return err_set(err, CWS_EFORBIDDEN, "this token may not publish to '%s'", call->request_id);
  int rc = check_key(http_header(r, "idempotency-key"), err);
  if (rc == 0)
    rc = check_owner(http_query(r, "owner"), err);
  if (rc == 0 && body_kind(r) == BODY_OTHER)
    rc =
        err_set(err, CWS_EMEDIATYPE, "content-type: give application/json or application/x-ndjson");
  return rc;
}

bool route_publish_admits(struct call *call) {
  static const char *const NAMES[] = {"owner", NULL};
  struct cws_error e = {0};
  if (!call_check_query(call, NAMES))
    return false;
  if (check_head(call, &e) == 0)
    return true;
  call_fail_with(call, &e);
  return false;
}

static int check_body(const struct call *call, struct batch *b, int *retry_after_s,
                      struct cws_error *err) {
  int rc = read_body(call, b, err);
  if (rc == 0) {
    rc = quota_publish(call->api->quota, call->grants->sub, (int64_t)b->count, retry_after_s);
    if (rc != 0)
      err_set(err, rc, NULL);
  }
  return rc;
}

void route_publish(struct call *call) {
  struct batch b = {0};
  struct cws_error e = {0};
  int retry_after_s = 0;
  if (!route_publish_admits(call))
    return;
  if (check_body(call, &b, &retry_after_s, &e) != 0) {
    batch_finish(&b);
    call_fail_after(call, &e, retry_after_s);
    return;
  }
  call->publish =
      (struct hub_publish){.done = on_published,
                           .user = call,
                           .events = b.events,
                           .data_json = b.data_json,
                           .count = b.count,
                           .owner = http_query(call->request, "owner"),
                           .idempotency_key = http_header(call->request, "idempotency-key")};
  call_open(call, on_stream);
}
