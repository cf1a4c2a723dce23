/*
 * store_migrate: from the store of a single hub to a log that hubs share, and back. What is there
 * is copied, never changed; what is made is whole, or is not there. It owns in which order that is
 * done, so that nobody can take one state for another; the files are sqlite_move.c's.
 */
#include "server/store/store_migrate.h"

#include "lib/core/err.h"
#include "server/store/sqlite_move.h"
#include "server/store/store_shared.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SQLITE_KIND "sqlite:"
#define NATS_KIND "nats:"

/* NULL where it is of another kind. */
static const char *rest_of(const char *uri, const char *kind) {
  size_t len = strlen(kind);
  return uri != NULL && strncmp(uri, kind, len) == 0 ? uri + len : NULL;
}

static void set_place(struct store_place *out, int64_t entry, int64_t time_ms) {
  if (out != NULL)
    *out = (struct store_place){.entry = entry, .time_ms = time_ms};
}

/* ---- a log, from outside of a hub ---- */

struct visit {
  struct store_log *log;
  struct store_log_state state;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool has_news;
};

static void wake(void *user) {
  struct visit *v = user;
  pthread_mutex_lock(&v->mutex);
  v->has_news = true;
  pthread_cond_signal(&v->changed);
  pthread_mutex_unlock(&v->mutex);
}

/* False once the time, of CLOCK_MONOTONIC, is over. */
static bool wait_for_news(struct visit *v, const struct timespec *end) {
  int rc = 0;
  pthread_mutex_lock(&v->mutex);
  while (!v->has_news && rc == 0)
    rc = pthread_cond_timedwait(&v->changed, &v->mutex, end);
  bool came = v->has_news;
  v->has_news = false;
  pthread_mutex_unlock(&v->mutex);
  return came;
}

/* To be closed also where it fails. */
static int visit_open(struct visit *v, const struct store_log_ops *ops,
                      const struct store_log_options *options, struct cws_error *err) {
  struct store_log_options mine = *options;
  pthread_condattr_t attr;
  *v = (struct visit){0};
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_mutex_init(&v->mutex, NULL);
  pthread_cond_init(&v->changed, &attr);
  pthread_condattr_destroy(&attr);
  mine.wake = wake;
  mine.user = v;
  int code = ops->open(&mine, &v->log, err);
  return code == 0 ? ops->state(v->log, &v->state, err) : code;
}

static void visit_close(struct visit *v) {
  if (v->log != NULL)
    v->log->ops->close(v->log);
  pthread_cond_destroy(&v->changed);
  pthread_mutex_destroy(&v->mutex);
}

/* ---- to a log ---- */

#define ANEW "begin again with another nats-prefix, or remove the stream"

/* The log's first entry says what all that follows builds on; the state notes that it is that. */
struct founding {
  struct visit *visit;
  struct store_entry_head head;
  char base_id[2 * STORE_WRITER_ID_BYTES + 1];
  int64_t patience_ms;
  bool is_done;
};

static int founding_init(struct founding *f, struct visit *v, const struct store_nats_options *nats,
                         struct cws_error *err) {
  unsigned char base[STORE_WRITER_ID_BYTES];
  *f = (struct founding){.visit = v,
                         .head = {.number = 1, .time_ms = clock_wall_ms(clock_system())}};
  f->patience_ms = nats->patience_ms > 0 ? nats->patience_ms : SHARED_PATIENCE_MS;
  if (getrandom(&f->head.writer, sizeof(f->head.writer), 0) != (ssize_t)sizeof(f->head.writer) ||
      getrandom(base, sizeof(base), 0) != (ssize_t)sizeof(base))
    return err_set_sys(err, CWS_ESYSTEM, errno, "no random bytes");
  for (size_t i = 0; i < sizeof(base); i++)
    snprintf(f->base_id + 2 * i, 3, "%02x", base[i]);
  return 0;
}

static int write_base(struct founding *f, struct cws_error *err) {
  struct store_log *log = f->visit->log;
  struct buf b;
  buf_init(&b);
  store_entry_begin(&b, &f->head);
  store_entry_add_base(&b, f->base_id);
  store_entry_end(&b);
  int code =
      b.failed ? err_set(err, CWS_ENOMEM, NULL) : log->ops->publish(log, 1, b.data, b.len, err);
  buf_finish(&b);
  return code;
}

