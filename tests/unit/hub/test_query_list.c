/* GET /requests: newest first, filtered, in pages. */
#include "tests/unit/hub/watcher.h"
#include <string.h>

enum { REQUESTS = 30 };

static struct fixture f;

/* r00 … r29, each a second after the one before; every third one completed, every tenth failed;
 * owned by ann and bob in turn. */
static void make_request(int i) {
  char id[8];
  struct published p;
  snprintf(id, sizeof id, "r%02d", i);
  struct stream *s = open_stream(&f, 0, id);
  published_init(&p);
  published_add(&p, "execution_progress", "{\"cost\":0.25,\"tokens\":4}", NULL, NULL);
  p.publish.owner = i % 2 ? "bob" : "ann";
  publish_wait(&f, 0, s, &p);
  if (i % 10 == 0)
    publish_one(&f, s, "error", "{}");
  else if (i % 3 == 0)
    publish_one(&f, s, "final_response", "{}");
  stream_unref(s);
  fixture_advance(&f, 1000);
}

static int begin(void **state) {
  (void)state;
  fixture_init(&f);
  fixture_open(&f);
  for (int i = 0; i < REQUESTS; i++)
    make_request(i);
  return 0;
}

static int end(void **state) {
  (void)state;
  fixture_close(&f);
  return 0;
}

struct seen {
  char ids[REQUESTS + 1][8];
  int count, pages;
};

/* Asks for page after page. */
static void list_all(const char *status, int64_t limit,
                     bool (*may_see)(const char *, const char *, void *), struct seen *seen) {
  char *cursor = NULL;
  *seen = (struct seen){0};
  do {
    struct asked a = {.query = {.kind = HUB_LIST,
                                .status = status,
                                .limit = limit,
                                .cursor = cursor,
                                .may_see = may_see}};
    ask(&f, &a);
    json_t *json = asked_json(&a), *rows = json_object_get(json, "requests");
    assert_true(limit == 0 || json_array_size(rows) <= (size_t)limit);
    for (size_t i = 0; i < json_array_size(rows); i++) {
      json_t *id = json_object_get(json_array_get(rows, i), "request_id");
      assert_true(seen->count < REQUESTS);
      snprintf(seen->ids[seen->count++], 8, "%s", json_string_value(id));
    }
    free(cursor);
    cursor = a.query.next_cursor ? strdup(a.query.next_cursor) : NULL;
    json_t *told = json_object_get(json, "next_cursor");
    assert_true(cursor ? strcmp(json_string_value(told), cursor) == 0 : json_is_null(told));
    json_decref(json);
    asked_finish(&a);
    seen->pages++;
  } while (cursor);
}

static void requests_are_listed_newest_first(void **state) {
  (void)state;
  struct seen seen;
  list_all(NULL, 0, NULL, &seen);
  assert_int_equal(seen.count, REQUESTS);
  assert_int_equal(seen.pages, 1);
  assert_string_equal(seen.ids[0], "r29");
  assert_string_equal(seen.ids[29], "r00");
}

static void pages_follow_each_other_without_a_hole(void **state) {
  (void)state;
  struct seen seen;
  char id[8];
  list_all(NULL, 7, NULL, &seen);
  assert_int_equal(seen.count, REQUESTS);
  assert_true(seen.pages >= 5);
  for (int i = 0; i < REQUESTS; i++) {
    snprintf(id, sizeof id, "r%02d", REQUESTS - 1 - i);
    assert_string_equal(seen.ids[i], id);
  }
}

static void a_status_selects(void **state) {
  (void)state;
  struct seen seen;
  list_all("failed", 2, NULL, &seen);
  assert_int_equal(seen.count, 3);
  assert_string_equal(seen.ids[0], "r20");
  assert_string_equal(seen.ids[2], "r00");
  list_all("completed", 4, NULL, &seen);
  assert_int_equal(seen.count, 9);
  list_all("processing", 50, NULL, &seen);
  assert_int_equal(seen.count, 18);
  list_all("pending", 50, NULL, &seen);
  assert_int_equal(seen.count, 0);
}

static bool owned_by_ann(const char *request_id, const char *owner, void *user) {
  (void)request_id;
  (void)user;
  return strcmp(owner, "ann") == 0;
}

static void what_may_not_be_seen_is_left_out(void **state) {
  (void)state;
  struct seen seen;
  list_all(NULL, 4, owned_by_ann, &seen);
  assert_int_equal(seen.count, 15);
  assert_string_equal(seen.ids[0], "r28");
  list_all("completed", 4, owned_by_ann, &seen);
  assert_int_equal(seen.count, 4); /* 6, 12, 18, 24 */
}

static void it_is_the_same_from_the_store(void **state) {
  (void)state;
  struct seen seen;
  struct hub_totals totals;
  fixture_evict(&f);
  hub_totals(f.hub, &totals);
  assert_int_equal(totals.streams, 0);
  list_all("failed", 2, NULL, &seen);
  assert_int_equal(seen.count, 3);
  list_all("completed", 4, NULL, &seen);
  assert_int_equal(seen.count, 9);
}

static void a_row_has_the_outline_of_its_request(void **state) {
  (void)state;
  struct watcher w = {0};
  struct stream *s = open_stream(&f, 1, "r29");
  watcher_start(&w, &f, 1, s, NULL);
  struct asked a = {.query = {.kind = HUB_LIST, .limit = 1}};
  ask(&f, &a);
  json_t *json = asked_json(&a);
  json_t *row = json_array_get(json_object_get(json, "requests"), 0);
  assert_string_equal(json_string_value(json_object_get(row, "request_id")), "r29");
  assert_string_equal(json_string_value(json_object_get(row, "status")), "processing");
  assert_string_equal(json_string_value(json_object_get(row, "stage")), "execution");
  assert_int_equal(json_integer_value(json_object_get(row, "progress")), 20);
  assert_true(json_real_value(json_object_get(row, "cost")) == 0.25);
  assert_int_equal(json_integer_value(json_object_get(row, "tokens")), 4);
  assert_string_equal(json_string_value(json_object_get(row, "owner")), "bob");
  assert_int_equal(json_integer_value(json_object_get(row, "count")), 1);
  assert_int_equal(json_integer_value(json_object_get(row, "bytes")), 24);
  assert_string_equal(json_string_value(json_object_get(row, "created_at")),
                      "2023-11-14T22:13:49.000Z");
  assert_string_equal(json_string_value(json_object_get(row, "updated_at")),
                      "2023-11-14T22:13:49.000Z");
  assert_int_equal(json_integer_value(json_object_get(row, "watcher_count")), 1);
  json_decref(json);
  asked_finish(&a);
  watcher_stop(&w);
  stream_unref(s);
}

static void bad_questions_are_refused(void **state) {
  (void)state;
  struct asked a = {.query = {.kind = HUB_LIST, .status = "done"}};
  ask(&f, &a);
  assert_int_equal(a.query.code, CWS_EBADREQUEST);
  assert_non_null(strstr(a.query.error.message, "'done'"));
  assert_null(a.query.next_cursor);
  asked_finish(&a);
  a = (struct asked){.query = {.kind = HUB_LIST, .cursor = "nonsense"}};
  ask(&f, &a);
  assert_int_equal(a.query.code, CWS_EBADREQUEST);
  assert_null(a.query.next_cursor);
  asked_finish(&a);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(requests_are_listed_newest_first),
      test(pages_follow_each_other_without_a_hole),
      test(a_status_selects),
      test(what_may_not_be_seen_is_left_out),
      test(it_is_the_same_from_the_store),
      test(a_row_has_the_outline_of_its_request),
      test(bad_questions_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
