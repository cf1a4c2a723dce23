/* The wheel is pure: a test is its clock. What is due runs at or up to one tick after its time,
 * never before, whatever the distance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "server/net/timer_wheel.h"

#define TICK TIMER_TICK_MS
#define START 1000003 /* not on a tick */

/* A timer, what it saw, and what its callback is to do. */
struct item {
  struct timer timer; /* first */
  struct timer_wheel *wheel;
  int fired;
  int64_t due_ms, fired_ms;
  int64_t again_ms;      /* re-arms itself by this; 0: does not */
  struct item *cancels;  /* cancels another */
  struct item *arms;     /* arms another by 0 ms */
  bool frees, was_armed; /* frees itself; armed within its callback */
};

static void on_fire(struct timer *timer) {
  struct item *item = (struct item *)timer;
  item->fired++;
  item->fired_ms = timer_wheel_now(item->wheel);
  item->was_armed = timer_is_armed(timer);
  if (item->again_ms > 0)
    timer_arm(item->wheel, timer, item->again_ms, on_fire);
  if (item->cancels != NULL)
    timer_cancel(item->wheel, &item->cancels->timer);
  if (item->arms != NULL)
    timer_arm(item->wheel, &item->arms->timer, 0, on_fire);
  if (item->frees)
    free(item);
}

static void arm(struct timer_wheel *wheel, struct item *item, int64_t delay_ms) {
  item->wheel = wheel;
  item->due_ms = timer_wheel_now(wheel) + delay_ms;
  timer_arm(wheel, &item->timer, delay_ms, on_fire);
}

static int set_up(void **state) {
  *state = timer_wheel_new(START);
  return *state == NULL;
}

static int tear_down(void **state) {
  timer_wheel_free(*state);
  return 0;
}

/* Goes on millisecond by millisecond. */
static void walk(struct timer_wheel *wheel, int64_t ms) {
  int64_t end = timer_wheel_now(wheel) + ms;
  while (timer_wheel_now(wheel) < end)
    timer_wheel_advance(wheel, timer_wheel_now(wheel) + 1);
}

/* Goes on as a loop does: sleeps as long as next_ms says. */
static void doze(struct timer_wheel *wheel, int64_t ms) {
  int64_t end = timer_wheel_now(wheel) + ms, wait;
  while ((wait = timer_wheel_next_ms(wheel)) >= 0 && timer_wheel_now(wheel) + wait <= end)
    timer_wheel_advance(wheel, timer_wheel_now(wheel) + (wait > 0 ? wait : 1));
}

static void assert_on_time(const struct item *item) {
  assert_int_equal(item->fired, 1);
  assert_in_range(item->fired_ms, item->due_ms, item->due_ms + TICK);
}

static void a_zero_timer_is_not_armed(void **state) {
  struct item item = {0};
  assert_false(timer_is_armed(&item.timer));
  timer_cancel(*state, &item.timer);
  assert_false(timer_is_armed(&item.timer));
}

static void the_wheel_begins_at_the_time_it_is_given(void **state) {
  assert_int_equal(timer_wheel_now(*state), START);
  timer_wheel_advance(*state, START + 77);
  assert_int_equal(timer_wheel_now(*state), START + 77);
}

static void time_never_goes_back(void **state) {
  struct item item = {0};
  timer_wheel_advance(*state, START + 1000);
  timer_wheel_advance(*state, START);
  assert_int_equal(timer_wheel_now(*state), START + 1000);
  arm(*state, &item, 100);
  walk(*state, 200);
  assert_on_time(&item);
}

static void a_timer_fires_once_at_or_up_to_a_tick_after_its_time(void **state) {
  struct item items[200];
  memset(items, 0, sizeof items);
  for (int i = 0; i < 200; i++)
    arm(*state, &items[i], i);
  walk(*state, 300);
  for (int i = 0; i < 200; i++)
    assert_on_time(&items[i]);
  walk(*state, 3000);
  for (int i = 0; i < 200; i++)
    assert_on_time(&items[i]);
}

static void a_delay_of_nothing_or_less_fires_within_a_tick_but_not_at_once(void **state) {
  struct item now = {0}, before = {0};
  arm(*state, &now, 0);
  arm(*state, &before, -50);
  assert_int_equal(now.fired + before.fired, 0);
  walk(*state, TICK);
  assert_int_equal(now.fired, 1);
  assert_int_equal(before.fired, 1);
}

static void a_timer_is_armed_until_it_fires(void **state) {
  struct item item = {0};
  arm(*state, &item, 100);
  assert_true(timer_is_armed(&item.timer));
  walk(*state, 200);
  assert_false(timer_is_armed(&item.timer));
  assert_false(item.was_armed);
}

