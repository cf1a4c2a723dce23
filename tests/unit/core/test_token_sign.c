/* token_sign: what it writes is what was asked for, and what token_verify takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/token_claims.h"
#include "tests/unit/core/tokens.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char *const ALGS[] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512",
                                   "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"};

static struct cws_keys *signing_keys(void) {
  struct cws_keys *keys = keys_of_file("secret");
  keys_add_file(keys, "pem/valid/rsa_private.pem");
  keys_add_file(keys, "pem/valid/p256_private.pem");
  keys_add_file(keys, "pem/valid/p384_private.pem");
  keys_add_file(keys, "pem/valid/p521_private.pem");
  return keys;
}

static void every_algorithm_signs_what_its_public_key_verifies(void **state) {
  (void)state;
  struct cws_keys *private = signing_keys(), *public = keys_of_case_files();
  for (size_t i = 0; i < sizeof ALGS / sizeof ALGS[0]; i++) {
    struct cws_claims_owned *claims;
    char *header, *json, *token = sign(private, ALGS[i]);
    assert_int_equal(verify(public, token, &claims, NULL), 0);
    assert_string_equal(cws_claims_view(claims)->sub, "ann");
    assert_int_equal(cws_token_inspect(token, strlen(token), &header, &json, NULL), 0);
    assert_non_null(strstr(header, ALGS[i]));
    assert_non_null(strstr(header, "\"typ\":\"JWT\""));
    free(header);
    free(json);
    cws_claims_free(claims);
    free(token);
  }
  cws_keys_free(private);
  cws_keys_free(public);
}

static void check_usual(const char *file, const char *alg) {
  struct cws_keys *keys = keys_of_file(file);
  char *header, *json, *token = sign(keys, NULL);
  assert_int_equal(cws_token_inspect(token, strlen(token), &header, &json, NULL), 0);
  assert_non_null(strstr(header, alg));
  free(header);
  free(json);
  free(token);
  cws_keys_free(keys);
}

static void a_key_has_a_usual_algorithm(void **state) {
  (void)state;
  check_usual("secret", "HS256");
  check_usual("pem/valid/rsa_private.pem", "RS256");
  check_usual("pem/valid/p256_private.pem", "ES256");
  check_usual("pem/valid/p384_private.pem", "ES384");
  check_usual("pem/valid/p521_private.pem", "ES512");
  check_usual("jwk/valid/rsa_for_ps256.json", "PS256");
  check_usual("jwk/valid/secret_for_hs512.json", "HS512");
}

static char *claims_of(const struct cws_keys *keys, const struct cws_sign_options *options) {
  char *token = NULL, *header, *json;
  assert_int_equal(cws_token_sign(keys, options, &token, NULL), 0);
  assert_int_equal(verify(keys, token, NULL, NULL), 0);
  assert_int_equal(cws_token_inspect(token, strlen(token), &header, &json, NULL), 0);
  free(header);
  free(token);
  return json;
}

static void a_plain_token_has_no_rights(void **state) {
  (void)state;
  struct cws_keys *keys = keys_of_file("secret");
  struct cws_sign_options options = signing(NULL);
  options.admin = true; /* counts only with_rights */
  char *json = claims_of(keys, &options);
  assert_string_equal(json, "{\"sub\":\"ann\",\"iat\":1800000000,\"exp\":1800003600}");
  free(json);
  cws_keys_free(keys);
}

static void everything_asked_for_is_written(void **state) {
  (void)state;
  static const char *const subscribe[] = {"req-*", "a?", NULL}, *const publish[] = {"b", NULL};
  struct cws_keys *keys = keys_of_file("secret");
  struct cws_sign_options options = signing(NULL);
  options.issuer = "login";
  options.audience = "hub";
  options.with_rights = true;
  options.admin = true;
  options.subscribe = subscribe;
  options.publish = publish;
  char *json = claims_of(keys, &options);
  assert_string_equal(json, "{\"iss\":\"login\",\"sub\":\"ann\",\"aud\":\"hub\",\"iat\":1800000000,"
                            "\"exp\":1800003600,\"councilws\":{\"subscribe\":[\"req-*\",\"a?\"],"
                            "\"publish\":[\"b\"],\"admin\":true}}");
  free(json);
  options = signing(NULL);
  options.with_rights = true;
  json = claims_of(keys, &options);
  assert_non_null(strstr(json, "\"councilws\":{\"subscribe\":[],\"publish\":[]}"));
  free(json);
  cws_keys_free(keys);
}

