/*
 * event: reads one event, checks it whole, and keeps the bytes of its data as they came. The parsed
 * JSON serves for checking and for facts; what is passed on is always the text.
 */
#include "lib/core/event.h"

#include <stdlib.h>
#include <string.h>

#include "lib/core/err.h"
#include "lib/core/json_read.h"
#include "lib/core/json_span.h"
#include "lib/core/timestamp.h"

/* One block: this, then type, timestamp, event_id and data, each with its NUL. */
struct cws_event_owned {
  struct cws_event view;
};

json_t *event_json_load(const char *json, size_t len, struct cws_error *err) {
  struct cws_error detail = {0};
  json_t *value = json_read(json, len, &detail);
  if (value == NULL)
    err_set(err, detail.code, "%s", detail.message);
  return value;
}

/* ---- reading ---- */

struct members {
  const json_t *type, *timestamp, *data, *event_id, *message_id;
};

static int unknown_member(const char *key, struct cws_error *err) {
  return err_set(err, CWS_EBADEVENT,
                 "unknown member '%.60s'; an event has type, data, timestamp, event_id", key);
}

static int find_members(const json_t *object, bool is_stored, struct members *m,
                        struct cws_error *err) {
  const char *key;
  json_t *value;
  if (!json_is_object(object))
    return err_set(err, CWS_EBADEVENT,
                   "an event is a JSON object, as {\"type\":\"t\",\"data\":{}}");
  json_object_foreach((json_t *)object, key, value) {
    if (strcmp(key, "type") == 0)
      m->type = value;
    else if (strcmp(key, "timestamp") == 0)
      m->timestamp = value;
    else if (strcmp(key, "data") == 0)
      m->data = value;
    else if (strcmp(key, "event_id") == 0)
      m->event_id = value;
    else if (strcmp(key, "message_id") == 0)
      m->message_id = value;
    else if (!is_stored)
      return unknown_member(key, err);
  }
  return 0;
}

static int check_type(const json_t *type, struct cws_error *err) {
  if (type == NULL)
    return err_set(err, CWS_EBADEVENT, "type: is missing");
  if (!json_is_string(type))
    return err_set(err, CWS_EBADEVENT, "type: is not a string");
  return cws_event_type_check(json_string_value(type), json_string_length(type), err);
}

static int read_timestamp(const json_t *value, bool is_stored, struct cws_event *view,
                          struct cws_error *err) {
  if (value != NULL && !json_is_string(value))
    return err_set(err, CWS_EBADEVENT, "timestamp: is not a string");
  const char *text = json_string_value(value);
  if (text != NULL && timestamp_parse(text, json_string_length(value), NULL))
    view->timestamp = text;
  else if (is_stored)
    return err_set(err, CWS_EBADEVENT, "timestamp: is %s",
                   text == NULL ? "missing" : "not RFC 3339 in UTC");
  return 0; /* a publisher's that is not valid: the hub's clock is taken */
}

static int read_event_id(const json_t *value, struct cws_event *view, struct cws_error *err) {
  if (value == NULL)
    return 0;
  if (!json_is_string(value))
    return err_set(err, CWS_EBADEVENT, "event_id: is not a string");
  view->event_id = json_string_value(value);
  return event_id_check(view->event_id, json_string_length(value), err);
}

/* A publisher's is checked and dropped: the hub gives the ids. */
static int read_message_id(const json_t *value, bool is_stored, struct cws_event *view,
                           struct cws_error *err) {
  int64_t id = json_integer_value(value);
  bool is_valid = is_stored ? id >= 1 && id < CWS_MESSAGE_ID_MAX
                            : value == NULL || json_is_null(value) || json_is_integer(value);
  if (!is_valid)
    return err_set(err, CWS_EBADEVENT, "message_id: is %s",
                   value == NULL ? "missing" : "not a whole number from 1 to 2^53 - 1");
  view->message_id = is_stored ? id : 0;
  return 0;
}

/* Where the strings of *view still lie in the parsed JSON. */
static int read_view(const json_t *object, bool is_stored, struct cws_event *view,
                     struct members *m, struct cws_error *err) {
  int rc = find_members(object, is_stored, m, err);
  if (rc == 0)
    rc = check_type(m->type, err);
  if (rc == 0) {
    view->type = json_string_value(m->type);
    rc = read_timestamp(m->timestamp, is_stored, view, err);
  }
  if (rc == 0)
    rc = read_event_id(m->event_id, view, err);
  if (rc == 0)
    rc = read_message_id(m->message_id, is_stored, view, err);
  return rc;
}

static char *put(char **to, const char *s, size_t len) {
  char *at = *to;
  memcpy(at, s, len);
  at[len] = '\0';
  *to += len + 1;
  return at;
}