static void a_cancelled_timer_does_not_fire(void **state) {
  struct item item = {0};
  arm(*state, &item, 100);
  timer_cancel(*state, &item.timer);
  timer_cancel(*state, &item.timer);
  assert_false(timer_is_armed(&item.timer));
  walk(*state, 500);
  assert_int_equal(item.fired, 0);
}

static void arming_again_moves_it_earlier_and_later(void **state) {
  struct item later = {0}, earlier = {0};
  arm(*state, &later, 100);
  arm(*state, &earlier, 100000);
  arm(*state, &later, 5000);
  arm(*state, &earlier, 50);
  walk(*state, 6000);
  assert_on_time(&later);
  assert_on_time(&earlier);
  assert_int_equal(timer_wheel_next_ms(*state), -1);
}

static void a_callback_may_arm_its_own_timer_again(void **state) {
  struct item item = {.again_ms = 100};
  arm(*state, &item, 100);
  walk(*state, 10 * (100 + TICK));
  assert_in_range(item.fired, 9, 10);
  item.again_ms = 0;
  walk(*state, 1000);
  assert_in_range(item.fired, 10, 11);
  assert_false(timer_is_armed(&item.timer));
}

/* What is armed in a callback is not due in the same turn: a callback cannot hold the loop up. */
static void what_a_callback_arms_waits_for_the_next_turn(void **state) {
  struct item second = {.wheel = *state}, first = {.arms = &second};
  arm(*state, &first, 10);
  timer_wheel_advance(*state, START + 5000);
  assert_int_equal(first.fired, 1);
  assert_int_equal(second.fired, 0);
  walk(*state, TICK);
  assert_int_equal(second.fired, 1);
}

static void a_callback_may_cancel_one_that_is_due_in_the_same_turn(void **state) {
  struct item a = {0}, b = {0};
  a.cancels = &b;
  b.cancels = &a;
  arm(*state, &a, 40);
  arm(*state, &b, 40);
  timer_wheel_advance(*state, START + 1000);
  assert_int_equal(a.fired + b.fired, 1); /* whichever came first cancelled the other */
  assert_int_equal(timer_wheel_next_ms(*state), -1);
}

static void a_callback_may_arm_one_that_is_due_in_the_same_turn(void **state) {
  struct item last = {0}, first = {.arms = &last};
  arm(*state, &first, 10);
  arm(*state, &last, 500);
  timer_wheel_advance(*state, START + 1000);
  assert_int_equal(last.fired, 0); /* moved to the next turn */
  assert_true(timer_is_armed(&last.timer));
  walk(*state, TICK);
  assert_int_equal(last.fired, 1);
}

static void a_callback_may_free_its_timer(void **state) {
  struct item *item = calloc(1, sizeof *item);
  item->frees = true;
  arm(*state, item, 10);
  walk(*state, 100);
  assert_int_equal(timer_wheel_next_ms(*state), -1);
}

static void what_is_due_earlier_runs_earlier_in_one_turn(void **state) {
  struct item second = {0}, first = {.cancels = &second};
  arm(*state, &second, 90000); /* armed first, and on another level */
  arm(*state, &first, 500);
  timer_wheel_advance(*state, START + 200000);
  assert_int_equal(first.fired, 1);
  assert_int_equal(second.fired, 0);
}

/* Around the edges of every level: 64, 64² … ticks. */
static void timers_at_the_edges_of_every_level_are_on_time(void **state) {
  int64_t width = TICK;
  for (int level = 0; level < 4; level++, width *= 64) {
    for (int64_t off = -2 * TICK; off <= 2 * TICK; off += TICK / 2) {
      struct item whole = {0}, half = {0};
      arm(*state, &whole, 64 * width + off > 0 ? 64 * width + off : 0);
      arm(*state, &half, width / 2 + off > 0 ? width / 2 + off : 0);
      doze(*state, 64 * width + 4 * TICK);
      assert_on_time(&half);
      assert_on_time(&whole);
    }
  }
}

static void the_furthest_level_is_on_time_and_what_is_beyond_it_is_not_early(void **state) {
  static const int64_t day = INT64_C(86400) * 1000;
  struct item month = {0}, beyond = {0};
  arm(*state, &month, 30 * day);
  arm(*state, &beyond, 400 * day); /* the wheel reaches 198 */
  timer_wheel_advance(*state, month.due_ms - 1);
  assert_int_equal(month.fired, 0);
  timer_wheel_advance(*state, month.due_ms + TICK);
  assert_on_time(&month);
  assert_int_equal(beyond.fired, 0);
  assert_true(timer_is_armed(&beyond.timer));
}

