/*
 * sse: what a session says, as text/event-stream (WHATWG HTML, 9.2): frames in, text out. Pure: it
 * knows no session and no socket, and keeps nothing. Every message becomes one event of the stream:
 *
 *   an event      id: EPOCH:N, data: its JSON; without a name, so that it is EventSource's
 * `message` a control one event: TYPE, data: its JSON; with an id where it moves the position (the
 * hello, a gap), with retry where it says when to come back a heartbeat   a comment a ping, a close
 * frame: nothing
 */
#ifndef CWS_WS_SSE_H
#define CWS_WS_SSE_H

#include "lib/core/buf.h"
#include <councilws/event.h>

/* Appends the text of `len` bytes of whole, unmasked, plain frames, whose events are of `epoch`.
 * `types`: the event types that are wanted, comma-separated, or NULL for all; of others only the
 * position is told, once for those in a row at the end. */
void sse_append(struct buf *out, const char *epoch, const char *types, const void *frames,
                size_t len);

/* Reads a Last-Event-ID as it was given out, EPOCH:N. CWS_EBADREQUEST. */
int sse_id_parse(const char *id, char epoch[CWS_EPOCH_MAX + 1], int64_t *message_id,
                 struct cws_error *err);

#endif
