/* Claims that are taken keep every limit, and may be signed again. The input is their JSON. */
#include "lib/core/token_claims.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

#define NOW_S INT64_C(1800000000)

static void check_globs(const char *const *globs) {
  size_t n = 0;
  for (; globs[n] != NULL; n++)
    CHECK(claims_glob_is_valid(globs[n]));
  CHECK(n <= CLAIM_GLOBS_MAX);
}

static void check_signed(const struct cws_claims *c) {
  struct cws_sign_options options = {.size = sizeof options,
                                     .issuer = c->iss,
                                     .now_s = NOW_S - 100,
                                     .ttl_s = 100 + CWS_TOKEN_LEEWAY_S,
                                     .sub = c->sub,
                                     .with_rights = c->has_rights,
                                     .admin = c->admin,
                                     .subscribe = c->subscribe,
                                     .publish = c->publish};
  struct cws_keys *keys = cws_keys_new();
  struct cws_error err = {0};
  char *token = NULL;
  CHECK(cws_keys_add_secret(keys, "a secret of thirty-two bytes, or", 32, NULL) == 0);
  int rc = cws_token_sign(keys, &options, &token, &err);
  CHECK(rc == 0 || strstr(err.message, "use fewer globs") != NULL);
  free(token);
  cws_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cws_verify_options options = {.size = sizeof options, .now_s = NOW_S};
  struct cws_claims_owned *claims = NULL;
  struct cws_error err = {0};
  json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object(json)) {
    json_decref(json);
    return 0;
  }
  int rc = claims_read(json, &options, &claims, &err);
  json_decref(json); /* the claims live on without it */
  if (rc != 0) {
    fuzz_check_error(rc, &err);
    return 0;
  }
  const struct cws_claims *c = cws_claims_view(claims);
  CHECK(claims_sub_is_valid(c->sub));
  CHECK(c->exp > NOW_S - CWS_TOKEN_LEEWAY_S && c->exp <= CLAIM_TIME_MAX);
  CHECK(c->nbf >= 0 && c->nbf <= NOW_S + CWS_TOKEN_LEEWAY_S);
  CHECK(c->has_rights || (!c->admin && c->subscribe[0] == NULL && c->publish[0] == NULL));
  check_globs(c->subscribe);
  check_globs(c->publish);
  check_signed(c);
  cws_claims_free(claims);
  return 0;
}
