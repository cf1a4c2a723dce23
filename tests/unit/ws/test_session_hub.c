/*
 * What a session makes of a hub that is busy, slow or failing. Two calls of the hub go through this
 * file (ld
 * --wrap): it lets them pass, refuses them, or holds them back.
 */
#include "world.h"
#include <stdlib.h>
#include <string.h>

static const char *const all[] = {"*", NULL};

/* ---- the calls in between ---- */

int __real_hub_publish(struct hub *hub, int worker, struct stream *s, struct hub_publish *p);
int __wrap_hub_publish(struct hub *hub, int worker, struct stream *s, struct hub_publish *p);
int __real_hub_read_page(struct hub *hub, int worker, struct stream *s, struct hub_page *page);
int __wrap_hub_read_page(struct hub *hub, int worker, struct stream *s, struct hub_page *page);

static int publish_code; /* what hub_publish says; 0: pass */
static bool holds;       /* it says 0, and the test calls done */
static struct hub_publish *held[16];
static int held_count;
static int page_code;        /* what hub_read_page says; 0: pass */
static int page_answer_code; /* what the page says when it is read; 0: pass */

int __wrap_hub_publish(struct hub *hub, int worker, struct stream *s, struct hub_publish *p) {
  if (publish_code != 0)
    return publish_code;
  if (!holds)
    return __real_hub_publish(hub, worker, s, p);
  held[held_count++] = p;
  cws_event_free(p->events[0]);
  json_decref(p->data_json[0]);
  return 0;
}

static void (*page_done)(struct hub_page *page);

static void fail_page(struct hub_page *page) {
  page->code = page_answer_code;
  page_done(page);
}

int __wrap_hub_read_page(struct hub *hub, int worker, struct stream *s, struct hub_page *page) {
  if (page_code != 0)
    return page_code;
  page_done = page->done;
  if (page_answer_code != 0)
    page->done = fail_page;
  return __real_hub_read_page(hub, worker, s, page);
}

static void answer(int i, int64_t id, int code) {
  struct hub_publish *p = held[i];
  p->code = code;
  p->first_id = p->last_id = id;
  p->stored = 1;
  p->done(p);
}

/* ---- the fixture ---- */

static int set_up(void **state) {
  publish_code = page_code = page_answer_code = held_count = 0;
  holds = false;
  *state = world_new(&(struct world_options){.tail_events = 4});
  return 0;
}

static int tear_down(void **state) {
  world_free(*state);
  return 0;
}

static struct peer *publisher(struct world *w) {
  static const char *const none[] = {NULL};
  struct peer *p = peer_new(w, &(struct peer_options){.subscribe = none, .publish = all});
  peer_next(p, "connection_established");
  return p;
}

static void say_publish(struct peer *p, int n) {
  peer_say(p, "{\"type\":\"publish\",\"event\":{\"type\":\"t\"},\"ref\":%d}", n);
}

static void expect_published(struct peer *p, int ref) {
  assert_int_equal(peer_int(peer_next(p, "published"), "ref"), ref);
}

/* ---- publishing ---- */

static void an_answer_does_not_wait_for_those_behind_it(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w);
  holds = true;
  for (int i = 0; i < 4; i++)
    say_publish(p, i);
  int before = fake_writes(p->c);
  answer(0, 1, 0);
  answer(1, 2, 0);
  assert_int_equal(fake_writes(p->c), before); /* more of this commit may follow */
  world_run(w, 0);
  assert_int_equal(fake_writes(p->c), before + 1);
  expect_published(p, 0);
  expect_published(p, 1);
  answer(2, 3, 0);
  answer(3, 4, 0);
  assert_int_equal(fake_writes(p->c), before + 2); /* nothing else is under way: at once */
  expect_published(p, 2);
  expect_published(p, 3);
  world_run(w, 0);
  peer_free(p);
}

static void a_lone_publish_is_answered_at_once(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w);
  holds = true;
  say_publish(p, 7);
  int before = fake_writes(p->c);
  answer(0, 1, 0);
  assert_int_equal(fake_writes(p->c), before + 1);
  expect_published(p, 7);
  peer_free(p);
}

static void a_busy_hub_is_asked_again_and_the_socket_waits(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w);
  publish_code = CWS_EBUSY;
  say_publish(p, 1);
  assert_true(fake_is_paused(p->c));
  world_advance(w, 100);
  peer_expect_silence(p);
  publish_code = 0;
  world_advance(w, 100);
  expect_published(p, 1);
  world_settle(w);
  assert_false(fake_is_paused(p->c));
  peer_free(p);
}

