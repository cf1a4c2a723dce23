/* ws_tls: what a WebSocket's TLS needs beyond libwebsockets' own: more CAs, and the reason of a
 * refusal. */
#ifndef CWS_CLIENT_WS_TLS_H
#define CWS_CLIENT_WS_TLS_H

#include <stdbool.h>

/* `ssl_ctx` is an SSL_CTX *. False if the file has no certificate. */
bool ws_tls_add_ca_file(void *ssl_ctx, const char *path);

/* In OpenSSL's verify callback: `store_ctx` is an X509_STORE_CTX *. Returns 0 if the certificate is
 * good, else the X509_V_ERR code. libwebsockets cuts a host name at its first ':', so an IPv6
 * address never matches; that is put right here. */
int ws_tls_verify(void *store_ctx, bool preverify_ok, const char *host);

/* A sentence for a code of ws_tls_verify. */
const char *ws_tls_reason(int code);

#endif
