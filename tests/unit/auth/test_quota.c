/* quota: who is let in, and who may publish how much; the clock stands still unless moved. */
#include "tests/unit/auth/support.h"

#include "server/auth/quota.h"

struct site {
  struct fake_time time;
  struct quota *q;
};

static void open_site(struct site *s, struct quota_limits limits) {
  fake_time_init(&s->time);
  s->q = quota_new(&limits, &s->time.clock);
  assert_non_null(s->q);
}

static int connect_from(struct site *s, const char *address, struct quota_hold *hold) {
  return quota_take_connection(s->q, address, hold);
}

static int publish(struct site *s, const char *user, int64_t n) {
  int retry_after_s = 0;
  int code = quota_publish(s->q, user, n, &retry_after_s);
  assert_int_equal(retry_after_s != 0, code == CWS_ERATELIMITED);
  return code;
}

/* How long the refused batch is to wait. */
static int wait_s(struct site *s, const char *user, int64_t n) {
  int retry_after_s = 0;
  assert_int_equal(quota_publish(s->q, user, n, &retry_after_s), CWS_ERATELIMITED);
  return retry_after_s;
}

/* ---- connections ---- */

static void there_are_so_many_connections_in_all(void **state) {
  (void)state;
  struct site s;
  struct quota_hold a = {0}, b = {0}, c = {0};
  open_site(&s, (struct quota_limits){.max_connections = 2});
  assert_int_equal(connect_from(&s, "10.0.0.1", &a), 0);
  assert_int_equal(connect_from(&s, "10.0.0.2", &b), 0);
  assert_int_equal(connect_from(&s, "10.0.0.3", &c), CWS_ETOOMANYCONNECTIONS);
  assert_int_equal(quota_connections(s.q), 2);
  quota_release(&a);
  assert_int_equal(connect_from(&s, "10.0.0.3", &c), 0);
  quota_release(&b);
  quota_release(&c);
  assert_int_equal(quota_connections(s.q), 0);
  quota_free(s.q);
}

static void an_address_has_so_many_connections_and_no_other_pays_for_it(void **state) {
  (void)state;
  struct site s;
  struct quota_hold a = {0}, b = {0}, c = {0};
  open_site(&s, (struct quota_limits){.max_connections_per_address = 1});
  assert_int_equal(connect_from(&s, "10.0.0.1", &a), 0);
  assert_int_equal(connect_from(&s, "10.0.0.1", &b), CWS_ETOOMANYCONNECTIONS);
  assert_int_equal(connect_from(&s, "10.0.0.2", &b), 0);
  quota_release(&a);
  assert_int_equal(connect_from(&s, "10.0.0.1", &c), 0);
  quota_release(&b);
  quota_release(&c);
  quota_free(s.q);
}

static void unix_is_no_address_but_counts_in_all(void **state) {
  (void)state;
  struct site s;
  struct quota_hold a = {0}, b = {0}, c = {0};
  open_site(&s, (struct quota_limits){.max_connections = 2, .max_connections_per_address = 1});
  assert_int_equal(connect_from(&s, "unix", &a), 0);
  assert_int_equal(connect_from(&s, "unix", &b), 0);
  assert_int_equal(quota_connections(s.q), 2);
  assert_int_equal(connect_from(&s, "unix", &c), CWS_ETOOMANYCONNECTIONS);
  quota_release(&a);
  quota_release(&b);
  assert_int_equal(quota_connections(s.q), 0);
  quota_free(s.q);
}

static void a_user_has_so_many_connections_wherever_from(void **state) {
  (void)state;
  struct site s;
  struct quota_hold a = {0}, b = {0}, c = {0};
  open_site(&s, (struct quota_limits){.max_connections_per_user = 1});
  assert_int_equal(connect_from(&s, "10.0.0.1", &a), 0);
  assert_int_equal(connect_from(&s, "10.0.0.2", &b), 0);
  assert_int_equal(quota_take_user(s.q, "ann", &a), 0);
  assert_int_equal(quota_take_user(s.q, "ann", &b), CWS_ETOOMANYCONNECTIONS);
  assert_int_equal(quota_take_user(s.q, "bob", &c), 0);
  quota_release(&a);
  assert_int_equal(quota_take_user(s.q, "ann", &b), 0);
  quota_release(&b);
  quota_release(&c);
  quota_free(s.q);
}

