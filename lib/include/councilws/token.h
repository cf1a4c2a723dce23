/*
 * Tokens: JSON Web Tokens (RFC 7519) that say who someone is and which requests
 * they may watch and publish to. A key is a JWK (RFC 7517) inside, so an
 * algorithm can never meet a key of another kind; alg "none" is refused.
 */
#ifndef COUNCILWS_TOKEN_H
#define COUNCILWS_TOKEN_H

#include <councilws/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CWS_SECRET_MIN 32     /* bytes of an HMAC secret; RFC 7518, section 3.2, for HS256 */
#define CWS_TOKEN_MAX 8192    /* bytes of a token */
#define CWS_TOKEN_LEEWAY_S 60 /* seconds of clock skew forgiven, both ways */

/* A set of keys; any of them may have signed a token (for rotation). Immutable once filled:
 * filling is for one thread, verifying for any number. */
struct cws_keys;

CWS_API struct cws_keys *cws_keys_new(void); /* NULL on CWS_ENOMEM */
CWS_API void cws_keys_free(struct cws_keys *keys);
CWS_API size_t cws_keys_count(const struct cws_keys *keys);

/* Adds an HMAC secret of at least CWS_SECRET_MIN bytes (HS256; 48 for HS384 and 64 for HS512
 * where a token asks for those). A shorter one: CWS_ECONFIG. */
CWS_API int cws_keys_add_secret(struct cws_keys *keys, const void *secret, size_t len,
                                struct cws_error *err);

/* Adds the key in a PEM text: a public key (to verify) or a private one (to sign and verify);
 * RSA of 2048 bits or more (RS256/384/512, PS256/384/512), EC P-256, P-384, P-521 (ES256/384/512).
 */
CWS_API int cws_keys_add_pem(struct cws_keys *keys, const char *pem, size_t len,
                             struct cws_error *err);

/* Adds a JWK or every signature key of a JWK set, as JSON text. Keys of a kind or use that
 * cannot sign tokens are passed over; a set with none left is CWS_ECONFIG. */
CWS_API int cws_keys_add_jwks(struct cws_keys *keys, const char *json, size_t len,
                              struct cws_error *err);

/* What a token says. Strings and arrays belong to the claims. */
struct cws_claims {
  const char *sub;
  const char *iss;       /* or NULL */
  int64_t exp, nbf, iat; /* seconds since 1970; nbf and iat 0 where absent */
  bool has_rights;       /* whether the claim "councilws" is there */
  bool admin;
  const char *const *subscribe; /* globs on request_id, NULL-terminated; never NULL */
  const char *const *publish;   /* the same */
};
struct cws_claims_owned;

struct cws_verify_options {
  size_t size;          /* sizeof(struct cws_verify_options) */
  int64_t now_s;        /* seconds since 1970; the caller's clock */
  const char *issuer;   /* required "iss", or NULL for any */
  const char *audience; /* required in "aud", or NULL for any */
};

/* Checks signature and claims of a compact JWS. CWS_EBADTOKEN (the message says what, never the
 * token), CWS_ETOKENEXPIRED, CWS_ENOMEM. On success *out is the caller's. Any thread. */
CWS_API int cws_token_verify(const struct cws_keys *keys, const char *token, size_t len,
                             const struct cws_verify_options *options,
                             struct cws_claims_owned **out, struct cws_error *err);
CWS_API const struct cws_claims *cws_claims_view(const struct cws_claims_owned *claims);
CWS_API void cws_claims_free(struct cws_claims_owned *claims);

struct cws_sign_options {
  size_t size;                   /* sizeof(struct cws_sign_options) */
  const char *alg;               /* "HS256", "RS256", …; NULL: the usual one of the key */
  const char *issuer, *audience; /* or NULL */
  int64_t now_s;
  int64_t ttl_s;    /* seconds until it expires, 1 or more */
  const char *sub;  /* 1–128 bytes */
  bool with_rights; /* write the claim "councilws" */
  bool admin;
  const char *const *subscribe; /* NULL-terminated, or NULL for none */
  const char *const *publish;
};

/* Signs a token with the first key of the set that can. *out is the caller's, free with free().
 * CWS_EINVAL, CWS_ECONFIG (no key that can sign). */
CWS_API int cws_token_sign(const struct cws_keys *keys, const struct cws_sign_options *options,
                           char **out, struct cws_error *err);

/* Header and claims of a token as JSON texts, without checking the signature: to explain it to
 * its owner. Both are the caller's, free with free(). CWS_EBADTOKEN. */
CWS_API int cws_token_inspect(const char *token, size_t len, char **header_json, char **claims_json,
                              struct cws_error *err);

/* Whether `id` matches `glob`: * any run of characters, ? one; nothing else is special. */
CWS_API bool cws_glob_match(const char *glob, const char *id);

#ifdef __cplusplus
}
#endif
#endif
