/*
 * sqlite: the inside of the sqlite engine, shared by the files sqlite*.c. One connection writes, on
 * the store's writer thread; a few others read, each by one thread at a time.
 */
#ifndef CWS_STORE_SQLITE_H
#define CWS_STORE_SQLITE_H

#include "server/store/sqlite_move.h"
#include "server/store/sqlite_sql.h"
#include "server/store/store_ops.h"
#include <pthread.h>
#include <sqlite3.h>

#define SQLITE_STORE_APPLICATION_ID 0x63777331 /* "cws1" */
#define SQLITE_STORE_READERS 4                 /* connections */

/* What to do about a damaged file; docs/reliability.md has it at length. Debian 12's sqlite3 has no
 * .recover. */
#define SQLITE_RESCUE "rescue what is left with sqlite3 FILE .recover (or .dump)"

/* ---- sqlite_conn.c: one connection and its statements ---- */

struct sqlite_conn {
  sqlite3 *db;
  const char *path; /* the engine's */
  sqlite3_stmt *stmts[SQL_COUNT];
};

/* A synced writer is one that is set up with PRAGMA synchronous=FULL: what it writes to the log is
 * gathered up to the sync of each commit. */
enum sqlite_conn_kind { SQLITE_CONN_WRITER, SQLITE_CONN_SYNCED_WRITER, SQLITE_CONN_READER };

int sqlite_conn_open(struct sqlite_conn *c, const char *path, enum sqlite_conn_kind kind,
                     struct cws_error *err);
void sqlite_conn_close(struct sqlite_conn *c); /* fine where it is not open */
/* Whether closing carries the log over to the file and removes it. A writer begins without: a file
 * that is found to be damaged is left as it is, its log with it. Returns an SQLite result. */
int sqlite_conn_checkpoint_on_close(struct sqlite_conn *c, bool on);
/* Says what an SQLite result means: CWS_ESTORE, CWS_ECORRUPT, CWS_ENOMEM. */
int sqlite_fail(struct sqlite_conn *c, int rc, struct cws_error *err);
/* Runs SQL text without results. */
int sqlite_exec(struct sqlite_conn *c, const char *sql, struct cws_error *err);
/* The first column of the first row of SQL text, as an integer. */
int sqlite_query_int(struct sqlite_conn *c, const char *sql, int64_t *out, struct cws_error *err);
/* A statement ready to be bound; to be given back with sqlite_run or sqlite3_reset. */
int sqlite_stmt(struct sqlite_conn *c, enum sqlite_sql sql, sqlite3_stmt **out,
                struct cws_error *err);
/* Steps to the end and resets. */
int sqlite_run(struct sqlite_conn *c, sqlite3_stmt *stmt, struct cws_error *err);
/* The same for a statement without arguments. */
int sqlite_do(struct sqlite_conn *c, enum sqlite_sql sql, struct cws_error *err);
/* Steps once: *has_row. On failure it is reset. */
int sqlite_step(struct sqlite_conn *c, sqlite3_stmt *stmt, bool *has_row, struct cws_error *err);
void sqlite_bind_str(sqlite3_stmt *stmt, int at, const char *text); /* NULL is fine */
/* Column text cut to `size`, "" for NULL. */
void sqlite_column_str(sqlite3_stmt *stmt, int column, char *out, size_t size);

int sqlite_get_meta(struct sqlite_conn *c, const char *key, int64_t *value, struct cws_error *err);
int sqlite_set_meta(struct sqlite_conn *c, const char *key, int64_t value, struct cws_error *err);

/* ---- sqlite_schema.c: what the file is and which version it has ---- */

/* Takes a file one version further, within a transaction that the caller holds. */
typedef int sqlite_migration_fn(struct sqlite_conn *c, struct cws_error *err);

/* steps[v] leads from version v to v + 1; an empty file has version 0. */
extern sqlite_migration_fn *const sqlite_migrations[];
extern const int sqlite_migration_count;

/* Says whether the file is a store or empty, without changing it. CWS_ECORRUPT. */
int sqlite_schema_identify(struct sqlite_conn *c, bool *is_new, struct cws_error *err);
/* Brings it to version `count`, in one transaction. CWS_ESTORE for a newer one. *from: what it was.
 */
int sqlite_schema_migrate(struct sqlite_conn *c, sqlite_migration_fn *const steps[], int count,
                          int *from, struct cws_error *err);
