/* A JWK set, which may come over the network, and a PEM text: a key that is taken works. */
#include "lib/core/token_keys.h"
#include "tests/fuzz/fuzz.h"
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static void check_keys(const struct cws_keys *keys) {
  struct cws_sign_options options = {
      .size = sizeof options, .sub = "ann", .now_s = 1800000000, .ttl_s = 60};
  char *token = NULL;
  for (size_t i = 0; i < keys->count; i++) {
    const struct key *key = &keys->items[i];
    CHECK(key->verifying != NULL || key->signing != NULL);
    CHECK(key->kind == KEY_HMAC || json_object_get(key->verifying, "d") == NULL);
    CHECK(key->alg == NULL || key_fits(key, key->alg));
  }
  if (cws_token_sign(keys, &options, &token, NULL) == 0)
    free(token);
}

static void run(int (*add)(struct cws_keys *, const char *, size_t, struct cws_error *),
                const char *text, size_t len) {
  struct cws_keys *keys = cws_keys_new();
  struct cws_error err = {0};
  int rc = add(keys, text, len, &err);
  if (rc != 0)
    fuzz_check_error(rc, &err);
  else
    CHECK(cws_keys_count(keys) > 0);
  check_keys(keys);
  CHECK(ERR_peek_error() == 0);
  cws_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  run(cws_keys_add_jwks, (const char *)data, size);
  run(cws_keys_add_pem, (const char *)data, size);
  return 0;
}
