/*
 * memory: the engine that keeps everything in memory, for tests and for runs that need no disk. It
 * owns transactions: changes are made in place under the lock, and noted so that they can be
 * undone.
 */
#include "server/store/memory.h"

#include "lib/core/err.h"
#include <stdlib.h>
#include <string.h>

#define MEMORY_BUCKETS_MIN 256

static struct memory_engine *engine_of(struct store_engine *base) {
  return (struct memory_engine *)base;
}

/* The key of a stream is where it lies. */
static struct memory_stream *stream_of(const struct store_row *row) {
  return (struct memory_stream *)(intptr_t)row->key;
}

static int no_memory(struct cws_error *err) {
  return err_set(err, CWS_ENOMEM, NULL);
}

/* ---- life ---- */

static int memory_open(const struct store_options *options, struct store_engine **out,
                       struct cws_error *err) {
  if (options->path != NULL && options->path[0] != '\0')
    return err_set(err, CWS_ECONFIG, "the store 'memory:%s': memory takes no path", options->path);
  struct memory_engine *e = calloc(1, sizeof(*e));
  if (e == NULL)
    return no_memory(err);
  e->base.ops = &store_memory_ops;
  e->cap = MEMORY_BUCKETS_MIN;
  e->buckets = calloc(e->cap, sizeof(struct memory_stream *));
  siphash_key_init(&e->key);
  if (e->buckets == NULL || pthread_rwlock_init(&e->lock, NULL) != 0) {
    free(e->buckets);
    free(e);
    return no_memory(err);
  }
  *out = &e->base;
  return 0;
}

static void memory_close(struct store_engine *base) {
  struct memory_engine *e = engine_of(base);
  for (size_t i = 0; i < e->count; i++)
    memory_stream_free(e->by_age[i]);
  pthread_rwlock_destroy(&e->lock);
  free(e->undo);
  free(e->by_age);
  free(e->buckets);
  free(e);
}

/* ---- transactions ---- */

/* Room for one more note, before anything is changed. */
static struct memory_undo *note(struct memory_engine *e, enum memory_change change,
                                struct memory_stream *st) {
  if (e->undo_count == e->undo_cap) {
    size_t cap = e->undo_cap * 2 + 64;
    struct memory_undo *undo = realloc(e->undo, cap * sizeof(*undo));
    if (undo == NULL)
      return NULL;
    e->undo = undo;
    e->undo_cap = cap;
  }
  struct memory_undo *u = &e->undo[e->undo_count++];
  *u = (struct memory_undo){.change = change, .stream = st};
  return u;
}

static int memory_begin(struct store_engine *base, struct cws_error *err) {
  (void)err;
  pthread_rwlock_wrlock(&engine_of(base)->lock);
  return 0;
}

static void finish_change(const struct memory_undo *u) {
  struct memory_stream *st = u->stream;
  if (u->change == MEMORY_REMOVED)
    memory_stream_free(st);
  if (u->change != MEMORY_TRIMMED)
    return;
  for (size_t i = st->first - u->count; i < st->first; i++)
    free(st->events[i]);
}

static int memory_commit(struct store_engine *base, struct cws_error *err) {
  (void)err;
  struct memory_engine *e = engine_of(base);
  for (size_t i = 0; i < e->undo_count; i++)
    finish_change(&e->undo[i]);
  e->undo_count = 0;
  pthread_rwlock_unlock(&e->lock);
  return 0;
}

static void undo_change(struct memory_engine *e, const struct memory_undo *u) {
  struct memory_stream *st = u->stream;
  switch (u->change) {
  case MEMORY_CREATED:
    memory_stream_unlink(e, st);
    memory_stream_free(st);
    break;
  case MEMORY_ADDED:
    free(st->events[st->first + --st->count]);
    st->bytes -= u->bytes;
    st->updated_ms = u->updated_ms;
    break;
  case MEMORY_TRIMMED:
    st->first -= u->count;
    st->count += u->count;
    st->base_id -= (int64_t)u->count;
    st->bytes += u->bytes;
    break;
  case MEMORY_REMOVED:
    memory_stream_link(e, st); /* there is room: it was there before */
    break;
  }
}

