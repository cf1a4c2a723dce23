/* auth with JWK sets from URLs: when they are fetched again, and by whose doing. */
#include "tests/unit/auth/support.h"

#include "server/auth/auth.h"
#include "server/auth/refresher.h"
#include "tests/unit/auth/key_server.h"
#include <sched.h>
#include <stdio.h>

enum { FIVE_MINUTES_MS = 300000 };

static int wakes; /* only auth_check wakes, and only on the test's thread */

void __real_refresher_wake(struct refresher *r);
void __wrap_refresher_wake(struct refresher *r);
void __wrap_refresher_wake(struct refresher *r) {
  wakes++;
  __real_refresher_wake(r);
}

struct site {
  struct key_server server;
  struct fake_time time;
  struct log_lines lines;
  struct auth *auth;
};

/* A hub whose keys come from the URL alone, which gave JWK_A so far. */
static void site_open(struct site *s) {
  struct cws_error err = {0};
  key_server_start(&s->server, "{\"keys\":[" JWK_A "]}");
  fake_time_init(&s->time);
  log_lines_init(&s->lines);
  const char *const sets[] = {s->server.url, NULL};
  const struct cws_server_options options = {.jwks = sets};
  if (auth_new(&options, &s->time.clock, s->lines.log, &s->auth, &err) != 0)
    fail_msg("%s", err.message);
  wakes = 0;
}

static void site_close(struct site *s) {
  auth_free(s->auth);
  log_lines_finish(&s->lines);
  key_server_stop(&s->server);
}

static int check(struct site *s, const char *secret, const char *kid) {
  struct grants *g = NULL;
  char *token = token_of_ann(secret, kid);
  int code = auth_check(s->auth, token, &g, NULL);
  if (code == 0)
    grants_free(g);
  free(token);
  return code;
}

static void wait_until_taken(struct site *s, const char *secret, const char *kid) {
  int64_t end_ms = clock_mono_ms(clock_system()) + DEADLINE_MS;
  while (check(s, secret, kid) != 0) {
    if (clock_mono_ms(clock_system()) > end_ms)
      fail_msg("the key \"%s\" did not come within %d ms", kid, DEADLINE_MS);
    sched_yield();
  }
}

static void keys_are_fetched_once_at_start(void **state) {
  (void)state;
  struct site s;
  site_open(&s);
  assert_int_equal(key_server_requests(&s.server), 1);
  assert_int_equal(check(&s, SECRET, "a"), 0);
  assert_false(auth_is_local_only(s.auth));
  assert_int_equal(wakes, 0);
  site_close(&s);
}

static void a_url_that_fails_at_start_is_an_error(void **state) {
  (void)state;
  struct key_server server;
  struct auth *a = NULL;
  struct cws_error err = {0};
  key_server_start(&server, "");
  key_server_set(&server, 503, "");
  const char *const sets[] = {server.url, NULL};
  const struct cws_server_options options = {.jwks = sets};
  assert_int_equal(auth_new(&options, clock_system(), NULL, &a, &err), CWS_ECONFIG);
  assert_contains(err.message, server.url);
  assert_null(a);
  key_server_stop(&server);
}

static void an_unknown_kid_has_the_keys_fetched_in_the_background(void **state) {
  (void)state;
  struct site s;
  site_open(&s);
  key_server_set(&s.server, 200, "{\"keys\":[" JWK_A "," JWK_B "]}");
  assert_int_equal(check(&s, OTHER_SECRET, "b"), CWS_EBADTOKEN);
  wait_until_taken(&s, OTHER_SECRET, "b");
  assert_int_equal(check(&s, SECRET, "a"), 0);
  assert_int_equal(wakes, 1);
  site_close(&s);
}

static void unknown_kids_have_keys_fetched_once_in_five_minutes_at_most(void **state) {
  (void)state;
  struct site s;
  site_open(&s);
  for (int i = 0; i < 100; i++) {
    char kid[32];
    snprintf(kid, sizeof kid, "made-up-%d", i);
    assert_int_equal(check(&s, OTHER_SECRET, kid), CWS_EBADTOKEN);
  }
  assert_int_equal(wakes, 1);
  fake_time_pass(&s.time, FIVE_MINUTES_MS - 1);
  check(&s, OTHER_SECRET, "made-up");
  assert_int_equal(wakes, 1);
  fake_time_pass(&s.time, 1);
  check(&s, OTHER_SECRET, "made-up");
  check(&s, OTHER_SECRET, "made-up");
  assert_int_equal(wakes, 2);
  site_close(&s);
}

static void a_bad_token_that_names_no_unknown_key_has_nothing_fetched(void **state) {
  (void)state;
  static const char *const bad[] = {"x", "a.b.c", "e30.e30.e30"};
  struct site s;
  site_open(&s);
  assert_int_equal(check(&s, OTHER_SECRET, "a"), CWS_EBADTOKEN);
  assert_int_equal(check(&s, OTHER_SECRET, NULL), CWS_EBADTOKEN);
  assert_int_equal(check(&s, SECRET, "made-up"), 0);
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    struct grants *g;
    assert_int_equal(auth_check(s.auth, bad[i], &g, NULL), CWS_EBADTOKEN);
  }
  fake_time_pass(&s.time, 3600 * 1000 * 2);
  assert_int_equal(check(&s, SECRET, "a"), CWS_ETOKENEXPIRED);
  assert_int_equal(wakes, 0);
  site_close(&s);
}

