/* privileged: see privileged.h. */
#define _GNU_SOURCE /* unshare */
#include "tests/fault/support/privileged.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int leave_out(const char *why) {
  const char *required = getenv("CWS_REQUIRE_PRIVILEGED");
  bool is_required = required != NULL && strcmp(required, "1") == 0;
  fprintf(stderr, "%s: %s\n", is_required ? "failed" : "left out", why);
  return is_required ? 1 : PRIVILEGED_LEFT_OUT;
}

int privileged_check(void) {
  if (geteuid() != 0)
    return leave_out("this test mounts file systems, which needs root");
  if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    return leave_out(
        "this test mounts where nobody else sees it, which this machine does not allow");
  if (system("set -e; d=$(mktemp -d); trap 'umount -q $d || :; rm -rf $d $d.img' EXIT;"
             "truncate -s 8M $d.img; mkfs.ext4 -q $d.img; mount -o loop $d.img $d; umount $d;"
             "mount -t tmpfs none $d; umount $d") != 0)
    return leave_out("this test mounts ext4 images (loop devices) and tmpfs, which this machine "
                     "does not allow");
  return 0;
}

void privileged_run(const char *fmt, ...) {
  char command[1024];
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(command, sizeof command, fmt, args);
  va_end(args);
  assert_true(n > 0 && n < (int)sizeof command);
  if (system(command) != 0)
    fail_msg("failed: %s", command);
}

void mounted_make(struct mounted *m) {
  temp_folder_make(&m->folder);
  snprintf(m->image, sizeof m->image, "%s/image", m->folder.path);
  snprintf(m->at, sizeof m->at, "%s/mnt", m->folder.path);
  snprintf(m->db, sizeof m->db, "%s/hub.db", m->at);
  snprintf(m->store, sizeof m->store, "sqlite:%s", m->db);
  assert_int_equal(mkdir(m->at, 0700), 0);
}

void mounted_remove(struct mounted *m) {
  char command[256];
  snprintf(command, sizeof command, "umount -l '%s' 2>/dev/null", m->at);
  if (system(command) != 0)
    (void)0; /* it was not mounted */
  rmdir(m->at);
  temp_folder_remove(&m->folder);
}

void mounted_make_ext4(struct mounted *m, const char *size) {
  privileged_run("truncate -s %s '%s' && mkfs.ext4 -q '%s'", size, m->image, m->image);
}

void mounted_mount(struct mounted *m, const char *options) {
  privileged_run("mount -o loop,%s '%s' '%s'", options, m->image, m->at);
}

void mounted_mount_tmpfs(struct mounted *m, const char *size) {
  privileged_run("mount -t tmpfs -o size=%s none '%s'", size, m->at);
}

void mounted_unmount(struct mounted *m) {
  privileged_run("umount '%s'", m->at);
}
