/*
 * sqlite_maintain: what is done to a store file from outside the hub that may have it open: looking
 * through it and copying it. All of it only reads, in WAL mode, so they neither wait for that hub
 * nor it for them; neither takes the lock that keeps a second hub out.
 */
#include "lib/core/err.h"
#include "server/store/sqlite.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_REQUESTS 256 /* of one read of the list */
#define PAGE_BYTES ((size_t)1 << 20)

/* ---- opening without a writer ---- */

static int find_store(struct sqlite_engine *e, const char *path, struct cws_error *err) {
  struct sqlite_conn *c;
  bool is_new;
  int code = sqlite_files_path(path, &e->path, err);
  if (code != 0)
    return code;
  if (access(e->path, R_OK) != 0)
    return err_set_sys(err, errno == ENOENT ? CWS_ENOTFOUND : CWS_ESTORE, errno,
                       "cannot open the store '%s'", path);
  code = sqlite_pool_take(e, &c, err);
  if (code != 0)
    return code;
  code = sqlite_schema_identify(c, &is_new, err);
  if (code == 0 && is_new)
    code = err_set(err, CWS_ECORRUPT, "'%s' is an empty file, no store", path);
  sqlite_pool_give(e, c);
  return code;
}

static int open_to_read(struct sqlite_engine *e, const char *path, struct cws_error *err) {
  *e = (struct sqlite_engine){.base.ops = &store_sqlite_ops, .lock_fd = -1};
  if (sqlite_pool_init(&e->pool) != 0)
    return err_set(err, CWS_ENOMEM, NULL);
  int code = find_store(e, path, err);
  if (code == 0)
    return 0;
  sqlite_pool_finish(&e->pool);
  free(e->path);
  return code;
}

static void close_reader(struct sqlite_engine *e) {
  sqlite_pool_finish(&e->pool);
  free(e->path);
}

/* ---- looking through it ---- */

static int verify_pages(struct sqlite_engine *e, struct cws_error *err) {
  struct sqlite_conn *c;
  int code = sqlite_pool_take(e, &c, err);
  if (code != 0)
    return code;
  code = sqlite_schema_check(c, SQLITE_CHECK_FULL, err);
  sqlite_pool_give(e, c);
  return code;
}

/* Every event is there and as it was written. Gone meanwhile: nothing to say about. */
static int verify_request(struct sqlite_engine *e, const struct store_info *info,
                          struct store_report *report, struct cws_error *err) {
  struct store_range range = {.max_bytes = PAGE_BYTES};
  bool more = true;
  while (more) {
    struct store_page *page;
    struct cws_error why = {0};
    int code = sqlite_read(&e->base, info->request_id, &range, &page, &why);
    if (code != 0)
      return code == CWS_EUNKNOWNREQUEST ? 0 : err_set(err, code, "%s", why.message);
    for (size_t i = 0; i < page->count; i++)
      report->bytes += (int64_t)page->events[i].data_len;
    report->events += (int64_t)page->count;
    more = page->more;
    if (page->count > 0)
      range.after = page->events[page->count - 1].message_id;
    store_page_free(page);
  }
  report->requests++;
  return 0;
}

static void infos_finish(struct store_info *infos, size_t count) {
  for (size_t i = 0; i < count; i++)
    store_info_finish(&infos[i]);
}

static int verify_some(struct sqlite_engine *e, const struct store_info *infos, size_t count,
                       struct store_report *report, struct cws_error *err) {
  int code = 0;
  for (size_t i = 0; code == 0 && i < count; i++)
    code = verify_request(e, &infos[i], report, err);
  return code;
}

