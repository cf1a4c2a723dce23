/*
 * token_keys, token_pem, token_jwk: each file of tests/data/tokens/pem and jwk, with what the key
 * is good for beside it; then secrets, and the set itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/token_keys.h"
#include "tests/unit/core/cases.h"
#include "tests/unit/core/tokens.h"
#include <cmocka.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int add_fn(struct cws_keys *keys, const char *text, size_t len, struct cws_error *err);

/* "RS256 verify kid": with what the key works when nobody says, and whether it signs. */
static void describe(struct buf *b, const struct key *key) {
  const struct token_alg *alg = key->alg != NULL ? key->alg : token_alg_usual(key->kind);
  if (b->len > 0)
    buf_add_char(b, '\n');
  buf_addf(b, "%s %s", alg->name, key->signing != NULL ? "sign" : "verify");
  if (key->kid != NULL)
    buf_addf(b, " %s", key->kid);
}

static void take(const struct test_case *c, add_fn *add) {
  struct cws_keys *keys = cws_keys_new();
  struct cws_error err = {0};
  struct buf b;
  buf_init(&b);
  if (add(keys, c->text, c->len, &err) != 0)
    fail_msg("%s: %s", c->path, err.message);
  for (size_t i = 0; i < cws_keys_count(keys); i++) {
    assert_non_null(keys->items[i].verifying);
    describe(&b, &keys->items[i]);
  }
  char *wanted = case_answer(c, "use", NULL);
  check_text(c, b.data, wanted);
  assert_int_equal(ERR_peek_error(), 0); /* it would look like a TLS failure later */
  free(wanted);
  buf_finish(&b);
  cws_keys_free(keys);
}

static void refuse(const struct test_case *c, add_fn *add) {
  struct cws_keys *keys = cws_keys_new();
  struct cws_error err = {0};
  check_error(c, add(keys, c->text, c->len, &err), &err);
  assert_int_equal(cws_keys_count(keys), 0);
  assert_int_equal(ERR_peek_error(), 0);
  cws_keys_free(keys);
}

static void take_pem(const struct test_case *c) {
  take(c, cws_keys_add_pem);
}

static void refuse_pem(const struct test_case *c) {
  refuse(c, cws_keys_add_pem);
}

static void take_jwk(const struct test_case *c) {
  take(c, cws_keys_add_jwks);
}

static void refuse_jwk(const struct test_case *c) {
  refuse(c, cws_keys_add_jwks);
}

static void pem_texts_become_keys(void **state) {
  (void)state;
  each_case("tokens/pem/valid", "pem", 15, take_pem);
}

static void pem_texts_without_a_key_of_use_are_refused(void **state) {
  (void)state;
  each_case("tokens/pem/invalid", "pem", 12, refuse_pem);
}

static void jwks_become_keys(void **state) {
  (void)state;
  each_case("tokens/jwk/valid", "json", 12, take_jwk);
}

static void jwks_without_a_key_of_use_are_refused(void **state) {
  (void)state;
  each_case("tokens/jwk/invalid", "json", 25, refuse_jwk);
}

/* A key that may only be verified with must not bring its secret half along. */
static void a_verifying_key_holds_no_private_part(void **state) {
  (void)state;
  static const char *const files[] = {"pem/valid/rsa_private.pem", "pem/valid/p256_private.pem",
                                      "jwk/valid/rsa_private.json", "jwk/valid/p521_private.json"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    struct cws_keys *keys = keys_of_file(files[i]);
    assert_null(json_object_get(keys->items[0].verifying, "d"));
    assert_non_null(json_object_get(keys->items[0].signing, "d"));
    cws_keys_free(keys);
  }
}

static void add_secret(const char *secret, size_t len, const char *message) {
  struct cws_keys *keys = cws_keys_new();
  struct cws_error err = {0};
  int rc = cws_keys_add_secret(keys, secret, len, &err);
  assert_int_equal(rc, message != NULL ? CWS_ECONFIG : 0);
  assert_string_equal(err.message, message != NULL ? message : "");
  assert_int_equal(cws_keys_count(keys), message == NULL);
  cws_keys_free(keys);
}

static void a_secret_has_32_to_1024_bytes(void **state) {
  (void)state;
  char bytes[1025];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (char)i; /* any bytes will do */
  add_secret(bytes, 32, NULL);
  add_secret(bytes, 1024, NULL);
  add_secret(bytes, 0, "the secret has 0 bytes, HS256 needs 32 or more");
  add_secret(bytes, 31, "the secret has 31 bytes, HS256 needs 32 or more");
  add_secret(bytes, 1025, "the secret has 1025 bytes, at most 1024 are possible");
}

