/* store_path: see store_path.h. */
#include "cli/store_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/talk.h"

int store_path_choose(const struct options *o, bool make, char buf[STORE_PATH_BUF],
                      const char **out) {
  *out = options_string(o, "store");
  if (*out != NULL && strcmp(*out, "sqlite:") != 0)
    return 0;
  char path[PATH_BUF];
  int failed = !paths_state("hub.db", path) ? ENOENT : make ? paths_make_state() : 0;
  if (failed != 0) {
    talk_error("no state directory for the store: %s; give --store", strerror(failed));
    return EXIT_CANTCREATE;
  }
  snprintf(buf, STORE_PATH_BUF, "sqlite:%s", path);
  *out = buf;
  return 0;
}
