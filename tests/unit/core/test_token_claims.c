/* token_claims: what a hub asks of the claims: issuer, audience, time. Their form:
 * test_token_verify.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/token_claims.h"
#include "tests/unit/core/cases.h"
#include "tests/unit/core/tokens.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct cws_keys *keys;

static int make_keys(void **state) {
  (void)state;
  keys = keys_of_file("secret");
  return 0;
}

static int free_keys(void **state) {
  (void)state;
  cws_keys_free(keys);
  return 0;
}

static int verify_for(const char *token, const char *issuer, const char *audience, int64_t now_s,
                      struct cws_error *err) {
  struct cws_verify_options options = {sizeof options, now_s, issuer, audience};
  struct cws_claims_owned *claims = NULL;
  memset(err, 0, sizeof *err);
  int rc = cws_token_verify(keys, token, strlen(token), &options, &claims, err);
  cws_claims_free(claims);
  return rc;
}

static char *sign_for(const char *issuer, const char *audience) {
  struct cws_sign_options options = signing(NULL);
  char *token = NULL;
  options.issuer = issuer;
  options.audience = audience;
  assert_int_equal(cws_token_sign(keys, &options, &token, NULL), 0);
  return token;
}

static void issuer_and_audience_must_be_those_asked_for(void **state) {
  (void)state;
  struct cws_error err;
  char *with = sign_for("login", "hub"), *without = sign_for(NULL, NULL);
  assert_int_equal(verify_for(with, NULL, NULL, NOW_S, &err), 0);
  assert_int_equal(verify_for(with, "login", "hub", NOW_S, &err), 0);
  assert_int_equal(verify_for(with, "logi", NULL, NOW_S, &err), CWS_EBADTOKEN);
  assert_string_equal(err.message, "the claim \"iss\" must be \"logi\"");
  assert_int_equal(verify_for(with, NULL, "hub2", NOW_S, &err), CWS_EBADTOKEN);
  assert_string_equal(err.message, "the claim \"aud\" must hold \"hub2\"");
  assert_int_equal(verify_for(without, "login", NULL, NOW_S, &err), CWS_EBADTOKEN);
  assert_string_equal(err.message, "the claim \"iss\" must be \"login\"");
  assert_int_equal(verify_for(without, NULL, "hub", NOW_S, &err), CWS_EBADTOKEN);
  assert_string_equal(err.message, "the claim \"aud\" must hold \"hub\"");
  free(with);
  free(without);
}

static void one_audience_of_many_is_enough(void **state) {
  (void)state;
  struct cws_error err;
  char *token = data_file("tokens/jwt/valid/aud_of_many.jwt", NULL);
  assert_int_equal(verify_for(token, NULL, "y", NOW_S, &err), 0);
  assert_int_equal(verify_for(token, NULL, "z", NOW_S, &err), CWS_EBADTOKEN);
  free(token);
}

static void the_leeway_is_60_seconds_both_ways(void **state) {
  (void)state;
  struct cws_error err;
  char *token = sign(keys, NULL); /* from NOW_S, for 3,600 s */
  assert_int_equal(verify_for(token, NULL, NULL, NOW_S - 60, &err), 0);
  assert_int_equal(verify_for(token, NULL, NULL, NOW_S - 61, &err), CWS_EBADTOKEN);
  assert_int_equal(verify_for(token, NULL, NULL, NOW_S + 3659, &err), 0);
  assert_int_equal(verify_for(token, NULL, NULL, NOW_S + 3660, &err), CWS_ETOKENEXPIRED);
  assert_string_equal(err.message, "the token expired 60 s ago");
  assert_int_equal(verify_for(token, NULL, NULL, INT64_MAX, &err), CWS_ETOKENEXPIRED);
  free(token);
}

static void names_and_globs_are_printable_utf8_of_128_bytes(void **state) {
  (void)state;
  static const char *const good[] = {
      "a", " ", "~", "Zo\xc3\xab", "\xc2\xa0", "\xe2\x80\xa7", "\xe2\x80\xaa", "\xf0\x9f\x98\x80"};
  static const char *const bad[] = {
      "", "\x1f", "a\x7f", "\xc2\x80", "\xc2\x9f", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xff", "a\xc3"};
  char text[CLAIM_SUB_MAX + 2];
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    assert_true(claims_sub_is_valid(good[i]) && claims_glob_is_valid(good[i]));
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_false(claims_sub_is_valid(bad[i]) || claims_glob_is_valid(bad[i]));
  memset(text, 's', sizeof text);
  text[CLAIM_SUB_MAX] = '\0';
  assert_true(claims_sub_is_valid(text) && claims_glob_is_valid(text));
  text[CLAIM_SUB_MAX] = 's';
  text[CLAIM_SUB_MAX + 1] = '\0';
  assert_false(claims_sub_is_valid(text) || claims_glob_is_valid(text));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(issuer_and_audience_must_be_those_asked_for),
      cmocka_unit_test(one_audience_of_many_is_enough),
      cmocka_unit_test(the_leeway_is_60_seconds_both_ways),
      cmocka_unit_test(names_and_globs_are_printable_utf8_of_128_bytes),
  };
  return cmocka_run_group_tests(tests, make_keys, free_keys);
}
