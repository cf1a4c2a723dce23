/* list_view: see list_view.h. */
#include "cli/list_view.h"

#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/picture/table.h"

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

void list_view(const json_t *requests, enum list_view_as as) {
  size_t i;
  json_t *item;
  if (as == LIST_VIEW_TABLE) {
    show_table(requests);
    return;
  }
  json_array_foreach(requests, i, item) {
    if (as == LIST_VIEW_JSON)
      show_json(item);
    else
      show_text(item);
  }
}
