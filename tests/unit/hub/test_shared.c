/* A hub that shares its store: what others publish, acknowledge and watch is known here, too. */
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

static bool is_known(struct fixture *hub, const char *request_id) {
  struct asked a = get(hub, request_id);
  int code = a.query.code;
  asked_finish(&a);
  assert_true(code == 0 || code == CWS_EUNKNOWNREQUEST);
  return code == 0;
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

static void tell_renewal(const char *request_id, const char *old_epoch, const char *epoch,
                         int64_t first_id) {
  const struct store_listener *l = share_listener(&f);
  assert_int_equal(store_flush(hub_store(f.hub)), 0);
  l->on_renew(request_id, old_epoch, epoch, first_id, l->user);
  l->on_batch_end(l->user);
  fixture_settle(&f);
}

static void a_request_with_a_new_epoch_has_its_events_and_tells_its_watchers(void **state) {
  (void)state;
  struct watcher w = {0};
  struct stream_info info;
  share_set_first_epoch("monday");
  struct stream *s = open_stream(&f, 1, "r");
  share_append(&f, "r", NULL, 5);
  watcher_start(&w, &f, 1, s, "ann");
  tell_position("r", "monday", "ann", 4);
  tell_position("r", "monday", "bob", 1);
  tell_renewal("r", "sunday", "tuesday", 3); /* has had that one already */
  assert_int_equal(w.epoch_changes, 0);
  tell_renewal("r", "monday", "tuesday", 3);
  stream_info(s, &info);
  assert_string_equal(info.epoch, "tuesday");
  assert_int_equal(info.last_id, 5);
  assert_int_equal(info.count, 5);
  assert_int_equal(position_of("ann"), 2);
  assert_int_equal(position_of("bob"), 1);
  assert_int_equal(w.epoch_changes, 1);
  assert_int_equal(w.position, 5); /* again, from the first one */
  assert_string_equal(w.epoch, "tuesday");
  watcher_stop(&w);
  stream_unref(s);
  tell_renewal("nobody", "monday", "tuesday", 1);
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

/* ---- watchers ---- */

/* Two on this hub, one on the other; each has told. */
static struct watcher here[2], there;

static void start(struct watcher *w, struct fixture *hub, int worker, struct stream *s) {
  *w = (struct watcher){.view = {.connection_id = "c", .subscriber = "ann", .user_id = "ann"}};
  watcher_start(w, hub, worker, s, "ann");
  while (w->is_reading)
    fixture_pump_one(hub, worker);
}

/* As in so many seconds. */
static void tell_all(struct fixture *hub) {
  for (int i = 0; i < PEERS_TOLD_EVERY_S; i++)
    upkeep_now(hub->hub);
}

static void watch_on_both(void) {
  struct stream *s = open_stream(&f, 0, "r"), *t = open_stream(&g, 0, "r");
  start(&here[0], &f, 0, s);
  start(&here[1], &f, 1, s);
  start(&there, &g, 0, t);
  upkeep_now(f.hub);
  upkeep_now(g.hub);
  stream_unref(s);
  stream_unref(t);
}

static void unwatch(void) {
  watcher_stop(&here[0]);
  watcher_stop(&here[1]);
  watcher_stop(&there);
}

static void check_counts(struct fixture *hub, size_t own) {
  json_t *json = get_json(hub, "r");
  assert_int_equal(number(json, "watcher_count"), 3);
  assert_int_equal(json_array_size(json_object_get(json, "watchers")), own);
  json_decref(json);
  struct asked a = {.query = {.kind = HUB_LIST}};
  ask(hub, &a);
  json = asked_json(&a);
  json_t *row = json_array_get(json_object_get(json, "requests"), 0);
  assert_int_equal(number(row, "watcher_count"), 3);
  json_decref(json);
  asked_finish(&a);
}

static void watchers_of_all_hubs_are_counted_on_each(void **state) {
  (void)state;
  share_append(&f, "r", NULL, 1);
  share_append(&g, "r", NULL, 1);
  watch_on_both();
  check_counts(&f, 2);
  check_counts(&g, 1);
  unwatch();
}

static void what_only_another_hub_s_watchers_wait_for_is_pending(void **state) {
  (void)state;
  struct asked events = {.query = {.kind = HUB_EVENTS, .request_id = "r"}};
  assert_false(is_known(&g, "r"));
  watch_on_both();
  watcher_stop(&there);
  fixture_evict(&g); /* which takes so long that it has forgotten, too */
  tell_all(&f);
  json_t *json = get_json(&g, "r");
  assert_string_equal(json_string_value(json_object_get(json, "status")), "pending");
  assert_string_equal(json_string_value(json_object_get(json, "epoch")), here[0].epoch);
  assert_int_equal(number(json, "watcher_count"), 2);
  assert_int_equal(json_array_size(json_object_get(json, "watchers")), 0);
  json_decref(json);
  ask(&g, &events);
  assert_int_equal(events.query.code, 0);
  assert_string_equal(events.query.json.data, "[]");
  asked_finish(&events);
  unwatch();
  upkeep_now(f.hub);
  assert_false(is_known(&g, "r"));
}

static void what_was_told_and_lost_is_told_again(void **state) {
  (void)state;
  share_lose(true);
  watch_on_both();
  share_lose(false);
  watcher_stop(&there);
  assert_false(is_known(&g, "r"));
  tell_all(&f);
  assert_int_equal(get_number(&g, "r", "watcher_count"), 2);
  unwatch();
}

static void a_hub_that_says_nothing_is_forgotten(void **state) {
  (void)state;
  watch_on_both();
  watcher_stop(&there);
  fixture_advance(&g, PEERS_FORGET_MS - 1);
  upkeep_now(g.hub);
  assert_true(is_known(&g, "r"));
  fixture_advance(&g, 1);
  assert_false(is_known(&g, "r"));
  unwatch();
}

static void a_hub_that_ends_says_that_nobody_watches_there(void **state) {
  (void)state;
  watch_on_both();
  unwatch();
  assert_int_equal(get_number(&f, "r", "watcher_count"), 1); /* nobody has said otherwise */
  fixture_close(&g);
  assert_false(is_known(&f, "r"));
  open_hub(&g);
}

static void nobody_waits_for_what_was_deleted(void **state) {
  (void)state;
  share_append(&g, "r", NULL, 1);
  watch_on_both();
  assert_int_equal(delete_request(&g, "r"), 0);
  assert_false(is_known(&g, "r"));
  unwatch();
}

static void what_no_hub_could_have_told_changes_nothing(void **state) {
  (void)state;
  const struct store_listener *l = share_listener(&g);
  watch_on_both();
  l->on_told("", 0, l->user);
  l->on_told("{\"r\":7}", 7, l->user);
  assert_int_equal(get_number(&g, "r", "watcher_count"), 3);
  unwatch();
}

static void a_hub_that_shares_nothing_tells_nothing(void **state) {
  (void)state;
  struct fixture alone;
  struct watcher w = {0};
  fixture_init(&alone);
  fixture_open(&alone);
  struct stream *s = open_stream(&alone, 0, "r");
  watcher_start(&w, &alone, 0, s, NULL);
  upkeep_now(alone.hub);
  watcher_stop(&w);
  stream_unref(s);
  fixture_close(&alone);
  assert_int_equal(share_told(), 0);
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
      test(a_request_with_a_new_epoch_has_its_events_and_tells_its_watchers),
      test(a_watcher_is_told_an_epoch_that_became_another_and_misses_nothing),
      test(watchers_of_all_hubs_are_counted_on_each),
      test(what_only_another_hub_s_watchers_wait_for_is_pending),
      test(what_was_told_and_lost_is_told_again),
      test(a_hub_that_says_nothing_is_forgotten),
      test(a_hub_that_ends_says_that_nobody_watches_there),
      test(nobody_waits_for_what_was_deleted),
      test(what_no_hub_could_have_told_changes_nothing),
      test(a_hub_that_shares_nothing_tells_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
