/*
 * tail: owns the ring of a stream's newest frames. message_ids in it are consecutive, so a place is
 * found by subtraction. It must not know streams, locks or watchers.
 */
#include "server/hub/tail.h"

#include <stdlib.h>

enum { TAIL_FIRST_CAP = 16 };

static struct frame *tail_slot(const struct tail *t, size_t i) {
  return t->ring[(t->head + i) & (t->cap - 1)];
}

static int64_t tail_first_id(const struct tail *t) {
  return tail_slot(t, 0)->message_id;
}

void tail_init(struct tail *t) {
  *t = (struct tail){0};
}

static void tail_drop_oldest(struct tail *t) {
  struct frame *f = tail_slot(t, 0);
  t->head = (t->head + 1) & (t->cap - 1);
  t->count--;
  t->bytes -= f->len;
  frame_unref(f);
}

void tail_clear(struct tail *t) {
  while (t->count > 0)
    tail_drop_oldest(t);
  free(t->ring);
  tail_init(t);
}

void tail_finish(struct tail *t) {
  tail_clear(t);
}

static bool tail_grow(struct tail *t) {
  size_t cap = t->cap ? t->cap * 2 : TAIL_FIRST_CAP;
  struct frame **ring = malloc(cap * sizeof(struct frame *));
  if (!ring)
    return false;
  for (size_t i = 0; i < t->count; i++)
    ring[i] = tail_slot(t, i);
  free(t->ring);
  t->ring = ring;
  t->cap = cap;
  t->head = 0;
  return true;
}

void tail_push(struct tail *t, struct frame *f, size_t max_events, size_t max_bytes) {
  if (t->count > 0 && f->message_id != tail_last_id(t) + 1)
    tail_clear(t);
  while (t->count > 0 && (t->count >= max_events || t->bytes + f->len > max_bytes))
    tail_drop_oldest(t);
  if (t->count == t->cap && !tail_grow(t)) {
    tail_clear(t);
    frame_unref(f);
    return;
  }
  t->ring[(t->head + t->count) & (t->cap - 1)] = f;
  t->count++;
  t->bytes += f->len;
}

void tail_drop_until(struct tail *t, int64_t message_id) {
  while (t->count > 0 && tail_first_id(t) <= message_id)
    tail_drop_oldest(t);
}

int64_t tail_last_id(const struct tail *t) {
  return t->count > 0 ? tail_slot(t, t->count - 1)->message_id : 0;
}

bool tail_follows(const struct tail *t, int64_t after) {
  return t->count > 0 && after >= tail_first_id(t) - 1 && after < tail_last_id(t);
}

struct frame *tail_at(const struct tail *t, int64_t after, size_t i) {
  return tail_slot(t, (size_t)(after + 1 - tail_first_id(t)) + i);
}

size_t tail_span(const struct tail *t, int64_t after, size_t max_bytes, size_t *bytes) {
  size_t available = (size_t)(tail_last_id(t) - after), n = 0;
  *bytes = 0;
  while (n < available) {
    size_t len = tail_at(t, after, n)->len;
    if (n > 0 && *bytes + len > max_bytes)
      break;
    *bytes += len;
    n++;
  }
  return n;
}