static int verify_requests(struct sqlite_engine *e, struct store_report *report,
                           struct cws_error *err) {
  struct store_info *infos = calloc(PAGE_REQUESTS, sizeof(*infos));
  if (infos == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  char before_id[CWS_REQUEST_ID_MAX + 1];
  int64_t before_ms = 0;
  size_t count = PAGE_REQUESTS;
  int code = 0;
  for (bool is_first = true; code == 0 && count == PAGE_REQUESTS; is_first = false) {
    code = sqlite_list(&e->base, before_ms, is_first ? NULL : before_id, PAGE_REQUESTS, infos,
                       &count, err);
    if (code == 0)
      code = verify_some(e, infos, count, report, err);
    if (count > 0) {
      before_ms = infos[count - 1].created_ms;
      memcpy(before_id, infos[count - 1].request_id, sizeof(before_id));
    }
    infos_finish(infos, count); /* also those before the one that could not be read */
  }
  free(infos);
  return code;
}

int sqlite_verify(const char *path, struct store_report *report, struct cws_error *err) {
  struct sqlite_engine e;
  *report = (struct store_report){0};
  int code = open_to_read(&e, path, err);
  if (code != 0)
    return code;
  code = verify_pages(&e, err);
  if (code == 0)
    code = verify_requests(&e, report, err);
  close_reader(&e);
  return code;
}

/* ---- copying it ---- */

/* In one step, so in one read transaction: the copy is the state of one moment. */
static int copy_pages(struct sqlite_conn *from, struct sqlite_conn *to, struct cws_error *err) {
  sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
  if (backup == NULL)
    return sqlite_fail(to, sqlite3_errcode(to->db), err);
  sqlite3_backup_step(backup, -1);
  int rc = sqlite3_backup_finish(backup);
  return rc == SQLITE_OK ? 0 : sqlite_fail(to, rc, err);
}

/* The copy is one plain file, without a log beside it. */
static int write_copy(struct sqlite_engine *e, const char *file, sqlite_finish_fn *finish,
                      void *user, struct cws_error *err) {
  struct sqlite_conn *from, to;
  int code = sqlite_conn_open(&to, file, SQLITE_CONN_WRITER, err);
  if (code != 0)
    return code;
  code = sqlite_pool_take(e, &from, err);
  if (code == 0) {
    code = copy_pages(from, &to, err);
    sqlite_pool_give(e, from);
  }
  if (code == 0)
    code = sqlite_exec(&to, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL", err);
  if (code == 0)
    code = finish(&to, user, err);
  sqlite_conn_close(&to);
  return code;
}

static int make_empty(const char *file, struct cws_error *err) {
  int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return err_set_sys(err, CWS_ESYSTEM, errno, "cannot make '%s'", file);
  close(fd);
  return 0;
}

/* Under another name first: FILE is a whole copy or is not there. */
static int copy_to(struct sqlite_engine *e, const char *file, sqlite_finish_fn *finish, void *user,
                   struct cws_error *err) {
  size_t size = strlen(file) + 32;
  char *temporary = malloc(size);
  if (temporary == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  snprintf(temporary, size, "%s.%ld.part", file, (long)getpid());
  int code = make_empty(temporary, err);
  if (code == 0) {
    code = write_copy(e, temporary, finish, user, err);
    if (code == 0 && link(temporary, file) != 0)
      code = err_set_sys(err, CWS_ESYSTEM, errno, "cannot make '%s'", file);
    unlink(temporary);
  }
  if (code == 0)
    sqlite_files_sync_directory(file);
  free(temporary);
  return code;
}

/* SQLite would take a log that lies beside the new file, left by another one, for its own. */
int sqlite_check_free(const char *file, struct cws_error *err) {
  static const char *const ends[] = {"", "-wal", "-journal"};
  size_t size = strlen(file) + 16;
  char *name = malloc(size);
  if (name == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  struct stat st;
  int code = 0;
  for (size_t i = 0; code == 0 && i < sizeof(ends) / sizeof(*ends); i++) {
    snprintf(name, size, "%s%s", file, ends[i]);
    if (stat(name, &st) == 0 && (i == 0 || st.st_size > 0))
      code = err_set(err, CWS_ESYSTEM, "'%s' is there already: give another name", name);
  }
  free(name);
  return code;
}

int sqlite_copy(const char *path, const char *file, sqlite_finish_fn *finish, void *user,
                struct cws_error *err) {
  struct sqlite_engine e;
  char *absolute;
  int code = sqlite_files_path(file, &absolute, err);
  if (code != 0)
    return code;
  code = open_to_read(&e, path, err);
  if (code == 0) {
    code = sqlite_check_free(file, err);
    if (code == 0)
      code = copy_to(&e, absolute, finish, user, err);
    close_reader(&e);
  }
  free(absolute);
  return code;
}

/* A hub that opens it gives its requests new epochs: see sqlite_open.c. */
static int mark_as_copy(struct sqlite_conn *to, void *user, struct cws_error *err) {
  (void)user;
  return sqlite_set_meta(to, SQLITE_META_IS_COPY, 1, err);
}

int sqlite_backup(const char *path, const char *file, struct cws_error *err) {
  return sqlite_copy(path, file, mark_as_copy, NULL, err);
}

/* ---- what it notes ---- */

static int read_note(struct sqlite_conn *c, const char *kind, struct sqlite_note *out, bool *has_it,
                     struct cws_error *err) {
  sqlite3_stmt *stmt;
  int64_t has_notes; /* of version 1 there are none */
  int code = sqlite_query_int(c, "SELECT EXISTS(SELECT 1 FROM sqlite_master WHERE name='notes')",
                              &has_notes, err);
  *has_it = false;
  if (code != 0 || !has_notes)
    return code;
  code = sqlite_stmt(c, SQL_EACH_NOTE, &stmt, err);
  if (code != 0)
    return code;
  sqlite_bind_str(stmt, 1, kind);
  code = sqlite_step(c, stmt, has_it, err);
  if (code != 0)
    return code;
  if (*has_it) {
    *out = (struct sqlite_note){
        .kind = kind, .value = sqlite3_column_int64(stmt, 1), .at = sqlite3_column_int64(stmt, 2)};
    sqlite_column_str(stmt, 0, out->name, sizeof(out->name));
  }
  sqlite3_reset(stmt);
  return 0;
}

int sqlite_peek_note(const char *path, const char *kind, struct sqlite_note *out, bool *has_it,
                     struct cws_error *err) {
  struct sqlite_engine e;
  struct sqlite_conn *c;
  int code = open_to_read(&e, path, err);
  if (code != 0)
    return code;
  code = sqlite_pool_take(&e, &c, err);
  if (code == 0) {
    code = read_note(c, kind, out, has_it, err);
    sqlite_pool_give(&e, c);
  }
  close_reader(&e);
  return code;
}
