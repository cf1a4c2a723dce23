/* secret: see secret.h. */
#include "cli/secret.h"

#include <councilws/token.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/paths.h"
#include "cli/talk.h"

static bool make_text(char out[SECRET_BYTES + 1]) {
  unsigned char random[SECRET_BYTES / 2];
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
    return false;
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(out + 2 * i, 3, "%02x", random[i]);
  return true;
}

static int write_new(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return errno;
  char line[SECRET_BYTES + 2];
  int n = snprintf(line, sizeof line, "%s\n", text);
  int failed = write(fd, line, (size_t)n) == n && fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return failed;
}

/* Written whole under another name, then linked: of two hubs that start at once, one wins and both
 * use it. */
static int make_file(const char *path) {
  char text[SECRET_BYTES + 1], temporary[PATH_BUF + 32];
  int failed = paths_make_state();
  if (failed != 0)
    return failed;
  if (!make_text(text))
    return errno;
  snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
  failed = write_new(temporary, text);
  if (failed == 0 && link(temporary, path) != 0 && errno != EEXIST)
    failed = errno;
  unlink(temporary);
  return failed;
}

bool secret_load(char out[SECRET_BYTES + 1]) {
  char path[PATH_BUF];
  char *text = NULL;
  size_t len = 0;
  if (!paths_state("secret", path) || paths_read_file(path, 4096, &text, &len) != 0)
    return false;
  bool ok = len >= SECRET_BYTES && strspn(text, "0123456789abcdef") == SECRET_BYTES;
  if (ok) {
    memcpy(out, text, SECRET_BYTES);
    out[SECRET_BYTES] = '\0';
  }
  free(text);
  return ok;
}

int secret_load_or_make(char out[SECRET_BYTES + 1]) {
  if (secret_load(out))
    return 0;
  char path[PATH_BUF];
  if (!paths_state("secret", path)) {
    talk_error("no home directory to keep a secret in; give --secret-file");
    return EXIT_CONFIG;
  }
  if (paths_exists(path)) {
    talk_error("'%s' cannot be read or is no secret of councilws; mend or remove it, or give "
               "--secret-file",
               path);
    return EXIT_CONFIG;
  }
  int failed = make_file(path);
  if (failed != 0 || !secret_load(out)) {
    talk_error("cannot make '%s': %s", path, strerror(failed != 0 ? failed : EIO));
    return EXIT_CANTCREATE;
  }
  return 0;
}

const char *secret_user_name(void) {
  const struct passwd *entry = getpwuid(getuid());
  return entry != NULL && entry->pw_name[0] != '\0' ? entry->pw_name : "local";
}

char *secret_sign_token(int ttl_s) {
  static const char *const ALL[] = {"*", NULL};
  char secret[SECRET_BYTES + 1];
  struct cws_keys *keys = secret_load(secret) ? cws_keys_new() : NULL;
  if (keys == NULL)
    return NULL;
  struct cws_sign_options options = {.size = sizeof options,
                                     .now_s = (int64_t)time(NULL),
                                     .ttl_s = ttl_s,
                                     .sub = secret_user_name(),
                                     .with_rights = true,
                                     .admin = true,
                                     .subscribe = ALL,
                                     .publish = ALL};
  char *token = NULL;
  if (cws_keys_add_secret(keys, secret, SECRET_BYTES, NULL) != 0 ||
      cws_token_sign(keys, &options, &token, NULL) != 0)
    token = NULL;
  cws_keys_free(keys);
  return token;
}
