/*
 * Loading a stream while the store goes on committing: whatever comes between, in the end memory
 * has every event once. Each event has a cost of 1, so the summary's cost counts what was folded.
 */
#include "lib/core/event.h"
#include "server/hub/hub_inside.h"
#include "tests/unit/hub/store_gate.h"
#include "tests/unit/hub/watcher.h"
#include <string.h>

#define DATA "{\"cost\":1}"

static struct fixture f;
static struct opened o;

static int begin_with(int64_t max_request_events) {
  fixture_init(&f);
  f.options.store.retention_ms = 1000000;
  f.options.store.max_request_events = max_request_events;
  fixture_open(&f);
  o = (struct opened){0};
  return 0;
}

static int begin(void **state) {
  (void)state;
  return begin_with(0);
}

static int end(void **state) {
  (void)state;
  stream_unref(o.stream);
  fixture_close(&f);
  return 0;
}

/* ---- events that come from elsewhere: past hub_publish, as nobody has the stream yet ---- */

static void on_stored(struct store_append *append) {
  (void)append;
}

static void store_events_of(int count, bool is_foreign) {
  struct store_event events[64];
  struct store_append append = {.request_id = "r",
                                .owner = "ann",
                                .events = events,
                                .count = (size_t)count,
                                .is_foreign = is_foreign,
                                .done = on_stored};
  json_t *data = json_loads(DATA, 0, NULL);
  for (int i = 0; i < count; i++)
    events[i] = (struct store_event){.type = "log",
                                     .timestamp = "2026-01-01T00:00:00Z",
                                     .data = DATA,
                                     .data_len = strlen(DATA),
                                     .facts = is_foreign ? NULL : facts_new("log", data)};
  json_decref(data);
  assert_int_equal(store_append(hub_store(f.hub), &append), 0);
  assert_int_equal(store_flush(hub_store(f.hub)), 0);
  assert_int_equal(append.code, 0);
  for (int i = 0; i < count; i++)
    facts_free(events[i].facts);
}

static void store_events(int count) {
  store_events_of(count, false);
}

static void on_removed(struct store_remove *remove) {
  (void)remove;
}

static void remove_request(void) {
  struct store_remove remove = {.request_id = "r", .done = on_removed};
  assert_int_equal(store_remove(hub_store(f.hub), &remove), 0);
  assert_int_equal(store_flush(hub_store(f.hub)), 0);
  assert_int_equal(remove.code, 0);
}

/* The stream in memory agrees with the store in everything. */
static void check_against_store(struct stream *s, int64_t folded) {
  struct store_info stored;
  struct stream_info info;
  stream_info(s, &info);
  assert_int_equal(store_info(hub_store(f.hub), "r", &stored, NULL), 0);
  assert_string_equal(info.epoch, stored.epoch);
  assert_string_equal(info.owner, stored.owner);
  assert_int_equal(info.first_id, stored.first_id);
  assert_int_equal(info.last_id, stored.last_id);
  assert_int_equal(info.count, stored.count);
  assert_int_equal(info.bytes, stored.bytes);
  assert_int_equal(info.created_ms, stored.created_ms);
  assert_int_equal(info.updated_ms, stored.updated_ms);
  assert_int_equal(summary_message_id(s->summary), stored.last_id);
  struct buf b;
  char wanted[64];
  buf_init(&b);
  summary_append_members(s->summary, &b);
  snprintf(wanted, sizeof wanted, "\"cost\":%lld,", (long long)folded);
  if (!strstr(b.data, wanted))
    fail_msg("not %s in %s", wanted, b.data);
  buf_finish(&b);
  store_info_finish(&stored);
}

/* And goes on like any other. */
static void check_goes_on(struct stream *s, int64_t folded) {
  struct watcher w = {0};
  struct stream_info info;
  watcher_start(&w, &f, 1, s, NULL);
  while (w.is_reading)
    fixture_pump_one(&f, 1);
  stream_info(s, &info);
  assert_int_equal(w.position, info.last_id);
  assert_int_equal(publish_one(&f, s, "log", DATA), info.last_id + 1);
  fixture_settle(&f);
  assert_int_equal(w.position, info.last_id + 1);
  watcher_stop(&w);
  check_against_store(s, folded + 1);
}

static void finish_open(void) {
  fixture_pump_until(&f, 0, &o.is_done);
  assert_int_equal(o.code, 0);
}

