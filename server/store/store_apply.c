/*
 * store_apply: one batch of appends, or of removes, becomes one transaction, and its outcome is
 * told in commit order. It owns what an append means: ids, duplicates, epochs, limits. What it
 * decides depends on the batch, its time and the stored state only. For the writer's thread.
 */
#include "lib/core/err.h"
#include "server/store/store_front.h"
#include <stdio.h>
#include <string.h>

int store_apply_begin(struct store_apply *t) {
  if (t->has_begun)
    return 0;
  int code = t->s->engine->ops->begin(t->s->engine, &t->error);
  t->has_begun = code == 0;
  return code;
}

static void touch(struct store *s, struct store_stream *st) {
  if (st->is_touched)
    return;
  st->is_touched = true;
  st->trimmed_to = 0;
  st->next_touched = s->touched;
  s->touched = st;
}

void store_apply_settle(struct store *s, bool keep) {
  while (s->touched != NULL) {
    struct store_stream *st = s->touched;
    s->touched = st->next_touched;
    st->is_touched = false;
    if (keep)
      store_streams_recount(&s->streams, st);
    else
      store_streams_drop(&s->streams, st);
  }
}

/* ---- one append ---- */

static void reset_outcome(struct store_append *a) {
  a->code = 0;
  a->error = (struct cws_error){0};
  a->epoch[0] = '\0';
  a->is_new_stream = false;
  a->stored = 0;
}

static bool has_event_ids(const struct store_append *a) {
  for (size_t i = 0; i < a->count; i++)
    if (a->events[i].event_id != NULL)
      return true;
  return false;
}

static int choose_epoch(struct store_apply *t, struct store_stream *st, struct cws_error *err) {
  struct store *s = t->s;
  const struct store_listener *l = &s->options.listener;
  char epoch[CWS_EPOCH_MAX + 1];
  if (t->is_shared)
    return store_shared_epoch(s, st->request_id, t->now_ms, st->row.epoch, err);
  l->choose_epoch(st->request_id, epoch, l->user);
  store_epochs_choose(&s->epochs, st->hash, epoch, st->row.epoch);
  return 0;
}

/* The stream it goes to; begun where there is none. Failures here are this append's own. */
static int open_stream(struct store_apply *t, struct store_append *a, struct store_stream **out) {
  struct store *s = t->s;
  int code = store_streams_find(&s->streams, s->engine, a->request_id, out, &a->error);
  a->is_new_stream = code == CWS_EUNKNOWNREQUEST;
  if (a->is_new_stream) {
    a->error = (struct cws_error){0};
    code = store_streams_add(&s->streams, a->request_id, out, &a->error);
    if (code == 0) {
      (*out)->dedupe_is_loaded = true;
      code = choose_epoch(t, *out, &a->error);
    }
  }
  if (code == 0 && has_event_ids(a))
    code = store_streams_load_dedupe(&s->streams, s->engine, *out, &a->error);
  return code;
}

static struct siphash event_hash(const struct store *s, const struct store_event *ev) {
  return store_streams_hash(&s->streams, ev->event_id);
}

/* Gives one event its id: the next one, or that of the event it repeats. */
static int number_event(struct store *s, struct store_stream *st, struct store_append *a,
                        struct store_event *ev) {
  int64_t next_id = st->row.last_id + (int64_t)a->stored + 1;
  ev->duplicate = false;
  if (ev->event_id != NULL) {
    struct siphash id = event_hash(s, ev);
    const struct dedupe_entry *old = dedupe_find(&st->dedupe, id, st->row.base_id);
    if (old != NULL && old->fingerprint != ev->fingerprint)
      return err_set(&a->error, CWS_EEVENTIDREUSED,
                     "event id '%.64s' was used for another content, of message %lld", ev->event_id,
                     (long long)old->message_id);
    if (old != NULL) {
      ev->duplicate = true;
      ev->message_id = old->message_id;
      return 0;
    }
    if (dedupe_add(&st->dedupe, id, ev->fingerprint, next_id, st->row.base_id) != 0)
      return err_set(&a->error, CWS_ESTORE, "out of memory");
  }
  ev->message_id = next_id;
  a->stored++;
  return 0;
}

static int number_events(struct store *s, struct store_stream *st, struct store_append *a) {
  a->stored = 0;
  for (size_t i = 0; i < a->count; i++) {
    int code = number_event(s, st, a, &a->events[i]);
    if (code == 0)
      continue;
    while (i-- > 0)
      if (!a->events[i].duplicate && a->events[i].event_id != NULL)
        dedupe_drop(&st->dedupe, event_hash(s, &a->events[i]));
    a->stored = 0;
    return code;
  }
  return 0;
}

