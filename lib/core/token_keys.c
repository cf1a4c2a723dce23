/* token_keys: the set itself and HMAC secrets; see token_keys.h. JWKs are read in token_jwk.c. */
#include "lib/core/token_keys.h"

#include "lib/core/err.h"
#include <jose/b64.h>
#include <jose/cfg.h>
#include <stdlib.h>
#include <string.h>

static void drop_message(void *misc, const char *file, int line, uint64_t code, const char *fmt,
                         va_list args) {
  (void)misc, (void)file, (void)line, (void)code, (void)fmt, (void)args;
}

struct cws_keys *cws_keys_new(void) {
  struct cws_keys *keys = calloc(1, sizeof *keys);
  if (keys == NULL)
    return NULL;
  keys->jose = jose_cfg();
  if (keys->jose == NULL) {
    free(keys);
    return NULL;
  }
  jose_cfg_set_err_func(keys->jose, drop_message, NULL);
  return keys;
}

void key_finish(struct key *key) {
  free(key->kid);
  json_decref(key->verifying);
  json_decref(key->signing);
}

void cws_keys_free(struct cws_keys *keys) {
  if (keys == NULL)
    return;
  for (size_t i = 0; i < keys->count; i++)
    key_finish(&keys->items[i]);
  free(keys->items);
  jose_cfg_decref(keys->jose);
  free(keys);
}

size_t cws_keys_count(const struct cws_keys *keys) {
  return keys->count;
}

int keys_full(struct cws_error *err) {
  return err_set(err, CWS_ECONFIG, "more than %d keys; remove those that sign no tokens any more",
                 KEYS_MAX);
}

int keys_take(struct cws_keys *keys, struct key *key, struct cws_error *err) {
  if (keys->count == KEYS_MAX)
    return keys_full(err);
  if (keys->count == keys->cap) {
    size_t cap = keys->cap == 0 ? 4 : keys->cap * 2;
    struct key *items = realloc(keys->items, cap * sizeof *items);
    if (items == NULL)
      return err_set(err, CWS_ENOMEM, NULL);
    keys->items = items;
    keys->cap = cap;
  }
  keys->items[keys->count++] = *key;
  *key = (struct key){0};
  return 0;
}

bool key_fits(const struct key *key, const struct token_alg *alg) {
  return key->kind == alg->kind && (key->alg == NULL || key->alg == alg) &&
         key->secret_bytes >= alg->min_secret_bytes;
}

/* A public key taken for a secret would let everyone who has it sign tokens. */
static bool is_pem(const char *secret, size_t len) {
  static const char BEGIN[] = "-----BEGIN ";
  return len >= sizeof BEGIN - 1 && memcmp(secret, BEGIN, sizeof BEGIN - 1) == 0;
}

int cws_keys_add_secret(struct cws_keys *keys, const void *secret, size_t len,
                        struct cws_error *err) {
  if (len < CWS_SECRET_MIN)
    return err_set(err, CWS_ECONFIG, "the secret has %zu bytes, HS256 needs %d or more", len,
                   CWS_SECRET_MIN);
  if (len > KEY_SECRET_MAX)
    return err_set(err, CWS_ECONFIG, "the secret has %zu bytes, at most %d are possible", len,
                   KEY_SECRET_MAX);
  if (is_pem(secret, len))
    return err_set(err, CWS_ECONFIG, "the secret is a PEM text; give it as a public key instead");
  json_t *jwk = json_pack("{s:s, s:o}", "kty", "oct", "k", jose_b64_enc(secret, len));
  if (jwk == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int code = keys_add_jwk(keys, jwk, err);
  json_decref(jwk);
  return code;
}
