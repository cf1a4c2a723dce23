#include "tests/unit/store/conformance.h"

static struct world *opened(void **state) {
  struct world *w = *state;
  world_open(w);
  return w;
}

static struct world *opened_with_limits(void **state, int64_t events, int64_t bytes) {
  struct world *w = *state;
  w->options.max_request_events = events;
  w->options.max_request_bytes = bytes;
  world_open(w);
  return w;
}

static void put_many(struct world *w, const char *request_id, size_t count, const char *data) {
  struct store_event *events = calloc(count, sizeof(*events));
  for (size_t i = 0; i < count; i++)
    events[i] = event_of(data);
  struct put p;
  put_init(&p, request_id, events, count);
  assert_int_equal(put_run(&p, w->s), 0);
  assert_int_equal(p.append.stored, count);
  free(events);
}

static int64_t position_of(struct world *w, const char *request_id, const char *subscriber) {
  int64_t id = -1;
  assert_int_equal(store_get_position(w->s, request_id, subscriber, &id, NULL), 0);
  return id;
}

/* ---- removing ---- */

static void test_a_removed_request_is_gone_with_its_positions(void **state) {
  struct world *w = opened(state);
  put_many(w, "r", 600, "1");
  put_one(w, "other", "1");
  store_set_position(w->s, "r", first_epoch(w, "r"), "ada", 2);
  store_set_summary(w->s, "r", first_epoch(w, "r"), 2, "{}");
  assert_int_equal(store_flush(w->s), 0);
  store_set_position(w->s, "r", first_epoch(w, "r"), "bob", 2);
  assert_int_equal(remove_run(w->s, "r"), 0);
  assert_int_equal(atomic_load(&w->record.removes), 1);
  assert_int_equal(w->record.reason, STORE_DELETED);
  assert_string_equal(w->record.removed_epoch, first_epoch(w, "r"));
  assert_false(is_known(w, "r"));
  assert_int_equal(remove_run(w->s, "r"), CWS_EUNKNOWNREQUEST);
  assert_int_equal(atomic_load(&w->record.removes), 1);
  assert_int_equal(store_sweep(w->s), 0);

  assert_int_equal(put_one(w, "r", "new"), 1);
  assert_int_equal(store_flush(w->s), 0);
  assert_int_equal(position_of(w, "r", "ada"), 0);
  assert_int_equal(position_of(w, "r", "bob"), 0);
  struct store_info info = info_of(w, "r");
  assert_null(info.summary);
  assert_int_equal(info.count, 1);
  assert_int_equal(info.bytes, 3);
  store_info_finish(&info);
  assert_int_equal(store_sweep(w->s), 0);
  expect_data(w, "r", 1, "new");
  expect_data(w, "other", 1, "1");
}

static void begin_with(struct world *w, const char *wish, char epoch[CWS_EPOCH_MAX + 1]) {
  struct store_event ev = event_of("1");
  struct put p;
  put_init(&p, "r", &ev, 1);
  w->next_epoch = wish;
  assert_int_equal(put_run(&p, w->s), 0);
  assert_true(p.append.is_new_stream);
  assert_int_equal(ev.message_id, 1);
  memcpy(epoch, p.append.epoch, sizeof(p.append.epoch));
  struct store_info info = info_of(w, "r");
  assert_string_equal(info.epoch, epoch);
  store_info_finish(&info);
}

static void test_no_epoch_of_a_request_comes_back(void **state) {
  struct world *w = opened(state);
  char epochs[60][CWS_EPOCH_MAX + 1];
  for (size_t i = 0; i < COUNT_OF(epochs); i++) {
    begin_with(w, i % 2 ? "abcdefghijklmnop" : "short", epochs[i]);
    assert_true(strlen(epochs[i]) <= CWS_EPOCH_MAX);
    for (size_t j = 0; j < i; j++)
      assert_string_not_equal(epochs[i], epochs[j]);
    assert_int_equal(remove_run(w->s, "r"), 0);
    assert_string_equal(w->record.removed_epoch, epochs[i]);
  }
  if (store_is_shared(w->s)) /* chosen by the log */
    return;
  assert_string_equal(epochs[0], "short");
  assert_string_equal(epochs[1], "abcdefghijklmnop");
}

static void remove_noted(struct store_remove *remove) {
  (void)remove;
}

