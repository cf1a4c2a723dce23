/*
 * upkeep: owns what happens once a second: summaries that changed go to the store, streams that
 * nobody uses leave memory, and so do old tails when they take too much of it; other hubs are told
 * of watchers. It runs on a reader thread, so no loop waits for it.
 */
#include "server/hub/load.h"
#include <stdlib.h>
#include <string.h>

enum { CATCH_UP_TRIES = 10 }; /* of a second: events come meanwhile */

/* ---- summaries that were left behind ---- */

static void install(struct stream *s, const struct store_info *info, struct summary **summary) {
  pthread_mutex_lock(&s->lock);
  if (stream_summary_is_behind(s) && strcmp(s->epoch, info->epoch) == 0 &&
      summary_message_id(*summary) > summary_message_id(s->summary)) {
    struct summary *behind = s->summary;
    s->summary = *summary;
    *summary = behind;
  }
  pthread_mutex_unlock(&s->lock);
}

static void catch_up_once(struct stream *s) {
  struct store *store = s->hub->store;
  struct store_info info;
  struct summary *summary;
  if (store_info(store, s->request_id, &info, NULL))
    return;
  if (load_summary(store, &info, &summary, NULL) == 0) {
    install(s, &info, &summary);
    summary_free(summary);
  }
  store_info_finish(&info);
}

static void catch_up(struct stream *s) {
  bool is_behind = true;
  for (int i = 0; i < CATCH_UP_TRIES && is_behind; i++) {
    catch_up_once(s);
    pthread_mutex_lock(&s->lock);
    is_behind = stream_summary_is_behind(s);
    pthread_mutex_unlock(&s->lock);
  }
}

/* ---- summaries that changed ---- */

/* Under the lock. False: nothing to save. */
static bool summary_take(struct stream *s, struct buf *json, char epoch[CWS_EPOCH_MAX + 1],
                         int64_t *message_id) {
  *message_id = summary_message_id(s->summary);
  if (s->state != STREAM_LIVE || *message_id <= s->summary_saved_id)
    return false;
  summary_append_state(s->summary, json);
  if (json->failed)
    return false;
  for (int i = 0; i <= CWS_EPOCH_MAX; i++)
    epoch[i] = s->epoch[i];
  s->summary_saved_id = *message_id;
  return true;
}

static void save_summary(struct stream *s, struct buf *json) {
  char epoch[CWS_EPOCH_MAX + 1];
  int64_t message_id;
  buf_reset(json);
  pthread_mutex_lock(&s->lock);
  bool has_changed = summary_take(s, json, epoch, &message_id);
  bool is_behind = stream_summary_is_behind(s);
  pthread_mutex_unlock(&s->lock);
  if (has_changed)
    store_set_summary(s->hub->store, s->request_id, epoch, message_id, json->data);
  if (is_behind)
    catch_up(s);
}

static void save_all(struct stream **streams, size_t count) {
  struct buf json;
  buf_init(&json);
  for (size_t i = 0; i < count; i++)
    save_summary(streams[i], &json);
  buf_finish(&json);
}

static void let_go(struct stream **streams, size_t count) {
  for (size_t i = 0; i < count; i++)
    stream_unref(streams[i]);
  free(streams);
}

void upkeep_save_summaries(struct hub *hub) {
  struct stream **streams;
  size_t count;
  if (!stream_table_snapshot(&hub->table, &streams, &count))
    return;
  save_all(streams, count);
  let_go(streams, count);
}

/* ---- streams that nobody uses ---- */

/* References of the table and of the snapshot are no use. */
static bool is_idle(struct stream *s, int64_t now_ms) {
  pthread_mutex_lock(&s->lock);
  if (atomic_load(&s->refs) > 2 || s->state == STREAM_LOADING)
    s->used_ms = now_ms;
  bool is_idle = now_ms - s->used_ms >= s->hub->options.linger_ms;
  pthread_mutex_unlock(&s->lock);
  return is_idle;
}

static void drop_idle(struct hub *hub, struct stream **streams, size_t count) {
  int64_t now_ms = hub_mono_ms(hub);
  for (size_t i = 0; i < count; i++) {
    if (is_idle(streams[i], now_ms))
      stream_table_remove_unused(&hub->table, streams[i]);
  }
}

/* ---- tails ---- */

struct idle_tail {
  struct stream *stream; /* of the snapshot */
  int64_t used_ms;
  size_t bytes;
};

static int older_first(const void *a, const void *b) {
  const struct idle_tail *x = a, *y = b;
  return (x->used_ms > y->used_ms) - (x->used_ms < y->used_ms);
}

static size_t find_idle_tails(struct stream **streams, size_t count, struct idle_tail *out,
                              size_t *total) {
  size_t n = 0;
  *total = 0;
  for (size_t i = 0; i < count; i++) {
    struct stream *s = streams[i];
    pthread_mutex_lock(&s->lock);
    if (s->watchers == 0 && s->tail.bytes > 0) {
      out[n] = (struct idle_tail){s, s->updated_ms, s->tail.bytes};
      *total += out[n++].bytes;
    }
    pthread_mutex_unlock(&s->lock);
  }
  return n;
}

static void drop_tail(struct stream *s) {
  pthread_mutex_lock(&s->lock);
  if (s->watchers == 0) {
    tail_clear(&s->tail);
    stream_count_tail(s);
  }
  pthread_mutex_unlock(&s->lock);
}

static void bound_tails(struct hub *hub, struct stream **streams, size_t count) {
  size_t limit = hub->options.idle_tail_bytes, total;
  if (atomic_load_explicit(&hub->tail_bytes, memory_order_relaxed) <= (int64_t)limit)
    return;
  struct idle_tail *tails = malloc((count + 1) * sizeof *tails);
  if (!tails)
    return;
  size_t n = find_idle_tails(streams, count, tails, &total);
  qsort(tails, n, sizeof *tails, older_first);
  for (size_t i = 0; i < n && total > limit; i++) {
    drop_tail(tails[i].stream);
    total -= tails[i].bytes;
  }
  free(tails);
}

void upkeep_now(struct hub *hub) {
  struct stream **streams;
  size_t count;
  if (!stream_table_snapshot(&hub->table, &streams, &count))
    return;
  save_all(streams, count);
  tell_watchers(hub, streams, count);
  drop_idle(hub, streams, count);
  bound_tails(hub, streams, count);
  let_go(streams, count);
}

static void upkeep_run(struct hub_job *job) {
  struct hub *hub = job->hub;
  upkeep_now(hub);
  free(job);
  atomic_store(&hub->is_upkeep_running, false);
}

void hub_tick(struct hub *hub) {
  if (atomic_exchange(&hub->is_upkeep_running, true))
    return;
  struct hub_job *job = malloc(sizeof *job);
  if (!job) {
    atomic_store(&hub->is_upkeep_running, false);
    return;
  }
  *job = (struct hub_job){.hub = hub, .run = upkeep_run};
  hub_submit(hub, job);
}

int hub_flush(struct hub *hub) {
  upkeep_save_summaries(hub);
  return store_flush(hub->store);
}