static void a_user_and_an_address_of_one_name_are_two(void **state) {
  (void)state;
  struct site s;
  struct quota_hold a = {0};
  open_site(&s,
            (struct quota_limits){.max_connections_per_user = 1, .max_connections_per_address = 1});
  assert_int_equal(connect_from(&s, "10.0.0.1", &a), 0);
  assert_int_equal(quota_take_user(s.q, "10.0.0.1", &a), 0);
  quota_release(&a);
  quota_free(s.q);
}

static void zero_is_no_limit(void **state) {
  (void)state;
  struct site s;
  static struct quota_hold holds[500];
  open_site(&s, (struct quota_limits){0});
  for (size_t i = 0; i < COUNT_OF(holds); i++) {
    holds[i] = (struct quota_hold){0};
    assert_int_equal(connect_from(&s, "10.0.0.1", &holds[i]), 0);
    assert_int_equal(quota_take_user(s.q, "ann", &holds[i]), 0);
    assert_int_equal(publish(&s, "ann", 1000000), 0);
  }
  assert_int_equal(quota_connections(s.q), COUNT_OF(holds));
  for (size_t i = 0; i < COUNT_OF(holds); i++)
    quota_release(&holds[i]);
  assert_int_equal(quota_connections(s.q), 0);
  quota_free(s.q);
}

static void what_was_refused_holds_nothing_and_a_hold_is_given_back_once(void **state) {
  (void)state;
  struct site s;
  struct quota_hold a = {0}, refused = {0};
  open_site(&s, (struct quota_limits){.max_connections = 1});
  assert_int_equal(connect_from(&s, "10.0.0.1", &a), 0);
  assert_int_equal(connect_from(&s, "10.0.0.1", &refused), CWS_ETOOMANYCONNECTIONS);
  quota_release(&refused);
  assert_int_equal(quota_connections(s.q), 1);
  quota_release(&a);
  quota_release(&a);
  assert_int_equal(quota_connections(s.q), 0);
  quota_free(s.q);
}

static void a_user_alone_does_not_count_as_a_connection_in_all(void **state) {
  (void)state;
  struct site s;
  struct quota_hold a = {0};
  open_site(&s, (struct quota_limits){.max_connections = 1, .max_connections_per_user = 1});
  assert_int_equal(quota_take_user(s.q, "ann", &a), 0);
  assert_int_equal(quota_connections(s.q), 0);
  quota_release(&a);
  assert_int_equal(quota_connections(s.q), 0);
  quota_free(s.q);
}

static void a_new_limit_counts_from_now_on_and_who_is_beyond_it_stays(void **state) {
  (void)state;
  struct site s;
  struct quota_hold holds[3] = {{0}, {0}, {0}};
  const struct quota_limits lower = {.max_connections = 1};
  open_site(&s, (struct quota_limits){.max_connections_per_address = 2});
  assert_int_equal(connect_from(&s, "10.0.0.1", &holds[0]), 0);
  assert_int_equal(connect_from(&s, "10.0.0.1", &holds[1]), 0);
  quota_set_limits(s.q, &lower);
  assert_int_equal(quota_connections(s.q), 2);
  quota_release(&holds[0]);
  assert_int_equal(connect_from(&s, "10.0.0.1", &holds[2]), CWS_ETOOMANYCONNECTIONS);
  quota_release(&holds[1]);
  assert_int_equal(connect_from(&s, "10.0.0.1", &holds[2]), 0);
  quota_release(&holds[2]);
  quota_free(s.q);
}

/* ---- publishing ---- */

