/*
 * store_shared: a store that several hubs share, from its opening to its end: whether log and state
 * belong together, and the loop of the writer, which takes what comes from the log, applies it, and
 * sends what its own callers put in.
 */
#include "server/store/store_shared.h"

#include "lib/core/err.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- whether log and state belong together ---- */

struct place { /* in a log, as the state notes it */
  char id[STORE_LOG_ID_MAX + 1];
  int64_t applied, time_ms;
  bool is_known;
};

static int note_place(const char *name, int64_t value, int64_t at, void *user) {
  struct place *place = user;
  if (strlen(name) > STORE_LOG_ID_MAX)
    return CWS_ECORRUPT;
  memcpy(place->id, name, strlen(name) + 1);
  place->applied = value;
  place->time_ms = at;
  place->is_known = true;
  return 0;
}

#define START_FROM_COPY                                                                            \
  "start from a copy of another hub's state (councilws backup), or from an empty one if the log "  \
  "has all from its beginning"

#define START_FROM_ANOTHER "start from a copy of another hub's state (councilws backup)"

/* A state that was never at a log. */
static int check_new(struct store *s, struct cws_error *err) {
  const struct store_log_state *log = &s->shared->state;
  bool is_empty;
  int code = s->engine->ops->is_empty(s->engine, &is_empty, err);
  if (code != 0)
    return code;
  if (!is_empty)
    return err_set(err, CWS_ECONFIG,
                   "'%s' is the store of a single hub, not a state of this log: give another file, "
                   "or bring it to the log with councilws migrate",
                   s->path);
  if (log->last_seq > 0 && log->first_seq > 1)
    return err_set(err, CWS_ESTORE,
                   "the log begins with entry %llu, earlier ones are gone: " START_FROM_COPY,
                   (unsigned long long)log->first_seq);
  return 0;
}

/* Whether the hub had stopped for good; and the hash of what it had applied. */
static int check_chain(struct store *s, struct cws_error *err) {
  struct store_engine *e = s->engine;
  const char *id = s->shared->state.id;
  int64_t hash, at;
  int code = e->ops->get_note(e, SHARED_NOTE_PARTED, id, &hash, &at, err);
  if (code == 0)
    return err_set(err, CWS_ECONFIG, "the state '%s' is not what the log says: " START_FROM_ANOTHER,
                   s->path);
  if (code == CWS_ENOTFOUND)
    code = e->ops->get_note(e, SHARED_NOTE_CHAIN, id, &hash, &at, err);
  if (code == 0)
    s->shared->chain.hash = (uint64_t)hash;
  return code == CWS_ENOTFOUND ? 0 : code;
}

static int check_place(struct store *s, const struct place *place, struct cws_error *err) {
  const struct store_log_state *log = &s->shared->state;
  uint64_t applied = (uint64_t)place->applied;
  if (strcmp(place->id, log->id) != 0)
    return err_set(err, CWS_ECONFIG,
                   "the state '%s' belongs to another log (%s; this one is %s): " START_FROM_COPY,
                   s->path, place->id, log->id);
  if (log->last_seq < applied)
    return err_set(err, CWS_ESTORE,
                   "the log ends with entry %llu, and the state '%s' is at %llu: the log has lost "
                   "entries; see docs/scaling.md",
                   (unsigned long long)log->last_seq, s->path, (unsigned long long)applied);
  if (log->first_seq > applied + 1)
    return err_set(
        err, CWS_ESTORE,
        "the state '%s' is at entry %llu of the log, which begins with %llu: this hub was "
        "away for too long; " START_FROM_COPY,
        s->path, (unsigned long long)applied, (unsigned long long)log->first_seq);
  s->shared->applied = s->shared->alive_at = applied;
  s->shared->time_ms = place->time_ms;
  return check_chain(s, err);
}

static int find_place(struct store *s, struct cws_error *err) {
  struct place place = {0};
  int code = s->engine->ops->each_note(s->engine, SHARED_NOTE_LOG, note_place, &place, err);
  if (code == 0)
    code = place.is_known ? check_place(s, &place, err) : check_new(s, err);
  return code == 0 ? store_writers_load(&s->shared->writers, s->engine, err) : code;
}

/* ---- life ---- */

