/* The machine's clocks, and that a clock that is handed in is the one that is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <time.h>

#include "server/base/clock.h"

static int64_t read_ms(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void the_systems_wall_clock_is_the_time_of_day_in_ms(void **state) {
  (void)state;
  int64_t before = read_ms(CLOCK_REALTIME); /* time(NULL) lags behind by a tick */
  int64_t now = clock_wall_ms(clock_system());
  assert_true(now >= before && now <= read_ms(CLOCK_REALTIME));
}

static void the_systems_mono_clock_never_goes_back(void **state) {
  (void)state;
  int64_t last = clock_mono_ms(clock_system());
  for (int i = 0; i < 10000; i++) {
    int64_t now = clock_mono_ms(clock_system());
    assert_true(now >= last);
    last = now;
  }
}

/* It counts milliseconds: CLOCK_MONOTONIC read around it brackets it. */
static void the_systems_mono_clock_counts_ms(void **state) {
  (void)state;
  int64_t before = read_ms(CLOCK_MONOTONIC);
  int64_t now = clock_mono_ms(clock_system());
  assert_true(now >= before && now <= read_ms(CLOCK_MONOTONIC));
}

static int64_t read_user(void *user) {
  return *(int64_t *)user;
}

static int64_t read_user_twice(void *user) {
  return *(int64_t *)user * 2;
}

static void a_clock_that_is_handed_in_is_read_with_its_user(void **state) {
  (void)state;
  int64_t time = 21;
  const struct clock clock = {.wall_ms = read_user, .mono_ms = read_user_twice, .user = &time};
  assert_int_equal(clock_wall_ms(&clock), 21);
  assert_int_equal(clock_mono_ms(&clock), 42);
  time = 100;
  assert_int_equal(clock_wall_ms(&clock), 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_systems_wall_clock_is_the_time_of_day_in_ms),
      cmocka_unit_test(the_systems_mono_clock_never_goes_back),
      cmocka_unit_test(the_systems_mono_clock_counts_ms),
      cmocka_unit_test(a_clock_that_is_handed_in_is_read_with_its_user),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
