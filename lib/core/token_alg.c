/* token_alg: see token_alg.h. "none" is no row, so no spelling of it can be found. */
#include "lib/core/token_alg.h"

#include <string.h>

/* The first row of a kind is its usual algorithm. */
static const struct token_alg ALGS[] = {
    {"HS256", KEY_HMAC, 32}, {"HS384", KEY_HMAC, 48}, {"HS512", KEY_HMAC, 64},
    {"RS256", KEY_RSA, 0},   {"RS384", KEY_RSA, 0},   {"RS512", KEY_RSA, 0},
    {"PS256", KEY_RSA, 0},   {"PS384", KEY_RSA, 0},   {"PS512", KEY_RSA, 0},
    {"ES256", KEY_P256, 0},  {"ES384", KEY_P384, 0},  {"ES512", KEY_P521, 0},
};
#define ALG_COUNT (sizeof ALGS / sizeof ALGS[0])

const struct token_alg *token_alg_find(const char *name) {
  for (size_t i = 0; i < ALG_COUNT; i++) {
    if (strcmp(ALGS[i].name, name) == 0)
      return &ALGS[i];
  }
  return NULL;
}

const struct token_alg *token_alg_usual(enum key_kind kind) {
  for (size_t i = 0; i < ALG_COUNT; i++) {
    if (ALGS[i].kind == kind)
      return &ALGS[i];
  }
  return NULL;
}
