/*
 * line_source: lines from a file, a pipe or a terminal, as they come, on a uv loop; paused while
 * whoever takes them is busy. The last line may lack its newline.
 */
#ifndef CLI_LINE_SOURCE_H
#define CLI_LINE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct line_source;

struct line_source_handlers {
  /* One line without its newline; `number` counts from 1. False: pause after it, until
   * line_source_resume. */
  bool (*on_line)(const char *line, size_t len, unsigned long number, void *user);
  /* The end (failed 0) or an errno value. Last call. */
  void (*on_end)(int failed, void *user);
};

/* "-" is standard input. 0 or errno; nothing is called before the loop runs. */
int line_source_open(uv_loop_t *loop, const char *path, const struct line_source_handlers *handlers,
                     void *user, struct line_source **out);
/* The same; says what failed, and returns 0 or the exit code. */
int line_source_start(uv_loop_t *loop, const char *path,
                      const struct line_source_handlers *handlers, void *user,
                      struct line_source **out);
void line_source_resume(struct line_source *s);
/* Ends without on_end, and frees as the loop turns. NULL is fine. */
void line_source_close(struct line_source *s);

#endif
