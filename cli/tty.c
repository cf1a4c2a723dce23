/* tty: see tty.h. */
#include "cli/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

struct tty {
  uv_poll_t poll;
  uv_signal_t winch, tstp, cont;
  struct tty_handlers handlers;
  void *user;
  int fd;       /* of keys, or -1 */
  int handles;  /* that are still to be closed */
  char held[8]; /* the beginning of an escape sequence */
  size_t held_len;
};

/* ---- modes; what restores them runs in signal handlers, too ---- */

static struct termios saved_modes;
static volatile sig_atomic_t has_modes, is_screen_used;

static bool is_our_turn(int fd) {
  pid_t group = tcgetpgrp(fd);
  return group < 0 || group == getpgrp(); /* below 0: not our controlling terminal */
}

/* Who is in the background would be stopped for trying; the shell has put things right then. */
static void reset_modes(void) {
  if (has_modes && is_our_turn(STDIN_FILENO))
    tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_modes);
  has_modes = 0;
}

static void restore(void) {
  static const char SEQUENCES[] = "\x1b[0m\x1b[?7h\x1b[?25h";
  reset_modes();
  if (is_screen_used && write(STDOUT_FILENO, SEQUENCES, sizeof SEQUENCES - 1) < 0)
    return;
}

static void on_fatal(int number) {
  restore();
  raise(number); /* its disposition is the default one again */
}

static void guard(void) {
  static const int FATAL[] = {SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  static bool is_set;
  if (is_set)
    return;
  is_set = true;
  atexit(restore);
  struct sigaction action = {.sa_handler = on_fatal, .sa_flags = SA_RESETHAND};
  for (size_t i = 0; i < sizeof FATAL / sizeof FATAL[0]; i++)
    sigaction(FATAL[i], &action, NULL);
}

void tty_guard_screen(bool is_drawn_on) {
  if (is_drawn_on)
    guard();
  is_screen_used = is_drawn_on;
}

static void set_modes(void) {
  struct termios modes;
  if (!tty_has_keys() || tcgetattr(STDIN_FILENO, &modes) != 0)
    return;
  if (!has_modes)
    saved_modes = modes;
  has_modes = 1;
  guard();
  modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  modes.c_cc[VMIN] = 1;
  modes.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
}

/* ---- what there is ---- */

bool tty_can_draw(void) {
  const char *term = getenv("TERM");
  return isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) && term != NULL && term[0] != '\0' &&
         strcmp(term, "dumb") != 0 && is_our_turn(STDOUT_FILENO);
}

bool tty_is_attended(void) {
  struct stat in, null;
  bool is_null = fstat(STDIN_FILENO, &in) == 0 && stat("/dev/null", &null) == 0 &&
                 S_ISCHR(in.st_mode) && in.st_rdev == null.st_rdev;
  return !is_null;
}

bool tty_has_keys(void) {
  return isatty(STDIN_FILENO) && is_our_turn(STDIN_FILENO);
}

bool tty_is_output(void) {
  return isatty(STDOUT_FILENO);
}

void tty_size(int *columns, int *lines) {
  struct winsize size = {0};
  *columns = *lines = 0;
  if (!isatty(STDOUT_FILENO))
    return;
  bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  *columns = is_known ? size.ws_col : 80;
  *lines = is_known && size.ws_row > 0 ? size.ws_row : 24;
}

/* ---- keys ---- */

/* ESC [ 5 ~: by its number. */
static int key_of_number(const char *digits) {
  switch (atoi(digits)) {
  case 1:
  case 7:
    return TTY_HOME;
  case 4:
  case 8:
    return TTY_END;
  case 5:
    return TTY_PAGE_UP;
  case 6:
    return TTY_PAGE_DOWN;
  default:
    return 0;
  }
}

static int key_of_sequence(char last, const char *parameters) {
  switch (last) {
  case 'A':
    return TTY_UP;
  case 'B':
    return TTY_DOWN;
  case 'C':
    return TTY_RIGHT;
  case 'D':
    return TTY_LEFT;
  case 'H':
    return TTY_HOME;
  case 'F':
    return TTY_END;
  case '~':
    return key_of_number(parameters);
  default:
    return 0;
  }
}

static void give(struct tty *t, int key) {
  if (t->handlers.on_key != NULL && key != 0)
    t->handlers.on_key(key, t->user);
}

