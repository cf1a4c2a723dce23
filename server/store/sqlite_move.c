/* sqlite_move: see sqlite_move.h. The copying is sqlite_maintain.c's. */
#include "server/store/sqlite_move.h"

#include "lib/core/err.h"
#include "server/store/sqlite.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the source ---- */

int sqlite_source_open(struct sqlite_source *src, const char *path, struct cws_error *err) {
  char *absolute;
  *src = (struct sqlite_source){.path = path, .lock_fd = -1};
  int code = sqlite_files_path(path, &absolute, err);
  if (code != 0)
    return code;
  if (access(absolute, R_OK) != 0)
    code = err_set_sys(err, errno == ENOENT ? CWS_ENOTFOUND : CWS_ESTORE, errno,
                       "cannot open the store '%s'", path);
  else
    code = sqlite_files_lock(absolute, &src->lock_fd, err);
  free(absolute);
  return code;
}

void sqlite_source_close(struct sqlite_source *src) {
  sqlite_files_unlock(src->lock_fd);
  src->lock_fd = -1;
}

int sqlite_source_note(const struct sqlite_source *src, const char *kind, struct sqlite_note *out,
                       bool *has_it, struct cws_error *err) {
  return sqlite_peek_note(src->path, kind, out, has_it, err);
}

/* ---- the new file ---- */

static int write_note(struct sqlite_conn *to, const struct sqlite_note *note,
                      struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(to, SQL_SET_NOTE, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, note->kind);
  sqlite_bind_str(stmt, 2, note->name);
  sqlite3_bind_int64(stmt, 3, note->value);
  sqlite3_bind_int64(stmt, 4, note->at);
  return sqlite_run(to, stmt, err);
}

static int write_notes(struct sqlite_conn *to, const struct sqlite_move *move,
                       struct cws_error *err) {
  int code = sqlite_exec(to, "DELETE FROM notes", err);
  for (size_t i = 0; code == 0 && i < move->note_count; i++)
    code = write_note(to, &move->notes[i], err);
  return code;
}

/* A source that is itself a copy that no hub has opened does not have what came after; but for one
 * of a log, which says where it is, so that the caller knows. */
static int settle_epochs(struct sqlite_conn *to, const struct sqlite_move *move,
                         struct cws_error *err) {
  int64_t is_copy = 0, is_state = 0;
  if (!move->has_all)
    return sqlite_set_meta(to, SQLITE_META_IS_COPY, 1, err); /* sqlite_open.c does the rest */
  int code = sqlite_get_meta(to, SQLITE_META_IS_COPY, &is_copy, err);
  if (code == 0)
    code =
        sqlite_query_int(to, "SELECT EXISTS(SELECT 1 FROM notes WHERE kind='log')", &is_state, err);
  if (code != 0 || !is_copy)
    return code;
  return is_state ? sqlite_set_meta(to, SQLITE_META_IS_COPY, 0, err) : sqlite_renew_epochs(to, err);
}

static int finish(struct sqlite_conn *to, void *user, struct cws_error *err) {
  const struct sqlite_move *move = user;
  int from;
  int code = sqlite_schema_migrate(to, sqlite_migrations, sqlite_migration_count, &from, err);
  if (code == 0)
    code = settle_epochs(to, move, err);
  if (code == 0)
    code = write_notes(to, move, err);
  if (code == 0 && move->confirm != NULL)
    code = move->confirm(move->user, err);
  return code;
}

int sqlite_move_to(const struct sqlite_source *src, const char *file,
                   const struct sqlite_move *move, struct cws_error *err) {
  return sqlite_copy(src->path, file, finish, (void *)move, err);
}