/* That it was surely not stored; all else shows in what comes. */
static int look_at_outcomes(struct store_log *log, struct cws_error *err) {
  struct store_log_outcome outcome;
  int code = 0;
  while (code == 0 && log->ops->take_outcome(log, &outcome)) {
    if (outcome.code == CWS_ESTORE)
      code = err_set(err, CWS_ESTORE, "the log takes nothing: %s", outcome.error.message);
  }
  return code;
}

static int wait_for_first(struct founding *f, struct store_log_entry **come,
                          struct cws_error *err) {
  struct store_log *log = f->visit->log;
  struct timespec end;
  int code = 0;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += (time_t)(f->patience_ms / 1000);
  end.tv_nsec += (long)(f->patience_ms % 1000) * 1000000;
  end.tv_sec += end.tv_nsec / 1000000000;
  end.tv_nsec %= 1000000000;
  while (code == 0 && (*come = log->ops->take(log, 1)) == NULL) {
    code = look_at_outcomes(log, err);
    if (code == 0 && !wait_for_news(f->visit, &end))
      code = err_set(err, CWS_EUNKNOWNOUTCOME,
                     "the log did not answer: it may have its first entry now or later; " ANEW);
  }
  return code;
}

static int check_first(const struct founding *f, const struct store_log_entry *first,
                       struct cws_error *err) {
  struct store_entry_reader reader;
  struct store_entry_head head;
  struct cws_error ignored = {0};
  if (first->seq == 1 &&
      store_entry_read_head(&reader, first->bytes, first->len, &head, &ignored) == 0 &&
      memcmp(&head.writer, &f->head.writer, sizeof(head.writer)) == 0)
    return 0;
  return err_set(err, CWS_ECONFIG, "a hub wrote to the log meanwhile: stop all hubs, and " ANEW);
}

/* The base has to be there, and nothing before it, before the state gets its name: a hub that found
 * this state and an empty log would let in others that do not have it. */
static int found_log(void *user, struct cws_error *err) {
  struct founding *f = user;
  struct store_log *log = f->visit->log;
  struct store_log_entry *come = NULL;
  int code = log->ops->follow(log, 0, err);
  if (code == 0)
    code = write_base(f, err);
  if (code == 0)
    code = wait_for_first(f, &come, err);
  if (code == 0)
    code = check_first(f, come, err);
  f->is_done = code == 0;
  store_log_free(come);
  return code;
}

static int check_empty(const struct store_log_state *state, struct cws_error *err) {
  if (state->last_seq == 0)
    return 0;
  return err_set(err, CWS_ECONFIG,
                 "the log has entries, up to %llu, and has to be new: give another nats-prefix, or "
                 "remove the stream",
                 (unsigned long long)state->last_seq);
}

static int to_visited_log(const struct sqlite_source *src, struct visit *v,
                          const struct store_nats_options *nats, struct store_place *out,
                          struct cws_error *err) {
  struct founding f;
  int code = check_empty(&v->state, err);
  if (code == 0)
    code = founding_init(&f, v, nats, err);
  if (code != 0)
    return code;
  struct sqlite_note notes[] = {{.kind = SHARED_NOTE_LOG, .value = 1, .at = f.head.time_ms},
                                {.kind = SHARED_NOTE_BASE, .value = 1, .at = f.head.time_ms}};
  snprintf(notes[0].name, sizeof(notes[0].name), "%s", v->state.id);
  snprintf(notes[1].name, sizeof(notes[1].name), "%s", f.base_id);
  const struct sqlite_move move = {notes, 2, true, found_log, &f};
  struct cws_error why = {0};
  code = sqlite_move_to(src, nats->state_path, &move, &why);
  if (code == 0)
    set_place(out, 1, f.head.time_ms);
  else if (f.is_done)
    err_set(err, code, "%s; the log has its first entry already: " ANEW, why.message);
  else
    err_set(err, code, "%s", why.message);
  return code;
}

static int from_store(const struct sqlite_source *src, const struct store_log_ops *ops,
                      const struct store_log_options *log, struct store_place *out,
                      struct cws_error *err) {
  struct sqlite_note place;
  struct visit v;
  bool is_state;
  int code = sqlite_source_note(src, SHARED_NOTE_LOG, &place, &is_state, err);
  if (code == 0 && is_state)
    code = err_set(err, CWS_ECONFIG,
                   "'%s' is the state of a log already: make a store of it first, from sqlite:PATH "
                   "to a new sqlite:PATH",
                   src->path);
  if (code == 0)
    code = sqlite_check_free(log->nats->state_path, err);
  if (code != 0)
    return code;
  code = visit_open(&v, ops, log, err);
  if (code == 0)
    code = to_visited_log(src, &v, log->nats, out, err);
  visit_close(&v);
  return code;
}

