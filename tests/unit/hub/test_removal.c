/* DELETE and expiry: watchers are told, and what begins after it is another stream. */
#include "tests/unit/hub/watcher.h"
#include <string.h>

static struct fixture f;
static struct stream *s;
static struct stream_info before;

static int begin(void **state) {
  (void)state;
  fixture_init(&f);
  f.options.store.retention_ms = 1000;
  fixture_open(&f);
  s = open_stream(&f, 0, "r");
  publish_many(&f, s, 3);
  stream_info(s, &before);
  return 0;
}

static int end(void **state) {
  (void)state;
  stream_unref(s);
  fixture_close(&f);
  return 0;
}

static void expire(void) {
  fixture_advance(&f, 2000);
  assert_int_equal(store_sweep(hub_store(f.hub)), 0);
  for (int i = 0; i < FIXTURE_WORKERS; i++)
    fixture_pump(&f, i);
}

static void delete_wakes_every_watcher(void **state) {
  (void)state;
  struct watcher a = {0}, b = {0};
  watcher_start(&a, &f, 0, s, "ann");
  watcher_start(&b, &f, 1, s, "bob");
  assert_int_equal(delete_request(&f, "r"), 0);
  fixture_settle(&f);
  assert_true(a.is_deleted);
  assert_true(b.is_deleted);
  watcher_stop(&a);
  watcher_stop(&b);
}

static void delete_of_an_unknown_request_says_so(void **state) {
  (void)state;
  struct stream *empty = open_stream(&f, 0, "empty");
  assert_int_equal(delete_request(&f, "never"), CWS_EUNKNOWNREQUEST);
  assert_int_equal(delete_request(&f, "empty"), CWS_EUNKNOWNREQUEST);
  stream_unref(empty);
}

static void after_delete_the_request_is_another_stream(void **state) {
  (void)state;
  struct stream_info after;
  assert_int_equal(stream_ack(s, before.epoch, "ann", 2), 2);
  assert_int_equal(delete_request(&f, "r"), 0);
  assert_int_equal(stream_ack(s, before.epoch, "ann", 3), 2); /* nothing moves any more */
  struct opened o;
  open_begin(&f, 0, "r", "ann", &o);
  fixture_pump_until(&f, 0, &o.is_done);
  assert_ptr_not_equal(o.stream, s);
  assert_int_equal(o.acked, 0);
  stream_info(o.stream, &after);
  assert_string_not_equal(after.epoch, before.epoch);
  assert_int_equal(after.last_id, 0);
  assert_false(after.deleted);
  assert_int_equal(publish_one(&f, o.stream, "log", "{}"), 1);
  stream_unref(o.stream);
}

static void a_publish_through_a_deleted_stream_goes_to_its_successor(void **state) {
  (void)state;
  struct stream_info after;
  struct watcher w = {0};
  assert_int_equal(delete_request(&f, "r"), 0);
  struct stream *next = open_stream(&f, 1, "r");
  watcher_start(&w, &f, 1, next, NULL);
  assert_int_equal(publish_one(&f, s, "log", "{}"), 1);
  fixture_settle(&f);
  stream_info(next, &after);
  assert_int_equal(after.last_id, 1);
  assert_string_not_equal(after.epoch, before.epoch);
  assert_int_equal(w.position, 1);
  stream_info(s, &after);
  assert_true(after.deleted);
  watcher_stop(&w);
  stream_unref(next);
}

static void events_queued_behind_a_delete_begin_a_new_epoch(void **state) {
  (void)state;
  struct published p[4];
  struct asked a = {.query = {.kind = HUB_DELETE, .request_id = "fresh"}};
  struct stream *fresh = open_stream(&f, 0, "fresh");
  struct stream_info first, after;
  stream_info(fresh, &first);
  for (int i = 0; i < 2; i++) {
    published_init(&p[i]);
    published_add(&p[i], "log", "{}", NULL, NULL);
    publish_begin(&f, 0, fresh, &p[i]); /* both before the stream has begun */
  }
  ask(&f, &a);
  asked_finish(&a);
  published_init(&p[2]);
  published_add(&p[2], "log", "{}", NULL, NULL);
  publish_wait(&f, 0, fresh, &p[2]);
  assert_int_equal(p[2].publish.last_id, 1);
  struct stream *next = open_stream(&f, 0, "fresh");
  stream_info(next, &after);
  assert_int_equal(after.last_id, 1);
  assert_string_not_equal(after.epoch, first.epoch);
  stream_unref(next);
  stream_unref(fresh);
}

static void an_expired_request_is_without_events_under_another_epoch(void **state) {
  (void)state;
  struct watcher w = {0}, other = {0};
  struct stream_info after;
  watcher_start(&w, &f, 0, s, "ann");
  watcher_start(&other, &f, 1, s, "bob");
  assert_int_equal(w.position, 3);
  expire();
  assert_int_equal(w.wakes, 1);
  assert_int_equal(w.epoch_changes, 1);
  assert_int_equal(other.epoch_changes, 1);
  assert_int_equal(w.position, 0);
  stream_info(s, &after);
  assert_false(after.deleted);
  assert_string_not_equal(after.epoch, before.epoch);
  assert_int_equal(after.first_id, 1);
  assert_int_equal(after.last_id, 0);
  assert_int_equal(after.count, 0);
  assert_int_equal(after.bytes, 0);
  assert_string_equal(after.owner, "");
  watcher_stop(&w);
  watcher_stop(&other);
}

static void it_begins_again_under_the_epoch_that_it_showed(void **state) {
  (void)state;
  struct watcher w = {0};
  struct stream_info empty, after;
  watcher_start(&w, &f, 0, s, "ann");
  expire();
  stream_info(s, &empty);
  publish_many(&f, s, 2);
  fixture_settle(&f);
  stream_info(s, &after);
  assert_string_equal(after.epoch, empty.epoch);
  assert_int_equal(w.epoch_changes, 1);
  assert_int_equal(w.position, 2);
  watcher_stop(&w);
}

static void a_watcher_that_reads_while_it_expires_finds_the_new_stream(void **state) {
  (void)state;
  struct watcher w = {0};
  struct fixture *old = &f;
  end(NULL);
  fixture_init(old);
  f.options.store.retention_ms = 1000;
  f.options.tail_events = 1;
  fixture_open(old);
  s = open_stream(&f, 0, "r");
  publish_many(&f, s, 50);
  watcher_start(&w, &f, 1, s, NULL); /* begins to read a page */
  assert_true(w.is_reading);
  fixture_advance(&f, 2000);
  assert_int_equal(store_sweep(hub_store(f.hub)), 0);
  publish_many(&f, s, 2);
  while (w.is_reading || w.position < 2 || w.epoch_changes == 0)
    fixture_pump_one(&f, 1);
  assert_int_equal(w.position, 2);
  assert_int_equal(w.epoch_changes, 1);
  watcher_stop(&w);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(delete_wakes_every_watcher),
      test(delete_of_an_unknown_request_says_so),
      test(after_delete_the_request_is_another_stream),
      test(a_publish_through_a_deleted_stream_goes_to_its_successor),
      test(events_queued_behind_a_delete_begin_a_new_epoch),
      test(an_expired_request_is_without_events_under_another_epoch),
      test(it_begins_again_under_the_epoch_that_it_showed),
      test(a_watcher_that_reads_while_it_expires_finds_the_new_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