static void test_appends_and_removes_happen_in_the_order_they_were_queued(void **state) {
  struct world *w = opened(state);
  struct gate g;
  gate_close(&g, w);
  struct store_event events[] = {event_of("1"), event_of("2"), event_of("3")};
  struct put puts[3];
  struct store_remove removes[2] = {{.request_id = "r", .done = remove_noted},
                                    {.request_id = "r", .done = remove_noted}};
  assert_int_equal(store_remove(w->s, &removes[0]), 0);
  put_init(&puts[0], "r", &events[0], 2);
  put_start(&puts[0], w->s);
  assert_int_equal(store_remove(w->s, &removes[1]), 0);
  put_init(&puts[1], "r", &events[2], 1);
  put_start(&puts[1], w->s);
  gate_open(&g);
  assert_int_equal(put_wait(&puts[0]), 0);
  assert_int_equal(put_wait(&puts[1]), 0);
  assert_int_equal(removes[0].code, CWS_EUNKNOWNREQUEST);
  assert_int_equal(removes[1].code, 0);
  assert_int_equal(events[1].message_id, 2);
  assert_int_equal(events[2].message_id, 1);
  expect_data(w, "r", 1, "3");
}

static void test_a_batch_of_removes_removes_each(void **state) {
  struct world *w = opened(state);
  struct store_remove removes[150];
  char ids[150][8];
  for (size_t i = 0; i < COUNT_OF(removes); i++) {
    snprintf(ids[i], sizeof(ids[i]), "r%zu", i);
    put_one(w, ids[i], "1");
  }
  struct gate g;
  gate_close(&g, w);
  for (size_t i = 0; i < COUNT_OF(removes); i++) {
    removes[i] = (struct store_remove){.request_id = ids[i], .done = remove_noted};
    assert_int_equal(store_remove(w->s, &removes[i]), 0);
  }
  gate_open(&g);
  assert_int_equal(store_flush(w->s), 0);
  for (size_t i = 0; i < COUNT_OF(removes); i++) {
    assert_int_equal(removes[i].code, 0);
    assert_false(is_known(w, ids[i]));
  }
  assert_int_equal(atomic_load(&w->record.removes), COUNT_OF(removes));
}

/* ---- age ---- */

#define HOUR ((int64_t)3600 * 1000)

static void test_a_request_expires_after_its_last_event(void **state) {
  struct world *w = *state;
  w->options.retention_ms = 24 * HOUR;
  world_open(w);
  put_one(w, "old", "1");
  put_one(w, "live", "1");
  char epoch[CWS_EPOCH_MAX + 1];
  snprintf(epoch, sizeof(epoch), "%s", first_epoch(w, "old"));
  store_set_position(w->s, "old", epoch, "ada", 1);
  w->wall_ms += 23 * HOUR;
  put_one(w, "live", "2");
  assert_int_equal(store_sweep(w->s), 0);
  assert_true(is_known(w, "old"));
  w->wall_ms += HOUR - 1;
  assert_int_equal(store_sweep(w->s), 0);
  assert_true(is_known(w, "old"));
  w->wall_ms += 1;
  assert_int_equal(store_sweep(w->s), 0);
  assert_false(is_known(w, "old"));
  assert_true(is_known(w, "live"));
  assert_int_equal(atomic_load(&w->record.removes), 1);
  assert_int_equal(w->record.reason, STORE_EXPIRED);
  assert_string_equal(w->record.removed_epoch, epoch);
  expect_data(w, "live", 1, "1");
  w->wall_ms += 23 * HOUR;
  assert_int_equal(store_sweep(w->s), 0);
  assert_false(is_known(w, "live"));
  assert_int_equal(put_one(w, "old", "again"), 1);
  assert_int_equal(position_of(w, "old", "ada"), 0);
}

static void test_nothing_expires_without_retention(void **state) {
  struct world *w = opened(state);
  put_one(w, "old", "1");
  w->wall_ms += 10000 * HOUR;
  assert_int_equal(store_sweep(w->s), 0);
  assert_true(is_known(w, "old"));
}

static void test_one_sweep_takes_all_that_expired(void **state) {
  struct world *w = *state;
  w->options.retention_ms = HOUR;
  world_open(w);
  for (int i = 0; i < 200; i++) {
    char id[16];
    snprintf(id, sizeof(id), "r%d", i);
    put_many(w, id, 3, "1");
  }
  put_many(w, "large", 5000, "12345");
  w->wall_ms += 2 * HOUR;
  for (int i = 0; i < 100; i++) {
    char id[16];
    snprintf(id, sizeof(id), "r%d", i * 2);
    assert_int_equal(put_one(w, id, "2"), 4);
  }
  assert_int_equal(store_sweep(w->s), 0);
  for (int i = 0; i < 200; i++) {
    char id[16];
    snprintf(id, sizeof(id), "r%d", i);
    assert_int_equal(is_known(w, id), i % 2 == 0);
  }
  assert_false(is_known(w, "large"));
  assert_int_equal(atomic_load(&w->record.removes), 101);
}

