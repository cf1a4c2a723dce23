/*
 * positions: the subscribers of one stream: how far each has acknowledged and how often it has
 * connected. It takes no lock: the stream does.
 */
#ifndef CWS_HUB_POSITIONS_H
#define CWS_HUB_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct subscriber {
  struct subscriber *next; /* in its bucket */
  int64_t acked;
  int connects;  /* so far, since the stream was loaded */
  int attached;  /* watchers now */
  uint64_t used; /* when it was last looked up: counts up */
  char name[];
};

struct positions {
  struct subscriber **buckets;
  size_t cap, count;
  uint64_t uses;
  bool is_complete; /* who is not in it has never acknowledged: the store need not be asked */
};

/* Beyond this many, one that has no watcher and was not used for longest makes room for a new one.
 * Its position is in the store; only the count of its connects is lost. */
#define POSITIONS_MAX 4096

void positions_init(struct positions *p);
void positions_finish(struct positions *p);
/* NULL where it is not known here. Entries stay where they are until they make room (never while
 * attached). */
struct subscriber *positions_find(struct positions *p, const char *name);
/* Finds or adds, and moves the position forward to `acked`. NULL when memory is out. */
struct subscriber *positions_put(struct positions *p, const char *name, int64_t acked);
/* None is above `most` any more. */
void positions_cut(struct positions *p, int64_t most);
/* The stream begins anew: every position goes back to 0, and it is complete. */
void positions_reset(struct positions *p);

#endif
