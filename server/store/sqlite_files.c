/*
 * sqlite_files: what lies around the database: its directory, the lock that keeps a second hub out,
 * and the ballast. It knows no SQL.
 */
#include "lib/core/err.h"
#include "server/store/sqlite.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *sqlite_files_join(const char *a, const char *b) {
  size_t size = strlen(a) + strlen(b) + 1;
  char *out = malloc(size);
  if (out != NULL)
    snprintf(out, size, "%s%s", a, b);
  return out;
}

int sqlite_files_path(const char *path, char **out, struct cws_error *err) {
  size_t len = strlen(path);
  if (len == 0 || path[len - 1] == '/')
    return err_set(err, CWS_ECONFIG, "the store 'sqlite:%s' needs the path of a file", path);
  /* "file:…" and ":memory:" are names, too */
  *out = sqlite_files_join(path[0] == '/' ? "" : "./", path);
  return *out != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

static char *directory_of(const char *path) {
  const char *slash = strrchr(path, '/'); /* there is one: see sqlite_files_path */
  return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int sqlite_files_prepare(const char *path, struct cws_error *err) {
  char *dir = directory_of(path);
  if (dir == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  struct stat st;
  int code = 0;
  if (stat(dir, &st) == 0) {
    if (!S_ISDIR(st.st_mode))
      code =
          err_set(err, CWS_ESTORE, "cannot open the store '%s': '%s' is no directory", path, dir);
  } else if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
    code = err_set_sys(err, CWS_ESTORE, errno, "cannot make the directory '%s' of the store", dir);
  }
  free(dir);
  return code;
}

int sqlite_files_sync_directory(const char *path) {
  char *dir = directory_of(path);
  int fd = dir != NULL ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  int done = fd >= 0 ? fsync(fd) : -1;
  if (fd >= 0)
    close(fd);
  free(dir);
  return done;
}

/* SQLite takes a very short file for an empty database and writes over it; so this looks first. */
static int check_file(const char *path, int fd, struct cws_error *err) {
  static const char magic[16] = "SQLite format 3";
  char head[16];
  struct stat st;
  if (fstat(fd, &st) != 0)
    return err_set_sys(err, CWS_ESTORE, errno, "cannot open the store '%s'", path);
  if (!S_ISREG(st.st_mode))
    return err_set(err, CWS_ESTORE, "the store '%s' is no regular file", path);
  if (st.st_size == 0)
    return 0;
  if (st.st_size >= 512 && pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
      memcmp(head, magic, sizeof(head)) == 0)
    return 0;
  return err_set(
      err, CWS_ECORRUPT,
      "'%s' is damaged or no store: give another path, or keep a copy and " SQLITE_RESCUE, path);
}

int sqlite_files_create(const char *path, struct cws_error *err) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return err_set_sys(err, CWS_ESTORE, errno, "cannot open the store '%s'", path);
  int code = check_file(path, fd, err);
  close(fd);
  if (code == 0)
    sqlite_files_sync_directory(
        path); /* some file systems cannot; they lose no event by it, only the name */
  return code;
}

/* ---- the lock ---- */

static int refuse(const char *path, int fd, struct cws_error *err) {
  char pid[24] = "";
  ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
  pid[n > 0 ? n : 0] = '\0';
  pid[strcspn(pid, "\n")] = '\0';
  if (pid[0] == '\0')
    return err_set(err, CWS_ESTORE, "the store '%s' is in use by another hub", path);
  return err_set(err, CWS_ESTORE, "the store '%s' is in use by another hub (pid %s)", path, pid);
}

/* For whoever is refused; not knowing it is no reason to fail. */
static void write_pid(int fd) {
  char pid[24];
  int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
  if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) != n)
    (void)!ftruncate(fd, 0);
}

int sqlite_files_lock(const char *path, int *fd, struct cws_error *err) {
  char *lock = sqlite_files_join(path, ".lock");
  if (lock == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  *fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  int code = 0;
  if (*fd < 0) {
    code = err_set_sys(err, CWS_ESTORE, errno, "cannot open '%s'", lock);
  } else if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
    code = errno == EWOULDBLOCK ? refuse(path, *fd, err)
                                : err_set_sys(err, CWS_ESTORE, errno, "cannot lock '%s'", lock);
    close(*fd);
    *fd = -1;
  } else {
    write_pid(*fd);
  }
  free(lock);
  return code;
}

/* The file stays: who removed it could remove another hub's. */
void sqlite_files_unlock(int fd) {
  if (fd < 0)
    return;
  (void)!ftruncate(fd, 0);
  close(fd);
}

/* ---- the ballast ---- */

bool sqlite_ballast_make(const char *path) {
  char *name = sqlite_files_join(path, ".ballast");
  if (name == NULL)
    return false;
  int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  bool made = fd >= 0 && posix_fallocate(fd, 0, SQLITE_BALLAST_BYTES) == 0;
  if (fd >= 0)
    close(fd);
  if (!made)
    unlink(name);
  free(name);
  return made;
}

void sqlite_ballast_drop(const char *path) {
  char *name = sqlite_files_join(path, ".ballast");
  if (name != NULL)
    unlink(name);
  free(name);
}
