/*
 * sqlite_read: reads, each on a connection of the pool, within one read transaction that ends
 * before the answer is used: a reader that stays keeps the log from being carried over.
 */
#include "lib/core/err.h"
#include "server/store/page.h"
#include "server/store/sqlite.h"
#include <stdlib.h>
#include <string.h>

/* A reading connection that stands at the stream; given back where it fails. */
static int take_at(struct store_engine *base, const char *request_id, struct sqlite_conn **c,
                   struct store_row *row, struct cws_error *err) {
  struct sqlite_engine *e = sqlite_engine_of(base);
  int code = sqlite_pool_take(e, c, err);
  if (code != 0)
    return code;
  code = sqlite_row_find(*c, request_id, false, row, err);
  if (code != 0)
    sqlite_pool_give(e, *c);
  return code == CWS_EUNKNOWNREQUEST ? err_set(err, code, NULL) : code;
}

/* ---- info and list ---- */

/* From a row of SQLITE_INFO_COLUMNS. */
static int fill_info(struct sqlite_conn *c, sqlite3_stmt *stmt, struct store_info *out,
                     struct cws_error *err) {
  struct store_row row;
  int code = sqlite_row_read(c, stmt, true, &row, err);
  if (code != 0)
    return code;
  *out = (struct store_info){
      .first_id = row.base_id + 1,
      .last_id = row.last_id,
      .count = row.last_id - row.base_id,
      .bytes = row.bytes,
      .created_ms = sqlite3_column_int64(stmt, 7),
      .updated_ms = row.updated_ms,
      .summary_id = sqlite3_column_int64(stmt, 8),
  };
  memcpy(out->epoch, row.epoch, sizeof(out->epoch));
  sqlite_column_str(stmt, 5, out->request_id, sizeof(out->request_id));
  sqlite_column_str(stmt, 6, out->owner, sizeof(out->owner));
  const char *summary = (const char *)sqlite3_column_text(stmt, 9);
  if (summary == NULL)
    return 0;
  out->summary = strdup(summary);
  return out->summary != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

static int info_in(struct sqlite_conn *c, const char *request_id, struct store_info *out,
                   struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_INFO, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, request_id);
  code = sqlite_step(c, stmt, &has_row, err);
  if (code != 0)
    return code;
  code = has_row ? fill_info(c, stmt, out, err) : err_set(err, CWS_EUNKNOWNREQUEST, NULL);
  sqlite3_reset(stmt);
  return code;
}

int sqlite_info(struct store_engine *base, const char *request_id, struct store_info *out,
                struct cws_error *err) {
  struct sqlite_conn *c;
  int code = sqlite_pool_take(sqlite_engine_of(base), &c, err);
  if (code != 0)
    return code;
  code = info_in(c, request_id, out, err);
  sqlite_pool_give(sqlite_engine_of(base), c);
  return code;
}

static int list_in(struct sqlite_conn *c, int64_t before_ms, const char *before_id, size_t limit,
                   struct store_info *out, size_t *count, struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, before_id != NULL ? SQL_LIST_BEFORE : SQL_LIST, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, (int64_t)limit);
  if (before_id != NULL) {
    sqlite3_bind_int64(stmt, 2, before_ms);
    sqlite_bind_str(stmt, 3, before_id);
  }
  bool has_row;
  while ((code = sqlite_step(c, stmt, &has_row, err)) == 0 && has_row) {
    code = fill_info(c, stmt, &out[*count], err);
    if (code != 0)
      break;
    ++*count;
  }
  sqlite3_reset(stmt);
  return code;
}

int sqlite_list(struct store_engine *base, int64_t before_ms, const char *before_id, size_t limit,
                struct store_info *out, size_t *count, struct cws_error *err) {
  struct sqlite_conn *c;
  *count = 0;
  int code = sqlite_pool_take(sqlite_engine_of(base), &c, err);
  if (code != 0)
    return code;
  code = list_in(c, before_ms, before_id, limit, out, count, err);
  sqlite_pool_give(sqlite_engine_of(base), c);
  return code;
}

/* ---- events ---- */

static size_t column_len(sqlite3_stmt *stmt, int column) {
  return (size_t)sqlite3_column_bytes(stmt, column);
}

/* The columns of SQL_READ. Pointers first, lengths after: SQLite's own order of asking. */
static void read_event(sqlite3_stmt *stmt, int64_t key, struct sqlite_event *ev) {
  *ev = (struct sqlite_event){
      .stream_id = key,
      .message_id = sqlite3_column_int64(stmt, 0),
      .committed_ms = sqlite3_column_int64(stmt, 1),
      .type = (const char *)sqlite3_column_text(stmt, 2),
      .timestamp = (const char *)sqlite3_column_text(stmt, 3),
      .event_id = (const char *)sqlite3_column_text(stmt, 4),
      .fingerprint = (uint64_t)sqlite3_column_int64(stmt, 5),
      .data = sqlite3_column_blob(stmt, 7),
  };
  ev->type_len = column_len(stmt, 2);
  ev->timestamp_len = column_len(stmt, 3);
  ev->event_id_len = column_len(stmt, 4);
  ev->data_len = column_len(stmt, 7);
  if (ev->data == NULL)
    ev->data = "";
}

static int add_event(struct page_builder *b, const struct sqlite_event *ev) {
  struct page_event out = {
      .type = ev->type,
      .type_len = ev->type_len,
      .timestamp = ev->timestamp,
      .timestamp_len = ev->timestamp_len,
      .event_id = ev->event_id,
      .event_id_len = ev->event_id_len,
      .data = ev->data,
      .data_len = ev->data_len,
      .message_id = ev->message_id,
  };
  return page_builder_add(b, &out);
}

