/* status_view: see status_view.h. */
#include "cli/status_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/picture/sheet.h"
#include "cli/picture/table.h"

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *key) {
  return (long long)json_number_value(json_object_get(object, key));
}

static void CWS_PRINTF(2, 3) line(const char *name, const char *fmt, ...) {
  char value[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(value, sizeof value, fmt, args);
  va_end(args);
  out_style(OUT_DIM);
  out_printf("%-16s  ", name);
  out_style(OUT_PLAIN);
  out_escaped(value, 0);
  out_write("\n", 1);
}

static enum out_style status_style(const char *status) {
  if (strcmp(status, "failed") == 0)
    return OUT_RED;
  return strcmp(status, "completed") == 0 ? OUT_GREEN : OUT_YELLOW;
}

/* ---- one request in plain lines ---- */

static void show_word(const char *word) {
  if (word[0] == '\0')
    return;
  out_write("  ", 2);
  out_escaped(word, 40);
}

static void show_subtasks(const json_t *subtasks) {
  if (number_of(subtasks, "total") == 0)
    return;
  line("subtasks", "%lld: %lld done, %lld running, %lld failed", number_of(subtasks, "total"),
       number_of(subtasks, "done"), number_of(subtasks, "running"), number_of(subtasks, "failed"));
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(subtasks, "items"), i, item) {
    out_write("  ", 2);
    out_escaped(text_of(item, "id"), 40);
    out_printf("  %s", text_of(item, "status"));
    show_word(text_of(item, "agent"));
    show_word(text_of(item, "model"));
    if (number_of(item, "tokens") > 0)
      out_printf("  %lld tokens", number_of(item, "tokens"));
    double cost = json_number_value(json_object_get(item, "cost"));
    if (cost > 0)
      out_printf("  %.6g", cost);
    out_write("\n", 1);
  }
}

static void show_watchers(const json_t *answer) {
  line("watchers", "%lld", number_of(answer, "watcher_count"));
  size_t i;
  json_t *w;
  json_array_foreach(json_object_get(answer, "watchers"), i, w) {
    out_write("  ", 2);
    out_escaped(text_of(w, "subscriber"), 40);
    out_printf("  since %s  acknowledged %lld  lag %lld\n", text_of(w, "connected_at"),
               number_of(w, "last_ack"), number_of(w, "lag"));
  }
}

/* ---- one request on a terminal: tables ---- */

static enum ink state_ink(const char *status) {
  enum subtask_state state;
  return subtask_state_from_word(status, &state) ? sheet_state_ink(state) : INK_PLAIN;
}

static void subtask_row(struct table *t, const json_t *item) {
  char number[NUMBER_BUF];
  double cost = json_number_value(json_object_get(item, "cost"));
  const char *status = text_of(item, "status");
  table_cell(t, INK_PLAIN, text_of(item, "id"));
  table_cell(t, state_ink(status), status);
  table_cell(t, INK_PLAIN, text_of(item, "agent"));
  table_cell(t, INK_PLAIN, text_of(item, "model"));
  table_cell(t, INK_PLAIN, cost > 0 ? sheet_cost(cost, number) : "");
  table_cell(t, INK_PLAIN,
             number_of(item, "tokens") > 0 ? sheet_tokens(number_of(item, "tokens"), number) : "");
}

