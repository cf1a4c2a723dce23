/*
 * dedupe: which event_ids one stream has seen: event_id → message_id and fingerprint. It keeps a
 * keyed hash of 128 bits in place of the text, 32 bytes an event. Events that were trimmed
 * (message_id ≤ base_id) count as never seen, so that a map in use and one rebuilt from what is
 * stored give the same answers. Pure; for one thread.
 */
#ifndef CWS_STORE_DEDUPE_H
#define CWS_STORE_DEDUPE_H

#include "server/store/siphash.h"
#include <stddef.h>
#include <stdint.h>

struct dedupe_entry {
  struct siphash id;
  uint64_t fingerprint;
  int64_t message_id; /* 0: the slot is free */
};

struct dedupe {
  struct dedupe_entry *slots;
  size_t cap; /* a power of two, or 0 */
  size_t used;
};

void dedupe_init(struct dedupe *d);
void dedupe_finish(struct dedupe *d);
size_t dedupe_bytes(const struct dedupe *d);

/* NULL where it was not seen. */
const struct dedupe_entry *dedupe_find(const struct dedupe *d, struct siphash id, int64_t base_id);

/* Notes an id that dedupe_find does not find. 0 or CWS_ENOMEM, which changes nothing. */
int dedupe_add(struct dedupe *d, struct siphash id, uint64_t fingerprint, int64_t message_id,
               int64_t base_id);

/* Forgets it; fine where it is not there. */
void dedupe_drop(struct dedupe *d, struct siphash id);

#endif
