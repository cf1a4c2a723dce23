/* frame: one event as a ready-made WebSocket frame: immutable, shared by reference. */
#ifndef CWS_HUB_FRAME_H
#define CWS_HUB_FRAME_H

#include <councilws/event.h>
#include <stddef.h>
#include <stdint.h>

struct frame {
  int refs; /* atomic */
  uint32_t len;
  int64_t message_id;
  uint8_t bytes[]; /* header and payload of one unmasked text frame */
};

/* Any thread. NULL when memory is out. */
struct frame *frame_new(const struct cws_event *event);
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f); /* NULL is fine */

#endif
