/* protocol_hub: the messages of a hub, written and read. PROTOCOL "Hub to client". */
#include <string.h>

#include "lib/core/err.h"
#include "lib/core/event.h"
#include "lib/core/protocol.h"
#include "lib/core/timestamp.h"

#define SECONDS_MAX 3155760000.0 /* 100 years, as units.h */

/* ---- writing ---- */

/* {"type":T,"timestamp":NOW[,"message_id":N],"data":{ — close with end(). */
static void begin(struct buf *b, const char *type, int64_t now_ms, int64_t message_id) {
  char stamp[TIMESTAMP_BUF];
  buf_add_str(b, "{\"type\":\"");
  buf_add_str(b, type);
  buf_add_str(b, "\",\"timestamp\":\"");
  buf_add_str(b, timestamp_format(now_ms, stamp));
  buf_add_char(b, '"');
  if (message_id >= 0) {
    buf_add_str(b, ",\"message_id\":");
    buf_add_i64(b, message_id);
  }
  buf_add_str(b, ",\"data\":{");
}

static void end(struct buf *b) {
  buf_add_str(b, "}}");
}

/* Adds "name": with a comma before all but the first member. */
static void name(struct buf *b, const char *member) {
  if (b->failed)
    return;
  if (b->len > 0 && b->data[b->len - 1] != '{')
    buf_add_char(b, ',');
  buf_add_char(b, '"');
  buf_add_str(b, member);
  buf_add_str(b, "\":");
}

static void add_str(struct buf *b, const char *member, const char *value) {
  name(b, member);
  buf_add_json_str(b, value, strlen(value));
}

static void add_int(struct buf *b, const char *member, int64_t value) {
  name(b, member);
  buf_add_i64(b, value);
}

static void add_bool(struct buf *b, const char *member, bool value) {
  name(b, member);
  buf_add_str(b, value ? "true" : "false");
}

/* Milliseconds as seconds: 30, or 0.25. */
static void add_seconds(struct buf *b, const char *member, int64_t ms) {
  name(b, member);
  buf_add_i64(b, ms / 1000);
  if (ms % 1000 == 0)
    return;
  char fraction[8] = {'.', (char)('0' + ms / 100 % 10), (char)('0' + ms / 10 % 10),
                      (char)('0' + ms % 10)};
  for (size_t i = 3; fraction[i] == '0'; i--)
    fraction[i] = '\0';
  buf_add_str(b, fraction);
}

static void add_ref(struct buf *b, const char *ref_json) {
  if (ref_json == NULL)
    return;
  name(b, "ref");
  buf_add_str(b, ref_json);
}

void hub_format_hello(struct buf *b, const struct hub_hello *h, int64_t now_ms) {
  begin(b, "connection_established", now_ms, h->resume_from);
  add_str(b, "request_id", h->request_id);
  add_str(b, "connection_id", h->connection_id);
  add_str(b, "subscriber", h->subscriber);
  add_str(b, "epoch", h->epoch);
  add_int(b, "first_message_id", h->first_message_id);
  add_int(b, "last_message_id", h->last_message_id);
  add_int(b, "resume_from", h->resume_from);
  add_seconds(b, "heartbeat_interval", h->heartbeat_interval_ms);
  add_seconds(b, "inactivity_timeout", h->inactivity_timeout_ms);
  if (h->no_events) {
    name(b, "watch");
    buf_add_str(b, "false");
  }
  add_str(b, "message", "connected");
  end(b);
}

void hub_format_heartbeat(struct buf *b, int64_t last_message_id, int64_t now_ms) {
  begin(b, "heartbeat", now_ms, -1);
  add_int(b, "last_message_id", last_message_id);
  end(b);
}

void hub_format_gap(struct buf *b, int64_t from, int64_t to, const char *reason, const char *epoch,
                    int64_t now_ms) {
  begin(b, "gap", now_ms, -1);
  add_int(b, "from", from);
  if (to < 0) {
    name(b, "to");
    buf_add_str(b, "null");
  } else {
    add_int(b, "to", to);
  }
  add_str(b, "reason", reason);
  if (epoch != NULL)
    add_str(b, "epoch", epoch);
  end(b);
}

