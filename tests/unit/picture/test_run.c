/* run: what events leave behind beside the summary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture/run.h"
#include "support.h"

static const struct run_node *node(const struct run *r, const char *id) {
  for (size_t i = 0; i < r->count; i++) {
    if (strcmp(r->nodes[i].id, id) == 0)
      return &r->nodes[i];
  }
  fail_msg("no node '%s'", id);
  return NULL;
}

static void subtasks_of_any_type_of_event_are_nodes(void **state) {
  (void)state;
  struct run *r = run_new("r");
  feed_run(r, 0,
           "{\"type\":\"weird\",\"data\":{\"subtaskId\":\"s\",\"confidence\":0.5,"
           "\"executionTime\":2.5,\"cost\":0.25,\"tokens\":7,\"message\":\"m\"}}");
  const struct run_node *n = node(r, "s");
  assert_true(n->confidence == 0.5);
  assert_true(n->seconds == 2.5);
  assert_string_equal(n->message, "m");
  const struct subtask *item = run_subtask(r, 0);
  assert_true(item->cost == 0.25);
  assert_int_equal(item->tokens, 7);
  run_free(r);
}

static void a_parent_that_is_only_named_is_a_node_without_a_subtask(void **state) {
  (void)state;
  struct run *r = run_new("r");
  feed_run(r, 0, "{\"type\":\"x\",\"data\":{\"subtaskId\":\"child\",\"parentId\":\"top\"}}");
  assert_int_equal(node(r, "child")->parent, (size_t)(node(r, "top") - r->nodes));
  assert_null(run_subtask(r, (size_t)(node(r, "top") - r->nodes)));
  assert_int_equal(r->summary->subtasks.count, 1);
  feed_run(r, 0, "{\"type\":\"x\",\"data\":{\"subtaskId\":\"top\",\"status\":\"running\"}}");
  assert_int_equal(run_subtask(r, (size_t)(node(r, "top") - r->nodes))->state, SUBTASK_RUNNING);
  run_free(r);
}

static void parents_in_a_ring_are_not_believed(void **state) {
  (void)state;
  struct run *r = run_new("r");
  feed_run(r, 0, "{\"type\":\"x\",\"data\":{\"subtaskId\":\"a\",\"parentId\":\"b\"}}");
  feed_run(r, 0, "{\"type\":\"x\",\"data\":{\"subtaskId\":\"b\",\"parentId\":\"c\"}}");
  feed_run(r, 0, "{\"type\":\"x\",\"data\":{\"subtaskId\":\"c\",\"parentId\":\"a\"}}");
  feed_run(r, 0, "{\"type\":\"x\",\"data\":{\"subtaskId\":\"c\",\"parentId\":\"c\"}}");
  assert_int_equal(node(r, "c")->parent, RUN_NONE);
  run_free(r);
}

static void listed_subtasks_have_their_parents_too(void **state) {
  (void)state;
  struct run *r = run_new("r");
  feed_run(r, 0,
           "{\"type\":\"decomposition_complete\",\"data\":{\"subtasks\":[{\"id\":1},"
           "{\"id\":2,\"parentId\":1},{\"nothing\":0},{\"id\":\"3\",\"parent_id\":\"2\"}]}}");
  assert_int_equal(r->count, 3);
  assert_int_equal(node(r, "2")->parent, 0);
  assert_int_equal(node(r, "3")->parent, 1);
  run_free(r);
}

static void the_nodes_are_bounded(void **state) {
  (void)state;
  struct run *r = run_new("r");
  for (int i = 0; i < RUN_NODES_MAX + 100; i++) {
    char json[100];
    snprintf(json, sizeof json, "{\"type\":\"x\",\"data\":{\"subtaskId\":\"s%d\"}}", i);
    feed_run(r, 0, json);
  }
  assert_int_equal(r->count, SUBTASKS_TRACKED_MAX);
  assert_int_equal(r->summary->subtasks.count, RUN_NODES_MAX + 100);
  for (int i = 0; i < RUN_NODES_MAX; i++) {
    char json[100];
    snprintf(json, sizeof json,
             "{\"type\":\"x\",\"data\":{\"subtaskId\":\"s1\",\"parentId\":\"p%d\"}}", i);
    feed_run(r, 0, json);
  }
  assert_int_equal(r->count, RUN_NODES_MAX);
  run_free(r);
}

static void an_event_that_comes_again_counts_once(void **state) {
  (void)state;
  struct run *r = run_new("r");
  const char *json = "{\"type\":\"x\",\"data\":{\"subtaskId\":\"s\",\"cost\":1}}";
  feed_run(r, 5, json);
  feed_run(r, 5, json);
  feed_run(r, 4, json);
  assert_true(r->summary->cost == 1);
  assert_true(run_subtask(r, 0)->cost == 1);
  run_free(r);
}

static void another_run_begins_with_an_empty_tree(void **state) {
  (void)state;
  struct run *r = run_new("r");
  feed_run(r, 0, "{\"type\":\"x\",\"data\":{\"subtaskId\":\"old\"}}");
  feed_run(r, 0, "{\"type\":\"final_response\",\"data\":{\"content\":\"done\"}}");
  assert_true(run_has_ended(r));
  assert_string_equal(r->response, "done");
  feed_run(r, 0, "{\"type\":\"analysis_started\",\"data\":{}}");
  assert_false(run_has_ended(r));
  assert_int_equal(r->count, 0);
  assert_null(r->response);
  run_free(r);
}

static void the_response_is_words_or_what_else_there_is(void **state) {
  (void)state;
  static const char *const CASES[][2] = {
      {"{\"success\":true,\"response\":\"a\\tb\\u0000c\"}", "a b c"},
      {"\"only text\"", "only text"},
      {"{\"success\":true,\"totalCost\":1,\"files\":3,\"names\":[\"a\"]}",
       "files: 3\nnames: [\"a\"]"},
      {"{\"success\":true}", NULL},
      {"null", NULL},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    char json[200];
    struct run *r = run_new("r");
    snprintf(json, sizeof json, "{\"type\":\"final_response\",\"data\":%s}", CASES[i][0]);
    feed_run(r, 0, json);
    if (CASES[i][1] == NULL)
      assert_null(r->response);
    else
      assert_string_equal(r->response, CASES[i][1]);
    run_free(r);
  }
}

static void time_goes_on_while_a_run_does(void **state) {
  (void)state;
  struct run *r = run_new("r");
  assert_int_equal(run_elapsed_ms(r, NOW_MS), 0);
  feed_run(r, 0, "{\"type\":\"x\",\"timestamp\":\"2026-03-02T09:00:00Z\",\"data\":{}}");
  feed_run(r, 0, "{\"type\":\"x\",\"timestamp\":\"2026-03-02T09:00:10Z\",\"data\":{}}");
  assert_int_equal(run_elapsed_ms(r, NOW_MS + 2000), 12000); /* of old: since it was heard */
  int64_t last_ms = r->last_ms;
  assert_int_equal(run_elapsed_ms(r, last_ms + 60000), 70000); /* of today: since it was said */
  feed_run(r, 0,
           "{\"type\":\"final_response\",\"timestamp\":\"2026-03-02T09:00:30Z\",\"data\":{}}");
  assert_int_equal(run_elapsed_ms(r, NOW_MS + 99000), 30000);
  run_free(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(subtasks_of_any_type_of_event_are_nodes),
      cmocka_unit_test(a_parent_that_is_only_named_is_a_node_without_a_subtask),
      cmocka_unit_test(parents_in_a_ring_are_not_believed),
      cmocka_unit_test(listed_subtasks_have_their_parents_too),
      cmocka_unit_test(the_nodes_are_bounded),
      cmocka_unit_test(an_event_that_comes_again_counts_once),
      cmocka_unit_test(another_run_begins_with_an_empty_tree),
      cmocka_unit_test(the_response_is_words_or_what_else_there_is),
      cmocka_unit_test(time_goes_on_while_a_run_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
