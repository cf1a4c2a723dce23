/* grants: what the bearer of a token may do. PROTOCOL "Tokens". */
#ifndef CWS_AUTH_GRANTS_H
#define CWS_AUTH_GRANTS_H

#include <councilws/token.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Immutable, and shared by all who come with the same token. */
struct grants {
  atomic_int refs;
  char *sub;
  char *token; /* kept to be checked again after a reload; never logged */
  int64_t exp_s;
  struct cws_claims_owned *claims;
};

/* Takes claims. NULL when memory is out (claims are freed). */
struct grants *grants_new(struct cws_claims_owned *claims, const char *token);
struct grants *grants_ref(struct grants *g); /* any thread */
void grants_free(struct grants *g);          /* gives up one reference; any thread */
/* owner: "" or NULL for none. */
bool grants_may_watch(const struct grants *g, const char *request_id, const char *owner);
bool grants_may_publish(const struct grants *g, const char *request_id);
bool grants_is_admin(const struct grants *g);

#endif
