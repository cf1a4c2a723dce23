/* A session that speaks SSE: the same feed, position and end as any other, as text. */
#include "lib/core/subscriber.h"
#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The client: blocks of text, each up to its empty line. */
struct ear {
  struct world *world;
  struct connection *c;
  size_t at;
  char block[512]; /* the start of the last one */
};

struct ear_options {
  int worker;
  int64_t ttl_s; /* of the token; a day */
  bool has_after;
  int64_t after;
  const char *epoch, *types;
  size_t room; /* 0: everything */
};

static void ear_start(struct ear *e, struct world *w, const struct ear_options *o) {
  struct loop *loop = w->loops[o->worker];
  struct session *session;
  struct session_start start = {
      .hub = w->hub,
      .loop = loop,
      .settings = &w->settings,
      .grants = world_grants(w, "ann", NULL, NULL, o->ttl_s > 0 ? o->ttl_s : 86400),
      .can_watch = true,
      .is_sse = true,
      .types = o->types != NULL ? strdup(o->types) : NULL,
      .wish = {.after = o->has_after ? o->after : -1, .from = POSITION_FROM_START},
  };
  if (o->epoch != NULL)
    strcpy(start.wish.epoch, o->epoch);
  assert_int_equal(subscriber_format("ann", NULL, &start.subscriber, NULL), 0);
  start.stream = world_open(w, o->worker, "r", start.subscriber, &start.acked);
  assert_int_equal(session_new(&start, &session), 0);
  *e = (struct ear){.world = w, .c = fake_connection_new(loop)};
  connection_set_handlers(e->c, session_handlers(), session);
  if (o->room > 0)
    fake_set_room(e->c, o->room);
  session_begin(session, e->c);
}

static void ear_stop(struct ear *e) {
  fake_kill(e->c);
  fake_turn(e->c);
  fake_connection_free(e->c);
}

static const char *waiting(struct ear *e) {
  struct buf *b = fake_received(e->c);
  const char *end = b->len > e->at ? strstr(b->data + e->at, "\n\n") : NULL;
  return end;
}

static const char *ear_next(struct ear *e) {
  WAIT_FOR(e->world, waiting(e) != NULL);
  const char *start = fake_received(e->c)->data + e->at;
  size_t len = (size_t)(waiting(e) - start);
  e->at += len + 2;
  snprintf(e->block, sizeof(e->block), "%.*s", (int)len, start);
  return e->block;
}

static bool starts_with(const char *s, const char *start) {
  return strncmp(s, start, strlen(start)) == 0;
}

static void ear_expect(struct ear *e, const char *start) {
  const char *block = ear_next(e);
  if (!starts_with(block, start))
    print_error("instead of %s: %s\n", start, block);
  assert_true(starts_with(block, start));
}

static void ear_expect_silence(struct ear *e) {
  world_settle(e->world);
  assert_null(waiting(e));
}

static void ear_expect_end(struct ear *e) {
  ear_expect_silence(e);
  assert_true(fake_is_closing(e->c));
  assert_false(fake_was_aborted(e->c));
}

static void epoch_of(struct world *w, char epoch[CWS_EPOCH_MAX + 1]) {
  struct stream *s = world_open(w, 0, "r", NULL, NULL);
  struct stream_info info;
  stream_info(s, &info);
  strcpy(epoch, info.epoch);
  stream_unref(s);
}

static void ear_expect_events(struct ear *e, int64_t first, int64_t last) {
  char epoch[CWS_EPOCH_MAX + 1], start[64];
  epoch_of(e->world, epoch);
  for (int64_t id = first; id <= last; id++) {
    snprintf(start, sizeof(start), "id: %s:%lld\ndata: {\"type\":\"t\",", epoch, (long long)id);
    ear_expect(e, start);
  }
}

static void ear_expect_replay(struct ear *e, int64_t resume_from, int64_t last) {
  char epoch[CWS_EPOCH_MAX + 1], start[80];
  epoch_of(e->world, epoch);
  snprintf(start, sizeof(start), "event: connection_established\nid: %s:%lld\ndata: {", epoch,
           (long long)resume_from);
  ear_expect(e, start);
  ear_expect_events(e, resume_from + 1, last);
  ear_expect(e, "event: replay_complete\ndata: {");
}

static int set_up(void **state) {
  *state = world_new(NULL);
  return 0;
}

static int tear_down(void **state) {
  world_free(*state);
  return 0;
}

static void a_backlog_then_what_is_published_each_once(void **state) {
  struct world *w = *state;
  struct ear a, b;
  world_publish(w, "r", 20, 10, NULL);
  ear_start(&a, w, &(struct ear_options){0});
  ear_start(&b, w, &(struct ear_options){.worker = 1});
  ear_expect_replay(&a, 0, 20);
  ear_expect_replay(&b, 0, 20);
  world_publish(w, "r", 20, 10, NULL);
  ear_expect_events(&a, 21, 40);
  ear_expect_events(&b, 21, 40);
  ear_expect_silence(&a);
  ear_stop(&a);
  ear_stop(&b);
}

