/*
 * Errors of libcouncilws: one table of codes for both roles.
 *
 * Every function that can fail returns 0 or a negative CWS_E… code. Where a
 * struct cws_error * is taken it may be NULL; on failure the callee fills it
 * once, with the first thing that went wrong. Nothing here touches errno.
 */
#ifndef COUNCILWS_ERROR_H
#define COUNCILWS_ERROR_H

#include <stdbool.h>

#if defined(__GNUC__)
#define CWS_API __attribute__((visibility("default")))
#define CWS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CWS_API
#define CWS_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * name: what the wire says ("error.code"), also what cws_error_name() returns.
 * status: the HTTP status that carries it, 0 where it never crosses the wire.
 * temporary: whether the same call may succeed later.
 */
#define CWS_ERROR_TABLE(X)                                                                         \
  X(CWS_ENOMEM, -1, "out_of_memory", 503, true, "out of memory")                                   \
  X(CWS_EINVAL, -2, "invalid_argument", 0, false, "invalid argument")                              \
  X(CWS_ESYSTEM, -3, "system", 0, false, "the operating system refused")                           \
  X(CWS_EBADJSON, -4, "bad_json", 400, false, "not valid JSON")                                    \
  X(CWS_EBADREQUEST, -5, "bad_request", 400, false, "bad request")                                 \
  X(CWS_ENOTOKEN, -6, "no_token", 401, false, "a token is required")                               \
  X(CWS_EBADTOKEN, -7, "bad_token", 401, false, "the token is not valid")                          \
  X(CWS_ETOKENEXPIRED, -8, "token_expired", 401, false, "the token has expired")                   \
  X(CWS_EFORBIDDEN, -9, "forbidden", 403, false, "not allowed")                                    \
  X(CWS_EBADORIGIN, -10, "bad_origin", 403, false, "this origin is not allowed")                   \
  X(CWS_EUNKNOWNREQUEST, -11, "unknown_request", 404, false, "no such request")                    \
  X(CWS_EUNKNOWNROUTE, -12, "unknown_route", 404, false, "no such route")                          \
  X(CWS_EMETHOD, -13, "method_not_allowed", 405, false, "method not allowed")                      \
  X(CWS_EEVENTIDREUSED, -14, "event_id_reused", 409, false,                                        \
    "this event id was used for another content")                                                  \
  X(CWS_EEPOCHCHANGED, -15, "epoch_changed", 410, false, "the stream began anew")                  \
  X(CWS_ETOOLARGE, -16, "too_large", 413, false, "too large")                                      \
  X(CWS_EMEDIATYPE, -17, "unsupported_media_type", 415, false, "unsupported media type")           \
  X(CWS_EBADEVENT, -18, "bad_event", 422, false, "not a valid event")                              \
  X(CWS_ERATELIMITED, -19, "rate_limited", 429, true, "too many events")                           \
  X(CWS_ETOOMANYCONNECTIONS, -20, "too_many_connections", 429, true, "too many connections")       \
  X(CWS_EHEADERSTOOLARGE, -21, "headers_too_large", 431, false, "headers too large")               \
  X(CWS_EINTERNAL, -22, "internal", 500, true, "internal error")                                   \
  X(CWS_EDRAINING, -23, "draining", 503, true, "the hub is shutting down")                         \
  X(CWS_ESTORE, -24, "store_unavailable", 503, true, "the store cannot take it now")               \
  X(CWS_EUNKNOWNOUTCOME, -25, "unknown_outcome", 503, true,                                        \
    "it may be stored or not; retry with the same event id")                                       \
  X(CWS_ECORRUPT, -26, "corrupt", 500, false, "the store is damaged")                              \
  X(CWS_ECANCELED, -27, "canceled", 0, false, "canceled")                                          \
  X(CWS_EHOST, -28, "host_not_found", 0, true, "host not found")                                   \
  X(CWS_ECONNECT, -29, "cannot_connect", 0, true, "cannot connect")                                \
  X(CWS_EDISCONNECTED, -30, "disconnected", 0, true, "the connection was lost")                    \
  X(CWS_ETLS, -31, "tls", 0, false, "TLS failed")                                                  \
  X(CWS_EPROTOCOL, -32, "protocol", 0, false, "the peer broke the protocol")                       \
  X(CWS_ETIMEOUT, -33, "timeout", 408, true, "timed out")                                          \
  X(CWS_ECONFIG, -34, "config", 0, false, "bad configuration")                                     \
  X(CWS_ENOTFOUND, -35, "not_found", 0, false, "not found")                                        \
  X(CWS_EBUSY, -36, "busy", 503, true, "too much is pending")                                      \
  X(CWS_EDELETED, -37, "deleted", 410, false, "the request was deleted")                           \
  X(CWS_EREVOKED, -38, "revoked", 403, false, "access was revoked")                                \
  X(CWS_EEXPECTATION, -39, "expectation_failed", 417, false, "the expectation cannot be met")

enum cws_error_code {
  CWS_OK = 0,
#define CWS_ERROR_ENUM(symbol, value, name, status, temporary, text) symbol = (value),
  CWS_ERROR_TABLE(CWS_ERROR_ENUM)
#undef CWS_ERROR_ENUM
};

/* Detail of one failure. The caller owns it; it holds no pointers. */
struct cws_error {
  int code;          /* one of enum cws_error_code */
  char message[512]; /* one line of plain English, no newline, never a token */
};

/* The wire name of `code` ("bad_json"), or "unknown" for no code of the table. Any thread. */
CWS_API const char *cws_error_name(int code);

/* A sentence for `code` when there is no better message. Any thread. */
CWS_API const char *cws_error_text(int code);

/* The HTTP status that carries `code`; 500 for codes that never cross the wire. Any thread. */
CWS_API int cws_error_http_status(int code);

/* Whether the same call may succeed later. Any thread. */
CWS_API bool cws_error_is_temporary(int code);

/* The code whose wire name is `name`, or CWS_EINTERNAL for an unknown name. Any thread. */
CWS_API int cws_error_from_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif
