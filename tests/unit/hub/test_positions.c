/* positions: a stream's subscribers; each moves forward only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "server/hub/positions.h"
#include <cmocka.h>
#include <stdio.h>

static void an_unknown_subscriber_is_not_found(void **state) {
  (void)state;
  struct positions p;
  positions_init(&p);
  assert_null(positions_find(&p, "ann"));
  positions_put(&p, "ann", 3);
  assert_null(positions_find(&p, "ann/2"));
  assert_int_equal(positions_find(&p, "ann")->acked, 3);
  positions_finish(&p);
}

static void a_position_moves_forward_only(void **state) {
  (void)state;
  struct positions p;
  positions_init(&p);
  struct subscriber *ann = positions_put(&p, "ann", 3);
  assert_ptr_equal(positions_put(&p, "ann", 9), ann);
  assert_int_equal(ann->acked, 9);
  positions_put(&p, "ann", 4);
  assert_int_equal(ann->acked, 9);
  positions_reset(&p);
  assert_int_equal(ann->acked, 0);
  positions_finish(&p);
}

static void all_can_be_taken_back_to_where_they_were(void **state) {
  (void)state;
  struct positions p;
  positions_init(&p);
  struct subscriber *ahead = positions_put(&p, "ahead", 9),
                    *behind = positions_put(&p, "behind", 3);
  bool was_complete = p.is_complete;
  positions_cut(&p, 5);
  assert_int_equal(ahead->acked, 5);
  assert_int_equal(behind->acked, 3);
  assert_int_equal(p.is_complete, was_complete);
  positions_finish(&p);
}

static void put_number(struct positions *p, int i) {
  char name[16];
  snprintf(name, sizeof name, "s%d", i);
  assert_non_null(positions_put(p, name, i));
}

static void many_are_kept_apart(void **state) {
  (void)state;
  struct positions p;
  char name[16];
  positions_init(&p);
  for (int i = 0; i < 1000; i++)
    put_number(&p, i);
  for (int i = 0; i < 1000; i++) {
    snprintf(name, sizeof name, "s%d", i);
    assert_int_equal(positions_find(&p, name)->acked, i);
  }
  positions_finish(&p);
}

static void beyond_the_limit_the_longest_unused_without_a_watcher_makes_room(void **state) {
  (void)state;
  struct positions p;
  positions_init(&p);
  for (int i = 0; i < POSITIONS_MAX; i++)
    put_number(&p, i);
  positions_find(&p, "s0")->attached = 1;
  positions_find(&p, "s1"); /* used just now */
  put_number(&p, POSITIONS_MAX);
  assert_int_equal(p.count, POSITIONS_MAX);
  assert_non_null(positions_find(&p, "s0"));
  assert_non_null(positions_find(&p, "s1"));
  assert_null(positions_find(&p, "s2"));
  assert_non_null(positions_find(&p, "s4096"));
  positions_finish(&p);
}

static void it_is_complete_from_a_new_beginning_until_somebody_makes_room(void **state) {
  (void)state;
  struct positions p;
  positions_init(&p);
  assert_false(p.is_complete);
  positions_reset(&p);
  assert_true(p.is_complete);
  for (int i = 0; i < POSITIONS_MAX; i++)
    put_number(&p, i);
  put_number(&p, POSITIONS_MAX); /* for s0, who acknowledged nothing */
  assert_true(p.is_complete);
  put_number(&p, POSITIONS_MAX + 1);
  assert_false(p.is_complete);
  positions_finish(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_unknown_subscriber_is_not_found),
      cmocka_unit_test(a_position_moves_forward_only),
      cmocka_unit_test(all_can_be_taken_back_to_where_they_were),
      cmocka_unit_test(many_are_kept_apart),
      cmocka_unit_test(beyond_the_limit_the_longest_unused_without_a_watcher_makes_room),
      cmocka_unit_test(it_is_complete_from_a_new_beginning_until_somebody_makes_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
