/* dedupe: open addressing, linear probing, at most two thirds full. It owns the slots. */
#include "server/store/dedupe.h"

#include <councilws/error.h>
#include <stdbool.h>
#include <stdlib.h>

#define DEDUPE_CAP_MIN 16

void dedupe_init(struct dedupe *d) {
  *d = (struct dedupe){0};
}

void dedupe_finish(struct dedupe *d) {
  if (d == NULL)
    return;
  free(d->slots);
  dedupe_init(d);
}

size_t dedupe_bytes(const struct dedupe *d) {
  return d->cap * sizeof(*d->slots);
}

static bool id_equal(struct siphash a, struct siphash b) {
  return a.word[0] == b.word[0] && a.word[1] == b.word[1];
}

/* The slot that holds `id`, or the free one where it would go. */
static struct dedupe_entry *slot_of(const struct dedupe *d, struct siphash id) {
  size_t i = (size_t)id.word[0] & (d->cap - 1);
  while (d->slots[i].message_id != 0 && !id_equal(d->slots[i].id, id))
    i = (i + 1) & (d->cap - 1);
  return &d->slots[i];
}

const struct dedupe_entry *dedupe_find(const struct dedupe *d, struct siphash id, int64_t base_id) {
  if (d->cap == 0)
    return NULL;
  const struct dedupe_entry *e = slot_of(d, id);
  return e->message_id > base_id ? e : NULL;
}

static size_t count_live(const struct dedupe *d, int64_t base_id) {
  size_t n = 0;
  for (size_t i = 0; i < d->cap; i++)
    n += d->slots[i].message_id > base_id;
  return n;
}

/* Makes room: drops what was trimmed, and grows where that is not enough. */
static int rebuild(struct dedupe *d, int64_t base_id) {
  struct dedupe fresh = {.cap = DEDUPE_CAP_MIN, .used = count_live(d, base_id)};
  while (fresh.used + 1 > fresh.cap / 2)
    fresh.cap *= 2;
  fresh.slots = calloc(fresh.cap, sizeof(*fresh.slots));
  if (fresh.slots == NULL)
    return CWS_ENOMEM;
  for (size_t i = 0; i < d->cap; i++)
    if (d->slots[i].message_id > base_id)
      *slot_of(&fresh, d->slots[i].id) = d->slots[i];
  free(d->slots);
  *d = fresh;
  return 0;
}

int dedupe_add(struct dedupe *d, struct siphash id, uint64_t fingerprint, int64_t message_id,
               int64_t base_id) {
  if ((d->used + 1) * 3 > d->cap * 2) {
    int code = rebuild(d, base_id);
    if (code != 0)
      return code;
  }
  struct dedupe_entry *e = slot_of(d, id);
  d->used += e->message_id == 0;
  *e = (struct dedupe_entry){.id = id, .fingerprint = fingerprint, .message_id = message_id};
  return 0;
}

void dedupe_drop(struct dedupe *d, struct siphash id) {
  if (d->cap == 0)
    return;
  size_t mask = d->cap - 1;
  size_t hole = (size_t)(slot_of(d, id) - d->slots);
  if (d->slots[hole].message_id == 0)
    return;
  d->used--;
  /* Moves back what lies behind the hole and was pushed there by it. */
  for (size_t i = (hole + 1) & mask; d->slots[i].message_id != 0; i = (i + 1) & mask) {
    size_t home = (size_t)d->slots[i].id.word[0] & mask;
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      d->slots[hole] = d->slots[i];
      hole = i;
    }
  }
  d->slots[hole] = (struct dedupe_entry){0};
}
