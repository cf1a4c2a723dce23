/* Where a session starts. PROTOCOL "Where a session starts". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "server/ws/session_position.h"
#include <cmocka.h>
#include <string.h>

static struct stream_info info = {.epoch = "e1", .first_id = 1, .last_id = 10, .count = 10};

static struct position choose(int64_t after, const char *epoch, enum position_from from,
                              int64_t acked) {
  struct position_wish wish = {.after = after, .from = from};
  strcpy(wish.epoch, epoch);
  struct position p;
  position_choose(&wish, acked, &info, &p);
  return p;
}

static void by_default_it_starts_after_what_is_acknowledged(void **state) {
  (void)state;
  assert_int_equal(choose(-1, "", POSITION_FROM_ACKED, 0).resume_from, 0);
  assert_int_equal(choose(-1, "", POSITION_FROM_ACKED, 4).resume_from, 4);
  assert_int_equal(choose(-1, "", POSITION_FROM_ACKED, 4).ack_floor, 4);
  assert_int_equal(choose(-1, "", POSITION_FROM_ACKED, 11).resume_from, 10);
}

static void from_beats_the_acknowledged_position(void **state) {
  (void)state;
  assert_int_equal(choose(-1, "", POSITION_FROM_START, 4).resume_from, 0);
  assert_int_equal(choose(-1, "", POSITION_FROM_NEW, 4).resume_from, 10);
  assert_int_equal(choose(-1, "", POSITION_FROM_NEW, 4).ack_floor, 10);
}

static void after_beats_from(void **state) {
  (void)state;
  struct position p = choose(7, "e1", POSITION_FROM_START, 4);
  assert_int_equal(p.resume_from, 7);
  assert_int_equal(p.ack_floor, 0);
  assert_false(p.is_other_epoch);
}

static void who_is_ahead_of_a_hub_that_shares_its_store_waits_for_it(void **state) {
  (void)state;
  assert_true(choose(12, "e1", POSITION_FROM_START, 4).is_other_epoch);
  info.is_shared = true;
  struct position p = choose(12, "e1", POSITION_FROM_START, 4);
  assert_false(p.is_other_epoch);
  assert_int_equal(p.resume_from, 12);
  assert_true(choose(12, "e2", POSITION_FROM_START, 4).is_other_epoch);
  assert_true(choose(12, "", POSITION_FROM_START, 4).is_other_epoch);
  info.is_shared = false;
}

static void after_without_an_epoch_is_taken_as_it_is(void **state) {
  (void)state;
  struct position p = choose(7, "", POSITION_FROM_ACKED, 4);
  assert_int_equal(p.resume_from, 7);
  assert_int_equal(p.ack_floor, 7);
  assert_false(p.is_other_epoch);
}

static void after_beyond_the_last_event_is_of_another_epoch(void **state) {
  (void)state;
  assert_true(choose(11, "", POSITION_FROM_ACKED, 4).is_other_epoch);
  assert_true(choose(11, "e1", POSITION_FROM_ACKED, 4).is_other_epoch);
  assert_int_equal(choose(11, "", POSITION_FROM_ACKED, 4).resume_from, 0);
  assert_false(choose(10, "", POSITION_FROM_ACKED, 4).is_other_epoch);
}

static void after_with_another_epoch_starts_at_the_beginning(void **state) {
  (void)state;
  struct position p = choose(3, "e0", POSITION_FROM_NEW, 4);
  assert_true(p.is_other_epoch);
  assert_int_equal(p.resume_from, 0);
  assert_int_equal(p.ack_floor, 0);
}

static void after_0_is_no_gap_in_any_epoch(void **state) {
  (void)state;
  assert_false(choose(0, "e0", POSITION_FROM_NEW, 4).is_other_epoch);
  assert_int_equal(choose(0, "e0", POSITION_FROM_NEW, 4).resume_from, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_default_it_starts_after_what_is_acknowledged),
      cmocka_unit_test(from_beats_the_acknowledged_position),
      cmocka_unit_test(after_beats_from),
      cmocka_unit_test(who_is_ahead_of_a_hub_that_shares_its_store_waits_for_it),
      cmocka_unit_test(after_without_an_epoch_is_taken_as_it_is),
      cmocka_unit_test(after_beyond_the_last_event_is_of_another_epoch),
      cmocka_unit_test(after_with_another_epoch_starts_at_the_beginning),
      cmocka_unit_test(after_0_is_no_gap_in_any_epoch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
