/* Watching: one wake a worker and batch, with the frames in one piece; whoever is not in step helps
 * itself. */
#include "tests/unit/hub/watcher.h"
#include <string.h>

static struct fixture f;
static struct stream *s;

static int begin(void **state) {
  (void)state;
  fixture_init(&f);
  f.options.tail_events = 8;
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

/* Queues events without running any mail. */
static void publish_quietly(struct published *p, int count) {
  published_init(p);
  for (int i = 0; i < count; i++)
    published_add(p, "log", "{}", NULL, NULL);
  publish_begin(&f, 0, s, p);
  assert_int_equal(store_flush(hub_store(f.hub)), 0);
}

static void a_watcher_in_step_is_fed_by_the_batch(void **state) {
  (void)state;
  struct watcher w = {0};
  watcher_start(&w, &f, 0, s, "ann");
  publish_many(&f, s, 5);
  fixture_settle(&f);
  assert_int_equal(w.position, 5);
  assert_int_equal(w.batches, w.wakes);
  assert_int_equal(w.tails + w.pages, 0);
  watcher_stop(&w);
}

static void commits_before_the_loop_turns_share_one_wake(void **state) {
  (void)state;
  struct watcher w = {0};
  struct published p[3];
  watcher_start(&w, &f, 1, s, NULL);
  for (int i = 0; i < 3; i++)
    publish_quietly(&p[i], 2);
  assert_int_equal(fixture_mail_count(&f, 1), 1);
  fixture_pump(&f, 1);
  assert_int_equal(w.wakes, 1);
  assert_int_equal(w.batches, 1);
  assert_int_equal(w.position, 6);
  fixture_pump(&f, 0);
  assert_true(p[2].is_done);
  watcher_stop(&w);
}

static void only_workers_with_watchers_are_woken(void **state) {
  (void)state;
  struct watcher w = {0};
  struct published p;
  publish_quietly(&p, 1);
  assert_int_equal(fixture_mail_count(&f, 1), 0);
  watcher_start(&w, &f, 1, s, NULL);
  assert_int_equal(w.position, 1); /* what was before is found without a wake */
  publish_quietly(&p, 1);
  assert_int_equal(fixture_mail_count(&f, 1), 1);
  fixture_settle(&f);
  assert_int_equal(w.position, 2);
  watcher_stop(&w);
  publish_quietly(&p, 1);
  assert_int_equal(fixture_mail_count(&f, 1), 0);
  fixture_settle(&f);
  assert_int_equal(w.wakes, 1);
}

static void watchers_on_all_workers_see_the_same(void **state) {
  (void)state;
  struct watcher w[6];
  memset(w, 0, sizeof w);
  for (int i = 0; i < 6; i++)
    watcher_start(&w[i], &f, i % 2, s, NULL);
  publish_many(&f, s, 7);
  fixture_settle(&f);
  for (int i = 0; i < 6; i++) {
    assert_int_equal(w[i].position, 7);
    assert_int_equal(w[i].bytes, w[0].bytes);
    watcher_stop(&w[i]);
  }
}

static void a_batch_that_the_tail_no_longer_holds_is_read_from_the_store(void **state) {
  (void)state;
  struct watcher w = {0};
  struct published p;
  watcher_start(&w, &f, 1, s, NULL);
  publish_quietly(&p, 30); /* the tail keeps 8 */
  fixture_settle(&f);
  assert_int_equal(w.batches, 0);
  while (w.is_reading)
    fixture_pump_one(&f, 1);
  assert_int_equal(w.position, 30);
  assert_true(w.pages > 0);
  watcher_stop(&w);
}

static void one_that_comes_later_has_all_and_then_is_in_step(void **state) {
  (void)state;
  struct watcher w = {0};
  publish_many(&f, s, 20);
  watcher_start(&w, &f, 1, s, NULL);
  while (w.is_reading)
    fixture_pump_one(&f, 1);
  assert_int_equal(w.position, 20);
  publish_many(&f, s, 3);
  fixture_settle(&f);
  assert_int_equal(w.position, 23);
  assert_true(w.batches > 0);
  watcher_stop(&w);
}

static void a_retry_wakes_nobody(void **state) {
  (void)state;
  struct watcher w = {0};
  struct published p;
  watcher_start(&w, &f, 1, s, NULL);
  for (int i = 0; i < 2; i++) {
    published_init(&p);
    published_add(&p, "log", "{}", "same", NULL);
    publish_wait(&f, 0, s, &p);
    fixture_settle(&f);
  }
  assert_true(p.publish.duplicate);
  assert_int_equal(w.wakes, 1);
  watcher_stop(&w);
}

/* ---- many watchers: a wake waits for what is about to come ---- */

#define MANY 70

static struct watcher many[MANY];

/* The store's writer asks the clock before it commits anything: who has this keeps it waiting. */
static pthread_mutex_t commits;
static bool has_commits;

static void hold_commits(bool hold) {
  if (hold == has_commits)
    return;
  has_commits = hold;
  if (hold)
    pthread_mutex_lock(&commits);
  else
    pthread_mutex_unlock(&commits);
}

static int64_t wall_when_free(void *user) {
  pthread_mutex_lock(&commits);
  pthread_mutex_unlock(&commits);
  return atomic_load(&((struct fixture *)user)->wall_ms);
}

static int begin_with_gate(void **state) {
  pthread_mutexattr_t again; /* for the thread that has it */
  pthread_mutexattr_init(&again);
  pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&commits, &again);
  pthread_mutexattr_destroy(&again);
  int code = begin(state);
  f.clock.wall_ms = wall_when_free;
  return code;
}

