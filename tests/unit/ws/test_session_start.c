/* How a session begins: hello first, then what is missing, then the backlog, then replay_complete,
 * once. */
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
  return peer_new(w, &options);
}

static void hello_comes_first_and_says_everything(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 3, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){.name = "phone"});
  json_t *hello = peer_next(p, "connection_established");
  assert_int_equal(message_id_of(hello), 0);
  assert_string_equal(peer_str(hello, "request_id"), "r");
  assert_string_equal(peer_str(hello, "subscriber"), "ann/phone");
  assert_int_equal(strlen(peer_str(hello, "connection_id")), 16);
  assert_true(strlen(peer_str(hello, "epoch")) > 0);
  assert_int_equal(peer_int(hello, "first_message_id"), 1);
  assert_int_equal(peer_int(hello, "last_message_id"), 3);
  assert_int_equal(peer_int(hello, "resume_from"), 0);
  assert_int_equal(peer_int(hello, "heartbeat_interval"), 30);
  assert_int_equal(peer_int(hello, "inactivity_timeout"), 300);
  peer_expect_events(p, 1, 3);
  assert_int_equal(peer_int(peer_next(p, "replay_complete"), "last_message_id"), 3);
  peer_expect_silence(p);
  peer_free(p);
}

static void a_request_without_events_is_followed_from_its_first(void **state) {
  struct world *w = *state;
  struct peer *p = peer(w, (struct peer_options){0});
  json_t *hello = peer_next(p, "connection_established");
  char epoch[CWS_EPOCH_MAX + 1];
  strcpy(epoch, peer_str(hello, "epoch"));
  assert_int_equal(peer_int(hello, "last_message_id"), 0);
  assert_int_equal(peer_int(peer_next(p, "replay_complete"), "last_message_id"), 0);
  world_publish(w, "r", 2, 0, NULL);
  peer_expect_events(p, 1, 2);
  peer_expect_silence(p);
  struct peer *again =
      peer(w, (struct peer_options){.has_after = true, .after = 2, .epoch = epoch});
  peer_expect_replay(again, 2, 2);
  peer_free(again);
  peer_free(p);
}

static void two_connections_have_two_ids(void **state) {
  struct world *w = *state;
  struct peer *a = peer(w, (struct peer_options){0}), *b = peer(w, (struct peer_options){0});
  const char *first = peer_str(peer_next(a, "connection_established"), "connection_id");
  const char *second = peer_str(peer_next(b, "connection_established"), "connection_id");
  assert_string_not_equal(first, second);
  peer_free(a);
  peer_free(b);
}

static void it_resumes_after_what_was_acknowledged(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){0});
  peer_expect_replay(p, 0, 5);
  peer_ack(p, 3);
  peer_free(p);
  p = peer(w, (struct peer_options){.worker = 1});
  peer_expect_replay(p, 3, 5);
  peer_free(p);
  p = peer(w, (struct peer_options){.sub = "bob"});
  peer_expect_replay(p, 0, 5);
  peer_free(p);
}

static void from_start_and_from_new_beat_the_position(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){.from = POSITION_FROM_NEW});
  peer_expect_replay(p, 5, 5);
  world_publish(w, "r", 1, 0, NULL);
  peer_expect_events(p, 6, 6);
  peer_ack(p, 6);
  peer_free(p);
  p = peer(w, (struct peer_options){.from = POSITION_FROM_START});
  peer_expect_replay(p, 0, 6);
  peer_free(p);
}

static void after_says_where_with_or_without_the_epoch(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){.has_after = true, .after = 2});
  char epoch[CWS_EPOCH_MAX + 1];
  strcpy(epoch, peer_str(peer_next(p, "connection_established"), "epoch"));
  peer_expect_events(p, 3, 5);
  peer_free(p);
  p = peer(w, (struct peer_options){
                  .has_after = true, .after = 4, .epoch = epoch, .from = POSITION_FROM_START});
  peer_expect_replay(p, 4, 5);
  peer_free(p);
}

