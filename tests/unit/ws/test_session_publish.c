/* Publishing over the WebSocket: pipelined, in order, never lost by a close. */
#include "world.h"
#include <string.h>

static const char *const all[] = {"*", NULL}, *const none[] = {NULL};

static int set_up(void **state) {
  *state = world_new(NULL);
  return 0;
}

static int tear_down(void **state) {
  world_free(*state);
  return 0;
}

static struct peer *publisher(struct world *w, const char *const *publish) {
  struct peer *p =
      peer_new(w, &(struct peer_options){.sub = "pub", .subscribe = none, .publish = publish});
  peer_next(p, "connection_established");
  return p;
}

static void say_publish(struct peer *p, int n) {
  peer_say(p, "{\"type\":\"publish\",\"event\":{\"type\":\"t\",\"data\":{\"n\":%d}},\"ref\":%d}", n,
           n);
}

static json_int_t ref_of(const json_t *message) {
  return peer_int(message, "ref");
}

static void a_publish_is_answered_once_it_is_stored(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w, all);
  peer_say(p, "{\"type\":\"publish\",\"event\":{\"type\":\"t\",\"event_id\":\"e1\"},"
              "\"ref\":{\"a\":[1,2]}}");
  json_t *published = peer_next(p, "published");
  assert_int_equal(peer_int(published, "message_id"), 1);
  assert_true(json_is_false(json_object_get(json_object_get(published, "data"), "duplicate")));
  assert_non_null(strstr(p->messages[p->next - 1].text, "{\"a\":[1,2]}"));
  peer_say(p, "{\"type\":\"publish\",\"event\":{\"type\":\"t\",\"event_id\":\"e1\"}}");
  published = peer_next(p, "published");
  assert_int_equal(peer_int(published, "message_id"), 1);
  assert_true(json_is_true(json_object_get(json_object_get(published, "data"), "duplicate")));
  assert_int_equal(w->metrics.events_published, 1);
  assert_int_equal(w->metrics.events_duplicate, 1);
  peer_free(p);
}

static void a_watcher_that_publishes_gets_its_own_events(void **state) {
  struct world *w = *state;
  struct peer *p = peer_new(w, &(struct peer_options){.subscribe = all, .publish = all});
  peer_expect_replay(p, 0, 0);
  say_publish(p, 1);
  peer_next(p, "published"); /* answer, then deliver */
  peer_expect_events(p, 1, 1);
  peer_free(p);
}

static void pipelined_publishes_are_answered_in_order_and_in_few_writes(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w, all);
  int before = fake_writes(p->c);
  for (int i = 1; i <= 500; i++)
    say_publish(p, i);
  hub_flush(w->hub);
  for (int i = 1; i <= 500; i++) {
    json_t *published = peer_next(p, "published");
    assert_int_equal(ref_of(published), i);
    assert_int_equal(peer_int(published, "message_id"), i);
  }
  assert_true(fake_writes(p->c) - before < 50);
  peer_expect_silence(p);
  peer_free(p);
}

static void what_is_refused_waits_for_the_answers_before_it(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w, all);
  say_publish(p, 1);
  peer_say(p, "{\"type\":\"publish\",\"event\":{\"type\":\"ack\"},\"ref\":2}");
  say_publish(p, 3);
  peer_say(
      p,
      "{\"type\":\"publish\",\"event\":{\"type\":\"t\",\"event_id\":\"e\",\"data\":1},\"ref\":4}");
  peer_say(
      p,
      "{\"type\":\"publish\",\"event\":{\"type\":\"t\",\"event_id\":\"e\",\"data\":2},\"ref\":5}");
  assert_int_equal(ref_of(peer_next(p, "published")), 1);
  json_t *error = peer_next(p, "protocol_error");
  assert_int_equal(ref_of(error), 2);
  assert_string_equal(peer_str(error, "code"), "bad_event");
  assert_int_equal(ref_of(peer_next(p, "published")), 3);
  assert_int_equal(ref_of(peer_next(p, "published")), 4);
  error = peer_next(p, "protocol_error");
  assert_int_equal(ref_of(error), 5);
  assert_string_equal(peer_str(error, "code"), "event_id_reused");
  peer_free(p);
}

static void without_the_right_it_is_forbidden_and_nothing_stored(void **state) {
  struct world *w = *state;
  static const char *const other[] = {"other-*", NULL};
  struct peer *p = peer_new(w, &(struct peer_options){.subscribe = all, .publish = other});
  peer_expect_replay(p, 0, 0);
  say_publish(p, 9);
  json_t *error = peer_next(p, "protocol_error");
  assert_string_equal(peer_str(error, "code"), "forbidden");
  assert_int_equal(ref_of(error), 9);
  peer_expect_silence(p);
  peer_free(p);
}