/* QUICK: that pages and rows hold together. FULL: that indexes agree with them, too. CWS_ECORRUPT.
 */
enum sqlite_check { SQLITE_CHECK_QUICK, SQLITE_CHECK_FULL };
int sqlite_schema_check(struct sqlite_conn *c, enum sqlite_check how, struct cws_error *err);

#define SQLITE_META_IS_COPY "is_copy" /* 1: made by sqlite_backup, and not opened since */

/* ---- sqlite_files.c: the directory, the lock, the ballast ---- */

/* One text behind the other, to be freed; NULL: memory is out. */
char *sqlite_files_join(const char *a, const char *b);
/* The path for SQLite: absolute, or so written that SQLite takes it for nothing else. */
int sqlite_files_path(const char *path, char **out, struct cws_error *err);
/* Makes the last directory of the path where it is missing. */
int sqlite_files_prepare(const char *path, struct cws_error *err);
/* Locks PATH.lock. CWS_ESTORE names who holds it. */
int sqlite_files_lock(const char *path, int *fd, struct cws_error *err);
void sqlite_files_unlock(int fd); /* -1 is fine */
/* Makes the file itself, readable by its owner only, where it is missing. CWS_ECORRUPT for one that
 * is no database. */
int sqlite_files_create(const char *path, struct cws_error *err);

/* So that a name made in it survives the power. 0 or -1; some file systems cannot. */
int sqlite_files_sync_directory(const char *path);

#define SQLITE_BALLAST_BYTES (8 * 1024 * 1024) /* measured: enough for sweeps on a full disk */

/* Room on the disk that is given up when it is full, so that something can be deleted. */
bool sqlite_ballast_make(const char *path); /* false: there is no room */
void sqlite_ballast_drop(const char *path);

/* ---- the engine ---- */

struct sqlite_pool { /* sqlite_pool.c: reading connections */
  pthread_mutex_t lock;
  pthread_cond_t freed;
  struct sqlite_conn conns[SQLITE_STORE_READERS];
  struct sqlite_conn *idle[SQLITE_STORE_READERS];
  int idle_count, open_count;
};

struct sqlite_engine {
  struct store_engine base; /* first */
  char *path;
  int lock_fd;
  struct log *log;
  struct sqlite_conn writer;
  int64_t next_key;
  int wal_frames, wal_checkpointed; /* in the log; as of the last checkpoint */
  bool has_ballast;
  struct sqlite_pool pool;
};

static inline struct sqlite_engine *sqlite_engine_of(struct store_engine *base) {
  return (struct sqlite_engine *)base;
}

int sqlite_pool_init(struct sqlite_pool *pool);
void sqlite_pool_finish(struct sqlite_pool *pool);
/* A connection with a read transaction open; it sees one committed state until it is given back. */
int sqlite_pool_take(struct sqlite_engine *e, struct sqlite_conn **out, struct cws_error *err);
void sqlite_pool_give(struct sqlite_engine *e, struct sqlite_conn *c);

/* sqlite_open.c */
int sqlite_open(const struct store_options *options, struct store_engine **out,
                struct cws_error *err);
void sqlite_close(struct store_engine *base);
/* Gives every request of a copy a new epoch; then it is none any more. */
int sqlite_renew_epochs(struct sqlite_conn *c, struct cws_error *err);

/* sqlite_row.c: what both sides read of a stream and of an event */

/* From the first five columns of `stmt`, and the events; leaves stmt where it is. Without
 * `has_size` row->bytes is not to be used: all events since it was last written are read for it. */
int sqlite_row_read(struct sqlite_conn *c, sqlite3_stmt *stmt, bool has_size, struct store_row *out,
                    struct cws_error *err);
int sqlite_row_find(struct sqlite_conn *c, const char *request_id, bool has_size,
                    struct store_row *out, struct cws_error *err);

/* What a checksum covers: everything of the row but seq. */
struct sqlite_event {
  int64_t stream_id, message_id, committed_ms;
  const char *type, *timestamp, *event_id; /* event_id may be NULL */
  size_t type_len, timestamp_len, event_id_len;
  uint64_t fingerprint; /* 0 without event_id */
  const void *data;
  size_t data_len;
};
uint32_t sqlite_event_crc(const struct sqlite_event *ev);

/* sqlite_write.c */
int sqlite_find(struct store_engine *base, const char *request_id, struct store_row *out,
                struct cws_error *err);
