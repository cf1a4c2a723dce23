/* sheet: numbers as people read them, in the cells there are for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture/sheet.h"

static void check(const char *got, const char *wanted, size_t most) {
  assert_string_equal(got, wanted);
  assert_true(strlen(got) <= most);
}

static void clocks_count_on_beyond_hours_and_days(void **state) {
  (void)state;
  char b[NUMBER_BUF];
  check(sheet_clock(0, b), "0:00", 8);
  check(sheet_clock(59999, b), "0:59", 8);
  check(sheet_clock(3599000, b), "59:59", 8);
  check(sheet_clock(3600000, b), "1:00:00", 8);
  check(sheet_clock(100 * 3600000LL, b), "4d 04h", 8);
}

static void spans_take_at_most_six_cells(void **state) {
  (void)state;
  char b[NUMBER_BUF];
  check(sheet_span(0, b), "0.0s", 6);
  check(sheet_span(2.14, b), "2.1s", 6);
  check(sheet_span(99.9, b), "99s", 6);
  check(sheet_span(133, b), "2m13s", 6);
  check(sheet_span(3720, b), "1h02m", 6);
  check(sheet_span(86399, b), "23h59m", 6);
  check(sheet_span(1e300, b), "92592d", 6);
}

static void costs_take_at_most_eight_cells(void **state) {
  (void)state;
  char b[NUMBER_BUF];
  check(sheet_cost(0.0012, b), "0.0012", 8);
  check(sheet_cost(999.99994, b), "999.9999", 8);
  check(sheet_cost(99998.994, b), "99998.99", 8);
  check(sheet_cost(1e300, b), "1.0e+300", 8);
}

static void tokens_take_at_most_six_cells(void **state) {
  (void)state;
  char b[NUMBER_BUF];
  check(sheet_tokens(0, b), "0", 6);
  check(sheet_tokens(999, b), "999", 6);
  check(sheet_tokens(1000, b), "1.0k", 6);
  check(sheet_tokens(99949, b), "99.9k", 6);
  check(sheet_tokens(999499, b), "999k", 6);
  check(sheet_tokens(999500, b), "1.0M", 6);
  check(sheet_tokens((int64_t)1 << 53, b), "9.0P", 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clocks_count_on_beyond_hours_and_days),
      cmocka_unit_test(spans_take_at_most_six_cells),
      cmocka_unit_test(costs_take_at_most_eight_cells),
      cmocka_unit_test(tokens_take_at_most_six_cells),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
