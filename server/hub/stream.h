/*
 * stream: the inside of one request in memory, for the files of this folder. One mutex, held for
 * short copies only; the members say which thread or lock they belong to.
 */
#ifndef CWS_HUB_STREAM_H
#define CWS_HUB_STREAM_H

#include "server/hub/hub.h"
#include "server/hub/positions.h"
#include "server/hub/summary_json.h"
#include "server/hub/tail.h"
#include <pthread.h>
#include <stdatomic.h>

/* Transitions are checked and logged by stream_set_state. */
enum stream_state {
  STREAM_LOADING, /* the store is being read; nobody has a reference but the loader and those who
                     wait. Ends with the load, as EMPTY, LIVE or (it failed) GONE */
  STREAM_EMPTY, /* holds no event and has a provisional epoch. Ends with the first commit or DELETE
                 */
  STREAM_LIVE,  /* has begun. Ends with its removal: EMPTY when it expired, GONE by DELETE */
  STREAM_GONE,  /* has left the table for good; its watchers are to say bye */
};

/* What a wake of many watchers has waited for; see worker.c. */
enum seat_wait {
  SEAT_IS_NEW,        /* nothing yet */
  SEAT_SOCKETS_FIRST, /* a turn of the loop */
  SEAT_HAS_WAITED,    /* the answer to a publish of this worker's; the next time it is woken */
};

/* One worker's share of a stream. */
struct seat {
  struct stream *stream;
  /* On the worker's loop. */
  struct stream_watch *first;
  struct stream_watch *cursor; /* the next to be woken, during a walk */
  int64_t woken_id;            /* its watchers were last woken with events up to here */
  uint32_t woken_generation;
  int deflating; /* watchers that take compressed frames */
  enum seat_wait waited;
  /* Under the stream's lock. */
  int watchers;
  /* On the writer's thread. */
  bool is_touched;
  struct seat *next_touched;
  /* Under the worker's lock. */
  bool is_dirty;
  struct seat *next_dirty;
};

struct loading; /* load.c */

struct stream {
  struct hub *hub;
  atomic_int refs;              /* the table's is one of them */
  struct stream *next_in_table; /* under the table's lock */
  uint64_t hash;
  char *request_id;

  pthread_mutex_t lock; /* all that follows but watchers_told and the seats */
  enum stream_state state;
  char epoch[CWS_EPOCH_MAX + 1];
  uint32_t generation; /* counts changes of `epoch` */
  char owner[CWS_SUBSCRIBER_MAX + 1];
  int64_t first_id, last_id, count, bytes, created_ms, updated_ms;
  struct tail tail;
  struct summary *summary;
  int64_t summary_saved_id; /* the store has been given the summary of this message_id */
  struct positions positions;
  int watchers;
  int64_t used_ms;           /* the hub's clock, when it was last found in use */
  struct loading *loading;   /* while LOADING */
  size_t tail_bytes_counted; /* what the hub's total has of this tail */

  int watchers_told; /* to other hubs; upkeep's */

  struct seat seats[]; /* one a worker */
};

/* LOADING, with one reference, in no table. NULL when memory is out. */
struct stream *stream_new(struct hub *hub, const char *request_id);
/* Under the lock. */
void stream_set_state(struct stream *s, enum stream_state next);
/* Under the lock: no events, no positions, an epoch of its own. */
void stream_begin_empty(struct stream *s);
/* Under the lock: sets the epoch and counts it as a change where it is one. */
void stream_set_epoch(struct stream *s, const char *epoch);
/* Under the lock, after the tail changed: the hub's total follows. */
void stream_count_tail(struct stream *s);

/* ---- on the writer's thread; stream_commit.c ---- */
/* The epoch it begins with, if it begins now: the one its watchers were told. False: it has begun
 * or is gone, and has none to give. */
bool stream_choose_epoch(struct stream *s, char out[CWS_EPOCH_MAX + 1]);
void stream_commit(struct stream *s, struct store_append *append, int64_t wall_ms, int64_t mono_ms);
/* True: it leaves the table, erased. */
bool stream_remove(struct stream *s, const char *epoch, enum store_remove_reason reason);
void stream_trim(struct stream *s, int64_t last_gone, int64_t count, int64_t bytes);
/* It has a new epoch, and from first_id on other hubs told other events under the old one. */
void stream_renew(struct stream *s, const char *old_epoch, const char *epoch, int64_t first_id);
/* A subscriber acknowledged on another hub. */
void stream_take_position(struct stream *s, const char *epoch, const char *subscriber,
                          int64_t message_id);

/* Under the lock: an event could not be folded when it came, as memory was out. From then on none
 * is, until upkeep has caught up from the store. */
bool stream_summary_is_behind(const struct stream *s);

#endif
