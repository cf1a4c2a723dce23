/* migrate: from the store of a single hub to a log that hubs share, and back. */
#include <councilws/server.h>

#include <stdio.h>
#include <time.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/nats_options.h"
#include "cli/store_path.h"
#include "cli/talk.h"

static int exit_code_for(int error) {
  return error == CWS_ESYSTEM    ? EXIT_CANTCREATE
         : error == CWS_ECORRUPT ? EXIT_DATA
                                 : exit_code_of(error);
}

static void tell(const char *from, const char *to, const char *state,
                 const struct cws_store_place *place) {
  char at[32] = "";
  time_t seconds = (time_t)(place->time_ms / 1000);
  struct tm utc;
  if (gmtime_r(&seconds, &utc) != NULL)
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &utc);
  if (nats_options_is_for(to))
    talk("'%s' is a state of '%s' and goes on from '%s'", state, to, from);
  else if (nats_options_is_for(from))
    talk("'%s' goes on from '%s': it has all of its log, up to entry %lld, of %s", to, from,
         (long long)place->entry, at);
  else
    talk("'%s' goes on from '%s', which was at entry %lld of its log, of %s; every request gets a "
         "new epoch",
         to, from, (long long)place->entry, at);
}

/* The options about a log are for whichever of the two is one. */
static int migrate(const struct options *o, const char *from, const char *to) {
  const char *log = nats_options_is_for(from) ? from : to;
  struct cws_store_place place = {.size = sizeof place};
  struct nats_choice nats;
  struct cws_error err = {0};
  bool has_log = nats_options_is_for(log);
  int code = nats_options_read(o, log, nats_options_is_for(to), &nats);
  if (code != 0)
    return code;
  if (cws_store_migrate(from, to, has_log ? &nats.options : NULL, &place, &err) != 0) {
    talk_error("%s", err.message);
    return exit_code_for(err.code);
  }
  tell(from, to, nats.state, &place);
  return 0;
}

static int run_migrate(const struct options *o) {
  char from_buf[STORE_PATH_BUF], to_buf[STORE_PATH_BUF];
  const char *from, *to;
  int code = store_path_of(options_arg(o, 0), false, from_buf, &from);
  if (code == 0)
    code = store_path_of(options_arg(o, 1), true, to_buf, &to);
  return code == 0 ? migrate(o, from, to) : code;
}

const struct command COMMAND_MIGRATE = {
    .name = "migrate",
    .usage = "FROM TO",
    .summary = "moves a store to a log that hubs share, or back",
    .details =
        "Stop all hubs before. What is made is whole or not there; FROM stays as it is, but start "
        "no hub on it again: clients take two stores that go on from one for the same.\n"
        "sqlite:PATH to nats://HOST: the file of --nats-state is made, a copy of the store, and "
        "the log, which has to be new, begins with a note of it. Start one hub on that state; "
        "others start from a copy of a hub's state (councilws backup).\n"
        "nats://HOST to a new sqlite:PATH: the state in --nats-state, which has to have come to "
        "the end of the log, becomes a store that knows of no log.\n"
        "sqlite:PATH of a state to a new sqlite:PATH: the same where the log is gone. Since nobody "
        "knows what came after, every request then has a new epoch, and clients that stood "
        "further are told of a gap.\n"
        "It ends with 65 where FROM is damaged or no store, 66 where it is not there, 73 where the "
        "new file cannot be made or is there already, 75 where FROM is in use or the log does not "
        "answer, 78 where the two do not fit.",
    .has_log = true,
    .min_args = 2,
    .max_args = 2,
    .run = run_migrate,
};
