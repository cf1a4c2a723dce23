/*
 * What a bad network between clients and a hub may not do. Every round is drawn from a seed that is
 * printed; CWS_FAULT_SEED=N runs that one, CWS_FAULT_ROUNDS=N runs more than a few.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "tests/fault/round.h"
#include "tests/unit/support/live_hub.h"

enum { ROUNDS = 8, AT_ONCE = 8 };
#define DEADLINE_MS 90000 /* of the rounds that run at once; a hub that is half-open takes 7 s */
#define HEARTBEAT_MS 200

struct wave {
  uv_loop_t loop;
  uv_timer_t deadline;
  struct round *rounds[AT_ONCE];
  int count;
};

static void on_deadline(uv_timer_t *timer) {
  struct wave *w = timer->data;
  for (int i = 0; i < w->count; i++) {
    if (!round_is_over(w->rounds[i]))
      round_print(w->rounds[i]);
  }
  fail_msg("not over within %d ms", DEADLINE_MS);
}

static bool is_over(const struct wave *w) {
  for (int i = 0; i < w->count; i++) {
    if (!round_is_over(w->rounds[i]))
      return false;
  }
  return true;
}

/* Runs rounds beside each other, so that what waits in one does not hold up the others. */
static void run_wave(const uint64_t *seeds, int count, int port, const char *token,
                     int faults[FAULT_KINDS]) {
  struct wave w = {.count = count};
  assert_int_equal(uv_loop_init(&w.loop), 0);
  uv_timer_init(&w.loop, &w.deadline);
  w.deadline.data = &w;
  uv_timer_start(&w.deadline, on_deadline, DEADLINE_MS, 0);
  for (int i = 0; i < count; i++) {
    print_message("CWS_FAULT_SEED=%" PRIu64 "\n", seeds[i]);
    w.rounds[i] = round_new(&w.loop, seeds[i], port, token);
  }
  while (!is_over(&w))
    uv_run(&w.loop, UV_RUN_ONCE);
  for (int i = 0; i < count; i++) {
    for (int kind = 0; kind < FAULT_KINDS; kind++)
      faults[kind] += round_faults(w.rounds[i], (enum fault_kind)kind);
    round_free(w.rounds[i]);
  }
  uv_close((uv_handle_t *)&w.deadline, NULL);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&w.loop), 0);
}

static uint64_t number_of(const char *name, uint64_t if_absent) {
  const char *text = getenv(name);
  return text != NULL ? strtoull(text, NULL, 10) : if_absent;
}

static void run_rounds(int port, const char *token) {
  uint64_t first = 0;
  int faults[FAULT_KINDS] = {0};
  assert_int_equal(getrandom(&first, sizeof first, 0), sizeof first);
  first = number_of("CWS_FAULT_SEED", first % 1000000000);
  int total = (int)number_of("CWS_FAULT_ROUNDS", getenv("CWS_FAULT_SEED") != NULL ? 1 : ROUNDS);
  for (int done = 0; done < total; done += AT_ONCE) {
    uint64_t seeds[AT_ONCE];
    int count = total - done < AT_ONCE ? total - done : AT_ONCE;
    for (int i = 0; i < count; i++)
      seeds[i] = first + (uint64_t)(done + i);
    run_wave(seeds, count, port, token, faults);
  }
  print_message("%d cuts, %d resets, %d half-open, %d stalls\n", faults[FAULT_CUT],
                faults[FAULT_RESET], faults[FAULT_HALF_OPEN], faults[FAULT_STALL]);
  if (total >= ROUNDS) /* else they may well be absent */
    assert_true(faults[FAULT_CUT] > 0 && faults[FAULT_RESET] > 0 && faults[FAULT_STALL] > 0);
}

static void every_event_arrives_once_and_in_order_over_any_network(void **state) {
  (void)state;
  struct cws_server_options o;
  live_hub_options(&o);
  o.heartbeat_interval_ms = HEARTBEAT_MS;
  o.max_connections_per_user = 0;
  struct cws_server *hub = live_hub_start(&o);
  char *token = live_token_all();
  run_rounds(live_hub_port(hub), token);
  cws_server_free(hub);
  free(token);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_event_arrives_once_and_in_order_over_any_network),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
