/* spool_file: see spool_file.h. */
#include "cli/spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool spool_file_path(const char *dir, const char *request_id, int slot, char out[PATH_BUF]) {
  char number[16] = "";
  if (slot > 1)
    snprintf(number, sizeof number, "@%d", slot); /* no request_id has an '@' */
  int n = snprintf(out, PATH_BUF, "%s/%s%s.spool", dir, request_id, number);
  return n > 0 && n < PATH_BUF;
}

bool spool_file_path_new(const char *path, char out[PATH_BUF]) {
  int n = snprintf(out, PATH_BUF, "%s.new", path);
  return n > 0 && n < PATH_BUF;
}

int spool_file_sync_dir(const char *dir) {
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
  if (fd >= 0)
    close(fd);
  return failed;
}

int spool_file_make_dir(const char *dir) {
  if (mkdir(dir, 0700) != 0) {
    if (errno == EEXIST)
      return 0;
    if (errno != ENOENT)
      return errno;
  } else {
    char copy[PATH_BUF];
    snprintf(copy, sizeof copy, "%s", dir);
    return spool_file_sync_dir(dirname(copy));
  }
  char above[PATH_BUF];
  snprintf(above, sizeof above, "%s", dir);
  const char *parent = dirname(above);
  int failed = strcmp(parent, dir) == 0 ? ENOENT : spool_file_make_dir(parent);
  return failed != 0 ? failed : spool_file_make_dir(dir);
}

/* The lock is on the open file: one that was removed or replaced meanwhile is opened anew. */
int spool_file_open(const char *path, int *out) {
  for (;;) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
      return errno;
    struct stat st;
    int failed = flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0 ? errno : 0;
    if (failed == 0 && st.st_nlink > 0) {
      *out = fd;
      return 0;
    }
    close(fd);
    if (failed != 0)
      return failed;
  }
}

int spool_file_open_nameless(int *out) {
  FILE *nameless = tmpfile();
  if (nameless == NULL)
    return errno;
  *out = fcntl(fileno(nameless), F_DUPFD_CLOEXEC, 3);
  int failed = *out < 0 ? errno : 0;
  fclose(nameless);
  return failed;
}

int spool_file_write(int fd, const char *bytes, size_t len, off_t at) {
  while (len > 0) {
    ssize_t n = pwrite(fd, bytes, len, at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno;
    if (n == 0)
      return ENOSPC;
    bytes += n;
    at += n;
    len -= (size_t)n;
  }
  return 0;
}
