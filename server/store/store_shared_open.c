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
#include <unistd.h>

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

/* What is to be done where they do not. */
struct finding {
  bool wants_copy; /* of another hub's state */
  bool has_all;    /* without one, the log will do, from its beginning */
  bool is_parted;  /* the state may have what the log has not: it is set aside */
};

#define START_FROM_COPY "start from a copy of another hub's state (councilws backup)"

static int find_base(const void *bytes, size_t len, bool *out) {
  struct store_entry_reader reader;
  struct store_entry_head head;
  struct store_item item = {.kind = STORE_ITEM_APPEND};
  *out = false;
  int code = store_entry_read_head(&reader, bytes, len, &head, NULL);
  while (code == 0 && !*out && item.kind != STORE_ITEM_END) {
    code = store_entry_read_item(&reader, &item, NULL);
    free(item.append);
    *out = code == 0 && item.kind == STORE_ITEM_BASE;
  }
  return code;
}

/* Whether all there ever was is in the log: it has its first entry, and that says nothing of a
 * store that was brought to it. An entry that nobody can read is for who applies it. */
static int has_log_all(struct store *s, bool *out, struct cws_error *err) {
  struct store_log *log = s->shared->log;
  struct store_log_entry *first;
  bool has_base;
  *out = s->shared->state.last_seq == 0;
  if (*out || s->shared->state.first_seq > 1)
    return 0;
  int code = log->ops->get(log, 1, &first, err);
  if (code != 0)
    return code == CWS_ENOTFOUND ? 0 : code;
  *out = find_base(first->bytes, first->len, &has_base) != 0 || !has_base;
  free(first);
  return 0;
}

/* A state that was never at a log. */
static int check_new(struct store *s, struct finding *f, struct cws_error *err) {
  bool is_empty, has_all;
  int code = s->engine->ops->is_empty(s->engine, &is_empty, err);
  if (code != 0)
    return code;
  if (!is_empty)
    return err_set(err, CWS_ECONFIG,
                   "'%s' is the store of a single hub, not a state of this log: give another file, "
                   "or bring it to the log with councilws migrate",
                   s->path);
  if (s->shared->state.last_seq == 0)
    return 0;
  code = has_log_all(s, &has_all, err);
  if (code != 0)
    return code;
  *f = (struct finding){.wants_copy = true, .has_all = has_all};
  if (s->shared->state.first_seq > 1)
    return err_set(err, CWS_ESTORE,
                   "the log begins with entry %llu, earlier ones are gone: " START_FROM_COPY,
                   (unsigned long long)s->shared->state.first_seq);
  return err_set(err, CWS_ESTORE,
                 "the log builds on a store that was brought to it: " START_FROM_COPY);
}

/* Whether it had stopped for good, or is beyond the log. What is in it and not in the log is put
 * back: store_rescue.c. */
static int leave_state(struct store *s, struct finding *f, const char *why, struct cws_error *err) {
  bool has_all;
  int code = has_log_all(s, &has_all, err);
  if (code != 0)
    return code;
  *f = (struct finding){.wants_copy = true, .has_all = has_all, .is_parted = true};
  return err_set(
      err, CWS_ESTORE,
      "the state '%s' is not what the log says (%s): it is to be renamed to '%s.parted', "
      "and this hub to " START_FROM_COPY,
      s->path, why, s->path);
}

/* Also the hash of what it had applied. */
static int check_chain(struct store *s, struct finding *f, struct cws_error *err) {
  struct store_engine *e = s->engine;
  const char *id = s->shared->state.id;
  int64_t hash, at;
  int code = e->ops->get_note(e, SHARED_NOTE_PARTED, id, &hash, &at, err);
  if (code == 0)
    return leave_state(s, f, "another hub and the log had other entries", err);
  if (code == CWS_ENOTFOUND)
    code = e->ops->get_note(e, SHARED_NOTE_CHAIN, id, &hash, &at, err);
  if (code == 0)
    s->shared->chain.hash = (uint64_t)hash;
  return code == CWS_ENOTFOUND ? 0 : code;
}

static int check_end(struct store *s, uint64_t applied, struct finding *f, struct cws_error *err) {
  char why[96];
  if (s->shared->state.last_seq >= applied)
    return 0;
  snprintf(why, sizeof(why), "it is at entry %llu, and the log ends with %llu",
           (unsigned long long)applied, (unsigned long long)s->shared->state.last_seq);
  return leave_state(s, f, why, err);
}

