/* retry and reply: whether to come back, and what a refusal means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include "lib/client/reply.h"
#include "lib/client/retry.h"
#include <string.h>

static enum retry_what verdict(struct loss loss) {
  struct retry r;
  int64_t wait_ms;
  retry_init(&r, 500, 20000, 0);
  return retry_next(&r, &loss, false, 0, &wait_ms);
}

static void statuses_and_codes_are_retried_as_documented(void **state) {
  (void)state;
  for (int status = 300; status < 600; status++) {
    bool again = status == 408 || status == 425 || status == 429 || status >= 500;
    assert_int_equal(verdict((struct loss){.http_status = status}), again ? RETRY_WAIT : RETRY_END);
  }
  for (int code = 4000; code < 5000; code++)
    assert_int_equal(verdict((struct loss){.close_code = code}),
                     code < 4500 ? RETRY_WAIT : RETRY_END);
  static const int again[] = {1006, 1011, 1012, 1013}, never[] = {1002, 1003, 1007, 1008, 1009};
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(verdict((struct loss){.close_code = again[i]}), RETRY_WAIT);
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(verdict((struct loss){.close_code = never[i]}), RETRY_END);
  assert_int_equal(verdict((struct loss){.error.code = CWS_ECONNECT}), RETRY_WAIT);
  assert_int_equal(verdict((struct loss){.error.code = CWS_ETLS}), RETRY_END);
  assert_int_equal(verdict((struct loss){.close_code = 1012, .is_final = true}), RETRY_END);
}

static void waits_grow_up_to_the_cap_and_start_anew_after_a_success(void **state) {
  (void)state;
  struct retry r;
  struct loss loss = {.error.code = CWS_EDISCONNECTED};
  int64_t wait_ms, most = 0;
  retry_init(&r, 100, 1000, 0);
  for (int i = 0; i < 200; i++) {
    assert_int_equal(retry_next(&r, &loss, false, 0, &wait_ms), RETRY_WAIT);
    assert_true(wait_ms >= 0 && wait_ms <= 1000);
    assert_true(i > 0 || wait_ms <= 100);
    most = wait_ms > most ? wait_ms : most;
  }
  assert_true(most > 500);
  retry_succeeded(&r);
  assert_int_equal(retry_next(&r, &loss, false, 0, &wait_ms), RETRY_WAIT);
  assert_true(wait_ms <= 100);
}

static void failures_in_a_row_are_counted(void **state) {
  (void)state;
  struct retry r;
  struct loss loss = {.error.code = CWS_EDISCONNECTED};
  int64_t wait_ms;
  retry_init(&r, 1, 1, 3);
  for (int round = 0; round < 2; round++) {
    assert_int_equal(retry_next(&r, &loss, false, 0, &wait_ms), RETRY_WAIT);
    assert_int_equal(retry_next(&r, &loss, false, 0, &wait_ms), RETRY_WAIT);
    if (round == 0)
      retry_succeeded(&r);
  }
  assert_int_equal(retry_next(&r, &loss, false, 0, &wait_ms), RETRY_END);
}

static void an_expired_token_is_renewed_once_between_successes(void **state) {
  (void)state;
  struct retry r;
  struct loss refused = {.error.code = CWS_ETOKENEXPIRED, .http_status = 401};
  struct loss closed = {.error.code = CWS_ETOKENEXPIRED, .close_code = 4005};
  int64_t wait_ms;
  retry_init(&r, 1, 1, 0);
  assert_int_equal(retry_next(&r, &refused, false, 5000, &wait_ms), RETRY_END);
  assert_int_equal(retry_next(&r, &refused, true, 5000, &wait_ms), RETRY_RENEW);
  assert_int_equal(retry_next(&r, &refused, true, 5000, &wait_ms), RETRY_END);
  retry_succeeded(&r);
  assert_int_equal(retry_next(&r, &closed, true, 5100, &wait_ms), RETRY_WAIT); /* no tight loop */
  assert_int_equal(retry_next(&r, &closed, true, 7000, &wait_ms), RETRY_RENEW);
}

static void a_reply_says_what_the_hub_says_or_what_its_status_means(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    int code;
    const char *message;
  } cases[] = {
      {422, "{\"error\":{\"code\":\"bad_event\",\"message\":\"line 3: type\"}}", CWS_EBADEVENT,
       "line 3: type"},
      {503, "{\"error\":{\"code\":\"draining\"}}", CWS_EDRAINING, "the hub is shutting down"},
      {403, "{\"error\":{\"code\":\"code_of_tomorrow\",\"message\":\"a\\nb\"}}", CWS_EFORBIDDEN,
       "a b"},
      {500, "{\"error\":{\"code\":\"internal\",\"message\":\"x\"}}", CWS_EINTERNAL, "x"},
      {404, "not json", CWS_EUNKNOWNROUTE, "no such route (status 404)"},
      {418, "", CWS_EPROTOCOL, NULL},
      {599, "{}", CWS_EINTERNAL, NULL},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct cws_error err;
    int code = reply_error(cases[i].status, cases[i].body, strlen(cases[i].body), &err);
    assert_int_equal(code, cases[i].code);
    assert_int_equal(err.code, cases[i].code);
    if (cases[i].message != NULL)
      assert_string_equal(err.message, cases[i].message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statuses_and_codes_are_retried_as_documented),
      cmocka_unit_test(waits_grow_up_to_the_cap_and_start_anew_after_a_success),
      cmocka_unit_test(failures_in_a_row_are_counted),
      cmocka_unit_test(an_expired_token_is_renewed_once_between_successes),
      cmocka_unit_test(a_reply_says_what_the_hub_says_or_what_its_status_means),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
