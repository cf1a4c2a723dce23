/*
 * store_replay: entries that came from the log, applied in its order as one transaction, then told.
 * It owns which entries count: none twice. An entry of this hub's that is still waited for brings
 * its callers' own appends back; all others are read from its bytes.
 */
#include "server/store/store_shared.h"

#include "lib/core/err.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is told once the transaction stands. */
struct news {
  enum store_item_kind kind;
  struct store_append *append;
  struct store_remove *remove; /* of a caller; or NULL */
  const char *request_id, *subscriber;
  char epoch[CWS_EPOCH_MAX + 1], new_epoch[CWS_EPOCH_MAX + 1];
  int64_t message_id;
};

struct replay {
  struct store_apply apply; /* first */
  struct store_shared *shared;
  int64_t time_ms;
  uint64_t applied, hash;
  bool has_own; /* the flight's entry is among them */
  struct news *news;
  size_t count, cap;
};

static struct news *add_news(struct replay *p, enum store_item_kind kind) {
  if (p->count == p->cap) {
    size_t cap = p->cap > 0 ? 2 * p->cap : 256;
    struct news *news = realloc(p->news, cap * sizeof(*news));
    if (news == NULL)
      return NULL;
    p->news = news;
    p->cap = cap;
  }
  struct news *n = &p->news[p->count++];
  *n = (struct news){.kind = kind};
  return n;
}

static int no_memory(struct replay *p) {
  return err_set(&p->apply.error, CWS_ENOMEM, NULL);
}

/* ---- items ---- */

static int apply_append(struct replay *p, struct store_append *append) {
  struct news *n = add_news(p, STORE_ITEM_APPEND);
  if (n == NULL) {
    if (append->is_foreign)
      free(append);
    return no_memory(p);
  }
  n->append = append;
  return store_apply_append(&p->apply, append);
}

/* CWS_EUNKNOWNREQUEST leaves no error behind. */
static int find_stream(struct replay *p, const char *request_id, struct store_stream **st) {
  struct store *s = p->apply.s;
  struct cws_error why = {0};
  int code = store_streams_find(&s->streams, s->engine, request_id, st, &why);
  if (code != 0 && code != CWS_EUNKNOWNREQUEST)
    err_set(&p->apply.error, code, "%s", why.message);
  return code;
}

/* *st is NULL where it is gone, or has another epoch. */
static int find_in_epoch(struct replay *p, const struct store_item *item,
                         struct store_stream **st) {
  int code = find_stream(p, item->request_id, st);
  if (code == 0 && strcmp((*st)->row.epoch, item->epoch) == 0)
    return 0;
  *st = NULL;
  return code == CWS_EUNKNOWNREQUEST ? 0 : code;
}

static int apply_position(struct replay *p, const struct store_item *item) {
  struct store *s = p->apply.s;
  struct store_stream *st;
  int code = find_in_epoch(p, item, &st);
  if (code != 0 || st == NULL)
    return code;
  struct news *n = add_news(p, STORE_ITEM_POSITION);
  if (n == NULL)
    return no_memory(p);
  n->request_id = item->request_id;
  n->subscriber = item->subscriber;
  n->message_id = item->message_id;
  snprintf(n->epoch, sizeof(n->epoch), "%s", item->epoch);
  return s->engine->ops->set_position(s->engine, &st->row, item->subscriber, item->message_id,
                                      p->apply.now_ms, &p->apply.error);
}

static int remove_stream(struct replay *p, struct store_stream *st, struct news *n) {
  struct store *s = p->apply.s;
  int code = store_shared_note_removal(s, n->request_id, p->apply.now_ms, &p->apply.error);
  return code == 0 ? store_apply_remove(s, st, n->epoch, &p->apply.error) : code;
}

static int apply_remove(struct replay *p, const char *request_id, struct store_remove *remove) {
  struct store_stream *st;
  struct news *n = add_news(p, STORE_ITEM_REMOVE);
  if (n == NULL)
    return no_memory(p);
  n->request_id = request_id;
  n->remove = remove;
  int code = find_stream(p, request_id, &st);
  if (code == 0)
    return remove_stream(p, st, n);
  return code == CWS_EUNKNOWNREQUEST ? 0 : code;
}

/* Each hub finds the same ones old enough, and says so. */
static int apply_expiry(struct replay *p, const struct store_item *item) {
  struct store_stream *st;
  int code = find_in_epoch(p, item, &st);
  if (code != 0 || st == NULL || st->row.last_id != item->message_id)
    return code;
  struct news *n = add_news(p, STORE_ITEM_EXPIRY);
  if (n == NULL)
    return no_memory(p);
  n->request_id = item->request_id;
  return remove_stream(p, st, n);
}

