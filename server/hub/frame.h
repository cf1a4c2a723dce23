/* frame: one event as a ready-made WebSocket frame: immutable, shared by reference. */
#ifndef CWS_HUB_FRAME_H
#define CWS_HUB_FRAME_H

#include "lib/core/ws_deflate.h"
#include <councilws/event.h>
#include <stddef.h>
#include <stdint.h>

struct frame {
  int refs; /* atomic */
  uint32_t len;
  int64_t message_id;
  struct frame *deflated; /* atomic; see frame_deflated */
  uint8_t bytes[];        /* header and payload of one unmasked text frame */
};

/* Any thread. NULL when memory is out. */
struct frame *frame_new(const struct cws_event *event);
/* The same event as a compressed frame: made once, kept as long as `f`, and counted nowhere, since
 * it is shorter. `f` itself where that would not be so, or memory is out. Any thread, `d` is the
 * caller's. */
const struct frame *frame_deflated(struct frame *f, struct ws_deflater *d);
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f); /* NULL is fine */

#endif
