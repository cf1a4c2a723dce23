/* verified: which tokens need not be verified again, and until when. */
#include "tests/unit/auth/support.h"

#include "server/auth/verified.h"
#include <stdio.h>
#include <stdlib.h>

static struct verified *v;

static struct grants *grants_of(char *token) {
  struct cws_keys *keys = cws_keys_new();
  assert_int_equal(cws_keys_add_secret(keys, SECRET, 32, NULL), 0);
  const struct cws_verify_options options = {.size = sizeof options, .now_s = NOW_S};
  struct cws_claims_owned *claims = NULL;
  assert_int_equal(cws_token_verify(keys, token, strlen(token), &options, &claims, NULL), 0);
  struct grants *grants = grants_new(claims, token);
  cws_keys_free(keys);
  free(token);
  return grants;
}

static struct token_digest digest_of(const char *text) {
  return token_digest(text, strlen(text));
}

/* The token of ann, which expires an hour after NOW_S, as one verified then. */
static int set_up(void **state) {
  struct token_digest digest = digest_of("token");
  struct grants *grants = grants_of(token_of_ann(SECRET, NULL));
  v = calloc(1, sizeof *v);
  verified_add(v, &digest, grants, NOW_S);
  *state = grants;
  return 0;
}

static int tear_down(void **state) {
  verified_clear(v);
  free(v);
  grants_free(*state);
  return 0;
}

static bool is_found(const char *text, int64_t now_s) {
  struct token_digest digest = digest_of(text);
  struct grants *grants = verified_find(v, &digest, now_s);
  grants_free(grants);
  return grants != NULL;
}

static void a_token_is_found_again_until_it_expires(void **state) {
  struct token_digest digest = digest_of("token");
  struct grants *grants = verified_find(v, &digest, NOW_S);
  assert_ptr_equal(grants, *state);
  grants_free(grants);
  assert_true(is_found("token", NOW_S + 3600 + CWS_TOKEN_LEEWAY_S - 1));
  assert_false(is_found("token", NOW_S + 3600 + CWS_TOKEN_LEEWAY_S));
}

static void a_token_is_not_found_once_the_clock_was_set_back(void **state) {
  (void)state;
  assert_false(is_found("token", NOW_S - 1));
}

static void another_token_is_not_found(void **state) {
  (void)state;
  char text[32];
  assert_false(is_found("tokem", NOW_S));
  assert_false(is_found("", NOW_S));
  for (int i = 0; i < 10 * VERIFIED_MAX; i++) { /* some of them fall on its place */
    snprintf(text, sizeof text, "other%d", i);
    assert_false(is_found(text, NOW_S));
  }
}

static void many_tokens_take_no_more_than_the_places_there_are(void **state) {
  char text[32];
  int found = 0;
  for (int i = 0; i < 10 * VERIFIED_MAX; i++) {
    snprintf(text, sizeof text, "other%d", i);
    struct token_digest digest = digest_of(text);
    verified_add(v, &digest, *state, NOW_S);
    assert_true(is_found(text, NOW_S));
  }
  for (int i = 0; i < 10 * VERIFIED_MAX; i++) {
    snprintf(text, sizeof text, "other%d", i);
    found += is_found(text, NOW_S);
  }
  assert_in_range(found, VERIFIED_MAX / 2, VERIFIED_MAX);
}

static void what_was_found_outlives_a_clear(void **state) {
  (void)state;
  struct token_digest digest = digest_of("token");
  struct grants *grants = verified_find(v, &digest, NOW_S);
  verified_clear(v);
  assert_false(is_found("token", NOW_S));
  assert_string_equal(grants->sub, "ann");
  grants_free(grants);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_token_is_found_again_until_it_expires, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_token_is_not_found_once_the_clock_was_set_back, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(another_token_is_not_found, set_up, tear_down),
      cmocka_unit_test_setup_teardown(many_tokens_take_no_more_than_the_places_there_are, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(what_was_found_outlives_a_clear, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