static void pages_hand_over_to_live_without_a_hole(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 16});
  world_publish(w, "r", 1000, 200, NULL);
  struct stream *s = world_open(w, 0, "r", NULL, NULL);
  struct ear e;
  int pending = 0;
  ear_start(&e, w, &(struct ear_options){0});
  for (int i = 1; i <= 300; i++) {
    world_publish_begin(w, s, i, 200, NULL, &pending);
    world_run(w, 0);
  }
  WAIT_FOR(w, pending == 0);
  ear_expect(&e, "event: connection_established\nid: ");
  int64_t last = 0;
  int completes = 0;
  while (last < 1300 || completes < 1) { /* replay_complete comes at the end of a page */
    if (starts_with(ear_next(&e), "event: replay_complete\n"))
      assert_true(last >= 1000 && ++completes == 1);
    else
      assert_int_equal(atoll(strchr(e.block + 4, ':') + 1), ++last);
  }
  ear_expect_silence(&e);
  assert_true(w->metrics.pages_read > 1);
  stream_unref(s);
  ear_stop(&e);
  world_free(w);
}

static void a_slow_reader_costs_a_position_not_a_queue(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.tail_events = 32});
  struct ear e;
  ear_start(&e, w, &(struct ear_options){0});
  ear_expect_replay(&e, 0, 0);
  fake_set_room(e.c, 1000);
  world_publish(w, "r", 3000, 1000, NULL); /* 3 MB */
  world_settle(w);
  assert_true(connection_buffered_bytes(e.c) > 0);
  for (int i = 0; i < 50; i++) {
    fake_set_room(e.c, 10000);
    world_run(w, 0);
  }
  fake_set_room(e.c, SIZE_MAX);
  ear_expect_events(&e, 1, 3000);
  ear_expect_silence(&e);
  assert_true(fake_buffered_peak(e.c) < 400 * 1024);
  ear_stop(&e);
  world_free(w);
}

static void who_comes_back_goes_on_behind_its_last_id(void **state) {
  struct world *w = *state;
  struct ear e;
  char epoch[CWS_EPOCH_MAX + 1];
  world_publish(w, "r", 20, 10, NULL);
  epoch_of(w, epoch);
  ear_start(&e, w, &(struct ear_options){.has_after = true, .after = 15, .epoch = epoch});
  ear_expect_replay(&e, 15, 20);
  ear_stop(&e);
}

static void an_id_of_another_epoch_is_a_gap(void **state) {
  struct world *w = *state;
  struct ear e;
  char epoch[CWS_EPOCH_MAX + 1], start[80];
  world_publish(w, "r", 2, 10, NULL);
  epoch_of(w, epoch);
  ear_start(&e, w, &(struct ear_options){.has_after = true, .after = 15, .epoch = "other"});
  ear_expect(&e, "event: connection_established\ndata: {");
  snprintf(start, sizeof(start), "event: gap\nid: %s:0\ndata: {", epoch);
  ear_expect(&e, start);
  assert_non_null(strstr(e.block, "\"from\":16,\"to\":null,\"reason\":\"epoch\""));
  ear_expect_events(&e, 1, 2);
  ear_stop(&e);
}

static void what_expired_is_a_gap(void **state) {
  (void)state;
  struct world *w = world_new(&(struct world_options){.max_request_events = 10});
  struct ear e;
  world_publish(w, "r", 30, 10, NULL);
  world_settle(w);
  struct stream *s = world_open(w, 0, "r", NULL, NULL);
  struct stream_info info;
  stream_info(s, &info);
  stream_unref(s);
  assert_true(info.first_id > 1);
  ear_start(&e, w, &(struct ear_options){0});
  ear_expect(&e, "event: connection_established\ndata: {");
  char start[80];
  snprintf(start, sizeof(start), "event: gap\nid: %s:%lld\ndata: {", info.epoch,
           (long long)info.first_id - 1);
  ear_expect(&e, start);
  ear_expect_events(&e, info.first_id, 30);
  ear_stop(&e);
  world_free(w);
}

static void types_that_are_not_wanted_only_move_the_position(void **state) {
  struct world *w = *state;
  struct ear e;
  char epoch[CWS_EPOCH_MAX + 1], id[64];
  world_publish(w, "r", 5, 10, NULL);
  epoch_of(w, epoch);
  ear_start(&e, w, &(struct ear_options){.types = "other"});
  ear_expect(&e, "event: connection_established\n");
  ear_expect(&e, "event: replay_complete\n");
  snprintf(id, sizeof(id), "id: %s:5", epoch);
  ear_expect(&e, id);
  assert_string_equal(e.block, id);
  ear_stop(&e);
}

