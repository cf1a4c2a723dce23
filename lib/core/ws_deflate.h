/*
 * ws_deflate: messages compressed with permessage-deflate (RFC 7692), each by itself: nothing is
 * taken over from one to the next, so that one compressed frame serves everybody. Knows no socket.
 */
#ifndef CWS_CORE_WS_DEFLATE_H
#define CWS_CORE_WS_DEFLATE_H

#include "lib/core/buf.h"
#include <stdbool.h>
#include <stddef.h>

#define WS_RSV1 0x40 /* of a frame's first byte: the message is compressed */

/* What a server answers to an offer that it takes. */
#define WS_DEFLATE_ANSWER                                                                          \
  "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

/* Whether a Sec-WebSocket-Extensions header (NULL: none) has an offer that can be taken. One that
 * wants a smaller window than 32 KiB cannot: its frames could not be shared. */
bool ws_deflate_is_offered(const char *header);

/* About 260 KiB, to be used again and again; for one thread at a time. NULL when memory is out. */
struct ws_deflater;
struct ws_deflater *ws_deflater_new(void);
void ws_deflater_free(struct ws_deflater *d); /* NULL is fine */

/* The payload of a compressed message, in the deflater's memory until its next use. False where it
 * would not be shorter than `len`, or memory is out. */
bool ws_deflate(struct ws_deflater *d, const void *payload, size_t len, const char **out,
                size_t *out_len);

/* Appends a whole unmasked text frame, compressed where that makes it shorter. */
void ws_deflate_append_frame(struct ws_deflater *d, struct buf *b, const void *payload, size_t len);

/* The message behind a compressed payload: 0 with *out for the caller to free, or the close code
 * with a static *reason: 1009 beyond `max` bytes (no more than that is ever inflated), 1007, 1011.
 */
int ws_inflate(const void *payload, size_t len, size_t max, char **out, size_t *out_len,
               const char **reason);

#endif
