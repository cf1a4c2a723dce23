/* console: see console.h. */
#include "cli/console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "cli/line_source.h"
#include "cli/names.h"
#include "cli/talk.h"
#include "cli/tty.h"

#define HISTORY_LINES 1000
#define LINE_MAX_CHARS (1024 * 1024)

enum console_state {
  CONSOLE_PLAIN,  /* no prompt: lines come from `source` */
  CONSOLE_SHOWN,  /* prompt and line stand on the screen */
  CONSOLE_HIDDEN, /* taken away by console_above; they come back before the loop waits */
  CONSOLE_TAKEN,  /* a line was entered and is being dealt with: no prompt stands there */
  CONSOLE_CLOSED,
};

struct console {
  enum console_state state;
  struct console_handlers handlers;
  void *user;
  struct line_source *source;
  FILE *in;
  uv_poll_t poll;
  uv_prepare_t prepare;
  uv_signal_t winch, tstp, cont;
  int handles;
  char *history;
  int new_lines; /* of the history, not in its file yet */
  bool is_at_end;
};

struct console_offers {
  const char *typed;
  struct names words;
};

static struct console *current; /* readline's callbacks know no user */

/* ---- the prompt ---- */

void console_above(struct console *c) {
  if (c == NULL || c->state != CONSOLE_SHOWN)
    return;
  rl_clear_visible_line();
  fflush(rl_outstream);
  c->state = CONSOLE_HIDDEN;
}

static void on_prepare(uv_prepare_t *prepare) {
  struct console *c = prepare->data;
  if (c->state != CONSOLE_HIDDEN)
    return;
  c->state = CONSOLE_SHOWN;
  rl_forced_update_display();
}

void console_clear(struct console *c) {
  if (c->state != CONSOLE_SHOWN && c->state != CONSOLE_HIDDEN)
    return;
  rl_callback_sigcleanup();
  rl_free_line_state();
  if (c->state == CONSOLE_SHOWN)
    rl_crlf();
  rl_replace_line("", 1);
  rl_on_new_line();
  rl_redisplay();
  c->state = CONSOLE_SHOWN;
}

static bool is_blank(const char *line) {
  return line[strspn(line, " \t")] == '\0';
}

static void remember(struct console *c, const char *line) {
  const HIST_ENTRY *last =
      history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
  if (last != NULL && strcmp(last->line, line) == 0)
    return;
  add_history(line);
  c->new_lines++;
}

static void on_typed(char *line) {
  struct console *c = current;
  c->state = CONSOLE_TAKEN;
  if (line == NULL) {
    fputc('\n', rl_outstream);
    rl_callback_handler_remove();
    c->is_at_end = true;
    return;
  }
  if (!is_blank(line)) {
    remember(c, line);
    c->handlers.on_line(line, c->user);
  }
  free(line);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct console *c = poll->data;
  if (c->state == CONSOLE_HIDDEN)
    on_prepare(&c->prepare);
  rl_callback_read_char();
  if (c->is_at_end) {
    uv_poll_stop(&c->poll);
    c->handlers.on_end(c->user);
  } else if (c->state == CONSOLE_TAKEN) {
    c->state = CONSOLE_SHOWN; /* readline has drawn the next prompt */
  }
}

/* ---- completion ---- */

void console_offer(struct console_offers *to, const char *word) {
  if (strncmp(word, to->typed, strlen(to->typed)) == 0)
    names_add(&to->words, word);
}

static struct console_offers *offered;

static char *next_offer(const char *text, int state) {
  static size_t next;
  (void)text;
  if (state == 0)
    next = 0;
  return next < offered->words.count ? strdup(offered->words.items[next++]) : NULL;
}

static char **complete(const char *text, int start, int end) {
  struct console *c = current;
  struct console_offers offers = {.typed = text};
  char *line = strndup(rl_line_buffer, (size_t)end);
  bool is_file = line != NULL && !c->handlers.on_complete(line, (size_t)start, &offers, c->user);
  offered = &offers;
  char **matches = is_file ? NULL : rl_completion_matches(text, next_offer);
  rl_attempted_completion_over = is_file ? 0 : 1;
  names_finish(&offers.words);
  free(line);
  return matches;
}

/* ---- signals ---- */

static void on_winch(uv_signal_t *handle, int number) {
  struct console *c = handle->data;
  (void)number;
  rl_resize_terminal();
  if (c->state == CONSOLE_SHOWN)
    rl_forced_update_display();
}

static void resume(struct console *c) {
  rl_prep_terminal(1);
  if (c->state == CONSOLE_SHOWN || c->state == CONSOLE_HIDDEN) {
    c->state = CONSOLE_SHOWN;
    rl_forced_update_display();
  }
}

static void on_tstp(uv_signal_t *handle, int number) {
  struct console *c = handle->data;
  console_above(c);
  rl_deprep_terminal();
  uv_signal_stop(handle); /* the default: to stop */
  raise(number);
  uv_signal_start(handle, on_tstp, number);
  resume(c);
}

static void on_cont(uv_signal_t *handle, int number) {
  (void)number;
  resume(handle->data);
}