void hub_format_replay_complete(struct buf *b, int64_t last_message_id, int64_t now_ms) {
  begin(b, "replay_complete", now_ms, -1);
  add_int(b, "last_message_id", last_message_id);
  end(b);
}

void hub_format_published(struct buf *b, int64_t message_id, bool duplicate, const char *ref_json,
                          int64_t now_ms) {
  begin(b, "published", now_ms, -1);
  add_int(b, "message_id", message_id);
  add_bool(b, "duplicate", duplicate);
  add_ref(b, ref_json);
  end(b);
}

void hub_format_protocol_error(struct buf *b, const struct cws_error *e, const char *ref_json,
                               int64_t now_ms) {
  begin(b, "protocol_error", now_ms, -1);
  add_str(b, "code", cws_error_name(e->code));
  add_str(b, "message", e->message[0] != '\0' ? e->message : cws_error_text(e->code));
  add_bool(b, "temporary", cws_error_is_temporary(e->code));
  add_ref(b, ref_json);
  end(b);
}

void hub_format_bye(struct buf *b, int code, const char *reason, bool reconnect,
                    int64_t retry_after_ms, int64_t resume_from, int64_t now_ms) {
  begin(b, "bye", now_ms, -1);
  add_int(b, "code", code);
  add_str(b, "reason", reason);
  add_bool(b, "reconnect", reconnect);
  add_int(b, "retry_after_ms", retry_after_ms);
  add_int(b, "resume_from", resume_from);
  end(b);
}

/* ---- reading ---- */

static int wrong(struct cws_error *err, const char *type, const char *member) {
  return err_set(err, CWS_EPROTOCOL, "the hub's %s has no valid %s", type, member);
}

static bool get_str(const json_t *data, const char *member, const char **out) {
  *out = json_string_value(json_object_get(data, member));
  return *out != NULL;
}

/* A whole number from 0 to 2^53 - 1; 0 where there is none. */
static bool get_int(const json_t *data, const char *member, int64_t *out) {
  int64_t v = json_integer_value(json_object_get(data, member));
  bool is_valid =
      json_is_integer(json_object_get(data, member)) && v >= 0 && v < CWS_MESSAGE_ID_MAX;
  *out = is_valid ? v : 0;
  return is_valid;
}

/* A number of seconds, fractions allowed. */
static bool get_seconds(const json_t *data, const char *member, int64_t *ms) {
  const json_t *value = json_object_get(data, member);
  double v = json_number_value(value);
  bool is_valid = json_is_number(value) && v >= 0 && v <= SECONDS_MAX;
  *ms = is_valid ? (int64_t)(v * 1000 + 0.5) : 0;
  return is_valid;
}

static int read_hello(struct hub_message *m, const json_t *data, struct cws_error *err) {
  struct hub_hello *h = &m->hello;
  if (!get_str(data, "request_id", &h->request_id) ||
      !get_str(data, "connection_id", &h->connection_id))
    return wrong(err, "connection_established", "request_id or connection_id");
  if (!get_str(data, "subscriber", &h->subscriber) || !get_str(data, "epoch", &h->epoch))
    return wrong(err, "connection_established", "subscriber or epoch");
  if (!get_int(data, "first_message_id", &h->first_message_id) ||
      !get_int(data, "last_message_id", &h->last_message_id) ||
      !get_int(data, "resume_from", &h->resume_from))
    return wrong(err, "connection_established", "position");
  if (!get_seconds(data, "heartbeat_interval", &h->heartbeat_interval_ms) ||
      !get_seconds(data, "inactivity_timeout", &h->inactivity_timeout_ms))
    return wrong(err, "connection_established", "heartbeat_interval or inactivity_timeout");
  h->no_events = json_is_false(json_object_get(data, "watch"));
  return 0;
}

static int read_gap(struct hub_message *m, const json_t *data, struct cws_error *err) {
  if (!get_int(data, "from", &m->from) || !get_str(data, "reason", &m->reason))
    return wrong(err, "gap", "from or reason");
  if (!get_int(data, "to", &m->to))
    m->to = -1;
  get_str(data, "epoch", &m->epoch);
  return 0;
}

