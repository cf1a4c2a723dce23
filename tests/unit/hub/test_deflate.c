/* Watchers that take compressed frames: the same events, made smaller once for all of them. */
#include "server/hub/stream.h"
#include "tests/unit/hub/watcher.h"

enum { TAIL_EVENTS = 8 };

static struct fixture f;
static struct stream *s;

static int begin(void **state) {
  (void)state;
  fixture_init(&f);
  f.options.tail_events = TAIL_EVENTS;
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

#define WORDY                                                                                      \
  "{\"message\":\"the council has the subtask, the council weighs the subtask, the council has "   \
  "the subtask\"}"

static void publish_wordy(int count) {
  struct published p;
  published_init(&p);
  for (int i = 0; i < count; i++)
    published_add(&p, "execution_progress", WORDY, NULL, NULL);
  publish_wait(&f, 0, s, &p);
  fixture_settle(&f);
}

static void they_are_fed_by_the_batch_beside_the_others(void **state) {
  (void)state;
  struct watcher plain = {0}, a = {.takes_deflated = true}, b = {.takes_deflated = true};
  watcher_start(&plain, &f, 0, s, NULL);
  watcher_start(&a, &f, 0, s, NULL);
  watcher_start(&b, &f, 1, s, NULL);
  publish_wordy(5);
  assert_int_equal(plain.position, 5);
  assert_int_equal(plain.deflated, 0);
  assert_int_equal(a.position, 5);
  assert_int_equal(a.deflated, 5);
  assert_int_equal(a.batches, a.wakes);
  assert_int_equal(a.tails + a.pages, 0);
  assert_int_equal(b.deflated, 5);
  assert_true(a.bytes * 10 < plain.bytes * 9);
  assert_int_equal(a.bytes, b.bytes);
  watcher_stop(&plain);
  watcher_stop(&a);
  watcher_stop(&b);
}

static void no_batch_is_compressed_where_nobody_takes_it(void **state) {
  (void)state;
  struct watcher plain = {0}, gone = {.takes_deflated = true};
  watcher_start(&gone, &f, 0, s, NULL);
  watcher_stop(&gone);
  watcher_start(&plain, &f, 0, s, NULL);
  publish_wordy(1);
  assert_int_equal(s->seats[0].deflating, 0);
  assert_null(tail_at(&s->tail, 0, 0)->deflated);
  watcher_stop(&plain);
}

static void who_fell_behind_gets_pages_and_the_tail_compressed(void **state) {
  (void)state;
  enum { ALL = 5 * TAIL_EVENTS };
  struct watcher w = {.takes_deflated = true};
  publish_wordy(ALL);
  watcher_start(&w, &f, 0, s, NULL);
  while (w.position < ALL)
    fixture_pump_one(&f, 0);
  assert_true(w.pages > 0);
  assert_true(w.tails > 0);
  assert_int_equal(w.deflated, ALL);
  watcher_stop(&w);
}

static void a_frame_is_compressed_once(void **state) {
  (void)state;
  struct ws_deflater *d = ws_deflater_new();
  publish_wordy(1);
  struct frame *f1 = tail_at(&s->tail, 0, 0);
  const struct frame *deflated = frame_deflated(f1, d);
  assert_ptr_not_equal(deflated, f1);
  assert_true(deflated->len < f1->len);
  assert_ptr_equal(frame_deflated(f1, d), deflated);
  ws_deflater_free(d);
}

int main(void) {
#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      test(they_are_fed_by_the_batch_beside_the_others),
      test(no_batch_is_compressed_where_nobody_takes_it),
      test(who_fell_behind_gets_pages_and_the_tail_compressed),
      test(a_frame_is_compressed_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