static void subtask_table(const json_t *subtasks) {
  static const struct table_column COLUMNS[] = {{"subtask", false, true}, {"state", false, false},
                                                {"agent", false, true},   {"model", false, true},
                                                {"cost", true, false},    {"tokens", true, false}};
  struct table t;
  size_t i;
  json_t *item;
  table_init(&t, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
  json_array_foreach(json_object_get(subtasks, "items"), i, item) subtask_row(&t, item);
  if (i > 0) {
    out_write("\n", 1);
    out_table(&t);
  }
  table_finish(&t);
}

static void watcher_table(const json_t *answer) {
  static const struct table_column COLUMNS[] = {{"watcher", false, true},
                                                {"since", false, false},
                                                {"acknowledged", true, false},
                                                {"lag", true, false}};
  struct table t;
  size_t i;
  json_t *w;
  table_init(&t, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
  json_array_foreach(json_object_get(answer, "watchers"), i, w) {
    long long lag = number_of(w, "lag");
    table_cell(&t, INK_PLAIN, text_of(w, "subscriber"));
    table_cellf(&t, INK_PLAIN, "%.19s", text_of(w, "connected_at"));
    table_cellf(&t, INK_PLAIN, "%lld", number_of(w, "last_ack"));
    table_cellf(&t, lag > 0 ? INK_YELLOW : INK_PLAIN, "%lld", lag);
  }
  if (i > 0) {
    out_write("\n", 1);
    out_table(&t);
  }
  table_finish(&t);
}

/* ---- one request ---- */

void status_view_request(const json_t *answer, bool is_table) {
  const char *status = text_of(answer, "status");
  out_style(OUT_BOLD);
  out_printf("%s", text_of(answer, "request_id"));
  out_style(OUT_PLAIN);
  out_write("  ", 2);
  out_style(status_style(status));
  out_printf("%s\n", status);
  out_style(OUT_PLAIN);
  const char *stage = text_of(answer, "stage");
  line("stage", "%s, %lld %%", stage[0] != '\0' ? stage : "none yet",
       number_of(answer, "progress"));
  line("events", "%lld (%lld to %lld), %lld bytes", number_of(answer, "count"),
       number_of(answer, "first_message_id"), number_of(answer, "last_message_id"),
       number_of(answer, "bytes"));
  line("began", "%s", text_of(answer, "created_at"));
  line("last event", "%s", text_of(answer, "updated_at"));
  if (text_of(answer, "owner")[0] != '\0')
    line("owner", "%s", text_of(answer, "owner"));
  line("cost", "%.10g", json_number_value(json_object_get(answer, "cost")));
  line("tokens", "%lld", number_of(answer, "tokens"));
  if (is_table) {
    subtask_table(json_object_get(answer, "subtasks"));
    watcher_table(answer);
  } else {
    show_subtasks(json_object_get(answer, "subtasks"));
    show_watchers(answer);
  }
}

/* ---- the hub ---- */

static void hub_table(const json_t *answer, const char *url) {
  const char *status = text_of(answer, "status"), *key;
  char number[NUMBER_BUF], name[24];
  json_t *value;
  out_style(OUT_BOLD);
  out_escaped(url, 0);
  out_style(OUT_PLAIN);
  out_style(strcmp(status, "operational") == 0 ? OUT_GREEN : OUT_YELLOW);
  out_printf("  %s\n", status);
  out_style(OUT_PLAIN);
  line("watchers", "%lld", number_of(answer, "active_connections"));
  json_object_foreach((json_t *)answer, key, value) {
    if (strcmp(key, "status") == 0 || strcmp(key, "active_connections") == 0)
      continue;
    snprintf(name, sizeof name, "%s", key);
    for (char *c = name; *c != '\0'; c++)
      *c = *c == '_' ? ' ' : *c;
    if (strcmp(key, "uptime_s") == 0)
      line("up for", "%s", sheet_span(json_number_value(value), number));
    else if (json_is_boolean(value))
      line(name, "%s", json_is_true(value) ? "yes" : "no");
    else if (json_is_integer(value))
      line(name, "%lld", (long long)json_integer_value(value));
    else
      line(name, "%s", text_of(answer, key));
  }
}

static void hub_lines(const json_t *answer, const char *url) {
  line("hub", "%s", url);
  line("status", "%s", text_of(answer, "status"));
  line("watchers", "%lld", number_of(answer, "active_connections"));
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)answer, key, value) {
    if (strcmp(key, "status") == 0 || strcmp(key, "active_connections") == 0)
      continue;
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                                       : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    line(key, "%s", text != NULL ? text : "");
    free(text);
  }
}

void status_view_hub(const json_t *answer, const char *url, bool is_table) {
  if (is_table)
    hub_table(answer, url);
  else
    hub_lines(answer, url);
}
