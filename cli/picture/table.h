/* table: rows of cells under titles, each column as wide as what stands in it; where all of it is
 * wider than the terminal, the flexible columns are cut, the widest first, then the lines. Pure. */
#ifndef CLI_PICTURE_TABLE_H
#define CLI_PICTURE_TABLE_H

#include "cli/picture/line.h"

#define TABLE_COLUMNS 8

struct table_column {
  const char *title;
  bool is_right, is_flexible;
};

struct table {
  const struct table_column *columns; /* borrowed */
  size_t column_count;
  char **cells; /* as line_add takes them, row by row */
  size_t count, cap;
  bool failed;
};

void table_init(struct table *t, const struct table_column *columns, size_t count);
void table_finish(struct table *t);
/* The next cell: data, escaped, in this ink. */
void table_cell(struct table *t, enum ink ink, const char *text);
void table_cellf(struct table *t, enum ink ink, const char *fmt, ...) CWS_PRINTF(3, 4);
size_t table_rows(const struct table *t);
/* Line `row` (0: the titles) at this width; 0: any. The line is to be finished by the caller. */
void table_line(const struct table *t, size_t row, int width, struct line *out);

#endif
