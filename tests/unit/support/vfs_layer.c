/* vfs_layer: see vfs_layer.h. */
#include "tests/unit/support/vfs_layer.h"

#include <stdlib.h>

static vfs_hook_fn *ask;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;

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
  const struct vfs_call call = {.op = VFS_READ, .real = real_of(f), .n = n, .at = at};
  int rc = ask(&call);
  return rc == SQLITE_OK ? real_of(f)->pMethods->xRead(real_of(f), to, n, at) : rc;
}

static int x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  const struct vfs_call call = {VFS_WRITE, real_of(f), from, n, at};
  int rc = ask(&call);
  return rc == SQLITE_OK ? real_of(f)->pMethods->xWrite(real_of(f), from, n, at) : rc;
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size) {
  const struct vfs_call call = {.op = VFS_TRUNCATE, .real = real_of(f), .at = size};
  int rc = ask(&call);
  return rc == SQLITE_OK ? real_of(f)->pMethods->xTruncate(real_of(f), size) : rc;
}

static int x_sync(sqlite3_file *f, int flags) {
  const struct vfs_call call = {.op = VFS_SYNC, .real = real_of(f)};
  int rc = ask(&call);
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

static int x_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *f, int flags, int *out) {
  struct file *file = (struct file *)f;
  const struct vfs_call call = {.op = VFS_OPEN};
  (void)v;
  file->base.pMethods = NULL;
  int rc = ask(&call);
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

int vfs_layer_install(vfs_hook_fn *hook) {
  ask = hook;
  real_vfs = sqlite3_vfs_find(NULL);
  vfs = *real_vfs;
  vfs.zName = "test";
  vfs.szOsFile = (int)sizeof(struct file);
  vfs.xOpen = x_open;
  vfs.pNext = NULL;
  return sqlite3_vfs_register(&vfs, 1);
}
