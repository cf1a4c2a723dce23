/* Once a second: summaries are saved, what nobody uses leaves memory. */
#include "server/hub/hub_inside.h"
#include "tests/unit/hub/watcher.h"
#include <string.h>

enum { LINGER_MS = 60000 };

static struct fixture f;
static struct stream *s;

static int begin(void **state) {
  (void)state;
  fixture_init(&f);
  f.options.idle_tail_bytes = 2000;
  fixture_open(&f);
  s = open_stream(&f, 0, "r");
  return 0;
}

static int end(void **state) {
  (void)state;
  stream_unref(s);
  fixture_close(&f);
  return 0;
}

static int64_t streams(void) {
  struct hub_totals totals;
  hub_totals(f.hub, &totals);
  return totals.streams;
}

static int64_t saved_id(const char *request_id) {
  struct store_info info;
  assert_int_equal(store_info(hub_store(f.hub), request_id, &info, NULL), 0);
  int64_t id = info.summary ? info.summary_id : 0;
  store_info_finish(&info);
  return id;
}

static void a_summary_that_changed_is_saved(void **state) {
  (void)state;
  publish_many(&f, s, 3);
  assert_int_equal(saved_id("r"), 0);
  upkeep_now(f.hub);
  assert_int_equal(saved_id("r"), 3);
  publish_many(&f, s, 2);
  upkeep_now(f.hub);
  assert_int_equal(saved_id("r"), 5);
}

static void a_flush_saves_all_summaries(void **state) {
  (void)state;
  publish_many(&f, s, 3);
  assert_int_equal(hub_flush(f.hub), 0);
  assert_int_equal(saved_id("r"), 3);
}

static void a_tick_does_it_off_the_loop(void **state) {
  (void)state;
  publish_many(&f, s, 3);
  hub_tick(f.hub);
  hub_tick(f.hub); /* one at a time is enough */
  hub_wait_for_jobs(f.hub);
  assert_int_equal(saved_id("r"), 3);
  publish_many(&f, s, 1);
  hub_tick(f.hub);
  hub_wait_for_jobs(f.hub);
  assert_int_equal(saved_id("r"), 4);
}

static void a_stream_in_use_stays(void **state) {
  (void)state;
  upkeep_now(f.hub);
  fixture_advance(&f, LINGER_MS * 10);
  upkeep_now(f.hub);
  assert_int_equal(streams(), 1);
}

static void a_stream_that_nobody_uses_leaves_after_a_while(void **state) {
  (void)state;
  publish_many(&f, s, 3);
  hub_wait_for_jobs(f.hub);
  upkeep_now(f.hub);
  stream_unref(s);
  fixture_advance(&f, LINGER_MS - 1);
  upkeep_now(f.hub);
  assert_int_equal(streams(), 1);
  fixture_advance(&f, 1);
  upkeep_now(f.hub);
  assert_int_equal(streams(), 0);
  s = open_stream(&f, 0, "r");
  struct stream_info info;
  stream_info(s, &info);
  assert_int_equal(info.last_id, 3);
}

static void publishing_counts_as_use(void **state) {
  (void)state;
  struct stream *held = stream_ref(s);
  hub_wait_for_jobs(f.hub);
  upkeep_now(f.hub);
  fixture_advance(&f, LINGER_MS - 1);
  publish_many(&f, held, 1);
  stream_unref(held);
  stream_unref(s);
  fixture_advance(&f, LINGER_MS - 1);
  upkeep_now(f.hub);
  assert_int_equal(streams(), 1);
  s = open_stream(&f, 0, "r");
}

static bool has_tail(struct stream *t) {
  struct stream_info info;
  struct buf out;
  buf_init(&out);
  stream_info(t, &info);
  bool has = stream_tail_copy(t, info.epoch, info.last_id - 1, 1, &out) > 0;
  buf_finish(&out);
  return has;
}

static void old_tails_of_unwatched_streams_go_first(void **state) {
  (void)state;
  struct watcher w = {0};
  struct stream *watched = open_stream(&f, 0, "watched");
  struct stream *newer = open_stream(&f, 0, "newer");
  watcher_start(&w, &f, 0, watched, NULL);
  publish_many(&f, watched, 15); /* about 85 bytes each */
  publish_many(&f, s, 15);
  fixture_advance(&f, 10);
  publish_many(&f, newer, 15);
  fixture_settle(&f);
  upkeep_now(f.hub);
  assert_true(has_tail(watched));
  assert_true(has_tail(newer));
  assert_false(has_tail(s));
  publish_many(&f, s, 1); /* and it goes on with what comes */
  assert_true(has_tail(s));
  watcher_stop(&w);
  stream_unref(watched);
  stream_unref(newer);
}

static void tails_within_the_limit_stay(void **state) {
  (void)state;
  publish_many(&f, s, 15);
  upkeep_now(f.hub);
  assert_true(has_tail(s));
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(a_summary_that_changed_is_saved),
      test(a_flush_saves_all_summaries),
      test(a_tick_does_it_off_the_loop),
      test(a_stream_in_use_stays),
      test(a_stream_that_nobody_uses_leaves_after_a_while),
      test(publishing_counts_as_use),
      test(old_tails_of_unwatched_streams_go_first),
      test(tails_within_the_limit_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