static void next_ms_is_minus_one_without_timers(void **state) {
  struct item item = {0};
  assert_int_equal(timer_wheel_next_ms(*state), -1);
  arm(*state, &item, 50);
  assert_true(timer_wheel_next_ms(*state) >= 0);
  timer_cancel(*state, &item.timer);
  assert_int_equal(timer_wheel_next_ms(*state), -1);
  arm(*state, &item, 50);
  walk(*state, 100);
  assert_int_equal(timer_wheel_next_ms(*state), -1);
}

static void next_ms_never_sleeps_over_a_timer(void **state) {
  for (int64_t delay = 0; delay < 2500; delay += 13) {
    struct item item = {0};
    arm(*state, &item, delay);
    assert_in_range(timer_wheel_next_ms(*state), 0, delay + TICK);
    doze(*state, delay + TICK);
    assert_on_time(&item);
  }
}

/* An idle loop is not woken at every tick: once a turn of the lowest level (64 ticks). */
static void next_ms_wakes_seldom_for_a_far_timer(void **state) {
  struct item item = {0};
  int turns = 0;
  arm(*state, &item, 60000);
  for (; item.fired == 0; turns++)
    timer_wheel_advance(*state, timer_wheel_now(*state) + timer_wheel_next_ms(*state));
  assert_on_time(&item);
  assert_in_range(turns, 1, 60000 / (64 * TICK) + 4);
}

/* Thousands, at random, armed again and cancelled at random: each of those left is on time. */
static void a_crowd_is_on_time(void **state) {
  enum { COUNT = 3000, ROUNDS = 4000 };
  struct item *items = calloc(COUNT, sizeof *items);
  unsigned seed = 7;
  for (int round = 0; round < ROUNDS; round++) {
    seed = seed * 1103515245u + 12345u;
    struct item *item = &items[seed / 65536u % COUNT];
    int64_t delay = (int64_t)1 << (round % 20);
    if (item->fired == 0 && round % 7 == 0)
      timer_cancel(*state, &item->timer);
    else if (item->fired == 0)
      arm(*state, item, delay + (int64_t)(seed % 97u));
    timer_wheel_advance(*state, timer_wheel_now(*state) + 1);
  }
  bool *is_left = calloc(COUNT, sizeof *is_left);
  for (int i = 0; i < COUNT; i++)
    is_left[i] = timer_is_armed(&items[i].timer) || items[i].fired > 0;
  doze(*state, 1 << 21);
  for (int i = 0; i < COUNT; i++) {
    if (is_left[i])
      assert_on_time(&items[i]);
    else
      assert_int_equal(items[i].fired, 0);
  }
  free(is_left);
  free(items);
}

static void freeing_the_wheel_forgets_what_is_armed(void **state) {
  (void)state;
  struct item item = {0};
  struct timer_wheel *wheel = timer_wheel_new(0);
  arm(wheel, &item, 10);
  timer_wheel_free(wheel);
  assert_int_equal(item.fired, 0);
  timer_wheel_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_zero_timer_is_not_armed),
      TEST(the_wheel_begins_at_the_time_it_is_given),
      TEST(time_never_goes_back),
      TEST(a_timer_fires_once_at_or_up_to_a_tick_after_its_time),
      TEST(a_delay_of_nothing_or_less_fires_within_a_tick_but_not_at_once),
      TEST(a_timer_is_armed_until_it_fires),
      TEST(a_cancelled_timer_does_not_fire),
      TEST(arming_again_moves_it_earlier_and_later),
      TEST(a_callback_may_arm_its_own_timer_again),
      TEST(what_a_callback_arms_waits_for_the_next_turn),
      TEST(a_callback_may_cancel_one_that_is_due_in_the_same_turn),
      TEST(a_callback_may_arm_one_that_is_due_in_the_same_turn),
      TEST(a_callback_may_free_its_timer),
      TEST(what_is_due_earlier_runs_earlier_in_one_turn),
      TEST(timers_at_the_edges_of_every_level_are_on_time),
      TEST(the_furthest_level_is_on_time_and_what_is_beyond_it_is_not_early),
      TEST(next_ms_is_minus_one_without_timers),
      TEST(next_ms_never_sleeps_over_a_timer),
      TEST(next_ms_wakes_seldom_for_a_far_timer),
      TEST(a_crowd_is_on_time),
      cmocka_unit_test(freeing_the_wheel_forgets_what_is_armed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
