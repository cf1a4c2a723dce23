/*
 * A hub is killed (SIGKILL) again and again at random moments: while it starts, under load, after
 * seconds of it. Publishers retry with event ids over both transports, watchers acknowledge,
 * retention by count and by bytes runs, durability is full or, every third time, normal. Afterwards
 * every event that was acknowledged is there once under its id or was trimmed, ids have no hole,
 * nobody saw what was not durable, and no position went back by more than a second's
 * acknowledgements.
 *
 * CWS_KILL_ROUNDS: how many kills; CWS_KILL_SEED: a printed seed, to take the same decisions again.
 */
#include "tests/fault/support/hub_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 52

struct world {
  struct hub_world base; /* nothing is mounted */
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
  hub_world_make(&w->base);
  w->random = (uint64_t)setting("CWS_KILL_SEED", (int64_t)time(NULL)) * 2 + 1;
  print_message("CWS_KILL_SEED=%lld\n", (long long)(w->random / 2));
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  hub_world_remove(&w->base);
  free(w);
  return 0;
}

/* An event is remembered for retries as long as it is kept: the limits leave a publisher that comes
 * back time enough. */
static void start_hub(struct world *w) {
  bool by_count = below(w, 2) == 0;
  const char *const options[] = {"--listen",
                                 w->base.socket,
                                 "--store",
                                 w->base.disk.folder.store,
                                 "--secret-file",
                                 w->base.secret,
                                 "--workers",
                                 "2",
                                 by_count ? "--max-request-events" : "--max-request-bytes",
                                 by_count ? "4000" : "300k",
                                 "--durability",
                                 below(w, 3) == 0 ? "normal" : "full",
                                 NULL};
  hub_process_start(&w->base.hub, w->base.log, options);
}

static void turn_for(struct world *w, int64_t ms) {
  int64_t until = traffic_now_ms() + ms;
  while (traffic_now_ms() < until)
    traffic_turn(&w->base.traffic);
}

static int64_t seen_in_all(const struct world *w) {
  int64_t sum = 0;
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    sum += w->base.traffic.steady[i].seen + w->base.traffic.fresh[i].seen;
  return sum;
}

/* One in eight while it starts, one in twelve after more than a second, so that positions must be
 * durable; the others after some answers, every second of them just when somebody is shown an
 * event, which must be durable by then. */
static void choose_moment(struct world *w) {
  int64_t before = w->base.traffic.acknowledged;
  int64_t answers = 1 + below(w, 200);
  if (below(w, 8) == 0) {
    turn_for(w, below(w, 120));
  } else if (below(w, 12) == 0) {
    TRAFFIC_WAIT_FOR(&w->base.traffic, w->base.traffic.acknowledged > before);
    turn_for(w, 1300 + below(w, 500));
  } else {
    TRAFFIC_WAIT_FOR(&w->base.traffic, w->base.traffic.acknowledged >= before + answers);
    int64_t seen = seen_in_all(w);
    if (below(w, 2) == 0)
      TRAFFIC_WAIT_FOR(&w->base.traffic, seen_in_all(w) > seen);
  }
}

static void print_sums(const struct world *w, int64_t rounds) {
  const struct traffic *t = &w->base.traffic;
  print_message("%lld kills, %lld publishes answered, %lld and %lld events seen, %lld gaps\n",
                (long long)rounds, (long long)t->acknowledged,
                (long long)(t->steady[0].seen + t->steady[1].seen + t->steady[2].seen),
                (long long)(t->fresh[0].seen + t->fresh[1].seen + t->fresh[2].seen),
                (long long)(t->steady[0].gaps + t->fresh[0].gaps));
}

static void test_a_killed_hub_loses_nothing_it_has_answered(void **state) {
  struct world *w = *state;
  int64_t rounds = setting("CWS_KILL_ROUNDS", ROUNDS);
  traffic_init(&w->base.traffic, &w->base.ledger, &w->base.hub, w->base.socket, w->base.token);
  for (int64_t round = 0; round < rounds; round++) {
    start_hub(w);
    traffic_renew(&w->base.traffic);
    choose_moment(w);
    hub_process_kill(&w->base.hub);
    traffic_hub_died(&w->base.traffic, traffic_now_ms());
  }
  start_hub(w);
  traffic_renew(&w->base.traffic);
  traffic_stop(&w->base.traffic);
  TRAFFIC_WAIT_FOR(&w->base.traffic, traffic_is_settled(&w->base.traffic));
  traffic_check_stored(&w->base.traffic, true);
  if (rounds >= ROUNDS)
    assert_true(w->base.traffic.first_stored[0] > 1); /* retention ran */
  traffic_drain(&w->base.traffic);
  traffic_finish(&w->base.traffic);
  assert_int_equal(hub_process_end(&w->base.hub), 0);
  hub_world_check_file(w->base.disk.folder.db);
  print_sums(w, rounds);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_a_killed_hub_loses_nothing_it_has_answered, setup,
                                      teardown),
  };
  return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
