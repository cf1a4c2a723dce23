/*
 * frame: owns the encoding of one event as one unmasked WebSocket text frame. It is encoded once
 * and then shared by every watcher on every worker; it must not know who they are.
 */
#include "server/hub/frame.h"

#include "lib/core/event.h"
#include "lib/core/ws_frame.h"
#include <stdlib.h>
#include <string.h>

enum { WIRE_OVERHEAD = 80 }; /* member names, quotes and the id: {"type":"","timestamp":"",… */

static struct frame *frame_from_payload(int64_t message_id, const struct buf *payload) {
  uint8_t header[WS_HEADER_MAX];
  size_t header_len = ws_frame_header(header, WS_TEXT, payload->len);
  struct frame *f = malloc(sizeof *f + header_len + payload->len);
  if (!f)
    return NULL;
  f->refs = 1;
  f->len = (uint32_t)(header_len + payload->len);
  f->message_id = message_id;
  memcpy(f->bytes, header, header_len);
  memcpy(f->bytes + header_len, payload->data, payload->len);
  return f;
}

struct frame *frame_new(const struct cws_event *event) {
  struct frame *f = NULL;
  struct buf payload;
  buf_init(&payload);
  buf_reserve(&payload,
              strlen(event->type) + strlen(event->timestamp) + event->data_len + WIRE_OVERHEAD);
  event_append(&payload, event, false);
  if (!payload.failed && payload.len <= UINT32_MAX - WS_HEADER_MAX)
    f = frame_from_payload(event->message_id, &payload);
  buf_finish(&payload);
  return f;
}

struct frame *frame_ref(struct frame *f) {
  __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
  return f;
}

void frame_unref(struct frame *f) {
  if (f && __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0)
    free(f);
}
