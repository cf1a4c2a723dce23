/*
 * fake_net: loops and connections without sockets, linked in place of server/net's: bytes written
 * are kept, a full socket and a dead peer are up to the test, and time is what the test says.
 */
#ifndef CWS_TEST_FAKE_NET_H
#define CWS_TEST_FAKE_NET_H

#include "lib/core/buf.h"
#include "server/net/connection.h"

struct loop *fake_loop_new(int index);
void fake_loop_free(struct loop *loop);
/* Runs what was posted; when there is none, waits for it, at most wait_ms. Returns how many ran. */
int fake_loop_run(struct loop *loop, int wait_ms);
void fake_loop_advance(struct loop *loop, int64_t now_ms);

struct connection *fake_connection_new(struct loop *loop);
void fake_connection_free(struct connection *c);

/* What the peer has received so far; the test consumes it. */
struct buf *fake_received(struct connection *c);
/* From now on the kernel takes only `bytes` more. SIZE_MAX: everything. on_drain follows when all
 * is out. */
void fake_set_room(struct connection *c, size_t bytes);
/* The peer is gone: the next write says so. */
void fake_kill(struct connection *c);
/* The peer sends bytes. */
void fake_send(struct connection *c, const void *bytes, size_t len);
/* Calls on_close if the connection was closed, aborted or killed, as a turn of the loop would. */
void fake_turn(struct connection *c);

bool fake_is_paused(const struct connection *c);
bool fake_is_closing(
    const struct connection *c); /* connection_close or connection_abort was called */
bool fake_was_aborted(const struct connection *c);
bool fake_is_closed(const struct connection *c); /* on_close has been called */
int fake_writes(const struct connection *c);     /* calls of connection_write */
size_t fake_buffered_peak(const struct connection *c);

#endif