static void wake(void *user) {
  struct store *s = user;
  store_queue_ring(&s->queue);
}

static int open_log(struct store *s, const struct store_log_ops *ops, const char *servers,
                    struct cws_error *err) {
  struct store_shared *r = s->shared;
  struct store_log_options options = {
      .servers = servers,
      .nats = &s->options.nats,
      .log = s->options.log,
      .wake = wake,
      .user = s,
  };
  int code = ops->open(&options, &r->log, err);
  if (code == 0)
    code = ops->state(r->log, &r->state, err);
  if (code == 0)
    code = find_place(s, err);
  if (code == 0)
    code = ops->follow(r->log, r->applied, err);
  return code;
}

int store_shared_open(struct store *s, const struct store_log_ops *ops, const char *servers,
                      struct cws_error *err) {
  struct store_shared *r = calloc(1, sizeof(*r));
  if (r == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  s->shared = r;
  buf_init(&r->flight.bytes);
  r->alive_ms = store_mono_ms();
  r->patience_ms =
      s->options.nats.patience_ms > 0 ? s->options.nats.patience_ms : SHARED_PATIENCE_MS;
  s->queue.batch_events = SHARED_BATCH_EVENTS;
  s->queue.batch_bytes = SHARED_BATCH_BYTES;
  int code = getrandom(&r->id, sizeof(r->id), 0) == (ssize_t)sizeof(r->id) ? 0 : CWS_ESYSTEM;
  if (code == 0)
    code = open_log(s, ops, servers, err);
  if (code != 0) {
    store_shared_close(s);
    return err_set(err, code, NULL);
  }
  if ((int64_t)r->state.max_entry_bytes / 2 < s->queue.batch_bytes)
    s->queue.batch_bytes = (int64_t)r->state.max_entry_bytes / 2;
  return 0;
}

void store_shared_close(struct store *s) {
  struct store_shared *r = s->shared;
  if (r == NULL)
    return;
  if (r->log != NULL)
    r->log->ops->close(r->log);
  store_log_free(r->come);
  store_log_free(r->held);
  store_writers_finish(&r->writers);
  buf_finish(&r->flight.bytes);
  free(r);
  s->shared = NULL;
}

bool store_is_shared(const struct store *s) {
  return s->shared != NULL;
}

bool store_log_kept(const struct store *s, struct store_log_kept *out) {
  if (s->shared == NULL)
    return false;
  *out = (struct store_log_kept){s->shared->state.replicas, s->shared->state.is_in_memory};
  return true;
}

void store_tell(struct store *s, const void *bytes, size_t len) {
  if (s->shared != NULL)
    s->shared->log->ops->tell(s->shared->log, bytes, len);
}

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

static void settle_doubt(struct store *s) {
  struct store_shared *r = s->shared;
  struct cws_error why = {0};
  if (r->chain.doubt == 0 || r->broken.code != 0 || store_mono_ms() < r->doubt_retry_ms)
    return;
  int code = store_chain_check(s, &why);
  r->doubt_retry_ms = code == 0 ? 0 : store_mono_ms() + SHARED_PROBE_MS;
  if (code != CWS_ECORRUPT)
    return;
  err_set(&r->broken, code, "%s: " START_FROM_ANOTHER, why.message);
  log_error(s->options.log, "store: %s", r->broken.message); /* health may have told of the doubt */
  in_transaction(s, note_parted);
}

/* ---- health ---- */

void store_shared_is_ill(struct store *s, const struct cws_error *why) {
  struct cws_error told = *why;
  told.code = CWS_ESTORE;
  store_health_failed(s, &told);
}

static void is_behind(struct store *s) {
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
    is_behind(s);
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

static void do_sweep(struct store *s) {
  struct store_shared *r = s->shared;
  struct store_sweeper *w = &s->sweeper;
  if (w->ticket == 0)
    w->ticket = store_queue_wished(&s->queue, &s->queue.sweep);
  if ((w->ticket != 0 && !w->is_asked) || store_mono_ms() >= w->next_ms) {
    in_transaction(s, store_shared_forget_removals);
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
  update_health(s);
  if (r->flight.is_under_way && !r->flight.is_given_up) {
    store_queue_wait(&s->queue, wake_ms(s));
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
