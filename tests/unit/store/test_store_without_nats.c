/* A build without libnats: the kind is known, and refused. */
#include "tests/unit/store/support.h"

static void test_a_log_that_hubs_share_is_refused_by_name(void **state) {
  (void)state;
  struct cws_error err = {0};
  struct store_options options = {0};
  struct store *s = NULL;
  assert_int_equal(store_uri_check("nats://127.0.0.1:4222", &err), CWS_ECONFIG);
  assert_non_null(strstr(err.message, "built without NATS"));
  assert_non_null(strstr(err.message, "'nats://127.0.0.1:4222'"));
  assert_int_equal(store_open("nats://127.0.0.1:4222", &options, &s, NULL), CWS_ECONFIG);
  assert_null(s);
}

static void test_other_stores_are_there(void **state) {
  (void)state;
  assert_int_equal(store_uri_check("memory:", NULL), 0);
  assert_int_equal(store_uri_check("sqlite:/tmp/hub.db", NULL), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_log_that_hubs_share_is_refused_by_name),
      cmocka_unit_test(test_other_stores_are_there),
  };
  return cmocka_run_group_tests_name("store without nats", tests, NULL, NULL);
}
