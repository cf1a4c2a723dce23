/* backup: copies a store to a new file, whether a hub has it open or not. */
#include <councilws/server.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/store_path.h"
#include "cli/talk.h"

static int run_backup(const struct options *o) {
  char buf[STORE_PATH_BUF];
  const char *store;
  const char *file = options_arg(o, 0);
  int code = store_path_file(o, buf, &store);
  if (code != 0)
    return code;
  struct cws_error err = {0};
  if (cws_store_backup(store, file, &err) != 0) {
    talk_error("%s", err.message);
    return err.code == CWS_ESYSTEM ? EXIT_CANTCREATE : exit_code_of(err.code);
  }
  talk("'%s' is a copy of '%s'", file, store);
  return 0;
}

static const struct option_spec OPTIONS[] = {STORE_OPTION, NATS_STATE_OPTION, {0}};

const struct command COMMAND_BACKUP = {
    .name = "backup",
    .usage = "FILE",
    .summary = "copies the store to a new file, also while a hub runs on it",
    .details = "Run it where the hub runs. FILE is the state of one moment; start a hub on it with "
               "--store sqlite:FILE. Since a copy does not know what came after it, every request "
               "in it then has a new epoch, and clients that stood further are told of a gap. With "
               "a store nats:// it is this hub's own state that is copied; another hub of the same "
               "log can be started on FILE with --nats-state.",
    .options = OPTIONS,
    .min_args = 1,
    .max_args = 1,
    .run = run_backup,
};
