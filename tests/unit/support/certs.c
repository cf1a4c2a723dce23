/* certs: see certs.h. */
#include "tests/unit/support/certs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

static X509 *make(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
                  const char *names, int valid_days) {
  X509 *cert = X509_new();
  const unsigned char *cn = (const unsigned char *)name;
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer == NULL ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(cert), -100L * 86400);
  X509_gmtime_adj(X509_getm_notAfter(cert), (long)valid_days * 86400);
  X509_set_pubkey(cert, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, cn, -1, -1, 0);
  X509 *signer = issuer != NULL ? issuer : cert;
  X509_set_issuer_name(cert, X509_get_subject_name(signer));
  add_extension(cert, signer, NID_basic_constraints,
                issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
  if (names != NULL)
    add_extension(cert, signer, NID_subject_alt_name, names);
  X509_sign(cert, issuer_key, EVP_sha256());
  return cert;
}

static void write_cert(const char *path, X509 *cert) {
  FILE *f = fopen(path, "w");
  PEM_write_X509(f, cert);
  fclose(f);
}

static void write_key(const char *path, EVP_PKEY *key) {
  FILE *f = fopen(path, "w");
  PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
  fclose(f);
}

void certs_make(struct certs *c, const char *names, int valid_days) {
  snprintf(c->folder, sizeof(c->folder), "/tmp/cws-certs-XXXXXX");
  if (mkdtemp(c->folder) == NULL)
    abort();
  snprintf(c->ca, sizeof(c->ca), "%s/ca.pem", c->folder);
  snprintf(c->cert, sizeof(c->cert), "%s/cert.pem", c->folder);
  snprintf(c->key, sizeof(c->key), "%s/key.pem", c->folder);
  EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
  X509 *ca = make(ca_key, "test CA", NULL, ca_key, NULL, 100);
  X509 *cert = make(key, "test hub", ca, ca_key, names, valid_days);
  write_cert(c->ca, ca);
  write_cert(c->cert, cert);
  write_key(c->key, key);
  X509_free(cert);
  X509_free(ca);
  EVP_PKEY_free(key);
  EVP_PKEY_free(ca_key);
}

void certs_remove(struct certs *c) {
  unlink(c->ca);
  unlink(c->cert);
  unlink(c->key);
  rmdir(c->folder);
}
