/*
 * tail: the newest events of a stream as frames, a bounded ring without holes. It takes no lock:
 * whoever owns it (the stream) does.
 */
#ifndef CWS_HUB_TAIL_H
#define CWS_HUB_TAIL_H

#include "server/hub/frame.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tail {
  struct frame **ring;
  size_t cap;   /* a power of two, or 0 */
  size_t head;  /* index of the oldest */
  size_t count; /* frames held */
  size_t bytes; /* of all frames held */
};

void tail_init(struct tail *t);
void tail_finish(struct tail *t);

/* Takes `f`. A frame that does not follow the last one makes the tail begin anew with it. Then the
 * oldest go until the limits hold; the newest always stays. When memory is out the tail is empty
 * afterwards. */
void tail_push(struct tail *t, struct frame *f, size_t max_events, size_t max_bytes);
/* Lets go of frames up to and including message_id, or of all. */
void tail_drop_until(struct tail *t, int64_t message_id);
void tail_clear(struct tail *t); /* and gives the memory back */

/* Whether the frame right after `after` is held. */
bool tail_follows(const struct tail *t, int64_t after);
int64_t tail_last_id(const struct tail *t); /* 0 when it is empty */
/* How many frames follow `after`, and their bytes, at most max_bytes but at least one frame. Only
 * where tail_follows. */
size_t tail_span(const struct tail *t, int64_t after, size_t max_bytes, size_t *bytes);
/* The i-th frame after `after`. */
struct frame *tail_at(const struct tail *t, int64_t after, size_t i);

#endif
