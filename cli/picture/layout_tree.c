/* layout_tree: the subtasks as a table whose first column is a tree. The narrower the terminal the
 * fewer columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture/sheet.h"
#include "cli/picture/tree.h"

#define DEPTH_MAX 32 /* arms that are drawn; what is deeper stands at the last */
#define NAME_MIN 10
#define NAME_MAX 60
#define WORDS_MIN 20 /* room that is worth showing a message in */

enum column {
  COLUMN_STATE,
  COLUMN_WHO, /* the agent, else the model */
  COLUMN_MODEL,
  COLUMN_CONFIDENCE,
  COLUMN_COST,
  COLUMN_TOKENS,
  COLUMN_TIME
};
#define COLUMNS 7

static const struct {
  int cells, from_width; /* of the terminal */
  bool is_right;
} columns[COLUMNS] = {
    [COLUMN_STATE] = {7, 64, false},  [COLUMN_WHO] = {14, 72, false},
    [COLUMN_MODEL] = {14, 72, false}, [COLUMN_CONFIDENCE] = {4, 78, true},
    [COLUMN_COST] = {8, 46, true},    [COLUMN_TOKENS] = {6, 56, true},
    [COLUMN_TIME] = {6, 40, true},
};

struct table {
  const struct sheet *sheet;
  const struct run *run;
  int depth_max;
  int name_cells, who_cells, model_cells;
  bool has[COLUMNS]; /* something to show in any row */
};

/* ---- what stands in a column ---- */

static double seconds_of(const struct table *t, const struct tree_row *row) {
  const struct run_node *n = &t->run->nodes[row->node];
  const struct subtask *item = run_subtask(t->run, row->node);
  if (n->seconds >= 0)
    return n->seconds;
  if (row->first_ms == 0)
    return -1;
  int64_t ms = row->last_ms - row->first_ms;
  if (item != NULL && item->state == SUBTASK_RUNNING && !run_has_ended(t->run))
    ms = t->run->first_ms + run_elapsed_ms(t->run, t->sheet->view->now_ms) - row->first_ms;
  return ms > 0 ? (double)ms / 1000 : 0;
}

static void state_text(const struct subtask *item, char *out, size_t size) {
  if (item == NULL)
    out[0] = '\0';
  else if (item->state == SUBTASK_RUNNING && item->progress > 0)
    snprintf(out, size, "%.0f %%", item->progress);
  else
    snprintf(out, size, "%s", subtask_state_name(item->state));
}

/* Empty where nothing is known. `who` is given out by itself, it is data. */
static void column_text(const struct table *t, const struct tree_row *row, enum column column,
                        char out[NUMBER_BUF]) {
  const struct run_node *n = &t->run->nodes[row->node];
  double seconds;
  out[0] = '\0';
  switch (column) {
  case COLUMN_STATE:
    state_text(run_subtask(t->run, row->node), out, NUMBER_BUF);
    break;
  case COLUMN_CONFIDENCE:
    if (n->confidence >= 0 && n->confidence <= 1)
      snprintf(out, NUMBER_BUF, "%.2f", n->confidence);
    else if (n->confidence > 1 && n->confidence < 1000)
      snprintf(out, NUMBER_BUF, "%.0f%%", n->confidence);
    break;
  case COLUMN_COST:
    if (row->cost > 0)
      sheet_cost(row->cost, out);
    break;
  case COLUMN_TOKENS:
    if (row->tokens > 0)
      sheet_tokens(row->tokens, out);
    break;
  case COLUMN_TIME:
    seconds = seconds_of(t, row);
    if (seconds >= 0)
      sheet_span(seconds, out);
    break;
  case COLUMN_WHO:
  case COLUMN_MODEL:
    break;
  }
}

static const char *model_of(const struct table *t, const struct tree_row *row) {
  const struct subtask *item = run_subtask(t->run, row->node);
  return item != NULL && item->model != NULL ? item->model : "";
}

/* Where models have a column of their own, they are in no other. */
static const char *who_of(const struct table *t, const struct tree_row *row) {
  const struct subtask *item = run_subtask(t->run, row->node);
  if (item != NULL && item->agent != NULL)
    return item->agent;
  return t->has[COLUMN_MODEL] ? "" : model_of(t, row);
}

/* ---- widths ---- */

static int cells_of(const struct sheet *s, const char *data, int most) {
  struct line l;
  sheet_begin(s, &l);
  line_fit(&l, data, most);
  int cells = l.cells;
  line_finish(&l);
  return cells;
}

static int depth_shown(const struct table *t, const struct tree_row *row) {
  return row->depth < t->depth_max ? row->depth : t->depth_max;
}

static int column_cells(const struct table *t, enum column c) {
  return c == COLUMN_WHO ? t->who_cells : c == COLUMN_MODEL ? t->model_cells : columns[c].cells;
}

