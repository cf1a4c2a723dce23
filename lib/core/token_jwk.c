/*
 * token_jwk: one JWK (RFC 7517) and sets of them. Decides what a key may be used for, takes over
 * its key material and nothing else, and tries it with OpenSSL, so that a key in the set is one
 * that works.
 */
#include "lib/core/err.h"
#include "lib/core/json_read.h"
#include "lib/core/token_keys.h"
#include <jose/b64.h>
#include <jose/openssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const OCT_MEMBERS[] = {"kty", "k", NULL};
static const char *const RSA_PUBLIC[] = {"kty", "n", "e", NULL};
static const char *const RSA_PRIVATE[] = {"kty", "n", "e", "d", "p", "q", "dp", "dq", "qi", NULL};
static const char *const EC_PUBLIC[] = {"kty", "crv", "x", "y", NULL};
static const char *const EC_PRIVATE[] = {"kty", "crv", "x", "y", "d", NULL};

struct key_shape {
  enum key_kind kind;
  const char *kty, *crv; /* crv: NULL where the kty has none */
  const char *const *verifying, *const *signing;
};

static const struct key_shape SHAPES[] = {
    {KEY_HMAC, "oct", NULL, OCT_MEMBERS, OCT_MEMBERS},
    {KEY_RSA, "RSA", NULL, RSA_PUBLIC, RSA_PRIVATE},
    {KEY_P256, "EC", "P-256", EC_PUBLIC, EC_PRIVATE},
    {KEY_P384, "EC", "P-384", EC_PUBLIC, EC_PRIVATE},
    {KEY_P521, "EC", "P-521", EC_PUBLIC, EC_PRIVATE},
};

static const char *member(const json_t *jwk, const char *name) {
  return json_string_value(json_object_get(jwk, name));
}

static bool same(const char *a, const char *b) {
  return a != NULL && strcmp(a, b) == 0;
}

static const struct key_shape *shape_of(const json_t *jwk) {
  for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
    const struct key_shape *s = &SHAPES[i];
    if (same(member(jwk, "kty"), s->kty) && (s->crv == NULL || same(member(jwk, "crv"), s->crv)))
      return s;
  }
  return NULL;
}

/* Whether the JWK's "use" and "key_ops" (both optional) allow `op`. */
static bool allows(const json_t *jwk, const char *op) {
  const json_t *use = json_object_get(jwk, "use");
  const json_t *ops = json_object_get(jwk, "key_ops");
  if (use != NULL && !same(json_string_value(use), "sig"))
    return false;
  if (ops == NULL)
    return true;
  for (size_t i = 0; i < json_array_size(ops); i++) {
    if (same(json_string_value(json_array_get(ops, i)), op))
      return true;
  }
  return false;
}

/* A new JWK of those members that are there. */
static json_t *pick(const json_t *jwk, const char *const *names) {
  json_t *picked = json_object();
  for (; picked != NULL && *names != NULL; names++) {
    json_t *value = json_object_get(jwk, *names);
    if (value != NULL && json_object_set(picked, *names, value) != 0) {
      json_decref(picked);
      return NULL;
    }
  }
  return picked;
}

static int check_secret(struct key *key, const json_t *jwk, struct cws_error *err) {
  uint8_t bytes[KEY_SECRET_MAX];
  size_t len = jose_b64_dec(json_object_get(jwk, "k"), NULL, 0);
  if (len == SIZE_MAX)
    return err_set(err, CWS_ECONFIG, "\"k\" is not base64url");
  if (len < CWS_SECRET_MIN || len > KEY_SECRET_MAX)
    return err_set(err, CWS_ECONFIG, "the secret has %zu bytes, between %d and %d are possible",
                   len, CWS_SECRET_MIN, KEY_SECRET_MAX);
  bool decodes = jose_b64_dec(json_object_get(jwk, "k"), bytes, sizeof bytes) == len;
  OPENSSL_cleanse(bytes, sizeof bytes);
  if (!decodes)
    return err_set(err, CWS_ECONFIG, "\"k\" is not base64url");
  key->secret_bytes = len;
  return 0;
}

