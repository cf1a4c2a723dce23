/*
 * token_verify: whether a token was signed by one of the keys, then what it claims. The signature
 * comes first: nothing of an unsigned token is judged but its header.
 */
#include "lib/core/token_verify.h"

#include "lib/core/err.h"
#include "lib/core/token_claims.h"
#include "lib/core/token_keys.h"
#include "lib/core/token_parts.h"
#include <jose/jws.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static bool has_kid(const struct key *key, const char *kid) {
  return key->kid != NULL && kid != NULL && strcmp(key->kid, kid) == 0;
}

static bool kid_is_known(const struct cws_keys *keys, const char *kid) {
  for (size_t i = 0; i < keys->count; i++) {
    if (has_kid(&keys->items[i], kid))
      return true;
  }
  return false;
}

/* A kid that is known chooses; any other says nothing, and every key is asked. */
static bool is_candidate(const struct key *key, const struct token_header *header,
                         bool kid_is_binding) {
  return key->verifying != NULL && (!kid_is_binding || has_kid(key, header->kid));
}

static int explain_no_key(const struct cws_keys *keys, const struct token_header *header,
                          bool kid_is_binding, struct cws_error *err) {
  const struct token_alg *alg = header->alg;
  for (size_t i = 0; i < keys->count; i++) {
    const struct key *key = &keys->items[i];
    if (is_candidate(key, header, kid_is_binding) && key->kind == alg->kind &&
        key->secret_bytes < alg->min_secret_bytes)
      return err_set(err, CWS_EBADTOKEN,
                     "the token is signed with %s, which needs a secret of %zu "
                     "bytes or more",
                     alg->name, alg->min_secret_bytes);
  }
  if (kid_is_binding)
    return err_set(err, CWS_EBADTOKEN,
                   "the key that the token names does not go with its \"alg\" "
                   "(%s)",
                   alg->name);
  return err_set(err, CWS_EBADTOKEN, "the token is signed with %s, for which there is no key",
                 alg->name);
}

static int try_keys(const struct cws_keys *keys, const struct token_header *header,
                    const json_t *jws, struct cws_error *err) {
  bool kid_is_binding = kid_is_known(keys, header->kid);
  size_t tried = 0;
  for (size_t i = 0; i < keys->count; i++) {
    const struct key *key = &keys->items[i];
    if (!is_candidate(key, header, kid_is_binding) || !key_fits(key, header->alg))
      continue;
    if (jose_jws_ver(keys->jose, jws, NULL, key->verifying, true))
      return 0;
    tried++;
  }
  if (tried == 0)
    return explain_no_key(keys, header, kid_is_binding, err);
  return err_set(err, CWS_EBADTOKEN, "the signature of the token is not that of a known key");
}

static json_t *part_json(const struct token_parts *parts, enum token_part part) {
  return json_stringn(parts->encoded[part].text, parts->encoded[part].len);
}

static int check_signature(const struct cws_keys *keys, const struct token_parts *parts,
                           const struct token_header *header, struct cws_error *err) {
  json_t *jws =
      json_pack("{s:o, s:o, s:o}", "protected", part_json(parts, PART_HEADER), "payload",
                part_json(parts, PART_CLAIMS), "signature", part_json(parts, PART_SIGNATURE));
  if (jws == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int code = try_keys(keys, header, jws, err);
  json_decref(jws);
  ERR_clear_error(); /* what is left behind would look like a TLS failure to SSL_get_error */
  return code;
}

static int read_claims(const struct token_parts *parts, const struct cws_verify_options *options,
                       struct cws_claims_owned **out, struct cws_error *err) {
  char *text = NULL;
  json_t *json = NULL;
  int code = token_decode(parts, PART_CLAIMS, &text, &json, err);
  if (code == 0)
    code = claims_read(json, options, out, err);
  json_decref(json);
  free(text);
  return code;
}

int cws_token_verify(const struct cws_keys *keys, const char *token, size_t len,
                     const struct cws_verify_options *options, struct cws_claims_owned **out,
                     struct cws_error *err) {
  struct token_parts parts;
  struct token_header header;
  if (options->size != sizeof *options)
    return err_set(err, CWS_EINVAL, "struct cws_verify_options has another size than here");
  int code = token_split(token, len, &parts, err);
  if (code != 0)
    return code;
  code = token_header_init(&header, &parts, err);
  if (code == 0)
    code = check_signature(keys, &parts, &header, err);
  if (code == 0)
    code = read_claims(&parts, options, out, err);
  token_header_finish(&header);
  return code;
}

bool token_names_unknown_key(const struct cws_keys *keys, const char *token, size_t len) {
  struct token_parts parts;
  struct token_header header;
  if (token_split(token, len, &parts, NULL) != 0)
    return false;
  bool is_unknown = token_header_init(&header, &parts, NULL) == 0 && header.kid != NULL &&
                    !kid_is_known(keys, header.kid);
  token_header_finish(&header);
  return is_unknown;
}

int cws_token_inspect(const char *token, size_t len, char **header_json, char **claims_json,
                      struct cws_error *err) {
  struct token_parts parts;
  char *texts[2] = {NULL, NULL};
  int code = token_split(token, len, &parts, err);
  for (int part = PART_HEADER; part <= PART_CLAIMS && code == 0; part++) {
    json_t *json = NULL;
    code = token_decode(&parts, (enum token_part)part, &texts[part], &json, err);
    json_decref(json);
  }
  if (code != 0) {
    free(texts[PART_HEADER]);
    return code;
  }
  *header_json = texts[PART_HEADER];
  *claims_json = texts[PART_CLAIMS];
  return 0;
}
