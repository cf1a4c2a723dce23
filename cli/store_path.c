/* store_path: see store_path.h. */
#include "cli/store_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/nats_options.h"
#include "cli/talk.h"

static int in_state_directory(const char *name, const char *option, bool make,
                              char path[PATH_BUF]) {
  int failed = !paths_state(name, path) ? ENOENT : make ? paths_make_state() : 0;
  if (failed == 0)
    return 0;
  talk_error("no state directory for the store: %s; give --%s", strerror(failed), option);
  return EXIT_CANTCREATE;
}

int store_path_of(const char *uri, bool make, char buf[STORE_PATH_BUF], const char **out) {
  *out = uri;
  if (uri != NULL && strcmp(uri, "sqlite:") != 0)
    return 0;
  char path[PATH_BUF];
  int code = in_state_directory("hub.db", "store", make, path);
  if (code != 0)
    return code;
  snprintf(buf, STORE_PATH_BUF, "sqlite:%s", path);
  *out = buf;
  return 0;
}

int store_path_choose(const struct options *o, bool make, char buf[STORE_PATH_BUF],
                      const char **out) {
  return store_path_of(options_string(o, "store"), make, buf, out);
}

int store_path_state(const struct options *o, bool make, char path[PATH_BUF]) {
  const char *file = options_string(o, "nats-state");
  if (file == NULL)
    return in_state_directory("state.db", "nats-state", make, path);
  if ((size_t)snprintf(path, PATH_BUF, "%s", file) < PATH_BUF)
    return 0;
  talk_error("nats-state: %s", strerror(ENAMETOOLONG));
  return EXIT_CONFIG;
}

int store_path_file(const struct options *o, char buf[STORE_PATH_BUF], const char **out) {
  char path[PATH_BUF];
  int code = store_path_choose(o, false, buf, out);
  if (code != 0 || !nats_options_is_for(*out))
    return code;
  code = store_path_state(o, false, path);
  if (code != 0)
    return code;
  snprintf(buf, STORE_PATH_BUF, "sqlite:%s", path);
  *out = buf;
  return 0;
}
