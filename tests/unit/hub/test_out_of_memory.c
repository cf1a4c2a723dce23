/*
 * Every allocation of the hub and its memory store fails once, during each of its calls, on
 * whatever thread it is made: the call says so or stands as if nothing had been, its callback
 * comes, nothing is lost (a sanitizer sees it), and the same call works afterwards.
 */
#include "tests/unit/hub/watcher.h"

#include "lib/core/event.h"
#include "server/hub/hub_inside.h"
#include "tests/unit/core/failing_memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 3000 }; /* allocations that one call may make */

static struct fixture f;

static int init(void **state) {
  (void)state;
  failing_memory_init();
  return 0;
}

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

/* One call with its n-th allocation failing; whether there was one, and the call's code. */
typedef bool call_fn(size_t n, int *code);

/* Every one in turn, until there is no n-th. Some must be noticed, none may be hidden as another
 * error. */
static void fail_each(call_fn *call) {
  size_t n = 0, refused = 0;
  int code = 0;
  while (call(n, &code)) {
    if (code != 0 && code != CWS_ENOMEM && code != CWS_ESTORE)
      fail_msg("allocation %zu failed, and the answer was %d: %s", n, code, cws_error_text(code));
    refused += code != 0;
    assert_true(++n < MOST);
  }
  assert_int_equal(code, 0);
  assert_true(refused > 0);
}

/* ---- a hub ---- */

static bool call_new(size_t n, int *code) {
  struct fixture other;
  struct cws_error err = {0};
  fixture_init(&other);
  failing_memory_arm(n);
  *code = hub_new(&other.options, &other.hub, &err);
  bool has_failed = failing_memory_disarm();
  assert_int_equal(err.code, *code);
  assert_int_equal(other.hub == NULL, *code != 0);
  fixture_close(&other);
  return has_failed;
}

static void a_hub_without_memory_is_not_made(void **state) {
  (void)state;
  fail_each(call_new);
}

/* ---- opening ---- */

static void on_open(struct hub_open *open, int code, struct stream *s, int64_t acked) {
  struct opened *o = open->user;
  o->is_done = true;
  o->code = code;
  o->stream = s;
  o->acked = acked;
}

static bool open_it(size_t n, const char *request_id, struct opened *o) {
  *o = (struct opened){.open = {.done = on_open, .user = o}};
  failing_memory_arm(n);
  int code = hub_open_stream(f.hub, 0, request_id, "ann", &o->open);
  if (code == 0)
    fixture_pump_until(&f, 0, &o->is_done);
  bool has_failed = failing_memory_disarm();
  o->code = code != 0 ? code : o->code;
  assert_int_equal(o->stream == NULL, o->code != 0);
  return has_failed;
}

static bool call_open(size_t n, int *code) {
  struct opened o;
  struct stream_info info;
  fixture_evict(&f); /* it is loaded anew, with its summary and the position */
  bool has_failed = open_it(n, "r", &o);
  *code = o.code;
  if (o.code == 0) {
    stream_info(o.stream, &info);
    assert_int_equal(info.last_id, 5);
    assert_int_equal(o.acked, 3);
  }
  stream_unref(o.stream);
  return has_failed;
}

static void opening_without_memory_fails_and_works_the_next_time(void **state) {
  (void)state;
  struct stream_info info;
  struct stream *s = open_stream(&f, 0, "r");
  publish_many(&f, s, 5);
  stream_info(s, &info);
  assert_int_equal(stream_ack(s, info.epoch, "ann", 3), 3);
  stream_unref(s);
  fail_each(call_open);
}

static bool call_open_new(size_t n, int *code) {
  struct opened o;
  fixture_evict(&f);
  bool has_failed = open_it(n, "not-begun", &o);
  *code = o.code;
  stream_unref(o.stream);
  return has_failed;
}

static void opening_a_request_that_is_not_there_likewise(void **state) {
  (void)state;
  fail_each(call_open_new);
}

/* ---- publishing ---- */

static struct stream *published_to;
static int64_t last_id;

static void drop_events(struct published *p) {
  for (size_t i = 0; i < p->publish.count; i++) {
    cws_event_free(p->events[i]);
    json_decref(p->data_json[i]);
  }
}

static void fill(struct published *p, const char *prefix, size_t n) {
  published_init(p);
  for (int i = 0; i < 3; i++) {
    char id[40];
    snprintf(id, sizeof id, "%s-%zu-%d", prefix, n, i);
    published_add(p, "execution_progress", "{\"subtaskId\":\"a\",\"cost\":1}", i < 2 ? id : NULL,
                  NULL);
  }
  p->publish.owner = "ann";
  p->publish.idempotency_key = prefix;
}

static int publish_armed(size_t n, struct published *p, bool *has_failed) {
  failing_memory_arm(n);
  int code = hub_publish(f.hub, 0, published_to, &p->publish);
  if (code == 0)
    fixture_pump_until(&f, 0, &p->is_done);
  *has_failed = failing_memory_disarm();
  if (code != 0)
    drop_events(p); /* still the caller's */
  return code != 0 ? code : p->publish.code;
}

