/*
 * memory_stream: streams of the memory engine and the orders they are kept in: by request_id, by
 * age, by last event. It owns their memory; it takes no lock.
 */
#include "server/store/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int memory_stream_new(struct memory_engine *e, const struct store_birth *birth,
                      struct memory_stream **out) {
  size_t size = strlen(birth->request_id) + 1;
  struct memory_stream *st = calloc(1, sizeof(*st) + size);
  if (st == NULL)
    return CWS_ENOMEM;
  memcpy(st->request_id, birth->request_id, size);
  snprintf(st->epoch, sizeof(st->epoch), "%s", birth->epoch);
  st->created_ms = st->updated_ms = birth->created_ms;
  st->hash = siphash_of(&e->key, st->request_id, size - 1).word[0];
  st->owner = birth->owner != NULL ? strdup(birth->owner) : NULL;
  if (birth->owner != NULL && st->owner == NULL) {
    free(st);
    return CWS_ENOMEM;
  }
  *out = st;
  return 0;
}

void memory_stream_free(struct memory_stream *st) {
  if (st == NULL)
    return;
  for (size_t i = 0; i < st->count; i++)
    free(st->events[st->first + i]);
  free(st->events);
  free(st->positions);
  free(st->summary);
  free(st->owner);
  free(st);
}

/* ---- by request_id ---- */

static struct memory_stream **bucket_of(const struct memory_engine *e, uint64_t hash) {
  return &e->buckets[hash & (e->cap - 1)];
}

struct memory_stream *memory_find(const struct memory_engine *e, const char *request_id) {
  uint64_t hash = siphash_of(&e->key, request_id, strlen(request_id)).word[0];
  struct memory_stream *st = *bucket_of(e, hash);
  while (st != NULL && strcmp(st->request_id, request_id) != 0)
    st = st->chain;
  return st;
}

/* Fuller buckets are slower, nothing else; so a failed allocation is no error. */
static void grow_buckets(struct memory_engine *e) {
  size_t cap = e->cap * 2;
  struct memory_stream **buckets = calloc(cap, sizeof(struct memory_stream *));
  if (buckets == NULL)
    return;
  for (size_t i = 0; i < e->count; i++) {
    struct memory_stream *st = e->by_age[i];
    st->chain = buckets[st->hash & (cap - 1)];
    buckets[st->hash & (cap - 1)] = st;
  }
  free(e->buckets);
  e->buckets = buckets;
  e->cap = cap;
}

/* ---- by age ---- */

static int compare_age(const struct memory_stream *st, int64_t ms, const char *request_id) {
  if (st->created_ms != ms)
    return st->created_ms < ms ? -1 : 1;
  return strcmp(st->request_id, request_id);
}

size_t memory_by_age(const struct memory_engine *e, int64_t ms, const char *request_id) {
  size_t low = 0, high = e->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare_age(e->by_age[middle], ms, request_id) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static int reserve_by_age(struct memory_engine *e) {
  if (e->count < e->by_age_cap)
    return 0;
  size_t cap = e->by_age_cap * 2 + 64;
  struct memory_stream **by_age = realloc(e->by_age, cap * sizeof(struct memory_stream *));
  if (by_age == NULL)
    return CWS_ENOMEM;
  e->by_age = by_age;
  e->by_age_cap = cap;
  return 0;
}

/* ---- by last event ---- */

static void idle_unlink(struct memory_engine *e, struct memory_stream *st) {
  *(st->fresher != NULL ? &st->fresher->idler : &e->freshest) = st->idler;
  *(st->idler != NULL ? &st->idler->fresher : &e->idlest) = st->fresher;
}

static void idle_link(struct memory_engine *e, struct memory_stream *st) {
  st->fresher = NULL;
  st->idler = e->freshest;
  *(st->idler != NULL ? &st->idler->fresher : &e->idlest) = st;
  e->freshest = st;
}

void memory_stream_freshen(struct memory_engine *e, struct memory_stream *st) {
  if (e->freshest == st)
    return;
  idle_unlink(e, st);
  idle_link(e, st);
}

/* ---- all three ---- */

int memory_stream_link(struct memory_engine *e, struct memory_stream *st) {
  if (reserve_by_age(e) != 0)
    return CWS_ENOMEM;
  if (e->count >= e->cap)
    grow_buckets(e);
  size_t at = memory_by_age(e, st->created_ms, st->request_id);
  memmove(&e->by_age[at + 1], &e->by_age[at], (e->count - at) * sizeof(struct memory_stream *));
  e->by_age[at] = st;
  e->count++;
  st->chain = *bucket_of(e, st->hash);
  *bucket_of(e, st->hash) = st;
  idle_link(e, st);
  return 0;
}

void memory_stream_unlink(struct memory_engine *e, struct memory_stream *st) {
  struct memory_stream **link = bucket_of(e, st->hash);
  while (*link != st)
    link = &(*link)->chain;
  *link = st->chain;
  size_t at = memory_by_age(e, st->created_ms, st->request_id);
  e->count--;
  memmove(&e->by_age[at], &e->by_age[at + 1], (e->count - at) * sizeof(struct memory_stream *));
  idle_unlink(e, st);
}

/* ---- events and positions ---- */

int memory_stream_reserve(struct memory_stream *st) {
  if (st->first + st->count < st->cap)
    return 0;
  if (st->first > st->cap / 2) { /* trimmed ones made room at the front */
    memmove(st->events, st->events + st->first, st->count * sizeof(struct memory_event *));
    st->first = 0;
    return 0;
  }
  size_t cap = st->cap * 2 + 16;
  struct memory_event **events = realloc(st->events, cap * sizeof(struct memory_event *));
  if (events == NULL)
    return CWS_ENOMEM;
  st->events = events;
  st->cap = cap;
  return 0;
}

size_t memory_position_at(const struct memory_stream *st, const char *subscriber, bool *found) {
  size_t low = 0, high = st->position_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(st->positions[middle].subscriber, subscriber) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  *found = low < st->position_count && strcmp(st->positions[low].subscriber, subscriber) == 0;
  return low;
}

static int insert_position(struct memory_stream *st, size_t at, const char *subscriber) {
  if (st->position_count == st->position_cap) {
    size_t cap = st->position_cap * 2 + 4;
    struct store_position *positions = realloc(st->positions, cap * sizeof(*positions));
    if (positions == NULL)
      return CWS_ENOMEM;
    st->positions = positions;
    st->position_cap = cap;
  }
  memmove(&st->positions[at + 1], &st->positions[at],
          (st->position_count - at) * sizeof(*st->positions));
  st->positions[at] = (struct store_position){0};
  snprintf(st->positions[at].subscriber, sizeof(st->positions[at].subscriber), "%s", subscriber);
  st->position_count++;
  return 0;
}

int memory_stream_set_position(struct memory_stream *st, const char *subscriber, int64_t message_id,
                               int64_t now_ms) {
  bool found;
  size_t at = memory_position_at(st, subscriber, &found);
  if (!found && insert_position(st, at, subscriber) != 0)
    return CWS_ENOMEM;
  struct store_position *pos = &st->positions[at];
  if (message_id <= pos->message_id)
    return 0;
  pos->message_id = message_id;
  pos->updated_ms = now_ms;
  return 0;
}
