/*
 * sqlite_write: transactions, and what is put in: streams, events, summaries, positions. On the
 * store's writer thread, on the one connection that writes.
 */
#include "lib/core/err.h"
#include "lib/core/log.h"
#include "server/store/sqlite.h"
#include <errno.h>
#include <string.h>

#define WAL_CHECKPOINT_FRAMES 2000 /* new ones; research: more gains little and costs p99 */
#define WAL_RESTART_FRAMES 16000   /* 64 MiB: readers must let go of it now */
#define FREE_PAGES_ENOUGH 2048     /* 8 MiB within the file: appends need no room outside */

/* ---- transactions ---- */

int sqlite_begin(struct store_engine *base, struct cws_error *err) {
  return sqlite_do(&sqlite_engine_of(base)->writer, SQL_BEGIN_WRITE, err);
}

static bool is_full(struct sqlite_engine *e) {
  int rc = sqlite3_extended_errcode(e->writer.db);
  return (rc & 0xff) == SQLITE_FULL || sqlite3_system_errno(e->writer.db) == ENOSPC;
}

/* On a full disk even a delete needs room: the log grows. */
static void make_room_if_full(struct sqlite_engine *e) {
  if (!e->has_ballast || !is_full(e))
    return;
  sqlite_ballast_drop(e->path);
  e->has_ballast = false;
  log_warn(e->log, "store: the disk is full: '%s.ballast' removed so that old events can go",
           e->path);
}

/* Some failures have rolled back by themselves. */
static void end_transaction(struct sqlite_engine *e) {
  if (!sqlite3_get_autocommit(e->writer.db))
    sqlite_do(&e->writer, SQL_ROLLBACK, NULL);
}

/* A write or fsync that failed may have left the frames of this transaction in the log; they count
 * if the next thing to happen is a crash. A disk that was full when they were written cut them
 * short. */
int sqlite_commit(struct store_engine *base, struct cws_error *err) {
  struct sqlite_engine *e = sqlite_engine_of(base);
  struct cws_error why = {0};
  int code = sqlite_do(&e->writer, SQL_COMMIT, &why);
  if (code == 0)
    return 0;
  bool may_stand = (sqlite3_errcode(e->writer.db) & 0xff) == SQLITE_IOERR;
  make_room_if_full(e);
  end_transaction(e);
  return err_set(err, may_stand ? CWS_EUNKNOWNOUTCOME : code, "%s", why.message);
}

void sqlite_rollback(struct store_engine *base) {
  struct sqlite_engine *e = sqlite_engine_of(base);
  make_room_if_full(e);
  end_transaction(e);
}

/* ---- streams ---- */

int sqlite_find(struct store_engine *base, const char *request_id, struct store_row *out,
                struct cws_error *err) {
  int code = sqlite_row_find(&sqlite_engine_of(base)->writer, request_id, true, out, err);
  return code == CWS_EUNKNOWNREQUEST ? err_set(err, code, NULL) : code;
}

int sqlite_each_event_id(struct store_engine *base, const struct store_row *row,
                         store_event_id_fn *fn, void *user, struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_EVENT_IDS, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  sqlite3_bind_int64(stmt, 2, row->base_id);
  while ((code = sqlite_step(c, stmt, &has_row, err)) == 0 && has_row) {
    const char *id = (const char *)sqlite3_column_text(stmt, 0);
    if (id == NULL)
      code = err_set(err, CWS_ENOMEM, NULL);
    else
      code = fn(id, (size_t)sqlite3_column_bytes(stmt, 0), (uint64_t)sqlite3_column_int64(stmt, 1),
                sqlite3_column_int64(stmt, 2), user);
    if (code != 0)
      break;
  }
  sqlite3_reset(stmt);
  return code;
}

int sqlite_create(struct store_engine *base, const struct store_birth *birth, struct store_row *row,
                  struct cws_error *err) {
  struct sqlite_engine *e = sqlite_engine_of(base);
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(&e->writer, SQL_CREATE, &stmt, err);
  if (code != 0)
    return code;
  *row = (struct store_row){.key = e->next_key++, .updated_ms = birth->created_ms};
  strncpy(row->epoch, birth->epoch, sizeof(row->epoch) - 1);
  sqlite3_bind_int64(stmt, 1, row->key);
  sqlite_bind_str(stmt, 2, birth->request_id);
  sqlite_bind_str(stmt, 3, birth->epoch);
  sqlite_bind_str(stmt, 4, birth->owner);
  sqlite3_bind_int64(stmt, 5, birth->created_ms);
  return sqlite_run(&e->writer, stmt, err);
}

/* ---- events ---- */

