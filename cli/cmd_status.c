/* status: the hub, or one request; for people, for programs, or for monitoring. */
#include <string.h>

#include "cli/ask.h"
#include "cli/check.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/status_view.h"
#include "cli/tty.h"

static int show(const struct ask *a, const struct options *o) {
  const char *output = options_string(o, "output");
  bool is_table = strcmp(output, "text") != 0 && tty_is_output();
  if (strcmp(output, "json") == 0)
    out_printf("%s\n", a->text);
  else if (options_arg(o, 0) != NULL)
    status_view_request(a->json, is_table);
  else
    status_view_hub(a->json, options_string(o, "url"), is_table);
  return out_flush();
}

static int run_status(const struct options *o) {
  struct ask a = {0};
  const char *request_id = options_arg(o, 0);
  if (options_flag(o, "check"))
    return check_run(o, request_id);
  int code = runner_open(&a.runner, o, options_duration(o, "timeout", 0));
  if (code != 0)
    return code;
  struct cws_call *call;
  int rc = cws_status(a.runner.client, request_id, ask_done, &a, &call, &a.error);
  code = ask_run(&a, rc, request_id);
  if (code == 0)
    code = show(&a, o);
  ask_close(&a);
  return code;
}

static const struct option_spec OPTIONS[] = {
    {"output", 'o', OPTION_CHOICE, "FORMAT", "auto", "auto|text|tree|json", true,
     "lines (tables on a terminal), or the hub's answer as it is"},
    {"check", 0, OPTION_FLAG, NULL, NULL, NULL, false,
     "for monitoring: one line, and 0 ok, 1 warning, 2 critical, 3 unknown"},
    {"warning", 'w', OPTION_LIST, "NAME=MAX", NULL, NULL, false,
     "--check warns beyond it: time=D of the answer; of REQUEST lag=N, events that a watcher has "
     "not "
     "acknowledged, and age=D of the last event while it runs (may be given again)"},
    {"critical", 'c', OPTION_LIST, "NAME=MAX", NULL, NULL, false,
     "the same, for critical (may be given again)"},
    {"timeout", 0, OPTION_DURATION, "D", NULL, NULL, false, "give up after this time (exit 124)"},
    {0},
};

const struct command COMMAND_STATUS = {
    .name = "status",
    .usage = "[REQUEST]",
    .summary = "tells how the hub is, or how one request is",
    .details =
        "--check asks whether the hub is reached, takes events and can write to its store; with "
        "REQUEST also whether that has failed. Its line has the measures behind a '|', as "
        "monitoring plugins do; it gives up after 10s where --timeout says nothing else.",
    .options = OPTIONS,
    .is_client = true,
    .max_args = 1,
    .run = run_status,
};
