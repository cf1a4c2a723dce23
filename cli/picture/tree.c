/* tree: see tree.h. */
#include "cli/picture/tree.h"

#include <stdlib.h>

struct knot { /* what is worked out for each node */
  size_t first_child, last_child, next;
  struct tree_row row;
  enum subtask_state state;
  bool is_picked;
};

struct work {
  const struct run *run;
  struct knot *knots;
  size_t *order; /* the nodes in the order of the tree */
};

static enum subtask_state state_of(const struct run *r, size_t node) {
  const struct subtask *item = run_subtask(r, node);
  return item != NULL ? item->state : SUBTASK_PENDING;
}

static void link_children(struct work *w) {
  const struct run *r = w->run;
  for (size_t i = 0; i < r->count; i++)
    w->knots[i].first_child = w->knots[i].last_child = w->knots[i].next = RUN_NONE;
  for (size_t i = 0; i < r->count; i++) {
    size_t parent = r->nodes[i].parent;
    if (parent == RUN_NONE)
      continue;
    struct knot *p = &w->knots[parent];
    if (p->first_child == RUN_NONE)
      p->first_child = i;
    else
      w->knots[p->last_child].next = i;
    p->last_child = i;
  }
}

static size_t after(const struct work *w, size_t node, size_t root) {
  if (w->knots[node].first_child != RUN_NONE)
    return w->knots[node].first_child;
  while (node != root && w->knots[node].next == RUN_NONE)
    node = w->run->nodes[node].parent;
  return node == root ? RUN_NONE : w->knots[node].next;
}

static void put_in_order(struct work *w) {
  size_t n = 0;
  for (size_t root = 0; root < w->run->count; root++) {
    if (w->run->nodes[root].parent != RUN_NONE)
      continue;
    for (size_t i = root; i != RUN_NONE; i = after(w, i, root))
      w->order[n++] = i;
  }
}

static void own_sums(const struct run *r, size_t i, struct knot *k) {
  const struct subtask *item = run_subtask(r, i);
  k->state = state_of(r, i);
  k->row.node = i;
  k->row.cost = item != NULL ? item->cost : 0;
  k->row.tokens = item != NULL ? item->tokens : 0;
  k->row.first_ms = r->nodes[i].first_ms;
  k->row.last_ms = r->nodes[i].last_ms;
}

static void add_to_parent(struct tree_row *p, const struct knot *k) {
  p->parts += k->row.parts + 1;
  p->done += k->row.done + (k->state == SUBTASK_DONE ? 1 : 0);
  p->cost += k->row.cost;
  p->tokens += k->row.tokens;
  if (p->first_ms == 0 || (k->row.first_ms != 0 && k->row.first_ms < p->first_ms))
    p->first_ms = k->row.first_ms;
  if (k->row.last_ms > p->last_ms)
    p->last_ms = k->row.last_ms;
}

static void add_up(struct work *w) {
  const struct run *r = w->run;
  for (size_t i = 0; i < r->count; i++)
    own_sums(r, i, &w->knots[i]);
  for (size_t n = r->count; n-- > 0;) { /* children before their parents */
    size_t parent = r->nodes[w->order[n]].parent;
    if (parent != RUN_NONE)
      add_to_parent(&w->knots[parent].row, &w->knots[w->order[n]]);
  }
}

/* ---- picking ---- */

struct candidate {
  int rank;
  uint64_t touched;
  size_t node;
};

static int by_rank(const void *a, const void *b) {
  const struct candidate *x = a, *y = b;
  if (x->rank != y->rank)
    return x->rank - y->rank;
  if (x->touched != y->touched)
    return x->touched > y->touched ? -1 : 1;
  return x->node < y->node ? -1 : x->node > y->node;
}

static void pick(struct work *w, size_t node, size_t room, size_t *picked) {
  size_t missing = 0;
  for (size_t i = node; i != RUN_NONE; i = w->run->nodes[i].parent)
    missing += w->knots[i].is_picked ? 0 : 1;
  bool with_parents = *picked + missing <= room;
  for (size_t i = node; i != RUN_NONE && *picked < room; i = w->run->nodes[i].parent) {
    *picked += w->knots[i].is_picked ? 0 : 1;
    w->knots[i].is_picked = true;
    if (!with_parents)
      break;
  }
}

static int pick_some(struct work *w, size_t room) {
  static const int RANKS[SUBTASK_STATES] = {
      [SUBTASK_RUNNING] = 0, [SUBTASK_FAILED] = 1, [SUBTASK_DONE] = 2, [SUBTASK_PENDING] = 3};
  const struct run *r = w->run;
  struct candidate *list = calloc(r->count, sizeof *list);
  if (list == NULL)
    return -1;
  for (size_t i = 0; i < r->count; i++) {
    list[i] = (struct candidate){RANKS[w->knots[i].state], r->nodes[i].touched, i};
    if (w->knots[i].state == SUBTASK_PENDING)
      list[i].touched = 0; /* in their order */
  }
  qsort(list, r->count, sizeof *list, by_rank);
  size_t picked = 0;
  for (size_t i = 0; i < r->count && picked < room; i++) {
    if (!w->knots[list[i].node].is_picked)
      pick(w, list[i].node, room, &picked);
  }
  free(list);
  return 0;
}

/* ---- rows ---- */

static int depth_of(const struct work *w, size_t node) {
  int depth = 0;
  for (size_t up = w->run->nodes[node].parent; up != RUN_NONE; up = w->run->nodes[up].parent)
    depth += w->knots[up].is_picked ? 1 : 0;
  return depth;
}

static void take_rows(struct tree *t, const struct work *w) {
  for (size_t n = 0; n < w->run->count; n++) {
    struct knot *k = &w->knots[w->order[n]];
    if (k->is_picked) {
      k->row.depth = depth_of(w, w->order[n]);
      t->rows[t->count++] = k->row;
    } else {
      t->hidden[k->state]++;
      t->hidden_count++;
    }
  }
}

static int fill(struct tree *t, struct work *w, size_t max_rows) {
  size_t untracked = tree_size(w->run) - w->run->count;
  bool is_all = w->run->count + (untracked > 0 ? 1 : 0) <= max_rows;
  link_children(w);
  put_in_order(w);
  add_up(w);
  for (size_t i = 0; i < w->run->count; i++)
    w->knots[i].is_picked = is_all;
  if (!is_all && max_rows > 1 && pick_some(w, max_rows - 1) != 0)
    return -1;
  take_rows(t, w);
  t->hidden_count += untracked;
  return 0;
}

int tree_init(struct tree *t, const struct run *r, size_t max_rows) {
  *t = (struct tree){0};
  struct work w = {.run = r,
                   .knots = calloc(r->count + 1, sizeof *w.knots),
                   .order = calloc(r->count + 1, sizeof *w.order)};
  t->rows = calloc(r->count + 1, sizeof *t->rows);
  int rc = -1;
  if (w.knots != NULL && w.order != NULL && t->rows != NULL)
    rc = fill(t, &w, max_rows);
  free(w.knots);
  free(w.order);
  if (rc != 0)
    tree_finish(t);
  return rc;
}

void tree_finish(struct tree *t) {
  free(t->rows);
  *t = (struct tree){0};
}

size_t tree_size(const struct run *r) {
  size_t named = 0;
  for (size_t i = 0; i < r->count; i++)
    named += r->nodes[i].item == RUN_NONE ? 1 : 0;
  size_t all = r->summary->subtasks.count + named;
  return all > r->count ? all : r->count;
}
