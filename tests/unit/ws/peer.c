/* peer: the client's side of the fixture. See world.h. */
#include "lib/core/subscriber.h"
#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keep(struct peer *p, const char *bytes, size_t len) {
  if (p->count == p->cap) {
    p->cap = p->cap > 0 ? p->cap * 2 : 16;
    p->messages = realloc(p->messages, p->cap * sizeof(*p->messages));
  }
  struct peer_message *m = &p->messages[p->count++];
  m->text = strndup(bytes, len);
  m->json = json_loadb(bytes, len, 0, NULL);
  assert_non_null(m->json);
}

static void on_message(enum ws_opcode opcode, const char *bytes, size_t len, void *user) {
  assert_int_equal(opcode, WS_TEXT);
  keep(user, bytes, len);
}

static void on_ping(const char *bytes, size_t len, void *user) {
  struct peer *p = user;
  p->pings++;
  if (p->answers_pings)
    peer_send_frame(p, WS_PONG, bytes, len);
}

static void on_pong(const char *bytes, size_t len, void *user) {
  (void)bytes;
  (void)len;
  ((struct peer *)user)->pongs++;
}

static void on_close(int code, const char *reason, size_t len, void *user) {
  (void)reason;
  (void)len;
  ((struct peer *)user)->close_code = code;
}

static const struct ws_frame_handlers handlers = {
    .on_message = on_message, .on_ping = on_ping, .on_pong = on_pong, .on_close = on_close};

/* Reads what has arrived. */
static void take(struct peer *p) {
  struct buf *received = fake_received(p->c);
  struct buf bytes = *received;
  const char *reason = "";
  buf_init(received);
  int code = ws_parser_feed(&p->parser, bytes.data, bytes.len, &reason);
  assert_int_equal(code, 0);
  buf_finish(&bytes);
}

static void begin(struct peer *p, struct world *w, const struct peer_options *o) {
  const char *request_id = o->request_id != NULL ? o->request_id : "r";
  const char *sub = o->sub != NULL ? o->sub : "ann";
  struct session_start start = {
      .hub = w->hub,
      .loop = p->loop,
      .settings = &w->settings,
      .grants = world_grants(w, sub, o->subscribe, o->publish, o->ttl_s > 0 ? o->ttl_s : 86400),
      .wish = {.after = o->has_after ? o->after : -1, .from = o->from},
  };
  if (o->epoch != NULL)
    strcpy(start.wish.epoch, o->epoch);
  assert_int_equal(subscriber_format(sub, o->name, &start.subscriber, NULL), 0);
  start.stream = world_open(w, o->worker, request_id, start.subscriber, &start.acked);
  struct stream_info info;
  stream_info(start.stream, &info);
  start.can_watch = grants_may_watch(start.grants, request_id, info.owner);
  assert_int_equal(session_new(&start, &p->session), 0);
}

struct peer *peer_new(struct world *w, const struct peer_options *options) {
  struct peer *p = calloc(1, sizeof(*p));
  p->world = w;
  p->loop = w->loops[options->worker];
  ws_parser_init(&p->parser, WS_CLIENT, 1 << 26, &handlers, p);
  begin(p, w, options);
  p->c = fake_connection_new(p->loop);
  connection_set_handlers(p->c, session_handlers(), p->session);
  if (options->room > 0)
    fake_set_room(p->c, options->room);
  if (options->early != NULL)
    peer_say(p, "%s", options->early);
  session_begin(p->session, p->c);
  return p;
}

void peer_free(struct peer *p) {
  fake_kill(p->c);
  fake_turn(p->c);
  fake_connection_free(p->c);
  ws_parser_finish(&p->parser);
  for (size_t i = 0; i < p->count; i++) {
    json_decref(p->messages[i].json);
    free(p->messages[i].text);
  }
  free(p->messages);
  free(p);
}

bool peer_has_next(struct peer *p) {
  take(p);
  return p->next < p->count;
}

json_t *peer_any(struct peer *p) {
  WAIT_FOR(p->world, peer_has_next(p));
  return p->messages[p->next++].json;
}

const char *peer_type(const json_t *message) {
  const char *type = json_string_value(json_object_get(message, "type"));
  assert_non_null(type);
  return type;
}

json_t *peer_next(struct peer *p, const char *type) {
  json_t *message = peer_any(p);
  if (strcmp(peer_type(message), type) != 0)
    print_error("instead of %s: %s\n", type, p->messages[p->next - 1].text);
  assert_string_equal(peer_type(message), type);
  return message;
}

static json_t *member(const json_t *message, const char *name) {
  return json_object_get(json_object_get(message, "data"), name);
}

json_int_t peer_int(const json_t *message, const char *name) {
  assert_true(json_is_integer(member(message, name)));
  return json_integer_value(member(message, name));
}

const char *peer_str(const json_t *message, const char *name) {
  assert_true(json_is_string(member(message, name)));
  return json_string_value(member(message, name));
}

json_int_t message_id_of(const json_t *message) {
  json_t *id = json_object_get(message, "message_id");
  assert_true(json_is_integer(id));
  return json_integer_value(id);
}

void peer_expect_silence(struct peer *p) {
  world_settle(p->world);
  take(p);
  if (p->next < p->count)
    print_error("instead of silence: %s\n", p->messages[p->next].text);
  assert_int_equal(p->next, p->count);
}

void peer_expect_events(struct peer *p, int64_t first, int64_t last) {
  for (int64_t id = first; id <= last; id++)
    assert_int_equal(message_id_of(peer_next(p, "t")), id);
}

void peer_expect_replay(struct peer *p, int64_t resume_from, int64_t last) {
  json_t *hello = peer_next(p, "connection_established");
  assert_int_equal(message_id_of(hello), resume_from);
  assert_int_equal(peer_int(hello, "resume_from"), resume_from);
  peer_expect_events(p, resume_from + 1, last);
  assert_int_equal(peer_int(peer_next(p, "replay_complete"), "last_message_id"), last);
}

json_t *peer_expect_bye(struct peer *p, int code) {
  json_t *bye = peer_next(p, "bye");
  assert_int_equal(peer_int(bye, "code"), code);
  assert_int_equal(p->close_code, code);
  return bye;
}

void peer_expect_protocol_error(struct peer *p, const char *code) {
  assert_string_equal(peer_str(peer_next(p, "protocol_error"), "code"), code);
}

void peer_send_frame(struct peer *p, enum ws_opcode opcode, const void *bytes, size_t len) {
  struct buf b;
  buf_init(&b);
  ws_frame_append_masked(&b, opcode, bytes, len, 0x12345678);
  fake_send(p->c, b.data, b.len);
  buf_finish(&b);
}

void peer_say(struct peer *p, const char *json_format, ...) {
  char text[4096];
  va_list args;
  va_start(args, json_format);
  int len = vsnprintf(text, sizeof(text), json_format, args);
  va_end(args);
  assert_true(len >= 0 && (size_t)len < sizeof(text));
  peer_send_frame(p, WS_TEXT, text, (size_t)len);
}

void peer_send_close(struct peer *p, int code) {
  const unsigned char payload[2] = {(unsigned char)(code >> 8), (unsigned char)code};
  peer_send_frame(p, WS_CLOSE, payload, sizeof(payload));
}

void peer_ack(struct peer *p, int64_t message_id) {
  peer_say(p, "{\"type\":\"ack\",\"message_id\":%lld}", (long long)message_id);
}
