/*
 * line_source: see line_source.h. What poll cannot wait for (a regular file) is read from an idle
 * handle; all else when it is readable, so that a slow pipe is never held back.
 */
#include "cli/line_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/talk.h"

#define READ_SIZE 65536

enum state { SOURCE_READING, SOURCE_PAUSED, SOURCE_ENDED };

struct line_source {
  enum state state;
  int fd;
  bool is_regular, is_eof;
  union {
    uv_handle_t handle;
    uv_poll_t poll;
    uv_idle_t idle;
  } wait;
  char *data; /* what was read and not yet given out */
  size_t len, cap, start;
  unsigned long lines;
  struct line_source_handlers handlers;
  void *user;
};

static void on_readable(uv_poll_t *poll, int status, int events);
static void on_turn(uv_idle_t *idle);

static void set_state(struct line_source *s, enum state state) {
  s->state = state;
  bool reads = state == SOURCE_READING;
  if (s->is_regular && reads)
    uv_idle_start(&s->wait.idle, on_turn);
  else if (s->is_regular)
    uv_idle_stop(&s->wait.idle);
  else if (reads)
    uv_poll_start(&s->wait.poll, UV_READABLE, on_readable);
  else
    uv_poll_stop(&s->wait.poll);
}

static void end(struct line_source *s, int failed) {
  set_state(s, SOURCE_ENDED);
  s->handlers.on_end(failed, s->user);
}

static int make_room(struct line_source *s) {
  if (s->start > 0) {
    memmove(s->data, s->data + s->start, s->len - s->start);
    s->len -= s->start;
    s->start = 0;
  }
  if (s->cap - s->len >= READ_SIZE)
    return 0;
  char *more = realloc(s->data, s->cap + READ_SIZE);
  if (more == NULL)
    return ENOMEM;
  s->data = more;
  s->cap += READ_SIZE;
  return 0;
}

/* Gives out whole lines, and at the end of the file what is left. */
static void give_lines(struct line_source *s) {
  while (s->state == SOURCE_READING && s->start < s->len) {
    char *line = s->data + s->start;
    char *newline = memchr(line, '\n', s->len - s->start);
    if (newline == NULL && !s->is_eof)
      return;
    size_t n = newline != NULL ? (size_t)(newline - line) : s->len - s->start;
    s->start += n + (newline != NULL ? 1 : 0);
    if (n > 0 && line[n - 1] == '\r')
      n--;
    if (!s->handlers.on_line(line, n, ++s->lines, s->user) && s->state == SOURCE_READING)
      set_state(s, SOURCE_PAUSED);
  }
  if (s->state == SOURCE_READING && s->is_eof)
    end(s, 0);
}

static void read_some(struct line_source *s) {
  if (!s->is_eof) {
    int failed = make_room(s);
    ssize_t got = failed == 0 ? read(s->fd, s->data + s->len, s->cap - s->len) : -1;
    if (failed == 0 && got < 0 && (errno == EAGAIN || errno == EINTR))
      return;
    if (got < 0) {
      end(s, failed != 0 ? failed : errno);
      return;
    }
    s->len += (size_t)got;
    s->is_eof = got == 0;
  }
  give_lines(s);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status; /* a failure shows in read, too, with its reason */
  (void)events;
  read_some(poll->data);
}

static void on_turn(uv_idle_t *idle) {
  read_some(idle->data);
}

int line_source_open(uv_loop_t *loop, const char *path, const struct line_source_handlers *handlers,
                     void *user, struct line_source **out) {
  struct line_source *s = calloc(1, sizeof *s);
  if (s == NULL)
    return ENOMEM;
  s->handlers = *handlers;
  s->user = user;
  bool is_stdin = strcmp(path, "-") == 0;
  s->fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
  int failed = s->fd < 0 ? errno : 0;
  if (failed == 0) {
    s->is_regular =
        uv_poll_init(loop, &s->wait.poll, s->fd) != 0; /* EPERM of epoll: always ready */
    if (s->is_regular)
      uv_idle_init(loop, &s->wait.idle);
    s->wait.handle.data = s;
    set_state(s, SOURCE_READING);
    *out = s;
    return 0;
  }
  free(s);
  return failed;
}

int line_source_start(uv_loop_t *loop, const char *path,
                      const struct line_source_handlers *handlers, void *user,
                      struct line_source **out) {
  int failed = line_source_open(loop, path, handlers, user, out);
  if (failed == 0)
    return 0;
  talk_error("cannot read '%s': %s", path, strerror(failed));
  return failed == ENOENT ? EXIT_NOINPUT : EXIT_IO;
}

void line_source_resume(struct line_source *s) {
  if (s->state == SOURCE_PAUSED)
    set_state(s, SOURCE_READING);
  if (s->state == SOURCE_READING)
    give_lines(s);
}

static void on_closed(uv_handle_t *handle) {
  struct line_source *s = handle->data;
  close(s->fd);
  free(s->data);
  free(s);
}

void line_source_close(struct line_source *s) {
  if (s == NULL)
    return;
  set_state(s, SOURCE_ENDED);
  uv_close(&s->wait.handle, on_closed);
}
