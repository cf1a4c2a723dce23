/*
 * token_keys: a set of keys in memory. Each is one or two bare JWKs (kty and key material only):
 * what a JWK says of its own use ("alg", "use", "key_ops", "kid") is read once and checked here,
 * because libjose 11 compares "alg" in one direction only. Knows no token and no PEM.
 */
#ifndef CWS_CORE_TOKEN_KEYS_H
#define CWS_CORE_TOKEN_KEYS_H

#include "lib/core/token_alg.h"
#include <councilws/token.h>
#include <jansson.h>
#include <jose/cfg.h>

#define KEYS_MAX 64           /* bounds what one token of an unknown key costs */
#define KEY_SECRET_MAX 1024   /* bytes; libjose's own limit */
#define KEY_RSA_BITS_MIN 2048 /* RFC 7518, section 3.3 */
#define KEY_RSA_BITS_MAX 8192 /* slower ones would stall a loop */

struct key {
  enum key_kind kind;
  size_t secret_bytes;         /* of KEY_HMAC */
  const struct token_alg *alg; /* the only one it may be used with; NULL: any of its kind */
  char *kid;                   /* or NULL */
  json_t *verifying;           /* NULL: not for verifying */
  json_t *signing;             /* NULL: not for signing */
};

struct cws_keys {
  struct key *items;
  size_t count, cap;
  jose_cfg_t *jose; /* silences libjose, which would print; only read after cws_keys_new */
};

/* Reads one JWK and adds it. CWS_ECONFIG says why it is of no use. */
int keys_add_jwk(struct cws_keys *keys, const json_t *jwk, struct cws_error *err);

/* Adds *key to the set and zeroes it; on failure it stays the caller's. CWS_ECONFIG, CWS_ENOMEM. */
int keys_take(struct cws_keys *keys, struct key *key, struct cws_error *err);
int keys_full(struct cws_error *err); /* the error of a set with KEYS_MAX keys: CWS_ECONFIG */
void key_finish(struct key *key);

/* Whether `key` can work with `alg`: kind, its own alg, and a secret long enough. */
bool key_fits(const struct key *key, const struct token_alg *alg);

#endif
