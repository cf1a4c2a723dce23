/*
 * output_tap: see output_tap.h. Our own descriptor may be shared with others, so it is never made
 * non-blocking: it is asked whether it takes PIPE_BUF bytes, and gets no more at a time.
 */
#include "cli/output_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/line_event.h"

#define READ_SIZE 65536
#define RETRY_MS 10
#define READS_AT_END 16 /* a full pipe and more; who writes on is not waited for */

static void on_readable(uv_poll_t *poll, int status, int events);
static void on_retry(uv_timer_t *timer);

static void set_state(struct output_tap *t, enum output_tap_state state) {
  t->state = state;
  if (state == TAP_READING)
    uv_poll_start(&t->poll, UV_READABLE, on_readable);
  else
    uv_poll_stop(&t->poll);
  if (state == TAP_BLOCKED)
    uv_timer_start(&t->retry, on_retry, RETRY_MS, RETRY_MS);
  else
    uv_timer_stop(&t->retry);
}

static void on_line(const char *line, size_t len, bool continues, void *user) {
  const struct output_tap *t = user;
  t->handlers->on_line(t->stream, line, len, continues, t->user);
}

static void over(struct output_tap *t) {
  if (t->state == TAP_ENDED)
    return;
  set_state(t, TAP_ENDED);
  line_cutter_end(&t->lines);
  close(t->from);
  t->from = -1;
  t->handlers->on_end(t->user);
}

/* ---- passing on ---- */

static bool takes_more(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  return poll(&p, 1, 0) > 0;
}

/* False where it has to wait. A failure ends it: the command gets SIGPIPE for its next write. */
static bool pass_on(struct output_tap *t) {
  while (t->pending_done < t->pending_len && t->failed == 0) {
    if (!takes_more(t->to))
      return false;
    size_t n = t->pending_len - t->pending_done;
    ssize_t done = write(t->to, t->pending + t->pending_done, n < PIPE_BUF ? n : PIPE_BUF);
    if (done >= 0)
      t->pending_done += (size_t)done;
    else if (errno == EAGAIN)
      return false;
    else if (errno != EINTR)
      t->failed = errno;
  }
  t->pending_len = t->pending_done = 0;
  return true;
}

/* False where there is nothing to be read at the moment, or ever again. */
static bool read_some(struct output_tap *t) {
  ssize_t n = read(t->from, t->pending, READ_SIZE);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (n <= 0) {
    over(t);
    return false;
  }
  t->last_read_ms = uv_now(t->poll.loop);
  t->pending_len = (size_t)n;
  bool is_passed = pass_on(t);
  line_cutter_take(&t->lines, t->pending, (size_t)n);
  if (t->failed != 0)
    over(t);
  else if (!is_passed)
    set_state(t, TAP_BLOCKED);
  return t->state == TAP_READING;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  read_some(poll->data);
}

static void on_retry(uv_timer_t *timer) {
  struct output_tap *t = timer->data;
  if (!pass_on(t))
    return;
  if (t->failed != 0)
    over(t);
  else
    set_state(t, TAP_READING);
}

/* ---- life ---- */

int output_tap_start(struct output_tap *t, uv_loop_t *loop) {
  t->pending = malloc(READ_SIZE);
  int failed = line_cutter_init(&t->lines, LINE_EVENT_MAX, on_line, t);
  if (failed != 0 || t->pending == NULL)
    return ENOMEM;
  failed = uv_poll_init(loop, &t->poll, t->from); /* makes it non-blocking: it is ours alone */
  if (failed != 0)
    return -failed;
  uv_timer_init(loop, &t->retry);
  t->poll.data = t->retry.data = t;
  set_state(t, TAP_READING);
  return 0;
}

void output_tap_end(struct output_tap *t) {
  for (int i = 0; i < READS_AT_END && t->state == TAP_READING && read_some(t); i++)
    continue;
  over(t);
}

void output_tap_finish(struct output_tap *t) {
  if (t->poll.data != NULL) {
    uv_close((uv_handle_t *)&t->poll, NULL);
    uv_close((uv_handle_t *)&t->retry, NULL);
  }
  if (t->from >= 0)
    close(t->from);
  free(t->pending);
  line_cutter_finish(&t->lines);
}