static int end_with_gate(void **state) {
  hold_commits(false);
  int code = end(state);
  pthread_mutex_destroy(&commits);
  return code;
}

static void many_start(int worker) {
  memset(many, 0, sizeof many);
  for (int i = 0; i < MANY; i++)
    watcher_start(&many[i], &f, worker, s, NULL);
}

static void many_expect(int wakes, int64_t position) {
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(many[i].wakes, wakes);
    assert_int_equal(many[i].position, position);
  }
}

static void many_stop(void) {
  for (int i = 0; i < MANY; i++)
    watcher_stop(&many[i]);
}

static void many_watchers_are_woken_after_a_turn_of_the_loop(void **state) {
  (void)state;
  struct published p;
  many_start(1);
  publish_quietly(&p, 1);
  fixture_pump_one(&f, 1);
  many_expect(0, 0);
  assert_int_equal(fixture_mail_count(&f, 1), 1); /* behind what the sockets bring */
  fixture_pump_one(&f, 1);
  many_expect(1, 1);
  assert_int_equal(fixture_mail_count(&f, 1), 0);
  fixture_settle(&f);
  many_stop();
}

static void a_publish_under_way_shares_the_wake_of_many(void **state) {
  (void)state;
  struct published first, own[2];
  many_start(1);
  publish_quietly(&first, 1);
  fixture_pump_one(&f, 1);
  for (int i = 0; i < 2; i++) {
    published_init(&own[i]);
    published_add(&own[i], "log", "{}", NULL, NULL);
  }
  hold_commits(true);
  publish_begin(&f, 1, s, &own[0]); /* by a socket of the same worker, in that turn */
  fixture_pump_one(&f, 1);
  many_expect(0, 0);
  hold_commits(false);
  fixture_pump_until(&f, 1, &own[0].is_done);
  many_expect(1, 2);
  publish_wait(&f, 1, s, &own[1]);
  fixture_settle(&f);
  fixture_settle(&f);
  many_expect(2, 3);
  many_stop();
}

/* ---- leaving and coming during the walk ---- */

static struct watcher crew[5];

static void stop_self(struct watcher *w, const struct stream_batch *batch) {
  (void)batch;
  watcher_stop(w);
}

static void stop_everybody(struct watcher *w, const struct stream_batch *batch) {
  (void)w;
  (void)batch;
  for (int i = 0; i < 5; i++)
    watcher_stop(&crew[i]);
}

static void start_another(struct watcher *w, const struct stream_batch *batch) {
  (void)batch;
  w->on_wake = NULL;
  watcher_start(&crew[4], &f, 0, s, NULL);
}

static void crew_start(int count) {
  memset(crew, 0, sizeof crew);
  for (int i = 0; i < count; i++)
    watcher_start(&crew[i], &f, 0, s, NULL);
}

static int crew_wakes(void) {
  int wakes = 0;
  for (int i = 0; i < 5; i++)
    wakes += crew[i].wakes;
  return wakes;
}

static void a_watcher_may_leave_while_it_is_woken(void **state) {
  (void)state;
  struct stream_info info;
  crew_start(5);
  crew[0].on_wake = crew[2].on_wake = crew[4].on_wake = stop_self;
  publish_one(&f, s, "log", "{}");
  fixture_settle(&f);
  assert_int_equal(crew_wakes(), 5);
  stream_info(s, &info);
  assert_int_equal(info.watchers, 2);
  publish_one(&f, s, "log", "{}");
  fixture_settle(&f);
  assert_int_equal(crew_wakes(), 7);
  assert_int_equal(crew[1].position, 2);
  stop_everybody(NULL, NULL);
}

