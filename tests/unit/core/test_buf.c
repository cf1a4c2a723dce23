/* buf: bytes that grow, JSON strings, and what a failed allocation leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/buf.h"
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void everything_added_stands_there_with_a_nul_behind(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  assert_null(b.data);
  buf_add_str(&b, "a");
  buf_add_char(&b, '\0');
  buf_add(&b, "bc", 2);
  buf_add_i64(&b, INT64_MIN);
  buf_addf(&b, "%s=%d", "x", 7);
  buf_add(&b, NULL, 0);
  assert_int_equal(b.len, 27);
  assert_memory_equal(b.data, "a\0bc-9223372036854775808x=7", 27);
  assert_false(b.failed);
  buf_finish(&b);
  buf_finish(NULL);
}

static void a_number_is_written_as_printf_would(void **state) {
  (void)state;
  static const int64_t numbers[] = {
      0, 1, -1, 9, 10, -10, 99, 100, 123456, INT32_MIN, INT64_MAX, INT64_MIN + 1, INT64_MIN};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    char text[32];
    struct buf b;
    snprintf(text, sizeof text, "%lld", (long long)numbers[i]);
    buf_init(&b);
    buf_add_i64(&b, numbers[i]);
    assert_string_equal(b.data, text);
    buf_finish(&b);
  }
}

static void it_grows_as_far_as_it_must(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  for (int i = 0; i < 100000; i++)
    buf_addf(&b, "%c", 'a' + i % 26);
  assert_int_equal(b.len, 100000);
  for (int i = 0; i < 100000; i++)
    assert_int_equal(b.data[i], 'a' + i % 26);
  buf_finish(&b);
}

static void a_reset_keeps_the_memory(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  buf_reset(&b);
  buf_add_str(&b, "abc");
  const char *before = b.data;
  buf_reset(&b);
  assert_int_equal(b.len, 0);
  assert_string_equal(b.data, "");
  buf_add_str(&b, "xy");
  assert_ptr_equal(b.data, before);
  assert_string_equal(b.data, "xy");
  buf_finish(&b);
}

static void the_first_bytes_can_be_dropped(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  buf_consume(&b, 0);
  buf_add_str(&b, "abcdef");
  buf_consume(&b, 2);
  assert_string_equal(b.data, "cdef");
  buf_consume(&b, 0);
  buf_consume(&b, 4);
  assert_int_equal(b.len, 0);
  assert_string_equal(b.data, "");
  buf_finish(&b);
}

static void taking_hands_the_bytes_over_and_leaves_it_new(void **state) {
  (void)state;
  struct buf b;
  size_t len = 9;
  buf_init(&b);
  char *empty = buf_take(&b, &len);
  assert_string_equal(empty, "");
  assert_int_equal(len, 0);
  buf_add_str(&b, "abc");
  char *taken = buf_take(&b, &len);
  assert_string_equal(taken, "abc");
  assert_int_equal(len, 3);
  assert_null(b.data);
  assert_int_equal(b.len, 0);
  free(empty);
  free(taken);
}

static void a_failed_allocation_fails_the_whole_message(void **state) {
  (void)state;
  struct buf b;
  size_t len = 9;
  buf_init(&b);
  buf_add_str(&b, "abc");
  assert_int_equal(buf_reserve(&b, SIZE_MAX), CWS_ENOMEM);
  assert_int_equal(buf_reserve(&b, 1), CWS_ENOMEM);
  assert_true(b.failed);
  buf_add_str(&b, "def");
  buf_addf(&b, "%d", 1);
  assert_string_equal(b.data, "abc");
  assert_null(buf_take(&b, &len));
  assert_int_equal(len, 9);
  assert_false(b.failed);
  buf_add_str(&b, "new");
  assert_string_equal(b.data, "new");
  buf_finish(&b);
}

static void a_reset_forgets_the_failure(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  buf_reserve(&b, SIZE_MAX);
  buf_reset(&b);
  buf_add_str(&b, "abc");
  assert_string_equal(b.data, "abc");
  buf_finish(&b);
}

static void check_json(const char *s, size_t len, const char *wanted) {
  struct buf b;
  buf_init(&b);
  buf_add_json_str(&b, s, len);
  assert_string_equal(b.data, wanted);
  buf_finish(&b);
}

static void strings_are_escaped_as_json_wants(void **state) {
  (void)state;
  check_json("", 0, "\"\"");
  check_json("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
  check_json("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
  check_json("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"");
  check_json("\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void bytes_that_are_not_utf8_become_the_replacement_character(void **state) {
  (void)state;
  check_json("a\xff"
             "b",
             3,
             "\"a\xef\xbf\xbd"
             "b\"");
  check_json("\xc3", 1, "\"\xef\xbf\xbd\"");
  check_json("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  check_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void every_pair_of_bytes_is_valid_json(void **state) {
  (void)state;
  for (unsigned pair = 0; pair < 0x10000; pair++) {
    char s[2] = {(char)(pair >> 8), (char)pair};
    struct buf b;
    buf_init(&b);
    buf_add_json_str(&b, s, 2);
    json_t *value = json_loadb(b.data, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (value == NULL)
      fail_msg("%04x becomes %s", pair, b.data);
    if (pair >> 8 < 0x80 && (pair & 0xff) < 0x80)
      assert_memory_equal(json_string_value(value), s, 2);
    json_decref(value);
    buf_finish(&b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_added_stands_there_with_a_nul_behind),
      cmocka_unit_test(a_number_is_written_as_printf_would),
      cmocka_unit_test(it_grows_as_far_as_it_must),
      cmocka_unit_test(a_reset_keeps_the_memory),
      cmocka_unit_test(the_first_bytes_can_be_dropped),
      cmocka_unit_test(taking_hands_the_bytes_over_and_leaves_it_new),
      cmocka_unit_test(a_failed_allocation_fails_the_whole_message),
      cmocka_unit_test(a_reset_forgets_the_failure),
      cmocka_unit_test(strings_are_escaped_as_json_wants),
      cmocka_unit_test(bytes_that_are_not_utf8_become_the_replacement_character),
      cmocka_unit_test(every_pair_of_bytes_is_valid_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
