/* What a client may say, what it must not, and what becomes of it. */
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

static struct peer *peer_with(struct world *w, struct peer_options options, int64_t last) {
  struct peer *p = peer_new(w, &options);
  peer_expect_replay(p, 0, last);
  return p;
}

/* ---- acks ---- */

static void an_ack_moves_the_position_forward_only(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer_with(w, (struct peer_options){0}, 5);
  peer_ack(p, 4);
  assert_int_equal(world_acked(w, "r", "ann"), 4);
  peer_ack(p, 2);
  peer_expect_silence(p);
  assert_int_equal(world_acked(w, "r", "ann"), 4);
  peer_say(p, "{\"type\":\"ack\",\"data\":{\"message_id\":5}}");
  assert_int_equal(world_acked(w, "r", "ann"), 5);
  peer_free(p);
}

static void an_ack_beyond_what_was_delivered_is_an_error(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer_with(w, (struct peer_options){0}, 5);
  fake_set_room(p->c, 0);
  world_publish(w, "r", 100, 3000, NULL);
  world_settle(w);
  peer_ack(p, 105);
  assert_int_equal(world_acked(w, "r", "ann"), 0);
  fake_set_room(p->c, SIZE_MAX);
  json_t *message = peer_any(p);
  while (strcmp(peer_type(message), "t") == 0)
    message = peer_any(p);
  assert_string_equal(peer_type(message), "protocol_error");
  assert_string_equal(peer_str(message, "code"), "bad_request");
  peer_free(p);
}

static void an_ack_of_hello_acknowledges_nothing_new(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer_new(w, &(struct peer_options){.from = POSITION_FROM_NEW});
  peer_ack(p, message_id_of(peer_next(p, "connection_established")));
  peer_next(p, "replay_complete");
  peer_expect_silence(p);
  assert_int_equal(world_acked(w, "r", "ann"), 0);
  peer_free(p);
}

static void a_client_that_comes_back_may_acknowledge_late(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer_new(w, &(struct peer_options){0});
  char epoch[CWS_EPOCH_MAX + 1];
  strcpy(epoch, peer_str(peer_next(p, "connection_established"), "epoch"));
  peer_expect_events(p, 1, 5);
  peer_free(p);
  p = peer_new(w, &(struct peer_options){.has_after = true, .after = 5, .epoch = epoch});
  peer_expect_replay(p, 5, 5);
  peer_ack(p, 5);
  peer_expect_silence(p);
  assert_int_equal(world_acked(w, "r", "ann"), 5);
  peer_free(p);
}

static void two_sessions_of_one_subscriber_share_its_position(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *a = peer_with(w, (struct peer_options){0}, 5);
  struct peer *b = peer_with(w, (struct peer_options){.worker = 1}, 5);
  struct peer *other = peer_with(w, (struct peer_options){.name = "x"}, 5);
  peer_ack(a, 4);
  peer_ack(b, 2);
  assert_int_equal(world_acked(w, "r", "ann"), 4);
  assert_int_equal(world_acked(w, "r", "ann/x"), 0);
  world_publish(w, "r", 2, 0, NULL);
  peer_expect_events(a, 6, 7);
  peer_expect_events(b, 6, 7);
  peer_say(b, "{\"type\":\"reconnect\"}");
  peer_expect_events(b, 5, 7);
  peer_free(a);
  peer_free(b);
  peer_free(other);
}

/* ---- reconnect ---- */

static void reconnect_replays_on_this_connection(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer_with(w, (struct peer_options){0}, 5);
  peer_say(p, "{\"type\":\"reconnect\",\"last_message_id\":2}");
  peer_expect_events(p, 3, 5);
  assert_int_equal(peer_int(peer_next(p, "replay_complete"), "last_message_id"), 5);
  peer_ack(p, 4); /* delivered before */
  peer_say(p, "{\"type\":\"reconnect\"}");
  peer_expect_events(p, 5, 5);
  peer_next(p, "replay_complete");
  peer_say(p, "{\"type\":\"reconnect\",\"last_message_id\":0}");
  peer_expect_events(p, 1, 5);
  peer_next(p, "replay_complete");
  peer_expect_silence(p);
  assert_int_equal(world_acked(w, "r", "ann"), 4);
  peer_free(p);
}

