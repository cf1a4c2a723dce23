/* tls_peer: see tls_peer.h. */
#include "lib/client/tls_peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <uv.h>

static int alert_index; /* of the ex_data of an SSL_CTX */

static void make_index(void) {
  alert_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

bool tls_peer_use_cert(void *ssl_ctx, const char *cert_file, const char *key_file) {
  bool is_used = SSL_CTX_use_certificate_chain_file(ssl_ctx, cert_file) == 1 &&
                 SSL_CTX_use_PrivateKey_file(ssl_ctx, key_file != NULL ? key_file : cert_file,
                                             SSL_FILETYPE_PEM) == 1 &&
                 SSL_CTX_check_private_key(ssl_ctx) == 1;
  ERR_clear_error();
  return is_used;
}

static void on_info(const SSL *ssl, int where, int value) {
  int *alert = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), alert_index);
  if (where == SSL_CB_READ_ALERT && alert != NULL && value >> 8 == SSL3_AL_FATAL)
    *alert = value & 0xff;
}

void tls_peer_watch(void *ssl_ctx, int *alert) {
  static uv_once_t once = UV_ONCE_INIT;
  uv_once(&once, make_index);
  if (SSL_CTX_set_ex_data(ssl_ctx, alert_index, alert) == 1)
    SSL_CTX_set_info_callback(ssl_ctx, on_info);
}

void tls_peer_read_last(void *ssl) {
  char byte;
  if (ssl == NULL)
    return;
  SSL_peek(ssl, &byte, 1);
  ERR_clear_error();
}

const char *tls_peer_reason(int alert) {
  switch (alert) {
  case TLS13_AD_CERTIFICATE_REQUIRED:
    return "it asks for a certificate of its clients, and was given none";
  case TLS1_AD_UNKNOWN_CA:
    return "the client's certificate was not signed by a CA that it knows";
  case SSL3_AD_CERTIFICATE_EXPIRED:
    return "the client's certificate has expired";
  case SSL3_AD_CERTIFICATE_REVOKED:
    return "the client's certificate was revoked";
  case SSL3_AD_BAD_CERTIFICATE:
  case SSL3_AD_UNSUPPORTED_CERTIFICATE:
  case SSL3_AD_CERTIFICATE_UNKNOWN:
  case TLS1_AD_ACCESS_DENIED:
  case TLS1_AD_DECRYPT_ERROR:
    return "it does not take the client's certificate";
  default:
    return NULL;
  }
}
