/*
 * sqlite_sweep: what is taken away. A trim or a remove only says so in the stream's row, and notes
 * larger remains as garbage; `collect` deletes those a little at a time. On the writer thread.
 */
#include "server/store/sqlite.h"
#include <string.h>
#include <time.h>

#define TRIM_INLINE_EVENTS 256 /* deleted at once; more becomes garbage */
#define SLICE_NS 2000000       /* research: 2 ms between batches keep appends going */
#define SLICE_EVENTS 1000
#define CHUNK_EVENTS 125
#define EXPIRED_LOOKS 64

/* ---- trim ---- */

/* How far to go from row->base_id, and what that frees. Never takes the newest. */
static int measure(struct sqlite_conn *c, struct store_row *row, int64_t count, int64_t bytes,
                   struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  int code = sqlite_stmt(c, SQL_SIZES, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  sqlite3_bind_int64(stmt, 2, row->base_id);
  sqlite3_bind_int64(stmt, 3, row->last_id);
  while ((count > 0 || bytes > 0) && (code = sqlite_step(c, stmt, &has_row, err)) == 0 && has_row) {
    int64_t size = sqlite3_column_int64(stmt, 1);
    row->base_id = sqlite3_column_int64(stmt, 0);
    row->bytes -= size;
    bytes -= size;
    count--;
  }
  sqlite3_reset(stmt);
  return code;
}

static int drop_events(struct sqlite_conn *c, int64_t key, int64_t after, int64_t to,
                       struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_DROP_EVENTS, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, key);
  sqlite3_bind_int64(stmt, 2, after);
  sqlite3_bind_int64(stmt, 3, to);
  return sqlite_run(c, stmt, err);
}

static int add_garbage(struct sqlite_conn *c, int64_t key, int64_t upto, bool whole,
                       struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_ADD_GARBAGE, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, key);
  sqlite3_bind_int64(stmt, 2, upto);
  sqlite3_bind_int64(stmt, 3, whole);
  return sqlite_run(c, stmt, err);
}

static int set_stats(struct sqlite_conn *c, const struct store_row *row, struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_SET_STATS, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  sqlite3_bind_int64(stmt, 2, row->base_id);
  sqlite3_bind_int64(stmt, 3, row->last_id);
  sqlite3_bind_int64(stmt, 4, row->bytes);
  return sqlite_run(c, stmt, err);
}

int sqlite_trim(struct store_engine *base, struct store_row *row, int64_t count, int64_t bytes,
                struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  int64_t before = row->base_id;
  int code = measure(c, row, count, bytes, err);
  if (code == 0 && row->base_id - before <= TRIM_INLINE_EVENTS)
    code = drop_events(c, row->key, before, row->base_id, err);
  else if (code == 0)
    code = add_garbage(c, row->key, row->base_id, false, err);
  return code == 0 ? set_stats(c, row, err) : code;
}

/* ---- remove ---- */

int sqlite_remove(struct store_engine *base, const struct store_row *row, struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_REMOVE, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, row->key);
  code = sqlite_run(c, stmt, err);
  return code == 0 ? add_garbage(c, row->key, row->last_id, true, err) : code;
}

/* ---- expiry ---- */

static int64_t last_event_ms(struct sqlite_conn *c, int64_t key, int64_t otherwise, int *code,
                             struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row = false;
  *code = sqlite_stmt(c, SQL_LAST_EVENT, &stmt, err);
  if (*code != 0)
    return 0;
  sqlite3_bind_int64(stmt, 1, key);
  *code = sqlite_step(c, stmt, &has_row, err);
  int64_t ms = *code == 0 && has_row ? sqlite3_column_int64(stmt, 1) : otherwise;
  sqlite3_reset(stmt);
  return ms;
}

static int set_idle(struct sqlite_conn *c, int64_t key, int64_t ms, struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_SET_IDLE, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, key);
  sqlite3_bind_int64(stmt, 2, ms);
  return sqlite_run(c, stmt, err);
}

struct idle {
  int64_t key, ms;
  char request_id[CWS_REQUEST_ID_MAX + 1];
};

/* Those that seem idle for longest. */
static int list_idlest(struct sqlite_conn *c, int64_t cutoff_ms, size_t limit, struct idle *out,
                       size_t *count, struct cws_error *err) {
  sqlite3_stmt *stmt;
  bool has_row;
  *count = 0;
  int code = sqlite_stmt(c, SQL_IDLEST, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, cutoff_ms);
  sqlite3_bind_int64(stmt, 2, (int64_t)limit);
  while ((code = sqlite_step(c, stmt, &has_row, err)) == 0 && has_row) {
    struct idle *idle = &out[(*count)++];
    idle->key = sqlite3_column_int64(stmt, 0);
    sqlite_column_str(stmt, 1, idle->request_id, sizeof(idle->request_id));
    idle->ms = sqlite3_column_int64(stmt, 2);
  }
  sqlite3_reset(stmt);
  return code;
}

