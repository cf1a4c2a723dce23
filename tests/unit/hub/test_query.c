/* GET /requests/{id}, as JSON. */
#include "tests/unit/hub/watcher.h"
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

static json_t *get(const char *request_id, bool with_watchers) {
  struct asked a = {
      .query = {.kind = HUB_GET_REQUEST, .request_id = request_id, .with_watchers = with_watchers}};
  ask(&f, &a);
  json_t *json = asked_json(&a);
  asked_finish(&a);
  return json;
}

static const char *text(json_t *json, const char *name) {
  return json_string_value(json_object_get(json, name));
}

static int64_t number(json_t *json, const char *name) {
  json_t *value = json_object_get(json, name);
  assert_true(json_is_integer(value));
  return json_integer_value(value);
}

static void run_something(struct stream *s) {
  struct published p;
  published_init(&p);
  published_add(&p, "analysis_started", "{}", NULL, NULL);
  p.publish.owner = "ann";
  publish_wait(&f, 0, s, &p);
  fixture_advance(&f, 1500);
  publish_one(&f, s, "decomposition_complete", "{\"subtasks\":[{\"id\":\"a\"},{\"id\":\"b\"}]}");
  publish_one(&f, s, "execution_progress",
              "{\"subtaskId\":\"a\",\"status\":\"done\",\"cost\":0.1,\"tokens\":10}");
}

static void check_run(json_t *r, const char *epoch) {
  assert_string_equal(text(r, "request_id"), "r");
  assert_string_equal(text(r, "status"), "processing");
  assert_string_equal(text(r, "stage"), "execution");
  assert_int_equal(number(r, "progress"), 50);
  assert_true(json_real_value(json_object_get(r, "cost")) == 0.1);
  assert_int_equal(number(r, "tokens"), 10);
  assert_string_equal(text(r, "epoch"), epoch);
  assert_string_equal(text(r, "owner"), "ann");
  assert_int_equal(number(r, "first_message_id"), 1);
  assert_int_equal(number(r, "last_message_id"), 3);
  assert_int_equal(number(r, "count"), 3);
  assert_true(number(r, "bytes") > 0);
  assert_string_equal(text(r, "created_at"), "2023-11-14T22:13:20.000Z");
  assert_string_equal(text(r, "updated_at"), "2023-11-14T22:13:21.500Z");
  json_t *subtasks = json_object_get(r, "subtasks");
  assert_int_equal(number(subtasks, "total"), 2);
  assert_int_equal(number(subtasks, "done"), 1);
  assert_int_equal(json_array_size(json_object_get(subtasks, "items")), 2);
}

static void a_request_tells_what_is_known_of_it(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r");
  struct stream_info info;
  run_something(s);
  stream_info(s, &info);
  json_t *r = get("r", false);
  check_run(r, info.epoch);
  assert_int_equal(number(r, "watcher_count"), 0);
  assert_null(json_object_get(r, "watchers"));
  assert_null(json_object_get(r, "subscribers"));
  json_decref(r);
  stream_unref(s);
}

static void it_is_the_same_from_the_store(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r");
  struct stream_info info;
  struct hub_totals totals;
  run_something(s);
  stream_info(s, &info);
  stream_unref(s);
  fixture_evict(&f);
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.streams, 0);
  json_t *r = get("r", true);
  check_run(r, info.epoch);
  json_decref(r);
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.streams, 0); /* asking loads nothing */
}

static void an_unknown_request_is_an_error(void **state) {
  (void)state;
  struct asked a = {.query = {.kind = HUB_GET_REQUEST, .request_id = "never"}};
  struct stream *empty = open_stream(&f, 0, "empty");
  ask(&f, &a);
  assert_int_equal(a.query.code, CWS_EUNKNOWNREQUEST);
  assert_int_equal(a.query.error.code, CWS_EUNKNOWNREQUEST);
  assert_int_equal(a.query.json.len, 0);
  asked_finish(&a);
  a = (struct asked){.query = {.kind = HUB_GET_REQUEST, .request_id = "empty"}};
  ask(&f, &a);
  assert_int_equal(a.query.code, CWS_EUNKNOWNREQUEST); /* nobody watches it */
  asked_finish(&a);
  stream_unref(empty);
}

