/*
 * privileged: tests that mount need root. Where something is missing they are left out, and say
 * why; with CWS_REQUIRE_PRIVILEGED=1 they fail instead.
 */
#ifndef CWS_TEST_PRIVILEGED_H
#define CWS_TEST_PRIVILEGED_H

#include "tests/unit/support/temp_folder.h"
#include <stdbool.h>

#define PRIVILEGED_LEFT_OUT 77 /* exit status; ctest's SKIP_RETURN_CODE */

/*
 * For main: 0, or what to return at once. Tries what the tests will do: a loop mount or a tmpfs.
 * From here on the process has a mount namespace of its own: one that is made meanwhile (by ip
 * netns exec, say) copies what is mounted then, and a file system that is still mounted somewhere
 * is not a new one when its image is mounted again.
 */
int privileged_check(void);

/* A folder of the test's own with a place to mount in it. */
struct mounted {
  struct temp_folder folder;
  char image[96], at[96];   /* the file with the file system; where it is mounted */
  char db[128], store[144]; /* on it */
};

void mounted_make(struct mounted *m);
void mounted_remove(struct mounted *m); /* unmounts where it is mounted */
/* An image with an empty ext4; not mounted yet. */
void mounted_make_ext4(struct mounted *m, const char *size);
void mounted_mount(struct mounted *m, const char *options); /* the image */
void mounted_mount_tmpfs(struct mounted *m, const char *size);
void mounted_unmount(struct mounted *m);
/* Runs a shell command; fails the test where it fails. */
void privileged_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
