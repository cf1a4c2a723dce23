/* What time brings: heartbeats, pings, inactivity, the token's end. The clock is the test's. */
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

static struct peer *peer(struct world *w, struct peer_options options) {
  struct peer *p = peer_new(w, &options);
  peer_next(p, "connection_established");
  peer_next(p, "replay_complete");
  return p;
}

/* Time passes until a message has come; returns how long it took. */
static int64_t until_message(struct peer *p, int64_t at_most_ms) {
  int64_t start = p->world->mono_ms;
  struct buf *received = fake_received(p->c);
  while (received->len == 0 && p->world->mono_ms - start < at_most_ms)
    world_advance(p->world, TIMER_TICK_MS);
  assert_true(received->len > 0);
  return p->world->mono_ms - start;
}

static void a_heartbeat_comes_every_30_s_give_or_take_5(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 2, 0, NULL);
  w->settings.ping_interval_ms = 0;
  struct peer *p = peer_new(w, &(struct peer_options){.from = POSITION_FROM_NEW});
  peer_expect_replay(p, 2, 2);
  assert_in_range(until_message(p, 60000), 0, 30000 + TIMER_TICK_MS);
  peer_next(p, "heartbeat");
  int64_t least = INT64_MAX, most = 0;
  for (int i = 0; i < 200; i++) {
    int64_t waited = until_message(p, 60000);
    json_t *heartbeat = peer_next(p, "heartbeat");
    assert_int_equal(peer_int(heartbeat, "last_message_id"), 2);
    assert_null(json_object_get(heartbeat, "message_id"));
    assert_in_range(waited, 25000, 35000);
    least = waited < least ? waited : least;
    most = waited > most ? waited : most;
    peer_say(p, "{\"type\":\"heartbeat_response\"}");
  }
  assert_true(most - least > 5000); /* jitter there is */
  peer_free(p);
}

static void heartbeats_are_spread_over_the_interval(void **state) {
  struct world *w = *state;
  enum { PEERS = 120, SLICES = 6 };
  w->settings.ping_interval_ms = 0;
  struct peer *peers[PEERS];
  for (int i = 0; i < PEERS; i++)
    peers[i] = peer(w, (struct peer_options){0});
  for (int slice = 0; slice < SLICES; slice++) {
    int heard = 0;
    world_advance(w, 30000 / SLICES);
    for (int i = 0; i < PEERS; i++) {
      heard += fake_received(peers[i]->c)->len > 0 ? 1 : 0;
      buf_reset(fake_received(peers[i]->c));
    }
    assert_in_range(heard, 4, 50); /* 20 are expected */
  }
  for (int i = 0; i < PEERS; i++)
    peer_free(peers[i]);
}

static void a_short_interval_is_never_halved(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 1000;
  w->settings.ping_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){0});
  until_message(p, 2000);
  peer_next(p, "heartbeat");
  for (int i = 0; i < 100; i++) {
    int64_t waited = until_message(p, 2000);
    assert_in_range(waited, 500, 1500 + 2 * TIMER_TICK_MS);
    peer_next(p, "heartbeat");
  }
  peer_free(p);
}

static void heartbeats_can_be_off(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  w->settings.ping_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){0});
  world_advance(w, 200000);
  peer_expect_silence(p);
  peer_free(p);
}

static void a_full_socket_is_sent_no_heartbeats(void **state) {
  struct world *w = *state;
  w->settings.ping_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){0});
  fake_set_room(p->c, 0);
  world_publish(w, "r", 1, 0, NULL);
  world_settle(w);
  size_t kept = connection_buffered_bytes(p->c);
  assert_true(kept > 0);
  world_advance(w, 200000);
  assert_int_equal(connection_buffered_bytes(p->c), kept);
  fake_set_room(p->c, SIZE_MAX);
  peer_expect_events(p, 1, 1);
  until_message(p, 60000);
  peer_next(p, "heartbeat");
  peer_free(p);
}

static void a_silent_client_is_dropped_after_5_minutes(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  w->settings.ping_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){0});
  world_advance(w, 299000);
  peer_expect_silence(p);
  peer_say(p, "{\"type\":\"heartbeat_response\"}");
  world_advance(w, 299000);
  peer_expect_silence(p);
  world_advance(w, 1100);
  json_t *bye = peer_expect_bye(p, 4001);
  assert_true(json_is_true(json_object_get(json_object_get(bye, "data"), "reconnect")));
  assert_int_equal(w->metrics.closed_inactive, 1);
  peer_free(p);
}

