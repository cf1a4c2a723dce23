/*
 * vfs_layer: an SQLite VFS before SQLite's own, as the process's default. A test is asked about
 * what is about to be done to any file of any database, and says what comes of it.
 */
#ifndef CWS_TEST_VFS_LAYER_H
#define CWS_TEST_VFS_LAYER_H

#include <sqlite3.h>

enum vfs_op { VFS_OPEN, VFS_READ, VFS_WRITE, VFS_SYNC, VFS_TRUNCATE };

struct vfs_call {
  enum vfs_op op;
  sqlite3_file *real; /* SQLite's own; NULL for VFS_OPEN */
  const void *from;   /* what is to be written */
  int n;              /* bytes of a read or write */
  sqlite3_int64 at;   /* where; the size that a truncate leaves */
};

/* SQLITE_OK: it is done. Else it is not, and that is its result. On any thread. */
typedef int vfs_hook_fn(const struct vfs_call *call);

/* Once in a process, before the first database is opened. 0 or an SQLITE_… result. */
int vfs_layer_install(vfs_hook_fn *hook);

#endif
