/*
 * token_verify, token_parts, token_claims, token_rights: each file of tests/data/tokens/jwt, which
 * another implementation signed, with the claims or the error beside it; then keys against tokens.
 * What is asked of claims by a hub is in test_token_claims.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/token_verify.h"
#include "tests/unit/core/cases.h"
#include "tests/unit/core/tokens.h"
#include <cmocka.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static struct cws_keys *case_keys; /* made once: OpenSSL takes its time with keys */

static int make_case_keys(void **state) {
  (void)state;
  case_keys = keys_of_case_files();
  return 0;
}

static int free_case_keys(void **state) {
  (void)state;
  cws_keys_free(case_keys);
  return 0;
}

static void add_globs(struct buf *b, const char *name, const char *const *globs) {
  buf_addf(b, "\n%s", name);
  for (; *globs != NULL; globs++)
    buf_addf(b, " %s", *globs);
}

static char *describe(const struct cws_claims *c) {
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, "sub ");
  add_printable(&b, c->sub, strlen(c->sub));
  buf_addf(&b, "\niss %s\nexp %lld\nnbf %lld\niat %lld\nrights %s\nadmin %s",
           c->iss != NULL ? c->iss : "-", (long long)c->exp, (long long)c->nbf, (long long)c->iat,
           c->has_rights ? "yes" : "no", c->admin ? "yes" : "no");
  add_globs(&b, "subscribe", c->subscribe);
  add_globs(&b, "publish", c->publish);
  return buf_take(&b, NULL);
}

static int verify_case(const struct test_case *c, struct cws_claims_owned **out,
                       struct cws_error *err) {
  struct cws_verify_options options = {.size = sizeof options, .now_s = NOW_S};
  int rc = cws_token_verify(case_keys, c->text, c->len, &options, out, err);
  assert_int_equal(ERR_peek_error(), 0);
  return rc;
}

static void read_valid(const struct test_case *c) {
  struct cws_claims_owned *claims = NULL;
  struct cws_error err = {0};
  if (verify_case(c, &claims, &err) != 0)
    fail_msg("%s: %s", c->path, err.message);
  char *got = describe(cws_claims_view(claims)), *wanted = case_answer(c, "read", NULL);
  check_text(c, got, wanted);
  free(got);
  free(wanted);
  cws_claims_free(claims);
}

static void tokens_of_every_algorithm_are_verified_and_read(void **state) {
  (void)state;
  each_case("tokens/jwt/valid", "jwt", 20, read_valid);
}

static void read_invalid(const struct test_case *c) {
  struct cws_claims_owned *claims = NULL;
  struct cws_error err = {0};
  check_error(c, verify_case(c, &claims, &err), &err);
  assert_null(claims);
  assert_null(strstr(err.message, "eyJ")); /* no piece of the token */
}

static void everything_else_is_refused_and_the_reason_named(void **state) {
  (void)state;
  each_case("tokens/jwt/invalid", "jwt", 80, read_invalid);
}

/* Whatever bit is turned over: it is never taken. */
static void turn_every_character(const struct test_case *c) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  struct cws_claims_owned *claims = NULL;
  if (strstr(c->path, "/hs256") == NULL && strstr(c->path, "/es256") == NULL)
    return;
  size_t last = c->len - 1; /* the lowest bits of the last character say nothing */
  for (size_t i = 0; i < last; i++) {
    char was = c->text[i];
    const char *at = strchr(alphabet, was);
    c->text[i] = at != NULL ? alphabet[(at - alphabet) ^ 1] : 'A';
    if (verify_case(c, &claims, NULL) == 0)
      fail_msg("%s: taken with another byte %zu", c->path, i);
    c->text[i] = was;
  }
}

static void a_token_with_one_bit_turned_over_is_refused(void **state) {
  (void)state;
  each_case("tokens/jwt/valid", "jwt", 20, turn_every_character);
}

static void a_token_cut_anywhere_is_refused(void **state) {
  (void)state;
  char *token = sign(case_keys, "HS256");
  struct cws_verify_options options = {.size = sizeof options, .now_s = NOW_S};
  struct cws_claims_owned *claims = NULL;
  for (size_t len = 0; len < strlen(token); len++)
    assert_int_equal(cws_token_verify(case_keys, token, len, &options, &claims, NULL),
                     CWS_EBADTOKEN);
  free(token);
}

/* ---- keys against tokens ---- */

