#include "tests/unit/store/support.h"

#include "server/store/dedupe.h"

static struct siphash id_of(uint64_t n) {
  static const struct siphash_key key = {{1, 2}};
  return siphash_of(&key, &n, sizeof(n));
}

static void test_each_id_is_found_with_what_it_was_added_with(void **state) {
  (void)state;
  struct dedupe d;
  dedupe_init(&d);
  assert_null(dedupe_find(&d, id_of(1), 0));
  dedupe_drop(&d, id_of(1));
  for (uint64_t n = 1; n <= 10000; n++)
    assert_int_equal(dedupe_add(&d, id_of(n), n * 3, (int64_t)n, 0), 0);
  for (uint64_t n = 1; n <= 10000; n++) {
    const struct dedupe_entry *e = dedupe_find(&d, id_of(n), 0);
    assert_non_null(e);
    assert_int_equal(e->fingerprint, n * 3);
    assert_int_equal(e->message_id, n);
  }
  assert_null(dedupe_find(&d, id_of(10001), 0));
  dedupe_finish(&d);
  dedupe_finish(NULL);
}

static void test_dropping_one_leaves_the_others(void **state) {
  (void)state;
  struct dedupe d;
  dedupe_init(&d);
  for (uint64_t n = 1; n <= 1000; n++)
    assert_int_equal(dedupe_add(&d, id_of(n), n, (int64_t)n, 0), 0);
  for (uint64_t n = 1; n <= 1000; n += 3)
    dedupe_drop(&d, id_of(n));
  for (uint64_t n = 1; n <= 1000; n++)
    assert_int_equal(dedupe_find(&d, id_of(n), 0) != NULL, n % 3 != 1);
  assert_int_equal(d.used, 666);
  dedupe_finish(&d);
}

/* All in one place: probing runs around the end of the table. */
static void test_ids_that_share_a_slot_do_not_hide_each_other(void **state) {
  (void)state;
  struct dedupe d;
  dedupe_init(&d);
  struct siphash ids[8];
  for (uint64_t n = 0; n < 8; n++) {
    ids[n] = (struct siphash){{15, n}};
    assert_int_equal(dedupe_add(&d, ids[n], n, (int64_t)n + 1, 0), 0);
  }
  dedupe_drop(&d, ids[0]);
  dedupe_drop(&d, ids[5]);
  for (size_t n = 0; n < 8; n++)
    assert_int_equal(dedupe_find(&d, ids[n], 0) != NULL, n != 0 && n != 5);
  dedupe_finish(&d);
}

static void test_what_was_trimmed_is_forgotten(void **state) {
  (void)state;
  struct dedupe d;
  dedupe_init(&d);
  for (uint64_t n = 1; n <= 100000; n++) { /* a window of 100 moves over them */
    int64_t base = n > 100 ? (int64_t)n - 100 : 0;
    assert_int_equal(dedupe_add(&d, id_of(n), n, (int64_t)n, base), 0);
    assert_non_null(dedupe_find(&d, id_of((uint64_t)base + 1), base));
    assert_null(dedupe_find(&d, id_of((uint64_t)base), base));
  }
  assert_true(dedupe_bytes(&d) < (size_t)64 * 1024);
  assert_int_equal(dedupe_add(&d, id_of(5), 55, 100001, 100000), 0);
  assert_int_equal(dedupe_find(&d, id_of(5), 100000)->fingerprint, 55);
  dedupe_finish(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_id_is_found_with_what_it_was_added_with),
      cmocka_unit_test(test_dropping_one_leaves_the_others),
      cmocka_unit_test(test_ids_that_share_a_slot_do_not_hide_each_other),
      cmocka_unit_test(test_what_was_trimmed_is_forgotten),
  };
  return cmocka_run_group_tests_name("dedupe", tests, NULL, NULL);
}
