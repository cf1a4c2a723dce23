/*
 * sqlite_open: opening and closing the engine. In this order: path, directory, lock, file,
 * identity, settings, schema, check. Nothing is written to a file before it is known to be ours.
 */
#include "lib/core/err.h"
#include "lib/core/log.h"
#include "server/store/sqlite.h"
#include <stdlib.h>

/* Debian compiles secure_delete on: twice the writes, for nothing here. The log is carried
 * over to the file by sqlite_tidy, after the answers went out. */
static int set_up(struct sqlite_engine *e, bool durability_normal, struct cws_error *err) {
  struct sqlite_conn *c = &e->writer;
  int code = sqlite_exec(
      c, durability_normal ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", err);
  if (code != 0)
    return code;
  return sqlite_exec(c,
                     "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA secure_delete=0;"
                     "PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"
                     "PRAGMA foreign_keys=0; PRAGMA recursive_triggers=0;"
                     "PRAGMA wal_autocheckpoint=0",
                     err);
}

static int count_frames(void *user, sqlite3 *db, const char *name, int frames) {
  (void)db, (void)name;
  ((struct sqlite_engine *)user)->wal_frames = frames;
  return SQLITE_OK;
}

/* Whether the last hub ended well is noted in the file; if not, it is looked through. */
static int check_last_end(struct sqlite_engine *e, struct cws_error *err) {
  struct sqlite_conn *c = &e->writer;
  int64_t clean;
  int code = sqlite_get_meta(c, "clean", &clean, err);
  if (code == 0 && !clean) {
    log_info(e->log, "store: '%s' was not closed; checking it", e->path);
    code = sqlite_schema_check(c, SQLITE_CHECK_QUICK, err);
  }
  return code == 0 ? sqlite_set_meta(c, "clean", 0, err) : code;
}

static int has_log(struct sqlite_conn *c, bool *out, struct cws_error *err) {
  int64_t found;
  int code =
      sqlite_query_int(c, "SELECT EXISTS(SELECT 1 FROM notes WHERE kind='log')", &found, err);
  *out = code == 0 && found;
  return code;
}

/* A copy knows nothing of what came after it was made: the ids that it gives next may have been
 * given before, to other events. With new epochs whoever stood there is told of a gap. Acknowledged
 * positions in the copy are of its own events and stay. */
int sqlite_renew_epochs(struct sqlite_conn *c, struct cws_error *err) {
  int code = sqlite_exec(c,
                         "BEGIN IMMEDIATE;"
                         "UPDATE streams SET epoch=substr(lower(hex(randomblob(8))), 1, 8);"
                         "DELETE FROM meta WHERE k='" SQLITE_META_IS_COPY "';"
                         "COMMIT",
                         err);
  if (code != 0 && !sqlite3_get_autocommit(c->db))
    sqlite_exec(c, "ROLLBACK", NULL);
  return code;
}

static int settle_copy(struct sqlite_engine *e, struct cws_error *err) {
  struct sqlite_conn *c = &e->writer;
  int64_t is_copy;
  int code = sqlite_get_meta(c, SQLITE_META_IS_COPY, &is_copy, err);
  if (code != 0 || !is_copy)
    return code;
  bool is_state; /* of a log, which has what came after */
  code = has_log(c, &is_state, err);
  if (code != 0)
    return code;
  if (is_state)
    return sqlite_set_meta(c, SQLITE_META_IS_COPY, 0, err);
  log_info(e->log, "store: '%s' is a restored copy: every request has a new epoch", e->path);
  return sqlite_renew_epochs(c, err);
}

static int read_next_key(struct sqlite_engine *e, struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(&e->writer, SQL_NEXT_KEY, &stmt, err);
  if (code != 0)
    return code;
  code = sqlite_step(&e->writer, stmt, &has_row, err);
  if (code != 0)
    return code;
  e->next_key = sqlite3_column_int64(stmt, 0);
  sqlite3_reset(stmt);
  return 0;
}

static int open_database(struct sqlite_engine *e, const struct store_options *options,
                         struct cws_error *err) {
  struct sqlite_conn *c = &e->writer;
  bool is_new;
  int from;
  int code = sqlite_conn_open(
      c, e->path, options->durability_normal ? SQLITE_CONN_WRITER : SQLITE_CONN_SYNCED_WRITER, err);
  if (code == 0)
    code = sqlite_schema_identify(c, &is_new, err);
  if (code == 0)
    code = set_up(e, options->durability_normal, err);
  if (code == 0)
    code = sqlite_schema_migrate(c, sqlite_migrations, sqlite_migration_count, &from, err);
  if (code == 0 && !is_new && from < sqlite_migration_count)
    log_info(e->log, "store: '%s' migrated from schema %d to %d", e->path, from,
             sqlite_migration_count);
  if (code == 0)
    code = check_last_end(e, err);
  if (code == 0)
    code = settle_copy(e, err);
  if (code == 0)
    code = read_next_key(e, err);
  return code;
}

static int open_files(struct sqlite_engine *e, const char *path, struct cws_error *err) {
  int code = sqlite_files_path(path, &e->path, err);
  if (code == 0)
    code = sqlite_files_prepare(e->path, err);
  if (code == 0)
    code = sqlite_files_lock(e->path, &e->lock_fd, err);
  if (code == 0)
    code = sqlite_files_create(e->path, err);
  return code;
}

static void engine_free(struct sqlite_engine *e) {
  sqlite_conn_close(&e->writer); /* the last one: carries the log over and removes it */
  sqlite_files_unlock(e->lock_fd);
  free(e->path);
  free(e);
}

int sqlite_open(const struct store_options *options, struct store_engine **out,
                struct cws_error *err) {
  struct sqlite_engine *e = calloc(1, sizeof(*e));
  if (e == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  e->base.ops = &store_sqlite_ops;
  e->lock_fd = -1;
  e->log = options->log;
  int code = open_files(e, options->path, err);
  if (code == 0)
    code = open_database(e, options, err);
  if (code == 0)
    code = sqlite_pool_init(&e->pool);
  if (code != 0) {
    engine_free(e);
    return err_set(err, code, NULL);
  }
  sqlite_conn_checkpoint_on_close(&e->writer, true);
  sqlite3_wal_hook(e->writer.db, count_frames, e);
  e->has_ballast = sqlite_ballast_make(e->path);
  if (!e->has_ballast)
    log_warn(e->log, "store: no room for '%s.ballast': a full disk will be hard to clear", e->path);
  *out = &e->base;
  return 0;
}

void sqlite_close(struct store_engine *base) {
  struct sqlite_engine *e = sqlite_engine_of(base);
  struct cws_error err = {0};
  sqlite_pool_finish(&e->pool);
  if (sqlite_set_meta(&e->writer, "clean", 1, &err) != 0)
    log_warn(e->log, "store: not closed cleanly: %s", err.message);
  engine_free(e);
}
