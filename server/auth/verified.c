/* verified: see verified.h. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init and its like allocate nothing, so cannot fail   \
                                     */
#include "server/auth/verified.h"

#include <openssl/sha.h>
#include <string.h>

struct token_digest token_digest(const char *token, size_t len) {
  struct token_digest digest;
  SHA256_CTX sha;
  SHA256_Init(&sha);
  SHA256_Update(&sha, token, len);
  SHA256_Final(digest.bytes, &sha);
  return digest;
}

static size_t slot_of(const struct token_digest *digest) {
  return ((size_t)digest->bytes[0] << 8 | digest->bytes[1]) % VERIFIED_MAX;
}

/* nbf and iat held when it was verified, so they do as long as the clock is not set back. */
struct grants *verified_find(const struct verified *v, const struct token_digest *digest,
                             int64_t now_s) {
  size_t slot = slot_of(digest);
  struct grants *grants = v->slots[slot].grants;
  if (grants == NULL || memcmp(&v->slots[slot].digest, digest, sizeof *digest) != 0 ||
      now_s < v->slots[slot].at_s || now_s >= grants->exp_s + CWS_TOKEN_LEEWAY_S)
    return NULL;
  return grants_ref(grants);
}

void verified_add(struct verified *v, const struct token_digest *digest, struct grants *grants,
                  int64_t now_s) {
  size_t slot = slot_of(digest);
  grants_free(v->slots[slot].grants);
  v->slots[slot].digest = *digest;
  v->slots[slot].grants = grants_ref(grants);
  v->slots[slot].at_s = now_s;
}

void verified_clear(struct verified *v) {
  for (size_t slot = 0; slot < VERIFIED_MAX; slot++) {
    grants_free(v->slots[slot].grants);
    v->slots[slot].grants = NULL;
  }
}
