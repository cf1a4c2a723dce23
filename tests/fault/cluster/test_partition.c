/*
 * Three hubs over a log in three nats-servers, each server on a host of its own, while links
 * between hosts are cut: packets are lost, no connection is ended. What is promised of faults of
 * processes (test_cluster.c) is promised of these, too.
 *
 * CWS_PARTITION_ROUNDS: how many random partitions; CWS_CLUSTER_SEED, CWS_CLUSTER_TEST as there.
 */
#include "tests/fault/cluster/hosts.h"
#include "tests/fault/cluster/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdlib.h>

static struct hosts hosts;

/* ---- what parts hubs from nodes ---- */

static void join_and_check(void) {
  hosts_join_all(&hosts);
  world_heal_and_check();
}

static void test_a_node_that_hubs_do_not_reach_is_left_by_them(void **state) {
  (void)state;
  int node = world_leader();
  world_wait_until_well();
  hosts_set_link(&hosts, HOSTS_HUBS, node, false);
  world_wait_until_well();
  join_and_check();
}

static void test_hubs_that_reach_no_node_refuse_and_come_back(void **state) {
  (void)state;
  world_wait_until_well();
  int64_t losses = herd_steady_losses(&world.herd);
  hosts_set_links(&hosts, HOSTS_HUBS, false);
  world_expect_outage();
  assert_int_equal(herd_steady_losses(&world.herd), losses);
  join_and_check();
}

/* ---- what parts nodes ---- */

static void join_and_settle(void) {
  hosts_join_all(&hosts);
  world_heal_and_settle();
}

/* Hubs reach it as before, so their connection to it stays: those on it have to go to another one.
 * As each node has its turn, each hub is on such a one once; the leader has its turn, too. */
static void test_a_node_parted_from_the_others_is_left_by_the_hubs_on_it(void **state) {
  (void)state;
  world_wait_until_well();
  world_note_epochs();
  for (int node = 0; node < CLUSTER_NODES; node++) {
    world_wait_until_well();
    hosts_set_links(&hosts, node, false);
    world_wait_until_well();
    join_and_settle();
    world.is_whole = node + 1 == CLUSTER_NODES;
  }
}

static void test_nodes_that_are_all_parted_take_nothing_and_come_back(void **state) {
  (void)state;
  world_wait_until_well();
  world_note_epochs();
  for (int node = 0; node < CLUSTER_NODES; node++)
    hosts_set_links(&hosts, node, false);
  world_expect_outage();
  join_and_settle();
}

static void test_random_partitions_leave_all_hubs_with_all_that_was_acknowledged(void **state) {
  (void)state;
  long long rounds = world_setting("CWS_PARTITION_ROUNDS", 1);
  world_wait_until_well();
  world_note_epochs();
  for (long long round = 0; round < rounds; round++) {
    int cuts = 1 + world_below(3), ms = 1000 + world_below(12000);
    for (; cuts > 0; cuts--) {
      int one = world_below(HOSTS_NODES);
      int other = (one + 1 + world_below(HOSTS_NODES)) % (HOSTS_NODES + 1);
      print_message("%lld: no link between %d and %d for %d ms\n", round, one, other, ms);
      hosts_set_link(&hosts, one, other, false);
    }
    herd_turn_for(&world.herd, ms);
    join_and_settle();
  }
}

static int begin_watched(void **state) {
  (void)state;
  world_begin(hosts.places, true);
  return 0;
}

static int begin_unwatched(void **state) {
  (void)state;
  world_begin(hosts.places, false);
  return 0;
}

#define PARTITION_TEST(test) cmocka_unit_test_setup(test, world_begin_one)

int main(void) {
  cmocka_set_test_filter(getenv("CWS_CLUSTER_TEST")); /* NULL: all */
  const struct CMUnitTest watched[] = {
      PARTITION_TEST(test_a_node_that_hubs_do_not_reach_is_left_by_them),
      PARTITION_TEST(test_hubs_that_reach_no_node_refuse_and_come_back),
  };
  const struct CMUnitTest unwatched[] = {
      PARTITION_TEST(test_a_node_parted_from_the_others_is_left_by_the_hubs_on_it),
      PARTITION_TEST(test_nodes_that_are_all_parted_take_nothing_and_come_back),
      PARTITION_TEST(test_random_partitions_leave_all_hubs_with_all_that_was_acknowledged),
  };
  hosts_make(&hosts);
  int failed = cmocka_run_group_tests_name("partition", watched, begin_watched, world_end);
  return failed +
         cmocka_run_group_tests_name("partition_nodes", unwatched, begin_unwatched, world_end);
}