static void a_refresh_takes_keys_away_too(void **state) {
  (void)state;
  struct site s;
  site_open(&s);
  key_server_set(&s.server, 200, "{\"keys\":[" JWK_B "]}");
  assert_int_equal(auth_refresh(s.auth, NULL), 0);
  assert_int_equal(check(&s, SECRET, NULL), CWS_EBADTOKEN);
  assert_int_equal(check(&s, OTHER_SECRET, "b"), 0);
  site_close(&s);
}

static void a_refresh_that_fails_is_logged_and_keeps_the_keys(void **state) {
  (void)state;
  struct site s;
  site_open(&s);
  key_server_set(&s.server, 500, "");
  assert_int_equal(auth_refresh(s.auth, NULL), 0);
  assert_int_equal(check(&s, SECRET, "a"), 0);
  assert_true(log_lines_have(&s.lines, s.server.url));
  assert_true(log_lines_have(&s.lines, "500"));
  site_close(&s);
}

static void a_reload_fetches_too_and_fails_with_the_url(void **state) {
  (void)state;
  struct site s;
  struct cws_error err = {0};
  site_open(&s);
  key_server_set(&s.server, 200, JWK_B);
  assert_int_equal(auth_reload(s.auth, NULL, NULL), 0);
  assert_int_equal(check(&s, OTHER_SECRET, "b"), 0);
  key_server_set(&s.server, 500, "");
  assert_int_equal(auth_reload(s.auth, NULL, &err), CWS_ECONFIG);
  assert_contains(err.message, s.server.url);
  assert_int_equal(check(&s, OTHER_SECRET, "b"), 0);
  site_close(&s);
}

static void a_url_that_came_with_a_reload_is_fetched_for_an_unknown_kid(void **state) {
  (void)state;
  struct site s;
  const struct cws_server_options local = {.local_secret = "ffffffffffffffffffffffffffffffff",
                                           .local_secret_len = 32};
  struct auth *first;
  site_open(&s);
  first = s.auth;
  const char *const sets[] = {s.server.url, NULL};
  const struct cws_server_options options = {.jwks = sets};
  assert_int_equal(auth_new(&local, &s.time.clock, s.lines.log, &s.auth, NULL), 0);
  assert_int_equal(check(&s, OTHER_SECRET, "b"), CWS_EBADTOKEN);
  assert_int_equal(wakes, 0);
  assert_int_equal(auth_reload(s.auth, &options, NULL), 0);
  assert_int_equal(check(&s, SECRET, "a"), 0);
  key_server_set(&s.server, 200, "{\"keys\":[" JWK_B "]}");
  assert_int_equal(check(&s, OTHER_SECRET, "b"), CWS_EBADTOKEN);
  assert_int_equal(wakes, 1);
  wait_until_taken(&s, OTHER_SECRET, "b");
  auth_free(first);
  site_close(&s);
}

static void plain_http_beyond_this_machine_is_warned_of(void **state) {
  (void)state;
  struct site s;
  struct auth *far = NULL;
  char url[256];
  site_open(&s);
  assert_string_equal(s.lines.text, "");
  /* 127.1 is this machine, too, but not by its look. */
  snprintf(url, sizeof url, "http://ann:pa55@127.1%s", strrchr(s.server.url, ':'));
  const char *const sets[] = {url, NULL};
  const struct cws_server_options options = {.jwks = sets};
  assert_int_equal(auth_new(&options, &s.time.clock, s.lines.log, &far, NULL), 0);
  assert_true(log_lines_have(&s.lines, "http://127.1"));
  assert_true(log_lines_have(&s.lines, "without TLS"));
  assert_false(log_lines_have(&s.lines, "pa55"));
  auth_free(far);
  site_close(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_are_fetched_once_at_start),
      cmocka_unit_test(a_url_that_fails_at_start_is_an_error),
      cmocka_unit_test(an_unknown_kid_has_the_keys_fetched_in_the_background),
      cmocka_unit_test(unknown_kids_have_keys_fetched_once_in_five_minutes_at_most),
      cmocka_unit_test(a_bad_token_that_names_no_unknown_key_has_nothing_fetched),
      cmocka_unit_test(a_refresh_takes_keys_away_too),
      cmocka_unit_test(a_refresh_that_fails_is_logged_and_keeps_the_keys),
      cmocka_unit_test(a_reload_fetches_too_and_fails_with_the_url),
      cmocka_unit_test(a_url_that_came_with_a_reload_is_fetched_for_an_unknown_kid),
      cmocka_unit_test(plain_http_beyond_this_machine_is_warned_of),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
