/* How sessions end, and that one which ends disturbs no other. */
#include "server/ws/session_internal.h"
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
  json_t *m;
  do
    m = peer_any(p);
  while (strcmp(peer_type(m), "t") == 0);
  assert_string_equal(peer_type(m), "replay_complete");
  return p;
}

static bool may_reconnect(const json_t *bye) {
  return json_is_true(json_object_get(json_object_get(bye, "data"), "reconnect"));
}

static void a_close_of_the_peer_is_echoed(void **state) {
  struct world *w = *state;
  struct peer *p = peer(w, (struct peer_options){0});
  peer_send_close(p, 1000);
  peer_expect_silence(p);
  assert_int_equal(p->close_code, 1000);
  assert_true(fake_is_closing(p->c));
  assert_false(fake_was_aborted(p->c));
  fake_turn(p->c);
  assert_int_equal(session_count(&w->settings, p->loop), 0);
  peer_free(p);
}

static void a_close_without_a_code_is_answered(void **state) {
  struct world *w = *state;
  struct peer *p = peer(w, (struct peer_options){0});
  peer_send_frame(p, WS_CLOSE, NULL, 0);
  peer_expect_silence(p);
  assert_int_equal(p->close_code, 1000);
  peer_free(p);
}

static void after_bye_the_peers_close_is_waited_for(void **state) {
  struct world *w = *state;
  struct peer *p = peer(w, (struct peer_options){0});
  peer_send_frame(p, WS_BINARY, "x", 1);
  peer_expect_bye(p, 1003);
  assert_false(fake_is_closing(p->c));
  peer_say(p, "{\"type\":\"heartbeat_response\"}");
  peer_send_close(p, 1003);
  assert_true(fake_is_closing(p->c));
  assert_false(fake_was_aborted(p->c));
  peer_free(p);
}

static void a_peer_that_does_not_answer_a_close_is_cut(void **state) {
  struct world *w = *state;
  struct peer *p = peer(w, (struct peer_options){0});
  peer_send_frame(p, WS_BINARY, "x", 1);
  peer_expect_bye(p, 1003);
  world_advance(w, 4900);
  assert_false(fake_is_closing(p->c));
  world_advance(w, 200);
  assert_true(fake_was_aborted(p->c));
  peer_free(p);
}

static void bye_says_where_to_resume(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 5, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){0});
  peer_ack(p, 3);
  peer_send_frame(p, WS_BINARY, "x", 1);
  json_t *bye = peer_expect_bye(p, 1003);
  assert_int_equal(peer_int(bye, "resume_from"), 3);
  assert_false(may_reconnect(bye));
  peer_free(p);
}

static void a_deleted_request_ends_its_watchers(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 3, 0, NULL);
  world_publish(w, "other", 3, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){0});
  struct peer *q = peer(w, (struct peer_options){.worker = 1, .sub = "bob"});
  struct peer *other = peer(w, (struct peer_options){.request_id = "other"});
  world_delete(w, "r");
  assert_false(may_reconnect(peer_expect_bye(p, 4510)));
  peer_expect_bye(q, 4510);
  world_publish(w, "other", 1, 0, NULL);
  peer_expect_events(other, 4, 4);
  peer_expect_silence(other);
  struct peer *anew = peer(w, (struct peer_options){0});
  world_publish(w, "r", 1, 0, NULL);
  peer_expect_events(anew, 1, 1);
  peer_free(anew);
  peer_free(p);
  peer_free(q);
  peer_free(other);
}

static void an_owner_set_later_ends_who_may_no_longer_watch(void **state) {
  struct world *w = *state;
  struct peer *ann = peer(w, (struct peer_options){.sub = "ann"});
  struct peer *bob = peer(w, (struct peer_options){.sub = "bob", .worker = 1});
  struct peer *full = peer(w, (struct peer_options){.sub = "eve"});
  fake_set_room(full->c, 3);
  peer_send_frame(full, WS_PING, "0123456789", 10); /* its socket is full */
  world_publish(w, "r", 2, 0, "ann");
  peer_expect_events(ann, 1, 2);
  json_t *bye = peer_expect_bye(bob, 4503);
  assert_false(may_reconnect(bye));
  peer_expect_silence(bob);
  fake_set_room(full->c, SIZE_MAX);
  peer_expect_bye(full, 4503);
  peer_expect_silence(full);
  peer_expect_silence(ann);
  peer_free(ann);
  peer_free(bob);
  peer_free(full);
}

static void a_drain_says_goodbye_at_random_times(void **state) {
  struct world *w = *state;
  enum { PEERS = 30 };
  struct peer *peers[PEERS];
  struct peer *elsewhere = peer(w, (struct peer_options){.worker = 1});
  for (int i = 0; i < PEERS; i++)
    peers[i] = peer(w, (struct peer_options){0});
  assert_int_equal(session_count(&w->settings, w->loops[0]), PEERS);
  assert_false(session_is_draining(&w->settings, w->loops[0]));
  session_drain_all(&w->settings, w->loops[0], 10000);
  assert_true(session_is_draining(&w->settings, w->loops[0]));
  int64_t least = 10000, most = 0;
  for (int i = 0; i < PEERS; i++) {
    json_t *bye = peer_expect_bye(peers[i], 1012);
    int64_t wait = peer_int(bye, "retry_after_ms");
    assert_true(may_reconnect(bye));
    assert_in_range(wait, 0, 9999);
    least = wait < least ? wait : least;
    most = wait > most ? wait : most;
  }
  assert_true(most - least > 3000);
  peer_expect_silence(elsewhere);
  struct peer *late = peer(w, (struct peer_options){0});
  peer_expect_bye(late, 1012);
  peer_free(late);
  peer_free(elsewhere);
  for (int i = 0; i < PEERS; i++)
    peer_free(peers[i]);
}

