/* backoff: the bounds of each wait, for any random number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/backoff.h"
#include <cmocka.h>
#include <stdbool.h>

/* The least and the greatest wait of one attempt, over random numbers that would show both. */
static void check_range(struct backoff at, int64_t hint, int64_t low, int64_t high) {
  bool met_low = false, met_high = false;
  for (uint64_t random = 0; random < (uint64_t)(high - low + 1); random++) {
    struct backoff b = at;
    int64_t wait = backoff_next(&b, hint, random);
    if (wait < low || wait > high)
      fail_msg("%lld is not in %lld to %lld", (long long)wait, (long long)low, (long long)high);
    met_low = met_low || wait == low;
    met_high = met_high || wait == high;
  }
  assert_true(met_low && met_high);
  struct backoff b = at;
  int64_t wait = backoff_next(&b, hint, UINT64_MAX);
  assert_true(wait >= low && wait <= high);
}

static void each_failure_doubles_the_bound_up_to_the_cap(void **state) {
  (void)state;
  static const int64_t bounds[] = {100, 200, 400, 800, 1000, 1000, 1000};
  struct backoff b;
  backoff_init(&b, 100, 1000);
  for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
    check_range(b, 0, 0, bounds[i]);
    backoff_next(&b, 0, 0);
  }
}

static void a_success_starts_anew(void **state) {
  (void)state;
  struct backoff b;
  backoff_init(&b, 100, 1000);
  backoff_next(&b, 0, 0);
  backoff_next(&b, 0, 0);
  backoff_reset(&b);
  check_range(b, 0, 0, 100);
}

static void a_hint_is_spread_over_its_second_half(void **state) {
  (void)state;
  struct backoff b;
  backoff_init(&b, 100, 1000);
  check_range(b, 5000, 2500, 5000);
  backoff_next(&b, 5000, 0);
  check_range(b, 5000, 2500, 5000);
}

static void a_small_hint_is_spread_as_far_as_the_first_wait(void **state) {
  (void)state;
  struct backoff b;
  backoff_init(&b, 100, 1000);
  check_range(b, 1, 0, 100);
  check_range(b, 100, 50, 100);
}

static void a_hint_counts_as_a_failure_too(void **state) {
  (void)state;
  struct backoff b;
  backoff_init(&b, 100, 1000);
  backoff_next(&b, 5000, 0);
  check_range(b, 0, 0, 200);
}

static void any_number_of_failures_stays_at_the_cap(void **state) {
  (void)state;
  struct backoff b;
  backoff_init(&b, 3, INT64_MAX / 2);
  int64_t most = 0;
  for (int i = 0; i < 100000; i++) {
    int64_t wait = backoff_next(&b, 0, UINT64_MAX - (uint64_t)i * 0x123456789abcdefULL);
    assert_true(wait >= 0 && wait <= INT64_MAX / 2);
    most = wait > most ? wait : most;
  }
  assert_true(most > INT64_MAX / 4);
}

static void senseless_bounds_still_give_a_wait(void **state) {
  (void)state;
  struct backoff b;
  backoff_init(&b, 0, 0);
  check_range(b, 0, 0, 1);
  backoff_init(&b, 500, 10); /* a cap below the base */
  check_range(b, 0, 0, 500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_failure_doubles_the_bound_up_to_the_cap),
      cmocka_unit_test(a_success_starts_anew),
      cmocka_unit_test(a_hint_is_spread_over_its_second_half),
      cmocka_unit_test(a_small_hint_is_spread_as_far_as_the_first_wait),
      cmocka_unit_test(a_hint_counts_as_a_failure_too),
      cmocka_unit_test(any_number_of_failures_stays_at_the_cap),
      cmocka_unit_test(senseless_bounds_still_give_a_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
