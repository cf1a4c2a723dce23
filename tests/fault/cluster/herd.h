/*
 * herd: publishers and watchers over the hubs of a cluster, on the test's thread; what they learn,
 * from whichever hub, goes to one ledger. A publisher moves with what was not answered, under the
 * same event ids. Of watchers there are, for each request, one that moves with its position and
 * one that moves with nothing and goes by what it has acknowledged; and for each hub one that
 * stays.
 */
#ifndef CWS_TEST_CLUSTER_HERD_H
#define CWS_TEST_CLUSTER_HERD_H

#include "tests/fault/cluster/cluster.h"
#include "tests/fault/support/ledger.h"
#include <councilws/client.h>
#include <uv.h>

#define HERD_PUBLISHERS 6
#define HERD_WINDOW 8
#define HERD_WATCHERS (2 * LEDGER_REQUESTS + CLUSTER_HUBS)
#define HERD_DEADLINE_MS 90000
#define HERD_POLL_MS 200

struct herd;

struct herd_publisher {
  struct herd *herd;
  int index, hub;
  struct cws_client *client;
  struct cws_publisher *p;
  int64_t unanswered[HERD_WINDOW]; /* numbers, oldest first */
  int count;
  int64_t answered_here; /* since it came to this hub */
};

enum herd_watcher_kind { HERD_STEADY, HERD_BY_POSITION, HERD_BY_ACKS };

struct herd_watcher {
  struct herd *herd;
  enum herd_watcher_kind kind;
  int request, hub;
  struct cws_follow *f;
  int64_t last;     /* the last id it has seen, or was told to have; -1: nothing yet */
  int64_t highest;  /* of what it ever saw, so of what it may have acknowledged */
  bool has_session; /* since it came to this hub */
  int64_t seen, losses, moves;
  char epoch[32];
};

struct herd_reading { /* of what a hub has stored */
  struct herd *herd;
  int request, hub;
  int64_t last;
  bool is_done;
  struct cws_error why;
};

struct herd {
  struct cluster *cluster;
  struct ledger ledger;
  uv_loop_t loop;
  uv_timer_t beat;                          /* what is sent is sent at it */
  struct cws_client *clients[CLUSTER_HUBS]; /* of watchers and reads */
  struct herd_publisher publishers[HERD_PUBLISHERS];
  struct herd_watcher watchers[HERD_WATCHERS];
  int watcher_count;
  int64_t acknowledged;
  struct herd_reading reading;
  int64_t read_to[CLUSTER_HUBS][LEDGER_REQUESTS];
  int open; /* publishers and watchers whose on_end has not come */
  bool is_paused;
};

/* `has_watchers`: not where a hub may be wrong, and show it until it notices. */
void herd_init(struct herd *h, struct cluster *c, bool has_watchers);
void herd_finish(struct herd *h);

int64_t herd_now_ms(void);
/* Lets things happen; fails the test where a hub has ended by itself. */
void herd_turn(struct herd *h);
void herd_turn_for(struct herd *h, int64_t ms);
#define HERD_WAIT_FOR(h, condition)                                                                \
  do {                                                                                             \
    int64_t began_ = herd_now_ms();                                                                \
    while (!(condition))                                                                           \
      herd_wait_turn(h, began_, #condition);                                                       \
  } while (0)
/* The same, for what is asked of a hub or a node: some times a second. */
#define HERD_POLL_FOR(h, condition)                                                                \
  do {                                                                                             \
    int64_t began_ = herd_now_ms();                                                                \
    while (!(condition)) {                                                                         \
      herd_turn_for(h, HERD_POLL_MS);                                                              \
      herd_wait_turn(h, began_, #condition);                                                       \
    }                                                                                              \
  } while (0)
void herd_wait_turn(struct herd *h, int64_t began_ms, const char *condition);

void herd_move_publisher(struct herd *h, int publisher, int hub);
void herd_move_watcher(struct herd *h, int watcher, int hub);
/* All that may move away from a hub do, to one of the others. */
void herd_leave_hub(struct herd *h, int hub);

/* Sends no more, and waits until all is answered. */
void herd_pause(struct herd *h);
void herd_go_on(struct herd *h);
/* Everyone at a hub that runs is answered, and shown something new. */
void herd_wait_until_well(struct herd *h);
/* Pauses, waits until all is answered, sends some of it again elsewhere, reads what is new on every
 * hub (or, `from_start`, all of it) and holds it against the ledger: all that was acknowledged is
 * there, once, the same everywhere. Goes on afterwards. */
void herd_check(struct herd *h, bool from_start);
int64_t herd_steady_losses(const struct herd *h);

#endif