/* Copies what *view points to into one block of its own. */
static struct cws_event_owned *own(const struct cws_event *view) {
  size_t type = strlen(view->type);
  size_t timestamp = view->timestamp != NULL ? strlen(view->timestamp) : 0;
  size_t event_id = view->event_id != NULL ? strlen(view->event_id) : 0;
  struct cws_event_owned *e = malloc(sizeof *e + type + timestamp + event_id + view->data_len + 4);
  if (e == NULL)
    return NULL;
  char *to = (char *)(e + 1);
  e->view.message_id = view->message_id;
  e->view.type = put(&to, view->type, type);
  e->view.timestamp = view->timestamp != NULL ? put(&to, view->timestamp, timestamp) : NULL;
  e->view.event_id = view->event_id != NULL ? put(&to, view->event_id, event_id) : NULL;
  char *data = put(&to, view->data, view->data_len);
  for (char *p = data; (p = strpbrk(p, "\r\n")) != NULL;)
    *p++ = ' '; /* only ever between tokens: inside a string JSON wants \n */
  e->view.data = data;
  e->view.data_len = view->data_len;
  return e;
}

int event_read(const json_t *object, const char *json, size_t len, bool is_stored,
               struct cws_event_owned **out, struct cws_error *err) {
  struct cws_event view = {.data = "{}", .data_len = 2};
  struct members m = {0};
  int rc = read_view(object, is_stored, &view, &m, err);
  if (rc != 0)
    return rc;
  size_t start, span;
  if (m.data != NULL && json_span_member(json, len, "data", &start, &span)) {
    view.data = json + start;
    view.data_len = span;
  }
  *out = own(&view);
  return *out != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

json_t *event_data_json(const json_t *object) {
  json_t *data = json_object_get(object, "data");
  return data != NULL ? json_incref(data) : json_object();
}

int event_size_check(size_t len, size_t max_bytes, struct cws_error *err) {
  size_t limit = max_bytes != 0 ? max_bytes : CWS_EVENT_BYTES_DEFAULT;
  if (len > limit)
    return err_set(err, CWS_ETOOLARGE, "the event has %zu bytes, at most %zu are allowed", len,
                   limit);
  return 0;
}

int event_parse(const char *json, size_t len, size_t max_bytes, struct cws_event_owned **out,
                json_t **data_json, struct cws_error *err) {
  struct cws_error detail = {0};
  json_t *object = NULL, *data = NULL;
  int rc = event_size_check(len, max_bytes, &detail);
  if (rc == 0 && (object = event_json_load(json, len, &detail)) == NULL)
    rc = detail.code;
  if (rc == 0 && data_json != NULL && (data = event_data_json(object)) == NULL)
    rc = err_set(&detail, CWS_ENOMEM, NULL);
  if (rc == 0)
    rc = event_read(object, json, len, false, out, &detail);
  json_decref(object);
  if (rc != 0) {
    json_decref(data);
    return err_set(err, rc, "%s", detail.message);
  }
  if (data_json != NULL)
    *data_json = data;
  return 0;
}

int cws_event_parse(const char *json, size_t len, size_t max_bytes, struct cws_event_owned **out,
                    struct cws_error *err) {
  return event_parse(json, len, max_bytes, out, NULL, err);
}

int cws_event_parse_stored(const char *json, size_t len, struct cws_event_owned **out,
                           struct cws_error *err) {
  struct cws_error detail = {0};
  json_t *object = event_json_load(json, len, &detail);
  int rc = object != NULL ? event_read(object, json, len, true, out, &detail) : detail.code;
  json_decref(object);
  return rc != 0 ? err_set(err, rc, "%s", detail.message) : 0;
}

/* ---- from parts ---- */

/* Checks that it is one JSON value and leaves out the blanks around it, as the wire's are. */
static int check_data(struct cws_event *view, struct cws_error *err) {
  static const char BLANKS[] = " \t\r\n";
  struct cws_error detail = {0};
  json_t *data = event_json_load(view->data, view->data_len, &detail);
  if (data == NULL)
    return err_set(err, detail.code == CWS_ENOMEM ? CWS_ENOMEM : CWS_EBADEVENT, "data: %s",
                   detail.message);
  json_decref(data);
  while (strchr(BLANKS, *view->data) != NULL) {
    view->data++;
    view->data_len--;
  }
  while (strchr(BLANKS, view->data[view->data_len - 1]) != NULL)
    view->data_len--;
  return 0;
}

static int check_parts(struct cws_event *view, struct cws_error *err) {
  if (view->type == NULL)
    return err_set(err, CWS_EBADEVENT, "type: is missing");
  int rc = cws_event_type_check(view->type, strlen(view->type), err);
  if (rc == 0 && view->event_id != NULL)
    rc = event_id_check(view->event_id, strlen(view->event_id), err);
  if (rc == 0 && view->timestamp != NULL &&
      !timestamp_parse(view->timestamp, strlen(view->timestamp), NULL))
    rc = err_set(err, CWS_EBADEVENT, "timestamp: is not RFC 3339 in UTC, as 2026-11-23T08:00:00Z");
  return rc == 0 ? check_data(view, err) : rc;
}

int event_new(const struct cws_event *parts, struct cws_event_owned **out, struct cws_error *err) {
  struct cws_event view = *parts;
  if (view.data == NULL) {
    view.data = "{}";
    view.data_len = 2;
  }
  int rc = check_parts(&view, err);
  if (rc != 0)
    return rc;
  *out = own(&view);
  return *out != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

const struct cws_event *cws_event_view(const struct cws_event_owned *event) {
  return &event->view;
}

void cws_event_free(struct cws_event_owned *event) {
  free(event);
}
