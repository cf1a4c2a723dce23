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
#define TRAFFIC_STILL_MS 15000 /* many times what a busy machine takes for anything */

struct traffic_publisher {
  struct traffic *traffic;
  int index;
  struct cws_publisher *p;
  int64_t numbers[64]; /* of events in flight, by seq */
  int window, in_flight;
};

struct traffic_watcher {
  struct traffic *traffic;
  int request;
  bool is_fresh;
  struct cws_follow *f;
  int64_t last;       /* the last id it has seen, or was told is gone; -1: nothing yet */
  int64_t seen, gaps; /* events; gap messages */
  int64_t losses;     /* of its connection */
  enum cws_follow_state state;
  struct cws_error why;   /* of its last loss */
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
  int64_t acknowledged; /* publishes answered */
  int64_t moved_ms;     /* when something was last answered, seen or read, or a wait began */
  int open;             /* publishers and watchers whose on_end has not come */
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
/* Turns until something holds; fails the test where the hub ends, the deadline passes or nothing
 * more happens meanwhile, and then says what each publisher and watcher is waiting for. */
#define TRAFFIC_WAIT_FOR(t, condition)                                                             \
  do {                                                                                             \
    int64_t began_ = traffic_wait_begin(t);                                                        \
    while (!(condition))                                                                           \
      traffic_wait_turn(t, began_, #condition);                                                    \
  } while (0)
int64_t traffic_wait_begin(struct traffic *t);
void traffic_wait_turn(struct traffic *t, int64_t began_ms, const char *condition);

/* Fresh watchers for a new life of the hub. */
void traffic_renew(struct traffic *t);
/* The hub died, and could write until then: what was acknowledged more than a second earlier must
 * not be lost. */
void traffic_hub_died(struct traffic *t, int64_t wrote_until_ms);
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