static bool is_shown(const struct table *t, enum column c) {
  return t->has[c] && t->sheet->view->width >= columns[c].from_width && column_cells(t, c) > 0;
}

static int columns_cells(const struct table *t) {
  int cells = 0;
  for (int c = 0; c < COLUMNS; c++)
    cells += is_shown(t, (enum column)c) ? column_cells(t, (enum column)c) + 2 : 0;
  return cells;
}

static void measure_row(struct table *t, const struct tree_row *row, int *name) {
  char text[NUMBER_BUF];
  for (int c = 0; c < COLUMNS; c++) {
    column_text(t, row, (enum column)c, text);
    t->has[c] = t->has[c] || text[0] != '\0';
  }
  int cells = 2 + 3 * depth_shown(t, row) + (row->parts > 0 ? 10 : 0);
  cells += cells_of(t->sheet, t->run->nodes[row->node].id, NAME_MAX);
  *name = cells > *name ? cells : *name;
}

typedef const char *who_fn(const struct table *t, const struct tree_row *row);

static int widest(const struct table *t, const struct tree *tree, who_fn *who) {
  int width = t->sheet->view->width, widest = 0;
  int most = width < 100 ? columns[COLUMN_WHO].cells : width / 6;
  for (size_t i = 0; i < tree->count; i++) {
    int cells = cells_of(t->sheet, who(t, &tree->rows[i]), most);
    widest = cells > widest ? cells : widest;
  }
  return widest;
}

static bool is_any_with_both(const struct table *t, const struct tree *tree) {
  for (size_t i = 0; i < tree->count; i++) {
    const struct subtask *item = run_subtask(t->run, tree->rows[i].node);
    if (item != NULL && item->agent != NULL && item->model != NULL)
      return true;
  }
  return false;
}

static int room_for_names(struct table *t, const struct tree *tree, bool has_models) {
  t->has[COLUMN_MODEL] = has_models;
  t->who_cells = widest(t, tree, who_of);
  t->model_cells = has_models ? widest(t, tree, model_of) : 0;
  t->has[COLUMN_WHO] = t->who_cells > 0;
  return t->sheet->view->width - columns_cells(t);
}

/* Agents and models have a column each where some subtask has both, and no name has to be cut for
 * it. */
static void measure(struct table *t, const struct tree *tree) {
  int name = NAME_MIN;
  for (size_t i = 0; i < tree->count; i++)
    measure_row(t, &tree->rows[i], &name);
  int room = is_any_with_both(t, tree) ? room_for_names(t, tree, true) : 0;
  if (room < name)
    room = room_for_names(t, tree, false);
  t->name_cells = name < room ? name : room;
}

/* ---- rows ---- */

/* For each row which of the arms left of it go on below: bit d for depth d. */
static uint64_t *arms_of(const struct table *t, const struct tree *tree) {
  uint64_t *arms = calloc(tree->count + 1, sizeof *arms);
  uint64_t open = 0;
  for (size_t i = tree->count; arms != NULL && i-- > 0;) {
    uint64_t bit = (uint64_t)1 << depth_shown(t, &tree->rows[i]);
    arms[i] = open;
    open = (open & (bit - 1)) | bit;
  }
  return arms;
}

/* One that is only named as a parent is as its parts are. */
static enum subtask_state state_shown(const struct table *t, const struct tree_row *row) {
  const struct subtask *item = run_subtask(t->run, row->node);
  if (item != NULL)
    return item->state;
  if (row->done == 0)
    return SUBTASK_PENDING;
  return row->done == row->parts ? SUBTASK_DONE : SUBTASK_RUNNING;
}

static void name_column(const struct table *t, struct line *l, const struct tree_row *row,
                        uint64_t arms) {
  enum subtask_state state = state_shown(t, row);
  const struct marks *m = t->sheet->marks;
  int depth = depth_shown(t, row);
  char parts[48] = "";
  if (row->parts > 0)
    snprintf(parts, sizeof parts, " (%zu/%zu)", row->done, row->parts);
  line_ink(l, INK_DIM);
  for (int d = 1; d <= depth; d++) {
    bool goes_on = (arms >> d & 1) != 0;
    if (d == depth)
      line_add(l, goes_on ? m->fork : m->last);
    else
      line_add(l, goes_on ? m->bar : m->gap);
  }
  line_ink(l, sheet_state_ink(state));
  line_addf(l, "%s ", m->state[state]);
  line_ink(l, INK_PLAIN);
  int room = t->name_cells - l->cells - (int)strlen(parts);
  line_fit(l, t->run->nodes[row->node].id, room > 1 ? room : 1);
  line_ink(l, INK_DIM);
  line_add(l, parts);
  line_ink(l, INK_PLAIN);
  line_pad(l, t->name_cells);
}

