/* vfs_shim: see vfs_shim.h. */
#include "tests/fault/store/vfs_shim.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  enum vfs_op op;
  int wait, left; /* operations to let pass, then to fail */
  int code;
  int64_t failed;
} fault;

void vfs_shim_fail(enum vfs_op op, int nth, int count, int code) {
  pthread_mutex_lock(&lock);
  fault.op = op;
  fault.wait = nth - 1;
  fault.left = count;
  fault.code = code;
  fault.failed = 0;
  pthread_mutex_unlock(&lock);
}

void vfs_shim_heal(void) {
  pthread_mutex_lock(&lock);
  fault.left = 0;
  pthread_mutex_unlock(&lock);
}

int64_t vfs_shim_failed(void) {
  pthread_mutex_lock(&lock);
  int64_t failed = fault.failed;
  pthread_mutex_unlock(&lock);
  return failed;
}

/* SQLITE_OK: it is to be done. */
static int verdict(enum vfs_op op) {
  int code = SQLITE_OK;
  pthread_mutex_lock(&lock);
  if (op == fault.op && fault.left > 0) {
    if (fault.wait > 0) {
      fault.wait--;
    } else {
      code = fault.code;
      fault.failed++;
      if (fault.left != VFS_UNTIL_HEALED)
        fault.left--;
    }
  }
  pthread_mutex_unlock(&lock);
  return code;
}

/* ---- files ---- */

struct file {
  sqlite3_file base; /* first */
  sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *f) {
  return ((struct file *)f)->real;
}

static int x_close(sqlite3_file *f) {
  int rc = real_of(f)->pMethods->xClose(real_of(f));
  free(real_of(f));
  return rc;
}

static int x_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  int rc = verdict(VFS_READ);
  if (rc != SQLITE_OK)
    return rc;
  rc = verdict(VFS_SHORT_READ);
  if (rc == SQLITE_OK)
    return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
  real_of(f)->pMethods->xRead(real_of(f), to, n, at);
  memset((char *)to + n / 2, 0, (size_t)(n - n / 2));
  return rc;
}

static int x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  int rc = verdict(VFS_WRITE);
  if (rc != SQLITE_OK)
    return rc;
  rc = verdict(VFS_TORN_WRITE);
  int written = real_of(f)->pMethods->xWrite(real_of(f), from, rc == SQLITE_OK ? n : n / 2, at);
  return rc == SQLITE_OK ? written : rc;
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size) {
  int rc = verdict(VFS_TRUNCATE);
  return rc == SQLITE_OK ? real_of(f)->pMethods->xTruncate(real_of(f), size) : rc;
}

static int x_sync(sqlite3_file *f, int flags) {
  int rc = verdict(VFS_SYNC);
  return rc == SQLITE_OK ? real_of(f)->pMethods->xSync(real_of(f), flags) : rc;
}

static int x_file_size(sqlite3_file *f, sqlite3_int64 *size) {
  return real_of(f)->pMethods->xFileSize(real_of(f), size);
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

static int x_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
  return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
  return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void x_shm_barrier(sqlite3_file *f) {
  real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int x_shm_unmap(sqlite3_file *f, int remove) {
  return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
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
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

/* ---- the VFS ---- */

static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;

static int x_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *out) {
  struct file *file = (struct file *)f;
  (void)v;
  file->base.pMethods = NULL;
  int rc = verdict(VFS_OPEN);
  if (rc != SQLITE_OK)
    return rc;
  file->real = calloc(1, (size_t)real_vfs->szOsFile);
  if (file->real == NULL)
    return SQLITE_NOMEM;
  rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
  if (rc == SQLITE_OK)
    file->base.pMethods = &methods;
  else
    free(file->real);
  return rc;
}

void vfs_shim_install(void) {
  real_vfs = sqlite3_vfs_find(NULL);
  vfs = *real_vfs;
  vfs.zName = "faults";
  vfs.szOsFile = (int)sizeof(struct file);
  vfs.xOpen = x_open;
  vfs.pNext = NULL;
  if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
    abort();
}
