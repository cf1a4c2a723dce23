/*
 * sqlite_conn: one connection to the file: how it is set up, its prepared statements, and what
 * SQLite's results mean. It knows nothing of streams.
 */
#include "lib/core/err.h"
#include "server/store/sqlite.h"
#include "server/store/sqlite_vfs.h"
#include <stdio.h>
#include <string.h>

#define CONN_BUSY_MS 2000 /* how long another program's lock is waited for */

static const char *const sql_text[] = {
#define SQLITE_SQL_TEXT(name, text) text,
    SQLITE_SQL_TABLE(SQLITE_SQL_TEXT)
#undef SQLITE_SQL_TEXT
};

/* ---- results ---- */

int sqlite_fail(struct sqlite_conn *c, int rc, struct cws_error *err) {
  switch (rc & 0xff) {
  case SQLITE_NOMEM:
    return err_set(err, CWS_ENOMEM, NULL);
  case SQLITE_FULL:
    return err_set(err, CWS_ESTORE, "no space left on the disk for the store '%s'", c->path);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return err_set(err, CWS_ESTORE, "the store '%s' is locked by another program", c->path);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_CONSTRAINT:
    return err_set(err, CWS_ECORRUPT,
                   "the store '%s' is damaged (%s): keep a copy, then " SQLITE_RESCUE, c->path,
                   sqlite3_errstr(rc));
  default:
    return err_set(err, CWS_ESTORE, "the store '%s': %s", c->path,
                   c->db != NULL ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc));
  }
}

int sqlite_exec(struct sqlite_conn *c, const char *sql, struct cws_error *err) {
  int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
  return rc == SQLITE_OK ? 0 : sqlite_fail(c, rc, err);
}

int sqlite_query_int(struct sqlite_conn *c, const char *sql, int64_t *out, struct cws_error *err) {
  sqlite3_stmt *stmt;
  int rc = sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL);
  if (rc != SQLITE_OK)
    return sqlite_fail(c, rc, err);
  rc = sqlite3_step(stmt);
  int code = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sqlite_fail(c, rc, err);
  *out = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
  sqlite3_finalize(stmt);
  return code;
}

/* ---- statements ---- */

int sqlite_stmt(struct sqlite_conn *c, enum sqlite_sql sql, sqlite3_stmt **out,
                struct cws_error *err) {
  *out = NULL;
  if (c->stmts[sql] == NULL) {
    int rc = sqlite3_prepare_v3(c->db, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT, &c->stmts[sql],
                                NULL);
    if (rc != SQLITE_OK)
      return sqlite_fail(c, rc, err);
  }
  *out = c->stmts[sql];
  return 0;
}

int sqlite_step(struct sqlite_conn *c, sqlite3_stmt *stmt, bool *has_row, struct cws_error *err) {
  int rc = sqlite3_step(stmt);
  *has_row = rc == SQLITE_ROW;
  if (rc == SQLITE_ROW || rc == SQLITE_DONE)
    return 0;
  int code = sqlite_fail(c, rc, err);
  sqlite3_reset(stmt);
  return code;
}

int sqlite_run(struct sqlite_conn *c, sqlite3_stmt *stmt, struct cws_error *err) {
  bool has_row;
  int code = sqlite_step(c, stmt, &has_row, err);
  sqlite3_reset(stmt);
  return code;
}

int sqlite_do(struct sqlite_conn *c, enum sqlite_sql sql, struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, sql, &stmt, err);
  return code == 0 ? sqlite_run(c, stmt, err) : code;
}

void sqlite_bind_str(sqlite3_stmt *stmt, int at, const char *text) {
  if (text != NULL)
    sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
  else
    sqlite3_bind_null(stmt, at);
}

void sqlite_column_str(sqlite3_stmt *stmt, int column, char *out, size_t size) {
  const unsigned char *text = sqlite3_column_text(stmt, column);
  snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
}

/* ---- meta ---- */

int sqlite_get_meta(struct sqlite_conn *c, const char *key, int64_t *value, struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_GET_META, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, key);
  code = sqlite_step(c, stmt, &has_row, err);
  *value = code == 0 && has_row ? sqlite3_column_int64(stmt, 0) : 0;
  sqlite3_reset(stmt);
  return code;
}

int sqlite_set_meta(struct sqlite_conn *c, const char *key, int64_t value, struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_SET_META, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, key);
  sqlite3_bind_int64(stmt, 2, value);
  return sqlite_run(c, stmt, err);
}

/* ---- life ---- */

int sqlite_conn_checkpoint_on_close(struct sqlite_conn *c, bool on) {
  return sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on ? 0 : 1, NULL);
}

int sqlite_conn_open(struct sqlite_conn *c, const char *path, enum sqlite_conn_kind kind,
                     struct cws_error *err) {
  *c = (struct sqlite_conn){.path = path};
  const char *vfs = kind == SQLITE_CONN_SYNCED_WRITER ? sqlite_vfs_gathering() : NULL;
  int rc = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);
  if (rc == SQLITE_OK)
    rc = sqlite3_extended_result_codes(c->db, 1);
  if (rc == SQLITE_OK)
    rc = sqlite3_busy_timeout(c->db, CONN_BUSY_MS);
  if (rc == SQLITE_OK) /* only the writer carries the log over, once all is well */
    rc = sqlite_conn_checkpoint_on_close(c, false);
  int code = rc == SQLITE_OK ? 0 : sqlite_fail(c, rc, err);
  if (code == 0 && kind == SQLITE_CONN_READER) /* reads go forward: little is read twice */
    code = sqlite_exec(c, "PRAGMA query_only=1; PRAGMA cache_size=-2048; PRAGMA temp_store=MEMORY",
                       err);
  if (code != 0)
    sqlite_conn_close(c);
  return code;
}

void sqlite_conn_close(struct sqlite_conn *c) {
  for (int i = 0; i < SQL_COUNT; i++)
    sqlite3_finalize(c->stmts[i]);
  sqlite3_close(c->db);
  *c = (struct sqlite_conn){.path = c->path};
}
