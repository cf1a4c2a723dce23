/* token_sign: makes tokens. What it writes, token_claims.c takes: the same limits hold. */
#include "lib/core/buf.h"
#include "lib/core/err.h"
#include "lib/core/token_claims.h"
#include "lib/core/token_keys.h"
#include <jose/b64.h>
#include <jose/jws.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static int check_globs(const char *const *globs, const char *name, struct cws_error *err) {
  for (size_t i = 0; globs != NULL && globs[i] != NULL; i++) {
    if (i == CLAIM_GLOBS_MAX)
      return err_set(err, CWS_EINVAL, "%s: more than %d globs", name, CLAIM_GLOBS_MAX);
    if (!claims_glob_is_valid(globs[i]))
      return err_set(err, CWS_EINVAL, "%s: a glob has 1 to %d bytes and no control characters",
                     name, CLAIM_GLOB_MAX);
  }
  return 0;
}

static int check_options(const struct cws_sign_options *o, struct cws_error *err) {
  if (o->size != sizeof *o)
    return err_set(err, CWS_EINVAL, "struct cws_sign_options has another size than here");
  if (o->sub == NULL || !claims_sub_is_valid(o->sub))
    return err_set(err, CWS_EINVAL, "sub: 1 to %d bytes of UTF-8 without control characters",
                   CLAIM_SUB_MAX);
  if (o->now_s < 0 || o->now_s > CLAIM_TIME_MAX)
    return err_set(err, CWS_EINVAL, "now: not between 1970 and 9999");
  if (o->ttl_s < 1 || o->ttl_s > CLAIM_TIME_MAX - o->now_s)
    return err_set(err, CWS_EINVAL, "ttl: 1 second or more, and not beyond the year 9999");
  if (o->alg != NULL && token_alg_find(o->alg) == NULL)
    return err_set(err, CWS_EINVAL, "alg: HS, RS, PS or ES with 256, 384 or 512");
  int code = check_globs(o->subscribe, "subscribe", err);
  return code == 0 ? check_globs(o->publish, "publish", err) : code;
}

static json_t *globs_json(const char *const *globs) {
  json_t *array = json_array();
  for (; array != NULL && globs != NULL && *globs != NULL; globs++) {
    if (json_array_append_new(array, json_string(*globs)) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

static json_t *rights_json(const struct cws_sign_options *o) {
  if (!o->with_rights)
    return NULL;
  return json_pack("{s:o, s:o, s:o*}", "subscribe", globs_json(o->subscribe), "publish",
                   globs_json(o->publish), "admin", o->admin ? json_true() : NULL);
}

static json_t *claims_json(const struct cws_sign_options *o) {
  json_t *claims =
      json_pack("{s:s*, s:s, s:s*, s:I, s:I}", "iss", o->issuer, "sub", o->sub, "aud", o->audience,
                "iat", (json_int_t)o->now_s, "exp", (json_int_t)o->now_s + (json_int_t)o->ttl_s);
  if (claims == NULL || !o->with_rights)
    return claims;
  if (json_object_set_new(claims, "councilws", rights_json(o)) == 0)
    return claims;
  json_decref(claims);
  return NULL;
}

/* The first key that can sign, and with what. */
static const struct key *choose(const struct cws_keys *keys, const struct token_alg *wanted,
                                const struct token_alg **alg) {
  for (size_t i = 0; i < keys->count; i++) {
    const struct key *key = &keys->items[i];
    const struct token_alg *own = key->alg != NULL ? key->alg : token_alg_usual(key->kind);
    *alg = wanted != NULL ? wanted : own;
    if (key->signing != NULL && key_fits(key, *alg))
      return key;
  }
  return NULL;
}

static int explain_no_key(const struct cws_keys *keys, const struct token_alg *wanted,
                          struct cws_error *err) {
  if (wanted == NULL)
    return err_set(err, CWS_ECONFIG, "no key that can sign; give a secret or a private key");
  for (size_t i = 0; i < keys->count; i++) {
    const struct key *key = &keys->items[i];
    if (key->kind == wanted->kind && key->secret_bytes < wanted->min_secret_bytes)
      return err_set(err, CWS_ECONFIG, "%s needs a secret of %zu bytes or more", wanted->name,
                     wanted->min_secret_bytes);
  }
  return err_set(err, CWS_ECONFIG, "no key that can sign with %s", wanted->name);
}

static json_t *encode_json(const json_t *json) {
  char *text = json_dumps(json, JSON_COMPACT);
  json_t *encoded = text != NULL ? jose_b64_enc(text, strlen(text)) : NULL;
  free(text);
  return encoded;
}

static int join(const json_t *jws, char **out, struct cws_error *err) {
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, json_string_value(json_object_get(jws, "protected")));
  buf_add_char(&b, '.');
  buf_add_str(&b, json_string_value(json_object_get(jws, "payload")));
  buf_add_char(&b, '.');
  buf_add_str(&b, json_string_value(json_object_get(jws, "signature")));
  size_t len = 0;
  char *token = buf_take(&b, &len);
  if (token == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  if (len > CWS_TOKEN_MAX) {
    free(token);
    return err_set(err, CWS_EINVAL,
                   "the token would have %zu bytes, %d are allowed; use fewer "
                   "globs",
                   len, CWS_TOKEN_MAX);
  }
  *out = token;
  return 0;
}

static int sign(const struct cws_keys *keys, const struct key *key, const struct token_alg *alg,
                const json_t *claims, char **out, struct cws_error *err) {
  int code = CWS_ENOMEM;
  json_t *jws = json_pack("{s:o}", "payload", encode_json(claims));
  json_t *sig = json_pack("{s:{s:s, s:s, s:s*}}", "protected", "alg", alg->name, "typ", "JWT",
                          "kid", key->kid);
  if (jws == NULL || sig == NULL)
    err_set(err, code, NULL);
  else if (!jose_jws_sig(keys->jose, jws, sig, key->signing))
    code = err_set(err, CWS_ECONFIG, "the key does not sign with %s", alg->name);
  else
    code = join(jws, out, err);
  json_decref(sig);
  json_decref(jws);
  ERR_clear_error();
  return code;
}

int cws_token_sign(const struct cws_keys *keys, const struct cws_sign_options *options, char **out,
                   struct cws_error *err) {
  int code = check_options(options, err);
  if (code != 0)
    return code;
  const struct token_alg *alg;
  const struct token_alg *wanted = options->alg != NULL ? token_alg_find(options->alg) : NULL;
  const struct key *key = choose(keys, wanted, &alg);
  if (key == NULL)
    return explain_no_key(keys, wanted, err);
  json_t *claims = claims_json(options);
  if (claims == NULL) /* strings were checked but for the issuer and the audience */
    return err_set(err, CWS_EINVAL, "issuer or audience: not UTF-8, or out of memory");
  code = sign(keys, key, alg, claims, out, err);
  json_decref(claims);
  return code;
}