static void expect_epoch_gap(struct peer *p, int64_t from, int64_t last) {
  json_t *hello = peer_next(p, "connection_established");
  assert_int_equal(message_id_of(hello), 0);
  json_t *gap = peer_next(p, "gap");
  assert_string_equal(peer_str(gap, "reason"), "epoch");
  assert_int_equal(peer_int(gap, "from"), from);
  assert_true(json_is_null(json_object_get(json_object_get(gap, "data"), "to")));
  assert_string_equal(peer_str(gap, "epoch"), peer_str(hello, "epoch"));
  peer_expect_events(p, 1, last);
  peer_next(p, "replay_complete");
  peer_expect_silence(p);
}

static void an_after_of_another_epoch_is_told_as_a_gap(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 3, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){.has_after = true, .after = 2, .epoch = "other"});
  expect_epoch_gap(p, 3, 3);
  peer_free(p);
  p = peer(w, (struct peer_options){.has_after = true, .after = 9});
  expect_epoch_gap(p, 10, 3);
  peer_free(p);
  p = peer(w, (struct peer_options){.has_after = true, .after = 0, .epoch = "other"});
  peer_expect_replay(p, 0, 3);
  peer_free(p);
}

static void what_retention_took_is_told_as_a_gap(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.max_request_events = 4});
  world_publish(w, "r", 10, 0, NULL);
  assert_int_equal(store_sweep(hub_store(w->hub)), 0);
  world_settle(w);
  struct peer *p = peer(w, (struct peer_options){0});
  json_t *hello = peer_next(p, "connection_established");
  int64_t first = peer_int(hello, "first_message_id");
  assert_in_range(first, 2, 10);
  assert_int_equal(message_id_of(hello), 0);
  json_t *gap = peer_next(p, "gap");
  assert_string_equal(peer_str(gap, "reason"), "expired");
  assert_int_equal(peer_int(gap, "from"), 1);
  assert_int_equal(peer_int(gap, "to"), first - 1);
  peer_expect_events(p, first, 10);
  peer_next(p, "replay_complete");
  peer_expect_silence(p);
  peer_free(p);
  p = peer(w, (struct peer_options){.has_after = true, .after = first - 1});
  peer_expect_replay(p, first - 1, 10);
  peer_free(p);
  world_free(w);
}

static void a_publisher_session_is_sent_no_events(void **state) {
  struct world *w = *state;
  static const char *const none[] = {NULL}, *const all[] = {"*", NULL};
  world_publish(w, "r", 2, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){.subscribe = none, .publish = all});
  json_t *hello = peer_next(p, "connection_established");
  assert_int_equal(peer_int(hello, "last_message_id"), 2);
  peer_say(p, "{\"type\":\"publish\",\"event\":{\"type\":\"t\"}}");
  assert_int_equal(peer_int(peer_next(p, "published"), "message_id"), 3);
  peer_ack(p, 1);
  peer_expect_protocol_error(p, "forbidden");
  peer_say(p, "{\"type\":\"reconnect\"}");
  peer_expect_protocol_error(p, "forbidden");
  peer_expect_silence(p);
  peer_free(p);
}

static void bytes_behind_the_handshake_are_heard_after_hello(void **state) {
  struct world *w = *state;
  struct peer *p = peer(w, (struct peer_options){.early = "{\"type\":\"ack\",\"message_id\":7}"});
  peer_next(p, "connection_established");
  peer_next(p, "replay_complete");
  peer_expect_protocol_error(p, "bad_request");
  peer_expect_silence(p);
  peer_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(hello_comes_first_and_says_everything),
      TEST(a_request_without_events_is_followed_from_its_first),
      TEST(two_connections_have_two_ids),
      TEST(it_resumes_after_what_was_acknowledged),
      TEST(from_start_and_from_new_beat_the_position),
      TEST(after_says_where_with_or_without_the_epoch),
      TEST(an_after_of_another_epoch_is_told_as_a_gap),
      cmocka_unit_test(what_retention_took_is_told_as_a_gap),
      TEST(a_publisher_session_is_sent_no_events),
      TEST(bytes_behind_the_handshake_are_heard_after_hello),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
