/* units: durations, sizes and whole numbers, read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <councilws/units.h>
#include <string.h>

#define CENTURY_MS (INT64_C(36525) * 86400000) /* the longest duration */

struct row {
  const char *text;
  int64_t value;
};

static void durations_are_read_with_their_unit(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"0", 0},
      {"0s", 0},
      {"250ms", 250},
      {"30s", 30000},
      {"5m", 300000},
      {"24h", 86400000},
      {"7d", 604800000},
      {"007s", 7000},
      {"36525d", CENTURY_MS},
      {"3155760000000ms", CENTURY_MS},
      {"000", 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t ms = -1;
    assert_int_equal(cws_duration_parse(rows[i].text, &ms, NULL), 0);
    assert_true(ms == rows[i].value);
  }
}

static void refuse_duration(const char *text, const char *message) {
  struct cws_error err = {0};
  int64_t ms = -7;
  assert_int_equal(cws_duration_parse(text, &ms, &err), CWS_EINVAL);
  assert_int_equal(err.code, CWS_EINVAL);
  assert_non_null(strstr(err.message, message));
  assert_true(ms == -7);
}

static void durations_without_sense_are_refused_and_the_units_named(void **state) {
  (void)state;
  static const char *const texts[] = {"",   "s",   "-1s", "+1s",  " 1s", "1 s",  "1s ", "1.5s",
                                      "1S", "1MS", "1w",  "1mss", "1sm", "0x1s", "s1"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    refuse_duration(texts[i], "is not a time like 250ms, 30s, 5m, 24h or 7d");
  refuse_duration("30", "'30' is not a time like 250ms, 30s, 5m, 24h or 7d: the unit is missing");
}

static void durations_end_at_a_hundred_years(void **state) {
  (void)state;
  static const char *const texts[] = {"36526d", "3155760000001ms", "18446744073709551615ms",
                                      "18446744073709551616d",
                                      "99999999999999999999999999999999999999999999999999s"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    refuse_duration(texts[i], "is too long, at most 36525d are allowed");
}

static void a_message_repeats_no_more_than_forty_characters(void **state) {
  (void)state;
  struct cws_error err = {0};
  int64_t v;
  char text[500], wanted[50];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  memset(wanted, 'x', 41);
  wanted[41] = '\0';
  cws_duration_parse(text, &v, &err);
  assert_null(strstr(err.message, wanted));
  assert_non_null(strstr(err.message, wanted + 1));
}

static void sizes_are_read_with_or_without_a_unit(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"0", 0},
      {"1000", 1000},
      {"64k", 65536},
      {"64K", 65536},
      {"1m", 1048576},
      {"1M", 1048576},
      {"2g", 2147483648},
      {"2G", 2147483648},
      {"9223372036854775807", INT64_MAX},
      {"8589934591g", INT64_C(8589934591) << 30},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t bytes = -1;
    assert_int_equal(cws_size_parse(rows[i].text, &bytes, NULL), 0);
    assert_true(bytes == rows[i].value);
  }
}

static void sizes_without_sense_are_refused(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "k",
                                      "-1",
                                      "1kb",
                                      "1t",
                                      "1 k",
                                      "1.5m",
                                      "0x10",
                                      "1kk",
                                      "9223372036854775808",
                                      "8589934592g",
                                      "99999999999999999999999999"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct cws_error err = {0};
    int64_t bytes = -7;
    assert_int_equal(cws_size_parse(texts[i], &bytes, &err), CWS_EINVAL);
    assert_non_null(strstr(err.message, i < 9 ? "is not a size like" : "is too large"));
    assert_true(bytes == -7);
  }
}

static void whole_numbers_are_read_within_their_range(void **state) {
  (void)state;
  int64_t v = 0;
  assert_int_equal(cws_int_parse("-5", -5, 5, &v, NULL), 0);
  assert_true(v == -5);
  assert_int_equal(cws_int_parse("5", -5, 5, &v, NULL), 0);
  assert_true(v == 5);
  assert_int_equal(cws_int_parse("-0", 0, 0, &v, NULL), 0);
  assert_true(v == 0);
  assert_int_equal(cws_int_parse("9223372036854775807", 0, INT64_MAX, &v, NULL), 0);
  assert_true(v == INT64_MAX);
}

static void refuse_int(const char *text, const char *message) {
  struct cws_error err = {0};
  int64_t v = -7;
  assert_int_equal(cws_int_parse(text, 1, 65535, &v, &err), CWS_EINVAL);
  assert_string_equal(err.message, message);
  assert_true(v == -7);
}

static void other_whole_numbers_are_refused_and_the_range_named(void **state) {
  (void)state;
  refuse_int("0", "'0' is not between 1 and 65535");
  refuse_int("65536", "'65536' is not between 1 and 65535");
  refuse_int("-1", "'-1' is not between 1 and 65535");
  refuse_int("99999999999999999999", "'99999999999999999999' is not between 1 and 65535");
  refuse_int("-99999999999999999999", "'-99999999999999999999' is not between 1 and 65535");
  refuse_int("", "'' is not a whole number");
  refuse_int("-", "'-' is not a whole number");
  refuse_int("--1", "'--1' is not a whole number");
  refuse_int("+1", "'+1' is not a whole number");
  refuse_int("1x", "'1x' is not a whole number");
  refuse_int("1.0", "'1.0' is not a whole number");
  refuse_int(" 1", "' 1' is not a whole number");
}

static void the_shortest_exact_form_is_written(void **state) {
  (void)state;
  static const struct row durations[] = {
      {"0", 0},       {"1ms", 1},       {"1500ms", 1500},  {"90s", 90000},
      {"5m", 300000}, {"1d", 86400000}, {"25h", 90000000}, {"36525d", CENTURY_MS}};
  static const struct row sizes[] = {{"0", 0},
                                     {"1", 1},
                                     {"1000", 1000},
                                     {"64k", 65536},
                                     {"1m", 1048576},
                                     {"3g", INT64_C(3) << 30},
                                     {"9223372036854775807", INT64_MAX}};
  char out[CWS_UNITS_BUF];
  for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
    assert_string_equal(cws_duration_format(durations[i].value, out), durations[i].text);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    assert_string_equal(cws_size_format(sizes[i].value, out), sizes[i].text);
}

static void what_is_written_is_read_as_the_same(void **state) {
  (void)state;
  char out[CWS_UNITS_BUF];
  for (int64_t v = 0; v < CENTURY_MS / 3; v = v * 3 + 1) {
    int64_t again = -1;
    assert_int_equal(cws_duration_parse(cws_duration_format(v, out), &again, NULL), 0);
    assert_true(again == v);
    assert_int_equal(cws_size_parse(cws_size_format(v, out), &again, NULL), 0);
    assert_true(again == v);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(durations_are_read_with_their_unit),
      cmocka_unit_test(durations_without_sense_are_refused_and_the_units_named),
      cmocka_unit_test(durations_end_at_a_hundred_years),
      cmocka_unit_test(a_message_repeats_no_more_than_forty_characters),
      cmocka_unit_test(sizes_are_read_with_or_without_a_unit),
      cmocka_unit_test(sizes_without_sense_are_refused),
      cmocka_unit_test(whole_numbers_are_read_within_their_range),
      cmocka_unit_test(other_whole_numbers_are_refused_and_the_range_named),
      cmocka_unit_test(the_shortest_exact_form_is_written),
      cmocka_unit_test(what_is_written_is_read_as_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
