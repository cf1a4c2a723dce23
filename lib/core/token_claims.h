/*
 * token_claims: what the claims of a token must look like (RFC 7519, section 4.1, and PROTOCOL
 * "Tokens") and the compact copy that is kept of them, since one lives as long as a connection.
 * Knows no signature.
 */
#ifndef CWS_CORE_TOKEN_CLAIMS_H
#define CWS_CORE_TOKEN_CLAIMS_H

#include <councilws/token.h>
#include <jansson.h>

#define CLAIM_SUB_MAX 128           /* bytes */
#define CLAIM_GLOBS_MAX 100         /* globs in "subscribe", and in "publish" */
#define CLAIM_GLOB_MAX 128          /* bytes; as long as a request id can be */
#define CLAIM_TIME_MAX 253402300799 /* 9999-12-31T23:59:59Z: more is an error of unit */

struct cws_claims_owned {
  struct cws_claims view; /* points into the same allocation */
};

/* Checks and copies. CWS_EBADTOKEN (names the claim), CWS_ETOKENEXPIRED, CWS_ENOMEM. */
int claims_read(const json_t *json, const struct cws_verify_options *options,
                struct cws_claims_owned **out, struct cws_error *err);

/* Whether `sub` is 1 to CLAIM_SUB_MAX bytes of UTF-8 without control characters or line separators.
 */
bool claims_sub_is_valid(const char *sub);
/* Whether `glob` has 1 to CLAIM_GLOB_MAX bytes of the same. */
bool claims_glob_is_valid(const char *glob);

#endif
