/*
 * console: lines that a person types, with readline: edited, remembered, completed; or, where
 * standard input or output is no terminal, lines as they come, without a prompt. Who writes while a
 * line is being typed calls console_above first: the line is taken away and comes back below.
 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct console;
struct console_offers; /* words to choose from, while on_complete runs */

struct console_handlers {
  /* One line, not empty. False: no more until console_resume; where there is a prompt lines come in
   * any case. */
  bool (*on_line)(const char *line, void *user);
  void (*on_end)(void *user); /* no more lines; last call */
  /* Offers what may stand where line[start] begins, with console_offer. `line` ends at the cursor.
   * False: a file. */
  bool (*on_complete)(const char *line, size_t start, struct console_offers *to, void *user);
};

/* `history` is a path, kept with mode 0600, or NULL. NULL when memory is out. One at a time. */
struct console *console_open(uv_loop_t *loop, const char *prompt, const char *history,
                             const struct console_handlers *handlers, void *user);
bool console_has_prompt(const struct console *c);
void console_resume(struct console *c);
void console_above(struct console *c); /* NULL is fine */
void console_clear(struct console *c); /* what was typed is dropped, as after ctrl-C */
/* Copies the word if it begins with what was typed. */
void console_offer(struct console_offers *to, const char *word);
/* Leaves the terminal in order and keeps the history; frees as the loop turns. NULL is fine. */
void console_close(struct console *c);

#endif