static int check_rsa_size(EVP_PKEY *pkey, struct cws_error *err) {
  int bits = EVP_PKEY_bits(pkey);
  if (bits >= KEY_RSA_BITS_MIN && bits <= KEY_RSA_BITS_MAX)
    return 0;
  return err_set(err, CWS_ECONFIG, "an RSA key of %d bits, between %d and %d are possible", bits,
                 KEY_RSA_BITS_MIN, KEY_RSA_BITS_MAX);
}

/* libjose 11 loses the private exponent of an RSA key where another member cannot be decoded, so
 * all of them are tried before. */
static int check_numbers(const json_t *jwk, struct cws_error *err) {
  uint8_t bytes[KEY_RSA_BITS_MAX / 8];
  const char *name;
  json_t *value;
  bool is_number = true;
  json_object_foreach((json_t *)jwk, name, value) {
    if (strcmp(name, "kty") == 0 || strcmp(name, "crv") == 0)
      continue;
    size_t len = json_is_string(value) ? jose_b64_dec(value, NULL, 0) : SIZE_MAX;
    is_number = len <= sizeof bytes && jose_b64_dec(value, bytes, sizeof bytes) == len;
    if (!is_number)
      break;
  }
  OPENSSL_cleanse(bytes, sizeof bytes);
  if (!is_number)
    return err_set(err, CWS_ECONFIG, "its \"%s\" is no base64url of up to %zu bytes", name,
                   sizeof bytes);
  return 0;
}

/* Whether the public half takes what the private half signs: no check looks at the exponent of an
 * RSA key that came without its primes. */
static bool signs(EVP_PKEY *pkey) {
  static const unsigned char TEXT[] = "trial";
  unsigned char signature[KEY_RSA_BITS_MAX / 8];
  size_t len = sizeof signature;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  bool does = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, signature, &len, TEXT, sizeof TEXT) == 1 &&
              EVP_MD_CTX_reset(ctx) == 1 &&
              EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, signature, len, TEXT, sizeof TEXT) == 1;
  EVP_MD_CTX_free(ctx);
  return does;
}

/* Whether OpenSSL takes the material as a sound key. */
static int check_material(const struct cws_keys *keys, enum key_kind kind, const json_t *jwk,
                          struct cws_error *err) {
  EVP_PKEY *pkey = NULL;
  EVP_PKEY_CTX *check = NULL;
  int code = check_numbers(jwk, err);
  if (code != 0)
    return code;
  pkey = jose_openssl_jwk_to_EVP_PKEY(keys->jose, jwk);
  if (pkey == NULL) {
    code = err_set(err, CWS_ECONFIG, "its numbers make no key (a member is missing or wrong)");
    goto done;
  }
  code = kind == KEY_RSA ? check_rsa_size(pkey, err) : 0;
  if (code != 0)
    goto done;
  check = EVP_PKEY_CTX_new(pkey, NULL);
  if (check == NULL || EVP_PKEY_public_check(check) != 1)
    code = err_set(err, CWS_ECONFIG, "its numbers make no sound key");
  else if (json_object_get(jwk, "d") != NULL && !signs(pkey))
    code = err_set(err, CWS_ECONFIG, "its private numbers do not belong to its public ones");
done:
  EVP_PKEY_CTX_free(check);
  EVP_PKEY_free(pkey);
  ERR_clear_error();
  return code;
}

static int read_alg(struct key *key, const json_t *jwk, struct cws_error *err) {
  const json_t *alg = json_object_get(jwk, "alg");
  if (alg == NULL)
    return 0;
  key->alg = json_is_string(alg) ? token_alg_find(json_string_value(alg)) : NULL;
  if (key->alg == NULL)
    return err_set(err, CWS_ECONFIG, "its \"alg\" is none that signs tokens");
  if (key->alg->kind != key->kind)
    return err_set(err, CWS_ECONFIG, "its \"alg\" does not go with its \"kty\" or \"crv\"");
  if (key->alg->min_secret_bytes > key->secret_bytes)
    return err_set(err, CWS_ECONFIG, "the secret has %zu bytes, %s needs %zu or more",
                   key->secret_bytes, key->alg->name, key->alg->min_secret_bytes);
  return 0;
}