static void connections_are_counted(void **state) {
  struct world *w = *state;
  assert_int_equal(session_count(&w->settings, w->loops[0]), 0);
  struct peer *a = peer(w, (struct peer_options){0});
  assert_int_equal(session_count(&w->settings, w->loops[0]), 1);
  struct peer *b = peer(w, (struct peer_options){0});
  assert_int_equal(session_count(&w->settings, w->loops[0]), 2);
  assert_int_equal(w->metrics.watchers, 2);
  peer_free(a);
  assert_int_equal(session_count(&w->settings, w->loops[0]), 1);
  assert_int_equal(w->metrics.watchers, 1);
  assert_int_equal(w->metrics.sessions_started, 2);
  peer_free(b);
}

static void one_failing_connection_disturbs_no_other(void **state) {
  struct world *w = *state;
  struct peer *a = peer(w, (struct peer_options){0});
  struct peer *broken = peer(w, (struct peer_options){.sub = "bob"});
  struct peer *b = peer(w, (struct peer_options){.sub = "eve"});
  fake_kill(broken->c);
  world_publish(w, "r", 10, 0, NULL);
  peer_expect_events(a, 1, 10);
  peer_expect_events(b, 1, 10);
  int writes = fake_writes(broken->c);
  world_publish(w, "r", 10, 0, NULL);
  peer_expect_events(a, 11, 20);
  assert_int_equal(fake_writes(broken->c), writes); /* it is not tried again */
  fake_turn(broken->c);
  world_publish(w, "r", 10, 0, NULL);
  peer_expect_events(a, 21, 30);
  peer_expect_events(b, 11, 30);
  peer_free(a);
  peer_free(b);
  peer_free(broken);
}

static void a_vanished_peer_loses_nothing(void **state) {
  struct world *w = *state;
  struct peer *p = peer(w, (struct peer_options){0});
  world_publish(w, "r", 5, 0, NULL);
  peer_expect_events(p, 1, 5);
  peer_ack(p, 2);
  fake_kill(p->c);
  world_publish(w, "r", 5, 0, NULL);
  peer_free(p);
  world_publish(w, "r", 5, 0, NULL);
  p = peer_new(w, &(struct peer_options){.worker = 1});
  peer_expect_replay(p, 2, 15);
  peer_free(p);
}

static void a_session_may_end_while_a_page_is_read(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 4});
  world_publish(w, "r", 500, 200, NULL);
  struct peer *p = peer_new(w, &(struct peer_options){0});
  peer_free(p);
  p = peer_new(w, &(struct peer_options){0});
  peer_send_close(p, 1000);
  world_settle(w);
  peer_free(p);
  world_free(w);
}

static void a_session_without_a_connection_is_freed(void **state) {
  struct world *w = *state;
  struct session_start start = {
      .hub = w->hub,
      .loop = w->loops[0],
      .settings = &w->settings,
      .stream = world_open(w, 0, "r", NULL, NULL),
      .grants = world_grants(w, "ann", NULL, NULL, 100),
      .subscriber = strdup("ann"),
      .can_watch = true,
  };
  struct session *s;
  assert_int_equal(session_new(&start, &s), 0);
  assert_null(start.stream);
  session_begin(s, NULL);
  assert_int_equal(session_count(&w->settings, w->loops[0]), 0);
}

static const struct watcher_view *view_of(struct peer *p) {
  return p->session->feed.watch.view;
}

static void its_metadata_can_be_seen(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 3, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){0});
  const struct watcher_view *view = view_of(p);
  assert_string_equal(view->user_id, "ann");
  assert_string_equal(view->subscriber, "ann");
  assert_string_equal(view->address, "192.0.2.7");
  assert_int_equal(view->connected_at_ms, START_WALL_MS);
  assert_int_equal(view->last_heartbeat_ms, START_WALL_MS);
  assert_int_equal(view->reconnection_count, 0);
  assert_int_equal(view->delivered_id, 3);
  assert_int_equal(view->acked_id, 0);
  world_advance(w, 5000);
  peer_ack(p, 2);
  assert_int_equal(view->last_heartbeat_ms, START_WALL_MS + 5000);
  assert_int_equal(view->connected_at_ms, START_WALL_MS);
  assert_int_equal(view->acked_id, 2);
  peer_free(p);
  p = peer(w, (struct peer_options){0});
  assert_int_equal(view_of(p)->reconnection_count, 1);
  peer_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_close_of_the_peer_is_echoed),
      TEST(a_close_without_a_code_is_answered),
      TEST(after_bye_the_peers_close_is_waited_for),
      TEST(a_peer_that_does_not_answer_a_close_is_cut),
      TEST(bye_says_where_to_resume),
      TEST(a_deleted_request_ends_its_watchers),
      TEST(an_owner_set_later_ends_who_may_no_longer_watch),
      TEST(a_drain_says_goodbye_at_random_times),
      TEST(connections_are_counted),
      TEST(one_failing_connection_disturbs_no_other),
      TEST(a_vanished_peer_loses_nothing),
      TEST(a_session_may_end_while_a_page_is_read),
      TEST(a_session_without_a_connection_is_freed),
      TEST(its_metadata_can_be_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
