/* hub_open_stream: one stream a request, answered by mail. hub_open_now: what memory knows. */
#include "tests/unit/hub/watcher.h"
#include <ctype.h>
#include <string.h>

static struct fixture f;

static int begin(void **state) {
  (void)state;
  fixture_init(&f);
  fixture_open(&f);
  return 0;
}

static int end(void **state) {
  (void)state;
  fixture_close(&f);
  return 0;
}

static void the_answer_comes_by_mail_never_from_inside_the_call(void **state) {
  (void)state;
  struct opened first, again;
  open_begin(&f, 0, "r", NULL, &first);
  assert_false(first.is_done);
  fixture_pump_until(&f, 0, &first.is_done);
  open_begin(&f, 0, "r", NULL, &again); /* in memory now */
  assert_false(again.is_done);
  assert_int_equal(fixture_mail_count(&f, 0), 1);
  fixture_pump(&f, 0);
  assert_true(again.is_done);
  assert_ptr_equal(first.stream, again.stream);
  stream_unref(first.stream);
  stream_unref(again.stream);
}

static void a_request_is_one_stream_for_all_workers(void **state) {
  (void)state;
  struct opened a, b, c;
  open_begin(&f, 0, "r", "ann", &a);
  open_begin(&f, 1, "r", NULL, &b);
  open_begin(&f, 1, "other", NULL, &c);
  fixture_pump_until(&f, 0, &a.is_done);
  fixture_pump_until(&f, 1, &b.is_done);
  fixture_pump_until(&f, 1, &c.is_done);
  assert_ptr_equal(a.stream, b.stream);
  assert_ptr_not_equal(a.stream, c.stream);
  assert_string_equal(stream_request_id(a.stream), "r");
  stream_unref(a.stream);
  stream_unref(b.stream);
  stream_unref(c.stream);
}

static void a_request_without_events_has_a_provisional_epoch_and_keeps_it(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r"), *other = open_stream(&f, 0, "other");
  struct stream_info before, after, apart;
  stream_info(s, &before);
  stream_info(other, &apart);
  assert_int_equal(strlen(before.epoch), 8);
  for (const char *p = before.epoch; *p; p++)
    assert_true(islower(*p) || isdigit(*p));
  assert_string_not_equal(before.epoch, apart.epoch);
  assert_int_equal(before.first_id, 1);
  assert_int_equal(before.last_id, 0);
  assert_int_equal(before.created_ms, 0);
  publish_one(&f, s, "log", "{}");
  stream_info(s, &after);
  assert_string_equal(after.epoch, before.epoch);
  assert_int_equal(after.created_ms, FIXTURE_START_MS);
  stream_unref(s);
  stream_unref(other);
}

static void the_epoch_shown_is_the_one_the_store_keeps(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r");
  struct store_info stored;
  struct stream_info info;
  publish_one(&f, s, "log", "{}");
  stream_info(s, &info);
  assert_int_equal(store_info(hub_store(f.hub), "r", &stored, NULL), 0);
  assert_string_equal(info.epoch, stored.epoch);
  store_info_finish(&stored);
  stream_unref(s);
}

static void what_is_known_of_a_stream_follows_its_events(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r");
  struct stream_info info;
  publish_one(&f, s, "log", "{\"a\":1}");
  fixture_advance(&f, 500);
  publish_one(&f, s, "log", "[1,2]");
  stream_info(s, &info);
  assert_int_equal(info.first_id, 1);
  assert_int_equal(info.last_id, 2);
  assert_int_equal(info.count, 2);
  assert_int_equal(info.bytes, 12);
  assert_int_equal(info.created_ms, FIXTURE_START_MS);
  assert_int_equal(info.updated_ms, FIXTURE_START_MS + 500);
  assert_int_equal(info.watchers, 0);
  assert_false(info.deleted);
  stream_unref(s);
}

/* ---- at once ---- */

static bool opens_now(const char *request_id, const char *subscriber, int64_t *acked) {
  struct stream *s;
  bool is_open = hub_open_now(f.hub, request_id, subscriber, &s, acked);
  assert_int_equal(is_open, s != NULL);
  stream_unref(s);
  return is_open;
}

static void what_is_in_memory_opens_at_once_and_the_rest_does_not(void **state) {
  (void)state;
  int64_t acked;
  struct stream *s;
  assert_false(hub_open_now(f.hub, "r", NULL, &s, &acked));
  struct stream *opened = open_stream(&f, 0, "r");
  assert_true(hub_open_now(f.hub, "r", NULL, &s, &acked));
  assert_ptr_equal(s, opened);
  assert_int_equal(acked, 0);
  stream_unref(s);
  stream_unref(opened);
}

