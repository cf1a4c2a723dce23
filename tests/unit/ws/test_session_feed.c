/* Every event once and in order, whatever the socket, the publishers and the retention do. */
#include "server/hub/hub_inside.h"
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
  return peer_new(w, &options);
}

static void live_events_come_as_they_are_committed(void **state) {
  struct world *w = *state;
  struct peer *a = peer(w, (struct peer_options){0});
  struct peer *b = peer(w, (struct peer_options){.worker = 1, .sub = "bob"});
  peer_expect_replay(a, 0, 0);
  peer_expect_replay(b, 0, 0);
  world_publish(w, "r", 100, 10, NULL);
  peer_expect_events(a, 1, 100);
  peer_expect_events(b, 1, 100);
  peer_expect_silence(a);
  peer_expect_silence(b);
  peer_free(a);
  peer_free(b);
}

static void the_bytes_of_an_event_are_the_hubs_wire_form(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 1, 3, NULL);
  struct peer *p = peer(w, (struct peer_options){0});
  peer_next(p, "connection_established");
  peer_next(p, "t");
  const char *text = p->messages[p->next - 1].text;
  assert_non_null(strstr(text, "\"data\":{\"n\":1,\"pad\":\"xxx\"}"));
  assert_non_null(strstr(text, "\"message_id\":1"));
  peer_free(p);
}

static void events_of_one_commit_are_one_write(void **state) {
  struct world *w = *state;
  struct peer *p = peer(w, (struct peer_options){0});
  peer_expect_replay(p, 0, 0);
  int before = fake_writes(p->c);
  struct stream *s = world_open(w, 0, "r", NULL, NULL);
  int pending = 0;
  for (int i = 0; i < 50; i++)
    world_publish_begin(w, s, i, 0, NULL, &pending);
  hub_flush(w->hub); /* every commit before the loop turns */
  WAIT_FOR(w, pending == 0);
  peer_expect_events(p, 1, 50);
  assert_int_equal(fake_writes(p->c), before + 1);
  stream_unref(s);
  peer_free(p);
}

static void a_long_backlog_is_read_from_the_store_in_pages(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 16});
  world_publish(w, "r", 2000, 200, NULL);
  struct peer *p = peer(w, (struct peer_options){0});
  peer_expect_replay(p, 0, 2000);
  assert_true(w->metrics.pages_read > 3);
  assert_int_equal(w->metrics.events_delivered, 2000);
  peer_expect_silence(p);
  peer_free(p);
  world_free(w);
}

/* Lets `bytes` through at a time until `last` was read. */
static void read_slowly(struct peer *p, size_t bytes, int64_t first, int64_t last) {
  for (int64_t id = first; id <= last; id++) {
    for (size_t had = p->count; p->next == p->count; had = p->count) {
      fake_set_room(p->c, bytes);
      world_run(p->world, 0);
      struct buf *received = fake_received(p->c);
      const char *reason;
      assert_int_equal(ws_parser_feed(&p->parser, received->data, received->len, &reason), 0);
      buf_reset(received);
      (void)had;
    }
    json_t *message = p->messages[p->next++].json;
    if (strcmp(peer_type(message), "replay_complete") == 0) {
      id--;
      continue;
    }
    assert_int_equal(message_id_of(message), id);
  }
}

static void a_slow_reader_gets_everything_once_in_order(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 32});
  struct peer *p = peer(w, (struct peer_options){0});
  peer_expect_replay(p, 0, 0);
  fake_set_room(p->c, 1000);
  world_publish(w, "r", 3000, 300, NULL);
  world_settle(w);
  WAIT_FOR(w, connection_buffered_bytes(p->c) > 0);
  world_publish(w, "r", 100, 300, NULL);
  read_slowly(p, 3000, 1, 2000);
  fake_set_room(p->c, SIZE_MAX);
  peer_expect_events(p, 2001, 3100);
  peer_expect_silence(p);
  assert_true(fake_buffered_peak(p->c) < 400 * 1024);
  peer_free(p);
  world_free(w);
}

static void a_stopped_reader_costs_a_position_and_disturbs_nobody(void **state) {
  struct world *w = *state;
  struct peer *slow = peer(w, (struct peer_options){0});
  struct peer *quick = peer(w, (struct peer_options){.sub = "bob"});
  peer_expect_replay(slow, 0, 0);
  peer_expect_replay(quick, 0, 0);
  fake_set_room(slow->c, 0);
  for (int i = 0; i < 20; i++)
    world_publish(w, "r", 200, 500, NULL);
  peer_expect_events(quick, 1, 4000);
  assert_true(fake_buffered_peak(slow->c) < 400 * 1024);
  peer_expect_silence(slow);
  fake_set_room(slow->c, SIZE_MAX);
  peer_expect_events(slow, 1, 4000);
  peer_expect_silence(slow);
  peer_free(slow);
  peer_free(quick);
}

