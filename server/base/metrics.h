/* metrics: counters that any thread adds to, and their Prometheus text. */
#ifndef CWS_BASE_METRICS_H
#define CWS_BASE_METRICS_H

#include "lib/core/buf.h"
#include <stdatomic.h>
#include <stdint.h>

/* name, type, help. The table is the one place; text and docs are drawn from it. */
#define METRICS_TABLE(X)                                                                           \
  X(http_requests, "counter", "HTTP requests answered")                                            \
  X(http_errors, "counter", "HTTP requests answered with a status of 400 or more")                 \
  X(connections, "gauge", "open sockets")                                                          \
  X(connections_accepted, "counter", "sockets accepted")                                           \
  X(connections_refused, "counter", "sockets refused by a limit")                                  \
  X(watchers, "gauge", "sessions: WebSockets and event streams")                                   \
  X(sessions_started, "counter", "sessions started")                                               \
  X(events_published, "counter", "events stored")                                                  \
  X(events_duplicate, "counter", "events already stored under their event id")                     \
  X(publishes_failed, "counter", "publishes the store could not take")                             \
  X(events_delivered, "counter", "events written to watchers")                                     \
  X(bytes_delivered, "counter", "bytes of events written to watchers")                             \
  X(pages_read, "counter", "pages read from the store for watchers that fell behind")              \
  X(acks, "counter", "acknowledgements received")                                                  \
  X(gaps, "counter", "gaps told to watchers")                                                      \
  X(protocol_errors, "counter", "protocol errors told to clients")                                 \
  X(closed_inactive, "counter", "sessions closed as inactive (4001)")                              \
  X(closed_no_pong, "counter", "sessions closed without a pong (4012)")

struct metrics {
#define METRICS_MEMBER(name, type, help) _Atomic int64_t name;
  METRICS_TABLE(METRICS_MEMBER)
#undef METRICS_MEMBER
};

static inline void metrics_add(_Atomic int64_t *counter, int64_t n) {
  atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Prometheus text format 0.0.4, each name with the prefix "councilws_". */
void metrics_append(const struct metrics *m, struct buf *b);

#endif