static void reconnect_while_a_page_is_read_starts_over(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 8});
  world_publish(w, "r", 500, 400, NULL);
  struct peer *p = peer_new(w, &(struct peer_options){0});
  peer_next(p, "connection_established");
  peer_say(p, "{\"type\":\"reconnect\",\"last_message_id\":0}");
  peer_expect_events(p, 1, 500);
  peer_next(p, "replay_complete");
  peer_say(p, "{\"type\":\"reconnect\",\"last_message_id\":100}");
  peer_say(p, "{\"type\":\"reconnect\",\"last_message_id\":490}");
  peer_expect_events(p, 491, 500);
  peer_next(p, "replay_complete");
  peer_expect_silence(p);
  peer_free(p);
  world_free(w);
}

static void reconnect_beyond_the_last_event_is_an_error(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer_with(w, (struct peer_options){0}, 5);
  peer_say(p, "{\"type\":\"reconnect\",\"last_message_id\":6}");
  peer_expect_protocol_error(p, "bad_request");
  world_publish(w, "r", 1, 0, NULL);
  peer_expect_events(p, 6, 6);
  peer_expect_silence(p);
  peer_free(p);
}

/* ---- what is no message ---- */

static void bad_messages_are_told_and_the_session_goes_on(void **state) {
  struct world *w = *state;
  struct peer *p = peer_with(w, (struct peer_options){0}, 0);
  peer_say(p, "{\"type\":");
  peer_expect_protocol_error(p, "bad_json");
  peer_say(p, "[]");
  peer_expect_protocol_error(p, "bad_request");
  peer_say(p, "{\"type\":\"dance\"}");
  peer_expect_protocol_error(p, "bad_request");
  peer_say(p, "{\"type\":\"ack\",\"message_id\":\"7\"}");
  peer_expect_protocol_error(p, "bad_request");
  world_publish(w, "r", 1, 0, NULL);
  peer_expect_events(p, 1, 1);
  peer_expect_silence(p);
  peer_free(p);
}

static void the_twentieth_protocol_error_ends_it(void **state) {
  struct world *w = *state;
  struct peer *p = peer_with(w, (struct peer_options){0}, 0);
  for (int i = 0; i < 20; i++)
    peer_say(p, "nonsense");
  for (int i = 0; i < 20; i++)
    peer_expect_protocol_error(p, "bad_json");
  json_t *bye = peer_expect_bye(p, 4509);
  assert_true(json_is_false(json_object_get(json_object_get(bye, "data"), "reconnect")));
  peer_say(p, "nonsense");
  peer_expect_silence(p);
  peer_free(p);
}

static void a_binary_message_ends_it(void **state) {
  struct world *w = *state;
  struct peer *p = peer_with(w, (struct peer_options){0}, 0);
  peer_send_frame(p, WS_BINARY, "x", 1);
  peer_expect_bye(p, 1003);
  peer_free(p);
}

static void text_that_is_not_utf_8_ends_it(void **state) {
  struct world *w = *state;
  struct peer *p = peer_with(w, (struct peer_options){0}, 0);
  peer_send_frame(p, WS_TEXT, "\"\xff\"", 3);
  peer_expect_bye(p, 1007);
  assert_true(fake_is_closing(p->c));
  peer_free(p);
}

static void a_message_that_is_too_big_ends_it(void **state) {
  struct world *w = *state;
  static char big[300 * 1024];
  memset(big, ' ', sizeof(big));
  struct peer *p = peer_with(w, (struct peer_options){0}, 0);
  peer_send_frame(p, WS_TEXT, big, sizeof(big));
  peer_expect_bye(p, 1009);
  peer_free(p);
}

