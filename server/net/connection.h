/*
 * connection: one accepted stream socket (TCP, TLS or unix) on one loop: bytes in, bytes out,
 * a graceful end. The only users of libwebsockets' server side are this file and loop.c;
 * it knows no HTTP. Loop thread only.
 */
#ifndef CWS_NET_CONNECTION_H
#define CWS_NET_CONNECTION_H

#include "server/net/loop.h"
#include <stdbool.h>
#include <stddef.h>

struct connection;

/* All on the loop's thread, never from inside a call of this header (except connection_unhandled,
 * which feeds). NULL members are not called. */
struct connection_handlers {
  void (*on_data)(struct connection *c, const char *bytes, size_t len, void *user);
  /* Everything written has left for the kernel, after a write that said CONNECTION_BUFFERED. */
  void (*on_drain)(struct connection *c, void *user);
  /* Last call, exactly once, whoever began the end. `user` may be freed in it. */
  void (*on_close)(struct connection *c, void *user);
};

enum { CONNECTION_SENT = 0, CONNECTION_BUFFERED = 1, CONNECTION_DEAD = -1 };

struct connection_peer {
  char address[64]; /* "127.0.0.1", "::1", "unix" */
  bool is_unix, is_tls;
};

/* Takes fd (closed on failure, too). TLS handshakes first where `tls`. */
int connection_adopt(struct loop *loop, int fd, bool tls,
                     const struct connection_handlers *handlers, void *user,
                     struct connection **out);

/* Changes who hears of it (HTTP hands over to WebSocket). */
void connection_set_handlers(struct connection *c, const struct connection_handlers *handlers,
                             void *user);

/* Whoever accepted it: `on_gone` is called last, after on_close, whatever handlers were set
 * meanwhile, and frees `owner`. NULL where nobody has said so. */
void connection_set_owner(struct connection *c, void (*on_gone)(void *owner), void *owner);
void *connection_owner(const struct connection *c);

/* Sends bytes (copied only where the kernel does not take them at once). CONNECTION_SENT: gone;
 * CONNECTION_BUFFERED: kept, wait for on_drain before sending bulk (more is accepted, and kept);
 * CONNECTION_DEAD: on_close will follow. Never calls a handler. */
int connection_write(struct connection *c, const void *bytes, size_t len);
size_t connection_buffered_bytes(const struct connection *c);
/* Until connection_send_gathered, within the same turn, what is written is put together, and said
 * to be sent; beyond some KiB it is not waited any longer. One connection of a loop at a time. */
void connection_gather(struct connection *c);
void connection_send_gathered(struct connection *c);

/* Sends what is buffered, then FIN, then closes; at most linger_ms. on_data is not called again. */
void connection_close(struct connection *c, int linger_ms);
/* Closes soon without sending what is buffered. on_data is not called again. */
void connection_abort(struct connection *c);

/* Stops and starts reading the socket, so that the peer waits. */
void connection_pause(struct connection *c);
void connection_resume(struct connection *c);
/* While on, a peer that shuts down its side does not end it, and is not read any more until
 * connection_resume. It costs nothing where no peer does; with TLS it pauses. */
void connection_outlive_eof(struct connection *c, bool on);

/* The peer is taken for gone, and the connection ends, when nothing that was sent arrives there for
 * so long, or it reads nothing (TCP_USER_TIMEOUT); nothing on a Unix socket, whose end is always
 * heard of. */
void connection_set_patience(struct connection *c, int64_t ms);

const struct connection_peer *connection_peer(const struct connection *c);
struct loop *connection_loop(const struct connection *c);

#endif
