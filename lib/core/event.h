/*
 * event: what the hub needs of an event beyond the public header: a parse that
 * keeps the parsed JSON for the summary, so that no event is parsed twice.
 */
#ifndef CWS_CORE_EVENT_H
#define CWS_CORE_EVENT_H

#include "lib/core/buf.h"
#include <councilws/event.h>
#include <jansson.h>

/* As cws_event_parse; in addition *data_json receives a new reference to the parsed `data`
 * (numbers may have lost digits: for reading facts, never for passing on). May be NULL. */
int event_parse(const char *json, size_t len, size_t max_bytes, struct cws_event_owned **out,
                json_t **data_json, struct cws_error *err);

/* Makes an event from parts; each is checked as if it had come as JSON. `data` NULL means {}.
 * Used by the client API and the command line. */
int event_new(const struct cws_event *parts, struct cws_event_owned **out, struct cws_error *err);

/* Appends the wire form. */
void event_append(struct buf *b, const struct cws_event *event, bool with_event_id);

/* Whether `type` is one of the protocol's control types. */
bool event_type_is_control(const char *type, size_t len);

/* A 64-bit fingerprint of type and data, to tell a retried event_id from a reused one.
 * Truncated SHA-256: collisions only ever hurt whoever makes them. */
uint64_t event_fingerprint(const struct cws_event *event);

/* Reads one JSON value as every event is checked: json_read.h says how strictly. Fills err with
 * CWS_EBADJSON, "line L column C: …". The caller owns the result. */
json_t *event_json_load(const char *json, size_t len, struct cws_error *err);

/* ---- for text that is already read ---- */

/* Makes an event of `object`, which was read from json[0..len). As cws_event_parse, or with
 * `is_stored` as cws_event_parse_stored; checks no size. */
int event_read(const json_t *object, const char *json, size_t len, bool is_stored,
               struct cws_event_owned **out, struct cws_error *err);

/* A new reference to the event's data, or to {} where it has none. NULL on CWS_ENOMEM. */
json_t *event_data_json(const json_t *object);

/* CWS_ETOOLARGE for an event of more than max_bytes; 0 is CWS_EVENT_BYTES_DEFAULT. */
int event_size_check(size_t len, size_t max_bytes, struct cws_error *err);

/* 1 to CWS_EVENT_ID_MAX bytes of printable ASCII without blanks, else CWS_EBADEVENT. */
int event_id_check(const char *id, size_t len, struct cws_error *err);

#endif