static void the_first_key_that_can_signs(void **state) {
  (void)state;
  struct cws_keys *keys = keys_of_file("pem/valid/p384_public.pem");
  keys_add_file(keys, "pem/valid/p256_private.pem");
  keys_add_file(keys, "secret");
  char *header, *json, *token = sign(keys, NULL);
  assert_int_equal(cws_token_inspect(token, strlen(token), &header, &json, NULL), 0);
  assert_non_null(strstr(header, "ES256"));
  free(header);
  free(json);
  free(token);
  cws_keys_free(keys);
}

/* ---- what is refused ---- */

static void refuse(const struct cws_keys *keys, const struct cws_sign_options *options, int code,
                   const char *message) {
  struct cws_error err = {0};
  char *token = NULL;
  assert_int_equal(cws_token_sign(keys, options, &token, &err), code);
  assert_int_equal(err.code, code);
  assert_string_equal(err.message, message);
  assert_null(token);
}

static void without_a_key_that_can_nothing_is_signed(void **state) {
  (void)state;
  struct cws_keys *none = cws_keys_new(), *public = keys_of_file("pem/valid/rsa_public.pem");
  struct cws_keys *secret = keys_of_secret("a secret of thirty-two bytes, or");
  struct cws_sign_options options = signing(NULL);
  refuse(none, &options, CWS_ECONFIG, "no key that can sign; give a secret or a private key");
  refuse(public, &options, CWS_ECONFIG, "no key that can sign; give a secret or a private key");
  options.alg = "RS256";
  refuse(public, &options, CWS_ECONFIG, "no key that can sign with RS256");
  refuse(secret, &options, CWS_ECONFIG, "no key that can sign with RS256");
  options.alg = "HS512";
  refuse(secret, &options, CWS_ECONFIG, "HS512 needs a secret of 64 bytes or more");
  cws_keys_free(none);
  cws_keys_free(public);
  cws_keys_free(secret);
}

static void options_without_sense_are_refused(void **state) {
  (void)state;
  struct cws_keys *keys = keys_of_file("secret");
  static const char *const algs[] = {"none", "hs256", "", "EdDSA"};
  static const char *const subs[] = {NULL, "", "a\nb", "\xff", "a\xe2\x80\xa8"};
  struct cws_sign_options options;
  for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
    options = signing(algs[i]);
    refuse(keys, &options, CWS_EINVAL, "alg: HS, RS, PS or ES with 256, 384 or 512");
  }
  for (size_t i = 0; i < sizeof subs / sizeof subs[0]; i++) {
    options = signing(NULL);
    options.sub = subs[i];
    refuse(keys, &options, CWS_EINVAL, "sub: 1 to 128 bytes of UTF-8 without control characters");
  }
  options = signing(NULL);
  options.size--;
  refuse(keys, &options, CWS_EINVAL, "struct cws_sign_options has another size than here");
  cws_keys_free(keys);
}

static void times_without_sense_are_refused(void **state) {
  (void)state;
  struct cws_keys *keys = keys_of_file("secret");
  static const int64_t ttls[] = {0, -1, INT64_MIN, INT64_MAX, CLAIM_TIME_MAX - NOW_S + 1};
  struct cws_sign_options options = signing(NULL);
  for (size_t i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
    options.ttl_s = ttls[i];
    refuse(keys, &options, CWS_EINVAL, "ttl: 1 second or more, and not beyond the year 9999");
  }
  options.ttl_s = CLAIM_TIME_MAX - NOW_S;
  free(claims_of(keys, &options));
  options.now_s = -1;
  refuse(keys, &options, CWS_EINVAL, "now: not between 1970 and 9999");
  options.now_s = CLAIM_TIME_MAX + 1;
  refuse(keys, &options, CWS_EINVAL, "now: not between 1970 and 9999");
  cws_keys_free(keys);
}

