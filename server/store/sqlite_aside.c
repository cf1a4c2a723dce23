/*
 * sqlite_aside: another state takes the place of one: a file that is not what its log says has the
 * name PATH.parted, PATH.parted-2 … from then on, beside the PATH that the next one has. It knows
 * no SQL.
 */
#include "lib/core/err.h"
#include "server/store/sqlite.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE_MAX 9 /* more than can come while one is put back; then somebody has to look */

static char *name_of(const char *path, int number) {
  char end[32] = ".parted";
  if (number > 1)
    snprintf(end, sizeof(end), ".parted-%d", number);
  return sqlite_files_join(path, end);
}

static bool is_there(const char *path) {
  return access(path, F_OK) == 0;
}

/* Closing carries the log over to the file, unless the disk is full, say. */
static int check_log(const char *path, struct cws_error *err) {
  char *log = sqlite_files_join(path, "-wal");
  if (log == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  struct stat st;
  int code = 0;
  if (stat(log, &st) == 0 && st.st_size > 0)
    code = err_set(err, CWS_ESTORE,
                   "cannot set the state '%s' aside: '%s' was not carried over to it; is the disk "
                   "full?",
                   path, log);
  free(log);
  return code;
}

/* A name that is free. */
static int rename_aside(const char *path, struct cws_error *err) {
  for (int number = 1; number <= ASIDE_MAX; number++) {
    char *name = name_of(path, number);
    if (name == NULL)
      return err_set(err, CWS_ENOMEM, NULL);
    bool is_free = !is_there(name);
    int code = 0;
    if (is_free && rename(path, name) != 0)
      code = err_set_sys(err, CWS_ESYSTEM, errno, "cannot rename '%s' to '%s'", path, name);
    free(name);
    if (is_free)
      return code;
  }
  return err_set(err, CWS_ESYSTEM, "'%s.parted' to '%s.parted-%d' are there already: look at them",
                 path, path, ASIDE_MAX);
}

static int set_aside(const char *path, const char *unused, struct cws_error *err) {
  (void)unused;
  int code = check_log(path, err);
  return code == 0 ? rename_aside(path, err) : code;
}

static void remove_with(const char *path, const char *end) {
  char *name = sqlite_files_join(path, end);
  if (name != NULL)
    unlink(name);
  free(name);
}

/* Its log goes first: beside another file it would be taken for that one's. */
static int replace(const char *path, const char *file, struct cws_error *err) {
  remove_with(path, "-wal");
  remove_with(path, "-shm");
  if (rename(file, path) != 0)
    return err_set_sys(err, CWS_ESYSTEM, errno, "cannot rename '%s' to '%s'", file, path);
  return 0;
}

/* Under the lock of `path`. */
static int change(const char *path, const char *file,
                  int (*how)(const char *path, const char *file, struct cws_error *err),
                  struct cws_error *err) {
  char *absolute;
  int lock_fd;
  int code = sqlite_files_path(path, &absolute, err);
  if (code != 0)
    return code;
  code = sqlite_files_lock(absolute, &lock_fd, err);
  if (code == 0) {
    code = how(absolute, file, err);
    if (code == 0)
      sqlite_files_sync_directory(absolute);
    sqlite_files_unlock(lock_fd);
  }
  free(absolute);
  return code;
}

int sqlite_set_aside(const char *path, struct cws_error *err) {
  return change(path, NULL, set_aside, err);
}

int sqlite_replace(const char *path, const char *file, struct cws_error *err) {
  return change(path, file, replace, err);
}

int sqlite_find_aside(const char *path, char **out, struct cws_error *err) {
  char *absolute = NULL;
  int code = sqlite_files_path(path, &absolute, err);
  *out = NULL;
  for (int number = 1; code == 0 && *out == NULL && number <= ASIDE_MAX; number++) {
    char *name = name_of(absolute, number);
    if (name == NULL)
      code = err_set(err, CWS_ENOMEM, NULL);
    else if (is_there(name))
      *out = name;
    else
      free(name);
  }
  free(absolute);
  return code;
}

void sqlite_drop_aside(const char *aside) {
  static const char *const ends[] = {"", "-wal", "-shm", ".ballast", ".lock"};
  for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
    remove_with(aside, ends[i]);
}