/* Everyone may have a public key: as a secret it would let everyone sign. */
static void a_pem_text_is_no_secret(void **state) {
  (void)state;
  size_t len;
  char *pem = data_file("tokens/pem/valid/rsa_public.pem", &len);
  add_secret(pem, len, "the secret is a PEM text; give it as a public key instead");
  free(pem);
}

static void no_message_quotes_a_key(void **state) {
  (void)state;
  struct cws_keys *keys = cws_keys_new();
  struct cws_error err = {0};
  const char *json = "{\"kty\":\"oct\",\"k\":hunter2}";
  assert_int_equal(cws_keys_add_jwks(keys, json, strlen(json), &err), CWS_ECONFIG);
  assert_null(strstr(err.message, "hunter2"));
  cws_keys_free(keys);
}

static void a_set_has_no_more_than_64_keys(void **state) {
  (void)state;
  struct cws_keys *keys = cws_keys_new();
  struct cws_error err = {0};
  char secret[33];
  for (int i = 0; i < KEYS_MAX; i++) {
    snprintf(secret, sizeof secret, "%032d", i);
    assert_int_equal(cws_keys_add_secret(keys, secret, 32, NULL), 0);
  }
  assert_int_equal(cws_keys_count(keys), KEYS_MAX);
  assert_int_equal(cws_keys_add_secret(keys, secret, 32, &err), CWS_ECONFIG);
  assert_string_equal(err.message, "more than 64 keys; remove those that sign no tokens any more");
  assert_int_equal(cws_keys_count(keys), KEYS_MAX);
  char *token = sign(keys, NULL);
  assert_int_equal(verify(keys, token, NULL, NULL), 0);
  free(token);
  cws_keys_free(keys);
  cws_keys_free(NULL);
}

static void a_key_set_of_65_keys_is_refused(void **state) {
  (void)state;
  struct cws_keys *keys = cws_keys_new();
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, "{\"keys\":[");
  for (int i = 0; i <= KEYS_MAX; i++)
    buf_addf(&b, "%s{\"kty\":\"oct\",\"k\":\"%043d\"}", i > 0 ? "," : "", 0);
  buf_add_str(&b, "]}");
  assert_int_equal(cws_keys_add_jwks(keys, b.data, b.len, NULL), CWS_ECONFIG);
  buf_finish(&b);
  cws_keys_free(keys);
}

static void each_algorithm_goes_with_one_kind_of_key(void **state) {
  (void)state;
  static const struct {
    const char *name;
    enum key_kind kind;
    size_t secret;
  } rows[] = {{"HS256", KEY_HMAC, 32}, {"HS384", KEY_HMAC, 48}, {"HS512", KEY_HMAC, 64},
              {"RS256", KEY_RSA, 0},   {"RS384", KEY_RSA, 0},   {"RS512", KEY_RSA, 0},
              {"PS256", KEY_RSA, 0},   {"PS384", KEY_RSA, 0},   {"PS512", KEY_RSA, 0},
              {"ES256", KEY_P256, 0},  {"ES384", KEY_P384, 0},  {"ES512", KEY_P521, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct token_alg *alg = token_alg_find(rows[i].name);
    assert_string_equal(alg->name, rows[i].name);
    assert_int_equal(alg->kind, rows[i].kind);
    assert_int_equal(alg->min_secret_bytes, rows[i].secret);
    assert_int_equal(token_alg_usual(rows[i].kind)->kind, rows[i].kind);
  }
  static const char *const others[] = {"",     "none", "None",   "NONE",  "hs256", "HS256 ",
                                       "HS25", "HS1",  "ES256K", "EdDSA", "dir"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    assert_null(token_alg_find(others[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pem_texts_become_keys),
      cmocka_unit_test(pem_texts_without_a_key_of_use_are_refused),
      cmocka_unit_test(jwks_become_keys),
      cmocka_unit_test(jwks_without_a_key_of_use_are_refused),
      cmocka_unit_test(a_verifying_key_holds_no_private_part),
      cmocka_unit_test(a_secret_has_32_to_1024_bytes),
      cmocka_unit_test(a_pem_text_is_no_secret),
      cmocka_unit_test(no_message_quotes_a_key),
      cmocka_unit_test(a_set_has_no_more_than_64_keys),
      cmocka_unit_test(a_key_set_of_65_keys_is_refused),
      cmocka_unit_test(each_algorithm_goes_with_one_kind_of_key),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
