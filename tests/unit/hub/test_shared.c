/* A hub that shares its store: what others publish and acknowledge is known here, too. */
#include "server/hub/hub_inside.h"
#include "tests/unit/hub/share.h"
#include "tests/unit/hub/watcher.h"
#include <string.h>

enum { RETENTION_MS = 1000000 };

static struct fixture f, g; /* two hubs */

static void open_hub(struct fixture *hub) {
  fixture_init(hub);
  hub->options.store.retention_ms = RETENTION_MS;
  fixture_open(hub);
  share_join(hub);
}

static int begin(void **state) {
  (void)state;
  share_begin();
  open_hub(&f);
  open_hub(&g);
  return 0;
}

static int end(void **state) {
  (void)state;
  fixture_close(&f);
  fixture_close(&g);
  return 0;
}

static struct asked get(struct fixture *hub, const char *request_id) {
  struct asked a = {
      .query = {.kind = HUB_GET_REQUEST, .request_id = request_id, .with_watchers = true}};
  ask(hub, &a);
  return a;
}

static int64_t number(const json_t *json, const char *name) {
  const json_t *value = json_object_get(json, name);
  assert_true(json_is_number(value));
  return (int64_t)json_number_value(value);
}

static json_t *get_json(struct fixture *hub, const char *request_id) {
  struct asked a = get(hub, request_id);
  json_t *json = asked_json(&a);
  asked_finish(&a);
  return json;
}

static int64_t get_number(struct fixture *hub, const char *request_id, const char *name) {
  json_t *json = get_json(hub, request_id);
  int64_t n = number(json, name);
  json_decref(json);
  return n;
}

/* ---- events ---- */

/* How often the facts of an event were taken. */
static atomic_int facts_taken;
struct facts *__real_facts_new(const char *type, const json_t *data);
struct facts *__wrap_facts_new(const char *type, const json_t *data);
struct facts *__wrap_facts_new(const char *type, const json_t *data) {
  atomic_fetch_add(&facts_taken, 1);
  return __real_facts_new(type, data);
}

static void what_another_hub_publishes_is_as_if_it_was_published_here(void **state) {
  (void)state;
  struct watcher w = {0};
  struct stream_info info;
  struct store_info stored;
  struct stream *s = open_stream(&f, 1, "r");
  watcher_start(&w, &f, 1, s, NULL);
  fixture_advance(&f, 1000);
  share_append(&f, "r", "ann", 3);
  fixture_settle(&f);
  assert_int_equal(w.position, 3);
  assert_int_equal(w.batches, 1);
  stream_info(s, &info);
  assert_int_equal(store_info(hub_store(f.hub), "r", &stored, NULL), 0);
  assert_string_equal(info.owner, "ann");
  assert_string_equal(info.epoch, stored.epoch);
  assert_int_equal(info.last_id, 3);
  assert_int_equal(info.count, 3);
  assert_int_equal(info.bytes, stored.bytes);
  assert_int_equal(info.created_ms, stored.created_ms);
  assert_int_equal(info.updated_ms, stored.updated_ms);
  store_info_finish(&stored);
  watcher_stop(&w);
  stream_unref(s);
}

static void events_of_all_hubs_make_one_summary(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r");
  share_append(&f, "r", NULL, 2);
  assert_int_equal(publish_one(&f, s, "execution_progress", "{\"cost\":10}"), 3);
  share_append(&f, "r", NULL, 1);
  assert_int_equal(publish_one(&f, s, "final_response", "{}"), 5);
  assert_int_equal(get_number(&f, "r", "cost"), 13);
  assert_int_equal(get_number(&f, "r", "progress"), 100);
  stream_unref(s);
}

static void only_what_was_published_here_counts_as_published(void **state) {
  (void)state;
  struct hub_totals totals;
  struct stream *s = open_stream(&f, 0, "r");
  publish_one(&f, s, "log", "{}");
  share_append(&f, "r", NULL, 5);
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.published, 1);
  stream_unref(s);
}

static void nothing_is_parsed_where_nobody_has_the_request(void **state) {
  (void)state;
  struct hub_totals totals;
  int before = atomic_load(&facts_taken);
  share_append(&f, "r", "ann", 5);
  assert_int_equal(atomic_load(&facts_taken), before);
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.streams, 0);
  assert_int_equal(get_number(&f, "r", "cost"), 5); /* from the store */
  stream_unref(open_stream(&f, 0, "r"));
  before = atomic_load(&facts_taken);
  share_append(&f, "r", "ann", 5);
  assert_int_equal(atomic_load(&facts_taken), before + 5);
}

/* ---- positions ---- */

static void tell_position(const char *request_id, const char *epoch, const char *subscriber,
                          int64_t message_id) {
  const struct store_listener *l = share_listener(&f);
  assert_int_equal(store_flush(hub_store(f.hub)), 0); /* its writer has nothing to say meanwhile */
  l->on_position(request_id, epoch, subscriber, message_id, l->user);
}

