/*
 * output_tap: one of a command's output streams: what it writes is passed on to our own descriptor
 * unchanged, and given out line by line. A reader that is slow slows the command down, as it would
 * without us, and nothing else.
 */
#ifndef CLI_OUTPUT_TAP_H
#define CLI_OUTPUT_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "cli/line_cutter.h"

struct output_tap_handlers {
  /* As of a line_cutter. */
  void (*on_line)(const char *stream, const char *line, size_t len, bool continues, void *user);
  /* Last call: the stream is over. */
  void (*on_end)(void *user);
};

enum output_tap_state {
  TAP_READING,
  TAP_BLOCKED, /* what was read waits until our own descriptor takes it */
  TAP_ENDED,
};

struct output_tap {
  const char *stream; /* "stdout" */
  int from, to;
  enum output_tap_state state;
  int failed; /* errno of the first write that failed, or 0 */
  uv_poll_t poll;
  uv_timer_t retry;
  char *pending; /* to be passed on */
  size_t pending_len, pending_done;
  struct line_cutter lines;
  uint64_t last_read_ms; /* on the loop's clock */
  const struct output_tap_handlers *handlers;
  void *user;
};

/* `from` is taken: closed at the end. 0 or errno. */
int output_tap_start(struct output_tap *t, uv_loop_t *loop);
/* Ends it now, with what can be read and passed on at once. Then on_end, if it was not called. */
void output_tap_end(struct output_tap *t);
/* Closes its handles; the loop has to turn once more before `t` may go. */
void output_tap_finish(struct output_tap *t);

#endif
