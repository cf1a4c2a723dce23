/*
 * store_pending: positions and summaries that wait to be written, the newest of each. Any thread
 * puts and looks; the writer takes a whole round, writes it, and drops or restores it. What is
 * being written stays visible until it is dropped, so that no reader finds it nowhere.
 */
#ifndef CWS_STORE_STORE_PENDING_H
#define CWS_STORE_STORE_PENDING_H

#include "server/store/siphash.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_pending_entry {
  struct store_pending_entry *chain; /* of its bucket */
  struct store_pending_entry *next;  /* in order of arrival */
  uint64_t hash;
  int64_t message_id;
  char *json;                                  /* a summary's; NULL: it is a position */
  const char *request_id, *epoch, *subscriber; /* in text; subscriber "" for a summary */
  char text[];
};

struct store_pending_set {
  struct store_pending_entry **buckets;
  size_t cap, count;
  struct store_pending_entry *first, **end;
};

struct store_pending {
  pthread_mutex_t lock;
  struct store_pending_set waiting, taken;
  struct siphash_key key;
  atomic_uint_fast64_t rounds; /* counts rounds that were dropped: what a reader missed in the
                                  store before is there now */
};

int store_pending_init(struct store_pending *p);
void store_pending_finish(struct store_pending *p);

/* What to keep; json NULL for a position. Only a higher message_id replaces one of the same name
 * (for a summary: not a lower one). */
struct store_pending_item {
  const char *request_id, *epoch, *subscriber, *json;
  int64_t message_id;
};

/* *is_first: nothing waited before. CWS_ENOMEM: nothing changed. */
int store_pending_put(struct store_pending *p, const struct store_pending_item *item,
                      bool *is_first);

/* ---- the writer ---- */

/* Takes all that waits as one round (none may be taken); NULL when nothing waits. */
struct store_pending_entry *store_pending_take(struct store_pending *p);
/* The round is written. */
void store_pending_drop(struct store_pending *p);
/* It could not be written: it waits again. */
void store_pending_restore(struct store_pending *p);

/* ---- readers ---- */

/* 0 where nothing is pending under that name. */
int64_t store_pending_position(struct store_pending *p, const char *request_id, const char *epoch,
                               const char *subscriber);
/* A copy of a pending summary newer than *message_id, which it moves; NULL: there is none. */
char *store_pending_summary(struct store_pending *p, const char *request_id, const char *epoch,
                            int64_t *message_id);
/* Calls fn for each pending position in one epoch of a request, under the lock. Looks at all that
 * is pending. */
void store_pending_each(struct store_pending *p, const char *request_id, const char *epoch,
                        void (*fn)(const struct store_pending_entry *entry, void *user),
                        void *user);

#endif