/* One that is not idle is moved to where it belongs. */
static int look_at(struct sqlite_conn *c, const struct idle *idle, int64_t cutoff_ms,
                   bool *is_expired, struct cws_error *err) {
  int code;
  int64_t ms = last_event_ms(c, idle->key, idle->ms, &code, err);
  *is_expired = ms <= cutoff_ms;
  return code != 0 || *is_expired ? code : set_idle(c, idle->key, ms, err);
}

int sqlite_list_expired(struct store_engine *base, int64_t cutoff_ms, size_t limit,
                        char request_ids[][CWS_REQUEST_ID_MAX + 1], size_t *count, bool *more,
                        struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  struct idle idlest[EXPIRED_LOOKS];
  size_t looks = 0;
  limit = limit < EXPIRED_LOOKS ? limit : EXPIRED_LOOKS;
  *count = 0;
  int code = list_idlest(c, cutoff_ms, limit, idlest, &looks, err);
  *more = looks == limit;
  for (size_t i = 0; code == 0 && i < looks; i++) {
    bool is_expired;
    code = look_at(c, &idlest[i], cutoff_ms, &is_expired, err);
    if (code == 0 && is_expired)
      memcpy(request_ids[(*count)++], idlest[i].request_id, sizeof(idlest[i].request_id));
  }
  return code;
}

/* ---- garbage ---- */

struct garbage {
  int64_t key, upto;
  bool whole;
};

static int next_garbage(struct sqlite_conn *c, struct garbage *out, bool *found,
                        struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_GARBAGE, &stmt, err);
  if (code != 0)
    return code;
  code = sqlite_step(c, stmt, found, err);
  if (code != 0)
    return code;
  *out = (struct garbage){
      .key = sqlite3_column_int64(stmt, 0),
      .upto = sqlite3_column_int64(stmt, 1),
      .whole = sqlite3_column_int(stmt, 2) != 0,
  };
  sqlite3_reset(stmt);
  return 0;
}

static int drop_garbage(struct sqlite_conn *c, int64_t key, struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_DROP_GARBAGE, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, key);
  return sqlite_run(c, stmt, err);
}

static int collect_events(struct sqlite_conn *c, const struct garbage *g, struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_COLLECT_EVENTS, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, g->key);
  sqlite3_bind_int64(stmt, 2, g->upto);
  sqlite3_bind_int64(stmt, 3, CHUNK_EVENTS);
  return sqlite_run(c, stmt, err);
}

static int collect_positions(struct sqlite_conn *c, const struct garbage *g,
                             struct cws_error *err) {
  sqlite3_stmt *stmt;
  int code = sqlite_stmt(c, SQL_COLLECT_POSITIONS, &stmt, err);
  if (code != 0)
    return code;
  sqlite3_bind_int64(stmt, 1, g->key);
  sqlite3_bind_int64(stmt, 2, CHUNK_EVENTS);
  return sqlite_run(c, stmt, err);
}

/* Deletes a little of it: its events, then its positions, then the note of it. */
static int collect_chunk(struct sqlite_conn *c, const struct garbage *g, int *deleted,
                         struct cws_error *err) {
  int code = collect_events(c, g, err);
  *deleted = code == 0 ? sqlite3_changes(c->db) : 0;
  if (code == 0 && *deleted == 0 && g->whole) {
    code = collect_positions(c, g, err);
    *deleted = code == 0 ? sqlite3_changes(c->db) : 0;
  }
  if (code == 0 && *deleted == 0)
    code = drop_garbage(c, g->key, err);
  return code;
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int sqlite_collect(struct store_engine *base, bool *more, struct cws_error *err) {
  struct sqlite_conn *c = &sqlite_engine_of(base)->writer;
  int64_t until_ns = now_ns() + SLICE_NS;
  int code = 0;
  *more = true;
  for (int n = 0; code == 0 && *more && n < SLICE_EVENTS && now_ns() < until_ns; n++) {
    struct garbage g;
    int deleted = 0;
    code = next_garbage(c, &g, more, err);
    if (code == 0 && *more)
      code = collect_chunk(c, &g, &deleted, err);
    n += deleted;
  }
  return code;
}
