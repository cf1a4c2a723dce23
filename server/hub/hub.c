/*
 * hub: owns the whole: the store, the workers, the table, the jobs under way, and what the store's
 * writer calls. It must not know what any of them does inside.
 */
#include "lib/core/err.h"
#include "server/hub/hub_inside.h"
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define TAIL_EVENTS_DEFAULT 1024
#define TAIL_BYTES_DEFAULT ((size_t)1024 * 1024)
#define LINGER_MS_DEFAULT 60000
#define IDLE_TAIL_BYTES_DEFAULT ((size_t)64 * 1024 * 1024)

int64_t hub_wall_ms(const struct hub *hub) {
  return clock_wall_ms(hub->options.clock);
}
int64_t hub_mono_ms(const struct hub *hub) {
  return clock_mono_ms(hub->options.clock);
}

/* ---- epochs ---- */

static uint64_t scramble(uint64_t v) { /* the finaliser of splitmix64 */
  v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
  v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
  return v ^ (v >> 31);
}

void hub_make_epoch(struct hub *hub, char out[CWS_EPOCH_MAX + 1]) {
  static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  uint64_t n = atomic_fetch_add_explicit(&hub->epochs_made, 1, memory_order_relaxed);
  uint64_t v = scramble(hub->epoch_seed + n * 0x9e3779b97f4a7c15u);
  for (int i = 0; i < EPOCH_LEN; i++, v /= 36)
    out[i] = digits[v % 36];
  out[EPOCH_LEN] = '\0';
}

/* ---- jobs ---- */

static void job_run(struct store *store, struct store_job *store_job) {
  struct hub_job *job = CONTAINER_OF(store_job, struct hub_job, store_job);
  struct hub *hub = job->hub;
  (void)store;
  job->run(job);
  pthread_mutex_lock(&hub->jobs_lock);
  if (--hub->jobs == 0)
    pthread_cond_broadcast(&hub->jobs_done);
  pthread_mutex_unlock(&hub->jobs_lock);
}

void hub_submit(struct hub *hub, struct hub_job *job) {
  pthread_mutex_lock(&hub->jobs_lock);
  hub->jobs++;
  pthread_mutex_unlock(&hub->jobs_lock);
  job->hub = hub;
  job->store_job.run = job_run;
  store_submit(hub->store, &job->store_job);
}

void hub_wait_for_jobs(struct hub *hub) {
  pthread_mutex_lock(&hub->jobs_lock);
  while (hub->jobs > 0)
    pthread_cond_wait(&hub->jobs_done, &hub->jobs_lock);
  pthread_mutex_unlock(&hub->jobs_lock);
}

/* ---- what the store's writer calls ---- */

/* What began a moment ago and failed in the store left nothing behind, so the provisional epoch is
 * still there for the next to begin with. */
static void choose_epoch(const char *request_id, char out[CWS_EPOCH_MAX + 1], void *user) {
  struct hub *hub = user;
  struct stream *s = stream_table_find(&hub->table, request_id);
  if (!s || !stream_choose_epoch(s, out))
    hub_make_epoch(hub, out);
  stream_unref(s);
}

static void on_commit(struct store_append *append, void *user) {
  struct hub *hub = user;
  if (append->stored == 0)
    return;
  if (!append->is_foreign)
    atomic_fetch_add_explicit(&hub->published, (int64_t)append->stored, memory_order_relaxed);
  struct stream *s = stream_table_find(&hub->table, append->request_id);
  if (!s)
    return;
  stream_commit(s, append, hub_wall_ms(hub), hub_mono_ms(hub));
  stream_unref(s);
}

static void on_remove(const char *request_id, const char *epoch, enum store_remove_reason reason,
                      void *user) {
  struct hub *hub = user;
  if (reason == STORE_DELETED)
    tell_forget(hub, request_id);
  struct stream *s = stream_table_find(&hub->table, request_id);
  if (!s)
    return;
  if (stream_remove(s, epoch, reason))
    stream_table_remove(&hub->table, s);
  stream_unref(s);
}

static void on_trim(const char *request_id, int64_t last_gone, int64_t count, int64_t bytes,
                    void *user) {
  struct hub *hub = user;
  struct stream *s = stream_table_find(&hub->table, request_id);
  if (!s)
    return;
  stream_trim(s, last_gone, count, bytes);
  stream_unref(s);
}

static void on_renew(const char *request_id, const char *old_epoch, const char *epoch,
                     int64_t first_id, void *user) {
  struct hub *hub = user;
  struct stream *s = stream_table_find(&hub->table, request_id);
  if (!s)
    return;
  stream_renew(s, old_epoch, epoch, first_id);
  stream_unref(s);
}

static void on_position(const char *request_id, const char *epoch, const char *subscriber,
                        int64_t message_id, void *user) {
  struct hub *hub = user;
  struct stream *s = stream_table_find(&hub->table, request_id);
  if (!s)
    return;
  stream_take_position(s, epoch, subscriber, message_id);
  stream_unref(s);
}

static void on_parted(const struct cws_error *why, void *user) {
  const struct hub_options *options = &((struct hub *)user)->options;
  if (options->on_failed)
    options->on_failed(why, options->failed_user);
}

static void on_told(const void *bytes, size_t len, void *user) {
  tell_take(user, bytes, len);
}

