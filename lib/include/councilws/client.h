/*
 * The client role: follow requests, acknowledge, publish, read and ask, over
 * connections that come back by themselves.
 *
 * A client has one loop, its own (cws_client_run) or the caller's libuv loop.
 * Everything here belongs to that loop's thread, except cws_client_stop.
 * Callbacks run on that thread, never from inside the call that starts an
 * operation; a started operation ends with exactly one on_end (CWS_ECANCELED when
 * the client is freed first); freeing anything inside a callback is safe.
 * Callback arguments are borrowed until the callback returns.
 */
#ifndef COUNCILWS_CLIENT_H
#define COUNCILWS_CLIENT_H

#include <councilws/error.h>
#include <councilws/event.h>
#include <councilws/server.h> /* cws_log_fn */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cws_client;

/* Gives a token for the next connection or call. `expired` is true when the hub said that the last
 * one had expired. Returns a string from malloc that the library frees; "" goes without a token,
 * and NULL ends the call with CWS_ENOTOKEN. Runs on the loop's thread; it should be quick. */
typedef char *cws_token_fn(bool expired, void *user);

struct cws_client_options {
  size_t size; /* sizeof(struct cws_client_options) */
  const char
      *url; /* "http://127.0.0.1:8765", "https://…", "unix:/run/x.sock"; a path prefix is kept */
  const char *token;      /* copied; or NULL */
  cws_token_fn *token_fn; /* beats token */
  void *token_user;
  const char *ca_file; /* PEM with more CAs, beside the system's; or NULL */
  void *uv_loop;       /* a uv_loop_t * that the caller runs, or NULL for a loop of its own */
  int64_t backoff_base_ms, backoff_cap_ms; /* full jitter; 500 ms and 20 s (CLI "Reconnecting") */
  int64_t connect_timeout_ms;              /* TCP, TLS and upgrade together; 10 s */
  int64_t call_timeout_ms;                 /* of one HTTP call; 30 s */
  const char *user_agent;                  /* or NULL */
  cws_log_fn *log;
  void *log_user;
  enum cws_log_level log_level;
  /* For a hub that asks its clients for a certificate: PEM, the certificate first, then those up to
   * its CA; or NULL. key_file NULL: the key is in cert_file, too. Read anew for each connection of
   * a call, once for WebSockets. */
  const char *cert_file, *key_file;
};

CWS_API void cws_client_options_init(struct cws_client_options *options);

/* CWS_EINVAL names the option (a bad URL, say). Does not connect yet. */
CWS_API int cws_client_new(const struct cws_client_options *options, struct cws_client **out,
                           struct cws_error *err);

/* Runs the client's own loop until no operation is left or cws_client_stop was called. Handles that
 * the caller has added to it do not keep it running: who needs that runs the loop with uv_run.
 * CWS_EINVAL on a foreign loop. May be called again. */
CWS_API int cws_client_run(struct cws_client *client);

/* Makes cws_client_run return soon. Any thread; safe in a signal handler. */
CWS_API void cws_client_stop(struct cws_client *client);

/* Whether the hub's URL leads to this machine only: a unix socket, "localhost", 127.0.0.0/8 or ::1.
 * Any thread. */
CWS_API bool cws_client_is_loopback(const struct cws_client *client);

/* The client's uv_loop_t *, to add handles of one's own (stdin, a timer) to it. */
CWS_API void *cws_client_loop(struct cws_client *client);

/* Ends what is under way (each with CWS_ECANCELED) and frees. On a foreign loop the last handles
 * close as that loop goes on running. NULL is fine. */
CWS_API void cws_client_free(struct cws_client *client);

/* ---- follow: the events of one request, in order, each once ---- */

struct cws_follow;

enum cws_follow_from { CWS_FROM_ACKED, CWS_FROM_START, CWS_FROM_NEW };