/* ---- commits meanwhile ---- */

static void a_stream_is_loaded_with_its_summary(void **state) {
  (void)state;
  store_events(5);
  fixture_advance(&f, 100);
  open_begin(&f, 0, "r", NULL, &o);
  finish_open();
  check_against_store(o.stream, 5);
  check_goes_on(o.stream, 5);
}

static void a_kept_summary_is_caught_up_with(void **state) {
  (void)state;
  store_events(5);
  open_begin(&f, 0, "r", NULL, &o);
  finish_open();
  stream_unref(o.stream);
  fixture_evict(&f);
  store_events(3);
  int reads = gate_reads(GATE_READ);
  open_begin(&f, 0, "r", NULL, &o);
  finish_open();
  assert_int_equal(gate_reads(GATE_READ), reads + 1);
  check_against_store(o.stream, 8);
  check_goes_on(o.stream, 8);
}

static void commits_between_info_and_events_count_once(void **state) {
  (void)state;
  store_events(5);
  gate_arm(GATE_INFO);
  open_begin(&f, 0, "r", NULL, &o);
  gate_wait(GATE_INFO); /* it knows of 5 */
  fixture_advance(&f, 100);
  store_events(3); /* they are read with the events, and told by the writer */
  gate_open(GATE_INFO);
  finish_open();
  check_against_store(o.stream, 8);
  check_goes_on(o.stream, 8);
}

static void commits_after_the_events_were_read_count_once(void **state) {
  (void)state;
  store_events(5);
  gate_arm(GATE_READ);
  open_begin(&f, 0, "r", NULL, &o);
  gate_wait(GATE_READ); /* it has 5 */
  fixture_advance(&f, 100);
  store_events(3);
  gate_open(GATE_READ);
  finish_open();
  check_against_store(o.stream, 8);
  check_goes_on(o.stream, 8);
}

static void a_request_that_begins_while_it_is_loaded_has_all_its_events(void **state) {
  (void)state;
  gate_arm(GATE_INFO);
  open_begin(&f, 0, "r", "ann", &o);
  gate_wait(GATE_INFO); /* it knows of none */
  fixture_advance(&f, 100);
  store_events(3);
  store_events(2);
  gate_open(GATE_INFO);
  finish_open();
  check_against_store(o.stream, 5);
  check_goes_on(o.stream, 5);
}

static void what_another_hub_publishes_while_it_is_loaded_counts_once(void **state) {
  (void)state;
  store_events(5);
  gate_arm(GATE_READ);
  open_begin(&f, 0, "r", NULL, &o);
  gate_wait(GATE_READ);
  store_events_of(3, true);
  store_events(1);
  gate_open(GATE_READ);
  finish_open();
  check_against_store(o.stream, 9);
  check_goes_on(o.stream, 9);
}

/* As when memory was out for them. */
static void events_without_facts_while_it_is_loaded_are_read_again(void **state) {
  (void)state;
  struct store_event event = {
      .type = "log", .timestamp = "2026-01-01T00:00:00Z", .data = DATA, .data_len = strlen(DATA)};
  struct store_append append = {.request_id = "r", .events = &event, .count = 1, .done = on_stored};
  store_events(5);
  gate_arm(GATE_READ);
  open_begin(&f, 0, "r", NULL, &o);
  gate_wait(GATE_READ);
  assert_int_equal(store_append(hub_store(f.hub), &append), 0);
  store_events(2);
  gate_open(GATE_READ);
  finish_open();
  check_against_store(o.stream, 8);
  check_goes_on(o.stream, 8);
}

static void trims_while_it_is_loaded_are_followed(void **state) {
  (void)state;
  struct stream_info info;
  end(NULL);
  begin_with(4);
  store_events(4);
  gate_arm(GATE_INFO);
  open_begin(&f, 0, "r", NULL, &o);
  gate_wait(GATE_INFO);
  store_events(3);
  store_events(1);
  gate_open(GATE_INFO);
  finish_open();
  stream_info(o.stream, &info);
  assert_int_equal(info.first_id, 5);
  check_against_store(o.stream, 4); /* the first four were gone before they could be folded */
}

/* ---- removals meanwhile ---- */

