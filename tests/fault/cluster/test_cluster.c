/*
 * Three hubs over a log in three nats-servers, while either are killed, stopped and started again.
 * Every event that was acknowledged is there exactly once, under the same id on every hub; watchers
 * that move between hubs miss nothing and see nothing twice; all comes back by itself.
 *
 * CWS_CLUSTER_ROUNDS: how many random faults; CWS_CLUSTER_LEADERS: how often a leader is stopped;
 * CWS_CLUSTER_SEED: a printed seed, to take the same decisions again; CWS_CLUSTER_TEST: only the
 * tests of that name, which may have a '*' in it.
 */
#include "tests/fault/cluster/world.h"
#include "tests/unit/support/raw_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdlib.h>

#define ROUNDS 1

/* ---- hubs ---- */

static void test_a_killed_hub_comes_back_with_what_the_others_have(void **state) {
  (void)state;
  world_wait_until_well();
  cluster_kill_hub(&world.cluster, 1);
  herd_leave_hub(&world.herd, 1);
  herd_wait_until_well(&world.herd);
  world_heal_and_check();
}

static void test_a_stopped_hub_goes_on_where_the_others_are(void **state) {
  (void)state;
  world_wait_until_well();
  cluster_freeze_hub(&world.cluster, 2);
  herd_leave_hub(&world.herd, 2);
  for (int i = 0; i < 3; i++)
    herd_wait_until_well(&world.herd);
  for (int i = 0; i < world.herd.watcher_count; i++) /* who are ahead of it when it goes on */
    if (world.herd.watchers[i].kind == HERD_BY_POSITION)
      herd_move_watcher(&world.herd, i, 2);
  world_heal_and_check();
}

static int acknowledging_watcher(int request) {
  for (int i = 0; i < world.herd.watcher_count; i++)
    if (world.herd.watchers[i].kind == HERD_BY_ACKS && world.herd.watchers[i].request == request)
      return i;
  fail();
  return -1;
}

/* By a session that acknowledges nothing itself. */
static bool resumes_at(int hub, int64_t position) {
  struct raw_ws *ws = raw_ws_open(cluster_port(&world.cluster, hub), "alpha", world.cluster.token,
                                  "subscriber=acknowledging-0");
  json_t *hello = json_object_get(raw_ws_next(ws, "connection_established"), "data");
  bool is = json_integer_value(json_object_get(hello, "resume_from")) == position;
  raw_ws_free(ws);
  return is;
}

static void test_what_was_acknowledged_at_one_hub_is_known_at_the_others(void **state) {
  (void)state;
  int watcher = acknowledging_watcher(0);
  world_wait_until_well();
  for (int hub = 0; hub < CLUSTER_HUBS; hub++) {
    herd_move_watcher(&world.herd, watcher, hub);
    herd_wait_until_well(&world.herd);
    herd_pause(&world.herd);
    int64_t last = world.herd.ledger.requests[0].last_known;
    HERD_WAIT_FOR(&world.herd, world.herd.watchers[watcher].last == last);
    HERD_POLL_FOR(&world.herd, resumes_at((hub + 1) % CLUSTER_HUBS, last));
    HERD_POLL_FOR(&world.herd, resumes_at((hub + 2) % CLUSTER_HUBS, last));
    herd_go_on(&world.herd);
  }
  world.is_whole = true;
}

/* ---- nodes ---- */

static void test_a_killed_node_that_does_not_lead_is_not_missed(void **state) {
  (void)state;
  world_wait_until_well();
  cluster_kill_node(&world.cluster, world_follower());
  world_wait_until_well();
  world_heal_and_check();
}

/* Each watcher that has a position goes to the next hub. */
static void roam(void) {
  struct herd *h = &world.herd;
  for (int i = 0; i < h->watcher_count; i++)
    if (h->watchers[i].kind == HERD_BY_POSITION) {
      herd_move_watcher(h, i, (h->watchers[i].hub + 1) % CLUSTER_HUBS);
      HERD_WAIT_FOR(h, h->watchers[i].has_session);
    }
}

/* A hub that was connected to it is behind until it notices, in 3 to 5 s. */
static void test_a_stopped_node_that_does_not_lead_is_not_missed(void **state) {
  (void)state;
  world_wait_until_well();
  cluster_freeze_node(&world.cluster, world_follower());
  for (int64_t until = herd_now_ms() + 3000; herd_now_ms() < until;
       herd_turn_for(&world.herd, HERD_POLL_MS))
    roam();
  world_wait_until_well();
  world_heal_and_check();
}

static void test_a_killed_leader_costs_a_pause(void **state) {
  (void)state;
  world_wait_until_well();
  cluster_kill_node(&world.cluster, world_leader());
  world_wait_until_well();
  world_heal_and_check();
}

static void test_all_nodes_killed_at_once_lose_nothing(void **state) {
  (void)state;
  world_wait_until_well();
  for (int i = 0; i < CLUSTER_NODES; i++)
    cluster_kill_node(&world.cluster, i);
  world_heal_and_check();
}

/* ---- without a quorum ---- */

static void test_without_a_quorum_publishes_are_refused_and_watchers_stay(void **state) {
  (void)state;
  world_wait_until_well();
  int64_t losses = herd_steady_losses(&world.herd);
  int one = world_leader(), other = world_follower();
  cluster_kill_node(&world.cluster, one);
  cluster_kill_node(&world.cluster, other);
  world_expect_outage();
  nats_node_start(&world.cluster.nats, (size_t)other);
  world_wait_until_well();
  assert_int_equal(herd_steady_losses(&world.herd), losses);
  world_heal_and_check();
}

/* ---- whatever comes ---- */

