/*
 * far_end: the client's end of a socket, with or without TLS. It never blocks: it is asked again
 * between turns of the loop. Aborts where the machine refuses (no sockets left).
 */
#ifndef CWS_TEST_FAR_END_H
#define CWS_TEST_FAR_END_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lib/core/buf.h"

struct far_end {
  int fd;
  SSL *ssl;
  SSL_CTX *ctx;
  struct buf in;     /* everything read so far */
  bool ended;        /* the peer said FIN, or close_notify */
  int failed;        /* errno of a read or write, or -1 for a TLS failure; 0 for none */
  bool has_tls;      /* the handshake is over */
  bool says_goodbye; /* close_notify came before the end */
};

struct far_tls {
  const char *ca, *cert, *key; /* cert and key NULL: none is shown */
  const char *alpn;            /* "http/1.1", or NULL */
};

/* Two ends of one connection; the near one is what accept gave. Both non-blocking, with buffers
 * that hold less than a megabyte. */
enum far_kind { FAR_V4, FAR_V6, FAR_UNIX };
void far_pair(enum far_kind kind, int *near, struct far_end *far);
/* Connects to a bound address; 0 or errno. */
int far_connect(struct far_end *far, const struct sockaddr *address, socklen_t len);
void far_free(struct far_end *far);

void far_start_tls(struct far_end *far, const struct far_tls *tls);
/* One step of the handshake; true once it is over or has failed. */
bool far_shakes(struct far_end *far);
/* Sends what goes; how many bytes went (0 for none now, or after a failure). */
size_t far_send_some(struct far_end *far, const void *bytes, size_t len);
/* Reads what is there, at most `max` bytes in all; true when anything came or it ended. */
bool far_read_some(struct far_end *far, size_t max);
bool far_read(struct far_end *far);
/* How many bytes have come; reads first. */
size_t far_has(struct far_end *far);
/* Reads; whether the end has come. */
bool far_has_ended(struct far_end *far);
/* Reads; whether `text` has come. */
bool far_has_text(struct far_end *far, const char *text);
/* FIN; and RST. */
void far_finish(struct far_end *far);
void far_reset(struct far_end *far);

#endif
