/*
 * summary: each file in tests/data/summary/valid is a run, an event a line, with lines between them
 * that say what is to be known by then: "expect" (these members have these values; of "subtasks",
 * these) or "expect_text" (this stands in the text). Every state on the way is written down and
 * read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/summary/subtasks.h"
#include "server/hub/summary_json.h"
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 600 };

static void each_file(const char *kind, void (*fn)(const char *path), int at_least) {
  char folder[PATH_BYTES / 2], path[PATH_BYTES];
  struct dirent *entry;
  int n = 0;
  snprintf(folder, sizeof folder, "%s/summary/%s", getenv("CWS_TEST_DATA"), kind);
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  while ((entry = readdir(dir))) {
    if (entry->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    fn(path);
    n++;
  }
  closedir(dir);
  assert_true(n >= at_least);
}

static char *summary_text(const struct summary *s) {
  struct buf b;
  buf_init(&b);
  buf_add_char(&b, '{');
  summary_append_members(s, &b);
  buf_add_char(&b, ',');
  summary_append_subtasks(s, &b);
  buf_add_char(&b, '}');
  return buf_take(&b, NULL);
}

static struct summary *through_state(struct summary *s) {
  struct buf b;
  buf_init(&b);
  summary_append_state(s, &b);
  struct summary *copy = summary_from_json(b.data);
  if (!copy)
    fail_msg("cannot be read again: %s", b.data);
  char *before = summary_text(s), *after = summary_text(copy);
  assert_string_equal(before, after);
  assert_int_equal(summary_message_id(s), summary_message_id(copy));
  free(before);
  free(after);
  buf_finish(&b);
  summary_free(s);
  return copy;
}

static bool is_close(const json_t *a, const json_t *b) {
  double d = json_number_value(a) - json_number_value(b);
  return json_is_number(a) && json_is_number(b) && d < 1e-9 && d > -1e-9;
}

/* Every member of `wanted` is in `got` with that value; arrays and what is in them must match
 * whole. */
static bool matches(json_t *got, json_t *wanted) {
  const char *name;
  json_t *value;
  if (!json_is_object(wanted))
    return is_close(got, wanted) || json_equal(got, wanted);
  json_object_foreach(wanted, name, value) {
    json_t *found = json_object_get(got, name);
    if (!found || !matches(found, value))
      return false;
  }
  return true;
}

static void check_line(const struct summary *s, json_t *line, const char *path, int number) {
  char *text = summary_text(s);
  json_t *got = json_loads(text, 0, NULL);
  json_t *wanted = json_object_get(line, "expect");
  const char *part = json_string_value(json_object_get(line, "expect_text"));
  if (!got || (wanted && !matches(got, wanted)) || (part && !strstr(text, part)))
    fail_msg("%s:%d: it is %s", path, number, text);
  json_decref(got);
  free(text);
}

static void fold_line(struct summary *s, json_t *line, int64_t id) {
  const char *type = json_string_value(json_object_get(line, "type"));
  struct facts *f = facts_new(type, json_object_get(line, "data"));
  assert_non_null(f);
  summary_fold(s, f, id);
  summary_fold(s, f, id); /* a second time it must not count */
  facts_free(f);
}

static void play(const char *path) {
  char text[4096];
  int number = 0, id = 0;
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  struct summary *s = summary_new();
  while (fgets(text, sizeof text, file)) {
    json_t *line = json_loads(text, 0, NULL);
    if (!line)
      fail_msg("%s:%d: no JSON", path, number + 1);
    number++;
    if (json_object_get(line, "type"))
      fold_line(s, line, ++id);
    else
      check_line(s, line, path, number);
    json_decref(line);
    s = through_state(s);
  }
  assert_int_equal(summary_message_id(s), id);
  summary_free(s);
  fclose(file);
}

static void runs_are_summed_up_by_the_rules(void **state) {
  (void)state;
  each_file("valid", play, 15);
}