static void a_request_removed_while_it_is_loaded_is_without_events(void **state) {
  (void)state;
  struct stream_info info;
  struct store_info stored;
  store_events(5);
  assert_int_equal(store_info(hub_store(f.hub), "r", &stored, NULL), 0);
  gate_arm(GATE_READ);
  open_begin(&f, 0, "r", NULL, &o);
  gate_wait(GATE_READ);
  remove_request();
  gate_open(GATE_READ);
  finish_open();
  stream_info(o.stream, &info);
  assert_int_equal(info.last_id, 0);
  assert_int_equal(info.count, 0);
  assert_string_not_equal(info.epoch, stored.epoch);
  store_info_finish(&stored);
  assert_false(info.deleted);
  check_goes_on(o.stream, 0);
}

static void a_request_that_began_anew_while_it_is_loaded_has_the_new_events(void **state) {
  (void)state;
  store_events(5);
  gate_arm(GATE_READ);
  open_begin(&f, 0, "r", NULL, &o);
  gate_wait(GATE_READ);
  remove_request();
  store_events(2);
  gate_open(GATE_READ);
  finish_open();
  check_against_store(o.stream, 2);
  check_goes_on(o.stream, 2);
}

static void a_position_read_before_a_delete_is_not_taken_over(void **state) {
  (void)state;
  struct opened other;
  struct stream_info info;
  store_events(5);
  open_begin(&f, 0, "r", "bob", &o);
  finish_open();
  stream_info(o.stream, &info);
  store_set_position(hub_store(f.hub), "r", info.epoch, "ann", 4);
  gate_arm(GATE_POSITION);
  open_begin(&f, 0, "r", "ann", &other);
  gate_wait(GATE_POSITION); /* it has 4 */
  remove_request();
  store_events(5);
  gate_open(GATE_POSITION);
  fixture_pump_until(&f, 0, &other.is_done);
  assert_int_equal(other.code, 0);
  assert_int_equal(other.acked, 0);
  assert_ptr_not_equal(other.stream, o.stream);
  check_against_store(other.stream, 5);
  stream_unref(other.stream);
}

static void a_position_read_before_expiry_is_not_taken_over(void **state) {
  (void)state;
  struct opened other;
  struct stream_info info;
  store_events(5);
  open_begin(&f, 0, "r", "bob", &o);
  finish_open();
  stream_info(o.stream, &info);
  store_set_position(hub_store(f.hub), "r", info.epoch, "ann", 4);
  gate_arm(GATE_POSITION);
  open_begin(&f, 0, "r", "ann", &other);
  gate_wait(GATE_POSITION);
  fixture_advance(&f, 2000000);
  assert_int_equal(store_sweep(hub_store(f.hub)), 0);
  store_events(5);
  gate_open(GATE_POSITION);
  fixture_pump_until(&f, 0, &other.is_done);
  assert_int_equal(other.acked, 0);
  assert_ptr_equal(other.stream, o.stream);
  check_against_store(other.stream, 5);
  stream_unref(other.stream);
}

static void a_position_that_moves_on_another_hub_while_it_is_read_is_taken_over(void **state) {
  (void)state;
  struct opened other;
  struct stream_info info;
  const struct store_listener *l = &f.hub->options.store.listener;
  store_events(5);
  open_begin(&f, 0, "r", NULL, &o);
  finish_open();
  stream_info(o.stream, &info);
  gate_arm(GATE_POSITION);
  open_begin(&f, 0, "r", "ann", &other);
  gate_wait(GATE_POSITION); /* it has none */
  l->on_position("r", info.epoch, "ann", 4, l->user);
  gate_open(GATE_POSITION);
  fixture_pump_until(&f, 0, &other.is_done);
  assert_int_equal(other.acked, 4);
  stream_unref(other.stream);
}

static void on_page(struct hub_page *page) {
  *(bool *)page->user = true;
}

/* The request expires and begins anew while a page of it is being read, held at `place`. */
static void read_page_around_a_new_beginning(enum gate_place place, struct hub_page *page) {
  bool is_done = false;
  *page = (struct hub_page){.done = on_page, .user = &is_done, .after = 2, .max_bytes = 1000};
  store_events(5);
  open_begin(&f, 0, "r", NULL, &o);
  finish_open();
  gate_arm(place);
  assert_int_equal(hub_read_page(f.hub, 0, o.stream, page), 0);
  gate_wait(place);
  fixture_advance(&f, 2000000);
  assert_int_equal(store_sweep(hub_store(f.hub)), 0);
  store_events(5);
  gate_open(place);
  fixture_pump_until(&f, 0, &is_done);
  assert_int_equal(page->code, 0);
}