/* All three are stored or none, and the same publish once more stores what is missing. */
static bool call_publish(size_t n, int *code) {
  struct published p;
  char prefix[40];
  bool has_failed;
  snprintf(prefix, sizeof prefix, "run%d-%zu", rand(), n);
  fill(&p, prefix, n);
  *code = publish_armed(n, &p, &has_failed);
  if (*code == 0) {
    assert_int_equal(p.publish.first_id, last_id + 1);
    assert_int_equal(p.publish.last_id, last_id + 3);
  }
  int first_code = *code;
  fill(&p, prefix, n);
  publish_wait(&f, 0, published_to, &p);
  assert_int_equal(p.publish.code, 0);
  assert_int_equal(p.publish.stored, first_code == 0 ? 0 : 3);
  assert_int_equal(p.publish.last_id, last_id + 3);
  last_id += 3;
  return has_failed;
}

static void publishing_without_memory_stores_all_or_nothing(void **state) {
  (void)state;
  last_id = 0;
  published_to = open_stream(&f, 0, "r");
  fail_each(call_publish);
  fail_each(call_publish); /* to a request that has begun: other allocations */
  stream_unref(published_to);
}

/* ---- watching ---- */

/* Later publishes then make no fewer allocations than the one before them, so none is left out. */
static void begin_request(void) {
  published_to = open_stream(&f, 0, "r");
  publish_many(&f, published_to, 5);
  last_id = 5;
}

/* A session that is given a batch looks no further. So one that ends before the last event would
 * keep that from it until the next one. */
static void expect_whole_batch(struct watcher *w, const struct stream_batch *batch) {
  struct stream_info info;
  stream_info(w->stream, &info);
  if (batch != NULL)
    assert_int_equal(batch->last_id, info.last_id);
}

/* The watcher is woken once memory is there again; what failed meanwhile must not be lost to it. */
static bool call_publish_watched(size_t n, int *code) {
  static struct watcher w;
  struct published p;
  char prefix[40];
  bool has_failed;
  memset(&w, 0, sizeof w);
  w.position = last_id;
  w.on_wake = expect_whole_batch;
  watcher_start(&w, &f, 1, published_to, NULL);
  snprintf(prefix, sizeof prefix, "watched%d-%zu", rand(), n);
  fill(&p, prefix, n);
  *code = publish_armed(n, &p, &has_failed);
  last_id += *code == 0 ? 3 : 0;
  fixture_settle(&f);
  while (w.is_reading)
    fixture_pump_one(&f, 1);
  assert_int_equal(w.position, last_id);
  watcher_stop(&w);
  return has_failed;
}

static void a_watcher_gets_what_was_committed_without_memory(void **state) {
  (void)state;
  begin_request();
  fail_each(call_publish_watched);
  stream_unref(published_to);
}

/* ---- what another hub publishes ---- */

static void on_stored(struct store_append *append) {
  (void)append;
}

static int append_armed(size_t n, bool *has_failed) {
  static const char data[] = "{\"subtaskId\":\"a\",\"cost\":1}";
  struct store_event events[2];
  struct store_append append = {
      .request_id = "r", .events = events, .count = 2, .is_foreign = true, .done = on_stored};
  for (size_t i = 0; i < append.count; i++)
    events[i] = (struct store_event){.type = "execution_progress",
                                     .timestamp = "2026-01-01T00:00:00Z",
                                     .data = data,
                                     .data_len = sizeof data - 1};
  failing_memory_arm(n);
  assert_int_equal(store_append(hub_store(f.hub), &append), 0);
  store_flush(hub_store(f.hub)); /* it waits, and may have lacked memory for the rest of its work */
  *has_failed = failing_memory_disarm();
  return append.code;
}

/* Each event costs 1, so the summary has all of them. */
static void check_cost(void) {
  if (last_id == 0) /* it has not begun */
    return;
  struct asked a = {.query = {.kind = HUB_GET_REQUEST, .request_id = "r"}};
  ask(&f, &a);
  json_t *json = asked_json(&a);
  assert_int_equal((int64_t)json_number_value(json_object_get(json, "cost")), last_id);
  json_decref(json);
  asked_finish(&a);
}

static size_t left_behind;

static bool call_commit_elsewhere(size_t n, int *code) {
  bool has_failed;
  *code = append_armed(n, &has_failed);
  last_id += *code == 0 ? 2 : 0;
  left_behind += summary_message_id(published_to->summary) < last_id;
  check_cost();
  upkeep_now(f.hub);
  assert_int_equal(summary_message_id(published_to->summary), last_id);
  check_cost();
  return has_failed;
}

static void what_another_hub_publishes_is_in_the_summary_all_the_same(void **state) {
  (void)state;
  published_to = open_stream(&f, 0, "r");
  last_id = left_behind = 0;
  fail_each(call_commit_elsewhere);
  fail_each(call_commit_elsewhere);
  assert_true(left_behind > 0);
  stream_unref(published_to);
}