static void memory_rollback(struct store_engine *base) {
  struct memory_engine *e = engine_of(base);
  while (e->undo_count > 0)
    undo_change(e, &e->undo[--e->undo_count]);
  pthread_rwlock_unlock(&e->lock);
}

/* ---- changes ---- */

static int memory_row(struct store_engine *base, const char *request_id, struct store_row *out,
                      struct cws_error *err) {
  struct memory_stream *st = memory_find(engine_of(base), request_id);
  if (st == NULL)
    return err_set(err, CWS_EUNKNOWNREQUEST, NULL);
  *out = (struct store_row){
      .key = (intptr_t)st,
      .base_id = st->base_id,
      .last_id = st->base_id + (int64_t)st->count,
      .bytes = st->bytes,
      .updated_ms = st->updated_ms,
  };
  memcpy(out->epoch, st->epoch, sizeof(out->epoch));
  return 0;
}

static int memory_each_event_id(struct store_engine *base, const struct store_row *row,
                                store_event_id_fn *fn, void *user, struct cws_error *err) {
  (void)base;
  struct memory_stream *st = stream_of(row);
  for (size_t i = 0; i < st->count; i++) {
    const struct memory_event *ev = st->events[st->first + i];
    if (ev->event_id_len == 0)
      continue;
    int code = fn(ev->text + ev->type_len + ev->timestamp_len, ev->event_id_len, ev->fingerprint,
                  st->base_id + 1 + (int64_t)i, user);
    if (code != 0)
      return err_set(err, code, NULL);
  }
  return 0;
}

static int memory_create(struct store_engine *base, const struct store_birth *birth,
                         struct store_row *row, struct cws_error *err) {
  struct memory_engine *e = engine_of(base);
  struct memory_stream *st;
  if (memory_stream_new(e, birth, &st) != 0)
    return no_memory(err);
  if (memory_stream_link(e, st) != 0) {
    memory_stream_free(st);
    return no_memory(err);
  }
  if (note(e, MEMORY_CREATED, st) == NULL) {
    memory_stream_unlink(e, st);
    memory_stream_free(st);
    return no_memory(err);
  }
  return memory_row(base, birth->request_id, row, err);
}

static struct memory_event *event_new(const struct store_event *from, int64_t now_ms) {
  size_t type = strlen(from->type), timestamp = strlen(from->timestamp);
  size_t event_id = from->event_id != NULL ? strlen(from->event_id) : 0;
  struct memory_event *ev = malloc(sizeof(*ev) + type + timestamp + event_id + from->data_len);
  if (ev == NULL)
    return NULL;
  *ev = (struct memory_event){
      .committed_ms = now_ms,
      .fingerprint = from->fingerprint,
      .data_len = (uint32_t)from->data_len,
      .type_len = (uint16_t)type,
      .timestamp_len = (uint16_t)timestamp,
      .event_id_len = (uint16_t)event_id,
  };
  char *p = ev->text;
  memcpy(p, from->type, type);
  memcpy(p + type, from->timestamp, timestamp);
  if (event_id > 0)
    memcpy(p + type + timestamp, from->event_id, event_id);
  if (from->data_len > 0)
    memcpy(p + type + timestamp + event_id, from->data, from->data_len);
  return ev;
}