static void a_request_that_is_watched_and_has_no_event_is_pending(void **state) {
  (void)state;
  struct watcher w = {.view = {.connection_id = "c1", .subscriber = "ann", .user_id = "ann"}};
  struct stream *s = open_stream(&f, 1, "r");
  watcher_start(&w, &f, 1, s, "ann");
  json_t *r = get("r", true);
  assert_string_equal(text(r, "status"), "pending");
  assert_true(json_is_null(json_object_get(r, "stage")));
  assert_true(json_is_null(json_object_get(r, "owner")));
  assert_true(json_is_null(json_object_get(r, "created_at")));
  assert_string_equal(text(r, "epoch"), w.epoch);
  assert_int_equal(number(r, "count"), 0);
  assert_int_equal(number(r, "last_message_id"), 0);
  assert_int_equal(number(r, "watcher_count"), 1);
  assert_int_equal(json_array_size(json_object_get(r, "watchers")), 1);
  json_decref(r);
  watcher_stop(&w);
  stream_unref(s);
}

static void watchers_of_all_workers_are_listed(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r");
  struct watcher a = {.view = {.connection_id = "c1",
                               .subscriber = "ann/phone",
                               .user_id = "ann",
                               .address = "192.0.2.1",
                               .connected_at_ms = FIXTURE_START_MS,
                               .last_heartbeat_ms = FIXTURE_START_MS + 1000,
                               .reconnection_count = 2,
                               .delivered_id = 3,
                               .acked_id = 1}};
  struct watcher b = {.view = {.connection_id = "c2", .subscriber = "bob", .user_id = "bob"}};
  watcher_start(&a, &f, 0, s, "ann/phone");
  watcher_start(&b, &f, 1, s, "bob");
  run_something(s);
  json_t *r = get("r", true);
  json_t *watchers = json_object_get(r, "watchers");
  assert_int_equal(number(r, "watcher_count"), 2);
  assert_int_equal(json_array_size(watchers), 2);
  json_t *first = json_array_get(watchers, 0);
  assert_string_equal(text(first, "connection_id"), "c1");
  assert_string_equal(text(first, "subscriber"), "ann/phone");
  assert_string_equal(text(first, "user_id"), "ann");
  assert_string_equal(text(first, "address"), "192.0.2.1");
  assert_string_equal(text(first, "connected_at"), "2023-11-14T22:13:20.000Z");
  assert_string_equal(text(first, "last_heartbeat"), "2023-11-14T22:13:21.000Z");
  assert_int_equal(number(first, "reconnection_count"), 2);
  assert_int_equal(number(first, "last_ack"), 1);
  assert_int_equal(number(first, "lag"), 2);
  json_t *second = json_array_get(watchers, 1);
  assert_string_equal(text(second, "connection_id"), "c2");
  assert_null(json_object_get(second, "address"));
  assert_true(json_is_null(json_object_get(second, "last_heartbeat")));
  json_decref(r);
  watcher_stop(&a);
  watcher_stop(&b);
  stream_unref(s);
}

static void positions_are_told_whether_connected_or_not(void **state) {
  (void)state;
  struct stream *s = open_stream(&f, 0, "r");
  struct stream_info info;
  run_something(s);
  stream_info(s, &info);
  stream_ack(s, info.epoch, "gone", 1);
  stream_ack(s, info.epoch, "ann", 3);
  json_t *r = get("r", true);
  json_t *subscribers = json_object_get(r, "subscribers");
  assert_int_equal(json_array_size(subscribers), 2);
  assert_string_equal(text(json_array_get(subscribers, 0), "subscriber"), "ann");
  assert_int_equal(number(json_array_get(subscribers, 0), "lag"), 0);
  assert_string_equal(text(json_array_get(subscribers, 1), "subscriber"), "gone");
  assert_int_equal(number(json_array_get(subscribers, 1), "last_ack"), 1);
  assert_int_equal(number(json_array_get(subscribers, 1), "lag"), 2);
  json_decref(r);
  stream_unref(s);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(a_request_tells_what_is_known_of_it),
      test(it_is_the_same_from_the_store),
      test(an_unknown_request_is_an_error),
      test(a_request_that_is_watched_and_has_no_event_is_pending),
      test(watchers_of_all_workers_are_listed),
      test(positions_are_told_whether_connected_or_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
