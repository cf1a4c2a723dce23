/* tail: a bounded ring without holes, whose newest frame always stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "server/hub/tail.h"
#include <cmocka.h>
#include <stdlib.h>

#define MANY 1000000

static struct frame *make(int64_t id, uint32_t len) {
  struct frame *f = calloc(1, sizeof *f + len);
  f->refs = 1;
  f->len = len;
  f->message_id = id;
  return f;
}

static void fill(struct tail *t, int64_t from, int64_t to, size_t max_events, size_t max_bytes) {
  for (int64_t id = from; id <= to; id++)
    tail_push(t, make(id, 10), max_events, max_bytes);
}

static void an_empty_tail_holds_nothing(void **state) {
  (void)state;
  struct tail t;
  tail_init(&t);
  assert_int_equal(tail_last_id(&t), 0);
  assert_false(tail_follows(&t, 0));
  tail_drop_until(&t, 5);
  tail_finish(&t);
}

static void frames_are_found_by_what_they_follow(void **state) {
  (void)state;
  struct tail t;
  size_t bytes;
  tail_init(&t);
  fill(&t, 5, 9, MANY, MANY);
  assert_false(tail_follows(&t, 3));
  assert_true(tail_follows(&t, 4));
  assert_true(tail_follows(&t, 8));
  assert_false(tail_follows(&t, 9));
  assert_int_equal(tail_at(&t, 4, 0)->message_id, 5);
  assert_int_equal(tail_at(&t, 6, 2)->message_id, 9);
  assert_int_equal(tail_span(&t, 4, MANY, &bytes), 5);
  assert_int_equal(bytes, 50);
  assert_int_equal(tail_span(&t, 4, 35, &bytes), 3);
  assert_int_equal(bytes, 30);
  assert_int_equal(tail_span(&t, 4, 1, &bytes), 1); /* at least one */
  tail_finish(&t);
}

static void it_keeps_the_newest_within_both_limits(void **state) {
  (void)state;
  struct tail t;
  tail_init(&t);
  fill(&t, 1, 100, 7, MANY);
  assert_int_equal(t.count, 7);
  assert_true(tail_follows(&t, 93));
  assert_false(tail_follows(&t, 92));
  fill(&t, 101, 200, MANY, 35);
  assert_int_equal(t.count, 3);
  assert_int_equal(t.bytes, 30);
  tail_push(&t, make(201, 5000), MANY, 35); /* larger than the limit by itself */
  assert_int_equal(t.count, 1);
  assert_int_equal(tail_last_id(&t), 201);
  tail_finish(&t);
}

static void a_frame_that_does_not_follow_begins_it_anew(void **state) {
  (void)state;
  struct tail t;
  tail_init(&t);
  fill(&t, 1, 5, MANY, MANY);
  tail_push(&t, make(7, 10), MANY, MANY);
  assert_int_equal(t.count, 1);
  assert_int_equal(t.bytes, 10);
  assert_true(tail_follows(&t, 6));
  assert_false(tail_follows(&t, 4));
  tail_finish(&t);
}

static void dropping_lets_go_of_the_oldest(void **state) {
  (void)state;
  struct tail t;
  tail_init(&t);
  fill(&t, 1, 40, MANY, MANY);
  tail_drop_until(&t, 30);
  assert_int_equal(t.count, 10);
  assert_true(tail_follows(&t, 30));
  fill(&t, 41, 70, MANY, MANY); /* wraps around */
  assert_int_equal(tail_at(&t, 30, 39)->message_id, 70);
  tail_drop_until(&t, 70);
  assert_int_equal(t.count, 0);
  assert_int_equal(t.bytes, 0);
  tail_finish(&t);
}

static void a_frame_lives_while_somebody_has_it(void **state) {
  (void)state;
  struct tail t;
  tail_init(&t);
  fill(&t, 1, 1, MANY, MANY);
  struct frame *f = frame_ref(tail_at(&t, 0, 0));
  tail_finish(&t);
  assert_int_equal(f->message_id, 1);
  assert_int_equal(f->refs, 1);
  frame_unref(f);
  frame_unref(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_tail_holds_nothing),
      cmocka_unit_test(frames_are_found_by_what_they_follow),
      cmocka_unit_test(it_keeps_the_newest_within_both_limits),
      cmocka_unit_test(a_frame_that_does_not_follow_begins_it_anew),
      cmocka_unit_test(dropping_lets_go_of_the_oldest),
      cmocka_unit_test(a_frame_lives_while_somebody_has_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
