/*
 * A hub is killed (SIGKILL) again and again at random moments: while it starts, under load, after
 * seconds of it. Publishers retry with event ids over both transports, watchers acknowledge,
 * retention by count and by bytes runs. Afterwards every event that was acknowledged is there once
 * under its id or was trimmed, ids have no hole, nobody saw what was not durable, and no position
 * went back by more than a second's acknowledgements.
 *
 * CWS_KILL_ROUNDS: how many kills; CWS_KILL_SEED: a printed seed, to take the same decisions again.
 */
#include "tests/fault/support/hub_process.h"
#include "tests/fault/support/traffic.h"
#include "tests/unit/support/live_hub.h"
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

#define ROUNDS 52

struct world {
  struct temp_folder folder;
  char url[96], listen[96], secret[96], log[96];
  struct ledger ledger;
  struct hub_process hub;
  struct traffic traffic;
  char *token;
  uint64_t random;
};

/* xorshift64* */
static int64_t below(struct world *w, int64_t n) {
  w->random ^= w->random >> 12;
  w->random ^= w->random << 25;
  w->random ^= w->random >> 27;
  return (int64_t)((w->random * 0x2545f4914f6cdd1dU >> 33) % (uint64_t)n);
}

static int64_t setting(const char *name, int64_t otherwise) {
  const char *text = getenv(name);
  return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static int setup(void **state) {
  struct world *w = calloc(1, sizeof *w);
  temp_folder_make(&w->folder);
  temp_folder_write(&w->folder, "secret", LIVE_SECRET);
  snprintf(w->listen, sizeof w->listen, "unix:%s/hub.sock", w->folder.path);
  snprintf(w->secret, sizeof w->secret, "%s/secret", w->folder.path);
  snprintf(w->log, sizeof w->log, "%s/log", w->folder.path);
  w->token = live_token_all();
  w->random = (uint64_t)setting("CWS_KILL_SEED", (int64_t)time(NULL)) * 2 + 1;
  print_message("CWS_KILL_SEED=%lld\n", (long long)(w->random / 2));
  ledger_init(&w->ledger);
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  ledger_finish(&w->ledger);
  free(w->token);
  temp_folder_remove(&w->folder);
  free(w);
  return 0;
}

/* An event is remembered for retries as long as it is kept: the limits leave a publisher that comes
 * back time enough. */
static void start_hub(struct world *w) {
  bool by_count = below(w, 2) == 0;
  const char *const options[] = {"--listen",
                                 w->listen,
                                 "--store",
                                 w->folder.store,
                                 "--secret-file",
                                 w->secret,
                                 "--workers",
                                 "2",
                                 by_count ? "--max-request-events" : "--max-request-bytes",
                                 by_count ? "4000" : "300k",
                                 NULL};
  hub_process_start(&w->hub, w->log, options);
}

static void turn_for(struct world *w, int64_t ms) {
  int64_t until = traffic_now_ms() + ms;
  while (traffic_now_ms() < until)
    traffic_turn(&w->traffic);
}

static int64_t seen_in_all(const struct world *w) {
  int64_t sum = 0;
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    sum += w->traffic.steady[i].seen + w->traffic.fresh[i].seen;
  return sum;
}

/* One in eight while it starts, one in twelve after more than a second, so that positions must be
 * durable; the others after some answers, every second of them just when somebody is shown an
 * event, which must be durable by then. */
static void choose_moment(struct world *w) {
  int64_t before = w->traffic.acknowledged;
  int64_t answers = 1 + below(w, 300);
  if (below(w, 8) == 0) {
    turn_for(w, below(w, 120));
  } else if (below(w, 12) == 0) {
    TRAFFIC_WAIT_FOR(&w->traffic, w->traffic.acknowledged > before);
    turn_for(w, 1300 + below(w, 500));
  } else {
    TRAFFIC_WAIT_FOR(&w->traffic, w->traffic.acknowledged >= before + answers);
    int64_t seen = seen_in_all(w);
    if (below(w, 2) == 0)
      TRAFFIC_WAIT_FOR(&w->traffic, seen_in_all(w) > seen);
  }
}

static void check_file(struct world *w) {
  sqlite3 *db;
  sqlite3_stmt *stmt;
  assert_int_equal(sqlite3_open(w->folder.db, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
  sqlite3_finalize(stmt);
  sqlite3_close(db);
}

static void print_sums(const struct world *w, int64_t rounds) {
  const struct traffic *t = &w->traffic;
  print_message("%lld kills, %lld publishes answered, %lld and %lld events seen, %lld gaps\n",
                (long long)rounds, (long long)t->acknowledged,
                (long long)(t->steady[0].seen + t->steady[1].seen + t->steady[2].seen),
                (long long)(t->fresh[0].seen + t->fresh[1].seen + t->fresh[2].seen),
                (long long)(t->steady[0].gaps + t->fresh[0].gaps));
}

static void test_a_killed_hub_loses_nothing_it_has_answered(void **state) {
  struct world *w = *state;
  int64_t rounds = setting("CWS_KILL_ROUNDS", ROUNDS);
  traffic_init(&w->traffic, &w->ledger, &w->hub, w->listen, w->token);
  for (int64_t round = 0; round < rounds; round++) {
    start_hub(w);
    traffic_renew(&w->traffic);
    choose_moment(w);
    hub_process_kill(&w->hub);
    traffic_hub_died(&w->traffic);
  }
  start_hub(w);
  traffic_renew(&w->traffic);
  traffic_stop(&w->traffic);
  TRAFFIC_WAIT_FOR(&w->traffic, traffic_is_settled(&w->traffic));
  traffic_check_stored(&w->traffic, true);
  if (rounds >= ROUNDS)
    assert_true(w->traffic.first_stored[0] > 1); /* retention ran */
  traffic_drain(&w->traffic);
  traffic_finish(&w->traffic);
  assert_int_equal(hub_process_end(&w->hub), 0);
  check_file(w);
  print_sums(w, rounds);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_a_killed_hub_loses_nothing_it_has_answered, setup,
                                      teardown),
  };
  return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