static int apply_renewal(struct replay *p, const struct store_item *item) {
  struct store_stream *st;
  int code = find_in_epoch(p, item, &st);
  if (code != 0 || st == NULL)
    return code;
  struct news *n = add_news(p, STORE_ITEM_RENEWAL);
  if (n == NULL)
    return no_memory(p);
  n->request_id = item->request_id;
  n->message_id = item->message_id;
  code = store_apply_renew(&p->apply, st, item->message_id);
  snprintf(n->epoch, sizeof(n->epoch), "%s", item->epoch);
  snprintf(n->new_epoch, sizeof(n->new_epoch), "%s", st->row.epoch);
  return code;
}

static int look_for_base(struct replay *p, const char *base_id) {
  struct store *s = p->apply.s;
  int64_t value, at;
  int code =
      s->engine->ops->get_note(s->engine, SHARED_NOTE_BASE, base_id, &value, &at, &p->apply.error);
  if (code != CWS_ENOTFOUND)
    return code;
  return err_set(&p->apply.error, CWS_EPROTOCOL,
                 "the log builds on a store that was brought to it, and the state of this hub does "
                 "not: start from a copy of another hub's state");
}

static int apply_item(struct replay *p, const struct store_item *item) {
  switch (item->kind) {
  case STORE_ITEM_APPEND:
    return apply_append(p, item->append);
  case STORE_ITEM_POSITION:
    return apply_position(p, item);
  case STORE_ITEM_REMOVE:
    return apply_remove(p, item->request_id, NULL);
  case STORE_ITEM_EXPIRY:
    return apply_expiry(p, item);
  case STORE_ITEM_RENEWAL:
    return apply_renewal(p, item);
  case STORE_ITEM_BASE:
    return look_for_base(p, item->base_id);
  case STORE_ITEM_END:
    break;
  }
  return 0;
}

/* ---- entries ---- */

static int apply_read(struct replay *p, struct store_entry_reader *reader) {
  struct store_item item;
  int code;
  do {
    code = store_entry_read_item(reader, &item, &p->apply.error);
    if (code == 0)
      code = apply_item(p, &item);
  } while (code == 0 && item.kind != STORE_ITEM_END);
  return code;
}

/* The entry is the flight's: what is in it is known, and who waits for it. */
static int apply_own(struct replay *p) {
  struct store_flight *f = &p->shared->flight;
  int code = 0;
  p->has_own = true;
  for (const struct store_pending_entry *e = f->positions; code == 0 && e != f->positions_end;
       e = e->next) {
    struct store_item item = {STORE_ITEM_POSITION, e->request_id, e->epoch, e->subscriber,
                              e->message_id,       NULL,          NULL};
    if (e->json == NULL)
      code = apply_position(p, &item);
  }
  for (struct store_append *a = f->batch.appends; code == 0 && a != NULL; a = a->next)
    code = apply_append(p, a);
  for (struct store_remove *r = f->batch.removes; code == 0 && r != NULL; r = r->next)
    code = apply_remove(p, r->request_id, r);
  return code;
}

/* The first entry of each ten seconds of the log: the same ones on all hubs. */
static int note_mark(struct replay *p, int64_t before_ms) {
  struct store_engine *e = p->apply.s->engine;
  char name[24];
  if (p->time_ms / SHARED_MARK_MS == before_ms / SHARED_MARK_MS)
    return 0;
  snprintf(name, sizeof(name), "%llu", (unsigned long long)p->applied);
  return e->ops->set_note(e, SHARED_NOTE_MARK, name, (int64_t)p->hash, p->time_ms, &p->apply.error);
}

static bool is_flight(const struct store_shared *r, const struct store_entry_head *head) {
  return r->flight.is_under_way && head->number == r->flight.number &&
         memcmp(&head->writer, &r->id, sizeof(r->id)) == 0;
}

static int apply_entry(struct replay *p, const struct store_log_entry *entry) {
  struct store_shared *r = p->shared;
  struct store_entry_reader reader;
  struct store_entry_head head;
  bool is_new;
  int code = store_entry_read_head(&reader, entry->bytes, entry->len, &head, &p->apply.error);
  if (code != 0)
    return code;
  if (memcmp(&head.writer, &r->id, sizeof(r->id)) != 0)
    store_chain_compare(&r->chain, &head);
  p->hash = store_chain_add(&r->chain, p->hash, entry);
  int64_t before_ms = p->time_ms;
  if (head.time_ms > p->time_ms)
    p->time_ms = head.time_ms;
  if (store_writers_take(&r->writers, &head, p->time_ms, &is_new) != 0)
    return no_memory(p);
  p->applied = entry->seq;
  code = note_mark(p, before_ms);
  if (code != 0 || !is_new)
    return code;
  p->apply.now_ms = p->time_ms;
  p->apply.max_events = head.max_request_events;
  p->apply.max_bytes = head.max_request_bytes;
  p->has_own = p->has_own || is_flight(r, &head);
  code = store_flight_is_waited_for(r, &head) ? apply_own(p) : apply_read(p, &reader);
  return code == 0 ? store_apply_trims(&p->apply) : code;
}

