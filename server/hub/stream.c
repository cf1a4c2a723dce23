/*
 * stream: owns the life of one request in memory, its watchers' seats and what they ask of it. What
 * the store commits is in stream_commit.c. It must not know sockets; it touches the store only to
 * keep positions.
 */
#include "server/hub/stream.h"

#include "server/hub/hub_inside.h"
#include "server/hub/load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static void stream_init_members(struct stream *s, struct hub *hub) {
  s->hub = hub;
  atomic_init(&s->refs, 1);
  tail_init(&s->tail);
  positions_init(&s->positions);
  s->used_ms = hub_mono_ms(hub);
  for (int i = 0; i < hub->worker_count; i++)
    s->seats[i].stream = s;
}

struct stream *stream_new(struct hub *hub, const char *request_id) {
  size_t seats = (size_t)hub->worker_count * sizeof(struct seat);
  struct stream *s = calloc(1, sizeof *s + seats);
  if (!s)
    return NULL;
  s->request_id = strdup(request_id);
  s->summary = summary_new();
  if (!s->request_id || !s->summary)
    goto no_members;
  if (pthread_mutex_init(&s->lock, NULL))
    goto no_members;
  stream_init_members(s, hub);
  stream_begin_empty(s);
  return s;

no_members:
  summary_free(s->summary);
  free(s->request_id);
  free(s);
  return NULL;
}

static void stream_free(struct stream *s) {
  tail_clear(&s->tail);
  stream_count_tail(s);
  tail_finish(&s->tail);
  loading_free(s->loading);
  positions_finish(&s->positions);
  summary_free(s->summary);
  pthread_mutex_destroy(&s->lock);
  free(s->request_id);
  free(s);
}

struct stream *stream_ref(struct stream *s) {
  atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
  return s;
}

void stream_unref(struct stream *s) {
  if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
    stream_free(s);
}

const char *stream_request_id(const struct stream *s) {
  return s->request_id;
}

/* ---- state ---- */

static const char *const state_names[] = {
    [STREAM_LOADING] = "loading",
    [STREAM_EMPTY] = "empty",
    [STREAM_LIVE] = "live",
    [STREAM_GONE] = "gone",
};

static bool may_become(enum stream_state from, enum stream_state to) {
  switch (from) {
  case STREAM_LOADING:
    return to != STREAM_LOADING;
  case STREAM_EMPTY:
    return to == STREAM_LIVE || to == STREAM_GONE;
  case STREAM_LIVE:
    return to == STREAM_EMPTY || to == STREAM_GONE;
  case STREAM_GONE:
    break;
  }
  return false;
}

void stream_set_state(struct stream *s, enum stream_state next) {
  struct log *log = s->hub->options.log;
  if (!may_become(s->state, next)) {
    log_error(log, "request %s: from %s to %s is no way to go", s->request_id,
              state_names[s->state], state_names[next]);
    return;
  }
  log_debug(log, "request %s: %s", s->request_id, state_names[next]);
  s->state = next;
}

void stream_set_epoch(struct stream *s, const char *epoch) {
  if (strcmp(s->epoch, epoch) == 0)
    return;
  snprintf(s->epoch, sizeof s->epoch, "%s", epoch);
  s->generation++;
}

void stream_begin_empty(struct stream *s) {
  char epoch[CWS_EPOCH_MAX + 1];
  if (!store_first_epoch(s->hub->store, s->request_id, epoch))
    hub_make_epoch(s->hub, epoch);
  stream_set_epoch(s, epoch);
  s->owner[0] = '\0';
  s->first_id = 1;
  s->last_id = s->count = s->bytes = s->created_ms = s->updated_ms = 0;
  tail_clear(&s->tail);
  stream_count_tail(s);
  summary_reset(s->summary);
  s->summary_saved_id = 0;
  positions_reset(&s->positions);
}

void stream_count_tail(struct stream *s) {
  int64_t change = (int64_t)s->tail.bytes - (int64_t)s->tail_bytes_counted;
  if (change == 0)
    return;
  s->tail_bytes_counted = s->tail.bytes;
  atomic_fetch_add_explicit(&s->hub->tail_bytes, change, memory_order_relaxed);
}

void stream_info(struct stream *s, struct stream_info *out) {
  pthread_mutex_lock(&s->lock);
  *out = (struct stream_info){
      .first_id = s->first_id,
      .last_id = s->last_id,
      .count = s->count,
      .bytes = s->bytes,
      .created_ms = s->created_ms,
      .updated_ms = s->updated_ms,
      .watchers = s->watchers,
      .is_shared = store_is_shared(s->hub->store),
      .deleted = s->state == STREAM_GONE,
  };
  memcpy(out->epoch, s->epoch, sizeof out->epoch);
  memcpy(out->owner, s->owner, sizeof out->owner);
  pthread_mutex_unlock(&s->lock);
}

/* ---- watchers ---- */

static void seat_add(struct seat *seat, struct stream_watch *watch) {
  /* At the front: a watch added during a walk is not part of it. */
  watch->prev = NULL;
  watch->next = seat->first;
  if (seat->first)
    seat->first->prev = watch;
  seat->first = watch;
}

static void seat_remove(struct seat *seat, struct stream_watch *watch) {
  if (seat->cursor == watch)
    seat->cursor = watch->next;
  if (watch->prev)
    watch->prev->next = watch->next;
  else
    seat->first = watch->next;
  if (watch->next)
    watch->next->prev = watch->prev;
  watch->next = watch->prev = NULL;
}

/* Under the lock. Returns how often it had connected before. */
static int attach_subscriber(struct stream *s, struct stream_watch *watch, const char *name) {
  watch->subscriber = name ? positions_put(&s->positions, name, 0) : NULL;
  if (!watch->subscriber)
    return 0;
  watch->subscriber->attached++;
  return watch->subscriber->connects++;
}

