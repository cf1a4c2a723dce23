/* protocol_client: the messages of a client, written and read. PROTOCOL "Client to hub". */
#include <stdlib.h>
#include <string.h>

#include "lib/core/err.h"
#include "lib/core/event.h"
#include "lib/core/json_span.h"
#include "lib/core/protocol.h"

/* ---- reading ---- */

/* At the top level or, as the first system's clients also did, inside data. */
static const json_t *find_id(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  return value != NULL && !json_is_null(value)
             ? value
             : json_object_get(json_object_get(object, "data"), name);
}

/* -1 where it is absent or null. */
static int read_id(const json_t *object, const char *name, int64_t *id, struct cws_error *err) {
  const json_t *value = find_id(object, name);
  *id = -1;
  if (value == NULL || json_is_null(value))
    return 0;
  if (!json_is_integer(value) || json_integer_value(value) < 0 ||
      json_integer_value(value) >= CWS_MESSAGE_ID_MAX)
    return err_set(err, CWS_EBADREQUEST, "%s: is not a whole number from 0 to 2^53 - 1", name);
  *id = json_integer_value(value);
  return 0;
}

static int read_ref(const char *text, size_t len, struct client_message *m, struct cws_error *err) {
  size_t start, span;
  if (!json_span_member(text, len, "ref", &start, &span))
    return 0;
  if (span > PROTOCOL_REF_MAX)
    return err_set(err, CWS_EBADREQUEST, "ref: has %zu bytes, at most %d are allowed", span,
                   PROTOCOL_REF_MAX);
  m->ref = malloc(span + 1);
  if (m->ref == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  memcpy(m->ref, text + start, span);
  m->ref[span] = '\0';
  m->ref_len = span;
  return 0;
}

static int read_publish(const json_t *object, const char *text, size_t len, size_t max_event_bytes,
                        struct client_message *m, struct cws_error *err) {
  size_t start, span;
  const json_t *event = json_object_get(object, "event");
  int rc = read_ref(text, len, m, err);
  if (rc != 0)
    return rc;
  if (event == NULL || !json_span_member(text, len, "event", &start, &span))
    return err_set(err, CWS_EBADREQUEST, "event: is missing");
  rc = event_size_check(span, max_event_bytes, err);
  if (rc == 0)
    rc = event_read(event, text + start, span, false, &m->event, err);
  if (rc == 0 && (m->data_json = event_data_json(event)) == NULL)
    rc = err_set(err, CWS_ENOMEM, NULL);
  return rc;
}

static const struct {
  const char *type;
  enum client_message_kind kind;
} KINDS[] = {
    {"ack", CLIENT_ACK},
    {"heartbeat_response", CLIENT_HEARTBEAT_RESPONSE},
    {"reconnect", CLIENT_RECONNECT},
    {"publish", CLIENT_PUBLISH},
};

static int read_kind(const json_t *object, struct client_message *m, struct cws_error *err) {
  const json_t *type = json_object_get(object, "type");
  if (!json_is_object(object))
    return err_set(err, CWS_EBADREQUEST, "a message is a JSON object");
  if (!json_is_string(type))
    return err_set(err, CWS_EBADREQUEST, "type: is missing or not a string");
  for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
    if (json_string_length(type) == strlen(KINDS[i].type) &&
        strcmp(KINDS[i].type, json_string_value(type)) == 0) {
      m->kind = KINDS[i].kind;
      return 0;
    }
  }
  return err_set(err, CWS_EBADREQUEST,
                 "type: '%.64s' is not one of ack, heartbeat_response, reconnect, publish",
                 json_string_value(type));
}

int client_message_parse(const char *text, size_t len, size_t max_event_bytes,
                         struct client_message *m, struct cws_error *err) {
  memset(m, 0, sizeof *m);
  m->message_id = m->last_message_id = -1;
  struct cws_error detail = {0};
  json_t *object = event_json_load(text, len, &detail);
  int rc = object != NULL ? read_kind(object, m, &detail) : detail.code;
  if (rc == 0 && m->kind == CLIENT_ACK)
    rc = read_id(object, "message_id", &m->message_id, &detail);
  else if (rc == 0 && m->kind == CLIENT_RECONNECT)
    rc = read_id(object, "last_message_id", &m->last_message_id, &detail);
  else if (rc == 0 && m->kind == CLIENT_PUBLISH)
    rc = read_publish(object, text, len, max_event_bytes, m, &detail);
  json_decref(object);
  return rc != 0 ? err_set(err, rc, "%s", detail.message) : 0;
}

void client_message_finish(struct client_message *m) {
  if (m == NULL)
    return;
  cws_event_free(m->event);
  json_decref(m->data_json);
  free(m->ref);
  memset(m, 0, sizeof *m);
}

/* ---- writing ---- */

void client_format_ack(struct buf *b, int64_t message_id) {
  buf_add_str(b, "{\"type\":\"ack\",\"message_id\":");
  buf_add_i64(b, message_id);
  buf_add_char(b, '}');
}

void client_format_heartbeat_response(struct buf *b) {
  buf_add_str(b, "{\"type\":\"heartbeat_response\"}");
}

void client_format_reconnect(struct buf *b, int64_t last_message_id) {
  buf_add_str(b, "{\"type\":\"reconnect\"");
  if (last_message_id >= 0) {
    buf_add_str(b, ",\"last_message_id\":");
    buf_add_i64(b, last_message_id);
  }
  buf_add_char(b, '}');
}

void client_format_publish(struct buf *b, const struct cws_event *event, const char *ref_json) {
  struct cws_event unnumbered = *event;
  unnumbered.message_id = 0;
  buf_add_str(b, "{\"type\":\"publish\",\"event\":");
  event_append(b, &unnumbered, true);
  if (ref_json != NULL) {
    buf_add_str(b, ",\"ref\":");
    buf_add_str(b, ref_json);
  }
  buf_add_char(b, '}');
}