struct cws_follow_options {
  size_t size; /* sizeof(struct cws_follow_options) */
  const char *request_id;
  const char *subscriber; /* a name of one's own beside the token's sub, or NULL */
  enum cws_follow_from from;
  int64_t after;        /* start after this message_id; -1: as `from` says */
  const char *epoch;    /* that `after` belongs to, or NULL */
  bool manual_ack;      /* true: only what cws_follow_ack names is acknowledged; false: each event
                           is once on_event has returned */
  bool no_ack;          /* acknowledge nothing at all */
  int64_t max_attempts; /* failed attempts in a row before it ends; 0: never */
};

enum cws_follow_state {
  CWS_FOLLOW_CONNECTING,
  CWS_FOLLOW_REPLAYING,
  CWS_FOLLOW_LIVE,
  CWS_FOLLOW_WAITING
};

/* What the session is told when it (re)starts. */
struct cws_follow_session {
  const char *connection_id, *subscriber, *epoch;
  int64_t first_message_id, last_message_id, resume_from;
};

struct cws_follow_handlers {
  size_t size; /* sizeof(struct cws_follow_handlers); any member may be NULL */
  void (*on_event)(struct cws_follow *f, const struct cws_event *event, void *user);
  /* CWS_FOLLOW_WAITING: lost, `why` says what happened, next attempt in wait_ms; else why is NULL.
   */
  void (*on_state)(struct cws_follow *f, enum cws_follow_state state, const struct cws_error *why,
                   int64_t wait_ms, void *user);
  void (*on_session)(struct cws_follow *f, const struct cws_follow_session *session, void *user);
  /* Events from..to are gone (to -1: not known); reason "expired" or "epoch". Not called for an
   * epoch that changed before the request had an event. */
  void (*on_gap)(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user);
  /* The backlog up to last_message_id has been delivered. */
  void (*on_caught_up)(struct cws_follow *f, int64_t last_message_id, void *user);
  /* Last call, exactly once: `why` is NULL after cws_follow_end, else what made it end (forbidden,
   * deleted, canceled, …). The follow is freed after it returns. */
  void (*on_end)(struct cws_follow *f, const struct cws_error *why, void *user);
};

CWS_API void cws_follow_options_init(struct cws_follow_options *options);

/* Starts following. CWS_EINVAL, CWS_EBADREQUEST (request_id). */
CWS_API int cws_follow_start(struct cws_client *client, const struct cws_follow_options *options,
                             const struct cws_follow_handlers *handlers, void *user,
                             struct cws_follow **out, struct cws_error *err);

/* Acknowledges everything up to message_id. Sent at once on a live session, else with the next one.
 * Coalesced: only the highest counts. Beyond what was delivered: CWS_EINVAL. */
CWS_API int cws_follow_ack(struct cws_follow *f, int64_t message_id);

/* Ends it: sends what is acknowledged, closes with 1000, then on_end(NULL). Safe in any callback.
 * No event is delivered after this call. */
CWS_API void cws_follow_end(struct cws_follow *f);

/* Delivers no more events until resumed: the socket is not read, so the hub waits, too. */
CWS_API void cws_follow_pause(struct cws_follow *f);
CWS_API void cws_follow_resume(struct cws_follow *f);

/* ---- publish ---- */

struct cws_publisher;

struct cws_publisher_options {
  size_t size; /* sizeof(struct cws_publisher_options) */
  const char *request_id;
  bool websocket;        /* pipelined over one WebSocket; false: batches by HTTP POST */
  const char *owner;     /* the request's owner if this is its first publish, or NULL */
  int64_t max_in_flight; /* events sent and not yet answered; 1,024 */
  int64_t max_attempts;  /* failed attempts in a row before it ends; 0: never */
};

