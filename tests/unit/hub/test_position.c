/* Positions: of a subscriber, forward only, never beyond what was published, kept by the store. */
#include "tests/unit/hub/watcher.h"

static struct fixture f;
static struct stream *s;
static struct stream_info info;

static int begin(void **state) {
  (void)state;
  fixture_init(&f);
  f.options.store.retention_ms = 1000000;
  fixture_open(&f);
  s = open_stream(&f, 0, "r");
  publish_many(&f, s, 10);
  stream_info(s, &info);
  return 0;
}

static int end(void **state) {
  (void)state;
  stream_unref(s);
  fixture_close(&f);
  return 0;
}

static int64_t position_of(const char *subscriber) {
  struct opened o;
  open_begin(&f, 1, "r", subscriber, &o);
  fixture_pump_until(&f, 1, &o.is_done);
  assert_int_equal(o.code, 0);
  stream_unref(o.stream);
  return o.acked;
}

/* Out of memory and in again. */
static void reload(void) {
  stream_unref(s);
  fixture_evict(&f);
  struct hub_totals totals;
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.streams, 0);
  s = open_stream(&f, 0, "r");
}

static void a_subscriber_without_acks_stands_at_the_beginning(void **state) {
  (void)state;
  assert_int_equal(position_of("ann"), 0);
}

static void an_ack_moves_forward_only(void **state) {
  (void)state;
  assert_int_equal(stream_ack(s, info.epoch, "ann", 4), 4);
  assert_int_equal(stream_ack(s, info.epoch, "ann", 2), 4);
  assert_int_equal(stream_ack(s, info.epoch, "ann", -1), 4);
  assert_int_equal(stream_ack(s, info.epoch, "ann", 7), 7);
  assert_int_equal(position_of("ann"), 7);
}

static void an_ack_beyond_the_last_event_moves_nothing(void **state) {
  (void)state;
  assert_int_equal(stream_ack(s, info.epoch, "ann", 3), 3);
  assert_int_equal(stream_ack(s, info.epoch, "ann", 11), 3);
  assert_int_equal(stream_ack(s, info.epoch, "ann", 10), 10);
}

static void an_ack_of_another_epoch_moves_nothing(void **state) {
  (void)state;
  assert_int_equal(stream_ack(s, "another", "ann", 3), 0);
  assert_int_equal(position_of("ann"), 0);
}

static void subscribers_do_not_move_each_other(void **state) {
  (void)state;
  stream_ack(s, info.epoch, "ann", 3);
  stream_ack(s, info.epoch, "ann/phone", 8);
  assert_int_equal(position_of("ann"), 3);
  assert_int_equal(position_of("ann/phone"), 8);
  assert_int_equal(position_of("bob"), 0);
}

static void positions_outlive_the_stream_in_memory(void **state) {
  (void)state;
  stream_ack(s, info.epoch, "ann", 6);
  reload();
  assert_int_equal(position_of("ann"), 6);
  assert_int_equal(stream_ack(s, info.epoch, "ann", 5), 6);
  assert_int_equal(stream_ack(s, info.epoch, "ann", 9), 9);
  reload();
  assert_int_equal(position_of("ann"), 9);
}

static void positions_go_with_the_events(void **state) {
  (void)state;
  stream_ack(s, info.epoch, "ann", 6);
  fixture_advance(&f, 2000000);
  assert_int_equal(store_sweep(hub_store(f.hub)), 0);
  assert_int_equal(position_of("ann"), 0);
  publish_many(&f, s, 2);
  assert_int_equal(position_of("ann"), 0);
  assert_int_equal(stream_ack(s, info.epoch, "ann", 1), 0); /* the old epoch */
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(a_subscriber_without_acks_stands_at_the_beginning),
      test(an_ack_moves_forward_only),
      test(an_ack_beyond_the_last_event_moves_nothing),
      test(an_ack_of_another_epoch_moves_nothing),
      test(subscribers_do_not_move_each_other),
      test(positions_outlive_the_stream_in_memory),
      test(positions_go_with_the_events),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