static void an_unmasked_frame_ends_it(void **state) {
  struct world *w = *state;
  struct peer *p = peer_with(w, (struct peer_options){0}, 0);
  fake_send(p->c, "\x81\x02{}", 4);
  peer_expect_bye(p, 1002);
  peer_free(p);
}

static void pings_are_answered(void **state) {
  struct world *w = *state;
  struct peer *p = peer_with(w, (struct peer_options){0}, 0);
  peer_send_frame(p, WS_PING, "abc", 3);
  peer_expect_silence(p);
  assert_int_equal(p->pongs, 1);
  peer_free(p);
}

static void too_many_messages_a_second_end_it(void **state) {
  struct world *w = *state;
  w->settings.max_messages_per_second = 50;
  w->settings.heartbeat_interval_ms = 0; /* the first may come at any moment of the interval */
  struct peer *p = peer_with(w, (struct peer_options){0}, 0);
  for (int second = 0; second < 3; second++) {
    for (int i = 0; i < 50; i++)
      peer_say(p, "{\"type\":\"heartbeat_response\"}");
    world_jump(w, 1000);
  }
  peer_expect_silence(p);
  for (int i = 0; i < 51; i++)
    peer_send_frame(p, i % 2 ? WS_PING : WS_PONG, NULL, 0);
  peer_expect_bye(p, 4013);
  peer_free(p);
}

static void acks_of_something_new_do_not_count_as_many_messages(void **state) {
  struct world *w = *state;
  w->settings.max_messages_per_second = 50;
  world_publish(w, "r", 200, 0, NULL);
  struct peer *p = peer_with(w, (struct peer_options){0}, 200);
  for (int i = 1; i <= 200; i++)
    peer_ack(p, i);
  peer_expect_silence(p);
  for (int i = 0; i < 51; i++)
    peer_ack(p, 200);
  peer_expect_bye(p, 4013);
  peer_free(p);
}

static void a_client_that_sends_and_does_not_read_is_not_read(void **state) {
  struct world *w = *state;
  w->settings.max_messages_per_second = 1000000;
  struct peer *p = peer_with(w, (struct peer_options){0}, 0);
  char payload[125];
  memset(payload, 'p', sizeof(payload));
  fake_set_room(p->c, 0);
  for (int i = 0; i < 100000 && !fake_is_paused(p->c); i++)
    peer_send_frame(p, WS_PING, payload, sizeof(payload));
  assert_true(fake_is_paused(p->c));
  assert_true(fake_buffered_peak(p->c) < 1100 * 1024);
  fake_set_room(p->c, SIZE_MAX);
  assert_false(fake_is_paused(p->c));
  peer_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_ack_moves_the_position_forward_only),
      TEST(an_ack_beyond_what_was_delivered_is_an_error),
      TEST(an_ack_of_hello_acknowledges_nothing_new),
      TEST(a_client_that_comes_back_may_acknowledge_late),
      TEST(two_sessions_of_one_subscriber_share_its_position),
      TEST(reconnect_replays_on_this_connection),
      cmocka_unit_test(reconnect_while_a_page_is_read_starts_over),
      TEST(reconnect_beyond_the_last_event_is_an_error),
      TEST(bad_messages_are_told_and_the_session_goes_on),
      TEST(the_twentieth_protocol_error_ends_it),
      TEST(a_binary_message_ends_it),
      TEST(text_that_is_not_utf_8_ends_it),
      TEST(a_message_that_is_too_big_ends_it),
      TEST(an_unmasked_frame_ends_it),
      TEST(pings_are_answered),
      TEST(too_many_messages_a_second_end_it),
      TEST(acks_of_something_new_do_not_count_as_many_messages),
      TEST(a_client_that_sends_and_does_not_read_is_not_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
