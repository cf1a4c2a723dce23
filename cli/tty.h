/*
 * tty: the terminal that a person sits at: its size, keys as they are pressed, being suspended and
 * resized. Modes are put back on every way out: close, exit, a fatal signal, ctrl-Z.
 */
#ifndef CLI_TTY_H
#define CLI_TTY_H

#include <stdbool.h>
#include <uv.h>

enum tty_key { /* others are the character itself */
               TTY_ENTER = '\r',
               TTY_ESCAPE = 0x1b,
               TTY_UP = 0x100,
               TTY_DOWN,
               TTY_RIGHT,
               TTY_LEFT,
               TTY_PAGE_UP,
               TTY_PAGE_DOWN,
               TTY_HOME,
               TTY_END,
};

struct tty;

struct tty_handlers { /* any may be NULL; none frees the tty */
  void (*on_key)(int key, void *user);
  void (*on_resize)(void *user);
  void (*on_suspend)(void *user); /* the last chance to leave the screen in order */
  void (*on_resume)(void *user);
};

/* Whether stdout and stderr are a terminal that can be drawn on, and it is this job's turn. */
bool tty_can_draw(void);
/* Whether somebody is likely to look: stdin is not /dev/null, as it is for what a script starts in
 * the background, whose output stands between that of others. */
bool tty_is_attended(void);
/* Whether keys can be read: stdin is a terminal, and it is this job's turn. */
bool tty_has_keys(void);
bool tty_is_output(void); /* stdout is a terminal, of whatever kind */
/* Columns and lines of stdout's terminal; 0 columns where it is none. */
void tty_size(int *columns, int *lines);

/* Keys are read only where there are any; then it keeps the loop going until it is closed. NULL
 * when memory is out. */
struct tty *tty_open(uv_loop_t *loop, const struct tty_handlers *handlers, void *user);
/* Frees as the loop turns; NULL is fine. */
void tty_close(struct tty *t);

/* From now on the cursor is shown again and lines wrap, however the process ends. */
void tty_guard_screen(bool is_drawn_on);

#endif
