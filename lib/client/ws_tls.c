/* ws_tls: the few calls into OpenSSL that libwebsockets leaves to its user. */
#include "lib/client/ws_tls.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

bool ws_tls_add_ca_file(void *ssl_ctx, const char *path) {
  return SSL_CTX_load_verify_locations(ssl_ctx, path, NULL) == 1;
}

static bool is_ipv6_match(X509_STORE_CTX *store_ctx, const char *host) {
  X509 *cert = X509_STORE_CTX_get_current_cert(store_ctx);
  return strchr(host, ':') != NULL && cert != NULL && X509_check_ip_asc(cert, host, 0) == 1;
}

int ws_tls_verify(void *store_ctx, bool preverify_ok, const char *host) {
  if (preverify_ok)
    return 0;
  int code = X509_STORE_CTX_get_error(store_ctx);
  if (code == X509_V_ERR_HOSTNAME_MISMATCH && is_ipv6_match(store_ctx, host)) {
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 0;
  }
  return code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code;
}

static bool is_unknown_ca(int code) {
  return code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
         code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
         code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
         code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
         code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
}

const char *ws_tls_reason(int code) {
  if (is_unknown_ca(code))
    return "it was not signed by a CA that is known here";
  if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return "it is for another host";
  if (code == X509_V_ERR_CERT_HAS_EXPIRED)
    return "it has expired";
  if (code == X509_V_ERR_CERT_NOT_YET_VALID)
    return "it is not valid yet";
  return X509_verify_cert_error_string(code);
}
