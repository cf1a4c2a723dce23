#include "tests/unit/store/support.h"

#include "server/store/store_pending.h"

static void put(struct store_pending *p, const char *request, const char *subscriber,
                const char *json, int64_t id, bool is_first) {
  struct store_pending_item item = {request, "epoch", subscriber, json, id};
  bool first;
  assert_int_equal(store_pending_put(p, &item, &first), 0);
  assert_int_equal(first, is_first);
}

static int64_t position(struct store_pending *p, const char *request, const char *subscriber) {
  return store_pending_position(p, request, "epoch", subscriber);
}

static void test_only_the_furthest_is_kept(void **state) {
  (void)state;
  struct store_pending p;
  assert_int_equal(store_pending_init(&p), 0);
  assert_null(store_pending_take(&p));
  put(&p, "r", "ada", NULL, 5, true);
  put(&p, "r", "ada", NULL, 3, false);
  put(&p, "r", "bob", NULL, 1, false);
  put(&p, "q", "ada", NULL, 9, false);
  assert_int_equal(position(&p, "r", "ada"), 5);
  assert_int_equal(store_pending_position(&p, "r", "other", "ada"), 0);
  const struct store_pending_entry *e = store_pending_take(&p);
  assert_string_equal(e->subscriber, "ada");
  assert_int_equal(e->message_id, 5);
  assert_string_equal(e->next->subscriber, "bob");
  assert_string_equal(e->next->next->request_id, "q");
  assert_null(e->next->next->next);
  store_pending_finish(&p);
}

static void test_what_is_being_written_stays_visible_until_it_is(void **state) {
  (void)state;
  struct store_pending p;
  assert_int_equal(store_pending_init(&p), 0);
  put(&p, "r", "ada", NULL, 5, true);
  uint64_t rounds = atomic_load(&p.rounds);
  assert_non_null(store_pending_take(&p));
  assert_int_equal(position(&p, "r", "ada"), 5);
  put(&p, "r", "ada", NULL, 4, true);
  assert_int_equal(position(&p, "r", "ada"), 5);
  put(&p, "r", "ada", NULL, 6, false);
  assert_int_equal(position(&p, "r", "ada"), 6);
  store_pending_drop(&p);
  assert_int_not_equal(atomic_load(&p.rounds), rounds);
  assert_int_equal(position(&p, "r", "ada"), 6);
  store_pending_take(&p);
  store_pending_drop(&p);
  assert_int_equal(position(&p, "r", "ada"), 0);
  store_pending_finish(&p);
}

static void test_what_could_not_be_written_waits_again(void **state) {
  (void)state;
  struct store_pending p;
  assert_int_equal(store_pending_init(&p), 0);
  put(&p, "r", "ada", NULL, 5, true);
  put(&p, "r", "bob", NULL, 5, false);
  put(&p, "r", "", "old", 5, false);
  put(&p, "q", "", "kept", 5, false);
  store_pending_take(&p);
  put(&p, "r", "ada", NULL, 7, true);
  put(&p, "r", "bob", NULL, 3, false);
  put(&p, "r", "", "new", 6, false);
  store_pending_restore(&p);
  assert_int_equal(position(&p, "r", "ada"), 7);
  assert_int_equal(position(&p, "r", "bob"), 5);
  int64_t id = 0;
  char *json = store_pending_summary(&p, "r", "epoch", &id);
  assert_string_equal(json, "new");
  assert_int_equal(id, 6);
  assert_null(store_pending_summary(&p, "r", "epoch", &(int64_t){7}));
  free(json);
  int n = 0;
  for (const struct store_pending_entry *e = store_pending_take(&p); e != NULL; e = e->next)
    n++;
  assert_int_equal(n, 4);
  store_pending_finish(&p);
}

static void count(const struct store_pending_entry *entry, void *user) {
  *(int64_t *)user += entry->message_id;
}

static void test_many_are_found_one_by_one_and_together(void **state) {
  (void)state;
  struct store_pending p;
  assert_int_equal(store_pending_init(&p), 0);
  for (int i = 1; i <= 3000; i++) {
    char name[16];
    snprintf(name, sizeof(name), "s%d", i);
    put(&p, i % 2 ? "odd" : "even", name, NULL, i, i == 1);
  }
  put(&p, "odd", "", "{}", 9, false);
  assert_int_equal(position(&p, "odd", "s2999"), 2999);
  assert_int_equal(position(&p, "even", "s2999"), 0);
  int64_t sum = 0;
  store_pending_each(&p, "odd", "epoch", count, &sum);
  assert_int_equal(sum, 1500 * 1500);
  store_pending_finish(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_only_the_furthest_is_kept),
      cmocka_unit_test(test_what_is_being_written_stays_visible_until_it_is),
      cmocka_unit_test(test_what_could_not_be_written_waits_again),
      cmocka_unit_test(test_many_are_found_one_by_one_and_together),
  };
  return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
