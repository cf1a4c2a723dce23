/*
 * store_shared: the writer's loop of a store that several hubs share: it takes what comes from the
 * log, applies it, and sends what its own callers put in. Opening is in store_shared_open.c.
 */
#include "server/store/store_shared.h"

#include "lib/core/err.h"
#include <stdlib.h>
#include <string.h>

/* What is not of the log, in a transaction of its own; a failure is logged. */
static void in_transaction(struct store *s, int (*write)(struct store *s, struct cws_error *err)) {
  struct store_engine *e = s->engine;
  struct cws_error why = {0};
  int code = e->ops->begin(e, &why);
  if (code == 0 && (code = write(s, &why)) != 0)
    e->ops->rollback(e);
  if (code == 0)
    code = e->ops->commit(e, &why);
  if (code != 0)
    log_warn(s->options.log, "store: %s", why.message);
}

/* ---- what came ---- */

static void take_told(struct store *s) {
  struct store_shared *r = s->shared;
  const struct store_listener *l = &s->options.listener;
  struct store_log_entry *told = r->log->ops->take_told(r->log);
  while (told != NULL) {
    struct store_log_entry *next = told->next;
    if (l->on_told != NULL)
      l->on_told(told->bytes, told->len, l->user);
    free(told);
    told = next;
  }
}

/* Only what cannot be mended here ends it: an entry that nobody could apply to this state. */
static void note_failure(struct store *s, const struct cws_error *why) {
  struct store_shared *r = s->shared;
  r->apply_retry_ms = store_mono_ms() + SHARED_PROBE_MS;
  if (why->code != CWS_EPROTOCOL && why->code != CWS_ECORRUPT)
    return;
  r->broken = *why;
  log_error(s->options.log, "store: %s", why->message); /* health may have told of something else */
}

static bool is_to_be_held(const struct store_shared *r, const struct store_log_entry *entry) {
  struct store_entry_reader reader;
  struct store_entry_head head;
  return store_entry_read_head(&reader, entry->bytes, entry->len, &head, NULL) == 0 &&
         store_flight_is_waited_for(r, &head);
}

/* What this hub waits for is applied once it is acknowledged, or nobody waits any more; and what
 * comes after it, after it. */
static void take_what_came(struct store_shared *r) {
  bool waits = r->flight.is_under_way && !r->flight.is_acked && !r->flight.is_given_up;
  if (r->held != NULL && waits)
    return;
  r->come = r->held != NULL ? r->held : r->log->ops->take(r->log, SHARED_TAKE_BYTES);
  r->held = NULL;
  if (!waits)
    return;
  struct store_log_entry **link = &r->come;
  while (*link != NULL && !is_to_be_held(r, *link))
    link = &(*link)->next;
  r->held = *link;
  *link = NULL;
  if (r->held != NULL)
    store_flight_hold(r);
}

static void apply_what_came(struct store *s) {
  struct store_shared *r = s->shared;
  struct cws_error why = {0};
  if (r->broken.code != 0 || (r->apply_retry_ms != 0 && store_mono_ms() < r->apply_retry_ms))
    return;
  if (r->come == NULL)
    take_what_came(r);
  if (r->come == NULL)
    return;
  int code = 0;
  if (r->apply_retry_ms != 0)
    code = s->engine->ops->probe(s->engine, &why);
  if (code == 0)
    code = store_replay(s, &why);
  if (code == 0)
    r->apply_retry_ms = 0;
  else
    note_failure(s, &why);
}

/* ---- whether it was the same as with all others ---- */

/* So that it does not begin again with a restart. */
static int note_parted(struct store *s, struct cws_error *err) {
  const struct store_shared *r = s->shared;
  return s->engine->ops->set_note(s->engine, SHARED_NOTE_PARTED, r->state.id,
                                  (int64_t)r->chain.doubt, 0, err);
}

static void part(struct store *s, const struct cws_error *why) {
  struct store_shared *r = s->shared;
  const struct store_listener *l = &s->options.listener;
  err_set(&r->broken, CWS_ECORRUPT, "%s: it has to begin anew", why->message);
  log_error(s->options.log, "store: %s", r->broken.message); /* health may have told of the doubt */
  in_transaction(s, note_parted);
  if (l->on_parted != NULL)
    l->on_parted(&r->broken, l->user);
}

static void settle_doubt(struct store *s) {
  struct store_shared *r = s->shared;
  struct cws_error why = {0};
  if (r->chain.doubt == 0 || r->broken.code != 0 || store_mono_ms() < r->doubt_retry_ms)
    return;
  int code = store_chain_check(s, &why);
  r->doubt_retry_ms = code == 0 ? 0 : store_mono_ms() + SHARED_PROBE_MS;
  if (code == CWS_ECORRUPT)
    part(s, &why);
}

/* A log that lost its end, with all hubs beyond it, takes nothing any more. It is given some time:
 * a server that leads no longer may say so, too. */
