/* hub_world: see hub_world.h. */
#include "tests/fault/support/hub_world.h"

#include "tests/unit/support/live_hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

void hub_world_make(struct hub_world *w) {
  *w = (struct hub_world){0};
  mounted_make(&w->disk);
  const char *path = w->disk.folder.path;
  temp_folder_write(&w->disk.folder, "secret", LIVE_SECRET);
  snprintf(w->socket, sizeof w->socket, "unix:%s/hub.sock", path);
  snprintf(w->secret, sizeof w->secret, "%s/secret", path);
  snprintf(w->log, sizeof w->log, "%s/log", path);
  w->token = live_token_all();
  ledger_init(&w->ledger);
}

void hub_world_remove(struct hub_world *w) {
  if (w->hub.pid != 0) {
    kill(w->hub.pid, SIGKILL);
    waitpid(w->hub.pid, NULL, 0);
  }
  ledger_finish(&w->ledger);
  free(w->token);
  mounted_remove(&w->disk);
}

static sqlite3_stmt *first_row(sqlite3 *db, const char *sql) {
  sqlite3_stmt *stmt;
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
  int rc = sqlite3_step(stmt);
  assert_true(rc == SQLITE_ROW || rc == SQLITE_DONE);
  return stmt;
}

void hub_world_check_file(const char *path) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  sqlite3_stmt *stmt = first_row(db, "PRAGMA integrity_check");
  assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
  sqlite3_finalize(stmt);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int64_t hub_world_query(const char *path, const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  sqlite3_stmt *stmt = first_row(db, sql);
  int64_t out = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return out;
}
