/*
 * sqlite_row: what the writer and the readers make of stored rows, so that both see the same: a
 * stream's last id and size, which follow from its events, and an event's checksum.
 */
#include "server/store/crc32c.h"
#include "server/store/sqlite.h"
#include <string.h>

/* Moves row->last_id and row->updated_ms to the last event, where there is one. */
static int read_last_event(struct sqlite_conn *c, struct store_row *row, struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_LAST_EVENT, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  code = sqlite_step(c, stmt, &has_row, err);
  if (code != 0)
    return code;
  if (has_row && sqlite3_column_int64(stmt, 0) > row->last_id)
    row->last_id = sqlite3_column_int64(stmt, 0);
  if (has_row)
    row->updated_ms = sqlite3_column_int64(stmt, 1);
  sqlite3_reset(stmt);
  return 0;
}

static int add_sizes(struct sqlite_conn *c, struct store_row *row, int64_t after,
                     struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_SUM_SIZES, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  sqlite3_bind_int64(stmt, 2, after);
  code = sqlite_step(c, stmt, &has_row, err);
  if (code != 0)
    return code;
  row->bytes += sqlite3_column_int64(stmt, 0);
  sqlite3_reset(stmt);
  return 0;
}

int sqlite_row_read(struct sqlite_conn *c, sqlite3_stmt *stmt, bool has_size, struct store_row *out,
                    struct cws_error *err) {
  *out = (struct store_row){
      .key = sqlite3_column_int64(stmt, 0),
      .base_id = sqlite3_column_int64(stmt, 2),
      .bytes = sqlite3_column_int64(stmt, 4),
  };
  sqlite_column_str(stmt, 1, out->epoch, sizeof(out->epoch));
  int64_t stats_id = sqlite3_column_int64(stmt, 3);
  if (stats_id < out->base_id)
    stats_id = out->base_id;
  out->last_id = stats_id; /* ids never go back, whatever happened to the events */
  int code = read_last_event(c, out, err);
  if (code == 0 && has_size && out->last_id > stats_id)
    code = add_sizes(c, out, stats_id, err);
  return code;
}

int sqlite_row_find(struct sqlite_conn *c, const char *request_id, bool has_size,
                    struct store_row *out, struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_FIND, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, request_id);
  code = sqlite_step(c, stmt, &has_row, err);
  if (code != 0)
    return code;
  code = has_row ? sqlite_row_read(c, stmt, has_size, out, err) : CWS_EUNKNOWNREQUEST;
  sqlite3_reset(stmt);
  return code;
}

/* ---- events ---- */

static uint32_t add_int(uint32_t crc, uint64_t value) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; i++)
    bytes[i] = (uint8_t)(value >> (8 * i));
  return crc32c(crc, bytes, sizeof(bytes));
}

/* Each length goes before its bytes, so that none can move from one field to the next unnoticed. */
static uint32_t add_bytes(uint32_t crc, const void *bytes, size_t len) {
  return crc32c(add_int(crc, len), bytes, len);
}

uint32_t sqlite_event_crc(const struct sqlite_event *ev) {
  uint32_t crc = add_int(0, (uint64_t)ev->stream_id);
  crc = add_int(crc, (uint64_t)ev->message_id);
  crc = add_int(crc, (uint64_t)ev->committed_ms);
  crc = add_bytes(crc, ev->type, ev->type_len);
  crc = add_bytes(crc, ev->timestamp, ev->timestamp_len);
  if (ev->event_id != NULL) {
    crc = add_bytes(crc, ev->event_id, ev->event_id_len);
    crc = add_int(crc, ev->fingerprint);
  }
  return add_bytes(crc, ev->data, ev->data_len);
}
