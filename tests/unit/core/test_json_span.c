/* json_span: the bytes of a member, found in texts that json_read takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/json_read.h"
#include "lib/core/json_span.h"
#include "tests/unit/core/cases.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* NULL wanted: there is no such member. */
static void check(const char *text, const char *name, const char *wanted) {
  size_t start = 0, len = 0, text_len = strlen(text);
  char *exact = malloc(text_len > 0 ? text_len : 1);
  memcpy(exact, text, text_len);
  bool is_there = json_span_member(exact, text_len, name, &start, &len);
  if (is_there != (wanted != NULL))
    fail_msg("%s of %s: %s", name, text, is_there ? "found" : "not found");
  if (is_there) {
    assert_true(start + len <= text_len);
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(exact + start, wanted, len);
  }
  free(exact);
}

static void a_value_comes_out_as_its_bytes_without_blanks_around(void **state) {
  (void)state;
  check("{\"a\":1,\"b\":2}", "a", "1");
  check("{\"a\":1,\"b\":2}", "b", "2");
  check(" {\t\"a\" :\r\n 0.0012 , \"b\":[ ] } ", "a", "0.0012");
  check(" {\t\"a\" :\r\n 0.0012 , \"b\":[ ] } ", "b", "[ ]");
  check("{\"a\":12345678901234567890}", "a", "12345678901234567890");
  check("{\"a\":{\"z\":1, \"a\":2}\n}", "a", "{\"z\":1, \"a\":2}");
  check("{\"a\":null,\"b\":true,\"c\":false}", "b", "true");
  check("{\"a\":\"\"}", "a", "\"\"");
}

static void brackets_and_quotes_in_strings_do_not_count(void **state) {
  (void)state;
  check("{\"x\":\"}],{[\\\"\",\"a\":[\"]\",\"\\\\\"]}", "a", "[\"]\",\"\\\\\"]");
  check("{\"x}\":1,\"a\":\"\\\\\",\"b\":2}", "b", "2");
  check("{\"x\\\"a\":1,\"a\":3}", "a", "3");
}

static void only_the_top_level_is_searched(void **state) {
  (void)state;
  check("{\"x\":{\"a\":1},\"y\":[{\"a\":2}],\"a\":3}", "a", "3");
  check("{\"x\":{\"a\":1}}", "a", NULL);
  check("{\"x\":\"a\"}", "a", NULL);
}

static void keys_are_compared_without_their_escapes(void **state) {
  (void)state;
  check("{\"\\u0064\\u0061ta\":1}", "data", "1");
  check("{\"d\\u0061TA\":1,\"data\":2}", "data", "2");
  check("{\"\\u006A\":1}", "j", "1");
  check("{\"a\\/b\":1}", "a/b", "1");
  check("{\"a\\nb\":1}", "a\nb", "1");
  check("{\"a\\\"b\":1}", "a\"b", "1");
  check("{\"data2\":1,\"dat\":2}", "data", NULL);
  check("{\"\\u0164\":1}", "d", NULL);
  check("{\"\\ud83d\\ude00\":1}", "=", NULL);
  check("{\"\":1}", "", "1");
}

static void no_name_matches_a_key_beyond_ascii(void **state) {
  (void)state;
  check("{\"\\u00e9\":1}", "\xc3\xa9", NULL);
  check("{\"\xc3\xa9\":1}", "\xc3\xa9", NULL);
  check("{\"\xc3\xa9\":1,\"data\":2}", "data", "2");
}

static void what_is_no_object_has_no_members(void **state) {
  (void)state;
  const char *texts[] = {"", "  ", "[]", "[{\"a\":1}]", "\"a\"", "1", "null", "{}", "{ }"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    check(texts[i], "a", NULL);
}

/* What it finds is what json_read finds there. */
static void compare_with_reader(const struct test_case *c) {
  struct cws_error err = {0};
  const char *key;
  json_t *member, *object = json_read(c->text, c->len, &err);
  json_object_foreach(object, key, member) {
    size_t start, len;
    assert_true(json_span_member(c->text, c->len, key, &start, &len));
    json_t *again = json_read(c->text + start, len, &err);
    if (!json_equal(member, again))
      fail_msg("%s: member %s is %.*s", c->path, key, (int)len, c->text + start);
    json_decref(again);
  }
  json_decref(object);
}

static void every_member_of_the_case_files_is_found(void **state) {
  (void)state;
  each_case("event/valid", "json", 20, compare_with_reader);
  each_case("hub_message/valid", "json", 10, compare_with_reader);
}

/* Nobody may call it with such texts, and still it stays inside them. */
static void stay_inside(const struct test_case *c) {
  for (size_t len = 0; len <= c->len; len++) {
    size_t start = 0, span = 0;
    char *text = malloc(len > 0 ? len : 1);
    memcpy(text, c->text, len);
    if (json_span_member(text, len, "data", &start, &span))
      assert_true(start + span <= len);
    free(text);
  }
}

static void it_never_reads_past_the_end_of_broken_texts(void **state) {
  (void)state;
  each_case("json/invalid", "json", 60, stay_inside);
  each_case("event/valid", "json", 20, stay_inside);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_value_comes_out_as_its_bytes_without_blanks_around),
      cmocka_unit_test(brackets_and_quotes_in_strings_do_not_count),
      cmocka_unit_test(only_the_top_level_is_searched),
      cmocka_unit_test(keys_are_compared_without_their_escapes),
      cmocka_unit_test(no_name_matches_a_key_beyond_ascii),
      cmocka_unit_test(what_is_no_object_has_no_members),
      cmocka_unit_test(every_member_of_the_case_files_is_found),
      cmocka_unit_test(it_never_reads_past_the_end_of_broken_texts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
