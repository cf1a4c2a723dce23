/*
 * world: a hub with a memory store, two workers and a clock of the test's own, around sessions on
 * fake connections; and peers, the clients at the other end. Every wait is for a condition, with a
 * deadline.
 */
#ifndef CWS_TEST_WORLD_H
#define CWS_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "fake_net.h"
#include "lib/core/ws_frame.h"
#include "server/ws/session.h"

#define WORKERS 2
#define DEADLINE_MS 20000
#define RETENTION_MS (INT64_C(24) * 3600 * 1000)
#define START_WALL_MS INT64_C(1790000000000)

struct world {
  _Atomic int64_t mono_ms, wall_ms; /* the clock */
  struct clock clock;
  struct loop *loops[WORKERS];
  struct hub *hub;
  struct metrics metrics;
  struct quota *quota;
  struct cws_keys *keys;
  struct session_settings settings;
};

struct world_options {
  size_t tail_events, tail_bytes;                 /* of a stream; 0: the hub's default */
  int64_t max_request_events, max_pending_events; /* 0: none, the default */
  int64_t max_publish_rate;
};

#define SECRET "a secret of the tests, 32 bytes or more" /* of world.keys */

struct world *world_new(const struct world_options *options); /* NULL: defaults */
void world_free(struct world *w);
/* Runs what was posted, on all loops; waits up to wait_ms for the first. */
void world_run(struct world *w, int wait_ms);
/* Until nothing is on its way any more: commits, mails. */
void world_settle(struct world *w);
void world_advance(struct world *w, int64_t ms); /* time passes, tick by tick */
/* The same in one jump: a suspended machine, or a test that does not care. */
void world_jump(struct world *w, int64_t ms);

/* A token; free with free(). */
char *world_token(struct world *w, const char *sub, const char *const *subscribe,
                  const char *const *publish, int64_t ttl_s);
struct grants *world_grants(struct world *w, const char *sub, const char *const *subscribe,
                            const char *const *publish, int64_t ttl_s);
struct stream *world_open(struct world *w, int worker, const char *request_id,
                          const char *subscriber, int64_t *acked);

/* Publishes n events of type "t" whose data is {"n":i,"pad":"…"}; waits for the commit. */
void world_publish(struct world *w, const char *request_id, int n, size_t pad, const char *owner);
/* The same without the wait; done in *pending. */
void world_publish_begin(struct world *w, struct stream *s, int64_t n, size_t pad,
                         const char *owner, int *pending);
void world_delete(struct world *w, const char *request_id);

/* ---- peers ---- */

struct peer_message {
  json_t *json;
  char *text;
};

struct peer {
  struct world *world;
  struct loop *loop;
  struct connection *c;
  struct session *session;
  struct ws_parser parser;
  struct peer_message *messages;
  size_t count, cap, next;
  int pings, pongs;
  bool answers_pings;
  int close_code; /* 0: none came */
};

struct peer_options {
  const char *request_id;                        /* "r" */
  const char *sub;                               /* "ann" */
  const char *name;                              /* subscriber, without sub */
  const char *const *subscribe, *const *publish; /* globs; both NULL: a token without the claim */
  int worker;
  int64_t ttl_s; /* of the token; a day */
  bool has_after;
  int64_t after;
  const char *epoch;
  enum position_from from;
  size_t room;       /* what the socket takes at first; 0: everything */
  const char *early; /* a message that came right behind the handshake */
};

/* A peer that has shaken hands; its hello is still to be read. */
struct peer *peer_new(struct world *w, const struct peer_options *options);
/* Ends its connection if it still has one, then frees. */
void peer_free(struct peer *p);
/* The next message, which must be of `type`; waits for it. Borrowed from the peer. */
json_t *peer_next(struct peer *p, const char *type);
/* The same for whatever comes. */
/* Whether a message has come that was not yet taken. */
bool peer_has_next(struct peer *p);
json_t *peer_any(struct peer *p);
const char *peer_type(const json_t *message);
json_int_t peer_int(const json_t *message, const char *name);  /* of its data */
const char *peer_str(const json_t *message, const char *name); /* of its data */
json_int_t message_id_of(const json_t *message);
/* Nothing but what was read has come, nor is on its way. */
void peer_expect_silence(struct peer *p);
/* Events with the ids first … last, each once, in order. */
void peer_expect_events(struct peer *p, int64_t first, int64_t last);
/* hello, then no gap, the events resume+1 … last, replay_complete. */
void peer_expect_replay(struct peer *p, int64_t resume_from, int64_t last);
/* bye with this code, then the close frame with it. */
json_t *peer_expect_bye(struct peer *p, int code);
void peer_expect_protocol_error(struct peer *p, const char *code);

void peer_say(struct peer *p, const char *json_format, ...) CWS_PRINTF(2, 3);
void peer_send_frame(struct peer *p, enum ws_opcode opcode, const void *bytes, size_t len);
void peer_send_close(struct peer *p, int code);
void peer_ack(struct peer *p, int64_t message_id);
/* The position that stands for a subscriber. */
int64_t world_acked(struct world *w, const char *request_id, const char *subscriber);

#define WAIT_FOR(w, condition)                                                                     \
  do {                                                                                             \
    int waited_ = 0;                                                                               \
    while (!(condition) && waited_ < DEADLINE_MS / 10) {                                           \
      world_run(w, 10);                                                                            \
      waited_++;                                                                                   \
    }                                                                                              \
    assert_true(condition);                                                                        \
  } while (0)

#endif
