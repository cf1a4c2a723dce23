/*
 * token_parts: a compact JWS (RFC 7515, section 7.1) taken apart: three base64url parts, of which
 * the first two are JSON objects. Knows no key and judges no claim.
 */
#ifndef CWS_CORE_TOKEN_PARTS_H
#define CWS_CORE_TOKEN_PARTS_H

#include "lib/core/token_alg.h"
#include <councilws/token.h>
#include <jansson.h>

enum token_part { PART_HEADER, PART_CLAIMS, PART_SIGNATURE, PART_COUNT };

struct token_parts {
  struct {
    const char *text; /* within the token */
    size_t len;
  } encoded[PART_COUNT];
};

/* Only the form: length, alphabet, number of parts. CWS_EBADTOKEN. */
int token_split(const char *token, size_t len, struct token_parts *out, struct cws_error *err);
/* The JSON text of a part, with a NUL behind it, and its object. Both are the caller's, the text to
 * be freed with free(). CWS_EBADTOKEN, CWS_ENOMEM. */
int token_decode(const struct token_parts *parts, enum token_part part, char **text, json_t **json,
                 struct cws_error *err);

/* What a header says, as far as it is understood. */
struct token_header {
  const struct token_alg *alg;
  char *kid; /* or NULL */
};
int token_header_init(struct token_header *header, const struct token_parts *parts,
                      struct cws_error *err);
void token_header_finish(struct token_header *header);

#endif
