/* GET /requests/{id}/events: a range of the stored events. */
#include "tests/unit/hub/watcher.h"
#include <string.h>

enum { EVENTS = 1200 };

static struct fixture f;
static struct stream *s;

/* Every tenth is "rare", the others "log". */
static void publish_some(void) {
  struct published p;
  for (int i = 0; i < EVENTS; i += 50) {
    published_init(&p);
    for (int k = i + 1; k <= i + 50; k++)
      published_add(&p, k % 10 == 0 ? "rare" : "log", "{\"x\":0.0012}", NULL, NULL);
    publish_wait(&f, 0, s, &p);
  }
}

static int begin(void **state) {
  (void)state;
  fixture_init(&f);
  fixture_open(&f);
  s = open_stream(&f, 0, "r");
  return 0;
}

static int begin_with_events(void **state) {
  begin(state);
  publish_some();
  return 0;
}

static int end(void **state) {
  (void)state;
  stream_unref(s);
  fixture_close(&f);
  return 0;
}

struct answer {
  int64_t first, last, next_after;
  size_t count;
};

static int64_t id_of(json_t *event) {
  return json_integer_value(json_object_get(event, "message_id"));
}

static struct answer events(struct hub_query query) {
  struct asked a = {.query = query};
  a.query.kind = HUB_EVENTS;
  a.query.request_id = "r";
  ask(&f, &a);
  json_t *array = asked_json(&a);
  assert_true(json_is_array(array));
  struct answer r = {.count = json_array_size(array), .next_after = a.query.next_after};
  if (r.count > 0) {
    r.first = id_of(json_array_get(array, 0));
    r.last = id_of(json_array_get(array, r.count - 1));
  }
  json_decref(array);
  asked_finish(&a);
  return r;
}

static void a_range_is_given_in_order(void **state) {
  (void)state;
  struct answer r = events((struct hub_query){.after = 3, .to = 10});
  assert_int_equal(r.count, 7);
  assert_int_equal(r.first, 4);
  assert_int_equal(r.last, 10);
  assert_int_equal(r.next_after, 0);
  r = events((struct hub_query){.after = EVENTS});
  assert_int_equal(r.count, 0);
  assert_int_equal(r.next_after, 0);
}

static void a_limit_tells_where_to_go_on(void **state) {
  (void)state;
  struct answer r = {0};
  size_t total = 0;
  do {
    r = events((struct hub_query){.after = r.next_after, .limit = 700});
    assert_int_equal(r.first, total + 1);
    total += r.count;
    assert_int_equal(r.last, total);
  } while (r.next_after);
  assert_int_equal(total, EVENTS);
  assert_int_equal(events((struct hub_query){.limit = 0}).count, 1000);
  assert_int_equal(events((struct hub_query){.limit = EVENTS}).next_after, 0);
  assert_int_equal(events((struct hub_query){.limit = EVENTS - 1}).next_after, EVENTS - 1);
}

static void types_select(void **state) {
  (void)state;
  struct answer r = events((struct hub_query){.types = "rare", .limit = 10});
  assert_int_equal(r.count, 10);
  assert_int_equal(r.first, 10);
  assert_int_equal(r.last, 100);
  assert_int_equal(r.next_after, 100);
  r = events((struct hub_query){.types = "other,rare", .limit = 5000});
  assert_int_equal(r.count, EVENTS / 10);
  assert_int_equal(r.next_after, 0);
  r = events((struct hub_query){.types = "lo,logs,rarely", .limit = 5000});
  assert_int_equal(r.count, 0);
  r = events((struct hub_query){.types = "rare,log", .to = 20});
  assert_int_equal(r.count, 20);
}

static void lines_are_the_events_as_they_are_kept(void **state) {
  (void)state;
  struct asked a = {.query = {.kind = HUB_EVENTS, .request_id = "r", .to = 2, .ndjson = true}};
  ask(&f, &a);
  assert_int_equal(a.query.code, 0);
  assert_string_equal(
      a.query.json.data,
      "{\"type\":\"log\",\"timestamp\":\"2023-11-14T22:13:20.000Z\",\"message_id\":1,"
      "\"data\":{\"x\":0.0012}}\n"
      "{\"type\":\"log\",\"timestamp\":\"2023-11-14T22:13:20.000Z\",\"message_id\":2,"
      "\"data\":{\"x\":0.0012}}\n");
  asked_finish(&a);
}

static void large_events_end_an_answer_early(void **state) {
  (void)state;
  enum { LARGE = 200 * 1024 };
  char *data = malloc(LARGE + 3);
  memset(data, 'x', LARGE + 2);
  data[0] = data[LARGE + 1] = '"';
  data[LARGE + 2] = '\0';
  for (int i = 0; i < 30; i++)
    publish_one(&f, s, "log", data);
  free(data);
  struct answer r = events((struct hub_query){.limit = 100});
  assert_true(r.count >= 20 && r.count <= 22);
  assert_int_equal(r.next_after, r.count);
  r = events((struct hub_query){.limit = 100, .after = r.next_after});
  assert_int_equal(r.last, 30);
  assert_int_equal(r.next_after, 0);
}

static int code_of(const char *request_id, const char *epoch) {
  struct asked a = {.query = {.kind = HUB_EVENTS, .request_id = request_id, .epoch = epoch}};
  ask(&f, &a);
  int code = a.query.code;
  asked_finish(&a);
  return code;
}

static void another_epoch_is_refused(void **state) {
  (void)state;
  struct stream_info info;
  publish_many(&f, s, 2);
  stream_info(s, &info);
  assert_int_equal(code_of("r", info.epoch), 0);
  assert_int_equal(code_of("r", "another"), CWS_EEPOCHCHANGED);
}

static void an_unknown_request_is_an_error_unless_it_is_watched(void **state) {
  (void)state;
  struct watcher w = {0};
  assert_int_equal(code_of("never", NULL), CWS_EUNKNOWNREQUEST);
  assert_int_equal(code_of("r", NULL), CWS_EUNKNOWNREQUEST);
  watcher_start(&w, &f, 0, s, NULL);
  struct answer r = events((struct hub_query){.limit = 10});
  assert_int_equal(r.count, 0);
  assert_int_equal(r.next_after, 0);
  watcher_stop(&w);
}

static void a_range_before_the_first_event_starts_there(void **state) {
  (void)state;
  struct fixture small;
  struct stream *t;
  fixture_init(&small);
  small.options.store.max_request_events = 5;
  fixture_open(&small);
  t = open_stream(&small, 0, "r");
  publish_many(&small, t, 12);
  struct asked a = {.query = {.kind = HUB_EVENTS, .request_id = "r", .after = 2}};
  ask(&small, &a);
  json_t *array = asked_json(&a);
  assert_int_equal(json_array_size(array), 5);
  assert_int_equal(id_of(json_array_get(array, 0)), 8);
  json_decref(array);
  asked_finish(&a);
  stream_unref(t);
  fixture_close(&small);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define test_with_events(name) cmocka_unit_test_setup_teardown(name, begin_with_events, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test_with_events(a_range_is_given_in_order),
      test_with_events(a_limit_tells_where_to_go_on),
      test_with_events(types_select),
      test_with_events(lines_are_the_events_as_they_are_kept),
      test(large_events_end_an_answer_early),
      test(another_epoch_is_refused),
      test(an_unknown_request_is_an_error_unless_it_is_watched),
      test(a_range_before_the_first_event_starts_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
