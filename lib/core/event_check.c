/* event_check: what an event's type and event_id may look like. PROTOCOL "Event". */
#include <string.h>

#include "lib/core/err.h"
#include "lib/core/event.h"

static const char *const CONTROL_TYPES[] = {
    "connection_established",
    "heartbeat",
    "gap",
    "replay_complete",
    "published",
    "protocol_error",
    "bye",
    "ack",
    "heartbeat_response",
    "reconnect",
    "publish",
};

bool event_type_is_control(const char *type, size_t len) {
  for (size_t i = 0; i < sizeof CONTROL_TYPES / sizeof CONTROL_TYPES[0]; i++) {
    if (strlen(CONTROL_TYPES[i]) == len && memcmp(CONTROL_TYPES[i], type, len) == 0)
      return true;
  }
  return false;
}

static bool is_type_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

int cws_event_type_check(const char *type, size_t len, struct cws_error *err) {
  if (len == 0)
    return err_set(err, CWS_EBADEVENT, "type: is empty");
  if (len > CWS_EVENT_TYPE_MAX)
    return err_set(err, CWS_EBADEVENT, "type: has %zu bytes, at most %d are allowed", len,
                   CWS_EVENT_TYPE_MAX);
  for (size_t i = 0; i < len; i++) {
    if (!is_type_char(type[i]))
      return err_set(err, CWS_EBADEVENT, "type: byte %zu is not one of A-Z a-z 0-9 . _ -", i + 1);
  }
  if (event_type_is_control(type, len))
    return err_set(err, CWS_EBADEVENT, "type: '%.*s' is a message of the protocol itself", (int)len,
                   type);
  return 0;
}

int event_id_check(const char *id, size_t len, struct cws_error *err) {
  if (len == 0)
    return err_set(err, CWS_EBADEVENT, "event_id: is empty");
  if (len > CWS_EVENT_ID_MAX)
    return err_set(err, CWS_EBADEVENT, "event_id: has %zu bytes, at most %d are allowed", len,
                   CWS_EVENT_ID_MAX);
  for (size_t i = 0; i < len; i++) {
    if (id[i] <= ' ' || id[i] > '~')
      return err_set(err, CWS_EBADEVENT, "event_id: byte %zu is not printable ASCII without blanks",
                     i + 1);
  }
  return 0;
}
