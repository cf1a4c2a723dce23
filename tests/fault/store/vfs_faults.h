/*
 * vfs_faults: operations of SQLite on the files of a store in the test's process that fail, for
 * every file of every database: from the N-th of a kind on, once, some times, or until healed. Any
 * thread.
 */
#ifndef CWS_TEST_VFS_FAULTS_H
#define CWS_TEST_VFS_FAULTS_H

#include "tests/unit/support/vfs_layer.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct vfs_fault {
  enum vfs_op op;
  int code;     /* SQLITE_… */
  bool is_torn; /* of a write: half of the bytes are written all the same */
};

#define VFS_UNTIL_HEALED INT_MAX

/* Once in a process. */
void vfs_faults_install(void);
/* The `nth` operation from now (1 is the next) and those after it, `count` of them, fail. One fault
 * at a time. */
void vfs_faults_begin(const struct vfs_fault *fault, int nth, int count);
void vfs_faults_heal(void);
/* How many operations failed since vfs_faults_begin. */
int64_t vfs_faults_count(void);

#endif
