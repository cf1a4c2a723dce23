/* json_read: each file of tests/data/json; then what a file cannot hold, and where texts are cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/json_read.h"
#include "tests/unit/core/cases.h"
#include <cmocka.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static void read_valid(const struct test_case *c) {
  struct cws_error err = {0};
  json_t *value = json_read(c->text, c->len, &err);
  if (value == NULL)
    fail_msg("%s: %s", c->path, err.message);
  assert_int_equal(err.code, 0);
  char *got = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
  char *wanted = case_answer(c, "dump", NULL);
  check_text(c, got, wanted);
  free(got);
  free(wanted);
  json_decref(value);
}

static void valid_texts_become_the_values_they_write(void **state) {
  (void)state;
  each_case("json/valid", "json", 20, read_valid);
}

static void read_invalid(const struct test_case *c) {
  struct cws_error err = {0};
  json_t *value = json_read(c->text, c->len, &err);
  check_error(c, value != NULL ? 0 : err.code, &err);
}

static void invalid_texts_are_refused_with_line_and_column(void **state) {
  (void)state;
  each_case("json/invalid", "json", 60, read_invalid);
}

/* Every text that ends too early is refused, in a block that ends there, too. */
static void cut_everywhere(const struct test_case *c) {
  size_t whole = c->len;
  while (whole > 0 && strchr(" \t\r\n", c->text[whole - 1]) != NULL)
    whole--;
  if (c->text[whole - 1] != ']' && c->text[whole - 1] != '}' && c->text[whole - 1] != '"')
    return; /* a shorter number is a number, too */
  for (size_t len = 0; len < whole; len++) {
    struct cws_error err = {0};
    char *text = malloc(len > 0 ? len : 1);
    memcpy(text, c->text, len);
    assert_null(json_read(text, len, &err));
    assert_int_equal(err.code, CWS_EBADJSON);
    free(text);
  }
}

static void texts_cut_anywhere_are_refused(void **state) {
  (void)state;
  each_case("json/valid", "json", 20, cut_everywhere);
}

static json_t *nested(const char *open, const char *inside, const char *close, size_t depth,
                      struct cws_error *err) {
  struct buf b;
  buf_init(&b);
  for (size_t i = 0; i < depth; i++)
    buf_add_str(&b, open);
  buf_add_str(&b, inside);
  for (size_t i = 0; i < depth; i++)
    buf_add_str(&b, close);
  json_t *value = json_read(b.data, b.len, err);
  buf_finish(&b);
  return value;
}

static void nesting_has_a_limit(void **state) {
  (void)state;
  struct cws_error err = {0};
  json_t *value = nested("[", "", "]", JSON_READ_DEPTH_MAX, &err);
  assert_non_null(value);
  json_decref(value);
  value = nested("{\"a\":[", "1", "]}", JSON_READ_DEPTH_MAX / 2, &err);
  assert_non_null(value);
  json_decref(value);
  assert_null(nested("[", "", "]", JSON_READ_DEPTH_MAX + 1, &err));
  assert_int_equal(err.code, CWS_EBADJSON);
  assert_string_equal(err.message, "line 1 column 513: nested too deeply");
  memset(&err, 0, sizeof err);
  assert_null(nested("{\"a\":", "1", "}", 1000000, &err));
  assert_int_equal(err.code, CWS_EBADJSON);
}

static void nesting_ends_with_its_bracket(void **state) {
  (void)state;
  struct cws_error err = {0};
  struct buf b;
  buf_init(&b);
  buf_add_char(&b, '[');
  for (int i = 0; i < JSON_READ_DEPTH_MAX * 2; i++)
    buf_add_str(&b, i > 0 ? ",[{}]" : "[{}]");
  buf_add_char(&b, ']');
  json_t *value = json_read(b.data, b.len, &err);
  assert_int_equal(json_array_size(value), JSON_READ_DEPTH_MAX * 2);
  json_decref(value);
  buf_finish(&b);
}

static void a_long_string_with_escapes_keeps_every_byte(void **state) {
  (void)state;
  struct cws_error err = {0};
  struct buf text, wanted;
  buf_init(&text);
  buf_init(&wanted);
  buf_add_char(&text, '"');
  for (int i = 0; i < 100000; i++) {
    buf_add_str(&text, i % 7 == 0 ? "\\n" : "x");
    buf_add_str(&wanted, i % 7 == 0 ? "\n" : "x");
  }
  buf_add_char(&text, '"');
  json_t *value = json_read(text.data, text.len, &err);
  assert_int_equal(json_string_length(value), wanted.len);
  assert_memory_equal(json_string_value(value), wanted.data, wanted.len);
  json_decref(value);
  buf_finish(&text);
  buf_finish(&wanted);
}

/* A locale with a decimal comma, where the machine has one. */
static void reals_are_read_alike_in_every_locale(void **state) {
  (void)state;
  struct cws_error err = {0};
  const char *names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C"};
  for (size_t i = 0; i < 3 && setlocale(LC_NUMERIC, names[i]) == NULL;)
    i++;
  errno = EDOM;
  json_t *value = json_read("-1.5e400", 8, &err);
  json_t *other = json_read("1.25", 4, &err);
  setlocale(LC_NUMERIC, "C");
  assert_int_equal(errno, EDOM); /* nobody's errno is touched */
  assert_true(json_real_value(value) < -1e308);
  assert_true(json_real_value(other) == 1.25);
  json_decref(value);
  json_decref(other);
}

static void check_nul(const char *text, bool wanted) {
  struct cws_error err = {0};
  json_t *value = json_read(text, strlen(text), &err);
  assert_non_null(value);
  assert_int_equal(json_holds_nul(value), wanted);
  json_decref(value);
}

static void a_nul_is_found_in_any_string_of_a_value(void **state) {
  (void)state;
  check_nul("\"a\\u0000\"", true);
  check_nul("[1,{\"a\":[\"\",\"\\u0000\"]}]", true);
  check_nul("{\"a\":\"\\u0000b\"}", true);
  check_nul("[\"\\\\u0000\",\"\",null,0,{\"a\":{}}]", false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_texts_become_the_values_they_write),
      cmocka_unit_test(invalid_texts_are_refused_with_line_and_column),
      cmocka_unit_test(texts_cut_anywhere_are_refused),
      cmocka_unit_test(nesting_has_a_limit),
      cmocka_unit_test(nesting_ends_with_its_bracket),
      cmocka_unit_test(a_long_string_with_escapes_keeps_every_byte),
      cmocka_unit_test(a_nul_is_found_in_any_string_of_a_value),
      cmocka_unit_test(reals_are_read_alike_in_every_locale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
