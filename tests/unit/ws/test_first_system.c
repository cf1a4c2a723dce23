/*
 * The promises of the first system, each as a test of its own: what its front ends and its callers
 * rely on. Real defaults, the test's clock, no waiting.
 */
#include "world.h"
#include <string.h>

static int set_up(void **state) {
  *state = world_new(NULL);
  return 0;
}

static int tear_down(void **state) {
  world_free(*state);
  return 0;
}

static struct peer *connect_as(struct world *w, const char *sub) {
  return peer_new(w, &(struct peer_options){.sub = sub});
}

static struct peer *connected(struct world *w, const char *sub) {
  struct peer *p = connect_as(w, sub);
  peer_next(p, "connection_established");
  peer_next(p, "replay_complete");
  return p;
}

/* ---- what one can ask about a request ---- */

struct answer {
  struct hub_query query;
  bool is_done;
};

static void on_answer(struct hub_query *q) {
  ((struct answer *)q)->is_done = true;
}

/* GET /requests/r with its watchers; NULL where there is no such request. */
static json_t *ask(struct world *w) {
  struct answer a = {
      .query = {
          .done = on_answer, .kind = HUB_GET_REQUEST, .request_id = "r", .with_watchers = true}};
  assert_int_equal(hub_query(w->hub, 0, &a.query), 0);
  WAIT_FOR(w, a.is_done);
  json_t *json =
      a.query.code == 0 ? json_loadb(a.query.json.data, a.query.json.len, 0, NULL) : NULL;
  assert_int_equal(a.query.code, json != NULL ? 0 : CWS_EUNKNOWNREQUEST);
  buf_finish(&a.query.json);
  return json;
}

static json_int_t watcher_count(struct world *w) {
  json_t *answer = ask(w);
  json_int_t n = json_integer_value(json_object_get(answer, "watcher_count"));
  json_decref(answer);
  return n;
}

static json_t *only_watcher(json_t *answer) {
  json_t *watchers = json_object_get(answer, "watchers");
  assert_int_equal(json_array_size(watchers), 1);
  return json_array_get(watchers, 0);
}

/* ---- the promises ---- */

static void connect_keeps_the_connections_metadata(void **state) {
  struct world *w = *state;
  struct peer *p = connected(w, "ann");
  json_t *answer = ask(w);
  json_t *watcher = only_watcher(answer);
  assert_string_equal(json_string_value(json_object_get(watcher, "user_id")), "ann");
  assert_int_equal(json_integer_value(json_object_get(watcher, "reconnection_count")), 0);
  const char *connected_at = json_string_value(json_object_get(watcher, "connected_at"));
  int64_t ms = 0;
  assert_int_equal(cws_timestamp_parse(connected_at, &ms), 0);
  assert_int_equal(ms, START_WALL_MS);
  json_decref(answer);

  world_advance(w, 70000);
  peer_say(p, "{\"type\":\"heartbeat_response\"}");
  answer = ask(w);
  const char *heartbeat =
      json_string_value(json_object_get(only_watcher(answer), "last_heartbeat"));
  assert_int_equal(cws_timestamp_parse(heartbeat, &ms), 0);
  assert_true(ms >= START_WALL_MS + 30000);
  json_decref(answer);
  peer_free(p);

  p = connected(w, "ann");
  answer = ask(w);
  assert_int_equal(json_integer_value(json_object_get(only_watcher(answer), "reconnection_count")),
                   1);
  json_decref(answer);
  peer_free(p);
}

static void disconnect_removes_the_connection(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 1, 0, NULL);
  struct peer *p = connect_as(w, "ann");
  peer_expect_replay(p, 0, 1);
  assert_int_equal(watcher_count(w), 1);
  peer_send_close(p, 1000);
  WAIT_FOR(w, watcher_count(w) == 0);
  peer_free(p);
}

static void send_reaches_who_is_connected(void **state) {
  struct world *w = *state;
  struct peer *p = connected(w, "ann");
  world_publish(w, "r", 1, 0, NULL);
  peer_expect_events(p, 1, 1);
  peer_free(p);
}

static void what_is_sent_while_nobody_is_connected_is_kept(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = connect_as(w, "ann");
  peer_expect_replay(p, 0, 5);
  peer_free(p);
}

static void a_reconnect_replays_in_order(void **state) {
  struct world *w = *state;
  struct peer *p = connected(w, "ann");
  peer_free(p);
  world_publish(w, "r", 50, 0, NULL);
  p = connect_as(w, "ann");
  peer_expect_replay(p, 0, 50);
  peer_say(p, "{\"type\":\"reconnect\",\"last_message_id\":20}");
  peer_expect_events(p, 21, 50);
  peer_next(p, "replay_complete");
  peer_free(p);
}

