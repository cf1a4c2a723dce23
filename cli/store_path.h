/* store_path: the store that a command works on: what --store says, else the one in the state
 * directory. */
#ifndef CLI_STORE_PATH_H
#define CLI_STORE_PATH_H

#include "cli/options.h"
#include "cli/paths.h"

#define STORE_PATH_BUF (PATH_BUF + 16)

/* The option, in the tables of the commands that have it. */
#define STORE_OPTION                                                                               \
  {                                                                                                \
    "store", 0, OPTION_STRING, "URI", NULL, NULL, true,                                            \
        "memory:, sqlite:PATH or nats://HOST[:PORT][,HOST...] [sqlite: in the state directory]"    \
  }

/* *out is the option's text, or `buf`. `make`: the directory is made where it is missing. Returns
 * an exit code, after saying why. */
int store_path_choose(const struct options *o, bool make, char buf[STORE_PATH_BUF],
                      const char **out);
/* The same for a URI that is given otherwise; NULL is the default, as is "sqlite:". */
int store_path_of(const char *uri, bool make, char buf[STORE_PATH_BUF], const char **out);
/* The file of this hub's own state where it shares a log: --nats-state, else one in the state
 * directory. */
int store_path_state(const struct options *o, bool make, char path[PATH_BUF]);
/* What is looked through and copied: the store, or with "nats://…" the file of the own state. */
int store_path_file(const struct options *o, char buf[STORE_PATH_BUF], const char **out);

#endif