static void a_watcher_may_send_others_away_while_it_is_woken(void **state) {
  (void)state;
  crew_start(5);
  crew[2].on_wake = stop_everybody;
  publish_one(&f, s, "log", "{}");
  fixture_settle(&f);
  assert_int_equal(crew_wakes(), 3); /* the newest first: 4, 3, 2 */
  assert_int_equal(crew[0].wakes + crew[1].wakes, 0);
}

static void one_that_comes_during_the_walk_is_not_part_of_it(void **state) {
  (void)state;
  crew_start(4);
  crew[1].on_wake = start_another;
  publish_one(&f, s, "log", "{}");
  fixture_settle(&f);
  assert_int_equal(crew[4].wakes, 0);
  assert_int_equal(crew[4].position, 1);
  publish_one(&f, s, "log", "{}");
  fixture_settle(&f);
  assert_int_equal(crew[4].wakes, 1);
  for (int i = 0; i < 5; i++)
    assert_int_equal(crew[i].position, 2);
  stop_everybody(NULL, NULL);
}

static void leaving_twice_does_nothing(void **state) {
  (void)state;
  struct watcher w = {0};
  watcher_start(&w, &f, 0, s, NULL);
  watcher_stop(&w);
  stream_detach(&w.watch);
  struct stream_info info;
  stream_info(s, &info);
  assert_int_equal(info.watchers, 0);
}

/* ---- counting, and the tail by itself ---- */

static void connects_of_a_subscriber_are_counted(void **state) {
  (void)state;
  struct watcher a = {0}, b = {0}, c = {0}, other = {0};
  struct hub_totals totals;
  watcher_start(&a, &f, 0, s, "ann");
  assert_int_equal(a.connects_before, 0);
  watcher_start(&b, &f, 1, s, "ann");
  assert_int_equal(b.connects_before, 1);
  watcher_start(&other, &f, 1, s, "bob");
  assert_int_equal(other.connects_before, 0);
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.watchers, 3);
  watcher_stop(&a);
  watcher_stop(&b);
  watcher_start(&c, &f, 0, s, "ann");
  assert_int_equal(c.connects_before, 2);
  watcher_stop(&c);
  watcher_stop(&other);
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.watchers, 0);
}

static void the_tail_says_what_it_has(void **state) {
  (void)state;
  struct stream_info info;
  struct buf out;
  buf_init(&out);
  publish_many(&f, s, 20); /* the tail keeps 13 … 20 */
  stream_info(s, &info);
  assert_int_equal(stream_tail_copy(s, info.epoch, 20, 1000, &out), 20);
  assert_int_equal(stream_tail_copy(s, info.epoch, 99, 1000, &out), 99);
  assert_int_equal(out.len, 0);
  assert_int_equal(stream_tail_copy(s, info.epoch, 11, 1000, &out), -1);
  assert_int_equal(stream_tail_copy(s, "another", 15, 1000, &out), -1);
  assert_int_equal(stream_tail_copy(s, info.epoch, 12, 1, &out), 13);
  size_t one = out.len;
  assert_int_equal(stream_tail_copy(s, info.epoch, 12, 100000, &out), 20);
  assert_int_equal(out.len, one + 8 * one);
  buf_finish(&out);
}

static void totals_count_what_was_published_and_handed_on(void **state) {
  (void)state;
  struct watcher a = {0}, b = {0};
  struct hub_totals totals;
  watcher_start(&a, &f, 0, s, NULL);
  watcher_start(&b, &f, 1, s, NULL);
  publish_many(&f, s, 4);
  fixture_settle(&f);
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.published, 4);
  assert_int_equal(totals.delivered_bytes, a.bytes + b.bytes);
  watcher_stop(&a);
  watcher_stop(&b);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(a_watcher_in_step_is_fed_by_the_batch),
      test(commits_before_the_loop_turns_share_one_wake),
      test(only_workers_with_watchers_are_woken),
      test(watchers_on_all_workers_see_the_same),
      test(a_batch_that_the_tail_no_longer_holds_is_read_from_the_store),
      test(one_that_comes_later_has_all_and_then_is_in_step),
      test(a_retry_wakes_nobody),
      test(many_watchers_are_woken_after_a_turn_of_the_loop),
      cmocka_unit_test_setup_teardown(a_publish_under_way_shares_the_wake_of_many, begin_with_gate,
                                      end_with_gate),
      test(a_watcher_may_leave_while_it_is_woken),
      test(a_watcher_may_send_others_away_while_it_is_woken),
      test(one_that_comes_during_the_walk_is_not_part_of_it),
      test(leaving_twice_does_nothing),
      test(connects_of_a_subscriber_are_counted),
      test(the_tail_says_what_it_has),
      test(totals_count_what_was_published_and_handed_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
