/*
 * verified: the tokens that were found good lately, so that one which comes with every request of a
 * client is not verified each time. Holds for one set of keys: who changes those clears it. Knows
 * no clock and no lock.
 */
#ifndef CWS_AUTH_VERIFIED_H
#define CWS_AUTH_VERIFIED_H

#include "server/auth/grants.h"
#include <stddef.h>
#include <stdint.h>

#define VERIFIED_MAX 1024 /* tokens; each has one place, which it takes from another */

/* A token is known by its SHA-256: how long it takes to look for one says nothing of those there
 * are, which a comparison of the tokens would. */
struct token_digest {
  unsigned char bytes[32];
};
struct token_digest token_digest(const char *token, size_t len);

struct verified {
  struct {
    struct token_digest digest;
    struct grants *grants; /* NULL: free */
    int64_t at_s;          /* when it was verified */
  } slots[VERIFIED_MAX];
};

/* What the token grants, with a reference; NULL when it has to be verified: it is not known, or its
 * times (exp, nbf, iat) do not surely hold at now_s. */
struct grants *verified_find(const struct verified *v, const struct token_digest *digest,
                             int64_t now_s);
/* grants: of the token, verified at now_s. */
void verified_add(struct verified *v, const struct token_digest *digest, struct grants *grants,
                  int64_t now_s);
void verified_clear(struct verified *v);

#endif
