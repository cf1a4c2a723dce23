/* tree: which subtasks are shown, in which order, and what their branches add up to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <stdio.h>

#include "cli/picture/tree.h"
#include "support.h"

static void add(struct run *r, const char *id, const char *parent, const char *status) {
  char json[256], above[80] = "";
  if (parent != NULL)
    snprintf(above, sizeof above, ",\"parentId\":\"%s\"", parent);
  snprintf(json, sizeof json,
           "{\"type\":\"x\",\"data\":{\"subtaskId\":\"%s\",\"status\":\"%s\",\"cost\":1,"
           "\"tokens\":10%s}}",
           id, status, above);
  feed_run(r, 0, json);
}

/* The rows as "id id>child …", a '>' for each level. */
static char *rows(const struct run *r, size_t max_rows, size_t *hidden) {
  struct tree t;
  static char out[4096];
  size_t len = 0;
  out[0] = '\0';
  assert_int_equal(tree_init(&t, r, max_rows), 0);
  for (size_t i = 0; i < t.count; i++)
    len += (size_t)snprintf(out + len, sizeof out - len, "%s%.*s%s", i > 0 ? " " : "",
                            t.rows[i].depth, ">>>>>>>>", r->nodes[t.rows[i].node].id);
  if (hidden != NULL)
    *hidden = t.hidden_count;
  tree_finish(&t);
  return out;
}

static void children_stand_below_their_parents_in_the_order_they_came(void **state) {
  (void)state;
  struct run *r = run_new("r");
  add(r, "a", NULL, "running");
  add(r, "b", NULL, "running");
  add(r, "a1", "a", "running");
  add(r, "b1", "b", "running");
  add(r, "a2", "a", "running");
  add(r, "a1x", "a1", "running");
  assert_string_equal(rows(r, 100, NULL), "a >a1 >>a1x >a2 b >b1");
  run_free(r);
}

static void a_branch_adds_up_what_is_below(void **state) {
  (void)state;
  struct run *r = run_new("r");
  add(r, "a", NULL, "running");
  add(r, "a1", "a", "completed");
  add(r, "a2", "a", "failed");
  add(r, "a1x", "a1", "completed");
  struct tree t;
  assert_int_equal(tree_init(&t, r, 100), 0);
  assert_int_equal(t.rows[0].parts, 3);
  assert_int_equal(t.rows[0].done, 2);
  assert_true(t.rows[0].cost == 4);
  assert_int_equal(t.rows[0].tokens, 40);
  tree_finish(&t);
  run_free(r);
}

static void those_that_run_come_first_then_failed_then_the_latest(void **state) {
  (void)state;
  struct run *r = run_new("r");
  size_t hidden;
  add(r, "p", NULL, "pending");
  add(r, "d1", NULL, "completed");
  add(r, "f", NULL, "failed");
  add(r, "d2", NULL, "completed");
  add(r, "r", NULL, "running");
  assert_string_equal(rows(r, 5, &hidden), "p d1 f d2 r");
  assert_int_equal(hidden, 0);
  assert_string_equal(rows(r, 4, &hidden), "f d2 r");
  assert_int_equal(hidden, 2);
  assert_string_equal(rows(r, 2, &hidden), "r");
  assert_string_equal(rows(r, 1, &hidden), "");
  assert_int_equal(hidden, 5);
  run_free(r);
}

static void what_is_chosen_brings_its_parents_while_there_is_room(void **state) {
  (void)state;
  struct run *r = run_new("r");
  add(r, "1", NULL, "completed");
  add(r, "x", NULL, "completed");
  add(r, "2", "1", "completed");
  add(r, "3", "2", "completed");
  add(r, "4", "3", "running");
  assert_string_equal(rows(r, 5, NULL), "1 >2 >>3 >>>4 x");
  add(r, "y", NULL, "completed");
  assert_string_equal(rows(r, 5, NULL), "1 >2 >>3 >>>4");
  assert_string_equal(rows(r, 3, NULL), "4 y");
  run_free(r);
}

static void what_is_hidden_is_counted_by_state(void **state) {
  (void)state;
  struct run *r = run_new("r");
  struct tree t;
  for (int i = 0; i < 1200; i++) {
    char id[16];
    snprintf(id, sizeof id, "s%d", i);
    add(r, id, NULL, i % 2 ? "completed" : "pending");
  }
  assert_int_equal(tree_init(&t, r, 11), 0);
  assert_int_equal(t.count, 10);
  assert_int_equal(t.hidden_count, 1190);
  tree_finish(&t);
  run_free(r);
}

static void a_tree_two_thousand_deep_is_no_trouble(void **state) {
  (void)state;
  struct run *r = run_new("r");
  char id[16], parent[16];
  add(r, "n0", NULL, "running");
  for (int i = 1; i < RUN_NODES_MAX; i++) {
    snprintf(id, sizeof id, "n%d", i);
    snprintf(parent, sizeof parent, "n%d", i - 1);
    add(r, id, parent, "running");
  }
  struct tree t;
  assert_int_equal(tree_init(&t, r, 20), 0);
  assert_int_equal(t.count, 19);
  tree_finish(&t);
  run_free(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(children_stand_below_their_parents_in_the_order_they_came),
      cmocka_unit_test(a_branch_adds_up_what_is_below),
      cmocka_unit_test(those_that_run_come_first_then_failed_then_the_latest),
      cmocka_unit_test(what_is_chosen_brings_its_parents_while_there_is_room),
      cmocka_unit_test(what_is_hidden_is_counted_by_state),
      cmocka_unit_test(a_tree_two_thousand_deep_is_no_trouble),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
