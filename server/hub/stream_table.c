/*
 * stream_table: owns the hash table of streams, its lock and its reference to each. It takes no
 * other lock and must not know what a stream does.
 */
#include "server/hub/stream_table.h"

#include "server/hub/stream.h"
#include <councilws/error.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_FIRST_CAP = 64 };

int stream_table_init(struct stream_table *t, uint64_t seed) {
  *t = (struct stream_table){.seed = seed, .cap = TABLE_FIRST_CAP};
  t->buckets = calloc(t->cap, sizeof(struct stream *));
  if (!t->buckets)
    return CWS_ENOMEM;
  if (pthread_mutex_init(&t->lock, NULL)) {
    free(t->buckets);
    return CWS_ENOMEM;
  }
  return 0;
}

void stream_table_finish(struct stream_table *t) {
  for (size_t i = 0; i < t->cap; i++) {
    for (struct stream *s = t->buckets[i], *next; s; s = next) {
      next = s->next_in_table;
      stream_unref(s);
    }
  }
  free(t->buckets);
  pthread_mutex_destroy(&t->lock);
}

static uint64_t hash_of(const struct stream_table *t, const char *request_id) {
  uint64_t h = t->seed;
  for (; *request_id; request_id++) {
    h = (h ^ (uint8_t)*request_id) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
  }
  return h;
}

static struct stream **slot_of(struct stream_table *t, const char *request_id, uint64_t hash) {
  struct stream **link = &t->buckets[hash & (t->cap - 1)];
  while (*link && ((*link)->hash != hash || strcmp((*link)->request_id, request_id) != 0))
    link = &(*link)->next_in_table;
  return link;
}

struct stream *stream_table_find(struct stream_table *t, const char *request_id) {
  uint64_t hash = hash_of(t, request_id);
  pthread_mutex_lock(&t->lock);
  struct stream *s = *slot_of(t, request_id, hash);
  if (s)
    stream_ref(s);
  pthread_mutex_unlock(&t->lock);
  return s;
}

/* A table that cannot grow works on with longer chains. */
static void grow(struct stream_table *t) {
  size_t cap = t->cap * 2;
  struct stream **buckets = calloc(cap, sizeof(struct stream *));
  if (!buckets)
    return;
  for (size_t i = 0; i < t->cap; i++) {
    for (struct stream *s = t->buckets[i], *next; s; s = next) {
      next = s->next_in_table;
      s->next_in_table = buckets[s->hash & (cap - 1)];
      buckets[s->hash & (cap - 1)] = s;
    }
  }
  free(t->buckets);
  t->buckets = buckets;
  t->cap = cap;
}

struct stream *stream_table_add(struct stream_table *t, struct stream *s) {
  s->hash = hash_of(t, s->request_id);
  pthread_mutex_lock(&t->lock);
  struct stream *other = *slot_of(t, s->request_id, s->hash);
  if (other) {
    stream_ref(other);
  } else {
    if (t->count >= t->cap)
      grow(t);
    s->next_in_table = t->buckets[s->hash & (t->cap - 1)];
    t->buckets[s->hash & (t->cap - 1)] = stream_ref(s);
    t->count++;
  }
  pthread_mutex_unlock(&t->lock);
  return other;
}

static bool take_out(struct stream_table *t, struct stream *s) {
  struct stream **link = slot_of(t, s->request_id, s->hash);
  if (*link != s)
    return false;
  *link = s->next_in_table;
  t->count--;
  return true;
}

void stream_table_remove(struct stream_table *t, struct stream *s) {
  pthread_mutex_lock(&t->lock);
  bool was_in = take_out(t, s);
  pthread_mutex_unlock(&t->lock);
  if (was_in)
    stream_unref(s);
}

bool stream_table_remove_unused(struct stream_table *t, struct stream *s) {
  pthread_mutex_lock(&t->lock);
  /* New references come from the table only, under this lock, so the count cannot grow from two. */
  bool was_in = atomic_load(&s->refs) == 2 && take_out(t, s);
  pthread_mutex_unlock(&t->lock);
  if (was_in)
    stream_unref(s);
  return was_in;
}

size_t stream_table_count(struct stream_table *t) {
  pthread_mutex_lock(&t->lock);
  size_t count = t->count;
  pthread_mutex_unlock(&t->lock);
  return count;
}

bool stream_table_snapshot(struct stream_table *t, struct stream ***out, size_t *count) {
  size_t n = 0;
  pthread_mutex_lock(&t->lock);
  struct stream **all = malloc((t->count + 1) * sizeof(struct stream *));
  if (all) {
    for (size_t i = 0; i < t->cap; i++) {
      for (struct stream *s = t->buckets[i]; s; s = s->next_in_table)
        all[n++] = stream_ref(s);
    }
  }
  pthread_mutex_unlock(&t->lock);
  *out = all;
  *count = n;
  return all != NULL;
}
