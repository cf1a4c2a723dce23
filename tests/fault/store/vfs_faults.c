/* vfs_faults: see vfs_faults.h. */
#include "tests/fault/store/vfs_faults.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vfs_fault fault;
static int to_pass, left; /* operations to let pass, then to fail */
static int64_t failed;

void vfs_faults_begin(const struct vfs_fault *f, int nth, int count) {
  pthread_mutex_lock(&lock);
  fault = *f;
  to_pass = nth - 1;
  left = count;
  failed = 0;
  pthread_mutex_unlock(&lock);
}

void vfs_faults_heal(void) {
  pthread_mutex_lock(&lock);
  left = 0;
  pthread_mutex_unlock(&lock);
}

int64_t vfs_faults_count(void) {
  pthread_mutex_lock(&lock);
  int64_t count = failed;
  pthread_mutex_unlock(&lock);
  return count;
}

/* Under the lock. */
static bool is_due(enum vfs_op op) {
  if (op != fault.op || left == 0)
    return false;
  if (to_pass > 0) {
    to_pass--;
    return false;
  }
  failed++;
  if (left != VFS_UNTIL_HEALED)
    left--;
  return true;
}

static int on_call(const struct vfs_call *call) {
  pthread_mutex_lock(&lock);
  bool fails = is_due(call->op);
  struct vfs_fault f = fault;
  pthread_mutex_unlock(&lock);
  if (fails && f.is_torn)
    call->real->pMethods->xWrite(call->real, call->from, call->n / 2, call->at);
  return fails ? f.code : SQLITE_OK;
}

void vfs_faults_install(void) {
  if (vfs_layer_install(on_call) != SQLITE_OK)
    abort();
}
