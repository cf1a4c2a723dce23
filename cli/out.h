/*
 * out: data on stdout, flushed piece by piece. The first failure is kept: EPIPE ends the command
 * quietly (141), anything else is an input or output error (74).
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <councilws/error.h>
#include <stdbool.h>
#include <stddef.h>

void out_write(const char *bytes, size_t len);
void out_printf(const char *fmt, ...) CWS_PRINTF(1, 2);
/* Writes a string with control bytes made visible (\n as "\n", others as "\xNN"), so that data can
 * never drive the terminal. At most max_chars characters (0: all), then "…". */
void out_escaped(const char *s, size_t max_chars);
/* Writes a line as cli/picture/line.h builds it: safe text, and inks, which become colours where
 * there is colour. */
void out_inked(const char *line);
/* Title and rows, each a line, cut to the terminal's width where there is one. */
struct table;
void out_table(const struct table *t);
/* Something could not be written for want of memory: out_flush will say so. */
void out_fail(void);
/* Pushes it out. 0, or the exit code with which the command must end now. */
int out_flush(void);

/* Colour on stdout: from --color, NO_COLOR, TERM and whether stdout is a terminal. */
enum out_color { OUT_COLOR_AUTO, OUT_COLOR_ALWAYS, OUT_COLOR_NEVER };
void out_set_color(enum out_color when);
enum out_style { OUT_PLAIN, OUT_BOLD, OUT_DIM, OUT_RED, OUT_GREEN, OUT_YELLOW, OUT_BLUE };
void out_style(enum out_style style); /* nothing where there is no colour */

#endif
