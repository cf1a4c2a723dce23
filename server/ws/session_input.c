/*
 * session_input: what the client says: frames, messages, and what breaks the rules. PROTOCOL
 * "Client to hub".
 */
#include "lib/core/err.h"
#include "server/ws/session_internal.h"
#include <stdio.h>

#define PROTOCOL_ERRORS_MAX 20

/* ---- broken rules ---- */

void session_count_error(struct session *s) {
  int max = s->settings->max_protocol_errors;
  if (++s->protocol_errors >= (max > 0 ? max : PROTOCOL_ERRORS_MAX))
    session_close(s, WS_CLOSE_PROTOCOL_ERRORS, "too many protocol errors");
}

void session_protocol_error(struct session *s, const struct cws_error *e) {
  struct buf *out = session_out(s);
  session_put_error(s, out, e, NULL);
  if (session_send(s, out))
    session_count_error(s);
}

static void refuse_watching(struct session *s) {
  struct cws_error e = {0};
  err_set(&e, CWS_EFORBIDDEN, "this token may publish to the request, not watch it");
  session_protocol_error(s, &e);
}

/* Every message but publishes and acks of something new, which are bounded otherwise. */
static bool is_within_rate(struct session *s) {
  if (session_count_message(s))
    return true;
  session_close_retry(s, WS_CLOSE_TOO_MANY_MESSAGES, "too many messages", 1000);
  return false;
}

/* ---- messages ---- */

static void take_ack(struct session *s, int64_t message_id) {
  bool is_news = false;
  if (!s->can_watch)
    refuse_watching(s);
  else if (message_id >= 0)
    session_feed_ack(s, message_id, &is_news);
  if (!is_news && s->state == SESSION_OPEN)
    is_within_rate(s);
}

static void take_reconnect(struct session *s, int64_t last_message_id) {
  if (!is_within_rate(s))
    return;
  if (s->can_watch)
    session_feed_restart(s, last_message_id);
  else
    refuse_watching(s);
}

static void take_message(struct session *s, struct client_message *m) {
  switch (m->kind) {
  case CLIENT_ACK:
    take_ack(s, m->message_id);
    break;
  case CLIENT_HEARTBEAT_RESPONSE:
    is_within_rate(s);
    break;
  case CLIENT_RECONNECT:
    take_reconnect(s, m->last_message_id);
    break;
  case CLIENT_PUBLISH:
    session_publish(s, m, NULL);
    break;
  }
}

/* What cannot be read may have been a publish, so its refusal waits for the answers before it. */
static void take_text(struct session *s, const char *bytes, size_t len) {
  size_t max = s->settings->max_event_bytes;
  struct client_message m;
  struct cws_error e = {0};
  int code = client_message_parse(bytes, len, max > 0 ? max : CWS_EVENT_BYTES_DEFAULT, &m, &e);
  if (code == 0) {
    take_message(s, &m);
  } else if (m.kind == CLIENT_PUBLISH || is_within_rate(s)) {
    session_publish(s, &m, &e);
    if (code == CWS_EBADJSON || code == CWS_EBADREQUEST)
      session_count_error(s);
  }
  client_message_finish(&m);
}

/* ---- frames ---- */

static void on_message(enum ws_opcode opcode, const char *bytes, size_t len, void *user) {
  struct session *s = user;
  if (s->state != SESSION_OPEN)
    return;
  session_heard(s);
  if (opcode == WS_BINARY)
    session_close(s, WS_CLOSE_UNSUPPORTED, "messages are text");
  else
    take_text(s, bytes, len);
}

static void on_ping(const char *bytes, size_t len, void *user) {
  struct session *s = user;
  if (s->state != SESSION_OPEN || !is_within_rate(s))
    return;
  struct buf *out = session_out(s);
  ws_frame_append(out, WS_PONG, bytes, len);
  session_send(s, out);
}

static void on_pong(const char *bytes, size_t len, void *user) {
  struct session *s = user;
  (void)bytes;
  (void)len;
  if (s->state != SESSION_OPEN)
    return;
  session_heard(s);
  is_within_rate(s);
}

static void on_close(int code, const char *reason, size_t len, void *user) {
  struct session *s = user;
  (void)reason;
  (void)len;
  if (s->state == SESSION_OPEN || s->state == SESSION_CLOSING)
    session_answer_close(s, code);
}

const struct ws_frame_handlers session_frame_handlers = {
    .on_message = on_message, .on_ping = on_ping, .on_pong = on_pong, .on_close = on_close};
