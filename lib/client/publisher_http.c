/*
 * publisher_http: whatever is queued goes out as one batch by POST, one call at a time.
 * A batch is all or nothing. A failed call is repeated with the same events, since
 * only the same batch gets the same answer; a refused batch is sent again event by event,
 * so that the blame is exact and everything else is stored. So is one whose ids have others in
 * between: an earlier publisher had sent its events in other batches.
 */
#include "lib/client/publisher.h"
#include "lib/client/reply.h"
#include "lib/core/err.h"
#include "lib/core/event.h"
#include <jansson.h>
#include <stdlib.h>

#define BATCH_EVENTS_MAX 1000
#define BATCH_BYTES_MAX (1u << 20)

static int64_t choose_batch(const struct cws_publisher *p) {
  if (p->http.batch > 0)
    return p->http.batch;
  if (p->http.singles > 0)
    return 1;
  int64_t n = 0;
  size_t bytes = 0;
  for (const struct outgoing *o = p->head; o != NULL && n < BATCH_EVENTS_MAX; o = o->next) {
    bytes += o->bytes;
    if (n > 0 && bytes > BATCH_BYTES_MAX)
      break;
    n++;
  }
  return n;
}

static void fill_body(struct cws_publisher *p) {
  const struct outgoing *o = p->head;
  buf_reset(&p->http.body);
  for (int64_t i = 0; i < p->http.batch; i++, o = o->next) {
    event_append(&p->http.body, cws_event_view(o->event), true);
    buf_add_char(&p->http.body, '\n');
  }
}

static void http_path(struct buf *b, const struct cws_publisher *p) {
  url_add_path(b, &p->op.client->url, "/requests/");
  buf_add_str(b, p->options.request_id);
  buf_add_str(b, "/events");
  if (p->options.owner != NULL)
    url_add_query(b, "owner", p->options.owner);
}

/* ---- answers ---- */

/* The batch's ids, if they follow each other. */
static bool read_answer(const struct http_answer *answer, int64_t batch, int64_t *first,
                        bool *duplicate) {
  json_t *json = json_loadb(answer->body, answer->body_len, 0, NULL);
  const json_t *from = json_object_get(json, "first_message_id");
  const json_t *to = json_object_get(json, "last_message_id");
  *first = json_integer_value(from);
  *duplicate = json_is_true(json_object_get(json, "duplicate"));
  bool good =
      json_is_integer(from) && json_is_integer(to) && json_integer_value(to) - *first + 1 == batch;
  json_decref(json);
  return good;
}

/* The batch that was just answered. */
static void send_singly(struct cws_publisher *p) {
  p->http.singles = p->http.batch;
  p->http.batch = 0;
}

static void batch_stored(struct cws_publisher *p, const struct http_answer *answer) {
  int64_t first, batch = p->http.batch;
  bool duplicate;
  struct cws_error why = {0};
  bool is_run = read_answer(answer, batch, &first, &duplicate);
  if (!is_run && batch > 1 && first > 0) {
    send_singly(p);
    return;
  }
  if (!is_run) {
    err_set(&why, CWS_EPROTOCOL, "the hub's answer does not fit the %lld events that were sent",
            (long long)batch);
    publisher_finish(p, &why);
    return;
  }
  p->http.batch = 0;
  if (p->http.singles > 0)
    p->http.singles--;
  for (int64_t i = 0; i < batch && p->phase != PUBLISHER_ENDED; i++)
    publisher_published(p, p->head->seq, first + i, duplicate);
}

static void batch_refused(struct cws_publisher *p, const struct cws_error *why) {
  if (p->http.batch > 1) {
    send_singly(p);
    return;
  }
  p->http.batch = 0;
  if (p->http.singles > 0)
    p->http.singles--;
  publisher_refused(p, p->head->seq, why);
}

static void batch_failed(struct cws_publisher *p, const struct http_answer *answer) {
  struct loss loss = {
      .error = answer->error, .http_status = answer->status, .hint_ms = answer->retry_after_ms};
  if (answer->status != 0)
    reply_error(answer->status, answer->body, answer->body_len, &loss.error);
  bool temporary = retry_is_temporary(answer->status, loss.error.code);
  if (answer->status != 0 && !temporary && publisher_is_event_fault(loss.error.code))
    batch_refused(p, &loss.error);
  else
    publisher_lose(p, &loss);
}

static void on_answer(struct http_call *call, const struct http_answer *answer, void *user) {
  struct cws_publisher *p = user;
  (void)call;
  op_ref(&p->op);
  p->http.call = NULL;
  if (answer->status == 200 || answer->status == 201)
    batch_stored(p, answer);
  else
    batch_failed(p, answer);
  if (p->phase == PUBLISHER_RUNNING)
    p->transport->push(p);
  publisher_settle(p);
  op_unref(&p->op);
}

/* ---- calls ---- */

static int start_call(struct cws_publisher *p, struct cws_error *err) {
  char *token;
  int rc = client_token(p->op.client, p->expired, &token, err);
  if (rc != 0)
    return rc;
  struct buf path;
  buf_init(&path);
  http_path(&path, p);
  fill_body(p);
  struct http_request request = {
      .method = "POST",
      .path = path.data,
      .token = token,
      .accept = "application/json",
      .content_type = "application/x-ndjson",
      .body = p->http.body.data,
      .body_len = p->http.body.len,
  };
  rc = path.failed || p->http.body.failed
           ? err_set(err, CWS_ENOMEM, NULL)
           : http_start(p->op.client, &request, NULL, on_answer, p, &p->http.call, err);
  buf_finish(&path);
  free(token);
  return rc;
}

static void http_push(struct cws_publisher *p) {
  struct loss loss = {.http_status = 0};
  if (p->http.call != NULL || p->head == NULL)
    return;
  p->http.batch = choose_batch(p);
  if (start_call(p, &loss.error) != 0)
    publisher_lose(p, &loss);
  p->expired = false;
}

static void http_close_transport(struct cws_publisher *p) {
  publisher_finish(p, NULL);
}

static void http_cut(struct cws_publisher *p) {
  http_cancel(p->http.call);
  p->http.call = NULL;
}

const struct publisher_transport publisher_http = {
    .name = "http",
    .open = publisher_is_open,
    .push = http_push,
    .close = http_close_transport,
    .cut = http_cut,
};
