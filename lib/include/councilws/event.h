/*
 * Events: one immutable JSON message of a request.
 *
 * On the wire and on disk an event is one line:
 *   {"type":"…","timestamp":"…","message_id":N,"data":…}
 * `data` is checked and then passed on byte for byte: 0.0012 stays 0.0012, long
 * integers keep every digit, key order stays. The one exception: line breaks
 * between its tokens become spaces (a JSON string cannot hold one), so that an
 * event is one line everywhere.
 */
#ifndef COUNCILWS_EVENT_H
#define COUNCILWS_EVENT_H

#include <councilws/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CWS_REQUEST_ID_MAX 128 /* characters; PROTOCOL "Nouns" */
#define CWS_EVENT_TYPE_MAX 64  /* characters; PROTOCOL "Event" */
#define CWS_EVENT_ID_MAX 128   /* bytes of an event_id or Idempotency-Key */
#define CWS_SUBSCRIBER_MAX 256 /* bytes of a subscriber's name */
#define CWS_EPOCH_MAX 16       /* characters of an epoch */
#define CWS_MESSAGE_ID_MAX                                                                         \
  ((int64_t)1 << 53) /* first integer a double cannot tell from its neighbour */
#define CWS_EVENT_BYTES_DEFAULT (256 * 1024)

/* A borrowed view of an event. Strings are NUL-terminated; none is ever NULL except
 * `event_id`, and `timestamp` of an event that is still to be published without one. */
struct cws_event {
  const char *type;
  const char *timestamp; /* RFC 3339, UTC, ends in Z */
  int64_t message_id;    /* 1, 2, 3 … ; 0 where the hub has not given one yet */
  const char *data;      /* one JSON value, `data_len` bytes, NUL behind it */
  size_t data_len;
  const char *event_id; /* the publisher's own id for safe retries, or NULL */
};

/* An event in memory of its own. */
struct cws_event_owned;

/*
 * Reads one event of `len` bytes of JSON as a publisher writes it: an object with `type`
 * and, optionally, `timestamp`, `data`, `event_id`, `message_id` (ignored: the hub gives
 * ids). Unknown members are refused, since a misspelt one would lose data in silence.
 * `max_bytes` limits `len`; 0 means CWS_EVENT_BYTES_DEFAULT.
 * Errors: CWS_EBADJSON (message names line and column), CWS_EBADEVENT (names the field),
 * CWS_ETOOLARGE, CWS_ENOMEM. On success *out is the caller's, to be freed. Any thread.
 */
CWS_API int cws_event_parse(const char *json, size_t len, size_t max_bytes,
                            struct cws_event_owned **out, struct cws_error *err);

/* Reads one event as a hub writes it: as above, but `timestamp` and `message_id` are
 * required and unknown members are ignored. */
CWS_API int cws_event_parse_stored(const char *json, size_t len, struct cws_event_owned **out,
                                   struct cws_error *err);

/* The view of an owned event; valid until it is freed. */
CWS_API const struct cws_event *cws_event_view(const struct cws_event_owned *event);

/* Frees it; NULL is fine. */
CWS_API void cws_event_free(struct cws_event_owned *event);

/* Writes `event` in its wire form to a new string of *len bytes (NUL behind them) that the
 * caller frees with free(). message_id and timestamp are left out where they are 0 and NULL;
 * event_id is written only when `with_event_id`. NULL on CWS_ENOMEM. Any thread. */
CWS_API char *cws_event_format(const struct cws_event *event, bool with_event_id, size_t *len);

/* 0 if `type` may be published, else CWS_EBADEVENT: bad characters or length, or a control
 * type of the protocol (ack, heartbeat, gap, …). */
CWS_API int cws_event_type_check(const char *type, size_t len, struct cws_error *err);

/* Milliseconds since 1970 of an RFC 3339 time in UTC that ends in Z. CWS_EINVAL. Any thread. */
CWS_API int cws_timestamp_parse(const char *timestamp, int64_t *ms);

/* 0 if `id` is a request_id: 1–128 of A-Z a-z 0-9 . _ ~ : - and not "status"; else CWS_EBADREQUEST.
 */
CWS_API int cws_request_id_check(const char *id, size_t len, struct cws_error *err);

#ifdef __cplusplus
}
#endif
#endif