static void watch_signal(struct console *c, uv_signal_t *handle, uv_signal_cb cb, int number) {
  uv_signal_init(c->poll.loop, handle);
  handle->data = c;
  c->handles++;
  uv_signal_start(handle, cb, number);
  uv_unref((uv_handle_t *)handle);
}

/* ---- history ---- */

static void open_history(struct console *c, const char *path) {
  using_history();
  stifle_history(HISTORY_LINES);
  c->history = path != NULL ? strdup(path) : NULL;
  if (c->history != NULL)
    read_history(c->history);
}

/* Appended, so that two consoles keep the lines of both. */
static void keep_history(const struct console *c) {
  if (c->history == NULL || c->new_lines == 0)
    return;
  int fd = open(c->history, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int failed = fd < 0 || fchmod(fd, 0600) != 0 ? errno : 0;
  if (fd >= 0)
    close(fd);
  if (failed == 0)
    failed = append_history(c->new_lines, c->history);
  if (failed == 0)
    failed = history_truncate_file(c->history, HISTORY_LINES);
  if (failed != 0)
    talk("cannot keep the history in '%s': %s", c->history, strerror(failed));
}

/* ---- life ---- */

/* A description of its own, since a loop makes it non-blocking, and that of stdin is stdout's, too.
 */
static FILE *open_terminal(void) {
  char name[256];
  if (!tty_has_keys() || !tty_is_output() || ttyname_r(STDIN_FILENO, name, sizeof name) != 0)
    return NULL;
  return fopen(name, "re");
}

static void open_readline(struct console *c, uv_loop_t *loop, const char *prompt) {
  c->state = CONSOLE_SHOWN;
  rl_readline_name = "councilws";
  rl_instream = c->in;
  rl_outstream = stdout;
  rl_catch_signals = 0;
  rl_catch_sigwinch = 0;
  rl_attempted_completion_function = complete;
  rl_basic_word_break_characters = " \t\n";
  rl_completion_query_items = 0; /* no question, which would hold the loop up */
  rl_variable_bind("page-completions", "off");
  rl_variable_bind("enable-bracketed-paste", "off");
  uv_poll_init(loop, &c->poll, fileno(c->in));
  uv_prepare_init(loop, &c->prepare);
  c->handles += 2;
  c->poll.data = c;
  c->prepare.data = c;
  uv_poll_start(&c->poll, UV_READABLE, on_readable);
  uv_prepare_start(&c->prepare, on_prepare);
  watch_signal(c, &c->winch, on_winch, SIGWINCH);
  watch_signal(c, &c->tstp, on_tstp, SIGTSTP);
  watch_signal(c, &c->cont, on_cont, SIGCONT);
  rl_callback_handler_install(prompt, on_typed);
}

static bool on_source_line(const char *line, size_t len, unsigned long number, void *user) {
  struct console *c = user;
  (void)number;
  char *copy = len <= LINE_MAX_CHARS ? strndup(line, len) : NULL;
  bool goes_on = true;
  if (copy == NULL)
    talk_error("a line of %zu bytes is too long", len);
  else if (!is_blank(copy))
    goes_on = c->handlers.on_line(copy, c->user);
  free(copy);
  return goes_on;
}

static void on_source_end(int failed, void *user) {
  struct console *c = user;
  if (failed != 0)
    talk_error("cannot read on: %s", strerror(failed));
  c->handlers.on_end(c->user);
}

static const struct line_source_handlers SOURCE = {.on_line = on_source_line,
                                                   .on_end = on_source_end};

struct console *console_open(uv_loop_t *loop, const char *prompt, const char *history,
                             const struct console_handlers *handlers, void *user) {
  struct console *c = calloc(1, sizeof *c);
  if (c == NULL)
    return NULL;
  c->handlers = *handlers;
  c->user = user;
  c->in = open_terminal();
  current = c;
  if (c->in != NULL) {
    open_history(c, history);
    open_readline(c, loop, prompt);
  } else if (line_source_open(loop, "-", &SOURCE, c, &c->source) != 0) {
    free(c);
    return NULL;
  }
  return c;
}

bool console_has_prompt(const struct console *c) {
  return c->in != NULL;
}

void console_resume(struct console *c) {
  if (c->source != NULL)
    line_source_resume(c->source);
}

static void on_closed(uv_handle_t *handle) {
  struct console *c = handle->data;
  if (--c->handles > 0)
    return;
  fclose(c->in);
  free(c->history);
  free(c);
}

static void close_readline(struct console *c) {
  if (!c->is_at_end) {
    bool is_shown = c->state == CONSOLE_SHOWN;
    rl_callback_handler_remove();
    if (is_shown)
      fputc('\n', rl_outstream);
  }
  fflush(rl_outstream);
  keep_history(c);
  rl_clear_history();
  c->state = CONSOLE_CLOSED;
  uv_close((uv_handle_t *)&c->poll, on_closed);
  uv_close((uv_handle_t *)&c->prepare, on_closed);
  uv_close((uv_handle_t *)&c->winch, on_closed);
  uv_close((uv_handle_t *)&c->tstp, on_closed);
  uv_close((uv_handle_t *)&c->cont, on_closed);
}

void console_close(struct console *c) {
  if (c == NULL)
    return;
  current = NULL;
  if (c->in != NULL) {
    close_readline(c);
  } else {
    line_source_close(c->source);
    free(c);
  }
}