static int memory_add(struct store_engine *base, const struct store_row *row,
                      const struct store_event *event, int64_t now_ms, struct cws_error *err) {
  struct memory_engine *e = engine_of(base);
  struct memory_stream *st = stream_of(row);
  struct memory_event *ev = event_new(event, now_ms);
  if (ev == NULL)
    return no_memory(err);
  struct memory_undo *u = memory_stream_reserve(st) == 0 ? note(e, MEMORY_ADDED, st) : NULL;
  if (u == NULL) {
    free(ev);
    return no_memory(err);
  }
  u->bytes = (int64_t)event->data_len;
  u->updated_ms = st->updated_ms;
  st->events[st->first + st->count++] = ev;
  st->bytes += u->bytes;
  st->updated_ms = now_ms;
  memory_stream_freshen(e, st);
  return 0;
}

static int memory_trim(struct store_engine *base, struct store_row *row, int64_t count,
                       int64_t bytes, struct cws_error *err) {
  struct memory_stream *st = stream_of(row);
  struct memory_undo *u = note(engine_of(base), MEMORY_TRIMMED, st);
  if (u == NULL)
    return no_memory(err);
  while (st->count > 1 && ((int64_t)u->count < count || u->bytes < bytes)) {
    u->bytes += (int64_t)st->events[st->first]->data_len;
    u->count++;
    st->first++;
    st->count--;
  }
  st->base_id += (int64_t)u->count;
  st->bytes -= u->bytes;
  row->base_id = st->base_id;
  row->bytes = st->bytes;
  return 0;
}

static int memory_remove(struct store_engine *base, const struct store_row *row,
                         struct cws_error *err) {
  struct memory_engine *e = engine_of(base);
  if (note(e, MEMORY_REMOVED, stream_of(row)) == NULL)
    return no_memory(err);
  memory_stream_unlink(e, stream_of(row));
  return 0;
}

static int memory_set_summary(struct store_engine *base, const struct store_row *row,
                              int64_t message_id, const char *json, struct cws_error *err) {
  (void)base;
  struct memory_stream *st = stream_of(row);
  if (message_id < st->summary_id)
    return 0;
  char *copy = strdup(json);
  if (copy == NULL)
    return no_memory(err);
  free(st->summary);
  st->summary = copy;
  st->summary_id = message_id;
  return 0;
}

static int memory_set_position(struct store_engine *base, const struct store_row *row,
                               const char *subscriber, int64_t message_id, int64_t now_ms,
                               struct cws_error *err) {
  (void)base;
  if (memory_stream_set_position(stream_of(row), subscriber, message_id, now_ms) != 0)
    return no_memory(err);
  return 0;
}

/* ---- upkeep ---- */

static int memory_list_expired(struct store_engine *base, int64_t cutoff_ms, size_t limit,
                               char request_ids[][CWS_REQUEST_ID_MAX + 1], size_t *count,
                               bool *more, struct cws_error *err) {
  (void)err;
  const struct memory_stream *st = engine_of(base)->idlest;
  *count = 0;
  for (; st != NULL && st->updated_ms <= cutoff_ms && *count < limit; st = st->fresher)
    memcpy(request_ids[(*count)++], st->request_id, strlen(st->request_id) + 1);
  *more = *count == limit;
  return 0;
}

static int memory_collect(struct store_engine *base, bool *more, struct cws_error *err) {
  (void)base, (void)err;
  *more = false; /* commit frees at once */
  return 0;
}

static void memory_tidy(struct store_engine *base) {
  (void)base;
}

static int memory_probe(struct store_engine *base, struct cws_error *err) {
  (void)base, (void)err;
  return 0;
}

const struct store_ops store_memory_ops = {
    .name = "memory",
    .open = memory_open,
    .close = memory_close,
    .find = memory_row,
    .each_event_id = memory_each_event_id,
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .create = memory_create,
    .add = memory_add,
    .trim = memory_trim,
    .remove = memory_remove,
    .set_summary = memory_set_summary,
    .set_position = memory_set_position,
    .list_expired = memory_list_expired,
    .collect = memory_collect,
    .tidy = memory_tidy,
    .probe = memory_probe,
    .info = memory_info,
    .read = memory_read,
    .position = memory_position,
    .positions = memory_positions,
    .list = memory_list,
};
