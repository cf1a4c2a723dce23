/* event_line: see event_line.h. Strings from events are always escaped: they never drive the
 * terminal. */
#include "cli/picture/event_line.h"

#include <stdlib.h>
#include <string.h>

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

static void value_text(struct line *l, const json_t *value) {
  /* One with a NUL inside goes the other way, quoted and whole. */
  if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value)) {
    line_chars(l, json_string_value(value), json_string_length(value), VALUE_CHARS);
    return;
  }
  if (json_is_real(value)) {
    line_addf(l, "%.10g", json_real_value(value));
    return;
  }
  char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
  if (text != NULL)
    line_chars(l, text, strlen(text), VALUE_CHARS);
  free(text);
}

static void field(struct line *l, const char *key, const json_t *value, int *fields) {
  if (value == NULL || *fields >= FIELDS_MAX)
    return;
  ++*fields;
  line_ink(l, INK_DIM);
  line_add(l, "  ");
  line_chars(l, key, strlen(key), VALUE_CHARS);
  line_add(l, "=");
  line_ink(l, INK_PLAIN);
  value_text(l, value);
}

static void object_fields(struct line *l, json_t *data) {
  int fields = 0;
  for (size_t i = 0; i < sizeof LEADING / sizeof LEADING[0]; i++) {
    json_t *value = json_object_get(data, LEADING[i]);
    if (value == NULL)
      continue;
    line_add(l, fields++ == 0 ? "  " : " ");
    value_text(l, value);
  }
  for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
    field(l, KNOWN[i], json_object_get(data, KNOWN[i]), &fields);
  const char *key;
  json_t *value;
  json_object_foreach(data, key, value) {
    if (!LISTED(LEADING, key) && !LISTED(KNOWN, key))
      field(l, key, value, &fields);
  }
}

static enum ink ink_of(const char *type) {
  if (strcmp(type, "error") == 0)
    return INK_RED;
  if (strcmp(type, "final_response") == 0)
    return INK_GREEN;
  return INK_BLUE;
}

json_t *event_line_data(const struct cws_event *event) {
  const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
  json_t *data = json_loadb(event->data, event->data_len, flags, NULL);
  if (data == NULL)
    data = json_loadb(event->data, event->data_len, flags | JSON_DECODE_INT_AS_REAL, NULL);
  return data;
}

void event_line_add(struct line *l, const struct cws_event *event, const json_t *data) {
  const char *time = event->timestamp != NULL ? strchr(event->timestamp, 'T') : NULL;
  line_addf(l, "%.8s  ", time != NULL ? time + 1 : "");
  line_ink(l, ink_of(event->type));
  line_addf(l, "%-20s", event->type);
  line_ink(l, INK_PLAIN);
  if (json_is_object(data)) {
    object_fields(l, (json_t *)data);
    return;
  }
  line_add(l, "  ");
  if (data != NULL)
    value_text(l, data);
  else
    line_chars(l, event->data, event->data_len, VALUE_CHARS);
}
