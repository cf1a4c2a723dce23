/* sqlite_vfs: see sqlite_vfs.h. */
#include "server/store/sqlite_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* 31 pages, as os_unix.c of SQLite writes at most 0x1ffff bytes with one call and takes a length
 * whose lower bits are 0 for a full disk; what is beyond is written in parts. */
#define GATHER_MAX ((size_t)0x1ffff)

/* ---- the log's file ---- */

struct log_file {
  sqlite3_file base; /* first */
  char *held;        /* GATHER_MAX bytes, made with the first write */
  size_t held_size;
  sqlite3_int64 held_at; /* where they belong in the file */
  /* The real file follows. */
};

static struct log_file *log_of(sqlite3_file *f) {
  return (struct log_file *)f;
}

static sqlite3_file *real_of(sqlite3_file *f) {
  return (sqlite3_file *)(log_of(f) + 1);
}

/* What a failed write had held is given up, as SQLite gives up its transaction then. */
static int write_held(sqlite3_file *f) {
  struct log_file *log = log_of(f);
  int size = (int)log->held_size;
  log->held_size = 0;
  return size == 0 ? SQLITE_OK
                   : real_of(f)->pMethods->xWrite(real_of(f), log->held, size, log->held_at);
}

static int x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  struct log_file *log = log_of(f);
  bool follows = log->held_size > 0 && at == log->held_at + (sqlite3_int64)log->held_size;
  if (!follows || log->held_size + (size_t)n > GATHER_MAX) {
    int rc = write_held(f);
    if (rc != SQLITE_OK)
      return rc;
    log->held_at = at;
  }
  if (log->held == NULL)
    log->held = malloc(GATHER_MAX);
  if (log->held == NULL || (size_t)n > GATHER_MAX)
    return real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
  memcpy(log->held + log->held_size, from, (size_t)n);
  log->held_size += (size_t)n;
  return SQLITE_OK;
}

static int x_close(sqlite3_file *f) {
  int rc = write_held(f);
  free(log_of(f)->held);
  int closed = real_of(f)->pMethods->xClose(real_of(f));
  return rc != SQLITE_OK ? rc : closed;
}

static int x_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  int rc = write_held(f);
  return rc == SQLITE_OK ? real_of(f)->pMethods->xRead(real_of(f), to, n, at) : rc;
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size) {
  int rc = write_held(f);
  return rc == SQLITE_OK ? real_of(f)->pMethods->xTruncate(real_of(f), size) : rc;
}

static int x_sync(sqlite3_file *f, int flags) {
  int rc = write_held(f);
  return rc == SQLITE_OK ? real_of(f)->pMethods->xSync(real_of(f), flags) : rc;
}

static int x_file_size(sqlite3_file *f, sqlite3_int64 *size) {
  int rc = write_held(f);
  return rc == SQLITE_OK ? real_of(f)->pMethods->xFileSize(real_of(f), size) : rc;
}

static int x_lock(sqlite3_file *f, int level) {
  return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int x_unlock(sqlite3_file *f, int level) {
  return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int x_check(sqlite3_file *f, int *out) {
  return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int x_control(sqlite3_file *f, int op, void *arg) {
  return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int x_sector(sqlite3_file *f) {
  return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int x_device(sqlite3_file *f) {
  return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* a log is neither mapped nor has it shared memory */
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_file_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_device,
};

/* ---- the VFS: the one below, but for opening ---- */

static sqlite3_vfs vfs;

static int x_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *out) {
  sqlite3_vfs *below = v->pAppData;
  if ((flags & SQLITE_OPEN_WAL) == 0)
    return below->xOpen(below, name, f, flags, out);
  *log_of(f) = (struct log_file){0};
  int rc = below->xOpen(below, name, real_of(f), flags, out);
  if (real_of(f)->pMethods != NULL)
    f->pMethods = &log_methods;
  return rc;
}

static void register_once(void) {
  sqlite3_vfs *below = sqlite3_vfs_find(NULL);
  if (below == NULL)
    return;
  sqlite3_vfs made = *below; /* other calls go to the one below; they do not look at their VFS */
  made.pNext = NULL;
  made.zName = "councilws";
  made.pAppData = below;
  made.szOsFile = (int)sizeof(struct log_file) + below->szOsFile;
  made.xOpen = x_open;
  vfs = made;
  if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
    vfs.zName = NULL;
}

const char *sqlite_vfs_gathering(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_once);
  return vfs.zName;
}