struct reading {
  const char *request_id;
  int64_t key, next_id;
  struct page_builder page;
  bool more;
};

static int damaged(const struct reading *r, const char *what, struct cws_error *err) {
  return err_set(err, CWS_ECORRUPT, "message %lld of request '%s' is %s in the store",
                 (long long)r->next_id, r->request_id, what);
}

/* One row: checks it and adds it to the page. */
static int read_row(struct reading *r, sqlite3_stmt *stmt, struct cws_error *err) {
  struct sqlite_event ev;
  read_event(stmt, r->key, &ev);
  if (!page_builder_fits(&r->page, ev.data_len)) {
    r->more = true;
    return 0;
  }
  if (ev.message_id != r->next_id)
    return damaged(r, "missing", err);
  if (ev.type == NULL || ev.timestamp == NULL ||
      sqlite_event_crc(&ev) != (uint32_t)sqlite3_column_int64(stmt, 6))
    return damaged(r, "damaged", err);
  if (add_event(&r->page, &ev) != 0)
    return err_set(err, CWS_ENOMEM, NULL);
  r->next_id++;
  return 0;
}

static int read_rows(struct reading *r, struct sqlite_conn *c, int64_t to, struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row = true;
  int code = sqlite_stmt(c, SQL_READ, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, r->key);
  sqlite3_bind_int64(stmt, 2, r->next_id - 1);
  sqlite3_bind_int64(stmt, 3, to);
  while (code == 0 && !r->more && r->next_id <= to) {
    code = sqlite_step(c, stmt, &has_row, err);
    if (code == 0)
      code = has_row ? read_row(r, stmt, err) : damaged(r, "missing", err);
  }
  sqlite3_reset(stmt);
  return code;
}

int sqlite_read(struct store_engine *base, const char *request_id, const struct store_range *range,
                struct store_page **out, struct cws_error *err) {
  struct sqlite_conn *c;
  struct store_row row;
  int code = take_at(base, request_id, &c, &row, err);
  if (code != 0)
    return code;
  struct reading r = {.request_id = request_id, .key = row.key};
  r.next_id = (range->after > row.base_id ? range->after : row.base_id) + 1;
  page_builder_init(&r.page, range);
  int64_t to = range->to > 0 && range->to < row.last_id ? range->to : row.last_id;
  code = read_rows(&r, c, to, err);
  sqlite_pool_give(sqlite_engine_of(base), c);
  if (code == 0 && page_builder_take(&r.page, r.more, out) != 0)
    code = err_set(err, CWS_ENOMEM, NULL);
  if (code == 0)
    memcpy((*out)->epoch, row.epoch, sizeof(row.epoch));
  page_builder_finish(&r.page);
  return code;
}

/* ---- positions ---- */

static int position_in(struct sqlite_conn *c, int64_t key, const char *subscriber,
                       int64_t *message_id, struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_POSITION, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, key);
  sqlite_bind_str(stmt, 2, subscriber);
  code = sqlite_step(c, stmt, &has_row, err);
  if (code != 0)
    return code;
  *message_id = has_row ? sqlite3_column_int64(stmt, 0) : 0;
  sqlite3_reset(stmt);
  return 0;
}

int sqlite_position(struct store_engine *base, const char *request_id, const char *subscriber,
                    char epoch[CWS_EPOCH_MAX + 1], int64_t *message_id, struct cws_error *err) {
  struct sqlite_conn *c;
  struct store_row row;
  int code = take_at(base, request_id, &c, &row, err);
  if (code != 0)
    return code;
  memcpy(epoch, row.epoch, sizeof(row.epoch));
  code = position_in(c, row.key, subscriber, message_id, err);
  sqlite_pool_give(sqlite_engine_of(base), c);
  return code;
}

static int positions_in(struct sqlite_conn *c, int64_t key, struct store_position **out,
                        size_t *count, struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  size_t cap = 0;
  int code = sqlite_stmt(c, SQL_POSITIONS, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, key);
  while ((code = sqlite_step(c, stmt, &has_row, err)) == 0 && has_row) {
    if (*count == cap) {
      struct store_position *wider = realloc(*out, (cap * 2 + 8) * sizeof(*wider));
      if (wider == NULL) {
        code = err_set(err, CWS_ENOMEM, NULL);
        break;
      }
      *out = wider;
      cap = cap * 2 + 8;
    }
    struct store_position *pos = &(*out)[(*count)++];
    sqlite_column_str(stmt, 0, pos->subscriber, sizeof(pos->subscriber));
    pos->message_id = sqlite3_column_int64(stmt, 1);
    pos->updated_ms = sqlite3_column_int64(stmt, 2);
  }
  sqlite3_reset(stmt);
  return code;
}

int sqlite_positions(struct store_engine *base, const char *request_id,
                     char epoch[CWS_EPOCH_MAX + 1], struct store_position **out, size_t *count,
                     struct cws_error *err) {
  struct sqlite_conn *c;
  struct store_row row;
  int code = take_at(base, request_id, &c, &row, err);
  if (code != 0)
    return code;
  memcpy(epoch, row.epoch, sizeof(row.epoch));
  *out = NULL;
  *count = 0;
  code = positions_in(c, row.key, out, count, err);
  sqlite_pool_give(sqlite_engine_of(base), c);
  if (code != 0) {
    free(*out);
    *out = NULL;
  }
  return code;
}
