/*
 * stream_commit: owns what the store's writer does to a stream: events that were committed, a
 * removal, a trim. All of it runs on the writer's thread, in commit order. It must not know
 * workers' loops.
 */
#include "server/hub/hub_inside.h"
#include "server/hub/load.h"
#include <stdio.h>
#include <string.h>

/* Under the lock: the stream began with this append. */
static void take_birth(struct stream *s, const struct store_append *append, int64_t wall_ms) {
  snprintf(s->owner, sizeof s->owner, "%s", append->owner ? append->owner : "");
  s->created_ms = wall_ms;
}

static void note_epoch_loading(struct stream *s, const struct store_append *append,
                               int64_t wall_ms) {
  s->loading->has_begun = true;
  stream_set_epoch(s, append->epoch);
  if (append->is_new_stream)
    take_birth(s, append, wall_ms);
}

/* Under the lock: which stream the append belongs to. What was loaded may know this epoch already.
 */
static void note_epoch(struct stream *s, const struct store_append *append, int64_t wall_ms) {
  if (s->state == STREAM_LOADING) {
    note_epoch_loading(s, append, wall_ms);
    return;
  }
  bool is_known = s->state == STREAM_LIVE && strcmp(s->epoch, append->epoch) == 0;
  if (is_known)
    return;
  if (s->state == STREAM_LIVE)
    stream_begin_empty(s);
  else
    stream_set_state(s, STREAM_LIVE);
  stream_set_epoch(s, append->epoch);
  take_birth(s, append, wall_ms);
  s->positions.is_complete = s->positions.is_complete && append->is_new_stream;
}

/* Under the lock. */
static void push_frame(struct stream *s, struct frame *f) {
  const struct hub_options *options = &s->hub->options;
  if (f)
    tail_push(&s->tail, f, options->tail_events, options->tail_bytes);
  else
    tail_clear(&s->tail); /* memory is out: watchers read this event from the store */
  stream_count_tail(s);
}

/* Under the lock. An event that was loaded already (committed, but its callback came late) is not
 * counted twice. */
static void count_event(struct stream *s, const struct store_event *event) {
  if (event->message_id <= s->last_id)
    return;
  s->last_id = event->message_id;
  s->count++;
  s->bytes += (int64_t)event->data_len;
}

bool stream_summary_is_behind(const struct stream *s) {
  return s->state == STREAM_LIVE && summary_message_id(s->summary) < s->last_id;
}

/* Under the lock. */
static void fold_event(struct stream *s, const struct store_event *event) {
  bool is_next = event->message_id <= summary_message_id(s->summary) + 1;
  if (is_next && event->facts)
    summary_fold(s->summary, event->facts, event->message_id);
}

static void apply_event(struct stream *s, struct store_event *event) {
  struct cws_event view = {.type = event->type,
                           .timestamp = event->timestamp,
                           .message_id = event->message_id,
                           .data = event->data,
                           .data_len = event->data_len};
  struct frame *f = frame_new(&view);
  pthread_mutex_lock(&s->lock);
  push_frame(s, f);
  count_event(s, event);
  if (s->state == STREAM_LOADING)
    loading_add(s->loading, event);
  else
    fold_event(s, event);
  pthread_mutex_unlock(&s->lock);
}

/* Another hub's has no facts, and is to have none afterwards. */
static void apply_foreign(struct stream *s, struct store_event *event) {
  event->facts = load_facts(event->type, event->data, event->data_len);
  apply_event(s, event);
  facts_free(event->facts);
  event->facts = NULL;
}

bool stream_choose_epoch(struct stream *s, char out[CWS_EPOCH_MAX + 1]) {
  pthread_mutex_lock(&s->lock);
  bool is_provisional = s->state == STREAM_LOADING || s->state == STREAM_EMPTY;
  if (is_provisional)
    memcpy(out, s->epoch, sizeof s->epoch);
  pthread_mutex_unlock(&s->lock);
  return is_provisional;
}

void stream_commit(struct stream *s, struct store_append *append, int64_t wall_ms,
                   int64_t mono_ms) {
  pthread_mutex_lock(&s->lock);
  bool takes = s->state != STREAM_GONE;
  if (takes) {
    note_epoch(s, append, wall_ms);
    s->updated_ms = wall_ms;
    s->used_ms = mono_ms;
  }
  pthread_mutex_unlock(&s->lock);
  if (!takes)
    return;
  void (*apply)(struct stream *, struct store_event *) =
      append->is_foreign ? apply_foreign : apply_event;
  for (size_t i = 0; i < append->count; i++) {
    if (!append->events[i].duplicate)
      apply(s, &append->events[i]);
  }
  worker_touch(s);
}

bool stream_remove(struct stream *s, const char *epoch, enum store_remove_reason reason) {
  bool is_gone = false, is_news = false;
  pthread_mutex_lock(&s->lock);
  if (s->state == STREAM_LOADING) {
    loading_restart(s->loading);
  } else if (s->state == STREAM_LIVE && strcmp(s->epoch, epoch) == 0) {
    is_news = true;
    is_gone = reason == STORE_DELETED;
    stream_set_state(s, is_gone ? STREAM_GONE : STREAM_EMPTY);
    if (is_gone) {
      tail_clear(&s->tail);
      stream_count_tail(s);
    } else {
      stream_begin_empty(s);
    }
  }
  pthread_mutex_unlock(&s->lock);
  if (is_news)
    worker_touch(s);
  return is_gone;
}

void stream_trim(struct stream *s, int64_t last_gone, int64_t count, int64_t bytes) {
  pthread_mutex_lock(&s->lock);
  bool applies = s->state == STREAM_LOADING || (s->state == STREAM_LIVE && last_gone <= s->last_id);
  if (applies && last_gone >= s->first_id) {
    s->first_id = last_gone + 1;
    s->count = count;
    s->bytes = bytes;
    tail_drop_until(&s->tail, last_gone);
    stream_count_tail(s);
    if (s->loading)
      s->loading->is_counted = true;
  }
  pthread_mutex_unlock(&s->lock);
}

/* Watchers are told of a gap, and follow on in the new epoch. */
void stream_renew(struct stream *s, const char *old_epoch, const char *epoch, int64_t first_id) {
  bool is_news = false;
  pthread_mutex_lock(&s->lock);
  if (s->state == STREAM_LOADING) {
    loading_restart(s->loading);
  } else if (s->state == STREAM_LIVE && strcmp(s->epoch, old_epoch) == 0) {
    stream_set_epoch(s, epoch);
    positions_cut(&s->positions, first_id - 1);
    is_news = true;
  }
  pthread_mutex_unlock(&s->lock);
  if (is_news)
    worker_touch(s);
}

/* Also one that nobody here has asked for: whoever asks the store for it now may have been told the
 * one before. */
void stream_take_position(struct stream *s, const char *epoch, const char *subscriber,
                          int64_t message_id) {
  pthread_mutex_lock(&s->lock);
  if (s->state == STREAM_LIVE && strcmp(s->epoch, epoch) == 0) {
    int64_t acked = message_id < s->last_id ? message_id : s->last_id;
    if (!positions_put(&s->positions, subscriber, acked))
      s->positions.is_complete = false; /* memory is out: the store has it */
  }
  pthread_mutex_unlock(&s->lock);
}
