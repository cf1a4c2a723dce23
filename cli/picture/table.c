/* table: see table.h. */
#include "cli/picture/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2
#define FLEXIBLE_MIN 8

void table_init(struct table *t, const struct table_column *columns, size_t count) {
  *t = (struct table){.columns = columns, .column_count = count};
}

void table_finish(struct table *t) {
  for (size_t i = 0; i < t->count; i++)
    free(t->cells[i]);
  free(t->cells);
  *t = (struct table){0};
}

void table_cell(struct table *t, enum ink ink, const char *text) {
  if (t->count == t->cap) {
    size_t cap = t->cap > 0 ? t->cap * 2 : 64;
    char **cells = realloc(t->cells, cap * sizeof *cells);
    if (cells == NULL) {
      t->failed = true;
      return;
    }
    t->cells = cells;
    t->cap = cap;
  }
  struct line l;
  line_init(&l, 0);
  line_ink(&l, ink);
  line_chars(&l, text, strlen(text), 0);
  line_ink(&l, INK_PLAIN);
  if (l.failed) {
    t->failed = true;
    line_finish(&l);
    return;
  }
  t->cells[t->count++] = l.bytes;
}

void table_cellf(struct table *t, enum ink ink, const char *fmt, ...) {
  char text[256];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  table_cell(t, ink, text);
}

size_t table_rows(const struct table *t) {
  return t->failed ? 0 : t->count / t->column_count;
}

/* The widest of those that may give way, or NULL. */
static int *widest_flexible(const struct table *t, int cells[TABLE_COLUMNS]) {
  int *widest = NULL;
  for (size_t c = 0; c < t->column_count; c++) {
    if (t->columns[c].is_flexible && cells[c] > FLEXIBLE_MIN &&
        (widest == NULL || cells[c] > *widest))
      widest = &cells[c];
  }
  return widest;
}

static void measure(const struct table *t, int width, int cells[TABLE_COLUMNS]) {
  int all = 0, *widest;
  for (size_t c = 0; c < t->column_count; c++) {
    cells[c] = line_cells(t->columns[c].title);
    for (size_t row = 0; row < table_rows(t); row++) {
      int n = line_cells(t->cells[row * t->column_count + c]);
      cells[c] = n > cells[c] ? n : cells[c];
    }
    all += cells[c] + (c > 0 ? GAP : 0);
  }
  for (; width > 0 && all > width && (widest = widest_flexible(t, cells)) != NULL; all--)
    --*widest;
}

void table_line(const struct table *t, size_t row, int width, struct line *out) {
  int cells[TABLE_COLUMNS];
  measure(t, width, cells);
  line_init(out, width);
  if (row == 0)
    line_ink(out, INK_DIM);
  for (size_t c = 0, from = 0; c < t->column_count; from += (size_t)cells[c++] + GAP) {
    struct line cell;
    line_init(&cell, cells[c]);
    line_add(&cell, row == 0 ? t->columns[c].title : t->cells[(row - 1) * t->column_count + c]);
    out->failed = out->failed || cell.failed;
    if (t->columns[c].is_right)
      from += (size_t)(cells[c] - cell.cells);
    if (cell.cells > 0)
      line_pad(out, (int)from);
    if (cell.bytes != NULL)
      line_add(out, cell.bytes);
    if (t->columns[c].is_right)
      from -= (size_t)(cells[c] - cell.cells);
    line_finish(&cell);
  }
  line_ink(out, INK_PLAIN);
}