/* ESC [ A, ESC O A, and longer ones with parameters before the end. */
static void take_byte(struct tty *t, char c) {
  if (t->held_len == 0 && c == TTY_ESCAPE) {
    t->held[t->held_len++] = c;
  } else if (t->held_len == 0) {
    give(t, c == '\n' ? TTY_ENTER : (unsigned char)c);
  } else if (t->held_len == 1 && (c == '[' || c == 'O')) {
    t->held[t->held_len++] = c;
  } else if (t->held_len == 1) {
    t->held_len = 0;
    give(t, TTY_ESCAPE);
    take_byte(t, c);
  } else if (c >= 0x40) {
    t->held[t->held_len] = '\0';
    t->held_len = 0;
    give(t, key_of_sequence(c, t->held + 2));
  } else if (t->held_len + 1 < sizeof t->held) {
    t->held[t->held_len++] = c;
  }
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  struct tty *t = poll->data;
  (void)events;
  char bytes[64];
  if (!is_our_turn(STDIN_FILENO)) { /* the keys are somebody else's; SIGCONT comes with ours */
    uv_poll_stop(poll);
    return;
  }
  ssize_t n = status == 0 ? read(t->fd, bytes, sizeof bytes) : 0;
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) {
    uv_poll_stop(poll);
    return;
  }
  for (ssize_t i = 0; i < n; i++)
    take_byte(t, bytes[i]);
  if (t->held_len == 1) { /* nothing came with it: the key itself */
    t->held_len = 0;
    give(t, TTY_ESCAPE);
  }
}

/* A description of its own, since a loop makes it non-blocking, and that of stdin is stdout's, too.
 */
static int open_keys(void) {
  char name[256];
  if (!tty_has_keys() || ttyname_r(STDIN_FILENO, name, sizeof name) != 0)
    return -1;
  return open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
}

/* ---- signals ---- */

static void on_winch(uv_signal_t *handle, int number) {
  struct tty *t = handle->data;
  (void)number;
  if (t->handlers.on_resize != NULL)
    t->handlers.on_resize(t->user);
}

static void resume(struct tty *t) {
  if (t->fd >= 0) {
    set_modes();
    uv_poll_start(&t->poll, UV_READABLE, on_readable);
  }
  if (t->handlers.on_resume != NULL)
    t->handlers.on_resume(t->user);
}

static void on_tstp(uv_signal_t *handle, int number) {
  struct tty *t = handle->data;
  if (t->handlers.on_suspend != NULL)
    t->handlers.on_suspend(t->user);
  restore();
  uv_signal_stop(handle); /* the default: to stop; nothing in a group that has no shell */
  raise(number);
  uv_signal_start(handle, on_tstp, number);
  resume(t);
}

/* After any stop, SIGSTOP too; a second time after SIGTSTP, which changes nothing. */
static void on_cont(uv_signal_t *handle, int number) {
  (void)number;
  resume(handle->data);
}

static void watch_signal(struct tty *t, uv_loop_t *loop, uv_signal_t *handle, uv_signal_cb cb,
                         int number) {
  uv_signal_init(loop, handle);
  handle->data = t;
  t->handles++;
  uv_signal_start(handle, cb, number);
  uv_unref((uv_handle_t *)handle);
}

/* ---- life ---- */

static void open_poll(struct tty *t, uv_loop_t *loop) {
  t->fd = open_keys();
  if (t->fd < 0)
    return;
  if (uv_poll_init(loop, &t->poll, t->fd) != 0) {
    close(t->fd);
    t->fd = -1;
    return;
  }
  t->handles++;
  t->poll.data = t;
  uv_poll_start(&t->poll, UV_READABLE, on_readable);
  set_modes();
}

struct tty *tty_open(uv_loop_t *loop, const struct tty_handlers *handlers, void *user) {
  struct tty *t = calloc(1, sizeof *t);
  if (t == NULL)
    return NULL;
  t->handlers = *handlers;
  t->user = user;
  open_poll(t, loop);
  watch_signal(t, loop, &t->winch, on_winch, SIGWINCH);
  watch_signal(t, loop, &t->tstp, on_tstp, SIGTSTP);
  watch_signal(t, loop, &t->cont, on_cont, SIGCONT);
  return t;
}

static void on_closed(uv_handle_t *handle) {
  struct tty *t = handle->data;
  if (--t->handles > 0)
    return;
  if (t->fd >= 0)
    close(t->fd);
  free(t);
}

void tty_close(struct tty *t) {
  if (t == NULL)
    return;
  reset_modes();
  if (t->fd >= 0)
    uv_close((uv_handle_t *)&t->poll, on_closed);
  uv_close((uv_handle_t *)&t->winch, on_closed);
  uv_close((uv_handle_t *)&t->tstp, on_closed);
  uv_close((uv_handle_t *)&t->cont, on_closed);
}
