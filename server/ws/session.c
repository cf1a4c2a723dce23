/*
 * session: the life of one watcher, from the handshake to the last callback it is owed. What it
 * says, hears and follows is in the other session_*.c files.
 */
#include "server/ws/session.h"

#include "server/ws/session_internal.h"
#include <stdlib.h>
#include <unistd.h>

#define ENVELOPE_BYTES 4096 /* of a publish around its event: ref, members, blanks */

static int make_connection_id(char out[SESSION_ID_LEN + 1]) {
  uint8_t bytes[SESSION_ID_LEN / 2];
  if (getentropy(bytes, sizeof(bytes)) != 0)
    return CWS_ESYSTEM;
  for (size_t i = 0; i < sizeof(bytes); i++) {
    out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
    out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
  }
  out[SESSION_ID_LEN] = '\0';
  return 0;
}

static void take_start(struct session *s, struct session_start *start) {
  s->settings = start->settings;
  s->worker = session_registry_worker(start->settings->registry, loop_index(start->loop));
  s->hub = start->hub;
  s->loop = start->loop;
  s->stream = start->stream;
  s->grants = start->grants;
  s->hold = start->hold;
  s->subscriber = start->subscriber;
  s->can_watch = start->can_watch;
  s->wish = start->wish;
  s->is_sse = start->is_sse;
  s->types = start->types;
  s->feed.watch.takes_deflated = start->is_deflated;
  s->feed.view.acked_id = start->acked;
  start->stream = NULL;
  start->grants = NULL;
  start->hold = (struct quota_hold){0};
  start->subscriber = NULL;
  start->types = NULL;
}

static uint32_t max_message(const struct session_settings *settings) {
  size_t max = settings->max_event_bytes;
  if (max == 0)
    max = CWS_EVENT_BYTES_DEFAULT;
  return (uint32_t)(max < UINT32_MAX - ENVELOPE_BYTES ? max : UINT32_MAX - ENVELOPE_BYTES) +
         ENVELOPE_BYTES;
}

int session_new(struct session_start *start, struct session **out) {
  struct session *s = calloc(1, sizeof(*s));
  if (s == NULL)
    return CWS_ENOMEM;
  int code = make_connection_id(s->connection_id);
  if (code != 0) {
    free(s);
    return code;
  }
  ws_parser_init(&s->parser, WS_SERVER, max_message(start->settings), &session_frame_handlers, s);
  if (start->is_deflated)
    ws_parser_allow_deflate(&s->parser);
  take_start(s, start);
  *out = s;
  return 0;
}

static void session_free(struct session *s) {
  session_publish_free(s);
  ws_parser_finish(&s->parser);
  quota_release(&s->hold);
  grants_free(s->grants);
  stream_unref(s->stream);
  free(s->subscriber);
  free(s->types);
  free(s);
}

void session_settle(struct session *s) {
  s->owed--;
  if (s->state == SESSION_GONE && s->owed == 0)
    session_free(s);
}

static bool may_follow(enum session_state from, enum session_state to) {
  switch (to) {
  case SESSION_NEW:
    return false;
  case SESSION_OPEN:
    return from == SESSION_NEW;
  case SESSION_CLOSING:
    return from == SESSION_OPEN;
  case SESSION_ENDED:
    return from == SESSION_OPEN || from == SESSION_CLOSING;
  case SESSION_GONE:
    return from != SESSION_GONE;
  }
  return false;
}

void session_set_state(struct session *s, enum session_state state) {
  static const char *const names[] = {"new", "open", "closing", "ended", "gone"};
  if (!may_follow(s->state, state)) {
    log_error(s->settings->log, "session %s: no way from %s to %s", s->connection_id,
              names[s->state], names[state]);
    return;
  }
  log_debug(s->settings->log, "session %s: %s -> %s", s->connection_id, names[s->state],
            names[state]);
  if (s->state == SESSION_OPEN)
    session_feed_end(s);
  if (s->state != SESSION_NEW)
    session_timers_end(s);
  s->state = state;
}

static void begin(struct session *s, struct connection *c) {
  if (s->state != SESSION_NEW) /* bytes behind the handshake began it */
    return;
  s->c = c;
  session_set_state(s, SESSION_OPEN);
  session_registry_add(s);
  session_timers_begin(s);
  session_feed_begin(s, session_out(s));
  if (s->worker->is_draining)
    session_close_retry(s, WS_CLOSE_RESTART, "the hub is shutting down", 1000);
}

void session_begin(struct session *session, struct connection *c) {
  if (c == NULL)
    session_free(session);
  else
    begin(session, c);
}

void session_update_reading(struct session *s) {
  if (s->state != SESSION_OPEN)
    return;
  bool is_full = session_publish_is_full(s) || connection_buffered_bytes(s->c) > SESSION_OUTPUT_MAX;
  if (is_full == s->is_paused)
    return;
  s->is_paused = is_full;
  if (is_full)
    connection_pause(s->c);
  else
    connection_resume(s->c);
}

static void on_data(struct connection *c, const char *bytes, size_t len, void *user) {
  struct session *s = user;
  begin(s, c);
  if (s->is_sse || (s->state != SESSION_OPEN && s->state != SESSION_CLOSING))
    return;
  const char *reason = "";
  int code = ws_parser_feed(&s->parser, bytes, len, &reason);
  if (code != 0 && (s->state == SESSION_OPEN || s->state == SESSION_CLOSING))
    session_close_broken(s, code, reason);
}

static void on_drain(struct connection *c, void *user) {
  struct session *s = user;
  (void)c;
  if (s->state != SESSION_OPEN)
    return;
  session_drained(s);
  session_feed_drained(s);
}

/* What others count or wait for is given back at once; the rest goes with the last callback it is
 * owed. */
static void on_close(struct connection *c, void *user) {
  struct session *s = user;
  (void)c;
  bool has_begun = s->state != SESSION_NEW;
  session_set_state(s, SESSION_GONE);
  s->c = NULL;
  if (has_begun)
    session_registry_remove(s);
  quota_release(&s->hold);
  s->hold = (struct quota_hold){0};
  s->owed++;
  session_publish_abandon(s);
  session_settle(s);
}

const struct connection_handlers *session_handlers(void) {
  static const struct connection_handlers handlers = {
      .on_data = on_data, .on_drain = on_drain, .on_close = on_close};
  return &handlers;
}
