/*
 * store_shared_open: a store that several hubs share, from its opening to its end: whether log and
 * state belong together, and what to do where they no longer do.
 */
#include "server/store/store_shared.h"

#include "lib/core/err.h"
#include <stdio.h>
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

/* ---- a state that is not what the log says ---- */

static int note_found(const char *name, int64_t value, int64_t at, void *user) {
  (void)name, (void)value, (void)at;
  *(bool *)user = true;
  return 0;
}

/* Whether all there ever was is in the log. */
static int has_log_all(struct store *s, bool *out, struct cws_error *err) {
  bool has_base = false;
  int code = s->engine->ops->each_note(s->engine, SHARED_NOTE_BASE, note_found, &has_base, err);
  *out = code == 0 && !has_base && s->shared->state.first_seq <= 1;
  return code;
}

/* It is set aside, and an empty one takes its place; otherwise somebody has to bring one. What is
 * in it and not in the log is published again: store_rescue.c. */
static int leave_state(struct store *s, const char *why, struct cws_error *err) {
  bool has_all;
  int code = has_log_all(s, &has_all, err);
  if (code != 0)
    return code;
  s->is_to_begin_anew = has_all;
  return err_set(
      err, CWS_ECONFIG,
      "the state '%s' is not what the log says (%s), and the log has not all from its "
      "beginning: rename it to '%s.parted', and start from a copy of another hub's state "
      "(councilws backup)",
      s->path, why, s->path);
}

int store_shared_begin_anew(struct store *s, struct cws_error *err) {
  const struct store_ops *ops = s->engine->ops;
  ops->close(s->engine);
  s->engine = NULL;
  int code = ops->set_aside(s->path, err);
  if (code == 0)
    code = ops->open(&s->options, &s->engine, err);
  if (code == 0)
    log_warn(s->options.log,
             "store: the state '%s' was not what the log says: it is kept as '%s.parted', and this "
             "hub begins anew from the log",
             s->path, s->path);
  return code;
}

/* Whether the hub had stopped for good; and the hash of what it had applied. */
static int check_chain(struct store *s, struct cws_error *err) {
  struct store_engine *e = s->engine;
  const char *id = s->shared->state.id;
  int64_t hash, at;
  int code = e->ops->get_note(e, SHARED_NOTE_PARTED, id, &hash, &at, err);
  if (code == 0)
    return leave_state(s, "another hub and the log had other entries", err);
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
  if (log->last_seq < applied) {
    char why[96];
    snprintf(why, sizeof(why), "it is at entry %llu, and the log ends with %llu",
             (unsigned long long)applied, (unsigned long long)log->last_seq);
    return leave_state(s, why, err);
  }
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

/* ---- where it goes on ---- */

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
  code = store_rescue_start(s, &r->rescue, err);
  if (code != 0)
    store_shared_close(s);
  return code;
}

void store_shared_close(struct store *s) {
  struct store_shared *r = s->shared;
  if (r == NULL)
    return;
  store_rescue_stop(r->rescue);
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
