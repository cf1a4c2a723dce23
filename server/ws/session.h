/*
 * session: one watcher: a position in a stream, a subscriber, timers. It has no queue: in step it
 * is fed from the stream's batch or tail; fallen behind it reads pages from the store as its socket
 * drains. Everything here is called on the session's loop, except session_registry_new and _free.
 */
#ifndef CWS_WS_SESSION_H
#define CWS_WS_SESSION_H

#include "server/auth/grants.h"
#include "server/auth/quota.h"
#include "server/base/metrics.h"
#include "server/hub/hub.h"
#include "server/net/connection.h"
#include "server/ws/session_position.h"

/* The sessions of each worker, and what they share there. Owned by the server. */
struct session_registry;
struct session_registry *session_registry_new(int workers); /* NULL when memory is out */
/* After the loops have ended. NULL is fine. */
void session_registry_free(struct session_registry *registry);

/* Shared by all sessions of a hub; outlives them. May be changed by a reload only through atomics
 * inside. */
struct session_settings {
  struct session_registry *registry;
  int64_t heartbeat_interval_ms, inactivity_timeout_ms; /* 0: off */
  int64_t ping_interval_ms; /* as the heartbeat's, or 30 s where that is off; two unanswered: 4012;
                               0: off */
  size_t max_event_bytes;   /* 0: CWS_EVENT_BYTES_DEFAULT */
  int max_publishes_in_flight;     /* per connection; then its socket is not read; 0: 1,024 */
  int max_protocol_errors;         /* then 4509; 0: 20 */
  int64_t max_messages_per_second; /* from one client, other than publishes and acks of something
                                      new; then 4013; 0: 1,000 */
  bool compression;                /* permessage-deflate is agreed to where a client offers it */
  const struct clock *clock;
  struct log *log;
  struct metrics *metrics;
  struct quota *quota;
};

/* What the handshake has found out. */
struct session_start {
  struct hub *hub;
  struct loop *loop;
  const struct session_settings *settings;
  struct stream *stream;     /* taken */
  struct grants *grants;     /* taken */
  struct quota_hold hold;    /* taken: the connection it counts as */
  char *subscriber;          /* taken */
  bool can_watch;            /* false: it may publish only, and is sent no events */
  bool is_deflated;          /* permessage-deflate was agreed to */
  bool is_sse;               /* it is no WebSocket but an event stream over HTTP; can_watch */
  char *types;               /* taken; with is_sse: see sse_append */
  int64_t acked;             /* the subscriber's position */
  struct position_wish wish; /* where it asked to start */
};

struct session;

/* For http_upgrade or http_stream: its handlers and a session that waits for its connection. Takes
 * what is marked so in *start, on success only. CWS_ENOMEM. */
int session_new(struct session_start *start, struct session **out);
const struct connection_handlers *session_handlers(void);
/* After the upgrade: says connection_established and starts. c NULL (gone already): frees it. */
void session_begin(struct session *session, struct connection *c);

/* Of all sessions of a loop: bye (1012, retry_after_ms spread at random below spread_ms), then
 * close. From now on no session begins there: a handshake is refused with 503. */
void session_drain_all(const struct session_settings *settings, struct loop *loop,
                       int64_t spread_ms);
bool session_is_draining(const struct session_settings *settings, struct loop *loop);
/* Sessions that still hold a connection of that loop. */
size_t session_count(const struct session_settings *settings, struct loop *loop);
/* Keys were reloaded: every session's token is checked again; those no longer good get 4503. */
struct auth;
void session_recheck_all(const struct session_settings *settings, struct loop *loop,
                         struct auth *auth);

#endif