static void column(const struct table *t, struct line *l, const struct tree_row *row,
                   enum column c) {
  char text[NUMBER_BUF];
  int from = l->cells + 2, cells = column_cells(t, c);
  column_text(t, row, c, text);
  line_pad(l, columns[c].is_right ? from + cells - (int)strlen(text) : from);
  if (c == COLUMN_WHO || c == COLUMN_MODEL)
    line_fit(l, c == COLUMN_WHO ? who_of(t, row) : model_of(t, row), cells);
  else
    line_add(l, text);
  line_pad(l, from + cells);
}

static void words(const struct table *t, struct line *l, const struct tree_row *row) {
  const char *message = t->run->nodes[row->node].message;
  if (message == NULL || l->max - l->cells < WORDS_MIN)
    return;
  line_add(l, "  ");
  line_ink(l, INK_DIM);
  line_fit(l, message, l->max - l->cells);
}

static void row_line(const struct table *t, const struct tree_row *row, uint64_t arms) {
  struct line l;
  sheet_begin(t->sheet, &l);
  name_column(t, &l, row, arms);
  for (int c = 0; c < COLUMNS; c++) {
    if (is_shown(t, (enum column)c))
      column(t, &l, row, (enum column)c);
  }
  words(t, &l, row);
  sheet_end(t->sheet, &l);
}

struct window { /* of the rows of a tree */
  size_t from, count;
};

static void hidden_line(const struct sheet *s, const struct tree *tree) {
  struct line l;
  sheet_begin(s, &l);
  line_ink(&l, INK_DIM);
  line_addf(&l, "%s %zu more", s->marks->cut, tree->hidden_count);
  const char *before = ": ";
  for (int state = 0; state < SUBTASK_STATES; state++) {
    if (tree->hidden[state] == 0)
      continue;
    line_addf(&l, "%s%zu %s", before, tree->hidden[state],
              subtask_state_name((enum subtask_state)state));
    before = ", ";
  }
  if (s->view->has_keys && !s->view->is_last && s->view->width >= 60)
    line_add(&l, "; PgDn: scroll");
  sheet_end(s, &l);
}

/* Above and below what is shown. */
static void place_line(const struct sheet *s, size_t above, size_t below) {
  struct line l;
  sheet_begin(s, &l);
  line_ink(&l, INK_DIM);
  line_addf(&l, "%s %zu above, %zu below", s->marks->cut, above, below);
  if (s->view->width >= 72)
    line_add(&l, "; up, down, PgUp, PgDn: scroll; Esc: what runs first");
  sheet_end(s, &l);
}

static void rows(const struct sheet *s, const struct run *r, const struct tree *tree,
                 const struct window *w) {
  int depth_max = s->view->width / 10;
  struct table t = {
      .sheet = s, .run = r, .depth_max = depth_max < DEPTH_MAX ? depth_max : DEPTH_MAX};
  uint64_t *arms = arms_of(&t, tree);
  measure(&t, tree);
  if (arms == NULL)
    s->frame->failed = true;
  for (size_t i = w->from; arms != NULL && i < w->from + w->count; i++)
    row_line(&t, &tree->rows[i], arms[i]);
  free(arms);
}

/* Everything, of which the window shows a part. */
static void scrolled(const struct sheet *s, const struct run *r, size_t max_rows) {
  struct tree tree;
  if (tree_init(&tree, r, SIZE_MAX) != 0) {
    s->frame->failed = true;
    return;
  }
  struct window w = {.from = s->picture->scroll, .count = max_rows - 1};
  if (w.from + w.count > tree.count)
    w.from = tree.count > w.count ? tree.count - w.count : 0;
  if (w.from + w.count > tree.count)
    w.count = tree.count - w.from;
  rows(s, r, &tree, &w);
  place_line(s, w.from, tree.count - w.from - w.count + tree.hidden_count);
  tree_finish(&tree);
}

static void picked(const struct sheet *s, const struct run *r, size_t max_rows) {
  struct tree tree;
  if (tree_init(&tree, r, max_rows) != 0) {
    s->frame->failed = true;
    return;
  }
  rows(s, r, &tree, &(struct window){0, tree.count});
  if (tree.hidden_count > 0)
    hidden_line(s, &tree);
  tree_finish(&tree);
}

void layout_tree(const struct sheet *s, const struct run *r, size_t max_rows) {
  size_t size = tree_size(r);
  if (max_rows == 0 || size == 0)
    return;
  bool is_cut = size > max_rows && max_rows > 1;
  s->frame->scroll_max = is_cut ? size - (max_rows - 1) : 0;
  s->frame->scroll_page = max_rows - 1;
  if (is_cut && s->picture->is_scrolled && !s->view->is_last)
    scrolled(s, r, max_rows);
  else
    picked(s, r, max_rows);
}
