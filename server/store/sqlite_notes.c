/*
 * sqlite_notes: small facts that the front keeps with the state. On the store's writer thread, but
 * for sqlite_read_notes, which reads as others do.
 */
#include "lib/core/err.h"
#include "server/store/sqlite.h"

int sqlite_set_note(struct store_engine *base, const char *kind, const char *name, int64_t value,
                    int64_t at, struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_SET_NOTE, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, kind);
  sqlite_bind_str(stmt, 2, name);
  sqlite3_bind_int64(stmt, 3, value);
  sqlite3_bind_int64(stmt, 4, at);
  return sqlite_run(c, stmt, err);
}

int sqlite_get_note(struct store_engine *base, const char *kind, const char *name, int64_t *value,
                    int64_t *at, struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_GET_NOTE, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, kind);
  sqlite_bind_str(stmt, 2, name);
  code = sqlite_step(c, stmt, &has_row, err);
  if (code != 0)
    return code;
  if (has_row) {
    *value = sqlite3_column_int64(stmt, 0);
    *at = sqlite3_column_int64(stmt, 1);
  }
  sqlite3_reset(stmt);
  return has_row ? 0 : CWS_ENOTFOUND;
}

static int each_in(struct sqlite_conn *c, const char *kind, store_note_fn *fn, void *user,
                   struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_EACH_NOTE, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, kind);
  while ((code = sqlite_step(c, stmt, &has_row, err)) == 0 && has_row) {
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    code = name == NULL
               ? CWS_ENOMEM
               : fn(name, sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2), user);
    if (code != 0)
      break;
  }
  sqlite3_reset(stmt);
  return code == 0 ? 0 : err_set(err, code, NULL);
}

int sqlite_each_note(struct store_engine *base, const char *kind, store_note_fn *fn, void *user,
                     struct cws_error *err) {
  return each_in(&sqlite_engine_of(base)->writer, kind, fn, user, err);
}

int sqlite_read_notes(struct store_engine *base, const char *kind, store_note_fn *fn, void *user,
                      struct cws_error *err) {
  struct sqlite_conn *c;
  int code = sqlite_pool_take(sqlite_engine_of(base), &c, err);
  if (code != 0)
    return code;
  code = each_in(c, kind, fn, user, err);
  sqlite_pool_give(sqlite_engine_of(base), c);
  return code;
}

int sqlite_drop_notes(struct store_engine *base, const char *kind, int64_t before,
                      struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_DROP_NOTES, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, kind);
  sqlite3_bind_int64(stmt, 2, before);
  return sqlite_run(c, stmt, err);
}

int sqlite_is_empty(struct store_engine *base, bool *out, struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_IS_EMPTY, &stmt, err);
  if (code == 0)
    code = sqlite_step(c, stmt, &has_row, err);
  if (code != 0)
    return code;
  *out = sqlite3_column_int(stmt, 0) != 0;
  sqlite3_reset(stmt);
  return 0;
}