static void a_page_of_what_began_anew_meanwhile_is_not_given(void **state) {
  (void)state;
  struct hub_page page;
  read_page_around_a_new_beginning(GATE_BEFORE_READ, &page);
  assert_int_equal(page.last_id, 2);
  assert_int_equal(page.frames.len, 0);
  buf_finish(&page.frames);
}

static void a_page_says_which_epoch_it_is_of(void **state) {
  (void)state;
  struct hub_page page;
  struct stream_info info;
  read_page_around_a_new_beginning(GATE_READ, &page);
  stream_info(o.stream, &info);
  assert_int_equal(page.last_id, 5); /* of what was there before */
  assert_string_not_equal(page.epoch, info.epoch);
  buf_finish(&page.frames);
}

/* ---- several who wait, and failure ---- */

static void all_who_wait_share_one_load(void **state) {
  (void)state;
  struct opened others[6];
  store_events(5);
  int reads = gate_reads(GATE_INFO);
  gate_arm(GATE_INFO);
  open_begin(&f, 0, "r", NULL, &o);
  gate_wait(GATE_INFO);
  for (int i = 0; i < 6; i++)
    open_begin(&f, i % 2, "r", i < 3 ? "ann" : NULL, &others[i]);
  gate_open(GATE_INFO);
  finish_open();
  for (int i = 0; i < 6; i++) {
    fixture_pump_until(&f, i % 2, &others[i].is_done);
    assert_int_equal(others[i].code, 0);
    assert_ptr_equal(others[i].stream, o.stream);
    stream_unref(others[i].stream);
  }
  assert_int_equal(gate_reads(GATE_INFO), reads + 1);
}

static void a_load_that_fails_is_told_and_tried_anew(void **state) {
  (void)state;
  struct opened failed;
  store_events(5);
  gate_fail_info(CWS_ESTORE);
  open_begin(&f, 0, "r", "ann", &failed);
  fixture_pump_until(&f, 0, &failed.is_done);
  assert_int_equal(failed.code, CWS_ESTORE);
  assert_null(failed.stream);
  assert_string_equal(failed.open.error.message, "made to fail");
  open_begin(&f, 0, "r", "ann", &o);
  finish_open();
  check_against_store(o.stream, 5);
}

static void a_query_that_cannot_read_says_so(void **state) {
  (void)state;
  store_events(1);
  gate_fail_info(CWS_ESTORE);
  struct asked a = {.query = {.kind = HUB_GET_REQUEST, .request_id = "r"}};
  ask(&f, &a);
  assert_int_equal(a.query.code, CWS_ESTORE);
  assert_string_equal(a.query.error.message, "made to fail");
  asked_finish(&a);
  gate_fail_info(CWS_ESTORE);
  a = (struct asked){.query = {.kind = HUB_EVENTS, .request_id = "r"}};
  ask(&f, &a);
  assert_int_equal(a.query.code, CWS_ESTORE);
  asked_finish(&a);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(a_stream_is_loaded_with_its_summary),
      test(a_kept_summary_is_caught_up_with),
      test(commits_between_info_and_events_count_once),
      test(commits_after_the_events_were_read_count_once),
      test(a_request_that_begins_while_it_is_loaded_has_all_its_events),
      test(what_another_hub_publishes_while_it_is_loaded_counts_once),
      test(events_without_facts_while_it_is_loaded_are_read_again),
      test(trims_while_it_is_loaded_are_followed),
      test(a_request_removed_while_it_is_loaded_is_without_events),
      test(a_request_that_began_anew_while_it_is_loaded_has_the_new_events),
      test(a_position_read_before_a_delete_is_not_taken_over),
      test(a_position_read_before_expiry_is_not_taken_over),
      test(a_position_that_moves_on_another_hub_while_it_is_read_is_taken_over),
      test(a_page_of_what_began_anew_meanwhile_is_not_given),
      test(a_page_says_which_epoch_it_is_of),
      test(all_who_wait_share_one_load),
      test(a_load_that_fails_is_told_and_tried_anew),
      test(a_query_that_cannot_read_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
