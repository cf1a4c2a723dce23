/*
 * tree: the subtasks of a run as rows in the order of the tree. Where there are more than fit,
 * those that run or failed are taken, then the latest, with the parents above them as far as there
 * is room; the rest is counted.
 */
#ifndef CLI_PICTURE_TREE_H
#define CLI_PICTURE_TREE_H

#include "cli/picture/run.h"

struct tree_row {
  size_t node;
  int depth;          /* among the rows that are shown */
  size_t parts, done; /* below it */
  double cost;        /* of it and of what is below */
  int64_t tokens;
  int64_t first_ms, last_ms;
};

struct tree {
  struct tree_row *rows;
  size_t count;
  size_t hidden[SUBTASK_STATES]; /* that found no place */
  size_t hidden_count;
};

/* At most max_rows, a line for the hidden ones among them. -1 when memory is out. */
int tree_init(struct tree *t, const struct run *r, size_t max_rows);
void tree_finish(struct tree *t);
/* How many rows it would take to show everything. */
size_t tree_size(const struct run *r);

#endif
