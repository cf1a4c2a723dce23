/* player: the pace of events, and what pause and step do to it. The loop's clock is the real one,
 * but nothing waits for it: times are either long past or a year away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/player.h"

struct stage {
  uv_loop_t loop;
  struct player *player;
  int played, hungry;
  bool has_ended, is_busy;
};

static bool on_event(const struct cws_event *event, void *user) {
  struct stage *s = user;
  (void)event;
  if (s->is_busy)
    return false;
  s->played++;
  return true;
}

static void on_hungry(void *user) {
  struct stage *s = user;
  s->hungry++;
}

static void on_end(void *user) {
  struct stage *s = user;
  s->has_ended = true;
}

static void begin(struct stage *s, double speed) {
  static const struct player_handlers HANDLERS = {
      .on_event = on_event, .on_hungry = on_hungry, .on_end = on_end};
  memset(s, 0, sizeof *s);
  assert_int_equal(uv_loop_init(&s->loop), 0);
  s->player = player_new(&s->loop, speed, 0, &HANDLERS, s);
  assert_non_null(s->player);
}

/* An event in this year. */
static void add(struct stage *s, int year) {
  char json[80];
  struct cws_event_owned *event = NULL;
  int len =
      snprintf(json, sizeof json, "{\"type\":\"x\",\"timestamp\":\"%d-01-01T00:00:00Z\"}", year);
  assert_int_equal(cws_event_parse(json, (size_t)len, 0, &event, NULL), 0);
  player_add(s->player, event);
}

static void finish(struct stage *s) {
  player_close(s->player);
  while (uv_run(&s->loop, UV_RUN_DEFAULT) != 0)
    continue;
  assert_int_equal(uv_loop_close(&s->loop), 0);
}

static void without_a_speed_everything_goes_at_once(void **state) {
  (void)state;
  struct stage s;
  begin(&s, 0);
  for (int year = 2020; year < 2023; year++)
    add(&s, year);
  player_no_more(s.player);
  player_go(s.player);
  assert_int_equal(s.played, 3);
  assert_true(s.has_ended);
  finish(&s);
}

static void a_step_gives_out_one_event_however_far_away_it_is(void **state) {
  (void)state;
  struct stage s;
  begin(&s, 1);
  for (int year = 2020; year < 2024; year++)
    add(&s, year);
  player_no_more(s.player);
  player_go(s.player);
  assert_int_equal(s.played, 1); /* the next one is a year away */
  player_step(s.player);
  assert_int_equal(s.played, 2);
  player_pause(s.player, true);
  player_step(s.player);
  assert_int_equal(s.played, 3);
  player_go(s.player);
  assert_int_equal(s.played, 3);
  player_step(s.player);
  assert_int_equal(s.played, 4);
  assert_false(s.has_ended); /* it is paused: the end, too, is a step */
  player_pause(s.player, false);
  assert_true(s.has_ended);
  finish(&s);
}

static void a_pause_holds_back_what_is_due(void **state) {
  (void)state;
  struct stage s;
  begin(&s, 1);
  player_pause(s.player, true);
  add(&s, 2020);
  add(&s, 2020);
  player_go(s.player);
  assert_int_equal(s.played, 0);
  assert_int_equal(s.hungry, 0);
  player_pause(s.player, false);
  assert_int_equal(s.played, 2);
  finish(&s);
}

static void going_on_takes_up_the_wait_where_it_was(void **state) {
  (void)state;
  struct stage s;
  begin(&s, 1);
  add(&s, 2020);
  add(&s, 2021);
  player_go(s.player);
  player_pause(s.player, true);
  player_pause(s.player, true);
  player_pause(s.player, false);
  player_go(s.player);
  assert_int_equal(s.played, 1);
  assert_true(uv_loop_alive(&s.loop)); /* its timer runs again */
  finish(&s);
}

static void a_step_that_finds_nothing_is_made_once_there_is_something(void **state) {
  (void)state;
  struct stage s;
  begin(&s, 1);
  player_pause(s.player, true);
  player_step(s.player);
  assert_int_equal(s.hungry, 1);
  add(&s, 2020);
  add(&s, 2020);
  player_go(s.player);
  assert_int_equal(s.played, 1);
  finish(&s);
}

static void a_step_waits_for_a_busy_taker(void **state) {
  (void)state;
  struct stage s;
  begin(&s, 1);
  add(&s, 2020);
  add(&s, 2021);
  player_go(s.player);
  s.is_busy = true;
  player_pause(s.player, true);
  player_step(s.player);
  assert_int_equal(s.played, 1);
  s.is_busy = false;
  player_go(s.player);
  assert_int_equal(s.played, 2);
  finish(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_speed_everything_goes_at_once),
      cmocka_unit_test(a_step_gives_out_one_event_however_far_away_it_is),
      cmocka_unit_test(a_pause_holds_back_what_is_due),
      cmocka_unit_test(going_on_takes_up_the_wait_where_it_was),
      cmocka_unit_test(a_step_that_finds_nothing_is_made_once_there_is_something),
      cmocka_unit_test(a_step_waits_for_a_busy_taker),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
