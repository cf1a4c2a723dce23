/*
 * A hub whose disk fails: writes and syncs that fail, are cut short, find no room; reads that fail.
 * The hub runs in the test's process, on an SQLite VFS that fails on demand. Publishers and
 * watchers go on all the time; in the end every event that was acknowledged is stored once.
 *
 * CWS_FAULT_ROUNDS: single faults at random places; CWS_FAULT_SEED: a printed seed.
 */
#include "tests/fault/store/vfs_faults.h"
#include "tests/fault/support/outage.h"
#include "tests/unit/support/live_hub.h"
#include "tests/unit/support/raw_http.h"
#include "tests/unit/support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 8

struct world {
  struct temp_folder folder;
  char socket[96];
  struct cws_server *server;
  struct ledger ledger;
  struct traffic traffic;
  struct outage outage;
  char *token;
};

static void start_hub(struct world *w) {
  const char *const listen[] = {"127.0.0.1:0", w->socket, NULL};
  struct cws_server_options o;
  live_hub_options(&o);
  o.listen = listen;
  o.store = w->folder.store;
  w->server = live_hub_start(&o);
  w->outage.port = live_hub_port(w->server);
}

static int setup(void **state) {
  struct world *w = calloc(1, sizeof *w);
  temp_folder_make(&w->folder);
  snprintf(w->socket, sizeof w->socket, "unix:%s/hub.sock", w->folder.path);
  w->token = live_token_all();
  ledger_init(&w->ledger);
  w->outage = (struct outage){.token = w->token, .traffic = &w->traffic};
  start_hub(w);
  traffic_init(&w->traffic, &w->ledger, NULL, w->socket, w->token);
  traffic_renew(&w->traffic);
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  vfs_faults_heal();
  cws_server_free(w->server);
  ledger_finish(&w->ledger);
  free(w->token);
  temp_folder_remove(&w->folder);
  free(w);
  return 0;
}

/* Whether the hub knows what the watchers of a request have acknowledged. */
static bool acks_have_arrived(struct world *w, int request) {
  char path[64];
  struct raw_reply r;
  snprintf(path, sizeof path, "/api/v1/requests/%s", w->ledger.requests[request].id);
  const struct raw_request ask = {.path = path, .token = w->token};
  raw_ask(w->outage.port, &ask, &r);
  const json_t *watchers = json_object_get(r.json, "watchers");
  bool have = json_array_size(watchers) >= 2;
  for (size_t i = 0; i < json_array_size(watchers); i++) {
    const json_t *ack = json_object_get(json_array_get(watchers, i), "last_ack");
    have = have && json_integer_value(ack) == w->ledger.requests[request].last_known;
  }
  raw_reply_free(&r);
  return have;
}

/* Everything was answered and is stored once, also for the next hub; a graceful end keeps every
 * position. */
static void check_all(struct world *w) {
  traffic_stop(&w->traffic);
  TRAFFIC_WAIT_FOR(&w->traffic, traffic_is_settled(&w->traffic));
  traffic_check_stored(&w->traffic, true);
  TRAFFIC_WAIT_FOR(&w->traffic, traffic_have_seen_all(&w->traffic));
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    TRAFFIC_WAIT_FOR(&w->traffic, acks_have_arrived(w, i));
  cws_server_free(w->server);
  traffic_hub_ended(&w->traffic);
  start_hub(w);
  traffic_renew(&w->traffic);
  traffic_check_stored(&w->traffic, true);
  traffic_drain(&w->traffic);
  traffic_finish(&w->traffic);
}

/* ---- until healed ---- */

static void go_through(struct world *w, struct vfs_fault fault, int nth) {
  outage_before(&w->outage);
  vfs_faults_begin(&fault, nth, VFS_UNTIL_HEALED);
  outage_expect(&w->outage);
  assert_true(vfs_faults_count() > 0);
  vfs_faults_heal();
  outage_expect_end(&w->outage);
  check_all(w);
}