static void what_was_acknowledged_is_skipped(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 10, 0, NULL);
  struct peer *p = connect_as(w, "ann");
  peer_expect_replay(p, 0, 10);
  peer_ack(p, 7);
  peer_free(p);
  p = connect_as(w, "ann");
  peer_expect_replay(p, 7, 10);
  peer_free(p);
}

static void an_ack_never_moves_back(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 10, 0, NULL);
  struct peer *p = connect_as(w, "ann");
  peer_expect_replay(p, 0, 10);
  peer_ack(p, 7);
  peer_ack(p, 3);
  peer_expect_silence(p);
  assert_int_equal(world_acked(w, "r", "ann"), 7);
  peer_free(p);
}

static void connections_are_counted_0_1_2_1(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 1, 0, NULL);
  assert_int_equal(watcher_count(w), 0);
  struct peer *a = connect_as(w, "ann");
  peer_expect_replay(a, 0, 1);
  assert_int_equal(watcher_count(w), 1);
  struct peer *b = peer_new(w, &(struct peer_options){.sub = "bob", .worker = 1});
  peer_expect_replay(b, 0, 1);
  assert_int_equal(watcher_count(w), 2);
  peer_free(a);
  WAIT_FOR(w, watcher_count(w) == 1);
  peer_free(b);
}

static void a_request_is_cleaned_up_after_24_hours(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 3, 0, NULL);
  world_jump(w, RETENTION_MS - 60000);
  assert_int_equal(store_sweep(hub_store(w->hub)), 0);
  json_t *answer = ask(w);
  assert_int_equal(json_integer_value(json_object_get(answer, "count")), 3);
  json_decref(answer);
  world_jump(w, 120000);
  assert_int_equal(store_sweep(hub_store(w->hub)), 0);
  world_settle(w);
  assert_null(ask(w));
}

static void a_vanished_peer_loses_nothing(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 4, 0, NULL);
  struct peer *p = connect_as(w, "ann");
  peer_expect_replay(p, 0, 4);
  peer_ack(p, 2);
  fake_kill(p->c); /* no close frame: the line is gone */
  world_publish(w, "r", 4, 0, NULL);
  peer_free(p);
  p = connect_as(w, "ann");
  peer_expect_replay(p, 2, 8);
  peer_free(p);
}

static void a_heartbeat_comes_every_30_s_give_or_take_5(void **state) {
  struct world *w = *state;
  struct peer *p = connected(w, "ann");
  p->answers_pings = true;
  int64_t last_ms = -1;
  for (int i = 0; i < 20; i++) {
    while (!peer_has_next(p)) /* pings come in between */
      world_advance(w, TIMER_TICK_MS);
    peer_next(p, "heartbeat");
    if (last_ms >= 0)
      assert_in_range(w->mono_ms - last_ms, 25000, 35000);
    last_ms = w->mono_ms;
    peer_say(p, "{\"type\":\"heartbeat_response\"}");
  }
  peer_free(p);
}

static void a_silent_connection_is_dropped_after_5_minutes(void **state) {
  struct world *w = *state;
  w->settings.ping_interval_ms = 0; /* a pong would be activity */
  w->settings.heartbeat_interval_ms = 0;
  struct peer *p = connected(w, "ann");
  world_advance(w, 5 * 60000 - 1000);
  peer_expect_silence(p);
  world_advance(w, 2000);
  peer_expect_bye(p, 4001);
  peer_free(p);
}

static void a_failing_connection_disturbs_no_other(void **state) {
  struct world *w = *state;
  struct peer *good = connected(w, "ann");
  struct peer *stuck = connected(w, "bob");
  struct peer *dead = connected(w, "eve");
  fake_set_room(stuck->c, 0);
  fake_kill(dead->c);
  for (int i = 1; i <= 200; i++) {
    world_publish(w, "r", 1, 500, NULL);
    peer_expect_events(good, i, i);
  }
  assert_true(fake_buffered_peak(stuck->c) < 200 * 500);
  peer_free(good);
  peer_free(stuck);
  peer_free(dead);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(connect_keeps_the_connections_metadata),
      TEST(disconnect_removes_the_connection),
      TEST(send_reaches_who_is_connected),
      TEST(what_is_sent_while_nobody_is_connected_is_kept),
      TEST(a_reconnect_replays_in_order),
      TEST(what_was_acknowledged_is_skipped),
      TEST(an_ack_never_moves_back),
      TEST(connections_are_counted_0_1_2_1),
      TEST(a_request_is_cleaned_up_after_24_hours),
      TEST(a_vanished_peer_loses_nothing),
      TEST(a_heartbeat_comes_every_30_s_give_or_take_5),
      TEST(a_silent_connection_is_dropped_after_5_minutes),
      TEST(a_failing_connection_disturbs_no_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
