/*
 * session_output: what the hub says, as frames, and the one way to the connection. It decides
 * nothing but that a dead socket ends the session. Scratch memory is the worker's, so an idle
 * session has none.
 */
#include "server/ws/session_internal.h"
#include "server/ws/sse.h"

#define SCRATCH_KEEP_BYTES (1024 * 1024) /* more than this is given back after one big event */

static void empty(struct buf *b) {
  if (b->cap > SCRATCH_KEEP_BYTES) {
    buf_finish(b);
    buf_init(b);
  }
  buf_reset(b);
}

struct buf *session_out(struct session *s) {
  empty(&s->worker->out);
  return &s->worker->out;
}

static struct buf *json_begin(struct session *s) {
  empty(&s->worker->json);
  return &s->worker->json;
}

static void json_end(struct session *s, struct buf *out) {
  const struct buf *json = &s->worker->json;
  if (json->failed)
    out->failed = true;
  else
    ws_frame_append(out, WS_TEXT, json->data, json->len);
}

void session_put_hello(struct session *s, struct buf *out, const struct stream_info *info,
                       int64_t resume_from) {
  const struct hub_hello hello = {
      .request_id = stream_request_id(s->stream),
      .connection_id = s->connection_id,
      .subscriber = s->subscriber,
      .epoch = info->epoch,
      .first_message_id = info->first_id,
      .last_message_id = info->last_id,
      .resume_from = resume_from,
      .heartbeat_interval_ms = s->settings->heartbeat_interval_ms,
      .inactivity_timeout_ms = s->settings->inactivity_timeout_ms,
      .no_events = !s->can_watch,
  };
  hub_format_hello(json_begin(s), &hello, session_wall_ms(s));
  json_end(s, out);
}

void session_put_heartbeat(struct session *s, struct buf *out) {
  struct stream_info info;
  stream_info(s->stream, &info);
  hub_format_heartbeat(json_begin(s), info.last_id, session_wall_ms(s));
  json_end(s, out);
}

void session_put_gap(struct session *s, struct buf *out, int64_t from, int64_t to,
                     const char *reason, const char *epoch) {
  hub_format_gap(json_begin(s), from, to, reason, epoch, session_wall_ms(s));
  json_end(s, out);
  metrics_add(&s->settings->metrics->gaps, 1);
}

void session_put_replay_complete(struct session *s, struct buf *out) {
  hub_format_replay_complete(json_begin(s), s->feed.view.delivered_id, session_wall_ms(s));
  json_end(s, out);
}

void session_put_published(struct session *s, struct buf *out, const struct hub_publish *p,
                           const char *ref) {
  hub_format_published(json_begin(s), p->first_id, p->duplicate, ref, session_wall_ms(s));
  json_end(s, out);
}

void session_put_error(struct session *s, struct buf *out, const struct cws_error *e,
                       const char *ref) {
  hub_format_protocol_error(json_begin(s), e, ref, session_wall_ms(s));
  json_end(s, out);
  metrics_add(&s->settings->metrics->protocol_errors, 1);
}

/* Whether a client may come back after this code. PROTOCOL "Close codes". */
static bool may_reconnect(int code) {
  return code == WS_CLOSE_INTERNAL || code == WS_CLOSE_RESTART || code == WS_CLOSE_TRY_LATER ||
         (code >= 4000 && code < 4500);
}

void session_put_bye(struct session *s, struct buf *out, int code, const char *reason,
                     int64_t retry_after_ms) {
  hub_format_bye(json_begin(s), code, reason, may_reconnect(code), retry_after_ms,
                 s->is_sse ? s->feed.view.delivered_id : session_feed_acked(s), session_wall_ms(s));
  json_end(s, out);
}

static const struct buf *as_text(struct session *s, const void *frames, size_t len) {
  struct buf *text = &s->worker->text;
  empty(text);
  sse_append(text, s->feed.epoch, s->types, frames, len);
  return text;
}

bool session_write(struct session *s, const void *bytes, size_t len) {
  if (s->is_sse) {
    const struct buf *text = as_text(s, bytes, len);
    if (text->failed) {
      session_fail(s);
      return false;
    }
    bytes = text->data;
    len = text->len;
  }
  int result = connection_write(s->c, bytes, len);
  if (result == CONNECTION_DEAD) {
    session_set_state(s, SESSION_ENDED);
    return false;
  }
  if (result == CONNECTION_BUFFERED) {
    s->feed.is_blocked = true;
    session_update_reading(s);
  }
  return true;
}

bool session_send(struct session *s, struct buf *out) {
  if (out->failed) {
    session_fail(s);
    return false;
  }
  bool is_alive = out->len == 0 || session_write(s, out->data, out->len);
  buf_reset(out);
  return is_alive;
}
