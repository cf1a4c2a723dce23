/*
 * sqlite_schema: what the file is, which version of the schema it has, and how an older one becomes
 * the newest. A file is never changed before it is known to be a store of ours.
 */
#include "lib/core/err.h"
#include "server/store/sqlite.h"
#include <stdio.h>
#include <string.h>

/*
 * Version 1.
 * streams.idle_ms: the last event is not older; only retention moves it, so that appends need not.
 * streams.bytes: of the data of events base_id + 1 … stats_id; what came after is added up when
 * read. events.seq: order of commit. garbage: events up to `upto` are gone and wait to be deleted;
 * `whole`: the stream is gone.
 */
static const char schema_1[] =
    "CREATE TABLE streams("
    "  stream_id INTEGER PRIMARY KEY,"
    "  request_id TEXT NOT NULL UNIQUE,"
    "  epoch TEXT NOT NULL,"
    "  owner TEXT,"
    "  created_ms INTEGER NOT NULL,"
    "  idle_ms INTEGER NOT NULL,"
    "  base_id INTEGER NOT NULL DEFAULT 0,"
    "  stats_id INTEGER NOT NULL DEFAULT 0,"
    "  bytes INTEGER NOT NULL DEFAULT 0,"
    "  summary_id INTEGER NOT NULL DEFAULT 0,"
    "  summary TEXT);"
    "CREATE INDEX streams_by_age ON streams(created_ms, request_id);"
    "CREATE INDEX streams_by_idle ON streams(idle_ms);"
    "CREATE TABLE events("
    "  seq INTEGER PRIMARY KEY,"
    "  stream_id INTEGER NOT NULL,"
    "  message_id INTEGER NOT NULL,"
    "  committed_ms INTEGER NOT NULL,"
    "  type TEXT NOT NULL,"
    "  timestamp TEXT NOT NULL,"
    "  event_id TEXT,"
    "  fingerprint INTEGER,"
    "  crc INTEGER NOT NULL,"
    "  data BLOB NOT NULL);"
    "CREATE UNIQUE INDEX events_by_stream ON events(stream_id, message_id);"
    "CREATE TABLE positions("
    "  stream_id INTEGER NOT NULL,"
    "  subscriber TEXT NOT NULL,"
    "  message_id INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL,"
    "  PRIMARY KEY(stream_id, subscriber)) WITHOUT ROWID;"
    "CREATE TABLE garbage("
    "  stream_id INTEGER PRIMARY KEY,"
    "  upto INTEGER NOT NULL,"
    "  whole INTEGER NOT NULL);"
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
    "INSERT INTO meta(k, v) VALUES('clean', 1)";

static int migrate_0_to_1(struct sqlite_conn *c, struct cws_error *err) {
  char pragma[64];
  snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d", SQLITE_STORE_APPLICATION_ID);
  int code = sqlite_exec(c, schema_1, err);
  return code == 0 ? sqlite_exec(c, pragma, err) : code;
}

/* Version 2: notes, the front's own; see store_ops.h. */
static int migrate_1_to_2(struct sqlite_conn *c, struct cws_error *err) {
  return sqlite_exec(c,
                     "CREATE TABLE notes("
                     "  kind TEXT NOT NULL,"
                     "  name TEXT NOT NULL,"
                     "  value INTEGER NOT NULL,"
                     "  at INTEGER NOT NULL,"
                     "  PRIMARY KEY(kind, name)) WITHOUT ROWID",
                     err);
}

sqlite_migration_fn *const sqlite_migrations[] = {migrate_0_to_1, migrate_1_to_2};
const int sqlite_migration_count = sizeof(sqlite_migrations) / sizeof(*sqlite_migrations);

int sqlite_schema_identify(struct sqlite_conn *c, bool *is_new, struct cws_error *err) {
  int64_t application = 0, tables = 0;
  struct cws_error why = {0};
  int code = sqlite_query_int(c, "PRAGMA application_id", &application, &why);
  if (code == 0)
    code = sqlite_query_int(c, "SELECT count(*) FROM sqlite_master", &tables, &why);
  if (code == CWS_ECORRUPT)
    return err_set(
        err, code,
        "'%s' is damaged or no store: give another path, or keep a copy and " SQLITE_RESCUE,
        c->path);
  if (code != 0)
    return err_set(err, code, "%s", why.message);
  *is_new = application == 0 && tables == 0;
  if (*is_new || application == SQLITE_STORE_APPLICATION_ID)
    return 0;
  return err_set(err, CWS_ECORRUPT, "'%s' is a database of another program: give another path",
                 c->path);
}

static int migrate_steps(struct sqlite_conn *c, sqlite_migration_fn *const steps[], int from,
                         int count, struct cws_error *err) {
  int code = 0;
  for (int v = from; code == 0 && v < count; v++)
    code = steps[v](c, err);
  if (code != 0)
    return code;
  char sql[64];
  snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", count);
  code = sqlite_exec(c, sql, err);
  return code == 0 ? sqlite_set_meta(c, "version", count, err) : code;
}

int sqlite_schema_migrate(struct sqlite_conn *c, sqlite_migration_fn *const steps[], int count,
                          int *from, struct cws_error *err) {
  int64_t version;
  int code = sqlite_query_int(c, "PRAGMA user_version", &version, err);
  *from = (int)version;
  if (code != 0 || version == count)
    return code;
  if (version > count)
    return err_set(err, CWS_ESTORE,
                   "the store '%s' was written by a newer version (schema %d, this one knows %d): "
                   "use that version",
                   c->path, (int)version, count);
  code = sqlite_exec(c, "BEGIN IMMEDIATE", err);
  if (code != 0)
    return code;
  code = migrate_steps(c, steps, (int)version, count, err);
  if (code == 0)
    code = sqlite_exec(c, "COMMIT", err);
  if (code != 0 && !sqlite3_get_autocommit(c->db))
    sqlite_exec(c, "ROLLBACK", NULL);
  return code;
}

int sqlite_schema_check(struct sqlite_conn *c, enum sqlite_check how, struct cws_error *err) {
  sqlite3_stmt *stmt;
  const char *sql =
      how == SQLITE_CHECK_FULL ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)";
  int rc = sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL);
  if (rc != SQLITE_OK)
    return sqlite_fail(c, rc, err);
  char found[128] = "";
  rc = sqlite3_step(stmt);
  if (rc == SQLITE_ROW)
    sqlite_column_str(stmt, 0, found, sizeof(found));
  int code = rc == SQLITE_ROW ? 0 : sqlite_fail(c, rc, err);
  sqlite3_finalize(stmt);
  if (code != 0 || strcmp(found, "ok") == 0)
    return code;
  return err_set(err, CWS_ECORRUPT,
                 "the store '%s' is damaged (%s): keep a copy, then " SQLITE_RESCUE, c->path,
                 found);
}
