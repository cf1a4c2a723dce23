/*
 * No token is taken: the keys here signed none of the corpus. What can be inspected is JSON, and no
 * error repeats a piece of the token.
 */
#include "lib/core/token_parts.h"
#include "lib/core/token_verify.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

/* Made once. A secret, and the example key of RFC 7517, appendix A.1. */
static const struct cws_keys *keys(void) {
  static const char jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                            "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
                            "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}";
  static struct cws_keys *made;
  if (made == NULL) {
    made = cws_keys_new();
    CHECK(cws_keys_add_secret(made,
                              "sixty-four bytes that signed no token of any corpus, whatever it",
                              64, NULL) == 0);
    CHECK(cws_keys_add_jwks(made, jwk, sizeof jwk - 1, NULL) == 0);
  }
  return made;
}

static void check_inspected(const char *token, size_t len) {
  char *header = NULL, *claims = NULL;
  struct cws_error err = {0};
  int rc = cws_token_inspect(token, len, &header, &claims, &err);
  if (rc != 0) {
    fuzz_check_error(rc, &err);
    CHECK(header == NULL && claims == NULL);
    return;
  }
  json_t *a = json_loads(header, 0, NULL), *b = json_loads(claims, 0, NULL);
  CHECK(json_is_object(a) && json_is_object(b));
  json_decref(a);
  json_decref(b);
  free(header);
  free(claims);
}

static void check_header(const char *token, size_t len) {
  struct token_parts parts;
  struct token_header header;
  if (token_split(token, len, &parts, NULL) != 0)
    return;
  if (token_header_init(&header, &parts, NULL) == 0)
    CHECK(header.alg != NULL);
  token_header_finish(&header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct cws_verify_options options = {.size = sizeof options, .now_s = 1800000000};
  struct cws_claims_owned *claims = NULL;
  struct cws_error err = {0};
  const char *token = (const char *)data;
  fuzz_check_error(cws_token_verify(keys(), token, size, &options, &claims, &err), &err);
  CHECK(claims == NULL);
  (void)token_names_unknown_key(keys(), token, size);
  check_inspected(token, size);
  check_header(token, size);
  return 0;
}
