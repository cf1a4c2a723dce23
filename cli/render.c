/* render: see render.h. Strings from events are always escaped: they never drive the terminal. */
#include "cli/render.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"

#define VALUE_CHARS 60 /* of one field's value */
#define FIELDS_MAX 8   /* of one line */

/* Fields that say most, wherever they appear, in this order and without their name. */
static const char *const LEADING[] = {"subtaskId", "stage", "status", "message"};
/* Then these, with their name. */
static const char *const KNOWN[] = {"agent",  "modelId",       "progress", "confidence", "cost",
                                    "tokens", "executionTime", "success",  "totalCost"};

static bool is_listed(const char *const *list, size_t n, const char *key) {
  for (size_t i = 0; i < n; i++) {
    if (strcmp(list[i], key) == 0)
      return true;
  }
  return false;
}

#define LISTED(list, key) is_listed((list), sizeof(list) / sizeof(list)[0], (key))

static void value_text(const json_t *value) {
  /* One with a NUL inside goes the other way, quoted and whole. */
  if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value)) {
    out_escaped(json_string_value(value), VALUE_CHARS);
    return;
  }
  if (json_is_real(value)) {
    out_printf("%.10g", json_real_value(value));
    return;
  }
  char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
  if (text != NULL)
    out_escaped(text, VALUE_CHARS);
  free(text);
}

static void field(const char *key, const json_t *value, int *fields) {
  if (value == NULL || *fields >= FIELDS_MAX)
    return;
  ++*fields;
  out_style(OUT_DIM);
  out_write("  ", 2);
  out_escaped(key, VALUE_CHARS);
  out_write("=", 1);
  out_style(OUT_PLAIN);
  value_text(value);
}

static void object_fields(json_t *data) {
  int fields = 0;
  for (size_t i = 0; i < sizeof LEADING / sizeof LEADING[0]; i++) {
    json_t *value = json_object_get(data, LEADING[i]);
    if (value == NULL)
      continue;
    out_printf("%s", fields++ == 0 ? "  " : " ");
    value_text(value);
  }
  for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
    field(KNOWN[i], json_object_get(data, KNOWN[i]), &fields);
  const char *key;
  json_t *value;
  json_object_foreach(data, key, value) {
    if (!LISTED(LEADING, key) && !LISTED(KNOWN, key))
      field(key, value, &fields);
  }
}

static enum out_style style_of(const char *type) {
  if (strcmp(type, "error") == 0)
    return OUT_RED;
  if (strcmp(type, "final_response") == 0)
    return OUT_GREEN;
  return OUT_BLUE;
}

/* An integer beyond 64 bits is shown as a real; all others stay integers. */
static json_t *load_data(const struct cws_event *event) {
  const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
  json_t *data = json_loadb(event->data, event->data_len, flags, NULL);
  if (data == NULL)
    data = json_loadb(event->data, event->data_len, flags | JSON_DECODE_INT_AS_REAL, NULL);
  return data;
}

void render_text(const char *request_id, const struct cws_event *event) {
  if (request_id != NULL)
    out_printf("%s ", request_id);
  const char *time = strchr(event->timestamp, 'T');
  out_printf("%5lld  %.8s  ", (long long)event->message_id, time != NULL ? time + 1 : "");
  out_style(style_of(event->type));
  out_printf("%-20s", event->type);
  out_style(OUT_PLAIN);
  json_t *data = load_data(event);
  if (json_is_object(data)) {
    object_fields(data);
  } else if (data != NULL) {
    out_write("  ", 2);
    value_text(data);
  }
  if (data == NULL) {
    out_write("  ", 2);
    out_escaped(event->data, VALUE_CHARS);
  }
  json_decref(data);
  out_write("\n", 1);
}

void render_json(const char *request_id, const struct cws_event *event) {
  size_t len;
  char *text = cws_event_format(event, false, &len);
  if (text == NULL)
    return;
  if (request_id != NULL)
    out_printf("{\"request_id\":\"%s\",\"event\":", request_id);
  out_write(text, len);
  if (request_id != NULL)
    out_write("}", 1);
  out_write("\n", 1);
  free(text);
}