static void on_batch_end(void *user) {
  worker_end_batch(user);
}

/* ---- life ---- */

static void take_options(struct hub *hub, const struct hub_options *options) {
  struct hub_options *o = &hub->options;
  *o = *options;
  o->store_uri = NULL; /* the caller's; not kept */
  o->tail_events = o->tail_events ? o->tail_events : TAIL_EVENTS_DEFAULT;
  o->tail_bytes = o->tail_bytes ? o->tail_bytes : TAIL_BYTES_DEFAULT;
  o->linger_ms = o->linger_ms ? o->linger_ms : LINGER_MS_DEFAULT;
  o->idle_tail_bytes = o->idle_tail_bytes ? o->idle_tail_bytes : IDLE_TAIL_BYTES_DEFAULT;
  o->store.clock = o->clock;
  o->store.log = o->log;
  o->store.listener = (struct store_listener){.choose_epoch = choose_epoch,
                                              .on_commit = on_commit,
                                              .on_remove = on_remove,
                                              .on_trim = on_trim,
                                              .on_renew = on_renew,
                                              .on_position = on_position,
                                              .on_parted = on_parted,
                                              .on_told = on_told,
                                              .on_batch_end = on_batch_end,
                                              .user = hub};
}

static int workers_new(struct hub *hub, int count) {
  hub->workers = calloc((size_t)count, sizeof *hub->workers);
  if (!hub->workers)
    return CWS_ENOMEM;
  while (hub->worker_count < count) {
    if (worker_init(&hub->workers[hub->worker_count], hub, hub->worker_count))
      return CWS_ENOMEM;
    hub->worker_count++;
  }
  return 0;
}

static void workers_free(struct hub *hub) {
  for (int i = 0; i < hub->worker_count; i++)
    worker_finish(&hub->workers[i]);
  free(hub->workers);
}

struct seeds {
  uint64_t epoch, table, self;
};

static int seeds_new(struct seeds *seeds) {
  bool is_filled = getrandom(seeds, sizeof *seeds, 0) == (ssize_t)sizeof *seeds;
  return is_filled ? 0 : CWS_ESYSTEM;
}

int hub_new(const struct hub_options *options, struct hub **out, struct cws_error *err) {
  struct seeds seeds;
  struct hub *hub = calloc(1, sizeof *hub);
  if (!hub)
    return err_set(err, CWS_ENOMEM, NULL);
  take_options(hub, options);
  int code = seeds_new(&seeds);
  if (code)
    goto no_table;
  hub->epoch_seed = seeds.epoch;
  code = stream_table_init(&hub->table, seeds.table);
  if (code)
    goto no_table;
  code = tell_init(&hub->tell, seeds.self);
  if (code)
    goto no_tell;
  code = CWS_ENOMEM;
  if (pthread_mutex_init(&hub->jobs_lock, NULL))
    goto no_lock;
  if (pthread_cond_init(&hub->jobs_done, NULL))
    goto no_cond;
  code = workers_new(hub, options->workers);
  if (code)
    goto no_workers;
  code = store_open(options->store_uri, &hub->options.store, &hub->store, err);
  if (code)
    goto no_workers;
  *out = hub;
  return 0;

no_workers:
  workers_free(hub);
  pthread_cond_destroy(&hub->jobs_done);
no_cond:
  pthread_mutex_destroy(&hub->jobs_lock);
no_lock:
  tell_finish(&hub->tell);
no_tell:
  stream_table_finish(&hub->table);
no_table:
  free(hub);
  return err_set(err, code, NULL);
}

void hub_silence(struct hub *hub) {
  atomic_store(&hub->is_silent, true);
  for (int i = 0; i < hub->worker_count; i++)
    worker_silence(&hub->workers[i]);
}

static bool answer_rest(struct hub *hub) {
  bool had_any = false;
  for (int i = 0; i < hub->worker_count; i++)
    had_any = worker_run(&hub->workers[i]) || had_any;
  return had_any;
}

/* Answers may ask for more, so this goes on until nothing is left anywhere. */
static void end_everything(struct hub *hub) {
  do {
    hub_wait_for_jobs(hub);
    store_flush(hub->store);
  } while (answer_rest(hub));
}

void hub_free(struct hub *hub) {
  if (!hub)
    return;
  hub_silence(hub);
  end_everything(hub);
  upkeep_save_summaries(hub);
  tell_leave(hub);
  store_close(hub->store);
  answer_rest(hub); /* what the store removed meanwhile */
  stream_table_finish(&hub->table);
  workers_free(hub);
  pthread_cond_destroy(&hub->jobs_done);
  pthread_mutex_destroy(&hub->jobs_lock);
  tell_finish(&hub->tell);
  free(hub);
}

struct store *hub_store(struct hub *hub) {
  return hub->store;
}

void hub_totals(struct hub *hub, struct hub_totals *out) {
  out->streams = (int64_t)stream_table_count(&hub->table);
  out->watchers = atomic_load_explicit(&hub->watchers, memory_order_relaxed);
  out->published = atomic_load_explicit(&hub->published, memory_order_relaxed);
  out->delivered_bytes = atomic_load_explicit(&hub->delivered_bytes, memory_order_relaxed);
}