static void what_waits_is_sent_when_an_answer_comes(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w);
  holds = true;
  say_publish(p, 1);
  publish_code = CWS_EBUSY;
  say_publish(p, 2);
  say_publish(p, 3);
  publish_code = 0;
  answer(0, 1, 0);
  assert_int_equal(held_count, 3);
  answer(1, 2, 0);
  answer(2, 3, 0);
  for (int i = 1; i <= 3; i++)
    expect_published(p, i);
  world_run(w, 0);
  peer_free(p);
}

static void what_the_hub_cannot_take_is_told(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w);
  publish_code = CWS_ENOMEM;
  say_publish(p, 1);
  json_t *error = peer_next(p, "protocol_error");
  assert_string_equal(peer_str(error, "code"), "out_of_memory");
  assert_int_equal(peer_int(error, "ref"), 1);
  publish_code = 0;
  holds = true;
  say_publish(p, 2);
  answer(0, 0, CWS_ESTORE);
  error = peer_next(p, "protocol_error");
  assert_string_equal(peer_str(error, "code"), "store_unavailable");
  assert_true(json_is_true(json_object_get(json_object_get(error, "data"), "temporary")));
  assert_int_equal(w->metrics.publishes_failed, 1);
  assert_int_equal(p->close_code, 0);
  peer_free(p);
}

static void answers_after_the_end_are_dropped(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w);
  holds = true;
  for (int i = 0; i < 3; i++)
    say_publish(p, i);
  publish_code = CWS_EBUSY;
  say_publish(p, 3);
  answer(0, 1, 0); /* posts a flush */
  peer_send_close(p, 1000);
  answer(1, 2, 0);
  peer_free(p);
  answer(2, 3, 0); /* the last thing it is owed but the flush */
  world_advance(w, 100);
  assert_int_equal(session_count(&w->settings, w->loops[0]), 0);
}

static void a_full_publisher_still_hears_the_close(void **state) {
  struct world *w = *state;
  struct peer *p = publisher(w);
  publish_code = CWS_EBUSY;
  say_publish(p, 1);
  assert_true(fake_is_paused(p->c));
  session_drain_all(&w->settings, w->loops[0], 0);
  assert_false(fake_is_paused(p->c));
  peer_expect_bye(p, 1012);
  peer_send_close(p, 1012);
  assert_false(fake_was_aborted(p->c));
  assert_true(fake_is_closing(p->c));
  peer_free(p);
}

/* ---- pages ---- */

static void a_page_that_cannot_be_read_sends_the_client_away_for_a_while(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 100, 0, NULL);
  page_answer_code = CWS_ESTORE;
  struct peer *p = peer_new(w, &(struct peer_options){0});
  peer_next(p, "connection_established");
  json_t *bye = peer_expect_bye(p, 1013);
  assert_true(json_is_true(json_object_get(json_object_get(bye, "data"), "reconnect")));
  assert_true(peer_int(bye, "retry_after_ms") > 0);
  peer_free(p);
  page_code = CWS_ENOMEM;
  p = peer_new(w, &(struct peer_options){0});
  peer_next(p, "connection_established");
  peer_expect_bye(p, 1013);
  peer_free(p);
}

static void a_page_of_a_stream_that_is_changing_waits_for_the_wake(void **state) {
  struct world *w = *state;
  world_publish(w, "r", 100, 0, NULL);
  page_answer_code = CWS_EEPOCHCHANGED;
  struct peer *p = peer_new(w, &(struct peer_options){0});
  peer_next(p, "connection_established");
  peer_expect_silence(p);
  assert_int_equal(w->metrics.pages_read, 1);
  page_answer_code = 0;
  world_publish(w, "r", 1, 0, NULL);
  peer_expect_events(p, 1, 101);
  assert_int_equal(peer_int(peer_next(p, "replay_complete"), "last_message_id"), 101);
  peer_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_answer_does_not_wait_for_those_behind_it),
      TEST(a_lone_publish_is_answered_at_once),
      TEST(a_busy_hub_is_asked_again_and_the_socket_waits),
      TEST(what_waits_is_sent_when_an_answer_comes),
      TEST(what_the_hub_cannot_take_is_told),
      TEST(answers_after_the_end_are_dropped),
      TEST(a_full_publisher_still_hears_the_close),
      TEST(a_page_that_cannot_be_read_sends_the_client_away_for_a_while),
      TEST(a_page_of_a_stream_that_is_changing_waits_for_the_wake),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
