/* name_table: names to entries, of any number, which stay where they are. */
#include "tests/unit/auth/support.h"

#include "server/auth/name_table.h"
#include <stdio.h>

enum { MANY = 5000 }; /* the table grows several times on the way */

static const char *name_of(int i) {
  static char name[32];
  snprintf(name, sizeof name, "user-%d", i);
  return name;
}

static void an_empty_table_finds_nothing(void **state) {
  (void)state;
  struct name_table t = {0};
  assert_null(name_table_find(&t, "ann"));
  assert_null(name_table_find(&t, ""));
  name_table_finish(&t);
}

static void an_entry_is_new_and_zeroed_and_found_by_its_whole_name(void **state) {
  (void)state;
  struct name_table t = {0};
  struct name_entry *e = name_table_add(&t, "ann");
  assert_string_equal(e->name, "ann");
  assert_int_equal(e->connections, 0);
  assert_int_equal(e->spare_milli, 0);
  assert_int_equal(e->filled_ms, 0);
  assert_ptr_equal(name_table_find(&t, "ann"), e);
  assert_null(name_table_find(&t, "an"));
  assert_null(name_table_find(&t, "anna"));
  assert_null(name_table_find(&t, "Ann"));
  name_table_finish(&t);
}

static void the_empty_name_is_a_name(void **state) {
  (void)state;
  struct name_table t = {0};
  struct name_entry *e = name_table_add(&t, "");
  assert_ptr_equal(name_table_find(&t, ""), e);
  name_table_remove(e);
  assert_null(name_table_find(&t, ""));
  name_table_finish(&t);
}

static void entries_stay_where_they_are_while_the_table_grows(void **state) {
  (void)state;
  static struct name_entry *entries[MANY];
  struct name_table t = {0};
  for (int i = 0; i < MANY; i++)
    entries[i] = name_table_add(&t, name_of(i));
  assert_int_equal(t.count, MANY);
  assert_true(t.head_count >= MANY / 2); /* so chains are short */
  for (int i = 0; i < MANY; i++)
    assert_ptr_equal(name_table_find(&t, name_of(i)), entries[i]);
  name_table_finish(&t);
}

static void a_removed_entry_is_gone_and_the_others_stay(void **state) {
  (void)state;
  struct name_table t = {0};
  for (int i = 0; i < MANY; i++)
    assert_non_null(name_table_add(&t, name_of(i)));
  for (int i = 0; i < MANY; i += 2)
    name_table_remove(name_table_find(&t, name_of(i)));
  assert_int_equal(t.count, MANY / 2);
  for (int i = 0; i < MANY; i++)
    assert_int_equal(name_table_find(&t, name_of(i)) != NULL, i % 2);
  name_table_finish(&t);
}

static bool counts_and_is_odd(struct name_entry *e, void *user) {
  ++*(int *)user;
  return e->connections % 2 == 1;
}

static void a_sweep_asks_of_each_entry_once_and_removes_the_idle(void **state) {
  (void)state;
  struct name_table t = {0};
  int asked = 0;
  for (int i = 0; i < MANY; i++)
    name_table_add(&t, name_of(i))->connections = i;
  name_table_sweep(&t, counts_and_is_odd, &asked);
  assert_int_equal(asked, MANY);
  assert_int_equal(t.count, MANY / 2);
  for (int i = 0; i < MANY; i++)
    assert_int_equal(name_table_find(&t, name_of(i)) == NULL, i % 2);
  name_table_finish(&t);
}

static void a_finished_table_can_be_used_again(void **state) {
  (void)state;
  struct name_table t = {0};
  int asked = 0;
  name_table_add(&t, "ann");
  name_table_finish(&t);
  assert_int_equal(t.count, 0);
  name_table_sweep(&t, counts_and_is_odd, &asked);
  assert_int_equal(asked, 0);
  assert_null(name_table_find(&t, "ann"));
  assert_non_null(name_table_add(&t, "ann"));
  name_table_finish(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_table_finds_nothing),
      cmocka_unit_test(an_entry_is_new_and_zeroed_and_found_by_its_whole_name),
      cmocka_unit_test(the_empty_name_is_a_name),
      cmocka_unit_test(entries_stay_where_they_are_while_the_table_grows),
      cmocka_unit_test(a_removed_entry_is_gone_and_the_others_stay),
      cmocka_unit_test(a_sweep_asks_of_each_entry_once_and_removes_the_idle),
      cmocka_unit_test(a_finished_table_can_be_used_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