static void kill_some_hub(void) {
  int hub = world_below(CLUSTER_HUBS);
  cluster_kill_hub(&world.cluster, hub);
  herd_leave_hub(&world.herd, hub);
}

static void freeze_some_hub(void) {
  int hub = world_below(CLUSTER_HUBS);
  cluster_freeze_hub(&world.cluster, hub);
  herd_leave_hub(&world.herd, hub);
}

static void kill_some_node(void) {
  cluster_kill_node(&world.cluster, world_below(CLUSTER_NODES));
}

static void freeze_some_follower(void) {
  cluster_freeze_node(&world.cluster, world_follower());
}

static void kill_two_nodes(void) {
  int spared = world_below(CLUSTER_NODES);
  for (int i = 0; i < CLUSTER_NODES; i++)
    if (i != spared)
      cluster_kill_node(&world.cluster, i);
}

static void kill_all_nodes(void) {
  for (int i = 0; i < CLUSTER_NODES; i++)
    cluster_kill_node(&world.cluster, i);
}

static void kill_a_hub_and_a_node(void) {
  kill_some_hub();
  kill_some_node();
}

static void nothing(void) {}

static const struct {
  const char *name;
  void (*begin)(void);
} FAULTS[] = {
    {"a hub is killed", kill_some_hub},
    {"a hub is stopped", freeze_some_hub},
    {"a node is killed", kill_some_node},
    {"a node that does not lead is stopped", freeze_some_follower},
    {"two nodes are killed", kill_two_nodes},
    {"all nodes are killed", kill_all_nodes},
    {"a hub and a node are killed", kill_a_hub_and_a_node},
    {"watchers and publishers move", nothing},
};
#define FAULT_KINDS (int)(sizeof FAULTS / sizeof FAULTS[0])

static void move_some(void) {
  struct herd *h = &world.herd;
  for (int n = world_below(6); n > 0; n--) {
    int hub = world_below(CLUSTER_HUBS), i = world_below(HERD_PUBLISHERS + h->watcher_count);
    const struct cluster_hub *to = &world.cluster.hubs[hub];
    if (to->process.pid == 0 || to->is_frozen)
      continue;
    if (i < HERD_PUBLISHERS)
      herd_move_publisher(h, i, hub);
    else if (h->watchers[i - HERD_PUBLISHERS].kind != HERD_STEADY)
      herd_move_watcher(h, i - HERD_PUBLISHERS, hub);
  }
}

static void test_random_faults_leave_all_hubs_with_all_that_was_acknowledged(void **state) {
  (void)state;
  long long rounds = world_setting("CWS_CLUSTER_ROUNDS", ROUNDS);
  world_wait_until_well();
  for (long long round = 0; round < rounds; round++) {
    int kind = world_below(FAULT_KINDS), ms = world_below(world_below(3) == 0 ? 12000 : 1500);
    herd_turn_for(&world.herd, world_below(300));
    print_message("%lld: %s for %d ms\n", round, FAULTS[kind].name, ms);
    FAULTS[kind].begin();
    move_some();
    herd_turn_for(&world.herd, ms / 2);
    move_some();
    herd_turn_for(&world.herd, ms / 2);
    world_heal_and_check();
  }
  herd_check(&world.herd, true);
  print_message("%lld publishes answered\n", (long long)world.herd.acknowledged);
}

/* ---- a leader that is stopped ---- */

static void test_a_stopped_leader_parts_no_two_hubs_that_go_on(void **state) {
  (void)state;
  long long rounds = world_setting("CWS_CLUSTER_LEADERS", 1);
  for (long long round = 0; round < rounds; round++) {
    world_wait_until_well();
    herd_turn_for(&world.herd, world_below(300));
    cluster_freeze_node(&world.cluster, world_leader());
    world_wait_until_well();
    world_heal_and_settle();
    world.is_whole = round + 1 == rounds;
  }
}

static int begin_watched(void **state) {
  (void)state;
  world_begin(NULL, true);
  return 0;
}

/* Where a hub may be wrong, its watchers are shown it until it notices. */
static int begin_unwatched(void **state) {
  (void)state;
  world_begin(NULL, false);
  return 0;
}

#define CLUSTER_TEST(test) cmocka_unit_test_setup(test, world_begin_one)

int main(void) {
  cmocka_set_test_filter(getenv("CWS_CLUSTER_TEST")); /* NULL: all */
  const struct CMUnitTest tests[] = {
      CLUSTER_TEST(test_a_killed_hub_comes_back_with_what_the_others_have),
      CLUSTER_TEST(test_a_stopped_hub_goes_on_where_the_others_are),
      CLUSTER_TEST(test_what_was_acknowledged_at_one_hub_is_known_at_the_others),
      CLUSTER_TEST(test_a_killed_node_that_does_not_lead_is_not_missed),
      CLUSTER_TEST(test_a_stopped_node_that_does_not_lead_is_not_missed),
      CLUSTER_TEST(test_a_killed_leader_costs_a_pause),
      CLUSTER_TEST(test_without_a_quorum_publishes_are_refused_and_watchers_stay),
      CLUSTER_TEST(test_all_nodes_killed_at_once_lose_nothing),
      CLUSTER_TEST(test_random_faults_leave_all_hubs_with_all_that_was_acknowledged),
  };
  const struct CMUnitTest leader_tests[] = {
      CLUSTER_TEST(test_a_stopped_leader_parts_no_two_hubs_that_go_on),
  };
  int failed = cmocka_run_group_tests_name("cluster", tests, begin_watched, world_end);
  return failed +
         cmocka_run_group_tests_name("cluster_leader", leader_tests, begin_unwatched, world_end);
}