/* Hands what is new to the engine. A failure here is the whole transaction's. */
static int write_events(struct store_apply *t, struct store_stream *st, struct store_append *a) {
  struct store_engine *e = t->s->engine;
  int code = store_apply_begin(t);
  if (code == 0 && a->is_new_stream) {
    char epoch[CWS_EPOCH_MAX + 1];
    snprintf(epoch, sizeof(epoch), "%s", st->row.epoch);
    struct store_birth birth = {a->request_id, epoch, a->owner, t->now_ms};
    code = e->ops->create(e, &birth, &st->row, &t->error);
  }
  for (size_t i = 0; code == 0 && i < a->count; i++) {
    const struct store_event *ev = &a->events[i];
    if (ev->duplicate)
      continue;
    code = e->ops->add(e, &st->row, ev, t->now_ms, &t->error);
    st->row.last_id = ev->message_id;
    st->row.bytes += (int64_t)ev->data_len;
    st->row.updated_ms = t->now_ms;
  }
  return code;
}

/* It failed before anything was written: by itself, unless all hubs have to come to the same. */
static int refuse_append(struct store_apply *t, struct store_append *a, int code) {
  if (t->is_shared && code != CWS_EEVENTIDREUSED)
    return err_set(&t->error, code, "%s", a->error.message);
  a->code = code == CWS_EEVENTIDREUSED || code == CWS_ECORRUPT ? code : CWS_ESTORE;
  a->error.code = a->code;
  return 0;
}

int store_apply_append(struct store_apply *t, struct store_append *a) {
  struct store *s = t->s;
  struct store_stream *st = NULL;
  reset_outcome(a);
  int code = open_stream(t, a, &st);
  if (code == 0)
    code = number_events(s, st, a);
  if (code != 0) {
    if (st != NULL && a->is_new_stream)
      store_streams_drop(&s->streams, st);
    return refuse_append(t, a, code);
  }
  touch(s, st);
  snprintf(a->epoch, sizeof(a->epoch), "%s", st->row.epoch);
  return a->stored > 0 ? write_events(t, st, a) : 0;
}

/* ---- a new epoch ---- */

int store_apply_renew(struct store_apply *t, struct store_stream *st, int64_t first_id) {
  struct store *s = t->s;
  char epoch[CWS_EPOCH_MAX + 1];
  touch(s, st);
  store_shared_next_epoch(s, st->request_id, &st->row, epoch);
  memcpy(st->row.epoch, epoch, sizeof(epoch));
  return s->engine->ops->renew(s->engine, &st->row, epoch, first_id, &t->error);
}

/* ---- limits of a request ---- */

int store_apply_trims(struct store_apply *t) {
  struct store_engine *e = t->s->engine;
  int code = 0;
  if (t->max_events <= 0 && t->max_bytes <= 0)
    return 0;
  for (struct store_stream *st = t->s->touched; code == 0 && st != NULL; st = st->next_touched) {
    int64_t count = st->row.last_id - st->row.base_id;
    int64_t events = t->max_events > 0 ? count - t->max_events : 0;
    int64_t bytes = t->max_bytes > 0 ? st->row.bytes - t->max_bytes : 0;
    if (count <= 1 || (events <= 0 && bytes <= 0))
      continue;
    code = store_apply_begin(t);
    if (code == 0)
      code = e->ops->trim(e, &st->row, events > 0 ? events : 0, bytes > 0 ? bytes : 0, &t->error);
    st->trimmed_to = st->row.base_id;
  }
  return code;
}

void store_apply_tell_trims(struct store *s) {
  const struct store_listener *l = &s->options.listener;
  for (struct store_stream *st = s->touched; st != NULL; st = st->next_touched) {
    if (st->trimmed_to == 0)
      continue;
    s->sweeper.collecting = true;
    if (l->on_trim != NULL)
      l->on_trim(st->request_id, st->row.base_id, st->row.last_id - st->row.base_id, st->row.bytes,
                 l->user);
  }
}

/* ---- a batch of appends ---- */

int store_apply_finish(struct store_apply *t, int code) {
  struct store_engine *e = t->s->engine;
  if (code == 0 && t->has_begun)
    code = e->ops->commit(e, &t->error);
  else if (t->has_begun)
    e->ops->rollback(e);
  if (code == 0)
    return 0;
  t->error.code = code;
  if (t->error.message[0] == '\0')
    snprintf(t->error.message, sizeof(t->error.message), "%s", cws_error_text(code));
  store_health_failed(t->s, &t->error);
  return code;
}

/* What callers are told of a transaction that failed. */
static int outcome(int code) {
  bool is_told = code == CWS_EUNKNOWNOUTCOME || code == CWS_ECORRUPT || code == CWS_ETOOLARGE;
  return is_told ? code : CWS_ESTORE;
}

void store_apply_fail(struct store_append *a, const struct cws_error *why) {
  if (a->code != 0)
    return;
  a->stored = 0;
  a->code = outcome(why->code);
  err_set(&a->error, a->code, "%s", why->message);
}