static int check_place(struct store *s, const struct place *place, struct finding *f,
                       struct cws_error *err) {
  const struct store_log_state *log = &s->shared->state;
  uint64_t applied = (uint64_t)place->applied;
  if (strcmp(place->id, log->id) != 0)
    return err_set(err, CWS_ECONFIG,
                   "the state '%s' belongs to another log (%s; this one is %s): give another file, "
                   "or another nats-prefix",
                   s->path, place->id, log->id);
  int code = check_end(s, applied, f, err);
  if (code == 0)
    code = check_chain(s, f, err);
  if (code != 0)
    return code;
  if (log->first_seq > applied + 1) {
    f->wants_copy = true;
    return err_set(
        err, CWS_ESTORE,
        "the state '%s' is at entry %llu of the log, which begins with %llu: this hub was "
        "away for too long; " START_FROM_COPY,
        s->path, (unsigned long long)applied, (unsigned long long)log->first_seq);
  }
  s->shared->applied = s->shared->alive_at = applied;
  s->shared->time_ms = place->time_ms;
  return 0;
}

/* ---- where it goes on ---- */

static int find_place(struct store *s, struct finding *f, struct cws_error *err) {
  struct place place = {0};
  *f = (struct finding){0};
  int code = s->engine->ops->each_note(s->engine, SHARED_NOTE_LOG, note_place, &place, err);
  if (code == 0)
    code = place.is_known ? check_place(s, &place, f, err) : check_new(s, f, err);
  return code == 0 ? store_writers_load(&s->shared->writers, s->engine, err) : code;
}

/* ---- another state ---- */

/* The engine's file is set aside or removed, and the one that was fetched, or an empty one, opened
 * in its place. The engine is NULL where that failed. */
static int change_state(struct store *s, bool is_parted, const char *fetched,
                        struct cws_error *err) {
  const struct store_ops *ops = s->engine->ops;
  ops->close(s->engine);
  s->engine = NULL;
  int code = is_parted ? ops->set_aside(s->path, err) : 0;
  if (code == 0 && fetched != NULL)
    code = ops->replace(s->path, fetched, err);
  return code == 0 ? ops->open(&s->options, &s->engine, err) : code;
}

static int take_copy(struct store *s, const struct finding *f, struct cws_error *err) {
  struct store_log *log = s->shared->log;
  size_t size = strlen(s->path) + sizeof(".fetched");
  char *file = malloc(size);
  if (file == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  snprintf(file, size, "%s.fetched", s->path);
  int code = log->ops->fetch(log, file, err);
  if (code == 0)
    code = change_state(s, f->is_parted, file, err);
  if (code != 0)
    unlink(file);
  free(file);
  return code;
}

/* Where the copy is. One that has nothing yet is as good as none. */
static int find_copys_place(struct store *s, bool *has_any, struct cws_error *err) {
  struct finding found;
  struct cws_error why = {0};
  int code = find_place(s, &found, &why);
  *has_any = code == 0;
  if (code == 0 || (found.wants_copy && found.has_all && !found.is_parted))
    return 0;
  return err_set(err, code, "%s", why.message);
}

/* A copy is better than the log, also where that has all: other hubs go on from the same state,
 * whatever the log's servers made of what it has at its beginning. `problem` is what the finding
 * came with, and is told where nothing can be done about it. */
static int mend(struct store *s, const struct finding *f, const struct cws_error *problem,
                struct cws_error *err) {
  struct cws_error why = {0};
  int code = take_copy(s, f, &why);
  bool is_copied = code == 0;
  if (code != 0 && s->engine != NULL && f->has_all)
    code = f->is_parted ? change_state(s, true, NULL, &why) : 0;
  if (code != 0)
    return err_set(err, code == CWS_ENOTFOUND ? problem->code : code, "%s; %s", problem->message,
                   why.message);
  if (f->is_parted)
    log_warn(s->options.log,
             "store: the state '%s' was not what the log says: it is kept as '%s.parted'", s->path,
             s->path);
  code = s->shared->log->ops->state(s->shared->log, &s->shared->state, err);
  if (code == 0 && is_copied)
    code = find_copys_place(s, &is_copied, err);
  s->shared->is_from_log = !is_copied;
  if (code == 0)
    log_info(s->options.log, "store: this hub begins with %s",
             is_copied ? "a copy of another hub's state" : "the log's first entry");
  return code;
}

static int settle_place(struct store *s, struct cws_error *err) {
  struct finding found;
  struct cws_error problem = {0};
  int code = find_place(s, &found, &problem);
  if (code != 0 && found.wants_copy)
    return mend(s, &found, &problem, err);
  return code == 0 ? 0 : err_set(err, code, "%s", problem.message);
}

/* For another hub. On a thread of the log's. */
static int copy_state(const char *file, void *user, struct cws_error *err) {
  struct store *s = user;
  if (!store_is_writable(s, err))
    return CWS_ESTORE;
  return file == NULL ? 0 : s->engine->ops->backup(s->path, file, err);
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
      .copy_state = copy_state,
      .user = s,
  };
  int code = ops->open(&options, &r->log, err);
  if (code == 0)
    code = ops->state(r->log, &r->state, err);
  if (code == 0)
    code = settle_place(s, err);
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
  if (r->applied < r->state.last_seq)
    store_shared_is_behind(s);
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