static void of_a_stream_that_began_in_memory_every_position_is_known(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r");
  struct stream_info info;
  int64_t acked = -1;
  assert_true(opens_now("r", "ann", &acked)); /* without events yet */
  assert_int_equal(acked, 0);
  publish_many(&f, s, 3);
  stream_info(s, &info);
  stream_ack(s, info.epoch, "ann", 2);
  assert_true(opens_now("r", "ann", &acked));
  assert_int_equal(acked, 2);
  assert_true(opens_now("r", "bob", &acked));
  assert_int_equal(acked, 0);
  stream_unref(s);
}

static void of_a_stream_that_was_loaded_only_positions_asked_for_are_known(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r");
  struct stream_info info;
  struct opened o;
  int64_t acked = -1;
  publish_many(&f, s, 3);
  stream_info(s, &info);
  stream_ack(s, info.epoch, "ann", 2);
  stream_unref(s);
  fixture_settle(&f);
  fixture_evict(&f);
  s = open_stream(&f, 0, "r");
  assert_false(opens_now("r", "ann", &acked));
  open_begin(&f, 0, "r", "ann", &o);
  fixture_pump_until(&f, 0, &o.is_done);
  assert_int_equal(o.acked, 2);
  assert_true(opens_now("r", "ann", &acked));
  assert_int_equal(acked, 2);
  assert_false(opens_now("r", "bob", &acked));
  stream_unref(o.stream);
  stream_unref(s);
}

static void many_requests_are_found_again(void **state) {
  (void)state;
  enum { MANY = 500 };
  struct stream *streams[MANY];
  char id[32];
  struct hub_totals totals;
  for (int i = 0; i < MANY; i++) {
    snprintf(id, sizeof id, "request-%d", i);
    streams[i] = open_stream(&f, i % 2, id);
  }
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.streams, MANY);
  for (int i = 0; i < MANY; i++) {
    snprintf(id, sizeof id, "request-%d", i);
    struct stream *s = open_stream(&f, 0, id);
    assert_ptr_equal(s, streams[i]);
    stream_unref(s);
    stream_unref(streams[i]);
  }
}

/* ---- the end of the hub ---- */

/* A reference that comes while the hub is freed must not outlive it. */
static void on_open_at_the_end(struct hub_open *open, int code, struct stream *s, int64_t acked) {
  (void)acked;
  stream_unref(s);
  *(int *)open->user = code;
}

static void on_list_at_the_end(struct hub_query *query) {
  buf_finish(&query->json);
  *(int *)query->user = query->code;
}

static void what_is_under_way_is_answered_when_the_hub_is_freed(void **state) {
  (void)state;
  struct fixture other;
  struct published p;
  int opened = -1, listed = -1;
  struct hub_open open = {.done = on_open_at_the_end, .user = &opened};
  struct hub_query list = {.done = on_list_at_the_end, .user = &listed, .kind = HUB_LIST};
  fixture_init(&other);
  fixture_open(&other);
  struct stream *s = open_stream(&other, 0, "r");
  assert_int_equal(hub_open_stream(other.hub, 1, "unseen", "ann", &open), 0);
  assert_int_equal(hub_query(other.hub, 0, &list), 0);
  published_init(&p);
  published_add(&p, "log", "{}", NULL, NULL);
  publish_begin(&other, 1, s, &p);
  stream_unref(s);
  fixture_close(&other); /* without running the mail */
  assert_int_equal(opened, 0);
  assert_int_equal(listed, 0);
  assert_true(p.is_done);
  assert_int_equal(p.publish.code, 0);
}

static void after_silence_no_mail_is_posted(void **state) {
  (void)state;
  struct fixture other;
  int opened = -1;
  struct hub_open open = {.done = on_open_at_the_end, .user = &opened};
  fixture_init(&other);
  fixture_open(&other);
  stream_unref(open_stream(&other, 0, "r"));
  hub_silence(other.hub);
  assert_int_equal(hub_open_stream(other.hub, 0, "r", NULL, &open), 0);
  assert_int_equal(fixture_mail_count(&other, 0), 0);
  fixture_close(&other);
  assert_int_equal(opened, 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(the_answer_comes_by_mail_never_from_inside_the_call),
      test(a_request_is_one_stream_for_all_workers),
      test(a_request_without_events_has_a_provisional_epoch_and_keeps_it),
      test(the_epoch_shown_is_the_one_the_store_keeps),
      test(what_is_known_of_a_stream_follows_its_events),
      test(what_is_in_memory_opens_at_once_and_the_rest_does_not),
      test(of_a_stream_that_began_in_memory_every_position_is_known),
      test(of_a_stream_that_was_loaded_only_positions_asked_for_are_known),
      test(many_requests_are_found_again),
      test(what_is_under_way_is_answered_when_the_hub_is_freed),
      test(after_silence_no_mail_is_posted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