static bool call_attach(size_t n, int *code) {
  struct watcher w = {.position = last_id}; /* nothing to read yet */
  failing_memory_arm(n);
  watcher_start(&w, &f, 0, published_to, "bob");
  bool has_failed = failing_memory_disarm();
  last_id = publish_one(&f, published_to, "log", "{}");
  fixture_settle(&f);
  while (w.is_reading)
    fixture_pump_one(&f, 0);
  assert_int_equal(w.position, last_id);
  watcher_stop(&w);
  *code = 0;
  return has_failed;
}

static void attaching_without_memory_misses_nothing(void **state) {
  (void)state;
  int code;
  size_t n = 0;
  published_to = open_stream(&f, 0, "r");
  publish_many(&f, published_to, 5);
  last_id = 5;
  while (call_attach(n, &code))
    assert_true(++n < MOST);
  stream_unref(published_to);
}

static void on_page(struct hub_page *page) {
  *(bool *)page->user = true;
}

static bool call_page(size_t n, int *code) {
  bool is_done = false;
  struct hub_page page = {.done = on_page, .user = &is_done, .max_bytes = 10000};
  buf_init(&page.frames);
  failing_memory_arm(n);
  *code = hub_read_page(f.hub, 0, published_to, &page);
  if (*code == 0) {
    fixture_pump_until(&f, 0, &is_done);
    *code = page.code;
  }
  bool has_failed = failing_memory_disarm();
  if (*code == 0)
    assert_int_equal(page.last_id, 5);
  buf_finish(&page.frames);
  return has_failed;
}

static void a_page_without_memory_says_so(void **state) {
  (void)state;
  published_to = open_stream(&f, 0, "r");
  publish_many(&f, published_to, 5);
  fail_each(call_page);
  stream_unref(published_to);
}

/* ---- asking ---- */

static struct hub_query asked_for;

static void on_answer(struct hub_query *q) {
  ((struct asked *)q->user)->is_done = true;
}

static bool call_query(size_t n, int *code) {
  struct asked a = {.query = asked_for};
  a.query.done = on_answer;
  a.query.user = &a;
  buf_init(&a.query.json);
  failing_memory_arm(n);
  *code = hub_query(f.hub, 0, &a.query);
  if (*code == 0) {
    fixture_pump_all_until(&f, &a.is_done);
    *code = a.query.code;
  }
  bool has_failed = failing_memory_disarm();
  if (*code == 0 && a.query.kind != HUB_DELETE) {
    json_t *json = json_loadb(a.query.json.data, a.query.json.len, 0, NULL);
    assert_non_null(json); /* whole, never a part */
    json_decref(json);
  }
  asked_finish(&a);
  return has_failed;
}

static void queries_without_memory_say_so(void **state) {
  (void)state;
  static const struct hub_query queries[] = {
      {.kind = HUB_GET_REQUEST, .request_id = "r", .with_watchers = true},
      {.kind = HUB_LIST, .status = "processing", .limit = 10},
      {.kind = HUB_EVENTS, .request_id = "r", .types = "log,other"},
  };
  struct watcher w = {.view = {.connection_id = "c1", .subscriber = "bob", .user_id = "bob"}};
  struct stream *s = open_stream(&f, 0, "r");
  publish_many(&f, s, 5);
  watcher_start(&w, &f, 0, s, "bob");
  fixture_settle(&f);
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    asked_for = queries[i];
    fail_each(call_query);
  }
  watcher_stop(&w);
  stream_unref(s);
}

static bool call_delete(size_t n, int *code) {
  struct stream *s = open_stream(&f, 0, "gone");
  publish_one(&f, s, "log", "{}");
  stream_unref(s);
  asked_for = (struct hub_query){.kind = HUB_DELETE, .request_id = "gone"};
  bool has_failed = call_query(n, code);
  assert_int_equal(delete_request(&f, "gone"), *code == 0 ? CWS_EUNKNOWNREQUEST : 0);
  return has_failed;
}

static void deleting_without_memory_deletes_or_says_so(void **state) {
  (void)state;
  fail_each(call_delete);
}

#define WITH_HUB(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hub_without_memory_is_not_made),
      WITH_HUB(opening_without_memory_fails_and_works_the_next_time),
      WITH_HUB(opening_a_request_that_is_not_there_likewise),
      WITH_HUB(publishing_without_memory_stores_all_or_nothing),
      WITH_HUB(a_watcher_gets_what_was_committed_without_memory),
      WITH_HUB(what_another_hub_publishes_is_in_the_summary_all_the_same),
      WITH_HUB(attaching_without_memory_misses_nothing),
      WITH_HUB(a_page_without_memory_says_so),
      WITH_HUB(queries_without_memory_say_so),
      WITH_HUB(deleting_without_memory_deletes_or_says_so),
  };
  return cmocka_run_group_tests(tests, init, NULL);
}