int stream_attach(struct stream *s, int worker, struct stream_watch *watch,
                  const char *subscriber) {
  struct seat *seat = &s->seats[worker];
  watch->stream = stream_ref(s);
  watch->worker = worker;
  pthread_mutex_lock(&s->lock);
  int before = attach_subscriber(s, watch, subscriber);
  if (!seat->first) { /* nobody was woken for a while: what came since is not news to anybody */
    seat->woken_id = s->last_id;
    seat->woken_generation = s->generation;
  }
  seat->watchers++;
  s->watchers++;
  pthread_mutex_unlock(&s->lock);
  seat_add(seat, watch);
  seat->deflating += watch->takes_deflated;
  atomic_fetch_add_explicit(&s->hub->watchers, 1, memory_order_relaxed);
  return before;
}

void stream_detach(struct stream_watch *watch) {
  struct stream *s = watch->stream;
  if (!s)
    return;
  struct seat *seat = &s->seats[watch->worker];
  seat_remove(seat, watch);
  seat->deflating -= watch->takes_deflated;
  pthread_mutex_lock(&s->lock);
  if (watch->subscriber)
    watch->subscriber->attached--;
  seat->watchers--;
  s->watchers--;
  pthread_mutex_unlock(&s->lock);
  atomic_fetch_sub_explicit(&s->hub->watchers, 1, memory_order_relaxed);
  watch->subscriber = NULL;
  watch->stream = NULL;
  stream_unref(s);
}

/* ---- reading and acknowledging ---- */

/* Under the lock. Returns the last id copied, or -1. */
static int64_t copy_frames(struct stream *s, int64_t after, size_t max_bytes, struct buf *out) {
  size_t bytes;
  size_t n = tail_span(&s->tail, after, max_bytes, &bytes);
  if (buf_reserve(out, bytes))
    return -1;
  for (size_t i = 0; i < n; i++) {
    const struct frame *f = tail_at(&s->tail, after, i);
    buf_add(out, f->bytes, f->len);
  }
  atomic_fetch_add_explicit(&s->hub->delivered_bytes, (int64_t)bytes, memory_order_relaxed);
  return after + (int64_t)n;
}

/* Under the lock: who stands at `after` in `epoch` finds what comes next in the tail. */
static bool tail_has_next(const struct stream *s, const char *epoch, int64_t after) {
  return strcmp(s->epoch, epoch) == 0 && s->state != STREAM_GONE && after < s->last_id &&
         tail_follows(&s->tail, after);
}

/* Under the lock. References to the frames that follow; NULL when memory is out. */
static struct frame **take_frames(struct stream *s, int64_t after, size_t max_bytes, size_t *n) {
  size_t bytes;
  *n = tail_span(&s->tail, after, max_bytes, &bytes);
  struct frame **frames = malloc(*n * sizeof(struct frame *));
  for (size_t i = 0; frames && i < *n; i++)
    frames[i] = frame_ref(tail_at(&s->tail, after, i));
  return frames;
}

/* They are compressed outside the lock. */
int64_t stream_tail_deflate(struct stream *s, int worker, const char *epoch, int64_t after,
                            size_t max_bytes, struct buf *out) {
  struct ws_deflater *d = worker_deflater(&s->hub->workers[worker]);
  size_t n = 0, before = out->len;
  struct frame **frames = NULL;
  pthread_mutex_lock(&s->lock);
  if (d && tail_has_next(s, epoch, after))
    frames = take_frames(s, after, max_bytes, &n);
  pthread_mutex_unlock(&s->lock);
  if (!frames) /* nothing, nothing here, or memory is out */
    return stream_tail_copy(s, epoch, after, max_bytes, out);
  for (size_t i = 0; i < n; i++) {
    const struct frame *f = frame_deflated(frames[i], d);
    buf_add(out, f->bytes, f->len);
    frame_unref(frames[i]);
  }
  free(frames);
  atomic_fetch_add_explicit(&s->hub->delivered_bytes, (int64_t)(out->len - before),
                            memory_order_relaxed);
  return out->failed ? -1 : after + (int64_t)n;
}

bool stream_is_before_tail(struct stream *s, const char *epoch, int64_t after) {
  pthread_mutex_lock(&s->lock);
  bool is_before = strcmp(s->epoch, epoch) == 0 && s->state != STREAM_GONE && after < s->last_id &&
                   !tail_follows(&s->tail, after);
  pthread_mutex_unlock(&s->lock);
  return is_before;
}

int64_t stream_tail_copy(struct stream *s, const char *epoch, int64_t after, size_t max_bytes,
                         struct buf *out) {
  int64_t last = -1;
  pthread_mutex_lock(&s->lock);
  if (strcmp(s->epoch, epoch) != 0 || s->state == STREAM_GONE)
    last = -1;
  else if (after >= s->last_id)
    last = after;
  else if (tail_follows(&s->tail, after))
    last = copy_frames(s, after, max_bytes, out);
  pthread_mutex_unlock(&s->lock);
  return last;
}

int64_t stream_ack(struct stream *s, const char *epoch, const char *subscriber,
                   int64_t message_id) {
  bool moved = false;
  pthread_mutex_lock(&s->lock);
  struct subscriber *entry = positions_put(&s->positions, subscriber, 0);
  int64_t stands = entry ? entry->acked : 0;
  if (entry && s->state == STREAM_LIVE && strcmp(s->epoch, epoch) == 0 && message_id > stands &&
      message_id <= s->last_id) {
    entry->acked = stands = message_id;
    moved = true;
  }
  pthread_mutex_unlock(&s->lock);
  if (moved)
    store_set_position(s->hub->store, s->request_id, epoch, subscriber, message_id);
  return stands;
}
