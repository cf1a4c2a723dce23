/*
 * store_flight: the one entry of this hub that is on its way to the log, from the batch it is made
 * of to its coming back. While it is out, the next batch forms. It owns what callers are told when
 * the log does not take it. An entry that may stand is sent again and again, even when nobody waits
 * for it any more: as long as it is out, nothing of this hub can come before it.
 *
 * Callers are answered when it has come back and the log has acknowledged it. Either alone is not
 * enough: a leader that has lost its place without knowing may give out what nobody else has.
 */
#include "server/store/store_shared.h"

#include "lib/core/err.h"
#include <string.h>

/* ---- making it ---- */

static void begin_entry(struct store *s) {
  struct store_shared *r = s->shared;
  struct store_flight *f = &r->flight;
  struct store_entry_head head = {
      .writer = r->id,
      .number = ++r->number,
      .time_ms = clock_wall_ms(s->options.clock),
      .max_request_events = s->options.max_request_events,
      .max_request_bytes = s->options.max_request_bytes,
      .place = r->applied,
      .hash = r->chain.hash,
  };
  buf_reset(&f->bytes);
  store_entry_begin(&f->bytes, &head);
  *f = (struct store_flight){
      .is_under_way = true,
      .bytes = f->bytes,
      .number = head.number,
      .begun_ms = store_mono_ms(),
  };
}

static void add_positions(struct store_shared *r) {
  struct store_flight *f = &r->flight;
  const struct store_pending_entry *entry = r->positions;
  f->positions = entry;
  for (int n = 0; entry != NULL && n < SHARED_ENTRY_POSITIONS; entry = entry->next) {
    if (entry->json != NULL)
      continue;
    store_entry_add_position(&f->bytes, entry->request_id, entry->epoch, entry->subscriber,
                             entry->message_id);
    n++;
  }
  f->positions_end = r->positions = entry;
}

/* As many as fit; the first one in any case where it is alone, since it would fit no better later.
 */
static void add_appends(struct store_shared *r, size_t head_len) {
  struct store_flight *f = &r->flight;
  struct store_append **link = &f->batch.appends;
  for (; *link != NULL; link = &(*link)->next) {
    size_t before = f->bytes.len;
    store_entry_add_append(&f->bytes, *link);
    if (before == head_len || f->bytes.failed || f->bytes.len < r->state.max_entry_bytes)
      continue;
    f->bytes.len = before;
    r->rest = *link;
    *link = NULL;
    return;
  }
}

static void attempt(struct store *s);

void store_flight_start(struct store *s, const struct store_batch *batch) {
  struct store_shared *r = s->shared;
  struct store_flight *f = &r->flight;
  begin_entry(s);
  if (batch != NULL)
    f->batch = *batch;
  size_t head_len = f->bytes.len;
  add_positions(r);
  add_appends(r, head_len);
  for (const struct store_remove *x = f->batch.removes; x != NULL; x = x->next)
    store_entry_add_remove(&f->bytes, x->request_id);
  store_entry_end(&f->bytes);
  attempt(s);
}

void store_flight_start_expiries(struct store *s, char ids[][CWS_REQUEST_ID_MAX + 1],
                                 size_t count) {
  struct store_flight *f = &s->shared->flight;
  begin_entry(s);
  for (size_t i = 0; i < count; i++) {
    struct store_stream *st;
    if (store_streams_find(&s->streams, s->engine, ids[i], &st, NULL) == 0)
      store_entry_add_expiry(&f->bytes, ids[i], st->row.epoch, st->row.last_id);
  }
  store_entry_end(&f->bytes);
  attempt(s);
}

void store_flight_start_items(struct store *s, const struct buf *items) {
  struct store_flight *f = &s->shared->flight;
  begin_entry(s);
  buf_add(&f->bytes, items->data, items->len);
  store_entry_end(&f->bytes);
  attempt(s);
}

void store_flight_start_probe(struct store *s) {
  struct store_shared *r = s->shared;
  r->probe_ms = store_mono_ms() + SHARED_PROBE_MS;
  begin_entry(s);
  store_entry_end(&r->flight.bytes);
  r->flight.is_given_up = true;
  attempt(s);
}

/* ---- its end ---- */

static void end_round(struct store_shared *r, struct store *s, int code) {
  if (!r->has_round || r->positions != NULL)
    return;
  r->has_round = false;
  if (code == 0) {
    store_pending_drop(&s->pending);
    return;
  }
  store_pending_restore(&s->pending);
  store_queue_nudge(&s->queue, store_mono_ms() + SHARED_PROBE_MS);
  r->flush_code = code;
}

void store_flight_arrived(struct store *s) {
  struct store_shared *r = s->shared;
  struct store_flight *f = &r->flight;
  bool had_positions = f->positions != NULL && !f->is_given_up;
  r->arrivals++;
  store_queue_release(&s->queue, &f->batch);
  *f = (struct store_flight){.bytes = f->bytes};
  r->outage = (struct cws_error){0};
  r->alive_ms = store_mono_ms();
  r->alive_at = r->applied;
  if (had_positions)
    end_round(r, s, 0);
}

void store_flight_fail(struct store *s, const struct store_batch *batch,
                       const struct cws_error *why) {
  for (struct store_append *a = batch->appends, *next; a != NULL; a = next) {
    next = a->next;
    a->code = 0;
    store_apply_fail(a, why);
    store_apply_tell(s, a);
  }
  for (struct store_remove *x = batch->removes, *next; x != NULL; x = next) {
    next = x->next;
    store_apply_fail_remove(x, why);
    x->done(x);
  }
  store_queue_release(&s->queue, batch);
  if (s->options.listener.on_batch_end != NULL)
    s->options.listener.on_batch_end(s->options.listener.user);
}