static void a_burst_is_one_seconds_worth(void **state) {
  (void)state;
  struct site s;
  open_site(&s, (struct quota_limits){.max_publish_rate = 10});
  for (int i = 0; i < 10; i++)
    assert_int_equal(publish(&s, "ann", 1), 0);
  assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
  assert_int_equal(publish(&s, "bob", 10), 0);
  quota_free(s.q);
}

static void the_bucket_fills_with_time_and_not_beyond_its_size(void **state) {
  (void)state;
  struct site s;
  open_site(&s, (struct quota_limits){.max_publish_rate = 10});
  assert_int_equal(publish(&s, "ann", 10), 0);
  fake_time_pass(&s.time, 99);
  assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
  fake_time_pass(&s.time, 1);
  assert_int_equal(publish(&s, "ann", 1), 0);
  assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
  fake_time_pass(&s.time, INT64_C(1000) * 86400 * 365);
  assert_int_equal(publish(&s, "ann", 10), 0);
  assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
  quota_free(s.q);
}

static void asking_in_vain_costs_nothing(void **state) {
  (void)state;
  struct site s;
  open_site(&s, (struct quota_limits){.max_publish_rate = 3});
  assert_int_equal(publish(&s, "ann", 3), 0);
  for (int i = 0; i < 334; i++) {
    assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
    fake_time_pass(&s.time, 1);
  }
  assert_int_equal(publish(&s, "ann", 1), 0);
  quota_free(s.q);
}

static void a_batch_larger_than_the_rate_waits_for_a_full_bucket_and_pays_it_off(void **state) {
  (void)state;
  struct site s;
  open_site(&s, (struct quota_limits){.max_publish_rate = 10});
  assert_int_equal(publish(&s, "ann", 1), 0);
  assert_int_equal(publish(&s, "ann", 50), CWS_ERATELIMITED);
  fake_time_pass(&s.time, 100);
  assert_int_equal(publish(&s, "ann", 50), 0); /* 4 seconds of debt */
  fake_time_pass(&s.time, 4099);
  assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
  fake_time_pass(&s.time, 1);
  assert_int_equal(publish(&s, "ann", 1), 0);
  quota_free(s.q);
}

static void retry_after_is_when_the_same_batch_will_do(void **state) {
  (void)state;
  struct site s;
  open_site(&s, (struct quota_limits){.max_publish_rate = 10});
  assert_int_equal(publish(&s, "ann", 50), 0);
  assert_int_equal(wait_s(&s, "ann", 1), 5); /* 4 of debt, then one event: rounded up */
  assert_int_equal(wait_s(&s, "ann", 10), 5);
  assert_int_equal(wait_s(&s, "ann", 1000), 5); /* a full bucket is enough */
  fake_time_pass(&s.time, 4000);
  assert_int_equal(wait_s(&s, "ann", 1000), 1);
  fake_time_pass(&s.time, 999);
  assert_int_equal(wait_s(&s, "ann", 1000), 1);
  fake_time_pass(&s.time, 1);
  assert_int_equal(publish(&s, "ann", 1000), 0);
  quota_free(s.q);
}

static void no_debt_takes_longer_than_an_hour(void **state) {
  (void)state;
  struct site s;
  open_site(&s, (struct quota_limits){.max_publish_rate = 2});
  assert_int_equal(publish(&s, "ann", INT64_MAX), 0);
  assert_int_equal(wait_s(&s, "ann", INT64_MAX), 3600);
  fake_time_pass(&s.time, 3600 * 1000);
  assert_int_equal(publish(&s, "ann", 2), 0);
  quota_free(s.q);
}

static void the_largest_rate_does_not_overflow(void **state) {
  (void)state;
  struct site s;
  open_site(&s, (struct quota_limits){.max_publish_rate = INT64_MAX});
  assert_int_equal(publish(&s, "ann", INT64_MAX), 0);
  assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
  fake_time_pass(&s.time, INT64_MAX / 4);
  assert_int_equal(publish(&s, "ann", 1), 0);
  quota_free(s.q);
}