/* Appends `first` up to but not including `end` as one transaction. */
static int apply_run(struct store *s, struct store_append *first, const struct store_append *end) {
  struct store_apply t = {
      .s = s,
      .now_ms = clock_wall_ms(s->options.clock),
      .max_events = s->options.max_request_events,
      .max_bytes = s->options.max_request_bytes,
  };
  int code = 0;
  for (struct store_append *a = first; a != end; a = a->next)
    reset_outcome(a);
  for (struct store_append *a = first; code == 0 && a != end; a = a->next)
    code = store_apply_append(&t, a);
  if (code == 0)
    code = store_apply_trims(&t);
  code = store_apply_finish(&t, code);
  if (code == 0)
    return 0;
  store_apply_settle(s, false);
  for (struct store_append *a = first; a != end; a = a->next)
    store_apply_fail(a, &t.error);
  return code;
}

void store_apply_tell(struct store *s, struct store_append *a) {
  const struct store_listener *l = &s->options.listener;
  if (a->code == 0 && l->on_commit != NULL)
    l->on_commit(a, l->user);
  a->done(a);
}

static void tell_appends(struct store *s, struct store_append *first,
                         const struct store_append *end) {
  for (struct store_append *a = first, *next; a != end; a = next) {
    next = a->next;
    store_apply_tell(s, a);
  }
  store_apply_tell_trims(s);
  store_apply_settle(s, true);
}

void store_apply_appends(struct store *s, struct store_append *list) {
  struct cws_error why = {0};
  int code = 0;
  if (store_health_check(s, &why)) {
    code = apply_run(s, list, NULL);
  } else {
    for (struct store_append *a = list; a != NULL; a = a->next) {
      reset_outcome(a);
      store_apply_fail(a, &why);
    }
  }
  if (code != CWS_ECORRUPT || list->next == NULL) {
    tell_appends(s, list, NULL);
  } else { /* one damaged request must not fail the others: each by itself */
    for (struct store_append *a = list, *next; a != NULL; a = next) {
      next = a->next;
      apply_run(s, a, next);
      tell_appends(s, a, next);
    }
  }
  if (s->options.listener.on_batch_end != NULL)
    s->options.listener.on_batch_end(s->options.listener.user);
}

/* ---- a batch of removes ---- */

int store_apply_remove(struct store *s, struct store_stream *st, char epoch[CWS_EPOCH_MAX + 1],
                       struct cws_error *err) {
  if (st->is_touched) {
    struct store_stream **link = &s->touched;
    while (*link != st)
      link = &(*link)->next_touched;
    *link = st->next_touched;
  }
  int code = s->engine->ops->remove(s->engine, &st->row, err);
  snprintf(epoch, CWS_EPOCH_MAX + 1, "%s", st->row.epoch);
  if (code == 0)
    store_epochs_add(&s->epochs, st->hash, st->row.epoch);
  store_streams_drop(&s->streams, st);
  return code;
}

static int remove_one(struct store_apply *t, struct store_remove *r,
                      char epoch[CWS_EPOCH_MAX + 1]) {
  struct store *s = t->s;
  struct store_stream *st = NULL;
  r->error = (struct cws_error){0};
  r->code = store_apply_begin(t);
  if (r->code != 0)
    return r->code;
  r->code = store_streams_find(&s->streams, s->engine, r->request_id, &st, &r->error);
  if (r->code != 0)
    return r->code == CWS_EUNKNOWNREQUEST ? 0 : err_set(&t->error, r->code, "%s", r->error.message);
  return store_apply_remove(s, st, epoch, &t->error);
}

void store_apply_fail_remove(struct store_remove *r, const struct cws_error *why) {
  r->error = (struct cws_error){0};
  r->code = err_set(&r->error, CWS_ESTORE, "%s", why->message);
}

void store_apply_removes(struct store *s, struct store_remove *list) {
  char epochs[STORE_BATCH_REMOVES][CWS_EPOCH_MAX + 1];
  const struct store_listener *l = &s->options.listener;
  struct store_apply t = {.s = s};
  int code = 0;
  size_t n = 0;
  for (struct store_remove *r = list; code == 0 && r != NULL; r = r->next)
    code = remove_one(&t, r, epochs[n++]);
  code = store_apply_finish(&t, code);
  n = 0;
  for (struct store_remove *r = list, *next; r != NULL; r = next, n++) {
    next = r->next;
    if (code != 0)
      store_apply_fail_remove(r, &t.error);
    else if (r->code == 0 && l->on_remove != NULL)
      l->on_remove(r->request_id, epochs[n], STORE_DELETED, l->user);
    r->done(r);
  }
  s->sweeper.collecting = true;
  if (l->on_batch_end != NULL)
    l->on_batch_end(l->user);
}