static void fail_callers(struct store *s, const struct cws_error *why) {
  struct store_flight *f = &s->shared->flight;
  struct store_batch batch = f->batch;
  f->batch = (struct store_batch){0};
  store_flight_fail(s, &batch, why);
}

/* Whoever waits is told; code: CWS_EUNKNOWNOUTCOME where it may stand. */
static void give_up(struct store *s) {
  struct store_shared *r = s->shared;
  struct store_flight *f = &r->flight;
  struct cws_error why = r->broken.code != 0 ? r->broken : f->why;
  if (why.code == 0 && r->log->ops->is_up(r->log, &why))
    err_set(&why, CWS_EUNKNOWNOUTCOME, "the log does not answer");
  if (r->broken.code != 0)
    why.code = CWS_ESTORE; /* another hub takes it */
  if (f->may_stand)
    why.code = CWS_EUNKNOWNOUTCOME;
  if (why.code != CWS_ETOOLARGE) { /* before anyone is told, who may ask */
    r->outage = why;
    store_shared_is_ill(s, &why);
  }
  if (!f->is_given_up)
    fail_callers(s, &why);
  if (f->positions != NULL && !f->is_given_up) {
    r->positions = NULL;
    end_round(r, s, why.code);
  }
  f->is_given_up = true;
  if (!f->may_stand)
    *f = (struct store_flight){.bytes = f->bytes};
}

/* ---- on its way ---- */

/* Nothing of this log is for another one. */
static int check_log(const struct store_shared *r, struct cws_error *why) {
  bool is_wrong = !r->log->ops->is_up(r->log, why) && why->code == CWS_ECORRUPT;
  if (!is_wrong)
    *why = (struct cws_error){0};
  else
    why->code = CWS_ESTORE;
  return why->code;
}

static void attempt(struct store *s) {
  struct store_shared *r = s->shared;
  struct store_flight *f = &r->flight;
  struct cws_error why = {0};
  int code = f->bytes.failed ? CWS_ENOMEM : 0;
  f->ticket = ++r->next_ticket;
  if (f->first_ticket == 0)
    f->first_ticket = f->ticket;
  f->retry_ms = store_mono_ms() + STORE_LOG_OUTCOME_MS + SHARED_PROBE_MS;
  if (code == 0)
    code = check_log(r, &why);
  if (code == 0)
    code = r->log->ops->publish(r->log, f->ticket, f->bytes.data, f->bytes.len, &why);
  if (code == 0)
    return;
  err_set(&why, code, NULL);
  f->why = why;
  f->ticket = 0;
  f->retry_ms = store_mono_ms() + SHARED_RETRY_MS;
  if (code == CWS_ETOOLARGE || code == CWS_ENOMEM)
    give_up(s);
}

static void take_outcome(struct store_flight *f, const struct store_log_outcome *o) {
  if (f->is_under_way && o->ticket >= f->first_ticket && o->code == 0)
    f->is_acked = true;
  if (o->ticket != f->ticket)
    return;
  f->ticket = 0;
  f->may_stand = f->may_stand || o->code == 0 || o->code == CWS_EUNKNOWNOUTCOME;
  if (o->code != 0)
    f->why = o->error;
  if (o->code == CWS_ESTORE)
    f->retry_ms = store_mono_ms() + SHARED_RETRY_MS;
  else if (o->code != 0)
    f->retry_ms = store_mono_ms() + (f->is_held ? SHARED_RETRY_MS : 0);
}

bool store_flight_is_waited_for(const struct store_shared *r, const struct store_entry_head *head) {
  const struct store_flight *f = &r->flight;
  bool has_callers = f->positions != NULL || f->batch.appends != NULL || f->batch.removes != NULL;
  return f->is_under_way && !f->is_given_up && has_callers && head->number == f->number &&
         memcmp(&head->writer, &r->id, sizeof(r->id)) == 0;
}

/* Asked again soon: the leader that took it may be gone. */
void store_flight_hold(struct store_shared *r) {
  struct store_flight *f = &r->flight;
  int64_t soon_ms = store_mono_ms() + SHARED_RETRY_MS;
  f->is_held = true;
  if (f->retry_ms > soon_ms)
    f->retry_ms = soon_ms;
}

void store_flight_look(struct store *s) {
  struct store_shared *r = s->shared;
  struct store_flight *f = &r->flight;
  struct store_log_outcome outcome;
  while (r->log->ops->take_outcome(r->log, &outcome))
    take_outcome(f, &outcome);
  if (!f->is_under_way)
    return;
  int64_t now_ms = store_mono_ms();
  bool is_over = r->broken.code != 0 || now_ms - f->begun_ms >= r->patience_ms;
  if (!f->is_given_up && is_over) {
    f->may_stand = f->may_stand || f->ticket != 0;
    give_up(s);
  }
  if (!f->is_under_way || now_ms < f->retry_ms || r->broken.code != 0)
    return;
  f->may_stand = f->may_stand || f->ticket != 0; /* no outcome came */
  attempt(s);
  if (f->is_given_up && f->retry_ms < now_ms + SHARED_PROBE_MS)
    f->retry_ms = now_ms + SHARED_PROBE_MS;
}

int64_t store_flight_due_ms(const struct store_shared *r) {
  const struct store_flight *f = &r->flight;
  if (!f->is_under_way)
    return INT64_MAX;
  int64_t patience_ms = f->begun_ms + r->patience_ms;
  if (f->is_given_up && r->broken.code != 0)
    return INT64_MAX;
  return f->is_given_up || f->retry_ms < patience_ms ? f->retry_ms : patience_ms;
}
