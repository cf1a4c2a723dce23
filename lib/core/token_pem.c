/*
 * token_pem: keys from PEM texts (RFC 7468). One block a text: a public or private key or a
 * certificate, whose public key counts. What OpenSSL made of it becomes a JWK and goes the way of
 * every JWK.
 */
#include "lib/core/err.h"
#include "lib/core/token_keys.h"
#include <jose/openssl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

struct pem_block {
  char *name, *header;
  unsigned char *der;
  long len;
};

static void pem_block_finish(struct pem_block *block) {
  OPENSSL_free(block->name);
  OPENSSL_free(block->header);
  if (block->der != NULL)
    OPENSSL_clear_free(block->der, (size_t)block->len);
  *block = (struct pem_block){0};
}

static EVP_PKEY *decode_public(const unsigned char **der, long len) {
  return d2i_PUBKEY(NULL, der, len);
}

static EVP_PKEY *decode_rsa_public(const unsigned char **der, long len) {
  return d2i_PublicKey(EVP_PKEY_RSA, NULL, der, len);
}

static EVP_PKEY *decode_private(const unsigned char **der, long len) {
  return d2i_AutoPrivateKey(NULL, der, len);
}

static EVP_PKEY *decode_certificate(const unsigned char **der, long len) {
  X509 *certificate = d2i_X509(NULL, der, len);
  EVP_PKEY *pkey = X509_get_pubkey(certificate);
  X509_free(certificate);
  return pkey;
}

static const struct pem_kind {
  const char *name;
  EVP_PKEY *(*decode)(const unsigned char **der, long len);
} KINDS[] = {
    {"PUBLIC KEY", decode_public},      {"RSA PUBLIC KEY", decode_rsa_public},
    {"PRIVATE KEY", decode_private},    {"RSA PRIVATE KEY", decode_private},
    {"EC PRIVATE KEY", decode_private}, {"CERTIFICATE", decode_certificate},
};

static const struct pem_kind *kind_of(const char *name) {
  for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
    if (strcmp(KINDS[i].name, name) == 0)
      return &KINDS[i];
  }
  return NULL;
}

/* Reads the next block, over the curve's name that `openssl ecparam` writes before its key. */
static int read_block(BIO *bio, struct pem_block *block, struct cws_error *err) {
  do {
    pem_block_finish(block);
    if (PEM_read_bio(bio, &block->name, &block->header, &block->der, &block->len) != 1) {
      *block = (struct pem_block){0};
      return err_set(err, CWS_ECONFIG, "no PEM block (-----BEGIN …) that can be read");
    }
  } while (strcmp(block->name, "EC PARAMETERS") == 0);
  if (strstr(block->name, "ENCRYPTED") != NULL || strstr(block->header, "ENCRYPTED") != NULL)
    return err_set(err, CWS_ECONFIG,
                   "the key is encrypted; decrypt it first, as with "
                   "\"openssl pkey\"");
  return 0;
}

/* Only white space may follow: a second key would be overlooked in silence. */
static int check_rest(BIO *bio, struct cws_error *err) {
  char *rest = NULL;
  long len = BIO_get_mem_data(bio, &rest);
  for (long i = 0; i < len; i++) {
    if (strchr(" \t\r\n", rest[i]) == NULL || rest[i] == '\0')
      return err_set(err, CWS_ECONFIG,
                     "there is more behind the first key; give each key a "
                     "file of its own");
  }
  return 0;
}

static int decode(const struct pem_block *block, EVP_PKEY **out, struct cws_error *err) {
  const struct pem_kind *kind = kind_of(block->name);
  if (kind == NULL)
    return err_set(err, CWS_ECONFIG,
                   "\"%.40s\" holds no key; PUBLIC KEY, PRIVATE KEY or "
                   "CERTIFICATE is needed",
                   block->name);
  const unsigned char *end = block->der;
  EVP_PKEY *pkey = kind->decode(&end, block->len);
  if (pkey == NULL || end != block->der + block->len) {
    EVP_PKEY_free(pkey);
    return err_set(err, CWS_ECONFIG, "the %s cannot be decoded", kind->name);
  }
  *out = pkey;
  return 0;
}

static int add_pkey(struct cws_keys *keys, EVP_PKEY *pkey, struct cws_error *err) {
  json_t *jwk = jose_openssl_jwk_from_EVP_PKEY(keys->jose, pkey);
  if (jwk == NULL)
    return err_set(err, CWS_ECONFIG,
                   "the key is of a kind that signs no tokens; RSA and EC "
                   "(P-256, P-384, P-521) do");
  int code = keys_add_jwk(keys, jwk, err);
  json_decref(jwk);
  return code;
}

int cws_keys_add_pem(struct cws_keys *keys, const char *pem, size_t len, struct cws_error *err) {
  struct pem_block block = {0};
  EVP_PKEY *pkey = NULL;
  BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
  if (bio == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int code = read_block(bio, &block, err);
  if (code == 0)
    code = check_rest(bio, err);
  if (code == 0)
    code = decode(&block, &pkey, err);
  if (code == 0)
    code = add_pkey(keys, pkey, err);
  EVP_PKEY_free(pkey);
  pem_block_finish(&block);
  BIO_free(bio);
  ERR_clear_error();
  return code;
}
