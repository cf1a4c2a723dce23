/* paths: see paths.h. */
#include "cli/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *home(void) {
  const char *dir = getenv("HOME");
  if (dir != NULL && dir[0] == '/')
    return dir;
  const struct passwd *entry = getpwuid(getuid());
  return entry != NULL ? entry->pw_dir : NULL;
}

/* $VARIABLE, or HOME/fallback; then /councilws/name. A relative $VARIABLE is to be ignored (XDG).
 */
static bool xdg_path(const char *variable, const char *fallback, const char *name,
                     char out[PATH_BUF]) {
  const char *base = getenv(variable);
  int n;
  if (base != NULL && base[0] == '/')
    n = snprintf(out, PATH_BUF, "%s/councilws%s%s", base, name[0] != '\0' ? "/" : "", name);
  else if ((base = home()) != NULL)
    n = snprintf(out, PATH_BUF, "%s/%s/councilws%s%s", base, fallback, name[0] != '\0' ? "/" : "",
                 name);
  else
    return false;
  return n > 0 && n < PATH_BUF;
}

bool paths_config(char out[PATH_BUF]) {
  return xdg_path("XDG_CONFIG_HOME", ".config", "config", out);
}

bool paths_state(const char *name, char out[PATH_BUF]) {
  return xdg_path("XDG_STATE_HOME", ".local/state", name, out);
}

bool paths_exists(const char *path) {
  return access(path, F_OK) == 0;
}

int paths_make_state(void) {
  char path[PATH_BUF];
  if (!paths_state("", path))
    return ENOENT;
  for (char *p = path + 1;; p++) {
    if (*p != '/' && *p != '\0')
      continue;
    char kept = *p;
    *p = '\0';
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
      return errno;
    if (kept == '\0')
      return 0;
    *p = kept;
  }
}

static int read_all(int fd, size_t max, char **out, size_t *len) {
  size_t cap = 4096, n = 0;
  char *data = malloc(cap);
  int failed = data == NULL ? ENOMEM : 0;
  while (failed == 0) {
    ssize_t got = read(fd, data + n, cap - n - 1);
    if (got < 0 && errno != EINTR)
      failed = errno;
    if (got == 0)
      break;
    n += got > 0 ? (size_t)got : 0;
    if (n > max)
      failed = EFBIG;
    if (failed == 0 && n + 1 == cap) {
      char *more = realloc(data, cap *= 2);
      failed = more == NULL ? ENOMEM : 0;
      data = more != NULL ? more : data;
    }
  }
  if (failed != 0) {
    free(data);
    return failed;
  }
  data[n] = '\0';
  *out = data;
  *len = n;
  return 0;
}

int paths_read_file(const char *path, size_t max, char **out, size_t *len) {
  if (strcmp(path, "-") == 0)
    return read_all(STDIN_FILENO, max, out, len);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  int rc = read_all(fd, max, out, len);
  close(fd);
  return rc;
}
