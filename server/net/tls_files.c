/* tls_files: loads them into a context of its own and throws it away; libwebsockets reports success
 * even when it fails. */
#include "server/net/tls_files.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "lib/core/err.h"

static int refuse(const char *what, const char *path, struct cws_error *err) {
  unsigned long code = ERR_peek_last_error();
  const char *reason = ERR_reason_error_string(code);
  err_set(err, CWS_ECONFIG, "%s '%s': %s", what, path, reason != NULL ? reason : "cannot be used");
  ERR_clear_error();
  return CWS_ECONFIG;
}

static int check(SSL_CTX *ctx, const char *cert, const char *key, const char *client_ca,
                 struct cws_error *err) {
  if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
    return refuse("the certificate", cert, err);
  if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
    return refuse("the private key", key, err);
  if (SSL_CTX_check_private_key(ctx) != 1)
    return refuse("the private key does not belong to the certificate", key, err);
  if (client_ca != NULL && SSL_CTX_load_verify_locations(ctx, client_ca, NULL) != 1)
    return refuse("the clients' CA", client_ca, err);
  return 0;
}

int tls_files_check(const char *cert, const char *key, const char *client_ca,
                    struct cws_error *err) {
  ERR_clear_error();
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  if (ctx == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int rc = check(ctx, cert, key, client_ca, err);
  SSL_CTX_free(ctx);
  return rc;
}