static int read_kid(struct key *key, const json_t *jwk, struct cws_error *err) {
  const json_t *kid = json_object_get(jwk, "kid");
  if (kid == NULL)
    return 0;
  if (!json_is_string(kid))
    return err_set(err, CWS_ECONFIG, "its \"kid\" is not a string");
  key->kid = strdup(json_string_value(kid));
  return key->kid != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

/* Takes over the material for what the JWK may and can do. */
static int read_material(const struct cws_keys *keys, struct key *key, const json_t *jwk,
                         const struct key_shape *shape, struct cws_error *err) {
  bool is_private = key->kind == KEY_HMAC || json_object_get(jwk, "d") != NULL;
  bool may_sign = is_private && allows(jwk, "sign");
  bool may_verify = allows(jwk, "verify");
  if (!may_sign && !may_verify)
    return err_set(err, CWS_ECONFIG, "its \"use\" or \"key_ops\" is not for signatures");
  if (may_verify && (key->verifying = pick(jwk, shape->verifying)) == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  if (may_sign && (key->signing = pick(jwk, shape->signing)) == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  if (key->kind == KEY_HMAC)
    return check_secret(key, jwk, err);
  int code = key->verifying != NULL ? check_material(keys, key->kind, key->verifying, err) : 0;
  if (code == 0 && key->signing != NULL)
    code = check_material(keys, key->kind, key->signing, err);
  return code;
}

int keys_add_jwk(struct cws_keys *keys, const json_t *jwk, struct cws_error *err) {
  struct key key = {0};
  const struct key_shape *shape = shape_of(jwk);
  if (shape == NULL)
    return err_set(err, CWS_ECONFIG, "no oct, RSA or EC (P-256, P-384, P-521) key");
  key.kind = shape->kind;
  int code = read_material(keys, &key, jwk, shape, err);
  if (code == 0)
    code = read_alg(&key, jwk, err);
  if (code == 0)
    code = read_kid(&key, jwk, err);
  if (code == 0)
    code = keys_take(keys, &key, err);
  key_finish(&key);
  return code;
}

/* Adds what is of use; *first keeps why the first other one was passed over. */
static int add_set(struct cws_keys *keys, const json_t *set, struct cws_error *first,
                   struct cws_error *err) {
  size_t i;
  json_t *jwk;
  json_array_foreach(set, i, jwk) {
    struct cws_error why = {0};
    if (keys->count == KEYS_MAX)
      return keys_full(err);
    int code = keys_add_jwk(keys, jwk, &why);
    if (code == CWS_ENOMEM)
      return err_set(err, code, NULL);
    if (code != 0)
      err_set(first, code, "key %zu: %s", i + 1, why.message);
  }
  return 0;
}

static int add_any(struct cws_keys *keys, const json_t *root, struct cws_error *err) {
  struct cws_error first = {0};
  const json_t *set = json_object_get(root, "keys");
  if (set == NULL && json_object_get(root, "kty") != NULL)
    return keys_add_jwk(keys, root, err);
  if (!json_is_array(set))
    return err_set(err, CWS_ECONFIG, "neither a JWK (\"kty\") nor a JWK set (\"keys\")");
  size_t before = keys->count;
  int code = add_set(keys, set, &first, err);
  if (code != 0 || keys->count > before)
    return code;
  if (first.code == 0)
    return err_set(err, CWS_ECONFIG, "the JWK set is empty");
  return err_set(err, CWS_ECONFIG, "no key of the set can be used; %s", first.message);
}

int cws_keys_add_jwks(struct cws_keys *keys, const char *json, size_t len, struct cws_error *err) {
  struct cws_error why = {0};
  json_t *root = json_read(json, len, &why); /* its messages never quote the key */
  if (root == NULL && why.code == CWS_ENOMEM)
    return err_set(err, CWS_ENOMEM, NULL);
  if (root == NULL)
    return err_set(err, CWS_ECONFIG, "not valid JSON: %s", why.message);
  int code = json_holds_nul(root) ? err_set(err, CWS_ECONFIG, "a string with \\u0000")
                                  : add_any(keys, root, err);
  json_decref(root);
  return code;
}