/* ---- limits of a request ---- */

static void expect_left(struct world *w, const char *request_id, int64_t first, int64_t last,
                        int64_t bytes) {
  struct store_info info = info_of(w, request_id);
  assert_int_equal(info.first_id, first);
  assert_int_equal(info.last_id, last);
  assert_int_equal(info.count, last - first + 1);
  assert_int_equal(info.bytes, bytes);
  store_info_finish(&info);
  struct store_page *page = page_of(w, request_id, (struct store_range){0});
  assert_int_equal(page->count, last - first + 1);
  assert_int_equal(page->events[0].message_id, first);
  store_page_free(page);
}

static void test_beyond_the_count_the_oldest_go_and_ids_go_on(void **state) {
  struct world *w = opened_with_limits(state, 10, 0);
  for (int i = 1; i <= 25; i++)
    assert_int_equal(put_one(w, "r", "1234"), i);
  assert_int_equal(store_flush(w->s), 0); /* on_trim comes after done */
  expect_left(w, "r", 16, 25, 40);
  assert_int_equal(atomic_load(&w->record.trims), 15);
  assert_string_equal(w->record.trimmed, "r");
  assert_int_equal(w->record.trimmed_to, 15);
  assert_int_equal(w->record.left_count, 10);
  assert_int_equal(w->record.left_bytes, 40);
  put_many(w, "r", 1000, "1");
  expect_left(w, "r", 1016, 1025, 10);
  assert_int_equal(store_sweep(w->s), 0);
  expect_left(w, "r", 1016, 1025, 10);
  assert_int_equal(put_one(w, "r", "12345"), 1026);
  expect_left(w, "r", 1017, 1026, 14);
  assert_int_equal(store_sweep(w->s), 0);
  put_many(w, "r", 3, "1");
  expect_left(w, "r", 1020, 1029, 14);
}

static void test_beyond_the_bytes_the_oldest_go_but_never_the_newest(void **state) {
  struct world *w = opened_with_limits(state, 0, 100);
  for (int i = 1; i <= 10; i++)
    put_one(w, "r", "0123456789");
  expect_left(w, "r", 1, 10, 100);
  put_one(w, "r", "x");
  expect_left(w, "r", 2, 11, 91);
  char large[301];
  memset(large, 'x', 300);
  large[300] = '\0';
  put_one(w, "r", large);
  assert_int_equal(store_flush(w->s), 0);
  expect_left(w, "r", 12, 12, 300);
  assert_int_equal(w->record.left_bytes, 300);
  put_one(w, "r", "0");
  expect_left(w, "r", 13, 13, 1);
}

static void test_a_trimmed_event_id_is_new_again(void **state) {
  struct world *w = opened_with_limits(state, 2, 0);
  struct store_event ev;
  assert_int_equal(put_id(w, "r", "1", "a", &ev), 0);
  put_one(w, "r", "2");
  assert_int_equal(put_id(w, "r", "1", "a", &ev), 0);
  assert_true(ev.duplicate);
  put_one(w, "r", "3");
  assert_int_equal(put_id(w, "r", "another content", "a", &ev), 0);
  assert_false(ev.duplicate);
  assert_int_equal(ev.message_id, 4);
  assert_int_equal(put_id(w, "r", "another content", "a", &ev), 0);
  assert_true(ev.duplicate);
  assert_int_equal(ev.message_id, 4);
}

int conformance_run_retention(const char *kind) {
  conformance_kind = kind;
  const struct CMUnitTest tests[] = {
      CONFORMANCE_TEST(test_a_removed_request_is_gone_with_its_positions),
      CONFORMANCE_TEST(test_no_epoch_of_a_request_comes_back),
      CONFORMANCE_TEST(test_appends_and_removes_happen_in_the_order_they_were_queued),
      CONFORMANCE_TEST(test_a_batch_of_removes_removes_each),
      CONFORMANCE_TEST(test_a_request_expires_after_its_last_event),
      CONFORMANCE_TEST(test_nothing_expires_without_retention),
      CONFORMANCE_TEST(test_one_sweep_takes_all_that_expired),
      CONFORMANCE_TEST(test_beyond_the_count_the_oldest_go_and_ids_go_on),
      CONFORMANCE_TEST(test_beyond_the_bytes_the_oldest_go_but_never_the_newest),
      CONFORMANCE_TEST(test_a_trimmed_event_id_is_new_again),
  };
  return cmocka_run_group_tests_name(kind, tests, NULL, NULL);
}
