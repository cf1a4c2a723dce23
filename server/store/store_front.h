/*
 * store_front: the inside of a store, shared by the files store_*.c that make up the front. Each
 * part below is owned by the file of its name; the others use its functions.
 */
#ifndef CWS_STORE_STORE_FRONT_H
#define CWS_STORE_STORE_FRONT_H

#include "server/store/dedupe.h"
#include "server/store/store_ops.h"
#include "server/store/store_pending.h"
#include <pthread.h>
#include <stdatomic.h>

#define STORE_BATCH_EVENTS 4096 /* research: a batch is all that waits, up to this */
#define STORE_BATCH_BYTES (4 * 1024 * 1024)
#define STORE_BATCH_REMOVES 64
#define STORE_READER_THREADS 2

int64_t store_mono_ms(void); /* the machine's; for deadlines, never for ages */

/* ---- store_queue.c: what waits for the writer ---- */

struct store_shared; /* store_shared.h */

struct store_batch { /* only appends, or only removes */
  struct store_append *appends;
  struct store_remove *removes;
  int64_t events, bytes;
};

/* Something a caller waits for: tickets up to `wanted`, done up to `done`. */
struct store_wish {
  uint64_t wanted, done;
  int code; /* of the last one done */
};

struct store_queue {
  pthread_mutex_t lock;
  pthread_cond_t work;     /* the writer sleeps on it */
  pthread_cond_t progress; /* flush and sweep sleep on it */
  struct store_append *appends, **appends_end;
  struct store_remove *removes, **removes_end;
  uint64_t last_ticket;
  int64_t events, bytes; /* queued or being written */
  int64_t max_events, max_bytes;
  struct store_wish flush, sweep;
  int64_t pending_at_ms;             /* when coalesced writes are due; INT64_MAX: there are none */
  int64_t batch_events, batch_bytes; /* a batch is all that waits, up to this */
  bool is_rung;
  bool closing;
};

int store_queue_init(struct store_queue *q, const struct store_options *options);
void store_queue_finish(struct store_queue *q);
int store_queue_append(struct store_queue *q, struct store_append *append);
int store_queue_remove(struct store_queue *q, struct store_remove *remove);
void store_queue_close(struct store_queue *q);
/* Coalesced writes are to be looked at by at_ms. */
void store_queue_nudge(struct store_queue *q, int64_t at_ms);
/* Whether coalesced writes are due; if so, they are due no more. */
bool store_queue_take_due(struct store_queue *q);
/* Waits for work until wake_ms; an empty batch when that came first. False: closed and empty. */
bool store_queue_take(struct store_queue *q, int64_t wake_ms, struct store_batch *out);
/* Waits until wake_ms or store_queue_ring, whatever else there is to do. */
void store_queue_wait(struct store_queue *q, int64_t wake_ms);
/* Wakes the writer, now or the next time it waits; any thread. */
void store_queue_ring(struct store_queue *q);
/* The batch is through: its room is free again. */
void store_queue_release(struct store_queue *q, const struct store_batch *batch);
/* Waits for the writer to grant the wish (&q->flush or &q->sweep); returns its code. */
int store_queue_wish(struct store_queue *q, struct store_wish *wish);
/* The newest wish that can be granted now, as everything queued before it is through; 0: none. */
uint64_t store_queue_wished(struct store_queue *q, const struct store_wish *wish);
void store_queue_grant(struct store_queue *q, struct store_wish *wish, uint64_t ticket, int code);

/* ---- store_streams.c: the streams in use, as the writer's thread sees them ---- */

struct store_stream {
  struct store_stream *chain;         /* of its bucket */
  struct store_stream *newer, *older; /* by use */
  struct store_row row;
  struct dedupe dedupe;
  bool dedupe_is_loaded;
  size_t dedupe_counted; /* its part of store_streams.dedupe_bytes */
  bool is_touched;       /* by the transaction under way */
  int64_t trimmed_to;    /* by that transaction; 0: it was not */
  struct store_stream *next_touched;
  struct siphash hash;
  char request_id[];
};

struct store_streams {
  struct store_stream **buckets;
  size_t cap, count;
  struct store_stream *newest, *oldest;
  size_t max_count, max_dedupe_bytes;
  size_t dedupe_bytes; /* of all maps, as of each stream's last transaction */
  struct siphash_key key;
};

int store_streams_init(struct store_streams *streams);
void store_streams_finish(struct store_streams *streams);
/* From memory or the engine. CWS_EUNKNOWNREQUEST, CWS_ECORRUPT, CWS_ESTORE, CWS_ENOMEM. */
int store_streams_find(struct store_streams *streams, struct store_engine *e,
                       const char *request_id, struct store_stream **out, struct cws_error *err);
/* A new one; its row is filled in by the caller. */
int store_streams_add(struct store_streams *streams, const char *request_id,
                      struct store_stream **out, struct cws_error *err);
int store_streams_load_dedupe(struct store_streams *streams, struct store_engine *e,
                              struct store_stream *st, struct cws_error *err);
struct siphash store_streams_hash(const struct store_streams *streams, const char *text);
void store_streams_drop(struct store_streams *streams, struct store_stream *st);
/* Its map of event_ids may have grown. */
void store_streams_recount(struct store_streams *streams, struct store_stream *st);
/* Lets go of the least recently used beyond the limits. Not within a transaction. */
void store_streams_shrink(struct store_streams *streams);

/* ---- store_epochs.c: epochs of streams that are gone, so that none comes back ---- */

#define STORE_EPOCHS_KEPT 1024

