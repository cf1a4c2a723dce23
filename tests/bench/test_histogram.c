/* histogram: what it says is near to what was added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/histogram.h"
#include <string.h>

static struct histogram histogram;

static int set_up(void **state) {
  (void)state;
  memset(&histogram, 0, sizeof histogram);
  return 0;
}

static void an_empty_one_says_zero(void **state) {
  (void)state;
  assert_int_equal(histogram_at(&histogram, 0.5), 0);
}

static void every_value_comes_back_within_1_6_percent(void **state) {
  (void)state;
  for (uint64_t value = 0; value < UINT64_C(1) << 62; value = value * 5 / 3 + 1) {
    set_up(state);
    histogram_add(&histogram, value);
    uint64_t got = histogram_at(&histogram, 1);
    assert_in_range(got, value - value / 64, value + value / 64);
  }
  histogram_add(&histogram, UINT64_MAX);
}

static void shares_are_of_the_count(void **state) {
  (void)state;
  for (uint64_t value = 1; value <= 100; value++)
    histogram_add(&histogram, value);
  assert_int_equal(histogram_at(&histogram, 0.5), 50);
  assert_int_equal(histogram_at(&histogram, 0.99), 99);
  assert_int_equal(histogram_at(&histogram, 0), 1);
  assert_int_equal(histogram_at(&histogram, 1), 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(an_empty_one_says_zero, set_up),
      cmocka_unit_test_setup(every_value_comes_back_within_1_6_percent, set_up),
      cmocka_unit_test_setup(shares_are_of_the_count, set_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