/* As memory knows it: the store was not told. */
static int64_t position_of(const char *subscriber) {
  struct stream *s;
  int64_t acked;
  assert_true(hub_open_now(f.hub, "r", subscriber, &s, &acked));
  stream_unref(s);
  return acked;
}

static void a_position_moves_with_the_subscriber_on_another_hub(void **state) {
  (void)state;
  struct stream_info info;
  struct stream *s = open_stream(&f, 0, "r");
  share_append(&f, "r", NULL, 9);
  stream_info(s, &info);
  tell_position("r", info.epoch, "ann", 4);
  assert_int_equal(position_of("ann"), 4);
  tell_position("r", info.epoch, "ann", 2);
  tell_position("r", "another", "ann", 8);
  assert_int_equal(position_of("ann"), 4);
  tell_position("r", info.epoch, "ann", 20); /* no event here is beyond 9 */
  assert_int_equal(position_of("ann"), 9);
  assert_int_equal(position_of("bob"), 0); /* still known without a look at the store */
  assert_int_equal(stream_ack(s, info.epoch, "ann", 7), 9);
  stream_unref(s);
}

static void a_position_is_no_matter_where_nobody_has_the_request(void **state) {
  (void)state;
  struct hub_totals totals;
  share_append(&f, "r", NULL, 9);
  tell_position("r", "first", "ann", 4);
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.streams, 0);
}

static void a_session_is_shown_with_what_its_subscriber_acknowledged_elsewhere(void **state) {
  (void)state;
  struct watcher w = {.view = {.connection_id = "c", .subscriber = "ann", .user_id = "ann"}};
  struct stream *s = open_stream(&f, 1, "r");
  share_append(&f, "r", NULL, 9);
  watcher_start(&w, &f, 1, s, "ann");
  tell_position("r", w.epoch, "ann", 4);
  json_t *json = get_json(&f, "r");
  json_t *row = json_array_get(json_object_get(json, "watchers"), 0);
  assert_int_equal(number(row, "last_ack"), 4);
  assert_int_equal(number(row, "lag"), 5);
  json_decref(json);
  watcher_stop(&w);
  stream_unref(s);
}

/* ---- epochs ---- */

static void a_request_that_has_not_begun_has_the_epoch_of_all_hubs(void **state) {
  (void)state;
  struct watcher w = {0};
  struct stream_info info;
  share_set_first_epoch("monday");
  struct stream *s = open_stream(&f, 0, "r");
  watcher_start(&w, &f, 0, s, NULL);
  stream_info(s, &info);
  assert_string_equal(info.epoch, "monday");
  share_append(&f, "r", NULL, 2);
  fixture_settle(&f);
  assert_int_equal(w.position, 2);
  assert_int_equal(w.epoch_changes, 0);
  share_set_first_epoch("tuesday");
  fixture_advance(&f, 2 * RETENTION_MS);
  assert_int_equal(store_sweep(hub_store(f.hub)), 0);
  fixture_settle(&f);
  stream_info(s, &info);
  assert_string_equal(info.epoch, "tuesday");
  assert_int_equal(w.epoch_changes, 1);
  watcher_stop(&w);
  stream_unref(s);
}

/* The day was another when it began. */
static void a_watcher_is_told_an_epoch_that_became_another_and_misses_nothing(void **state) {
  (void)state;
  struct watcher w = {0};
  struct stream_info info;
  struct stream *s = open_stream(&f, 0, "r");
  const struct store_listener *l = share_listener(&f);
  struct store_event event = {.type = "log",
                              .timestamp = "2026-01-01T00:00:00Z",
                              .data = "{}",
                              .data_len = 2,
                              .message_id = 1};
  struct store_append append = {.request_id = "r",
                                .owner = "ann",
                                .events = &event,
                                .count = 1,
                                .epoch = "tuesday",
                                .is_new_stream = true,
                                .stored = 1,
                                .is_foreign = true};
  watcher_start(&w, &f, 0, s, NULL);
  l->on_commit(&append, l->user);
  l->on_batch_end(l->user);
  fixture_settle(&f);
  stream_info(s, &info);
  assert_string_equal(info.epoch, "tuesday");
  assert_string_equal(info.owner, "ann");
  assert_int_equal(w.epoch_changes, 1);
  assert_int_equal(w.position, 1);
  watcher_stop(&w);
  stream_unref(s);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(what_another_hub_publishes_is_as_if_it_was_published_here),
      test(events_of_all_hubs_make_one_summary),
      test(only_what_was_published_here_counts_as_published),
      test(nothing_is_parsed_where_nobody_has_the_request),
      test(a_position_moves_with_the_subscriber_on_another_hub),
      test(a_position_is_no_matter_where_nobody_has_the_request),
      test(a_session_is_shown_with_what_its_subscriber_acknowledged_elsewhere),
      test(a_request_that_has_not_begun_has_the_epoch_of_all_hubs),
      test(a_watcher_is_told_an_epoch_that_became_another_and_misses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
