/* grants: PROTOCOL "Tokens": what the claim "councilws" allows, and what its absence does. */
#include "tests/unit/auth/support.h"

#include "server/auth/grants.h"
#include <stdio.h>

/* The grants of ann's token with `more` claims behind the usual ones. */
static struct grants *grants_of(const char *more) {
  char text[512];
  struct cws_claims_owned *claims = NULL;
  struct cws_error err = {0};
  struct cws_verify_options options = {.size = sizeof options, .now_s = NOW_S};
  struct cws_keys *keys = cws_keys_new();
  snprintf(text, sizeof text, "{\"sub\":\"ann\",\"exp\":%d%s}", NOW_S + 60, more);
  char *token = token_craft("{\"alg\":\"HS256\"}", text, SECRET);
  assert_int_equal(cws_keys_add_secret(keys, SECRET, strlen(SECRET), NULL), 0);
  if (cws_token_verify(keys, token, strlen(token), &options, &claims, &err) != 0)
    fail_msg("%s", err.message);
  struct grants *g = grants_new(claims, token);
  assert_non_null(g);
  assert_string_equal(g->token, token);
  cws_keys_free(keys);
  free(token);
  return g;
}

static void grants_keep_who_it_is_and_until_when(void **state) {
  (void)state;
  struct grants *g = grants_of("");
  assert_string_equal(g->sub, "ann");
  assert_int_equal(g->exp_s, NOW_S + 60);
  grants_free(g);
  grants_free(NULL);
}

static void without_the_claim_one_watches_what_has_no_owner_or_is_ones_own(void **state) {
  (void)state;
  struct grants *g = grants_of("");
  assert_true(grants_may_watch(g, "req-1", NULL));
  assert_true(grants_may_watch(g, "req-1", ""));
  assert_true(grants_may_watch(g, "req-1", "ann"));
  assert_false(grants_may_watch(g, "req-1", "bob"));
  assert_false(grants_may_watch(g, "req-1", "ann2"));
  assert_false(grants_may_watch(g, "req-1", "an"));
  assert_false(grants_may_watch(g, "req-1", "Ann"));
  grants_free(g);
}

static void without_the_claim_nothing_is_published_and_nobody_is_admin(void **state) {
  (void)state;
  struct grants *g = grants_of("");
  assert_false(grants_may_publish(g, "req-1"));
  assert_false(grants_is_admin(g));
  grants_free(g);
}

static void globs_of_the_claim_say_what_is_watched_and_what_is_published(void **state) {
  (void)state;
  struct grants *g = grants_of(",\"councilws\":{\"subscribe\":[\"req-*\",\"demo\"],"
                               "\"publish\":[\"run-?\"]}");
  assert_true(grants_may_watch(g, "req-1", NULL));
  assert_true(grants_may_watch(g, "req-", NULL));
  assert_true(grants_may_watch(g, "demo", NULL));
  assert_false(grants_may_watch(g, "demo2", NULL));
  assert_false(grants_may_watch(g, "xreq-1", NULL));
  assert_false(grants_may_watch(g, "run-1", NULL));
  assert_true(grants_may_publish(g, "run-1"));
  assert_false(grants_may_publish(g, "run-12"));
  assert_false(grants_may_publish(g, "req-1"));
  assert_false(grants_is_admin(g));
  grants_free(g);
}

static void with_the_claim_the_owner_makes_no_difference(void **state) {
  (void)state;
  struct grants *g = grants_of(",\"councilws\":{\"subscribe\":[\"req-*\"]}");
  assert_true(grants_may_watch(g, "req-1", "bob"));
  assert_false(grants_may_watch(g, "other", "ann"));
  assert_false(grants_may_watch(g, "other", NULL));
  grants_free(g);
}

static void an_empty_claim_allows_nothing(void **state) {
  (void)state;
  struct grants *g = grants_of(",\"councilws\":{}");
  assert_false(grants_may_watch(g, "req-1", NULL));
  assert_false(grants_may_watch(g, "req-1", "ann"));
  assert_false(grants_may_publish(g, "req-1"));
  assert_false(grants_is_admin(g));
  grants_free(g);
}

static void an_admin_may_do_anything(void **state) {
  (void)state;
  struct grants *g = grants_of(",\"councilws\":{\"admin\":true}");
  assert_true(grants_may_watch(g, "req-1", "bob"));
  assert_true(grants_may_publish(g, "req-1"));
  assert_true(grants_is_admin(g));
  grants_free(g);
}

static void admin_false_is_no_admin(void **state) {
  (void)state;
  struct grants *g = grants_of(",\"councilws\":{\"admin\":false,\"publish\":[\"*\"]}");
  assert_false(grants_is_admin(g));
  assert_false(grants_may_watch(g, "req-1", NULL));
  assert_true(grants_may_publish(g, "req-1"));
  grants_free(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grants_keep_who_it_is_and_until_when),
      cmocka_unit_test(without_the_claim_one_watches_what_has_no_owner_or_is_ones_own),
      cmocka_unit_test(without_the_claim_nothing_is_published_and_nobody_is_admin),
      cmocka_unit_test(globs_of_the_claim_say_what_is_watched_and_what_is_published),
      cmocka_unit_test(with_the_claim_the_owner_makes_no_difference),
      cmocka_unit_test(an_empty_claim_allows_nothing),
      cmocka_unit_test(an_admin_may_do_anything),
      cmocka_unit_test(admin_false_is_no_admin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
