/*
 * session_close: how a session ends. Every close that the hub begins is told first (bye), then
 * framed, then waits for the peer's close; a close of the peer is echoed. PROTOCOL "Close codes".
 */
#include "server/ws/session_internal.h"

/* The last words: answers that stand, bye, the close frame. */
static bool say_bye(struct session *s, int code, const char *reason, int64_t retry_after_ms) {
  struct buf *out = session_out(s);
  session_publish_put_answers(s, out);
  session_put_bye(s, out, code, reason, retry_after_ms);
  ws_frame_append_close(out, code, reason);
  log_debug(s->settings->log, "session %s: closed with %d: %s", s->connection_id, code, reason);
  return session_send(s, out);
}

static void end_connection(struct session *s) {
  session_set_state(s, SESSION_ENDED);
  connection_close(s->c, SESSION_LINGER_MS);
}

void session_close_retry(struct session *s, int code, const char *reason, int64_t retry_after_ms) {
  if (s->state != SESSION_OPEN)
    return;
  if (!say_bye(s, code, reason, retry_after_ms))
    return;
  if (s->is_sse) { /* the end of the connection is the end of the stream */
    end_connection(s);
    return;
  }
  session_set_state(s, SESSION_CLOSING);
  session_timers_close_deadline(s);
  if (s->is_paused) /* else the peer's close would not be heard */
    connection_resume(s->c);
}

void session_close(struct session *s, int code, const char *reason) {
  session_close_retry(s, code, reason, 0);
}

void session_close_and_cut(struct session *s, int code, const char *reason) {
  if (s->state != SESSION_OPEN || !say_bye(s, code, reason, 0))
    return;
  session_set_state(s, SESSION_ENDED);
  connection_abort(s->c);
}

void session_close_broken(struct session *s, int code, const char *reason) {
  if (s->state == SESSION_OPEN && !say_bye(s, code, reason, 0))
    return;
  end_connection(s);
}

void session_answer_close(struct session *s, int code) {
  if (s->state == SESSION_OPEN) {
    struct buf *out = session_out(s);
    session_publish_put_answers(s, out);
    ws_frame_append_close(out, code == WS_CLOSE_NO_STATUS ? WS_CLOSE_NORMAL : code, NULL);
    if (!session_send(s, out))
      return;
  }
  end_connection(s);
}

void session_fail(struct session *s) {
  if (s->state != SESSION_OPEN && s->state != SESSION_CLOSING)
    return;
  log_warn(s->settings->log, "session %s: ended, out of memory", s->connection_id);
  session_set_state(s, SESSION_ENDED);
  connection_abort(s->c);
}
