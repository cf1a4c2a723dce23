/* frames: see frames.h. */
#include "tests/unit/core/frames.h"

#include "tests/unit/core/cases.h"
#include <stdlib.h>
#include <string.h>

static void add(struct frames *f, const char *what, const char *bytes, size_t len) {
  if (f->lines.len > 0)
    buf_add_char(&f->lines, '\n');
  buf_add_str(&f->lines, what);
  buf_add_char(&f->lines, ' ');
  add_printable(&f->lines, bytes, len);
}

static void on_message(enum ws_opcode opcode, const char *bytes, size_t len, void *user) {
  add(user, opcode == WS_TEXT ? "text" : opcode == WS_BINARY ? "binary" : "?", bytes, len);
}

static void on_ping(const char *bytes, size_t len, void *user) {
  add(user, "ping", bytes, len);
}

static void on_pong(const char *bytes, size_t len, void *user) {
  add(user, "pong", bytes, len);
}

static void on_close(int code, const char *reason, size_t len, void *user) {
  struct frames *f = user;
  struct buf what;
  buf_init(&what);
  buf_addf(&what, "close %d", code);
  add(f, what.data, reason, len);
  buf_finish(&what);
}

void frames_init(struct frames *f, enum ws_role role, uint32_t max_message) {
  static const struct ws_frame_handlers handlers = {on_message, on_ping, on_pong, on_close};
  memset(f, 0, sizeof *f);
  buf_init(&f->lines);
  buf_add_str(&f->lines, "");
  ws_parser_init(&f->parser, role, max_message, &handlers, f);
}

void frames_finish(struct frames *f) {
  ws_parser_finish(&f->parser);
  buf_finish(&f->lines);
}

int frames_feed(struct frames *f, const char *bytes, size_t len) {
  char *exact = malloc(len > 0 ? len : 1);
  memcpy(exact, bytes, len);
  if (f->code == 0)
    f->code = ws_parser_feed(&f->parser, exact, len, &f->reason);
  free(exact);
  return f->code;
}
