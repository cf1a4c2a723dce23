/* delete: erases a request, its events and every position in it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/talk.h"

static int confirm(const char *request_id) {
  if (!isatty(STDIN_FILENO)) {
    talk_error("nobody to ask whether '%s' is to be erased; give --yes", request_id);
    return EXIT_USAGE;
  }
  fprintf(stderr, "Erase '%s' with all its events? [y/N] ", request_id);
  char answer[16] = "";
  if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
    return 0;
  talk("nothing was erased");
  return EXIT_FAILED;
}

static int run_delete(const struct options *o) {
  const char *request_id = options_arg(o, 0);
  struct ask a = {0};
  int code = options_flag(o, "yes") ? 0 : confirm(request_id);
  if (code == 0)
    code = runner_open(&a.runner, o, 0);
  if (code != 0)
    return code;
  struct cws_call *call;
  int rc = cws_delete(a.runner.client, request_id, ask_done, &a, &call, &a.error);
  code = ask_run(&a, rc, request_id);
  ask_close(&a);
  return code;
}

static const struct option_spec OPTIONS[] = {
    {"yes", 'y', OPTION_FLAG, NULL, NULL, NULL, false, "do not ask"},
    {0},
};

const struct command COMMAND_DELETE = {
    .name = "delete",
    .usage = "REQUEST",
    .summary = "erases a request and every position in it",
    .options = OPTIONS,
    .is_client = true,
    .min_args = 1,
    .max_args = 1,
    .run = run_delete,
};
