/* list: the requests of a hub, newest first. */
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/picture/table.h"
#include "cli/tty.h"

#define PAGE 200 /* requests asked for at a time */

static void show_text(const json_t *item) {
  const char *created = json_string_value(json_object_get(item, "created_at"));
  const char *status = json_string_value(json_object_get(item, "status"));
  const char *stage = json_string_value(json_object_get(item, "stage"));
  out_printf("%-24.19s%-12s%-13s%4lld %%%8lld  ", created != NULL ? created : "",
             status != NULL ? status : "", stage != NULL ? stage : "",
             (long long)json_number_value(json_object_get(item, "progress")),
             (long long)json_number_value(json_object_get(item, "count")));
  const char *id = json_string_value(json_object_get(item, "request_id"));
  out_escaped(id != NULL ? id : "", 0);
  out_write("\n", 1);
}

static void show_json(const json_t *item) {
  char *text = json_dumps(item, JSON_COMPACT | JSON_REAL_PRECISION(10));
  if (text != NULL)
    out_printf("%s\n", text);
  free(text);
}

/* ---- on a terminal: a table ---- */

static enum ink status_ink(const char *status) {
  if (strcmp(status, "failed") == 0)
    return INK_RED;
  return strcmp(status, "completed") == 0 ? INK_GREEN : INK_YELLOW;
}

static const char *text_of(const json_t *item, const char *key) {
  const char *text = json_string_value(json_object_get(item, key));
  return text != NULL ? text : "";
}

static long long number_of(const json_t *item, const char *key) {
  return (long long)json_number_value(json_object_get(item, key));
}

static void show_table(const json_t *requests) {
  static const struct table_column COLUMNS[] = {{"request", false, true}, {"status", false, false},
                                                {"done", true, false},    {"stage", false, false},
                                                {"events", true, false},  {"began", false, false}};
  struct table t;
  size_t i;
  json_t *item;
  table_init(&t, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
  json_array_foreach(requests, i, item) {
    const char *status = text_of(item, "status");
    table_cell(&t, INK_PLAIN, text_of(item, "request_id"));
    table_cell(&t, status_ink(status), status);
    table_cellf(&t, INK_PLAIN, "%lld %%", number_of(item, "progress"));
    table_cell(&t, INK_PLAIN, text_of(item, "stage"));
    table_cellf(&t, INK_PLAIN, "%lld", number_of(item, "count"));
    table_cellf(&t, INK_PLAIN, "%.19s", text_of(item, "created_at"));
  }
  if (i > 0)
    out_table(&t);
  table_finish(&t);
}

/* ---- the pages ---- */

static int show_page(const struct ask *a, const char *output) {
  bool is_json = strcmp(output, "json") == 0;
  if (strcmp(output, "text") != 0 && !is_json && tty_is_output()) {
    show_table(json_object_get(a->json, "requests"));
    return out_flush();
  }
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(a->json, "requests"), i, item) {
    if (is_json)
      show_json(item);
    else
      show_text(item);
  }
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