/* What `signer` signs with `alg`, shown to a hub that has only `verifier`. */
static void check_pair(const char *signer, const char *alg, const char *verifier,
                       const char *message) {
  struct cws_keys *from = keys_of_file(signer), *to = keys_of_file(verifier);
  struct cws_error err = {0};
  char *token = sign(from, alg);
  int rc = verify(to, token, NULL, &err);
  if (strcmp(err.message, message) != 0)
    fail_msg("%s by %s for %s: %s", alg, signer, verifier, err.message);
  assert_int_equal(rc, *message != '\0' ? CWS_EBADTOKEN : 0);
  free(token);
  cws_keys_free(from);
  cws_keys_free(to);
}

static void an_algorithm_never_meets_a_key_of_another_kind(void **state) {
  (void)state;
  check_pair("secret", "HS256", "pem/valid/rsa_public.pem",
             "the token is signed with HS256, for which there is no key");
  check_pair("secret", "HS256", "pem/valid/p256_public.pem",
             "the token is signed with HS256, for which there is no key");
  check_pair("pem/valid/rsa_private.pem", "RS256", "secret",
             "the token is signed with RS256, for which there is no key");
  check_pair("pem/valid/rsa_private.pem", "PS256", "pem/valid/p256_public.pem",
             "the token is signed with PS256, for which there is no key");
  check_pair("pem/valid/p256_private.pem", "ES256", "pem/valid/p384_public.pem",
             "the token is signed with ES256, for which there is no key");
  check_pair("pem/valid/p521_private.pem", "ES512", "pem/valid/p256_public.pem",
             "the token is signed with ES512, for which there is no key");
}

static void a_key_for_one_algorithm_is_used_with_no_other(void **state) {
  (void)state;
  check_pair("pem/valid/rsa_private.pem", "PS256", "jwk/valid/rsa_for_ps256.json", "");
  check_pair("pem/valid/rsa_private.pem", "RS256", "jwk/valid/rsa_for_ps256.json",
             "the token is signed with RS256, for which there is no key");
  check_pair("pem/valid/rsa_private.pem", "PS512", "jwk/valid/rsa_for_ps256.json",
             "the token is signed with PS512, for which there is no key");
  check_pair("secret", "HS256", "jwk/valid/secret_for_hs512.json",
             "the token is signed with HS256, for which there is no key");
}

static void private_public_and_certificate_are_the_same_key(void **state) {
  (void)state;
  check_pair("pem/valid/rsa_private.pem", "RS384", "pem/valid/rsa_private_pkcs1.pem", "");
  check_pair("pem/valid/rsa_private_pkcs1.pem", "PS384", "pem/valid/rsa_certificate.pem", "");
  check_pair("pem/valid/p256_private_sec1.pem", "ES256", "pem/valid/p256_certificate.pem", "");
  check_pair("jwk/valid/p521_private.json", "ES512", "pem/valid/p521_public.pem", "");
  check_pair("pem/valid/p384_private.pem", "ES384", "jwk/valid/set.json", "");
}

static struct cws_keys *short_secret(size_t bytes) {
  struct cws_keys *keys = cws_keys_new();
  char secret[64];
  memset(secret, 's', sizeof secret);
  assert_int_equal(cws_keys_add_secret(keys, secret, bytes, NULL), 0);
  return keys;
}

/* Refused before the signature is looked at. */
static void a_secret_must_be_as_long_as_the_hash(void **state) {
  (void)state;
  struct cws_keys *k47 = short_secret(47), *k48 = short_secret(48);
  struct cws_error err = {0};
  char *token = sign(k48, "HS384");
  assert_int_equal(verify(k48, token, NULL, NULL), 0);
  assert_int_equal(verify(k47, token, NULL, &err), CWS_EBADTOKEN);
  assert_string_equal(err.message,
                      "the token is signed with HS384, which needs a secret of 48 bytes or more");
  free(token);
  cws_keys_free(k47);
  cws_keys_free(k48);
}

/* Adds a secret of one digit over and over, under a name or none (NULL). */
static void add_named(struct cws_keys *keys, const char *kid, char digit) {
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, "{\"kty\":\"oct\"");
  if (kid != NULL)
    buf_addf(&b, ",\"kid\":\"%s\"", kid);
  buf_add_str(&b, ",\"k\":\"");
  for (int i = 0; i < 40; i++)
    buf_add_char(&b, digit);
  buf_add_str(&b, "AAA\"}");
  assert_int_equal(cws_keys_add_jwks(keys, b.data, b.len, NULL), 0);
  buf_finish(&b);
}