static void settle_loss(struct store *s) {
  struct store_shared *r = s->shared;
  struct cws_error why = {0};
  struct store_log_state state;
  bool is_lost = r->outage.code != 0 && r->broken.code == 0 && !r->log->ops->is_up(r->log, &why) &&
                 why.code == CWS_ECORRUPT;
  if (!is_lost || r->loss_ms == 0)
    r->loss_ms = is_lost ? store_mono_ms() : 0;
  if (!is_lost || store_mono_ms() - r->loss_ms < 2 * r->patience_ms)
    return;
  r->loss_ms = 0;
  if (r->log->ops->state(r->log, &state, NULL) != 0 || strcmp(state.id, r->state.id) != 0 ||
      state.last_seq >= r->applied)
    return;
  why = (struct cws_error){0};
  err_set(&why, CWS_ECORRUPT, "the log ends with entry %llu, and this hub has applied %llu",
          (unsigned long long)state.last_seq, (unsigned long long)r->applied);
  part(s, &why);
}

/* ---- health ---- */

void store_shared_is_ill(struct store *s, const struct cws_error *why) {
  struct cws_error told = *why;
  told.code = CWS_ESTORE;
  store_health_failed(s, &told);
}

void store_shared_is_behind(struct store *s) {
  const struct store_shared *r = s->shared;
  struct cws_error why = {0};
  err_set(&why, CWS_ESTORE, "catching up with the log: entry %llu of %llu",
          (unsigned long long)r->applied, (unsigned long long)r->state.last_seq);
  store_health_waits(s, &why);
}

/* What a transaction failed with, store_health has. */
static void update_health(struct store *s) {
  struct store_shared *r = s->shared;
  struct cws_error why = r->broken.code != 0 ? r->broken : r->outage;
  if (why.code == 0 && r->chain.doubt != 0)
    err_set(&why, CWS_ESTORE, "another hub has applied other entries; asking the log");
  bool has_all = r->applied >= r->state.last_seq;
  r->is_well = why.code == 0 && has_all && r->apply_retry_ms == 0;
  if (r->is_well)
    store_health_mended(s);
  else if (why.code != 0)
    store_shared_is_ill(s, &why);
  else if (!has_all)
    store_shared_is_behind(s);
}

/* ---- positions and summaries ---- */

static int begin_round(struct store *s) {
  struct store_shared *r = s->shared;
  const struct store_pending_entry *first = store_pending_take(&s->pending), *entry = first;
  struct cws_error why = {0};
  int code = 0;
  r->flush_rounds++;
  if (first == NULL)
    return 0;
  while (code == 0 && entry != NULL)
    code = store_coalesce_slice(s, &entry, &why);
  if (code != 0) {
    store_pending_restore(&s->pending);
    store_queue_nudge(&s->queue, store_mono_ms() + SHARED_PROBE_MS);
    store_health_failed(s, &why);
    r->flush_code = code;
    return code;
  }
  r->positions = first;
  r->has_round = true;
  while (r->positions != NULL && r->positions->json != NULL)
    r->positions = r->positions->next;
  if (r->positions == NULL) { /* summaries only */
    r->has_round = false;
    store_pending_drop(&s->pending);
  }
  return 0;
}

/* What is due, or all that waits. */
static void begin_due_round(struct store *s) {
  struct store_shared *r = s->shared;
  if (r->has_round || !store_queue_take_due(&s->queue))
    return;
  if (r->is_well)
    begin_round(s);
  else
    store_queue_nudge(&s->queue, store_mono_ms() + SHARED_PROBE_MS);
}

/* No entry is under way. Two rounds: what was taken before the wish, and what came after. */
static void serve_flush(struct store *s) {
  struct store_shared *r = s->shared;
  uint64_t ticket = store_queue_wished(&s->queue, &s->queue.flush);
  if (ticket == 0)
    return;
  if (r->flush_ticket == 0) {
    r->flush_ticket = ticket;
    r->flush_rounds = r->flush_code = 0;
  }
  if (!r->is_well)
    r->flush_code = CWS_ESTORE;
  if (r->has_round && r->is_well)
    return;
  if (r->flush_rounds < 2 && r->flush_code == 0) {
    begin_round(s);
    if (r->has_round)
      return;
  }
  store_queue_grant(&s->queue, &s->queue.flush, r->flush_ticket, r->flush_code);
  r->flush_ticket = 0;
}

/* ---- sending ---- */

static void refuse(struct store *s, const struct store_batch *batch) {
  struct cws_error why = {0};
  store_is_writable(s, &why);
  err_set(&why, CWS_ESTORE, NULL);
  store_flight_fail(s, batch, &why);
}

/* A sign of life, so that an outage is noticed before somebody needs the log, and its end, too; and
 * so that others can compare what they have applied. */