static void a_new_rate_counts_from_now_on(void **state) {
  (void)state;
  struct site s;
  const struct quota_limits lower = {.max_publish_rate = 2}, none = {0};
  open_site(&s, (struct quota_limits){.max_publish_rate = 10});
  assert_int_equal(publish(&s, "ann", 1), 0);
  quota_set_limits(s.q, &lower);
  assert_int_equal(publish(&s, "ann", 2), 0);
  assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
  fake_time_pass(&s.time, 499);
  assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
  fake_time_pass(&s.time, 1);
  assert_int_equal(publish(&s, "ann", 1), 0);
  quota_set_limits(s.q, &none);
  assert_int_equal(publish(&s, "ann", 1000), 0);
  quota_free(s.q);
}

static void no_events_are_always_allowed(void **state) {
  (void)state;
  struct site s;
  open_site(&s, (struct quota_limits){.max_publish_rate = 1});
  assert_int_equal(publish(&s, "ann", 100), 0);
  assert_int_equal(publish(&s, "ann", 0), 0);
  quota_free(s.q);
}

static void a_debt_outlives_the_connection(void **state) {
  (void)state;
  struct site s;
  struct quota_hold hold = {0};
  open_site(&s, (struct quota_limits){.max_publish_rate = 10});
  assert_int_equal(quota_take_user(s.q, "ann", &hold), 0);
  assert_int_equal(publish(&s, "ann", 100), 0);
  quota_release(&hold);
  assert_int_equal(wait_s(&s, "ann", 1), 10);
  quota_free(s.q);
}

static void a_debt_outlives_any_number_of_other_users(void **state) {
  (void)state;
  struct site s;
  open_site(&s, (struct quota_limits){.max_publish_rate = 10});
  assert_int_equal(publish(&s, "ann", 100), 0);
  for (char name[4] = "Aaa"; name[0] <= 'J'; name[0]++) {
    for (name[1] = 'a'; name[1] <= 'z'; name[1]++) /* those of before are at rest by then */
      for (name[2] = 'a'; name[2] <= 'z'; name[2]++)
        assert_int_equal(publish(&s, name, 1), 0);
    fake_time_pass(&s.time, 100);
  }
  assert_int_equal(publish(&s, "ann", 1), CWS_ERATELIMITED);
  quota_free(s.q);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(there_are_so_many_connections_in_all),
      cmocka_unit_test(an_address_has_so_many_connections_and_no_other_pays_for_it),
      cmocka_unit_test(unix_is_no_address_but_counts_in_all),
      cmocka_unit_test(a_user_has_so_many_connections_wherever_from),
      cmocka_unit_test(a_user_and_an_address_of_one_name_are_two),
      cmocka_unit_test(zero_is_no_limit),
      cmocka_unit_test(what_was_refused_holds_nothing_and_a_hold_is_given_back_once),
      cmocka_unit_test(a_user_alone_does_not_count_as_a_connection_in_all),
      cmocka_unit_test(a_new_limit_counts_from_now_on_and_who_is_beyond_it_stays),
      cmocka_unit_test(a_burst_is_one_seconds_worth),
      cmocka_unit_test(the_bucket_fills_with_time_and_not_beyond_its_size),
      cmocka_unit_test(asking_in_vain_costs_nothing),
      cmocka_unit_test(a_batch_larger_than_the_rate_waits_for_a_full_bucket_and_pays_it_off),
      cmocka_unit_test(retry_after_is_when_the_same_batch_will_do),
      cmocka_unit_test(no_debt_takes_longer_than_an_hour),
      cmocka_unit_test(the_largest_rate_does_not_overflow),
      cmocka_unit_test(a_new_rate_counts_from_now_on),
      cmocka_unit_test(no_events_are_always_allowed),
      cmocka_unit_test(a_debt_outlives_the_connection),
      cmocka_unit_test(a_debt_outlives_any_number_of_other_users),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