static void names_of_no_utf8_are_refused(void **state) {
  (void)state;
  struct cws_keys *keys = keys_of_file("secret");
  struct cws_sign_options options = signing(NULL);
  options.issuer = "\xff";
  refuse(keys, &options, CWS_EINVAL, "issuer or audience: not UTF-8, or out of memory");
  options.issuer = NULL;
  options.audience = "\xff";
  refuse(keys, &options, CWS_EINVAL, "issuer or audience: not UTF-8, or out of memory");
  cws_keys_free(keys);
}

static void globs_are_held_to_the_limits_of_reading(void **state) {
  (void)state;
  struct cws_keys *keys = keys_of_file("secret");
  const char *many[CLAIM_GLOBS_MAX + 2], *bad[] = {"ok", "", NULL};
  char glob[CLAIM_GLOB_MAX + 2];
  struct cws_sign_options options = signing(NULL);
  options.with_rights = true;
  options.subscribe = bad;
  refuse(keys, &options, CWS_EINVAL,
         "subscribe: a glob has 1 to 128 bytes and no control characters");
  memset(glob, 'g', sizeof glob);
  glob[CLAIM_GLOB_MAX + 1] = '\0';
  bad[1] = glob;
  refuse(keys, &options, CWS_EINVAL,
         "subscribe: a glob has 1 to 128 bytes and no control characters");
  for (size_t i = 0; i <= CLAIM_GLOBS_MAX; i++)
    many[i] = "g";
  many[CLAIM_GLOBS_MAX + 1] = NULL;
  options.subscribe = NULL;
  options.publish = many;
  refuse(keys, &options, CWS_EINVAL, "publish: more than 100 globs");
  many[CLAIM_GLOBS_MAX] = NULL;
  free(claims_of(keys, &options));
  cws_keys_free(keys);
}

static void a_token_is_no_longer_than_what_is_read(void **state) {
  (void)state;
  struct cws_keys *keys = keys_of_file("secret");
  const char *many[CLAIM_GLOBS_MAX + 1];
  char glob[CLAIM_GLOB_MAX + 1];
  struct cws_sign_options options = signing(NULL);
  struct cws_error err = {0};
  char *token = NULL;
  memset(glob, 'g', CLAIM_GLOB_MAX);
  glob[CLAIM_GLOB_MAX] = '\0';
  for (size_t i = 0; i < CLAIM_GLOBS_MAX; i++)
    many[i] = glob;
  many[CLAIM_GLOBS_MAX] = NULL;
  options.with_rights = true;
  options.subscribe = many;
  assert_int_equal(cws_token_sign(keys, &options, &token, &err), CWS_EINVAL);
  assert_non_null(strstr(err.message, "8192 are allowed; use fewer globs"));
  assert_null(token);
  many[40] = NULL;
  assert_int_equal(cws_token_sign(keys, &options, &token, NULL), 0);
  assert_int_equal(verify(keys, token, NULL, NULL), 0);
  free(token);
  cws_keys_free(keys);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_algorithm_signs_what_its_public_key_verifies),
      cmocka_unit_test(a_key_has_a_usual_algorithm),
      cmocka_unit_test(a_plain_token_has_no_rights),
      cmocka_unit_test(everything_asked_for_is_written),
      cmocka_unit_test(the_first_key_that_can_signs),
      cmocka_unit_test(without_a_key_that_can_nothing_is_signed),
      cmocka_unit_test(options_without_sense_are_refused),
      cmocka_unit_test(times_without_sense_are_refused),
      cmocka_unit_test(names_of_no_utf8_are_refused),
      cmocka_unit_test(globs_are_held_to_the_limits_of_reading),
      cmocka_unit_test(a_token_is_no_longer_than_what_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