static void bind_event(sqlite3_stmt *stmt, const struct sqlite_event *ev) {
  sqlite3_bind_int64(stmt, 1, ev->stream_id);
  sqlite3_bind_int64(stmt, 2, ev->message_id);
  sqlite3_bind_int64(stmt, 3, ev->committed_ms);
  sqlite3_bind_text(stmt, 4, ev->type, (int)ev->type_len, SQLITE_STATIC);
  sqlite3_bind_text(stmt, 5, ev->timestamp, (int)ev->timestamp_len, SQLITE_STATIC);
  if (ev->event_id != NULL) {
    sqlite3_bind_text(stmt, 6, ev->event_id, (int)ev->event_id_len, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 7, (int64_t)ev->fingerprint);
  } else {
    sqlite3_bind_null(stmt, 6);
    sqlite3_bind_null(stmt, 7);
  }
  sqlite3_bind_int64(stmt, 8, sqlite_event_crc(ev));
  sqlite3_bind_blob64(stmt, 9, ev->data, ev->data_len, SQLITE_STATIC);
}

int sqlite_add(struct store_engine *base, const struct store_row *row,
               const struct store_event *event, int64_t now_ms, struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_ADD, &stmt, err);
  if (code != 0)
    return code;
  struct sqlite_event ev = {
      .stream_id = row->key,
      .message_id = event->message_id,
      .committed_ms = now_ms,
      .type = event->type,
      .type_len = strlen(event->type),
      .timestamp = event->timestamp,
      .timestamp_len = strlen(event->timestamp),
      .event_id = event->event_id,
      .event_id_len = event->event_id != NULL ? strlen(event->event_id) : 0,
      .fingerprint = event->fingerprint,
      .data = event->data_len > 0 ? event->data : "",
      .data_len = event->data_len,
  };
  bind_event(stmt, &ev);
  return sqlite_run(c, stmt, err);
}

/* ---- summaries and positions ---- */

int sqlite_set_summary(struct store_engine *base, const struct store_row *row, int64_t message_id,
                       const char *json, struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_SET_SUMMARY, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  sqlite3_bind_int64(stmt, 2, row->last_id);
  sqlite3_bind_int64(stmt, 3, row->bytes);
  sqlite3_bind_int64(stmt, 4, message_id);
  sqlite_bind_str(stmt, 5, json);
  return sqlite_run(c, stmt, err);
}

int sqlite_set_position(struct store_engine *base, const struct store_row *row,
                        const char *subscriber, int64_t message_id, int64_t now_ms,
                        struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_SET_POSITION, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  sqlite_bind_str(stmt, 2, subscriber);
  sqlite3_bind_int64(stmt, 3, message_id);
  sqlite3_bind_int64(stmt, 4, now_ms);
  return sqlite_run(c, stmt, err);
}

int sqlite_renew(struct store_engine *base, const struct store_row *row, const char *epoch,
                 int64_t first_id, struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_SET_EPOCH, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  sqlite_bind_str(stmt, 2, epoch);
  code = sqlite_run(c, stmt, err);
  if (code == 0)
    code = sqlite_stmt(c, SQL_CUT_POSITIONS, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  sqlite3_bind_int64(stmt, 2, first_id - 1);
  return sqlite_run(c, stmt, err);
}

/* ---- upkeep ---- */

/* A failed checkpoint loses nothing: the log just stays, and is tried again. */
void sqlite_tidy(struct store_engine *base) {
  struct sqlite_engine *e = sqlite_engine_of(base);
  if (e->wal_frames < e->wal_checkpointed)
    e->wal_checkpointed = 0; /* the log began anew */
  if (e->wal_frames - e->wal_checkpointed < WAL_CHECKPOINT_FRAMES)
    return;
  int mode =
      e->wal_frames < WAL_RESTART_FRAMES ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_RESTART;
  sqlite3_wal_checkpoint_v2(e->writer.db, NULL, mode, NULL, NULL);
  e->wal_checkpointed = e->wal_frames;
}

static bool has_free_pages(struct sqlite_engine *e) {
  int64_t pages;
  return sqlite_query_int(&e->writer, "PRAGMA freelist_count", &pages, NULL) == 0 &&
         pages >= FREE_PAGES_ENOUGH;
}

/* The ballast finding its place again is the sign that there is room. */
int sqlite_probe(struct store_engine *base, struct cws_error *err) {
  struct sqlite_engine *e = sqlite_engine_of(base);
  if (!e->has_ballast)
    e->has_ballast = sqlite_ballast_make(e->path);
  if (!e->has_ballast && !has_free_pages(e))
    return err_set(err, CWS_ESTORE, "no space left on the disk for the store '%s'", e->path);
  int code = sqlite_begin(base, err);
  if (code == 0)
    code = sqlite_set_meta(&e->writer, "probe", 1, err);
  if (code == 0)
    return sqlite_commit(base, err);
  sqlite_rollback(base);
  return code;
}