struct cws_publisher_handlers {
  size_t size;
  /* One event is durable. `seq` is what cws_publisher_send gave. In order. */
  void (*on_published)(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                       void *user);
  /* The hub refused this one event (bad_event, event_id_reused, too_large); the rest goes on.
   * Over HTTP a refused batch is sent again event by event, so the blame is always exact. */
  void (*on_refused)(struct cws_publisher *p, int64_t seq, const struct cws_error *why, void *user);
  /* Fewer than max_in_flight are unanswered again after cws_publisher_send said CWS_EBUSY. */
  void (*on_ready)(struct cws_publisher *p, void *user);
  /* Lost and waiting (why, wait_ms) or back (why NULL). */
  void (*on_state)(struct cws_publisher *p, const struct cws_error *why, int64_t wait_ms,
                   void *user);
  /* Last call, exactly once; `why` NULL after cws_publisher_end with everything answered. */
  void (*on_end)(struct cws_publisher *p, const struct cws_error *why, void *user);
};

CWS_API void cws_publisher_options_init(struct cws_publisher_options *options);
CWS_API int cws_publisher_start(struct cws_client *client,
                                const struct cws_publisher_options *options,
                                const struct cws_publisher_handlers *handlers, void *user,
                                struct cws_publisher **out, struct cws_error *err);

/* Sends one event (copied). An event without event_id is given one, so that a retry over a lost
 * connection never stores it twice. *seq counts 1, 2, 3 … CWS_EBUSY: max_in_flight are unanswered,
 * wait for on_ready. CWS_EBADEVENT: not sent. */
CWS_API int cws_publisher_send(struct cws_publisher *p, const struct cws_event *event, int64_t *seq,
                               struct cws_error *err);

/* No more to send: ends once everything is answered. */
CWS_API void cws_publisher_end(struct cws_publisher *p);

/* ---- read a range, ask, delete: one HTTP call each (a range: one a page) ---- */

struct cws_call;

struct cws_read_options {
  size_t size; /* sizeof(struct cws_read_options) */
  const char *request_id;
  int64_t after;        /* exclusive; 0: from the first */
  int64_t to;           /* inclusive; 0: to the last there is now */
  const char *types;    /* comma-separated, or NULL for all */
  int64_t page;         /* events per call; 1,000 */
  int64_t max_attempts; /* failed attempts in a row before it ends; 0: never; 5 */
};

CWS_API void cws_read_options_init(struct cws_read_options *options);

typedef void cws_read_event_fn(const struct cws_event *event, void *user);
/* `json` is the hub's answer, NULL on failure. */
typedef void cws_call_done_fn(const struct cws_error *why, const char *json, size_t len,
                              void *user);

/* Stored events in order, then done with json NULL. Temporary failures are retried. */
CWS_API int cws_read(struct cws_client *client, const struct cws_read_options *options,
                     cws_read_event_fn *on_event, cws_call_done_fn *on_done, void *user,
                     struct cws_call **out, struct cws_error *err);

/* What the hub says of one request (GET /requests/{id}), or of itself (request_id NULL:
 * /ws/status). */
CWS_API int cws_status(struct cws_client *client, const char *request_id, cws_call_done_fn *on_done,
                       void *user, struct cws_call **out, struct cws_error *err);

/* Whether the hub takes events (GET /healthz/ready), which needs no token. `json` has a status:
 * "ready", else "draining" or "store_unavailable" and why. */
CWS_API int cws_ready(struct cws_client *client, cws_call_done_fn *on_done, void *user,
                      struct cws_call **out, struct cws_error *err);

/* Requests, newest first. status: a filter or NULL. limit 1–1,000; cursor from the last answer or
 * NULL. */
CWS_API int cws_list(struct cws_client *client, const char *status, int64_t limit,
                     const char *cursor, cws_call_done_fn *on_done, void *user,
                     struct cws_call **out, struct cws_error *err);

/* Erases a request and every position in it. */
CWS_API int cws_delete(struct cws_client *client, const char *request_id, cws_call_done_fn *on_done,
                       void *user, struct cws_call **out, struct cws_error *err);

/* Ends a call early; on_done gets CWS_ECANCELED. */
CWS_API void cws_call_cancel(struct cws_call *call);

#ifdef __cplusplus
}
#endif
#endif