static void any_message_or_pong_is_activity(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  w->settings.ping_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){0});
  for (int i = 0; i < 4; i++) {
    world_advance(w, 200000);
    if (i % 2 == 0)
      peer_send_frame(p, WS_PONG, NULL, 0);
    else
      peer_say(p, "{\"type\":\"ack\"}");
  }
  peer_expect_silence(p);
  peer_free(p);
}

static void inactivity_can_be_off(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  w->settings.ping_interval_ms = 0;
  w->settings.inactivity_timeout_ms = 0;
  struct peer *p = peer(w, (struct peer_options){.ttl_s = 1000000});
  world_advance(w, 3600000);
  peer_expect_silence(p);
  peer_free(p);
}

static void a_peer_that_answers_pings_stays(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){0});
  p->answers_pings = true;
  for (int i = 0; i < 40; i++) {
    world_advance(w, 15000);
    peer_expect_silence(p);
  }
  assert_in_range(p->pings, 15, 20);
  assert_int_equal(p->close_code, 0);
  peer_free(p);
}

static void a_client_that_talks_is_sent_no_pings(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){0});
  for (int i = 0; i < 20; i++) {
    world_advance(w, 20000);
    peer_say(p, "{\"type\":\"heartbeat_response\"}");
  }
  peer_expect_silence(p);
  assert_int_equal(p->pings, 0);
  peer_free(p);
}

static void two_pings_without_a_pong_end_it(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){0});
  world_advance(w, 89000);
  peer_expect_silence(p);
  assert_int_equal(p->pings, 2);
  world_advance(w, 1100);
  peer_expect_bye(p, 4012);
  assert_true(fake_was_aborted(p->c)); /* it is gone, its close would not come */
  assert_int_equal(w->metrics.closed_no_pong, 1);
  peer_free(p);
}

static void a_peer_that_still_reads_is_not_taken_for_dead(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  w->settings.inactivity_timeout_ms = 0;
  struct peer *p = peer(w, (struct peer_options){0});
  for (int i = 0; i < 10; i++) {
    fake_set_room(p->c, 0);
    world_publish(w, "r", 1, 0, NULL);
    world_settle(w);
    world_advance(w, 80000);
    fake_set_room(p->c, SIZE_MAX);
  }
  peer_expect_events(p, 1, 10);
  assert_int_equal(p->close_code, 0);
  peer_free(p);
}

static void an_expired_token_ends_it_after_the_leeway(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){.ttl_s = 100});
  for (int i = 0; i < 15; i++) {
    world_advance(w, 10000);
    peer_say(p, "{\"type\":\"heartbeat_response\"}");
  }
  world_advance(w, 8900); /* 158.9 s */
  peer_expect_silence(p);
  world_advance(w, 2200);
  json_t *bye = peer_expect_bye(p, 4005);
  assert_true(json_is_true(json_object_get(json_object_get(bye, "data"), "reconnect")));
  peer_free(p);
}

static void a_wall_clock_that_jumps_is_noticed_within_a_minute(void **state) {
  struct world *w = *state;
  w->settings.heartbeat_interval_ms = 0;
  w->settings.ping_interval_ms = 0;
  struct peer *p = peer(w, (struct peer_options){.ttl_s = 86400});
  w->wall_ms += INT64_C(2) * 86400 * 1000;
  world_advance(w, 61000);
  peer_expect_bye(p, 4005);
  peer_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_heartbeat_comes_every_30_s_give_or_take_5),
      TEST(heartbeats_are_spread_over_the_interval),
      TEST(a_short_interval_is_never_halved),
      TEST(heartbeats_can_be_off),
      TEST(a_full_socket_is_sent_no_heartbeats),
      TEST(a_silent_client_is_dropped_after_5_minutes),
      TEST(any_message_or_pong_is_activity),
      TEST(inactivity_can_be_off),
      TEST(a_peer_that_answers_pings_stays),
      TEST(a_client_that_talks_is_sent_no_pings),
      TEST(two_pings_without_a_pong_end_it),
      TEST(a_peer_that_still_reads_is_not_taken_for_dead),
      TEST(an_expired_token_ends_it_after_the_leeway),
      TEST(a_wall_clock_that_jumps_is_noticed_within_a_minute),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
