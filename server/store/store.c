/*
 * store: opening and closing, and what callers put in: appends, removes, positions, summaries,
 * wishes. It owns the parts and the order in which they begin and end. Reads are in store_read.c.
 */
#include "server/store/store.h"

#include "lib/core/err.h"
#include "server/store/store_shared.h"
#include <stdlib.h>
#include <string.h>

static const struct store_ops *const engines[] = {&store_memory_ops, &store_sqlite_ops};

/* ---- life ---- */

static int parts_init(struct store *s, const struct store_options *options) {
  s->options = *options;
  if (s->options.clock == NULL)
    s->options.clock = clock_system();
  s->path = strdup(options->path != NULL ? options->path : "");
  s->options.path = s->path;
  if (s->path == NULL)
    goto no_path;
  if (store_queue_init(&s->queue, options) != 0)
    goto no_queue;
  if (store_pending_init(&s->pending) != 0)
    goto no_pending;
  if (store_health_init(&s->health) != 0)
    goto no_health;
  if (store_streams_init(&s->streams) != 0)
    goto no_streams;
  return 0;

no_streams:
  store_health_finish(&s->health);
no_health:
  store_pending_finish(&s->pending);
no_pending:
  store_queue_finish(&s->queue);
no_queue:
  free(s->path);
no_path:
  return CWS_ENOMEM;
}

static void parts_finish(struct store *s) {
  store_streams_finish(&s->streams);
  store_health_finish(&s->health);
  store_pending_finish(&s->pending);
  store_queue_finish(&s->queue);
  free(s->path);
}

/* A state of a log would go another way than the log if it were opened without it. */
static int note_found(const char *name, int64_t value, int64_t at, void *user) {
  (void)name, (void)value, (void)at, (void)user;
  return CWS_ECONFIG;
}

static int check_alone(struct store *s, struct cws_error *err) {
  const struct store_ops *ops = s->engine->ops;
  if (ops->each_note == NULL ||
      ops->each_note(s->engine, SHARED_NOTE_LOG, note_found, NULL, NULL) != CWS_ECONFIG)
    return 0;
  return err_set(err, CWS_ECONFIG,
                 "'%s' is the state of a hub that shares a log: serve it with --store nats://…, or "
                 "make a store of it with councilws migrate",
                 s->path);
}

static int open_log(struct store *s, const struct store_log_ops *log_ops, const char *servers,
                    struct cws_error *err) {
  if (log_ops == NULL)
    return check_alone(s, err);
  return store_shared_open(s, log_ops, servers, err);
}

int store_open_engine(const struct store_ops *ops, const struct store_options *options,
                      struct store **out, struct cws_error *err) {
  return store_open_parts(ops, NULL, NULL, options, out, err);
}