static void refuse(const char *path) {
  char text[4096];
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  struct summary *s = summary_from_json(text);
  if (s)
    fail_msg("%s: was read", path);
}

static void a_state_that_cannot_be_right_is_not_read(void **state) {
  (void)state;
  each_file("invalid", refuse, 12);
}

static void fold_text(struct summary *s, const char *type, const char *data, int64_t id) {
  json_t *json = json_loads(data, JSON_DECODE_ANY, NULL);
  struct facts *f = facts_new(type, json);
  summary_fold(s, f, id);
  facts_free(f);
  json_decref(json);
}

static json_t *subtasks_of(const struct summary *s) {
  char *text = summary_text(s);
  json_t *got = json_loads(text, 0, NULL);
  json_t *subtasks = json_incref(json_object_get(got, "subtasks"));
  json_decref(got);
  free(text);
  return subtasks;
}

static void a_thousand_subtasks_are_tracked_and_more_are_counted(void **state) {
  (void)state;
  struct summary *s = summary_new();
  char data[64];
  int64_t id = 0;
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < SUBTASKS_TRACKED_MAX + 200; i++) {
      snprintf(data, sizeof data, "{\"subtaskId\":\"t%d\",\"status\":\"done\"}", i);
      fold_text(s, "execution_progress", data, ++id);
    }
    s = through_state(s);
  }
  json_t *subtasks = subtasks_of(s);
  assert_int_equal(json_integer_value(json_object_get(subtasks, "total")),
                   SUBTASKS_TRACKED_MAX + 200);
  assert_int_equal(json_integer_value(json_object_get(subtasks, "done")), SUBTASKS_TRACKED_MAX);
  assert_int_equal(json_array_size(json_object_get(subtasks, "items")), SUBTASKS_TRACKED_MAX);
  json_decref(subtasks);
  summary_free(s);
}

static void a_long_name_is_cut_between_characters(void **state) {
  (void)state;
  struct summary *s = summary_new();
  char data[512] = "{\"subtaskId\":\"x";
  for (int i = 0; i < 100; i++)
    strcat(data, "é");
  strcat(data, "\"}");
  fold_text(s, "log", data, 1);
  fold_text(s, "log", data, 2);
  json_t *subtasks = subtasks_of(s);
  json_t *items = json_object_get(subtasks, "items");
  assert_int_equal(json_array_size(items), 1);
  json_t *name = json_object_get(json_array_get(items, 0), "id");
  assert_int_equal(json_string_length(name), 127); /* x and 63 of two bytes */
  json_decref(subtasks);
  summary_free(s);
}

static void a_reset_summary_is_as_new(void **state) {
  (void)state;
  struct summary *s = summary_new(), *fresh = summary_new();
  fold_text(s, "final_response", "{\"totalCost\":3,\"subtaskId\":\"a\"}", 1);
  assert_int_equal(summary_status(s), SUMMARY_COMPLETED);
  summary_reset(s);
  char *a = summary_text(s), *b = summary_text(fresh);
  assert_string_equal(a, b);
  assert_int_equal(summary_message_id(s), 0);
  free(a);
  free(b);
  summary_free(s);
  summary_free(fresh);
}

static void statuses_have_names(void **state) {
  (void)state;
  enum summary_status status;
  for (int i = SUMMARY_PENDING; i <= SUMMARY_FAILED; i++) {
    assert_true(summary_status_from_name(summary_status_name((enum summary_status)i), &status));
    assert_int_equal(status, i);
  }
  assert_false(summary_status_from_name("done", &status));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_are_summed_up_by_the_rules),
      cmocka_unit_test(a_state_that_cannot_be_right_is_not_read),
      cmocka_unit_test(a_thousand_subtasks_are_tracked_and_more_are_counted),
      cmocka_unit_test(a_long_name_is_cut_between_characters),
      cmocka_unit_test(a_reset_summary_is_as_new),
      cmocka_unit_test(statuses_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
