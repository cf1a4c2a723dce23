/* timestamp: RFC 3339 in UTC, checked against timegm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/timestamp.h"
#include <cmocka.h>
#include <councilws/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* In a block of exactly its size. */
static bool parse(const char *s, int64_t *ms) {
  size_t len = strlen(s);
  char *exact = malloc(len > 0 ? len : 1);
  memcpy(exact, s, len);
  bool ok = timestamp_parse(exact, len, ms);
  free(exact);
  return ok;
}

static void valid_times_become_milliseconds(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms;
  } rows[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"1970-01-01T00:00:00.001Z", 1},
      {"1969-12-31T23:59:59.999Z", -1},
      {"2026-11-23T08:18:52.123Z", 1795421932123},
      {"2026-11-23T08:18:52.1Z", 1795421932100},
      {"2026-11-23T08:18:52.12Z", 1795421932120},
      {"2026-11-23T08:18:52.123999999Z", 1795421932123},
      {"2000-02-29T00:00:00Z", 951782400000},
      {"0000-01-01T00:00:00Z", -62167219200000},
      {"9999-12-31T23:59:59.999Z", 253402300799999},
      {"2016-12-31T23:59:60Z", 1483228800000},
      {"2015-06-30T23:59:60.5Z", 1435708800500},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t ms = -7, other = -7;
    if (!parse(rows[i].text, &ms) || ms != rows[i].ms)
      fail_msg("%s is %lld", rows[i].text, (long long)ms);
    assert_true(parse(rows[i].text, NULL));
    assert_int_equal(cws_timestamp_parse(rows[i].text, &other), 0);
    assert_true(other == ms);
  }
}

static void everything_else_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      "Z",
      "2026-11-23",
      "2026-11-23T08:18Z",
      "2026-11-23T08:18:52",
      "2026-11-23T08:18:52z",
      "2026-11-23t08:18:52Z",
      "2026-11-23 08:18:52Z",
      "2026-11-23T08:18:52+00:00",
      "2026-11-23T08:18:52.Z",
      "2026-11-23T08:18:52,5Z",
      "2026-11-23T08:18:52.5aZ",
      "2026-11-23T08:18:52.5.5Z",
      "2026-11-23T08:18:525Z",
      "26-11-23T08:18:52.000Z",
      "+2026-11-23T08:18:52Z",
      "2026-1-23T08:18:52.00Z",
      "2026/11/23T08:18:52Z",
      "2026-11-23T08.18.52Z",
      "2026-00-23T08:18:52Z",
      "2026-13-23T08:18:52Z",
      "2026-11-00T08:18:52Z",
      "2026-11-31T08:18:52Z",
      "2026-02-29T08:18:52Z",
      "1900-02-29T00:00:00Z",
      "2024-02-30T00:00:00Z",
      "2026-11-23T24:00:00Z",
      "2026-11-23T08:60:00Z",
      "2026-11-23T08:18:61Z",
      "2026-11-23T23:59:60Z",
      "2026-11-30T22:59:60Z",
      "2026-11-30T23:58:60Z",
      "2026-11-23T-8:18:52Z",
      "2026-11-23T 8:18:52Z",
      "2026-11-23T08:18:52Z ",
      " 2026-11-23T08:18:52Z",
      "2026-11-23T08:18:52.00000000000000000000Z",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    int64_t ms = -7;
    if (parse(texts[i], &ms))
      fail_msg("'%s' is taken", texts[i]);
    assert_true(ms == -7);
    assert_int_equal(cws_timestamp_parse(texts[i], &ms), CWS_EINVAL);
  }
  assert_true(parse("2026-11-23T08:18:52.0000000000000000000Z", NULL)); /* TIMESTAMP_MAX */
}

static void a_nul_is_no_digit(void **state) {
  (void)state;
  assert_false(timestamp_parse("2026-11-23T08:18:52.\0Z", 22, NULL));
  assert_false(timestamp_parse("2026-11-23T08:18:5\0Z", 20, NULL));
}

/* A day in each month of the years 1600 to 2400, and both ends of it. */
static void days_are_those_of_the_gregorian_calendar(void **state) {
  (void)state;
  for (int month = 0; month < 801 * 12; month++) {
    struct tm tm = {.tm_year = 1600 - 1900 + month / 12, .tm_mon = month % 12, .tm_mday = 28};
    char text[40];
    int64_t ms = 0;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    assert_true(parse(text, &ms));
    assert_true(ms == (int64_t)timegm(&tm) * 1000);
  }
}

static void what_is_formatted_is_read_as_the_same(void **state) {
  (void)state;
  char out[TIMESTAMP_BUF];
  assert_string_equal(timestamp_format(1795421932123, out), "2026-11-23T08:18:52.123Z");
  assert_string_equal(timestamp_format(0, out), "1970-01-01T00:00:00.000Z");
  assert_string_equal(timestamp_format(951782400000, out), "2000-02-29T00:00:00.000Z");
  for (int64_t ms = 0; ms <= INT64_C(253402300799999); ms += INT64_C(9876543211)) {
    int64_t again = -1;
    assert_true(parse(timestamp_format(ms, out), &again));
    assert_true(again == ms);
  }
}

static void times_out_of_range_become_the_nearest(void **state) {
  (void)state;
  char out[TIMESTAMP_BUF];
  assert_string_equal(timestamp_format(-1, out), "1970-01-01T00:00:00.000Z");
  assert_string_equal(timestamp_format(INT64_MIN, out), "1970-01-01T00:00:00.000Z");
  assert_string_equal(timestamp_format(INT64_MAX, out), "9999-12-31T23:59:59.999Z");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_times_become_milliseconds),
      cmocka_unit_test(everything_else_is_refused),
      cmocka_unit_test(a_nul_is_no_digit),
      cmocka_unit_test(days_are_those_of_the_gregorian_calendar),
      cmocka_unit_test(what_is_formatted_is_read_as_the_same),
      cmocka_unit_test(times_out_of_range_become_the_nearest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
