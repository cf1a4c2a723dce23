/*
 * tls_peer: this side's own certificate, and what the hub says of it. In TLS 1.3 a client's
 * handshake is over before its certificate is judged: all that tells a refusal from a lost
 * connection is an alert, which neither libcurl nor libwebsockets passes on.
 */
#ifndef CWS_CLIENT_TLS_PEER_H
#define CWS_CLIENT_TLS_PEER_H

#include <stdbool.h>

/* `ssl_ctx` is an SSL_CTX *, as below. key_file NULL: the key is in cert_file, too. False if there
 * is no certificate, no key, or the key of another certificate. */
bool tls_peer_use_cert(void *ssl_ctx, const char *cert_file, const char *key_file);

/* *alert becomes the number of the last fatal alert that a connection of ssl_ctx gets; it has to
 * outlive them. */
void tls_peer_watch(void *ssl_ctx, int *alert);

/* A connection that was reset may still hold an alert that nobody has read. `ssl` is its SSL *,
 * which is of no other use any more; or NULL. */
void tls_peer_read_last(void *ssl);

/* What the alert says of the client's certificate; NULL for one that says nothing of it. */
const char *tls_peer_reason(int alert);

#endif