int sqlite_each_event_id(struct store_engine *base, const struct store_row *row,
                         store_event_id_fn *fn, void *user, struct cws_error *err);
int sqlite_begin(struct store_engine *base, struct cws_error *err);
int sqlite_commit(struct store_engine *base, struct cws_error *err);
void sqlite_rollback(struct store_engine *base);
int sqlite_create(struct store_engine *base, const struct store_birth *birth, struct store_row *row,
                  struct cws_error *err);
int sqlite_add(struct store_engine *base, const struct store_row *row,
               const struct store_event *event, int64_t now_ms, struct cws_error *err);
int sqlite_set_summary(struct store_engine *base, const struct store_row *row, int64_t message_id,
                       const char *json, struct cws_error *err);
int sqlite_set_position(struct store_engine *base, const struct store_row *row,
                        const char *subscriber, int64_t message_id, int64_t now_ms,
                        struct cws_error *err);
int sqlite_renew(struct store_engine *base, const struct store_row *row, const char *epoch,
                 int64_t first_id, struct cws_error *err);
void sqlite_tidy(struct store_engine *base);
int sqlite_probe(struct store_engine *base, struct cws_error *err);

/* sqlite_sweep.c */
int sqlite_trim(struct store_engine *base, struct store_row *row, int64_t count, int64_t bytes,
                struct cws_error *err);
int sqlite_remove(struct store_engine *base, const struct store_row *row, struct cws_error *err);
int sqlite_list_expired(struct store_engine *base, int64_t cutoff_ms, size_t limit,
                        char request_ids[][CWS_REQUEST_ID_MAX + 1], size_t *count, bool *more,
                        struct cws_error *err);
int sqlite_collect(struct store_engine *base, bool *more, struct cws_error *err);

/* sqlite_notes.c */
int sqlite_set_note(struct store_engine *base, const char *kind, const char *name, int64_t value,
                    int64_t at, struct cws_error *err);
int sqlite_get_note(struct store_engine *base, const char *kind, const char *name, int64_t *value,
                    int64_t *at, struct cws_error *err);
int sqlite_each_note(struct store_engine *base, const char *kind, store_note_fn *fn, void *user,
                     struct cws_error *err);
int sqlite_read_notes(struct store_engine *base, const char *kind, store_note_fn *fn, void *user,
                      struct cws_error *err);
int sqlite_drop_notes(struct store_engine *base, const char *kind, int64_t before,
                      struct cws_error *err);
int sqlite_is_empty(struct store_engine *base, bool *out, struct cws_error *err);

/* sqlite_read.c */
int sqlite_info(struct store_engine *base, const char *request_id, struct store_info *out,
                struct cws_error *err);
int sqlite_read(struct store_engine *base, const char *request_id, const struct store_range *range,
                struct store_page **out, struct cws_error *err);
int sqlite_position(struct store_engine *base, const char *request_id, const char *subscriber,
                    char epoch[CWS_EPOCH_MAX + 1], int64_t *message_id, struct cws_error *err);
int sqlite_positions(struct store_engine *base, const char *request_id,
                     char epoch[CWS_EPOCH_MAX + 1], struct store_position **out, size_t *count,
                     struct cws_error *err);
int sqlite_list(struct store_engine *base, int64_t before_ms, const char *before_id, size_t limit,
                struct store_info *out, size_t *count, struct cws_error *err);

/* sqlite_aside.c */
int sqlite_set_aside(const char *path, struct cws_error *err);
int sqlite_find_aside(const char *path, char **out, struct cws_error *err);
int sqlite_replace(const char *path, const char *file, struct cws_error *err);
void sqlite_drop_aside(const char *aside);

/* sqlite_maintain.c */
int sqlite_verify(const char *path, struct store_report *report, struct cws_error *err);
int sqlite_backup(const char *path, const char *file, struct cws_error *err);
/* What is done to a copy before it has its name; if this fails, it does not get it. */
typedef int sqlite_finish_fn(struct sqlite_conn *to, void *user, struct cws_error *err);
int sqlite_copy(const char *path, const char *file, sqlite_finish_fn *finish, void *user,
                struct cws_error *err);
/* The first note of a kind in a file that may be in use. */
int sqlite_peek_note(const char *path, const char *kind, struct sqlite_note *out, bool *has_it,
                     struct cws_error *err);

#endif