static int64_t sign_of_life_ms(const struct store *s) {
  const struct store_shared *r = s->shared;
  if (r->broken.code != 0 || r->apply_retry_ms != 0 || r->applied < r->state.last_seq)
    return INT64_MAX;
  if (r->outage.code != 0)
    return r->probe_ms;
  if (r->applied - r->alive_at >= SHARED_SILENT_MAX)
    return 0;
  return r->alive_ms + (r->log->ops->is_up(r->log, NULL) ? SHARED_HEARTBEAT_MS : SHARED_PROBE_MS);
}

/* ---- retention ---- */

/* The hubs' sweeps lie apart, so that they seldom find the same. */
static int64_t sweep_every_ms(const struct store_shared *r) {
  return STORE_SWEEP_MS + r->id.bytes[0] * STORE_SWEEP_MS / 2 / UINT8_MAX;
}

static int forget_notes(struct store *s, struct cws_error *err) {
  int64_t oldest_ms = s->shared->time_ms - SHARED_MARKS_KEPT_MS;
  int code = store_shared_forget_removals(s, err);
  return code == 0 ? s->engine->ops->drop_notes(s->engine, SHARED_NOTE_MARK, oldest_ms, err) : code;
}

static void do_sweep(struct store *s) {
  struct store_shared *r = s->shared;
  struct store_sweeper *w = &s->sweeper;
  if (w->ticket == 0)
    w->ticket = store_queue_wished(&s->queue, &s->queue.sweep);
  if ((w->ticket != 0 && !w->is_asked) || store_mono_ms() >= w->next_ms) {
    in_transaction(s, forget_notes);
    w->expiring = w->collecting = true;
    w->is_asked = w->ticket != 0;
    w->next_ms = store_mono_ms() + sweep_every_ms(r);
  }
  bool more = false;
  int code = 0;
  w->expiring = w->expiring && r->is_well;
  if (w->expiring || w->collecting)
    code = store_sweep_slice(s, &more);
  if (w->is_asked && !more && (!r->flight.is_under_way || r->flight.is_given_up)) {
    store_queue_grant(&s->queue, &s->queue.sweep, w->ticket, code);
    w->ticket = 0;
    w->is_asked = false;
  }
}

/* ---- the loop ---- */

static int64_t earlier(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t wake_ms(const struct store *s) {
  const struct store_shared *r = s->shared;
  if (r->come != NULL && r->apply_retry_ms == 0)
    return 0;
  int64_t at = earlier(store_flight_due_ms(r), s->sweeper.next_ms);
  if (r->apply_retry_ms != 0 && r->broken.code == 0)
    at = earlier(at, r->apply_retry_ms);
  if (r->chain.doubt != 0 && r->broken.code == 0)
    at = earlier(at, r->doubt_retry_ms);
  if (r->flight.is_under_way)
    return at;
  if (s->sweeper.expiring || s->sweeper.collecting || (r->has_round && r->is_well))
    return 0;
  return earlier(at, sign_of_life_ms(s));
}

static bool is_none(const struct store_batch *batch) {
  return batch->appends == NULL && batch->removes == NULL;
}

/* What the callers have put in. False: closed, and there is no more of it. */
static bool take_batch(struct store *s, struct store_batch *batch) {
  struct store_shared *r = s->shared;
  *batch = (struct store_batch){.appends = r->rest};
  r->rest = NULL;
  if (!is_none(batch) || (r->has_round && r->is_well))
    return true;
  bool goes_on = store_queue_take(&s->queue, wake_ms(s), batch);
  if (!goes_on && r->is_well)
    begin_round(s); /* the last one */
  return goes_on || r->has_round;
}

static void start(struct store *s, struct store_batch *batch) {
  struct store_shared *r = s->shared;
  bool is_due = store_mono_ms() >= sign_of_life_ms(s) && !r->flight.is_under_way;
  if (r->is_well && (!is_none(batch) || r->has_round || is_due))
    store_flight_start(s, batch);
  else if (!is_none(batch))
    refuse(s, batch);
  else if (is_due)
    store_flight_start_probe(s);
}

/* While an entry is out, the next batch forms. While none gets through, none is taken. */
static bool turn(struct store *s) {
  struct store_shared *r = s->shared;
  struct store_batch batch;
  bool goes_on = true;
  take_told(s);
  store_flight_look(s);
  apply_what_came(s);
  settle_doubt(s);
  settle_loss(s);
  update_health(s);
  if (r->flight.is_under_way && !r->flight.is_given_up) {
    store_queue_wait(&s->queue, wake_ms(s));
  } else if (r->is_well && store_rescue_send(s)) {
    /* an entry of it is out */
  } else {
    begin_due_round(s);
    goes_on = take_batch(s, &batch);
    start(s, &batch);
    if (!r->flight.is_under_way || r->flight.is_given_up) {
      serve_flush(s);
      do_sweep(s);
    }
  }
  s->engine->ops->tidy(s->engine);
  store_streams_shrink(&s->streams);
  return goes_on;
}

void *store_shared_main(void *store) {
  while (turn(store))
    ;
  return NULL;
}
