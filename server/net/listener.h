/*
 * listener: sockets that accept. An address is opened once and shared out to the workers:
 * a TCP address has one socket a worker (SO_REUSEPORT), a unix path and an inherited
 * descriptor one socket that all workers accept from. At the descriptor limit it stops accepting
 * and starts again when connections end.
 */
#ifndef CWS_NET_LISTENER_H
#define CWS_NET_LISTENER_H

#include "server/net/loop.h"
#include <councilws/error.h>
#include <stdbool.h>

/* An address as the user wrote it: "127.0.0.1:8765", "[::1]:0", ":8765" (every address),
 * "unix:PATH", "fd:N". */
struct listener_address {
  char text[160];
  enum { LISTEN_TCP, LISTEN_UNIX, LISTEN_FD } kind;
  bool is_loopback; /* 127.0.0.0/8, ::1, unix; for fd:N what getsockname says */
};

/* CWS_ECONFIG names what is wrong with it. Resolves no names: addresses are numeric, or
 * "localhost". */
int listener_address_parse(const char *text, struct listener_address *out, struct cws_error *err);

struct listener;

/* Binds and listens on `workers` sockets. A stale unix socket file is replaced, a live one is
 * refused. CWS_ESYSTEM / CWS_ECONFIG names the address and says what to do. */
int listener_open(const struct listener_address *address, int workers, struct listener **out,
                  struct cws_error *err);
/* The bound address: "127.0.0.1:40001", "[::1]:8443", "unix:/run/x.sock". */
const char *listener_bound(const struct listener *l);
bool listener_is_tcp(const struct listener *l);

/* A new socket, non-blocking, TCP_NODELAY set. The callee owns fd. Return false to pause accepting
 * on this worker until listener_resume (the fd is still the callee's). */
typedef bool listener_accept_fn(struct loop *loop, int fd, const struct listener *l, void *user);

/* On each worker's thread: starts and stops accepting there. */
int listener_start(struct listener *l, struct loop *loop, listener_accept_fn *fn, void *user);
void listener_stop(struct listener *l, struct loop *loop);
void listener_resume(struct listener *l, struct loop *loop);
/* After every worker stopped it, any thread: closes its sockets and removes a unix socket's file,
 * so that connects are refused at once. */
void listener_close(struct listener *l);
/* After the loops it was started on have ended. Closes it first. NULL is fine. */
void listener_free(struct listener *l);

#endif