struct store_epochs {
  struct {
    struct siphash request;
    char epoch[CWS_EPOCH_MAX + 1];
  } gone[STORE_EPOCHS_KEPT];
  size_t next;
};

void store_epochs_add(struct store_epochs *epochs, struct siphash request, const char *epoch);
/* The wish, or something like it where a former stream of this request had it. */
void store_epochs_choose(const struct store_epochs *epochs, struct siphash request,
                         const char *wish, char out[CWS_EPOCH_MAX + 1]);

/* ---- store_health.c: whether appends can succeed ---- */

#define STORE_PROBE_MS 1000

struct store_health {
  pthread_mutex_t lock;
  atomic_bool is_writable;
  struct cws_error why;
  int64_t next_probe_ms; /* the writer's */
};

int store_health_init(struct store_health *h);
void store_health_finish(struct store_health *h);
/* A transaction failed. Running out of memory says nothing about the disk. */
void store_health_failed(struct store *s, const struct cws_error *why);
/* It cannot be written yet, and nothing is wrong. */
void store_health_waits(struct store *s, const struct cws_error *why);
/* It can be written again. */
void store_health_mended(struct store *s);
/* Whether to go on; asks the engine again when it is time to. Fills err if not. */
bool store_health_check(struct store *s, struct cws_error *err);

/* ---- store_jobs.c: the reader threads ---- */

struct store_jobs {
  pthread_mutex_t lock;
  pthread_cond_t work;
  struct store_job *first, **end;
  bool closing;
  pthread_t threads[STORE_READER_THREADS];
  int thread_count;
};

int store_jobs_init(struct store *s);
/* Runs what is queued, then ends the threads. */
void store_jobs_finish(struct store *s);

/* ---- store_apply.c: what is written, as one transaction ---- */

struct store_apply { /* one under way */
  struct store *s;
  int64_t now_ms;
  int64_t max_events, max_bytes; /* of a request; 0: none */
  bool is_shared; /* other hubs do the same: what fails here only fails all of it, to be tried again
                   */
  bool has_begun;
  struct cws_error error; /* why the transaction as a whole failed */
};

int store_apply_begin(struct store_apply *t); /* unless it has */
int store_apply_append(struct store_apply *t, struct store_append *a);
/* Within the limits again: the streams that were appended to. */
int store_apply_trims(struct store_apply *t);
/* Ends it one way or the other; returns `code`, or that of the commit. */
int store_apply_finish(struct store_apply *t, int code);
/* After it: the streams in memory are as it left them, or are let go. */
void store_apply_settle(struct store *s, bool keep);

/* Removes one stream within a transaction, also from memory; *epoch receives what it was. */
int store_apply_remove(struct store *s, struct store_stream *st, char epoch[CWS_EPOCH_MAX + 1],
                       struct cws_error *err);

/* Gives one stream a new epoch within a transaction: see STORE_ITEM_RENEWAL. */
int store_apply_renew(struct store_apply *t, struct store_stream *st, int64_t first_id);

/* Callers and listener are told. */
void store_apply_tell(struct store *s, struct store_append *a);
void store_apply_tell_trims(struct store *s); /* before store_apply_settle */
/* The epoch that a request has if it begins now, where the store is shared; within a transaction.
 */
int store_shared_epoch(struct store *s, const char *request_id, int64_t now_ms,
                       char out[CWS_EPOCH_MAX + 1], struct cws_error *err);
/* One that follows from the one it has, and from where it is. */
void store_shared_next_epoch(struct store *s, const char *request_id, const struct store_row *row,
                             char out[CWS_EPOCH_MAX + 1]);
/* What a caller is told of a transaction that failed; for one that has no code yet. */
void store_apply_fail(struct store_append *a, const struct cws_error *why);
void store_apply_fail_remove(struct store_remove *r, const struct cws_error *why);

/* A batch, with all that belongs to it. */
void store_apply_appends(struct store *s, struct store_append *list);
void store_apply_removes(struct store *s, struct store_remove *list);

/* ---- the writer's other work: store_coalesce.c, store_sweep.c ---- */

#define STORE_SWEEP_MS 60000

struct store_sweeper {
  bool expiring, collecting; /* there is something left to do */
  int64_t next_ms;           /* when it runs by itself */
  uint64_t ticket;           /* of the wish it serves; 0: none */
  bool is_asked;             /* that wish's sweep has begun */
};

/* Writes some of the positions and summaries that wait; *more: there are more of this round. */
int store_coalesce(struct store *s, bool *more);
/* Writes up to a slice from *entry on, and moves it to what is left; summaries only where positions
 * go to the log. */
int store_coalesce_slice(struct store *s, const struct store_pending_entry **entry,
                         struct cws_error *err);
/* One slice of retention; *more: there is more. */
int store_sweep_slice(struct store *s, bool *more);

/* ---- store_writer.c ---- */

int store_writer_start(struct store *s);
void store_writer_join(struct store *s);

struct store {
  struct store_engine *engine;
  struct store_options options; /* path is the store's own copy */
  char *path;
  struct store_queue queue;
  struct store_pending pending;
  struct store_health health;
  struct store_jobs jobs;
  pthread_t writer;
  /* The writer's alone. */
  struct store_streams streams;
  struct store_stream *touched;
  struct store_epochs epochs;
  struct store_sweeper sweeper;
  const struct store_pending_entry *coalescing; /* what is left of the round under way */
  struct store_shared *shared;                  /* where other hubs append, too; or NULL */
};

#endif
