/*
 * vfs_shim: an SQLite VFS before SQLite's own, for a store in the test's process. What it is told
 * to fail fails for every file of every database: from the N-th operation of a kind on, once, some
 * times, or until healed. Any thread.
 */
#ifndef CWS_TEST_VFS_SHIM_H
#define CWS_TEST_VFS_SHIM_H

#include <limits.h>
#include <stdint.h>

enum vfs_op {
  VFS_READ,
  VFS_SHORT_READ, /* half of the bytes come, zeros for the others */
  VFS_WRITE,
  VFS_TORN_WRITE, /* half of the bytes are written, then it fails */
  VFS_SYNC,
  VFS_TRUNCATE,
  VFS_OPEN,
  VFS_OP_COUNT
};

#define VFS_UNTIL_HEALED INT_MAX

/* Becomes the default VFS; once in a process. */
void vfs_shim_install(void);
/* The `nth` operation from now (1 is the next) and those after it, `count` of them, give `code`, an
 * SQLITE_… result. One kind at a time. */
void vfs_shim_fail(enum vfs_op op, int nth, int count, int code);
void vfs_shim_heal(void);
/* How many operations failed since vfs_shim_fail. */
int64_t vfs_shim_failed(void);

#endif
