/*
 * protocol: the JSON messages of the WebSocket endpoint that are not events,
 * both ways, for both roles. Text in, struct out, and back. PROTOCOL "WebSocket".
 */
#ifndef CWS_CORE_PROTOCOL_H
#define CWS_CORE_PROTOCOL_H

#include "lib/core/buf.h"
#include <councilws/event.h>
#include <jansson.h>

#define PROTOCOL_SUBPROTOCOL "councilws.v1"
#define PROTOCOL_REF_MAX 1024 /* bytes of a publish's ref */

/* ---- client to hub ---- */

enum client_message_kind {
  CLIENT_ACK,
  CLIENT_HEARTBEAT_RESPONSE,
  CLIENT_RECONNECT,
  CLIENT_PUBLISH,
};

struct client_message {
  enum client_message_kind kind;
  int64_t message_id;      /* ack; -1 where the message has none (it then acknowledges nothing) */
  int64_t last_message_id; /* reconnect; -1 where absent */
  struct cws_event_owned *event; /* publish */
  json_t *data_json;             /* publish: parsed data, see event_parse */
  char *ref;                     /* publish: JSON text of ref, or NULL; echoed as it came */
  size_t ref_len;
};

/* Reads one message. message_id is accepted at the top level and inside `data` (the first
 * system's clients did both). For a publish that fails, m->ref is still set where it could be read,
 * so that the error can name it. CWS_EBADJSON, CWS_EBADREQUEST (unknown type, wrong field),
 * CWS_EBADEVENT, CWS_ETOOLARGE. Call client_message_finish in every case. */
int client_message_parse(const char *text, size_t len, size_t max_event_bytes,
                         struct client_message *m, struct cws_error *err);
void client_message_finish(struct client_message *m);

void client_format_ack(struct buf *b, int64_t message_id);
void client_format_heartbeat_response(struct buf *b);
void client_format_reconnect(struct buf *b, int64_t last_message_id); /* -1: leave it out */
void client_format_publish(struct buf *b, const struct cws_event *event, const char *ref_json);

/* ---- hub to client ---- */

struct hub_hello {
  const char *request_id, *connection_id, *subscriber, *epoch;
  int64_t first_message_id, last_message_id, resume_from;
  int64_t heartbeat_interval_ms, inactivity_timeout_ms; /* on the wire in seconds */
  bool no_events; /* the token may publish, but not watch; on the wire as watch: false */
};

/* Each appends one message as JSON. `now_ms` becomes its timestamp. */
void hub_format_hello(struct buf *b, const struct hub_hello *h, int64_t now_ms);
void hub_format_heartbeat(struct buf *b, int64_t last_message_id, int64_t now_ms);
/* to < 0: not known, written as null. */
void hub_format_gap(struct buf *b, int64_t from, int64_t to, const char *reason, const char *epoch,
                    int64_t now_ms);
void hub_format_replay_complete(struct buf *b, int64_t last_message_id, int64_t now_ms);
void hub_format_published(struct buf *b, int64_t message_id, bool duplicate, const char *ref_json,
                          int64_t now_ms);
void hub_format_protocol_error(struct buf *b, const struct cws_error *e, const char *ref_json,
                               int64_t now_ms);
void hub_format_bye(struct buf *b, int code, const char *reason, bool reconnect,
                    int64_t retry_after_ms, int64_t resume_from, int64_t now_ms);

enum hub_message_kind {
  HUB_EVENT,
  HUB_HELLO,
  HUB_HEARTBEAT,
  HUB_GAP,
  HUB_REPLAY_COMPLETE,
  HUB_PUBLISHED,
  HUB_PROTOCOL_ERROR,
  HUB_BYE,
  HUB_OTHER, /* a control type of a newer hub: to be ignored */
};

/* Strings point into `json` or `event`; valid until hub_message_finish. */
struct hub_message {
  enum hub_message_kind kind;
  json_t *json;
  struct cws_event_owned *event; /* HUB_EVENT */
  struct hub_hello hello;
  int64_t message_id; /* published */
  int64_t last_message_id;
  int64_t from, to;  /* gap; to -1: not known */
  const char *epoch; /* gap: the epoch that goes on, or NULL */
  const char *reason;
  int code; /* bye: close code */
  bool reconnect, duplicate;
  int64_t retry_after_ms, resume_from;
  struct cws_error error; /* protocol_error */
  json_t *ref;            /* borrowed from json, or NULL */
};

/* CWS_EPROTOCOL with what is wrong. Call hub_message_finish in every case. */
int hub_message_parse(const char *text, size_t len, struct hub_message *m, struct cws_error *err);
void hub_message_finish(struct hub_message *m);

#endif
