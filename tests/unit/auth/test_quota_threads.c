/* quota on many threads at once: no limit is passed, nothing counted is lost. */
#include "tests/unit/auth/support.h"

#include "server/auth/quota.h"

enum { THREADS = 4, ROUNDS = 5000, RATE = 1000, MOST = 3 };

static struct fake_time fake;
static struct quota *q;
static atomic_int inside, published;
static atomic_bool was_over;

static void *come_and_go(void *arg) {
  const char *const addresses[] = {"10.0.0.1", "unix"};
  for (int i = 0; i < ROUNDS; i++) {
    struct quota_hold hold = {0};
    if (quota_take_connection(q, addresses[i % 2], &hold) != 0)
      continue;
    if (atomic_fetch_add(&inside, 1) >= MOST)
      atomic_store(&was_over, true);
    quota_take_user(q, arg, &hold);
    atomic_fetch_sub(&inside, 1);
    quota_release(&hold);
  }
  return NULL;
}

static void *publish_one_by_one(void *arg) {
  for (int i = 0; i < ROUNDS; i++) {
    int retry_after_s;
    if (quota_publish(q, arg, 1, &retry_after_s) == 0)
      atomic_fetch_add(&published, 1);
  }
  return NULL;
}

static void run_threads(void *(*run)(void *arg), char *user) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, run, user), 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
}

static void connections_of_many_threads_keep_to_the_limit_and_all_go(void **state) {
  (void)state;
  char ann[] = "ann";
  const struct quota_limits limits = {.max_connections = MOST, .max_connections_per_user = 2};
  struct quota_hold again[2] = {{0}, {0}};
  q = quota_new(&limits, &fake.clock);
  run_threads(come_and_go, ann);
  assert_false(atomic_load(&was_over));
  assert_int_equal(quota_connections(q), 0);
  assert_int_equal(quota_take_user(q, ann, &again[0]), 0);
  assert_int_equal(quota_take_user(q, ann, &again[1]), 0);
  quota_release(&again[0]);
  quota_release(&again[1]);
  quota_free(q);
}

static void publishers_of_one_user_share_its_rate_to_the_event(void **state) {
  (void)state;
  char ann[] = "ann";
  const struct quota_limits limits = {.max_publish_rate = RATE};
  q = quota_new(&limits, &fake.clock);
  run_threads(publish_one_by_one, ann);
  assert_int_equal(atomic_load(&published), RATE);
  quota_free(q);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(connections_of_many_threads_keep_to_the_limit_and_all_go),
      cmocka_unit_test(publishers_of_one_user_share_its_rate_to_the_event),
  };
  fake_time_init(&fake);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
