/* token_rights: the claim "councilws" of a token: {"subscribe": [GLOB…], "publish": [GLOB…],
 * "admin": BOOL}. */
#ifndef CWS_CORE_TOKEN_RIGHTS_H
#define CWS_CORE_TOKEN_RIGHTS_H

#include <councilws/token.h>
#include <jansson.h>

/* Borrows from the claims it was read from. */
struct rights {
  bool is_there;
  bool admin;
  const json_t *subscribe, *publish; /* arrays of valid globs, or NULL */
};

/* `claim` may be NULL: no rights are there. Members nobody knows are passed over. CWS_EBADTOKEN
 * names the member. */
int rights_read(const json_t *claim, struct rights *out, struct cws_error *err);
/* Bytes that rights_copy needs. */
size_t rights_size(const struct rights *rights);
/* Copies into `at` (aligned for a pointer) and points *view there; returns the first byte behind.
 */
char *rights_copy(const struct rights *rights, char *at, struct cws_claims *view);

#endif
