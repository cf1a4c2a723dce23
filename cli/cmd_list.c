/* list: the requests of a hub, newest first. */
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/list_view.h"
#include "cli/out.h"
#include "cli/tty.h"

#define PAGE 200 /* requests asked for at a time */

static int show_page(const struct ask *a, const char *output) {
  enum list_view_as as = LIST_VIEW_LINES;
  if (strcmp(output, "json") == 0)
    as = LIST_VIEW_JSON;
  else if (strcmp(output, "text") != 0 && tty_is_output())
    as = LIST_VIEW_TABLE;
  list_view(json_object_get(a->json, "requests"), as);
  return out_flush();
}

static int ask_page(struct ask *a, const struct options *o, int64_t limit, const char *cursor) {
  struct cws_call *call;
  int rc = cws_list(a->runner.client, options_string(o, "status"), limit, cursor, ask_done, a,
                    &call, &a->error);
  return ask_run(a, rc, NULL);
}

static int list_all(struct ask *a, const struct options *o) {
  int64_t left = options_int(o, "limit", 50);
  char *cursor = NULL;
  int code;
  do {
    ask_clear(a);
    code = ask_page(a, o, left > 0 && left < PAGE ? left : PAGE, cursor);
    if (code == 0)
      code = show_page(a, options_string(o, "output"));
    free(cursor);
    cursor = NULL;
    const char *next = json_string_value(json_object_get(a->json, "next_cursor"));
    int64_t got = (int64_t)json_array_size(json_object_get(a->json, "requests"));
    if (code == 0 && next != NULL && (left == 0 || got < left))
      cursor = strdup(next);
    left = left > got ? left - got : left;
  } while (cursor != NULL);
  return code;
}

static int run_list(const struct options *o) {
  struct ask a = {0};
  int code = runner_open(&a.runner, o, 0);
  if (code != 0)
    return code;
  code = list_all(&a, o);
  ask_close(&a);
  return code;
}

static const struct option_spec OPTIONS[] = {
    {"status", 0, OPTION_CHOICE, "STATUS", NULL, "pending|processing|completed|failed", false,
     "only requests in this state"},
    {"limit", 0, OPTION_INT, "N", "50", NULL, false, "at most N; 0: all"},
    {"output", 'o', OPTION_CHOICE, "FORMAT", "auto", "auto|text|tree|json", true,
     "a line each: time, status, stage, progress, events, request (a table on a terminal); or an "
     "object each"},
    {0},
};

const struct command COMMAND_LIST = {
    .name = "list",
    .usage = "",
    .summary = "lists the requests of the hub, newest first",
    .options = OPTIONS,
    .is_client = true,
    .max_args = 0,
    .run = run_list,
};
