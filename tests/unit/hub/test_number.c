/* number: doubles as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "server/hub/number.h"
#include <cmocka.h>
#include <stdlib.h>

static void check(int digits, double v, const char *wanted) {
  struct buf b;
  buf_init(&b);
  number_append(&b, digits, v);
  assert_string_equal(b.data, wanted);
  buf_finish(&b);
}

static void numbers_are_short_and_without_noise(void **state) {
  (void)state;
  check(10, 0.1 + 0.2, "0.3");
  check(10, 0.0012, "0.0012");
  check(10, 0, "0");
  check(4, 100, "100");
  check(4, 100.0 / 3, "33.33");
  check(10, 1e-7, "1e-07");
}

static void enough_digits_give_the_same_double_again(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  number_append(&b, NUMBER_EXACT_DIGITS, 0.1 + 0.2);
  assert_true(strtod(b.data, NULL) == 0.1 + 0.2);
  buf_finish(&b);
}

static void check_printed(const char *printed, const char *wanted) {
  struct buf b;
  buf_init(&b);
  number_append_printed(&b, printed);
  assert_string_equal(b.data, wanted);
  buf_finish(&b);
}

static void any_decimal_point_becomes_a_dot(void **state) {
  (void)state;
  check_printed("-12.5e-07", "-12.5e-07");
  check_printed("12,5", "12.5");
  check_printed("12\xd9\xab"
                "5",
                "12.5"); /* U+066B */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_short_and_without_noise),
      cmocka_unit_test(enough_digits_give_the_same_double_again),
      cmocka_unit_test(any_decimal_point_becomes_a_dot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
