/*
 * world: a cluster and its herd, for all tests of a program: it takes seconds until it is there.
 * What a test waits for, and what it leaves to the next one.
 */
#ifndef CWS_TEST_CLUSTER_WORLD_H
#define CWS_TEST_CLUSTER_WORLD_H

#include "tests/fault/cluster/cluster.h"
#include "tests/fault/cluster/herd.h"

struct world {
  struct cluster cluster;
  struct herd herd;
  const struct nats_place *places;
  bool has_watchers;
  uint64_t random;
  bool is_whole; /* the last test has left it as it should be */
};

extern struct world world;

/* `places` of the nodes; NULL: on loopback. */
void world_begin(const struct nats_place *places, bool has_watchers);
int world_end(void **state);
/* A test's set-up; refuses where one before has failed, which left it in the middle of a callback.
 */
int world_begin_one(void **state);

int world_below(int n); /* a random number from 0; the seed is printed, or $CWS_CLUSTER_SEED */
long long world_setting(const char *name, long long otherwise); /* of the environment */

int world_leader(void);
int world_follower(void);

/* Every hub takes events, every publisher is answered, every watcher is shown something new. */
void world_wait_until_well(void);
/* Nodes and hubs that do not run, or stand still, do again. */
void world_heal(void);
/* And holds what every hub has against what was acknowledged. The next fault is to be the only one:
 * where a node that has not caught up is one of two that are left, nats-server 2.9.10 may let go of
 * what it had acknowledged. */
void world_heal_and_check(void);

/*
 * The same where nodes were parted or their leader stopped: nats-server 2.9.10 then may take back
 * an entry that it had given to hubs, so there are to be no watchers. Where nodes were parted, one
 * that it had acknowledged, too, so there an id may come to be another event's, in a new epoch. The
 * hubs that have what was taken back begin anew, and put back what only they have: in the end all
 * that was acknowledged is on every hub.
 */
void world_heal_and_settle(void);
/* Before something is taken back: which epochs requests have. Every hub is well. */
void world_note_epochs(void);

/* There is no quorum: every hub comes to refuse publishes, and serves what is stored. */
void world_expect_outage(void);

#endif