static void the_next_page_is_read_while_one_is_on_its_way_and_waits(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 16});
  world_publish(w, "r", 2000, 500, NULL);
  struct peer *p = peer(w, (struct peer_options){.room = 1000});
  WAIT_FOR(w, w->metrics.pages_read == 2);
  world_settle(w);
  assert_int_equal(w->metrics.pages_read, 2); /* and no more, however long it takes */
  fake_set_room(p->c, SIZE_MAX);
  peer_expect_replay(p, 0, 2000);
  peer_expect_silence(p);
  assert_true(fake_buffered_peak(p->c) < 256 * 1024);
  peer_free(p);
  world_free(w);
}

static void a_page_that_waits_is_dropped_with_its_session(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 16});
  world_publish(w, "r", 2000, 500, NULL);
  struct peer *p = peer(w, (struct peer_options){.room = 1000});
  WAIT_FOR(w, w->metrics.pages_read == 2);
  world_settle(w);
  assert_int_equal(w->metrics.pages_read, 2);
  peer_free(p);
  world_free(w);
}

static void a_page_that_waits_is_not_used_after_a_restart(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 16});
  world_publish(w, "r", 2000, 500, NULL);
  struct peer *p = peer(w, (struct peer_options){.room = 1000});
  WAIT_FOR(w, w->metrics.pages_read == 2);
  world_settle(w);
  peer_say(p, "{\"type\":\"reconnect\",\"last_message_id\":1990}");
  world_settle(w);
  fake_set_room(p->c, SIZE_MAX);
  peer_next(p, "connection_established");
  int64_t id = 1;
  for (json_t *m = peer_any(p); message_id_of(m) == id; m = peer_any(p))
    id++;
  assert_in_range(id, 2, 1000);      /* the first page was on its way */
  peer_expect_events(p, 1992, 2000); /* 1991 was the last looked at */
  peer_free(p);
  world_free(w);
}

static void replay_meets_live_without_a_hole_or_a_duplicate(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 64});
  enum { ROUNDS = 40, EACH = 50 };
  struct stream *s = world_open(w, 0, "r", NULL, NULL);
  struct peer *peers[ROUNDS];
  int pending = 0;
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < EACH; i++)
      world_publish_begin(w, s, i, 100, NULL, &pending);
    peers[round] = peer(w, (struct peer_options){.worker = round % WORKERS,
                                                 .from = POSITION_FROM_START,
                                                 .room = round % 3 == 0 ? 4000 : 0});
    for (int i = 0; i < EACH; i++)
      world_publish_begin(w, s, i, 100, NULL, &pending);
    world_run(w, 0);
  }
  for (int round = 0; round < ROUNDS; round++) {
    fake_set_room(peers[round]->c, SIZE_MAX);
    peer_next(peers[round], "connection_established");
    int completed = 0;
    for (int64_t id = 1; id <= 2 * ROUNDS * EACH; id++) {
      json_t *message = peer_any(peers[round]);
      if (strcmp(peer_type(message), "replay_complete") == 0) {
        assert_int_equal(peer_int(message, "last_message_id"), id - 1);
        assert_int_equal(completed++, 0);
        message = peer_any(peers[round]);
      }
      assert_int_equal(message_id_of(message), id);
    }
    if (completed == 0)
      peer_next(peers[round], "replay_complete");
    peer_expect_silence(peers[round]);
    peer_free(peers[round]);
  }
  stream_unref(s);
  world_free(w);
}

static void retention_under_a_sessions_feet_is_told_exactly(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 4, .max_request_events = 10});
  struct peer *p = peer(w, (struct peer_options){0});
  peer_expect_replay(p, 0, 0);
  world_publish(w, "r", 5, 0, NULL);
  peer_expect_events(p, 1, 5);
  fake_set_room(p->c, 10);
  world_publish(w, "r", 1, 0, NULL); /* half of event 6 */
  world_settle(w);
  world_publish(w, "r", 300, 0, NULL);
  store_sweep(hub_store(w->hub));
  world_settle(w);
  fake_set_room(p->c, SIZE_MAX);
  peer_expect_events(p, 6, 6);
  json_t *gap = peer_next(p, "gap");
  assert_string_equal(peer_str(gap, "reason"), "expired");
  assert_int_equal(peer_int(gap, "from"), 7);
  peer_expect_events(p, peer_int(gap, "to") + 1, 306);
  peer_expect_silence(p);
  peer_free(p);
  world_free(w);
}