static void test_writes_that_fail_refuse_publishes_until_they_work_again(void **state) {
  go_through(*state, (struct vfs_fault){VFS_WRITE, SQLITE_IOERR_WRITE, false}, 7);
}

static void test_writes_that_find_no_room_do_the_same(void **state) {
  go_through(*state, (struct vfs_fault){VFS_WRITE, SQLITE_FULL, false}, 4);
}

static void test_writes_that_are_cut_short_do_the_same(void **state) {
  go_through(*state, (struct vfs_fault){VFS_WRITE, SQLITE_IOERR_WRITE, true}, 6);
}

static void test_syncs_that_fail_do_the_same(void **state) {
  go_through(*state, (struct vfs_fault){VFS_SYNC, SQLITE_IOERR_FSYNC, false}, 3);
}

/* ---- once, anywhere ---- */

static void test_a_single_fault_anywhere_loses_nothing_and_stores_nothing_twice(void **state) {
  static const struct vfs_fault FAULTS[] = {
      {VFS_WRITE, SQLITE_IOERR_WRITE, false}, {VFS_WRITE, SQLITE_FULL, false},
      {VFS_WRITE, SQLITE_IOERR_WRITE, true},  {VFS_SYNC, SQLITE_IOERR_FSYNC, false},
      {VFS_READ, SQLITE_IOERR_READ, false},   {VFS_OPEN, SQLITE_CANTOPEN, false},
  };
  struct world *w = *state;
  const char *rounds = getenv("CWS_FAULT_ROUNDS"), *seed = getenv("CWS_FAULT_SEED");
  unsigned random = seed != NULL ? (unsigned)strtoul(seed, NULL, 10) : (unsigned)time(NULL);
  print_message("CWS_FAULT_SEED=%u\n", random);
  for (int i = 0, n = rounds != NULL ? atoi(rounds) : ROUNDS; i < n; i++) {
    size_t which = (size_t)rand_r(&random) % (sizeof FAULTS / sizeof *FAULTS);
    int64_t before = w->traffic.acknowledged;
    int count = 1 + rand_r(&random) % 3;
    vfs_faults_begin(&FAULTS[which], 1 + rand_r(&random) % 60, count);
    TRAFFIC_WAIT_FOR(&w->traffic, w->traffic.acknowledged >= before + 200);
  }
  vfs_faults_heal();
  check_all(w);
}

/* ---- reads ---- */

static void get_events(struct world *w, struct raw_reply *out) {
  const struct raw_request r = {.path = "/api/v1/requests/alpha/events?limit=10",
                                .token = w->token};
  raw_ask(w->outage.port, &r, out);
}

static void test_reads_that_fail_are_refused_and_work_again_later(void **state) {
  struct world *w = *state;
  struct raw_reply r;
  outage_before(&w->outage);
  vfs_faults_begin(&(struct vfs_fault){VFS_READ, SQLITE_IOERR_READ, false}, 1, VFS_UNTIL_HEALED);
  get_events(w, &r);
  raw_assert_error(&r, 503, "store_unavailable", "store");
  raw_reply_free(&r);
  vfs_faults_heal();
  get_events(w, &r);
  assert_int_equal(r.status, 200);
  raw_reply_free(&r);
  check_all(w);
}

#define FAULT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      FAULT_TEST(test_writes_that_fail_refuse_publishes_until_they_work_again),
      FAULT_TEST(test_writes_that_find_no_room_do_the_same),
      FAULT_TEST(test_writes_that_are_cut_short_do_the_same),
      FAULT_TEST(test_syncs_that_fail_do_the_same),
      FAULT_TEST(test_a_single_fault_anywhere_loses_nothing_and_stores_nothing_twice),
      FAULT_TEST(test_reads_that_fail_are_refused_and_work_again_later),
  };
  vfs_faults_install();
  return cmocka_run_group_tests_name("store faults", tests, NULL, NULL);
}