static void a_silent_client_hears_heartbeats_and_is_kept(void **state) {
  struct world *w = *state;
  struct ear e;
  ear_start(&e, w, &(struct ear_options){0});
  ear_expect_replay(&e, 0, 0);
  world_advance(w, 20 * 60 * 1000);
  int beats = 0;
  while (waiting(&e) != NULL) {
    assert_string_equal(ear_next(&e), ": heartbeat");
    beats++;
  }
  assert_in_range(beats, 38, 42);
  assert_false(fake_is_closing(e.c));
  ear_stop(&e);
}

static void what_the_client_says_is_not_heard(void **state) {
  struct world *w = *state;
  struct ear e;
  ear_start(&e, w, &(struct ear_options){0});
  ear_expect_replay(&e, 0, 0);
  fake_send(e.c, "GET / HTTP/1.1\r\n\r\n", 18);
  world_publish(w, "r", 1, 10, NULL);
  ear_expect_events(&e, 1, 1);
  assert_false(fake_is_closing(e.c));
  ear_stop(&e);
}

static void a_token_that_expires_ends_it(void **state) {
  struct world *w = *state;
  struct ear e;
  ear_start(&e, w, &(struct ear_options){.ttl_s = 20});
  ear_expect_replay(&e, 0, 0);
  world_jump(w, 90 * 1000);
  for (ear_next(&e); e.block[0] == ':'; ear_next(&e))
    continue;
  assert_true(starts_with(e.block, "event: bye\ndata: {"));
  assert_non_null(strstr(e.block, "\"code\":4005"));
  ear_expect_end(&e);
  ear_stop(&e);
}

static void a_deleted_request_ends_it(void **state) {
  struct world *w = *state;
  struct ear e;
  world_publish(w, "r", 1, 10, NULL);
  ear_start(&e, w, &(struct ear_options){0});
  ear_expect_replay(&e, 0, 1);
  world_delete(w, "r");
  ear_expect(&e, "event: bye\ndata: {");
  assert_non_null(strstr(e.block, "\"code\":4510"));
  assert_non_null(strstr(e.block, "\"reconnect\":false"));
  ear_expect_end(&e);
  ear_stop(&e);
}

static void a_request_that_turns_out_to_be_anothers_ends_it_unseen(void **state) {
  struct world *w = *state;
  struct ear e;
  ear_start(&e, w, &(struct ear_options){0});
  ear_expect_replay(&e, 0, 0);
  world_publish(w, "r", 1, 10, "bob");
  ear_expect(&e, "event: bye\ndata: {");
  assert_non_null(strstr(e.block, "\"code\":4503"));
  ear_expect_end(&e);
  ear_stop(&e);
}

static void a_drain_says_when_to_come_back(void **state) {
  struct world *w = *state;
  struct ear e;
  world_publish(w, "r", 3, 10, NULL);
  ear_start(&e, w, &(struct ear_options){0});
  ear_expect_replay(&e, 0, 3);
  session_drain_all(&w->settings, w->loops[0], 5000);
  ear_expect(&e, "event: bye\nretry: ");
  assert_non_null(strstr(e.block, "\"code\":1012"));
  assert_non_null(strstr(e.block, "\"resume_from\":3"));
  ear_expect_end(&e);
  ear_stop(&e);
}

static void it_counts_as_a_watcher_while_it_lasts(void **state) {
  struct world *w = *state;
  struct ear e;
  struct stream_info info;
  struct stream *s = world_open(w, 0, "r", NULL, NULL);
  ear_start(&e, w, &(struct ear_options){0});
  stream_info(s, &info);
  assert_int_equal(info.watchers, 1);
  assert_int_equal(w->metrics.watchers, 1);
  assert_int_equal(session_count(&w->settings, w->loops[0]), 1);
  ear_stop(&e);
  stream_info(s, &info);
  assert_int_equal(info.watchers, 0);
  assert_int_equal(session_count(&w->settings, w->loops[0]), 0);
  stream_unref(s);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_backlog_then_what_is_published_each_once),
      TEST(pages_hand_over_to_live_without_a_hole),
      TEST(a_slow_reader_costs_a_position_not_a_queue),
      TEST(who_comes_back_goes_on_behind_its_last_id),
      TEST(an_id_of_another_epoch_is_a_gap),
      TEST(what_expired_is_a_gap),
      TEST(types_that_are_not_wanted_only_move_the_position),
      TEST(a_silent_client_hears_heartbeats_and_is_kept),
      TEST(what_the_client_says_is_not_heard),
      TEST(a_token_that_expires_ends_it),
      TEST(a_deleted_request_ends_it),
      TEST(a_request_that_turns_out_to_be_anothers_ends_it_unseen),
      TEST(a_drain_says_when_to_come_back),
      TEST(it_counts_as_a_watcher_while_it_lasts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