static void a_stream_that_began_anew_is_told_as_a_gap(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 3, 0, NULL);
  struct peer *p = peer(w, (struct peer_options){0});
  char epoch[CWS_EPOCH_MAX + 1];
  json_t *hello = peer_next(p, "connection_established");
  strcpy(epoch, peer_str(hello, "epoch"));
  peer_expect_events(p, 1, 3);
  peer_next(p, "replay_complete");
  peer_ack(p, 2);
  w->wall_ms += RETENTION_MS + 1; /* wall clock only: no timer is asked */
  store_sweep(hub_store(w->hub));
  world_settle(w);
  json_t *gap = peer_next(p, "gap");
  assert_string_equal(peer_str(gap, "reason"), "epoch");
  assert_int_equal(peer_int(gap, "from"), 4);
  assert_true(json_is_null(json_object_get(json_object_get(gap, "data"), "to")));
  assert_string_not_equal(peer_str(gap, "epoch"), epoch);
  strcpy(epoch, peer_str(gap, "epoch"));
  peer_next(p, "replay_complete");
  world_publish(w, "r", 2, 0, NULL);
  peer_expect_events(p, 1, 2);
  peer_expect_silence(p);
  peer_ack(p, 1);
  assert_int_equal(world_acked(w, "r", "ann"), 1);
  struct peer *again =
      peer(w, (struct peer_options){.has_after = true, .after = 1, .epoch = epoch});
  peer_expect_replay(again, 1, 2);
  peer_free(again);
  peer_free(p);
}

/* A hub that shares its store is told of a request that begins, in an epoch that is not the one
 * that its watchers were told. */
static void another_epoch_before_the_first_event_is_a_gap_of_nothing(void **state) {
  struct world *w = *state;
  struct peer *p = peer(w, (struct peer_options){0});
  const struct store_listener *l = &w->hub->options.store.listener;
  struct store_event event = {.type = "t",
                              .timestamp = "2026-01-01T00:00:00Z",
                              .data = "{}",
                              .data_len = 2,
                              .message_id = 1};
  struct store_append append = {.request_id = "r",
                                .events = &event,
                                .count = 1,
                                .epoch = "another",
                                .is_new_stream = true,
                                .stored = 1,
                                .is_foreign = true};
  peer_expect_replay(p, 0, 0);
  l->on_commit(&append, l->user);
  l->on_batch_end(l->user);
  world_settle(w);
  json_t *gap = peer_next(p, "gap");
  assert_string_equal(peer_str(gap, "reason"), "epoch");
  assert_string_equal(peer_str(gap, "epoch"), "another");
  assert_int_equal(peer_int(gap, "from"), 1);
  assert_int_equal(peer_int(gap, "to"), 0);
  peer_expect_events(p, 1, 1);
  peer_next(p, "replay_complete");
  peer_expect_silence(p);
  peer_free(p);
}

static void a_session_is_small(void **state) {
  (void)state;
  print_message("sizeof(struct session) = %zu\n", sizeof(struct session));
  assert_true(sizeof(struct session) <= 1024);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(live_events_come_as_they_are_committed),
      TEST(the_bytes_of_an_event_are_the_hubs_wire_form),
      TEST(events_of_one_commit_are_one_write),
      cmocka_unit_test(a_long_backlog_is_read_from_the_store_in_pages),
      cmocka_unit_test(a_slow_reader_gets_everything_once_in_order),
      TEST(a_stopped_reader_costs_a_position_and_disturbs_nobody),
      cmocka_unit_test(the_next_page_is_read_while_one_is_on_its_way_and_waits),
      cmocka_unit_test(a_page_that_waits_is_dropped_with_its_session),
      cmocka_unit_test(a_page_that_waits_is_not_used_after_a_restart),
      cmocka_unit_test(replay_meets_live_without_a_hole_or_a_duplicate),
      cmocka_unit_test(retention_under_a_sessions_feet_is_told_exactly),
      TEST(a_stream_that_began_anew_is_told_as_a_gap),
      TEST(another_epoch_before_the_first_event_is_a_gap_of_nothing),
      cmocka_unit_test(a_session_is_small),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
