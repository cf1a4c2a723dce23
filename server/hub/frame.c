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

static struct frame *frame_from_payload(int64_t message_id, const char *payload, size_t len,
                                        uint8_t reserved) {
  uint8_t header[WS_HEADER_MAX];
  size_t header_len = ws_frame_header(header, WS_TEXT, len);
  struct frame *f = malloc(sizeof *f + header_len + len);
  header[0] |= reserved;
  if (!f)
    return NULL;
  f->refs = 1;
  f->len = (uint32_t)(header_len + len);
  f->message_id = message_id;
  f->deflated = NULL;
  memcpy(f->bytes, header, header_len);
  memcpy(f->bytes + header_len, payload, len);
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
    f = frame_from_payload(event->message_id, payload.data, payload.len, 0);
  buf_finish(&payload);
  return f;
}

/* Of an unmasked frame. RFC 6455, 5.2. */
static size_t header_len(const struct frame *f) {
  uint8_t len7 = f->bytes[1];
  return len7 == 126 ? 4 : len7 == 127 ? 10 : 2;
}

static struct frame *deflate_frame(struct frame *f, struct ws_deflater *d) {
  struct frame *deflated = NULL;
  const char *payload;
  size_t len, skip = header_len(f);
  if (ws_deflate(d, f->bytes + skip, f->len - skip, &payload, &len))
    deflated = frame_from_payload(f->message_id, payload, len, WS_RSV1);
  return deflated != NULL ? deflated : f;
}

const struct frame *frame_deflated(struct frame *f, struct ws_deflater *d) {
  struct frame *known = __atomic_load_n(&f->deflated, __ATOMIC_ACQUIRE);
  if (known != NULL)
    return known;
  struct frame *made = deflate_frame(f, d);
  if (__atomic_compare_exchange_n(&f->deflated, &known, made, false, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE))
    return made;
  if (made != f) /* another worker was quicker */
    free(made);
  return known;
}

struct frame *frame_ref(struct frame *f) {
  __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
  return f;
}

void frame_unref(struct frame *f) {
  if (!f || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
    return;
  if (f->deflated != f)
    free(f->deflated);
  free(f);
}
