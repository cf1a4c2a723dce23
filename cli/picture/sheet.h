/* sheet: what the files of the layout share: where lines go, the marks, numbers as people read
 * them. */
#ifndef CLI_PICTURE_SHEET_H
#define CLI_PICTURE_SHEET_H

#include "cli/picture/layout.h"

struct marks {
  const char *state[SUBTASK_STATES];   /* one cell each */
  const char *fork, *last, *bar, *gap; /* the tree's arms, three cells each */
  const char *full, *empty;            /* of a progress bar */
  const char *arrow, *chosen, *rule, *cut;
};

struct sheet {
  const struct picture *picture;
  const struct layout_view *view;
  const struct marks *marks;
  struct frame *frame;
};

#define NUMBER_BUF 24

const struct marks *sheet_marks(bool is_ascii);
enum ink sheet_state_ink(enum subtask_state state);
enum ink sheet_status_ink(enum summary_status status);
/* A line of this sheet's width; sheet_end takes it. */
void sheet_begin(const struct sheet *s, struct line *l);
void sheet_end(const struct sheet *s, struct line *l);
/* A line that was built before; takes it. */
void sheet_take(const struct sheet *s, char *text);
void sheet_blank(const struct sheet *s);

/* "2:13", "1:02:13", "4d 05h" */
const char *sheet_clock(int64_t ms, char out[NUMBER_BUF]);
/* "2.1s", "45s", "2m13s", "1h02m", "4d05h": at most six cells. */
const char *sheet_span(double seconds, char out[NUMBER_BUF]);
const char *sheet_cost(double cost, char out[NUMBER_BUF]);      /* at most eight cells */
const char *sheet_tokens(int64_t tokens, char out[NUMBER_BUF]); /* at most six cells */
void sheet_bar(const struct sheet *s, struct line *l, double percent, int cells);

/* The parts, each in its file. */
void layout_head(const struct sheet *s, const struct run *r); /* three lines */
void layout_tree(const struct sheet *s, const struct run *r, size_t max_rows);
/* The latest lines of one run (RUN_NONE: of all), newest last. */
void layout_recent(const struct sheet *s, size_t run, size_t max_rows);
size_t layout_recent_count(const struct picture *p, size_t run);
void layout_response(const struct sheet *s, const struct run *r, size_t max_rows);
void layout_list(const struct sheet *s, size_t max_rows); /* a line for each run */

#endif
