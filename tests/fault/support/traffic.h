/*
 * traffic: publishers that retry with event ids and watchers that acknowledge, as one client of a
 * hub that comes and goes, all on the test's thread. What they learn goes to the ledger. Of each
 * request there are two watchers: a steady one that stays for the whole test and resumes from what
 * it keeps in memory, and a fresh one for each life of the hub, which keeps nothing and is told
 * where it stands.
 */
#ifndef CWS_TEST_TRAFFIC_H
#define CWS_TEST_TRAFFIC_H

#include "tests/fault/support/hub_process.h"
#include "tests/fault/support/ledger.h"
#include <councilws/client.h>
#include <uv.h>

#define TRAFFIC_PUBLISHERS 4
#define TRAFFIC_ACKS_KEPT 8192
#define TRAFFIC_DEADLINE_MS 60000

struct traffic_publisher {
  struct traffic *traffic;
  int index;
  struct cws_publisher *p;
  int64_t numbers[64]; /* of events in flight, by seq */
  int window, in_flight;
  bool has_ended;
};

struct traffic_watcher {
  struct traffic *traffic;
  int request;
  bool is_fresh;
  struct cws_follow *f;
  int64_t last;           /* the last id it has seen, or was told is gone; -1: nothing yet */
  int64_t seen, gaps;     /* events; gap messages */
  int64_t losses;         /* of its connection */
  int64_t floor, highest; /* of its position, over all lives; the highest it acknowledged */
  bool has_session;       /* in this life */
  struct {
    int64_t ms, id;
  } acks[TRAFFIC_ACKS_KEPT]; /* of this life; the newest overwrite the oldest */
  size_t ack_count;
};

struct traffic {
  uv_loop_t loop;
  uv_timer_t beat; /* ends a turn in which nothing else happens */
  struct cws_client *client;
  struct ledger *ledger;
  struct hub_process *hub; /* NULL: it runs in this process */
  struct traffic_publisher publishers[TRAFFIC_PUBLISHERS];
  struct traffic_watcher steady[LEDGER_REQUESTS], fresh[LEDGER_REQUESTS];
  int64_t acknowledged;                  /* publishes answered */
  int open;                              /* publishers and watchers whose on_end has not come */
  int64_t first_stored[LEDGER_REQUESTS]; /* as of traffic_check_stored */
  bool is_stopping;
};

void traffic_init(struct traffic *t, struct ledger *ledger, struct hub_process *hub,
                  const char *url, const char *token);
void traffic_finish(struct traffic *t);

int64_t traffic_now_ms(void);
/* Lets things happen, for a millisecond at most; fails the test where the hub has ended by itself.
 */
void traffic_turn(struct traffic *t);
void traffic_is_late(struct traffic *t, const char *condition); /* fails the test */
/* Turns until something holds; fails the test where the hub ends or the deadline passes. */
#define TRAFFIC_WAIT_FOR(t, condition)                                                             \
  do {                                                                                             \
    int64_t until_ = traffic_now_ms() + TRAFFIC_DEADLINE_MS;                                       \
    while (!(condition)) {                                                                         \
      traffic_turn(t);                                                                             \
      if (traffic_now_ms() > until_)                                                               \
        traffic_is_late(t, #condition);                                                            \
    }                                                                                              \
  } while (0)

/* Fresh watchers for a new life of the hub. */
void traffic_renew(struct traffic *t);
/* The hub died now: what was acknowledged more than a second ago must not be lost. */
void traffic_hub_died(struct traffic *t);
/* It ended gracefully: nothing that was acknowledged may be lost. */
void traffic_hub_ended(struct traffic *t);
/* No more is sent. */
void traffic_stop(struct traffic *t);
/* Everything that was sent has been answered. */
bool traffic_is_settled(const struct traffic *t);
/* All watchers have seen all there is. */
bool traffic_have_seen_all(const struct traffic *t);
/* Waits for that, ends them, and waits for that, too. */
void traffic_drain(struct traffic *t);
/* Ends what goes on, whatever is unanswered. */
void traffic_abandon(struct traffic *t);
/* Reads all that is stored into the ledger and checks it. */
void traffic_check_stored(struct traffic *t, bool is_settled);

#endif
