/* world: see world.h. */
#include "tests/fault/cluster/world.h"
#include "tests/unit/support/raw_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct world world;

/* xorshift64* */
int world_below(int n) {
  world.random ^= world.random >> 12;
  world.random ^= world.random << 25;
  world.random ^= world.random >> 27;
  return (int)((world.random * 0x2545f4914f6cdd1dU >> 33) % (uint64_t)n);
}

long long world_setting(const char *name, long long otherwise) {
  const char *text = getenv(name);
  return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static bool are_all_ready(struct cluster *c) {
  for (int i = 0; i < CLUSTER_HUBS; i++)
    if (!cluster_is_ready(c, i))
      return false;
  return true;
}

static bool may_take_back(void) {
  return !world.has_watchers && world.places != NULL;
}

void world_begin(const struct nats_place *places, bool has_watchers) {
  world.random = (uint64_t)world_setting("CWS_CLUSTER_SEED", (long long)time(NULL)) * 2 + 1;
  print_message("CWS_CLUSTER_SEED=%lld\n", (long long)(world.random / 2));
  world.places = places;
  world.has_watchers = has_watchers;
  cluster_make(&world.cluster, world.places);
  herd_init(&world.herd, &world.cluster, world.has_watchers);
  world.herd.ledger.is_lenient = may_take_back();
  world.is_whole = true;
}

int world_begin_one(void **state) {
  (void)state;
  if (!world.is_whole)
    return -1;
  world.is_whole = false;
  return 0;
}

int world_end(void **state) {
  (void)state;
  if (world.is_whole)
    herd_finish(&world.herd);
  cluster_remove(&world.cluster);
  return 0;
}

int world_leader(void) {
  int node = -1;
  HERD_POLL_FOR(&world.herd, (node = cluster_leader(&world.cluster)) >= 0);
  return node;
}

int world_follower(void) {
  return (world_leader() + 1 + world_below(CLUSTER_NODES - 1)) % CLUSTER_NODES;
}

void world_wait_until_well(void) {
  HERD_POLL_FOR(&world.herd, are_all_ready(&world.cluster));
  herd_wait_until_well(&world.herd);
}

void world_heal(void) {
  cluster_heal_nodes(&world.cluster);
  for (int i = 0; i < CLUSTER_HUBS; i++) {
    if (world.cluster.hubs[i].is_frozen)
      cluster_thaw_hub(&world.cluster, i);
    if (world.cluster.hubs[i].process.pid == 0)
      cluster_start_hub(&world.cluster, i);
  }
}

void world_heal_and_check(void) {
  world_heal();
  world_wait_until_well();
  HERD_POLL_FOR(&world.herd, cluster_is_whole(&world.cluster));
  herd_check(&world.herd, false);
  world.is_whole = true;
}

/* ---- hubs that were given something else ---- */

static void note_epoch(int hub, int request) {
  struct ledger *l = &world.herd.ledger;
  char path[64];
  snprintf(path, sizeof path, "/api/v1/requests/%s", l->requests[request].id);
  const struct raw_request ask = {.path = path, .token = world.cluster.token};
  struct raw_reply r;
  raw_ask(cluster_port(&world.cluster, hub), &ask, &r);
  assert_int_equal(r.status, 200);
  const char *epoch = json_string_value(json_object_get(r.json, "epoch"));
  assert_non_null(epoch);
  if (hub == 0)
    ledger_note_epoch(l, request, epoch);
  assert_string_equal(epoch, l->requests[request].epoch); /* the same on all */
  raw_reply_free(&r);
}

void world_note_epochs(void) {
  for (int hub = 0; hub < CLUSTER_HUBS; hub++)
    for (int i = 0; i < LEDGER_REQUESTS; i++)
      note_epoch(hub, i);
}

/* Once each hub has written, and then read what the others had written, who is wrong knows. */
static void wait_until_told(void) {
  for (int i = 0; i < 3; i++)
    world_wait_until_well();
  HERD_POLL_FOR(&world.herd, cluster_is_rescued(&world.cluster));
  world_wait_until_well();
}

void world_heal_and_settle(void) {
  world_heal();
  world_wait_until_well();
  HERD_POLL_FOR(&world.herd, cluster_is_whole(&world.cluster));
  wait_until_told();
  world_note_epochs();
  herd_check(&world.herd, true);
  world.herd.ledger.is_lenient = may_take_back();
  world.is_whole = true;
}

/* ---- an outage ---- */

#define REFUSED "{\"type\":\"log\",\"data\":{\"n\":1},\"event_id\":\"refused\"}"

static bool is_refused(int hub) {
  const struct raw_request publish = {
      .path = "/api/v1/requests/refused/events", .token = world.cluster.token, .body = REFUSED};
  struct raw_reply r;
  raw_ask(cluster_port(&world.cluster, hub), &publish, &r);
  bool is = r.status == 503 && strstr(r.body, "\"unknown_outcome\"") == NULL;
  if (is) {
    raw_assert_error(&r, 503, "store_unavailable", "");
    assert_non_null(raw_header(&r, "Retry-After"));
  }
  raw_reply_free(&r);
  return is;
}

/* What is stored is served, to who comes now, too. */
static void expect_reads(int hub) {
  const struct raw_request read = {.path = "/api/v1/requests/alpha/events?limit=10",
                                   .token = world.cluster.token};
  struct raw_reply r;
  int port = cluster_port(&world.cluster, hub);
  raw_ask(port, &read, &r);
  assert_int_equal(r.status, 200);
  assert_int_equal(json_array_size(r.json), 10);
  raw_reply_free(&r);
  struct raw_ws *ws = raw_ws_open(port, "alpha", world.cluster.token, "from=start&no_ack=1");
  raw_ws_next(ws, "connection_established");
  raw_ws_next(ws, "execution_progress");
  raw_ws_free(ws);
}

void world_expect_outage(void) {
  for (int i = 0; i < CLUSTER_HUBS; i++)
    HERD_POLL_FOR(&world.herd, !cluster_is_ready(&world.cluster, i));
  for (int i = 0; i < CLUSTER_HUBS; i++) {
    HERD_POLL_FOR(&world.herd, is_refused(i));
    expect_reads(i);
  }
}
