/* nats_options: what is given of OPTIONS_NATS, as the library takes it. */
#ifndef CLI_NATS_OPTIONS_H
#define CLI_NATS_OPTIONS_H

#include <councilws/server.h>

#include "cli/options.h"
#include "cli/paths.h"

#define NATS_PASSWORD_MAX 1024

struct nats_choice {
  struct cws_nats_options options; /* its strings are those of the command's options, or these */
  char state[PATH_BUF];
  char password[NATS_PASSWORD_MAX + 1];
};

bool nats_options_is_for(const char *store); /* "nats://…" */

/* What is given, for that store; with one "nats://…" also the defaults. `make`: the state directory
 * is made where it is missing. Returns an exit code, after saying why. */
int nats_options_read(const struct options *o, const char *store, bool make,
                      struct nats_choice *out);

#endif