static void beyond_the_rate_it_is_told_and_does_not_end_it(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.max_publish_rate = 10});
  struct peer *p = publisher(w, all);
  int stored = 0, limited = 0;
  for (int i = 0; i < 60; i++)
    say_publish(p, i);
  for (int i = 0; i < 60; i++) {
    json_t *answer = peer_any(p);
    assert_int_equal(ref_of(answer), i);
    if (strcmp(peer_type(answer), "published") == 0) {
      stored++;
    } else {
      assert_string_equal(peer_str(answer, "code"), "rate_limited");
      limited++;
    }
  }
  assert_int_equal(stored, 10);
  assert_int_equal(limited, 50);
  peer_expect_silence(p);
  peer_free(p);
  world_free(w);
}

static void with_too_many_in_flight_the_socket_is_not_read(void **state) {
  struct world *w = *state;
  w->settings.max_publishes_in_flight = 4;
  struct peer *p = publisher(w, all);
  for (int i = 1; i <= 3; i++)
    say_publish(p, i);
  assert_false(fake_is_paused(p->c));
  say_publish(p, 4);
  assert_true(fake_is_paused(p->c));
  for (int i = 1; i <= 4; i++)
    assert_int_equal(ref_of(peer_next(p, "published")), i);
  world_settle(w);
  assert_false(fake_is_paused(p->c));
  peer_free(p);
}

static void a_busy_store_makes_it_wait_and_loses_nothing(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.max_pending_events = 2});
  struct peer *p = publisher(w, all);
  for (int i = 1; i <= 300; i++)
    say_publish(p, i);
  for (int i = 1; i <= 300; i++) {
    for (int turns = 0; fake_received(p->c)->len == 0 && p->next == p->count && turns < 1000;
         turns++) {
      world_run(w, 1);
      world_advance(w, TIMER_TICK_MS);
    }
    json_t *published = peer_next(p, "published");
    assert_int_equal(ref_of(published), i);
    assert_int_equal(peer_int(published, "message_id"), i);
  }
  world_settle(w);
  assert_false(fake_is_paused(p->c));
  peer_free(p);
  world_free(w);
}

static void what_was_sent_before_a_close_is_stored(void **state) {
  struct world *w = *state;
  struct peer *watcher = peer_new(w, &(struct peer_options){0});
  peer_expect_replay(watcher, 0, 0);
  struct peer *p = publisher(w, all);
  for (int i = 1; i <= 200; i++)
    say_publish(p, i);
  peer_free(p); /* before any answer */
  peer_expect_events(watcher, 1, 200);
  peer_expect_silence(watcher);
  peer_free(watcher);
}

static void answers_that_stand_go_before_the_close(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w, all);
  say_publish(p, 1);
  say_publish(p, 2);
  hub_flush(w->hub);
  WAIT_FOR(w, w->metrics.events_published == 2);
  peer_send_close(p, 1000);
  assert_int_equal(ref_of(peer_next(p, "published")), 1);
  assert_int_equal(ref_of(peer_next(p, "published")), 2);
  assert_int_equal(p->close_code, 1000);
  peer_free(p);
}

static void eight_publishers_share_the_ids_without_a_hole(void **state) {
  struct world *w = *state;
  enum { PUBLISHERS = 8, EACH = 100 };
  struct peer *p[PUBLISHERS];
  struct peer *watcher = peer_new(w, &(struct peer_options){.worker = 1});
  peer_expect_replay(watcher, 0, 0);
  for (int i = 0; i < PUBLISHERS; i++) {
    p[i] = peer_new(
        w, &(struct peer_options){.worker = i % WORKERS, .subscribe = none, .publish = all});
    peer_next(p[i], "connection_established");
  }
  for (int n = 0; n < EACH; n++) {
    for (int i = 0; i < PUBLISHERS; i++)
      say_publish(p[i], n);
  }
  bool seen[PUBLISHERS * EACH + 1] = {0};
  for (int i = 0; i < PUBLISHERS; i++) {
    for (int n = 0; n < EACH; n++) {
      json_int_t id = peer_int(peer_next(p[i], "published"), "message_id");
      assert_in_range(id, 1, PUBLISHERS * EACH);
      assert_false(seen[id]);
      seen[id] = true;
    }
    peer_free(p[i]);
  }
  peer_expect_events(watcher, 1, PUBLISHERS * EACH);
  peer_expect_silence(watcher);
  peer_free(watcher);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_publish_is_answered_once_it_is_stored),
      TEST(a_watcher_that_publishes_gets_its_own_events),
      TEST(pipelined_publishes_are_answered_in_order_and_in_few_writes),
      TEST(what_is_refused_waits_for_the_answers_before_it),
      TEST(without_the_right_it_is_forbidden_and_nothing_stored),
      cmocka_unit_test(beyond_the_rate_it_is_told_and_does_not_end_it),
      TEST(with_too_many_in_flight_the_socket_is_not_read),
      cmocka_unit_test(a_busy_store_makes_it_wait_and_loses_nothing),
      TEST(what_was_sent_before_a_close_is_stored),
      TEST(answers_that_stand_go_before_the_close),
      TEST(eight_publishers_share_the_ids_without_a_hole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
