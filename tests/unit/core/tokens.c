/* tokens: see tokens.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "tests/unit/core/cases.h"
#include "tests/unit/core/tokens.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cws_keys *keys_of_secret(const char *secret) {
  struct cws_keys *keys = cws_keys_new();
  assert_non_null(keys);
  assert_int_equal(cws_keys_add_secret(keys, secret, strlen(secret), NULL), 0);
  return keys;
}

void keys_add_file(struct cws_keys *keys, const char *name) {
  char path[200];
  struct cws_error err = {0};
  size_t len;
  snprintf(path, sizeof path, "tokens/%s", name);
  char *text = data_file(path, &len);
  int rc = strstr(name, ".json") != NULL  ? cws_keys_add_jwks(keys, text, len, &err)
           : strstr(name, ".pem") != NULL ? cws_keys_add_pem(keys, text, len, &err)
                                          : cws_keys_add_secret(keys, text, len, &err);
  if (rc != 0)
    fail_msg("%s: %s", name, err.message);
  free(text);
}

struct cws_keys *keys_of_file(const char *name) {
  struct cws_keys *keys = cws_keys_new();
  assert_non_null(keys);
  keys_add_file(keys, name);
  return keys;
}

struct cws_keys *keys_of_case_files(void) {
  struct cws_keys *keys = keys_of_file("secret");
  keys_add_file(keys, "pem/valid/rsa_public.pem");
  keys_add_file(keys, "pem/valid/p256_public.pem");
  keys_add_file(keys, "pem/valid/p384_public.pem");
  keys_add_file(keys, "pem/valid/p521_public.pem");
  return keys;
}

struct cws_sign_options signing(const char *alg) {
  return (struct cws_sign_options){.size = sizeof(struct cws_sign_options),
                                   .alg = alg,
                                   .sub = "ann",
                                   .now_s = NOW_S,
                                   .ttl_s = 3600};
}

char *sign(const struct cws_keys *keys, const char *alg) {
  struct cws_sign_options options = signing(alg);
  struct cws_error err = {0};
  char *token = NULL;
  if (cws_token_sign(keys, &options, &token, &err) != 0)
    fail_msg("%s: %s", alg != NULL ? alg : "usual", err.message);
  return token;
}

int verify(const struct cws_keys *keys, const char *token, struct cws_claims_owned **out,
           struct cws_error *err) {
  struct cws_verify_options options = {.size = sizeof options, .now_s = NOW_S};
  struct cws_claims_owned *claims = NULL;
  int rc = cws_token_verify(keys, token, strlen(token), &options, &claims, err);
  assert_int_equal(claims != NULL, rc == 0);
  if (out != NULL)
    *out = claims;
  else
    cws_claims_free(claims);
  return rc;
}
