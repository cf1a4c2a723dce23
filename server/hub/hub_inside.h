/*
 * hub_inside: the hub itself and its workers, for the files of this folder. worker.c owns what goes
 * to a worker's loop, stream_table.c the table, upkeep.c what happens once a second, tell.c what
 * hubs that share a store tell each other.
 */
#ifndef CWS_HUB_HUB_INSIDE_H
#define CWS_HUB_HUB_INSIDE_H

#include "server/hub/peers.h"
#include "server/hub/stream.h"
#include "server/hub/stream_table.h"

struct worker {
  struct hub *hub;
  int index;
  pthread_mutex_t lock;
  struct mail mail; /* the one that is posted, for whatever there is */
  bool is_posted;   /* under the lock, as are the lists */
  struct mail *tasks, **tasks_end;
  struct seat *dirty, **dirty_end;
  struct seat *touched, **touched_end; /* on the writer's thread: dirty when the batch ends */
  int publishing; /* on the worker's loop: publishes of this worker that have no answer yet */
  /* On the worker's loop: room for batches. */
  struct frame **frames;
  size_t frames_cap;
  struct buf bytes, deflated;
  struct ws_deflater *deflater; /* made when the first watcher wants one, see worker_deflater */
};

struct tell {
  pthread_mutex_t lock;
  struct peers peers; /* under the lock */
  unsigned turn;      /* upkeep's: which part of the streams is told anew */
};

struct hub {
  struct hub_options options;
  struct store *store;
  struct stream_table table;
  struct worker *workers;
  int worker_count;
  atomic_bool is_silent; /* no mail is posted any more */
  atomic_uint_fast64_t epochs_made;
  uint64_t epoch_seed;
  atomic_int_fast64_t watchers, published, delivered_bytes, tail_bytes;
  atomic_bool is_upkeep_running;
  struct tell tell;
  /* Jobs on reader threads. */
  pthread_mutex_t jobs_lock;
  pthread_cond_t jobs_done;
  int jobs;
};

/* ---- worker.c ---- */
int worker_init(struct worker *w, struct hub *hub, int index);
void worker_finish(struct worker *w);
/* On the worker's loop; NULL when memory is out. */
struct ws_deflater *worker_deflater(struct worker *w);
/* Runs mail->run on the worker's loop, in order of the calls; any thread. */
void worker_send(struct hub *hub, int worker, struct mail *mail);
/* On the writer's thread: wakes the stream's watchers once the batch has ended. */
void worker_touch(struct stream *s);
void worker_end_batch(struct hub *hub);
/* Runs what there is for the worker, on the calling thread; false: there was nothing. */
bool worker_run(struct worker *w);
/* After hub->is_silent was set: returns when no post is under way. */
void worker_silence(struct worker *w);

/* ---- hub.c ---- */
/* Work for a reader thread; embedded in what it works on, which it may free. */
struct hub_job {
  struct store_job store_job;
  struct hub *hub;
  void (*run)(struct hub_job *job);
};
void hub_submit(struct hub *hub, struct hub_job *job);
void hub_wait_for_jobs(struct hub *hub);
int64_t hub_wall_ms(const struct hub *hub);
int64_t hub_mono_ms(const struct hub *hub);
/* 8 random characters of a-z and 0-9. */
#define EPOCH_LEN 8
void hub_make_epoch(struct hub *hub, char out[CWS_EPOCH_MAX + 1]);

/* ---- upkeep.c ---- */
void upkeep_save_summaries(struct hub *hub);
void upkeep_now(struct hub *hub); /* what hub_tick has done on a reader thread */

/* ---- tell.c: watchers on other hubs; nothing where the store is not shared ---- */
int tell_init(struct tell *t, uint64_t self);
void tell_finish(struct tell *t);
/* Once a second, of all streams: tells what changed, and some anew. */
void tell_watchers(struct hub *hub, struct stream **streams, size_t count);
/* That this hub has none any more. */
void tell_leave(struct hub *hub);
/* Another hub told something. Any thread, as are the next two. */
void tell_take(struct hub *hub, const void *bytes, size_t len);
/* A request was deleted. */
void tell_forget(struct hub *hub, const char *request_id);
int64_t tell_watchers_elsewhere(struct hub *hub, const char *request_id);

#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