static int read_last(struct hub_message *m, const json_t *data, struct cws_error *err) {
  if (get_int(data, "last_message_id", &m->last_message_id))
    return 0;
  return wrong(err, m->kind == HUB_HEARTBEAT ? "heartbeat" : "replay_complete", "last_message_id");
}

static int read_published(struct hub_message *m, const json_t *data, struct cws_error *err) {
  if (!get_int(data, "message_id", &m->message_id))
    return wrong(err, "published", "message_id");
  m->duplicate = json_is_true(json_object_get(data, "duplicate"));
  m->ref = json_object_get(data, "ref");
  return 0;
}

static int read_protocol_error(struct hub_message *m, const json_t *data, struct cws_error *err) {
  const char *code, *message;
  if (!get_str(data, "code", &code))
    return wrong(err, "protocol_error", "code");
  int number = cws_error_from_name(code);
  if (get_str(data, "message", &message))
    err_set(&m->error, number, "%s", message);
  else
    err_set(&m->error, number, NULL);
  m->ref = json_object_get(data, "ref");
  return 0;
}

static int read_bye(struct hub_message *m, const json_t *data, struct cws_error *err) {
  int64_t code;
  if (!get_int(data, "code", &code) || code < 1000 || code > 4999)
    return wrong(err, "bye", "code");
  m->code = (int)code;
  if (!get_str(data, "reason", &m->reason))
    m->reason = "";
  m->reconnect = json_is_true(json_object_get(data, "reconnect"));
  get_int(data, "retry_after_ms", &m->retry_after_ms);
  get_int(data, "resume_from", &m->resume_from);
  return 0;
}

static const struct {
  const char *type;
  enum hub_message_kind kind;
  int (*read)(struct hub_message *m, const json_t *data, struct cws_error *err);
} READERS[] = {
    {"connection_established", HUB_HELLO, read_hello},
    {"heartbeat", HUB_HEARTBEAT, read_last},
    {"gap", HUB_GAP, read_gap},
    {"replay_complete", HUB_REPLAY_COMPLETE, read_last},
    {"published", HUB_PUBLISHED, read_published},
    {"protocol_error", HUB_PROTOCOL_ERROR, read_protocol_error},
    {"bye", HUB_BYE, read_bye},
};

static int read_event(const char *text, size_t len, struct hub_message *m, struct cws_error *err) {
  struct cws_error detail = {0};
  m->kind = HUB_EVENT;
  int rc = event_read(m->json, text, len, true, &m->event, &detail);
  if (rc == 0)
    return 0;
  if (rc == CWS_ENOMEM)
    return err_set(err, rc, NULL);
  return err_set(err, CWS_EPROTOCOL, "the hub sent what is no event: %s", detail.message);
}

int hub_message_parse(const char *text, size_t len, struct hub_message *m, struct cws_error *err) {
  memset(m, 0, sizeof *m);
  struct cws_error detail = {0};
  m->json = event_json_load(text, len, &detail);
  if (m->json == NULL)
    return detail.code == CWS_ENOMEM
               ? err_set(err, CWS_ENOMEM, NULL)
               : err_set(err, CWS_EPROTOCOL, "the hub sent what is no JSON: %s", detail.message);
  const char *type = json_string_value(json_object_get(m->json, "type"));
  if (type == NULL)
    return err_set(err, CWS_EPROTOCOL, "the hub sent a message without a type");
  for (size_t i = 0; i < sizeof READERS / sizeof READERS[0]; i++) {
    if (strcmp(READERS[i].type, type) == 0) {
      m->kind = READERS[i].kind;
      return READERS[i].read(m, json_object_get(m->json, "data"), err);
    }
  }
  if (json_object_get(m->json, "message_id") != NULL)
    return read_event(text, len, m, err);
  m->kind = HUB_OTHER;
  return 0;
}

void hub_message_finish(struct hub_message *m) {
  if (m == NULL)
    return;
  cws_event_free(m->event);
  json_decref(m->json);
  memset(m, 0, sizeof *m);
}