static int note_place(struct replay *p) {
  struct store_engine *e = p->apply.s->engine;
  int code = store_writers_save(&p->shared->writers, e, p->time_ms, &p->apply.error);
  if (code == 0)
    code = e->ops->set_note(e, SHARED_NOTE_LOG, p->shared->state.id, (int64_t)p->applied,
                            p->time_ms, &p->apply.error);
  if (code == 0)
    code = e->ops->set_note(e, SHARED_NOTE_CHAIN, p->shared->state.id, (int64_t)p->hash,
                            (int64_t)p->applied, &p->apply.error);
  return code;
}

/* ---- telling ---- */

static void tell_removed(struct store *s, const struct news *n) {
  const struct store_listener *l = &s->options.listener;
  bool was_there = n->epoch[0] != '\0';
  if (was_there && l->on_remove != NULL)
    l->on_remove(n->request_id, n->epoch,
                 n->kind == STORE_ITEM_REMOVE ? STORE_DELETED : STORE_EXPIRED, l->user);
  if (was_there)
    s->sweeper.collecting = true;
  if (n->remove == NULL)
    return;
  n->remove->error = (struct cws_error){0};
  n->remove->code = was_there ? 0 : err_set(&n->remove->error, CWS_EUNKNOWNREQUEST, NULL);
  n->remove->done(n->remove);
}

static void tell_one(struct store *s, const struct news *n) {
  const struct store_listener *l = &s->options.listener;
  switch (n->kind) {
  case STORE_ITEM_APPEND:
    if (!n->append->is_foreign)
      store_apply_tell(s, n->append);
    else if (n->append->code == 0 && l->on_commit != NULL)
      l->on_commit(n->append, l->user);
    break;
  case STORE_ITEM_POSITION:
    if (l->on_position != NULL)
      l->on_position(n->request_id, n->epoch, n->subscriber, n->message_id, l->user);
    break;
  case STORE_ITEM_RENEWAL:
    if (l->on_renew != NULL)
      l->on_renew(n->request_id, n->epoch, n->new_epoch, n->message_id, l->user);
    break;
  default:
    tell_removed(s, n);
  }
}

static void tell(struct replay *p) {
  struct store *s = p->apply.s;
  for (size_t i = 0; i < p->count; i++) {
    bool is_foreign = p->news[i].append != NULL && p->news[i].append->is_foreign;
    tell_one(s, &p->news[i]);
    if (is_foreign)
      free(p->news[i].append);
  }
  store_apply_tell_trims(s);
  store_apply_settle(s, true);
  if (p->has_own)
    store_flight_arrived(s);
  if (s->options.listener.on_batch_end != NULL)
    s->options.listener.on_batch_end(s->options.listener.user);
}

static void forget(struct replay *p) {
  struct store *s = p->apply.s;
  for (size_t i = 0; i < p->count; i++)
    if (p->news[i].append != NULL && p->news[i].append->is_foreign)
      free(p->news[i].append);
  store_apply_settle(s, false);
}

int store_replay(struct store *s, struct cws_error *err) {
  struct store_shared *r = s->shared;
  struct replay p = {
      .apply = {.s = s, .is_shared = true},
      .shared = r,
      .time_ms = r->time_ms,
      .applied = r->applied,
      .hash = r->chain.hash,
  };
  int code = 0;
  if (r->apply_retry_ms != 0) /* what was taken did not stand */
    code = store_writers_load(&r->writers, s->engine, &p.apply.error);
  if (code == 0)
    code = store_apply_begin(&p.apply);
  for (const struct store_log_entry *e = r->come; code == 0 && e != NULL; e = e->next)
    code = apply_entry(&p, e);
  if (code == 0)
    code = note_place(&p);
  code = store_apply_finish(&p.apply, code);
  if (code == 0) {
    r->applied = p.applied;
    r->chain.hash = p.hash;
    r->time_ms = p.time_ms;
    tell(&p);
    store_log_free(r->come);
    r->come = NULL;
  } else {
    forget(&p);
    *err = p.apply.error;
  }
  free(p.news);
  return code;
}
