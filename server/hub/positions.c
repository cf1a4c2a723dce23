/*
 * positions: owns the table of a stream's subscribers. It must not know the store; who adds one has
 * asked the store for its position first, unless the table is complete.
 */
#include "server/hub/positions.h"

#include <stdlib.h>
#include <string.h>

void positions_init(struct positions *p) {
  *p = (struct positions){0};
}

static void free_chain(struct subscriber *entry) {
  while (entry) {
    struct subscriber *next = entry->next;
    free(entry);
    entry = next;
  }
}

void positions_finish(struct positions *p) {
  for (size_t i = 0; i < p->cap; i++)
    free_chain(p->buckets[i]);
  free(p->buckets);
  positions_init(p);
}

static uint64_t hash_of(const char *name) {
  uint64_t h = 14695981039346656037u; /* FNV-1a */
  for (; *name; name++)
    h = (h ^ (uint8_t)*name) * 1099511628211u;
  return h ^ (h >> 29);
}

static struct subscriber **bucket_of(const struct positions *p, const char *name) {
  return &p->buckets[hash_of(name) & (p->cap - 1)];
}

struct subscriber *positions_find(struct positions *p, const char *name) {
  if (p->cap == 0)
    return NULL;
  struct subscriber *entry = *bucket_of(p, name);
  while (entry && strcmp(entry->name, name) != 0)
    entry = entry->next;
  if (entry)
    entry->used = ++p->uses;
  return entry;
}

static void insert(struct positions *p, struct subscriber *entry) {
  struct subscriber **bucket = bucket_of(p, entry->name);
  entry->next = *bucket;
  *bucket = entry;
}

/* A table that cannot grow works on with longer chains, except for the first. */
static bool grow(struct positions *p) {
  size_t cap = p->cap ? p->cap * 2 : 4;
  struct positions larger = {.buckets = calloc(cap, sizeof(struct subscriber *)), .cap = cap};
  if (!larger.buckets)
    return p->cap > 0;
  for (size_t i = 0; i < p->cap; i++) {
    for (struct subscriber *entry = p->buckets[i], *next; entry; entry = next) {
      next = entry->next;
      insert(&larger, entry);
    }
  }
  free(p->buckets);
  p->buckets = larger.buckets;
  p->cap = cap;
  return true;
}

static void remove_entry(struct positions *p, struct subscriber *entry) {
  struct subscriber **link = bucket_of(p, entry->name);
  while (*link != entry)
    link = &(*link)->next;
  *link = entry->next;
  free(entry);
  p->count--;
}

static void make_room(struct positions *p) {
  struct subscriber *oldest = NULL;
  for (size_t i = 0; i < p->cap; i++) {
    for (struct subscriber *entry = p->buckets[i]; entry; entry = entry->next) {
      if (entry->attached == 0 && (!oldest || entry->used < oldest->used))
        oldest = entry;
    }
  }
  if (!oldest)
    return;
  if (oldest->acked > 0)
    p->is_complete = false;
  remove_entry(p, oldest);
}

static struct subscriber *add(struct positions *p, const char *name) {
  if (p->count >= POSITIONS_MAX)
    make_room(p);
  if (p->count >= p->cap && !grow(p))
    return NULL;
  size_t len = strlen(name);
  struct subscriber *entry = calloc(1, sizeof *entry + len + 1);
  if (!entry)
    return NULL;
  memcpy(entry->name, name, len + 1);
  entry->used = ++p->uses;
  insert(p, entry);
  p->count++;
  return entry;
}

struct subscriber *positions_put(struct positions *p, const char *name, int64_t acked) {
  struct subscriber *entry = positions_find(p, name);
  if (!entry)
    entry = add(p, name);
  if (entry && acked > entry->acked)
    entry->acked = acked;
  return entry;
}

void positions_cut(struct positions *p, int64_t most) {
  for (size_t i = 0; i < p->cap; i++) {
    for (struct subscriber *entry = p->buckets[i]; entry; entry = entry->next)
      entry->acked = entry->acked < most ? entry->acked : most;
  }
}

void positions_reset(struct positions *p) {
  positions_cut(p, 0);
  p->is_complete = true;
}