int store_open_parts(const struct store_ops *ops, const struct store_log_ops *log_ops,
                     const char *servers, const struct store_options *options, struct store **out,
                     struct cws_error *err) {
  struct store *s = calloc(1, sizeof(*s));
  if (s == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int code = parts_init(s, options);
  if (code != 0)
    goto no_parts;
  code = ops->open(&s->options, &s->engine, err);
  if (code != 0)
    goto no_engine;
  code = open_log(s, log_ops, servers, err);
  if (code != 0)
    goto no_log;
  code = store_writer_start(s);
  if (code != 0)
    goto no_writer;
  code = store_jobs_init(s);
  if (code != 0)
    goto no_jobs;
  *out = s;
  return 0;

no_jobs:
  store_writer_join(s);
no_writer:
  store_shared_close(s);
no_log:
  if (s->engine != NULL)
    ops->close(s->engine);
no_engine:
  parts_finish(s);
no_parts:
  free(s);
  return err_set(err, code, NULL);
}

/* NULL: there is none of that name. */
static const struct store_ops *engine_of(const char *uri) {
  for (size_t i = 0; uri != NULL && i < sizeof(engines) / sizeof(*engines); i++) {
    size_t len = strlen(engines[i]->name);
    if (strncmp(uri, engines[i]->name, len) == 0 && uri[len] == ':')
      return engines[i];
  }
  return NULL;
}

#define NATS_KIND "nats:"

static bool is_nats(const char *uri) {
  return uri != NULL && strncmp(uri, NATS_KIND "//", strlen(NATS_KIND "//")) == 0;
}

int store_uri_check(const char *uri, struct cws_error *err) {
#ifdef CWS_WITH_NATS
  if (is_nats(uri))
    return 0;
#else
  if (is_nats(uri))
    return err_set(err, CWS_ECONFIG, "this councilws was built without NATS: no store '%s'", uri);
#endif
  if (engine_of(uri) != NULL)
    return 0;
  return err_set(err, CWS_ECONFIG,
                 "unknown store '%s': give memory:, sqlite:PATH or nats://HOST[:PORT][,HOST…]",
                 uri != NULL ? uri : "");
}

#ifdef CWS_WITH_NATS
static int open_nats(const char *uri, const struct store_options *options, struct store **out,
                     struct cws_error *err) {
  struct store_options with_path = *options;
  if (options->nats.state_path == NULL)
    return err_set(err, CWS_ECONFIG, "the store '%s' needs a file for the hub's own state", uri);
  with_path.path = options->nats.state_path;
  return store_open_parts(&store_sqlite_ops, &nats_log_ops, uri + strlen(NATS_KIND), &with_path,
                          out, err);
}
#endif

int store_open(const char *uri, const struct store_options *options, struct store **out,
               struct cws_error *err) {
  int code = store_uri_check(uri, err);
  if (code != 0)
    return code;
#ifdef CWS_WITH_NATS
  if (is_nats(uri))
    return open_nats(uri, options, out, err);
#endif
  const struct store_ops *ops = engine_of(uri);
  struct store_options with_path = *options;
  with_path.path = uri + strlen(ops->name) + 1;
  return store_open_engine(ops, &with_path, out, err);
}

/* The table of a kind that keeps a file. */
static int file_engine_of(const char *uri, const struct store_ops **ops, const char **path,
                          struct cws_error *err) {
  *ops = engine_of(uri);
  if (*ops == NULL || (*ops)->verify == NULL)
    return err_set(err, CWS_ECONFIG, "the store '%s' is no file: give sqlite:PATH",
                   uri != NULL ? uri : "");
  *path = uri + strlen((*ops)->name) + 1;
  return 0;
}

int store_verify(const char *uri, struct store_report *report, struct cws_error *err) {
  const struct store_ops *ops;
  const char *path = NULL;
  int code = file_engine_of(uri, &ops, &path, err);
  return code == 0 ? ops->verify(path, report, err) : code;
}

int store_backup(const char *uri, const char *file, struct cws_error *err) {
  const struct store_ops *ops;
  const char *path = NULL;
  int code = file_engine_of(uri, &ops, &path, err);
  return code == 0 ? ops->backup(path, file, err) : code;
}

void store_close(struct store *s) {
  if (s == NULL)
    return;
  store_jobs_finish(s);
  store_writer_join(s);
  store_shared_close(s);
  s->engine->ops->close(s->engine);
  parts_finish(s);
  free(s);
}

const char *store_name(const struct store *s) {
  return s->shared != NULL ? "nats" : s->engine->ops->name;
}

/* ---- writes ---- */

int store_append(struct store *s, struct store_append *append) {
  return store_queue_append(&s->queue, append);
}

int store_remove(struct store *s, struct store_remove *remove) {
  return store_queue_remove(&s->queue, remove);
}

/* The writer begins at half the promised time, so that the commit stands within all of it. */
static void put_pending(struct store *s, const struct store_pending_item *item) {
  bool is_first;
  if (store_pending_put(&s->pending, item, &is_first) != 0)
    log_warn(s->options.log, "store: out of memory: a position or summary of '%s' is not kept",
             item->request_id);
  else if (is_first)
    store_queue_nudge(&s->queue, store_mono_ms() + STORE_POSITION_MS / 2);
}

void store_set_position(struct store *s, const char *request_id, const char *epoch,
                        const char *subscriber, int64_t message_id) {
  struct store_pending_item item = {request_id, epoch, subscriber, NULL, message_id};
  put_pending(s, &item);
}

void store_set_summary(struct store *s, const char *request_id, const char *epoch,
                       int64_t message_id, const char *json) {
  struct store_pending_item item = {request_id, epoch, "", json, message_id};
  put_pending(s, &item);
}

int store_flush(struct store *s) {
  return store_queue_wish(&s->queue, &s->queue.flush);
}

int store_sweep(struct store *s) {
  return store_queue_wish(&s->queue, &s->queue.sweep);
}
