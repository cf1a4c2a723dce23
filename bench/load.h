/*
 * The load generator: one thread, one epoll, links to one server. Publishers put the time at which
 * an event was due into it; watchers find it there again.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/histogram.h"
#include "bench/usage.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_AT_BASE                                                                               \
  UINT64_C(100000000000000000) /* added to the time in an event: always 18 digits */

/* How the server wants to be talked to. */
enum load_dialect {
  LOAD_HUB,   /* councilws, and the limit */
  LOAD_NCHAN, /* POST /pub?id=ID, WebSocket at /sub/ID (from the newest on) and /all/ID (from the
                 oldest on) */
  LOAD_NATS,  /* see nats.c */
};

#define SERVERS_MAX 8

struct load_options {
  const char *scenario; /* flow, fill, replay, idle or connect */
  const char *label;
  enum load_dialect dialect;
  struct sockaddr_in addresses[SERVERS_MAX]; /* connections go to them in turn */
  int servers;
  bool tls;
  const char *token;  /* for the hub */
  const char *prefix; /* of the request ids */
  struct usage_pids pids;
  int requests, watchers, publishers; /* watchers: of each request; idle and connect: of all */
  int pipeline; /* 0: publish over HTTP; else over WebSockets, so many events under way on each */
  int event_bytes;
  double rate; /* events a second in all; 0: as fast as they are acknowledged */
  long count;  /* of events, for fill and replay */
  long window; /* of events: publishers wait while the watchers are further behind */
  double warmup_s, seconds;
};

struct load;
struct link;

/* What a link does with bytes it got: how many it is done with. The rest is kept for the next time.
 */
typedef size_t link_take_fn(struct link *link, uint8_t *bytes, size_t size);

enum link_state { LINK_CONNECTING, LINK_UPGRADING, LINK_OPEN, LINK_CLOSED };

/* One connection. The head of a publisher. */
struct link {
  struct load *load;
  int fd;
  enum link_state state;
  link_take_fn *take;
  const char
      *path; /* of the upgrade (NATS: of the consumer); NULL: plain HTTP, open once connected */
  int request;
  int sends;         /* a publisher's connection */
  uint8_t *in, *out; /* what came but is not whole; what is not sent */
  size_t in_size, out_size;
  uint64_t count; /* of events that were delivered to it */
};

struct publisher {
  struct link link;
  uint64_t *due; /* of the events under way, oldest first: a ring of `depth` */
  int depth, first, under_way;
};

struct load {
  struct load_options options;
  int epoll;
  int connected; /* links that are open */
  uint64_t sent, acked, delivered;
  uint64_t errors;  /* answers other than yes, and links that ended */
  uint64_t turn_ns; /* the time at which the bytes that are being looked at were read */
  size_t marker;    /* where the last event's time was */
  struct histogram latency, ack;
  struct link *links;
  struct publisher *publishers;
  int link_count;
};

/* link.c */
int link_open(struct link *link); /* begins to connect; 0 or -1 */
void link_send(struct link *link, const void *bytes, size_t size);
void link_close(struct link *link);
/* Waits for at most `timeout_ms` and hands on what came. */
void load_turn(struct load *load, int timeout_ms);

/* watcher.c */
link_take_fn watcher_take;
/* The path that watches a request; `all`: from its first event on. The caller frees it. */
char *watcher_path(const struct load *load, int request, bool all);
/* The size of the upgrade request written into `text`. */
size_t watcher_upgrade(const struct link *link, char *text, size_t size);
/* True and the time in the event when the text is one. */
bool watcher_event_due(struct load *load, const uint8_t *text, size_t size, uint64_t *due);

/* publisher.c */
int publisher_init(struct publisher *publisher, struct load *load, int request);
bool publisher_can_send(const struct publisher *publisher);
/* Sends events that are due at `due`, at most `wanted`; how many. Those over HTTP go to the request
 * given, one at a time. */
int publisher_send(struct publisher *publisher, int request, uint64_t due, int wanted);
/* The oldest event under way was answered. */
void publisher_answered(struct publisher *publisher, bool good);

/* nats.c */
link_take_fn nats_take; /* of watchers and publishers */
char *nats_path(const struct load *load, int request, bool all);
size_t nats_greeting(const struct link *link, char *text, size_t size);
/* What precedes an event and its line's end. */
size_t nats_publish_head(const struct link *link, int request, size_t event_size, char *text,
                         size_t size);

/* The scenarios. 0, or 1 when something that should have held did not. */
int flow_run(struct load *load);   /* flow.c: publish and deliver; also fill */
int replay_run(struct load *load); /* replay.c */
int storm_run(struct load *load);  /* storm.c: connect, idle */

/* report.c: one line of JSON on standard output. */
void report_begin(const struct load *load);
void report_number(const char *name, double value);
void report_end(void);

#endif
