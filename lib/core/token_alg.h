/*
 * token_alg: the signature algorithms of RFC 7518 that tokens may use, and the one kind of key each
 * of them works with. Pure tables; knows no key and no token.
 */
#ifndef CWS_CORE_TOKEN_ALG_H
#define CWS_CORE_TOKEN_ALG_H

#include <stddef.h>

enum key_kind { KEY_HMAC, KEY_RSA, KEY_P256, KEY_P384, KEY_P521 };

struct token_alg {
  const char *name;
  enum key_kind kind;
  size_t min_secret_bytes; /* the hash's size (RFC 7518, section 3.2); 0 for other kinds */
};

/* The row of `name` (exact spelling), or NULL. */
const struct token_alg *token_alg_find(const char *name);
/* What a key of `kind` signs with when nobody says. */
const struct token_alg *token_alg_usual(enum key_kind kind);

#endif