/* ---- back ---- */

/* With the log it is known that nothing came after: clients go on as they are. */
static int check_whole(const struct sqlite_source *src, const struct sqlite_note *place,
                       const struct store_log_state *log, struct cws_error *err) {
  unsigned long long applied = (unsigned long long)place->value, last = log->last_seq;
  if (strcmp(place->name, log->id) != 0)
    return err_set(err, CWS_ECONFIG, "the state '%s' belongs to another log (%s; this one is %s)",
                   src->path, place->name, log->id);
  if (applied > last)
    return err_set(err, CWS_ECONFIG,
                   "the log ends with entry %llu, and the state '%s' is at %llu: the log has lost "
                   "entries; go on from sqlite:PATH of the state",
                   last, src->path, applied);
  if (applied < last)
    return err_set(err, CWS_ECONFIG,
                   "the state '%s' is at entry %llu of the log, which ends with %llu: stop all "
                   "hubs, and take the state of the one that was stopped last; or start a hub on "
                   "this one alone, and stop it when it is ready",
                   src->path, applied, last);
  return 0;
}

static int check_with_log(const struct sqlite_source *src, const struct sqlite_note *place,
                          const struct store_log_ops *ops, const struct store_log_options *log,
                          struct cws_error *err) {
  struct visit v;
  int code = visit_open(&v, ops, log, err);
  if (code == 0)
    code = check_whole(src, place, &v.state, err);
  visit_close(&v);
  return code;
}

/* `log` NULL: without asking it. */
static int from_state(const struct sqlite_source *src, const struct store_log_ops *ops,
                      const struct store_log_options *log, const char *file,
                      struct store_place *out, struct cws_error *err) {
  struct sqlite_note place;
  bool is_state;
  int code = sqlite_source_note(src, SHARED_NOTE_LOG, &place, &is_state, err);
  if (code == 0 && !is_state)
    code = err_set(err, CWS_ECONFIG,
                   "'%s' is no state of a log; to copy a store, use councilws backup", src->path);
  if (code == 0)
    code = sqlite_check_free(file, err);
  if (code == 0 && log != NULL)
    code = check_with_log(src, &place, ops, log, err);
  if (code != 0)
    return code;
  const struct sqlite_move move = {.has_all = log != NULL};
  code = sqlite_move_to(src, file, &move, err);
  if (code == 0)
    set_place(out, place.value, place.at);
  return code;
}

/* ---- both ---- */

int store_migrate_with(const struct store_log_ops *ops, const char *from, const char *to,
                       const struct store_nats_options *nats, struct store_place *out,
                       struct cws_error *err) {
  const char *path = rest_of(from, SQLITE_KIND), *file = rest_of(to, SQLITE_KIND);
  const char *old_servers = rest_of(from, NATS_KIND), *new_servers = rest_of(to, NATS_KIND);
  bool is_one_way = (path != NULL && (new_servers != NULL || file != NULL)) ||
                    (old_servers != NULL && file != NULL);
  struct store_log_options log = {.servers = new_servers, .nats = nats};
  struct sqlite_source src;
  if (!is_one_way)
    return err_set(err, CWS_ECONFIG,
                   "from '%s' to '%s': give sqlite:PATH and nats://HOST, one way or the other, or "
                   "the sqlite:PATH of a hub's own state and a new sqlite:PATH",
                   from != NULL ? from : "", to != NULL ? to : "");
  if (old_servers != NULL) {
    path = nats->state_path;
    log.servers = old_servers;
    log.must_exist = true;
  }
  int code = sqlite_source_open(&src, path, err);
  if (code != 0)
    return code;
  if (new_servers != NULL)
    code = from_store(&src, ops, &log, out, err);
  else
    code = from_state(&src, ops, old_servers != NULL ? &log : NULL, file, out, err);
  sqlite_source_close(&src);
  return code;
}

int store_migrate(const char *from, const char *to, const struct store_nats_options *nats,
                  struct store_place *out, struct cws_error *err) {
#ifdef CWS_WITH_NATS
  return store_migrate_with(&nats_log_ops, from, to, nats, out, err);
#else
  for (int i = 0; i < 2; i++)
    if (rest_of(i == 0 ? from : to, NATS_KIND) != NULL)
      return store_uri_check(i == 0 ? from : to, err);
  return store_migrate_with(NULL, from, to, nats, out, err);
#endif
}
