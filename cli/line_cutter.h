/*
 * line_cutter: bytes as they come, cut into lines; a line that is too long to wait for is given out
 * in pieces, none of which ends within a UTF-8 character. How the bytes arrive makes no difference.
 */
#ifndef CLI_LINE_CUTTER_H
#define CLI_LINE_CUTTER_H

#include <stdbool.h>
#include <stddef.h>

/* A line without its newline, or a piece of a long one (`continues`: more of it comes). A NUL
 * stands behind it. */
typedef void line_cutter_fn(const char *line, size_t len, bool continues, void *user);

struct line_cutter {
  char *bytes; /* of the line that is not whole yet */
  size_t len, max;
  line_cutter_fn *on_line;
  void *user;
};

/* `max`, at least 4: bytes of a piece. 0 or errno. */
int line_cutter_init(struct line_cutter *c, size_t max, line_cutter_fn *on_line, void *user);
void line_cutter_finish(struct line_cutter *c);
void line_cutter_take(struct line_cutter *c, const char *bytes, size_t len);
/* Nothing more comes: what is left is a line, too. */
void line_cutter_end(struct line_cutter *c);

/* How many of `len` bytes, at most `max`, can be taken without cutting a UTF-8 character. */
size_t line_cutter_fit(const char *bytes, size_t len, size_t max);

#endif
