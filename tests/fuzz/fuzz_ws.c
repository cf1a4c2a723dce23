/*
 * ws_parser finds the same however the bytes are cut. The first byte says who reads (bit 0: a
 * client) and the size of the pieces; the rest are frames.
 */
#include "lib/core/utf8.h"
#include "lib/core/ws_frame.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

enum { MAX_MESSAGE = 1000 };

struct trace {
  struct buf found; /* each finding: its kind, its length, its bytes */
  int code;
};

static void add(struct trace *t, int kind, const char *bytes, size_t len) {
  CHECK(len <= MAX_MESSAGE);
  buf_addf(&t->found, "%d %zu ", kind, len);
  buf_add(&t->found, bytes, len);
}

static void on_message(enum ws_opcode opcode, const char *bytes, size_t len, void *user) {
  CHECK(opcode == WS_TEXT || opcode == WS_BINARY);
  CHECK(opcode != WS_TEXT || utf8_feed(UTF8_ACCEPT, (const uint8_t *)bytes, len) == UTF8_ACCEPT);
  add(user, opcode, bytes, len);
}

static void on_ping(const char *bytes, size_t len, void *user) {
  CHECK(len <= WS_CONTROL_MAX);
  add(user, WS_PING, bytes, len);
}

static void on_pong(const char *bytes, size_t len, void *user) {
  CHECK(len <= WS_CONTROL_MAX);
  add(user, WS_PONG, bytes, len);
}

static void on_close(int code, const char *reason, size_t len, void *user) {
  CHECK(code == WS_CLOSE_NO_STATUS || ws_close_code_is_valid(code));
  CHECK(utf8_feed(UTF8_ACCEPT, (const uint8_t *)reason, len) == UTF8_ACCEPT);
  add(user, code, reason, len);
}

/* `step` bytes at a time. */
static void run(struct trace *t, enum ws_role role, const char *bytes, size_t len, size_t step) {
  static const struct ws_frame_handlers handlers = {on_message, on_ping, on_pong, on_close};
  struct ws_parser p;
  const char *reason = NULL;
  memset(t, 0, sizeof *t);
  ws_parser_init(&p, role, MAX_MESSAGE, &handlers, t);
  for (size_t at = 0; at < len && t->code == 0; at += step)
    t->code = ws_parser_feed(&p, bytes + at, len - at < step ? len - at : step, &reason);
  CHECK(t->code == 0 || (reason != NULL && ws_close_code_is_valid(t->code)));
  ws_parser_finish(&p);
}

static void check_same(const struct trace *a, const struct trace *b) {
  CHECK(a->code == b->code && a->found.len == b->found.len);
  CHECK(a->found.len == 0 || memcmp(a->found.data, b->found.data, a->found.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trace whole, bytes, pieces;
  if (size < 2)
    return 0;
  enum ws_role role = (data[0] & 1) != 0 ? WS_CLIENT : WS_SERVER;
  const char *frames = (const char *)data + 1;
  run(&whole, role, frames, size - 1, size);
  run(&bytes, role, frames, size - 1, 1);
  run(&pieces, role, frames, size - 1, (size_t)(data[0] >> 1) + 2);
  check_same(&whole, &bytes);
  check_same(&whole, &pieces);
  buf_finish(&whole.found);
  buf_finish(&bytes.found);
  buf_finish(&pieces.found);
  return 0;
}