static char *sign_named(const char *kid, char digit) {
  struct cws_keys *keys = cws_keys_new();
  add_named(keys, kid, digit);
  char *token = sign(keys, NULL);
  assert_false(token_names_unknown_key(keys, token, strlen(token)));
  cws_keys_free(keys);
  return token;
}

static void a_known_kid_chooses_the_key(void **state) {
  (void)state;
  struct cws_error err = {0};
  struct cws_keys *keys = cws_keys_new();
  char *token = sign_named("b", '1');
  add_named(keys, "b", '0');
  add_named(keys, "a", '1'); /* it would do, but has another name */
  assert_int_equal(verify(keys, token, NULL, &err), CWS_EBADTOKEN);
  assert_string_equal(err.message, "the signature of the token is not that of a known key");
  add_named(keys, "b", '1');
  assert_int_equal(verify(keys, token, NULL, NULL), 0);
  free(token);
  cws_keys_free(keys);
}

static void with_an_unknown_kid_every_key_is_asked(void **state) {
  (void)state;
  struct cws_keys *keys = cws_keys_new();
  char *token = sign_named("b", '1');
  add_named(keys, "a", '0');
  assert_true(token_names_unknown_key(keys, token, strlen(token)));
  assert_int_equal(verify(keys, token, NULL, NULL), CWS_EBADTOKEN);
  add_named(keys, NULL, '1');
  assert_true(token_names_unknown_key(keys, token, strlen(token)));
  assert_int_equal(verify(keys, token, NULL, NULL), 0);
  free(token);
  cws_keys_free(keys);
}

static void a_named_key_of_another_kind_is_not_used(void **state) {
  (void)state;
  struct cws_error err = {0};
  struct cws_keys *keys = keys_of_file("jwk/valid/set.json"); /* its "b" is a P-256 key */
  char *token = sign_named("b", '1');
  add_named(keys, NULL, '1');
  assert_int_equal(verify(keys, token, NULL, &err), CWS_EBADTOKEN);
  assert_string_equal(err.message,
                      "the key that the token names does not go with its \"alg\" (HS256)");
  free(token);
  cws_keys_free(keys);
}

static void what_is_no_token_names_no_key(void **state) {
  (void)state;
  static const char *const texts[] = {"", "a.b.c", "eyJhbGciOiJub25lIn0.e30.",
                                      "eyJraWQiOiJ4In0.e30.aaaa"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_false(token_names_unknown_key(case_keys, texts[i], strlen(texts[i])));
}

static void a_set_without_keys_verifies_nothing(void **state) {
  (void)state;
  struct cws_keys *none = cws_keys_new();
  struct cws_error err = {0};
  char *token = sign(case_keys, NULL);
  assert_int_equal(verify(none, token, NULL, &err), CWS_EBADTOKEN);
  assert_string_equal(err.message, "the token is signed with HS256, for which there is no key");
  free(token);
  cws_keys_free(none);
}

static void options_of_another_size_are_refused(void **state) {
  (void)state;
  struct cws_verify_options options = {.size = 8};
  struct cws_claims_owned *claims = NULL;
  assert_int_equal(cws_token_verify(case_keys, "a.b.c", 5, &options, &claims, NULL), CWS_EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_of_every_algorithm_are_verified_and_read),
      cmocka_unit_test(everything_else_is_refused_and_the_reason_named),
      cmocka_unit_test(a_token_with_one_bit_turned_over_is_refused),
      cmocka_unit_test(a_token_cut_anywhere_is_refused),
      cmocka_unit_test(an_algorithm_never_meets_a_key_of_another_kind),
      cmocka_unit_test(a_key_for_one_algorithm_is_used_with_no_other),
      cmocka_unit_test(private_public_and_certificate_are_the_same_key),
      cmocka_unit_test(a_secret_must_be_as_long_as_the_hash),
      cmocka_unit_test(a_known_kid_chooses_the_key),
      cmocka_unit_test(with_an_unknown_kid_every_key_is_asked),
      cmocka_unit_test(a_named_key_of_another_kind_is_not_used),
      cmocka_unit_test(what_is_no_token_names_no_key),
      cmocka_unit_test(a_set_without_keys_verifies_nothing),
      cmocka_unit_test(options_of_another_size_are_refused),
  };
  return cmocka_run_group_tests(tests, make_case_keys, free_case_keys);
}
