#include "tests/unit/store/conformance.h"

#include <time.h>

const char *conformance_kind;

int conformance_setup(void **state) {
  struct world *w = malloc(sizeof(*w));
  world_init(w, conformance_kind);
  *state = w;
  return 0;
}

int conformance_teardown(void **state) {
  world_finish(*state);
  free(*state);
  return 0;
}

static struct world *opened(void **state) {
  struct world *w = *state;
  world_open(w);
  return w;
}

/* ---- ids and order ---- */

#define PUBLISHERS 8
#define APPENDS 300

struct publisher {
  struct world *w;
  int number;
  pthread_t thread;
};

static void *publish(void *arg) {
  struct publisher *p = arg;
  int64_t last[2] = {0};
  for (int i = 0; i < APPENDS; i++) {
    char data[2][64];
    struct store_event events[2];
    size_t count = 1 + (size_t)(i % 2);
    for (size_t j = 0; j < count; j++) {
      snprintf(data[j], sizeof(data[j]), "%d %d %zu", p->number, i, j);
      events[j] = event_of(data[j]);
    }
    struct put put;
    put_init(&put, i % 3 == 0 ? "even" : "odd", events, count);
    assert_int_equal(put_run(&put, p->w->s), 0);
    assert_int_equal(put.append.stored, count);
    assert_true(events[0].message_id > last[i % 3 == 0]);
    if (count == 2)
      assert_int_equal(events[1].message_id, events[0].message_id + 1);
    last[i % 3 == 0] = events[count - 1].message_id;
  }
  return NULL;
}

/* Each publisher's events lie in its order, all of them, each once, under ids without a hole. */
static void expect_all_in_order(struct world *w, const char *request_id, int64_t expected) {
  struct store_page *page = page_of(w, request_id, (struct store_range){0});
  int last[PUBLISHERS];
  memset(last, -1, sizeof(last));
  assert_int_equal(page->count, expected);
  assert_false(page->more);
  for (size_t i = 0; i < page->count; i++) {
    int number, append, j;
    assert_int_equal(page->events[i].message_id, i + 1);
    assert_int_equal(sscanf(page->events[i].data, "%d %d %d", &number, &append, &j), 3);
    assert_true(append * 2 + j > last[number]);
    last[number] = append * 2 + j;
  }
  store_page_free(page);
}

static void test_concurrent_publishers_share_contiguous_ids(void **state) {
  struct world *w = opened(state);
  struct publisher publishers[PUBLISHERS];
  for (int i = 0; i < PUBLISHERS; i++) {
    publishers[i] = (struct publisher){.w = w, .number = i};
    assert_int_equal(pthread_create(&publishers[i].thread, NULL, publish, &publishers[i]), 0);
  }
  for (int i = 0; i < PUBLISHERS; i++)
    pthread_join(publishers[i].thread, NULL);
  /* i % 3 == 0: 100 appends, 50 of them with two events */
  expect_all_in_order(w, "even", PUBLISHERS * 150);
  expect_all_in_order(w, "odd", PUBLISHERS * 300);
  assert_int_equal(atomic_load(&w->record.stored), PUBLISHERS * 450);
  assert_int_equal(atomic_load(&w->record.commits), PUBLISHERS * APPENDS);
}

static atomic_int done_order;

struct ordered {
  struct put put; /* first */
  struct store_event event;
  int order;
};

static void note_order(struct store_append *append) {
  struct ordered *o = (struct ordered *)append;
  o->order = atomic_fetch_add(&done_order, 1);
  sem_post(&o->put.done);
}

static void test_appends_of_one_caller_are_done_in_its_order(void **state) {
  struct world *w = opened(state);
  static struct ordered all[500];
  atomic_store(&done_order, 0);
  for (size_t i = 0; i < COUNT_OF(all); i++) {
    all[i].event = event_of("{}");
    put_init(&all[i].put, "r", &all[i].event, 1);
    all[i].put.append.done = note_order;
    put_start(&all[i].put, w->s);
  }
  for (size_t i = 0; i < COUNT_OF(all); i++) {
    assert_int_equal(put_wait(&all[i].put), 0);
    assert_int_equal(all[i].order, i);
    assert_int_equal(all[i].event.message_id, i + 1);
  }
  assert_true(atomic_load(&w->record.batches) > 0);
}

static void test_the_first_append_makes_the_stream(void **state) {
  struct world *w = opened(state);
  struct store_event ev = event_of("1");
  struct put p;
  put_init(&p, "r", &ev, 1);
  p.append.owner = "ada";
  assert_false(is_known(w, "r"));
  assert_int_equal(put_run(&p, w->s), 0);
  assert_true(p.append.is_new_stream);
  char epoch[CWS_EPOCH_MAX + 1];
  snprintf(epoch, sizeof(epoch), "%s", first_epoch(w, "r"));
  assert_string_equal(p.append.epoch, epoch);

  put_init(&p, "r", &ev, 1);
  p.append.owner = "eve";
  w->next_epoch = "another";
  assert_int_equal(put_run(&p, w->s), 0);
  assert_false(p.append.is_new_stream);
  assert_string_equal(p.append.epoch, epoch);

  struct store_info info = info_of(w, "r");
  assert_string_equal(info.owner, "ada");
  assert_string_equal(info.epoch, epoch);
  store_info_finish(&info);
}

/* ---- event ids ---- */

static void test_a_retry_gets_the_same_answer_and_stores_nothing(void **state) {
  struct world *w = opened(state);
  struct store_event ev;
  put_one(w, "r", "0");
  assert_int_equal(put_id(w, "r", "1", "id-1", &ev), 0);
  assert_int_equal(ev.message_id, 2);
  assert_false(ev.duplicate);
  put_one(w, "r", "2");
  assert_int_equal(put_id(w, "r", "1", "id-1", &ev), 0);
  assert_int_equal(ev.message_id, 2);
  assert_true(ev.duplicate);
  assert_int_equal(put_id(w, "other", "1", "id-1", &ev), 0);
  assert_int_equal(ev.message_id, 1);
  assert_false(ev.duplicate);
  assert_int_equal(put_one(w, "r", "3"), 4);
  assert_int_equal(atomic_load(&w->record.stored), 5);
  assert_int_equal(atomic_load(&w->record.commits), 6);
}

static void test_a_mixed_batch_stores_what_is_new(void **state) {
  struct world *w = opened(state);
  struct store_event ev;
  assert_int_equal(put_id(w, "r", "1", "a", &ev), 0);
  struct store_event events[] = {event_with_id("2", "b"), event_with_id("1", "a"), event_of("3"),
                                 event_with_id("2", "b")};
  struct put p;
  put_init(&p, "r", events, COUNT_OF(events));
  assert_int_equal(put_run(&p, w->s), 0);
  assert_int_equal(p.append.stored, 2);
  assert_int_equal(events[0].message_id, 2);
  assert_int_equal(events[1].message_id, 1);
  assert_true(events[1].duplicate);
  assert_int_equal(events[2].message_id, 3);
  assert_int_equal(events[3].message_id, 2);
  assert_true(events[3].duplicate);
  assert_false(events[0].duplicate || events[2].duplicate);
  expect_data(w, "r", 2, "2");
  expect_data(w, "r", 3, "3");
}

static void test_an_id_used_for_another_content_refuses_the_whole_append(void **state) {
  struct world *w = opened(state);
  struct store_event ev;
  assert_int_equal(put_id(w, "r", "1", "a", &ev), 0);
  struct store_event events[] = {event_with_id("2", "b"), event_with_id("other", "a")};
  struct put p;
  put_init(&p, "r", events, 2);
  assert_int_equal(put_run(&p, w->s), CWS_EEVENTIDREUSED);
  assert_int_equal(p.append.error.code, CWS_EEVENTIDREUSED);
  assert_non_null(strstr(p.append.error.message, "'a'"));
  struct store_info info = info_of(w, "r");
  assert_int_equal(info.last_id, 1);
  store_info_finish(&info);
  /* "b" was not used up by the append that failed */
  assert_int_equal(put_id(w, "r", "something else", "b", &ev), 0);
  assert_int_equal(ev.message_id, 2);
  assert_false(ev.duplicate);
}

static void test_an_id_reused_within_a_first_append_begins_no_stream(void **state) {
  struct world *w = opened(state);
  struct store_event events[] = {event_with_id("1", "a"), event_with_id("2", "a")};
  struct put p;
  put_init(&p, "r", events, 2);
  assert_int_equal(put_run(&p, w->s), CWS_EEVENTIDREUSED);
  assert_false(is_known(w, "r"));
  assert_int_equal(put_one(w, "r", "3"), 1);
}

static void test_two_appends_of_one_batch_with_the_same_id_store_it_once(void **state) {
  struct world *w = opened(state);
  struct gate g;
  gate_close(&g, w);
  struct store_event first = event_with_id("1", "a"), second = first,
                     other = event_with_id("2", "a");
  struct put p[3];
  put_init(&p[0], "r", &first, 1);
  put_init(&p[1], "r", &second, 1);
  put_init(&p[2], "r", &other, 1);
  for (int i = 0; i < 3; i++)
    put_start(&p[i], w->s);
  gate_open(&g);
  assert_int_equal(put_wait(&p[0]), 0);
  assert_int_equal(put_wait(&p[1]), 0);
  assert_int_equal(put_wait(&p[2]), CWS_EEVENTIDREUSED);
  assert_false(first.duplicate);
  assert_true(second.duplicate);
  assert_int_equal(second.message_id, 1);
  struct store_info info = info_of(w, "r");
  assert_int_equal(info.count, 1);
  store_info_finish(&info);
}

/* ---- reading ---- */

static void expect_page(struct world *w, struct store_range range, int64_t first, size_t count,
                        bool more) {
  struct store_page *page = page_of(w, "r", range);
  assert_int_equal(page->count, count);
  assert_int_equal(page->more, more);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(page->events[i].message_id, first + (int64_t)i);
  store_page_free(page);
}

static void test_a_range_is_read_up_to_its_end_or_its_limits(void **state) {
  struct world *w = opened(state);
  for (int i = 0; i < 10; i++)
    put_one(w, "r", "0123456789");
  expect_page(w, (struct store_range){0}, 1, 10, false);
  expect_page(w, (struct store_range){.after = 4}, 5, 6, false);
  expect_page(w, (struct store_range){.after = 4, .to = 7}, 5, 3, false);
  expect_page(w, (struct store_range){.after = 4, .to = 99}, 5, 6, false);
  expect_page(w, (struct store_range){.after = 10}, 0, 0, false);
  expect_page(w, (struct store_range){.after = 99}, 0, 0, false);
  expect_page(w, (struct store_range){.after = 7, .to = 7}, 0, 0, false);
  expect_page(w, (struct store_range){.max_events = 3}, 1, 3, true);
  expect_page(w, (struct store_range){.to = 3, .max_events = 3}, 1, 3, false);
  expect_page(w, (struct store_range){.after = 8, .max_events = 3}, 9, 2, false);
  expect_page(w, (struct store_range){.max_bytes = 35}, 1, 3, true);
  expect_page(w, (struct store_range){.max_bytes = 40}, 1, 4, true);
  expect_page(w, (struct store_range){.max_bytes = 1}, 1, 1, true);
  expect_page(w, (struct store_range){.after = 9, .max_bytes = 1}, 10, 1, false);

  struct store_page *page;
  struct cws_error err = {0};
  assert_int_equal(store_read(w->s, "nobody", &(struct store_range){0}, &page, &err),
                   CWS_EUNKNOWNREQUEST);
  assert_int_equal(err.code, CWS_EUNKNOWNREQUEST);
}

static void test_an_event_comes_back_byte_for_byte(void **state) {
  struct world *w = opened(state);
  size_t len = 256 * 1024;
  char *large = malloc(len + 1);
  for (size_t i = 0; i < len; i++)
    large[i] = (char)(i * 7 + i / 251);
  large[len] = '\0';
  struct store_event events[] = {event_of(""), event_with_id("a", "the-id"), event_of("")};
  events[0].data = "a\0b\0";
  events[0].data_len = 4;
  events[1].type = "final_response";
  events[1].timestamp = "2000-01-01T00:00:00Z";
  events[2].data = large;
  events[2].data_len = len;
  struct put p;
  put_init(&p, "r", events, COUNT_OF(events));
  assert_int_equal(put_run(&p, w->s), 0);
  struct store_page *page = page_of(w, "r", (struct store_range){0});
  assert_int_equal(page->count, 3);
  assert_int_equal(page->events[0].data_len, 4);
  assert_memory_equal(page->events[0].data, "a\0b\0\0", 5);
  assert_null(page->events[0].event_id);
  assert_string_equal(page->events[1].type, "final_response");
  assert_string_equal(page->events[1].timestamp, "2000-01-01T00:00:00Z");
  assert_string_equal(page->events[1].event_id, "the-id");
  assert_int_equal(page->events[2].data_len, len);
  assert_memory_equal(page->events[2].data, large, len + 1);
  store_page_free(page);
  struct store_info info = info_of(w, "r");
  assert_int_equal(info.bytes, len + 5);
  store_info_finish(&info);
  free(large);
}

static void expect_info(struct world *w, int64_t count, int64_t created_ms) {
  struct store_info info = info_of(w, "r");
  assert_string_equal(info.request_id, "r");
  assert_string_equal(info.owner, "");
  assert_int_equal(info.first_id, 1);
  assert_int_equal(info.last_id, count);
  assert_int_equal(info.count, count);
  assert_int_equal(info.bytes, count * 5);
  assert_int_equal(info.created_ms, created_ms);
  assert_int_equal(info.updated_ms, w->wall_ms);
  store_info_finish(&info);
}

static void test_info_follows_each_append(void **state) {
  struct world *w = opened(state);
  int64_t born = w->wall_ms;
  for (int i = 1; i <= 6; i++) {
    w->wall_ms += i > 1 ? 1000 : 0;
    put_one(w, "r", "12345");
    expect_info(w, i, born);
    if (i == 3) { /* what is written down now is added to later */
      store_set_summary(w->s, "r", first_epoch(w, "r"), 3, "{}");
      assert_int_equal(store_flush(w->s), 0);
      expect_info(w, i, born);
    }
  }
}

/* ---- positions and summaries ---- */

static int64_t position_of(struct world *w, const char *request_id, const char *subscriber) {
  int64_t id = -1;
  struct cws_error err = {0};
  assert_int_equal(store_get_position(w->s, request_id, subscriber, &id, &err), 0);
  return id;
}

static void test_a_position_only_moves_forward(void **state) {
  struct world *w = opened(state);
  for (int i = 0; i < 9; i++)
    put_one(w, "r", "1");
  assert_int_equal(position_of(w, "r", "ada"), 0);
  store_set_position(w->s, "r", first_epoch(w, "r"), "ada", 5);
  assert_int_equal(position_of(w, "r", "ada"), 5);
  store_set_position(w->s, "r", first_epoch(w, "r"), "ada", 3);
  assert_int_equal(position_of(w, "r", "ada"), 5);
  assert_int_equal(store_flush(w->s), 0);
  assert_int_equal(position_of(w, "r", "ada"), 5);
  store_set_position(w->s, "r", first_epoch(w, "r"), "ada", 4);
  assert_int_equal(position_of(w, "r", "ada"), 5);
  assert_int_equal(store_flush(w->s), 0);
  assert_int_equal(position_of(w, "r", "ada"), 5);
  store_set_position(w->s, "r", first_epoch(w, "r"), "ada", 7);
  store_set_position(w->s, "r", first_epoch(w, "r"), "ada/phone", 1);
  assert_int_equal(position_of(w, "r", "ada"), 7);
  assert_int_equal(store_flush(w->s), 0);
  assert_int_equal(position_of(w, "r", "ada"), 7);
  assert_int_equal(position_of(w, "r", "ada/phone"), 1);
  int64_t id;
  struct cws_error err = {0};
  assert_int_equal(store_get_position(w->s, "nobody", "ada", &id, &err), CWS_EUNKNOWNREQUEST);
}

static void test_a_position_in_another_epoch_is_ignored(void **state) {
  struct world *w = opened(state);
  put_one(w, "r", "1");
  store_set_position(w->s, "r", "former", "ada", 1);
  store_set_summary(w->s, "r", "former", 1, "{}");
  store_set_position(w->s, "nobody", first_epoch(w, "nobody"), "ada", 1);
  assert_int_equal(position_of(w, "r", "ada"), 0);
  assert_int_equal(store_flush(w->s), 0);
  assert_int_equal(position_of(w, "r", "ada"), 0);
  struct store_info info = info_of(w, "r");
  assert_null(info.summary);
  store_info_finish(&info);
  assert_false(is_known(w, "nobody"));
}

static void expect_positions(struct world *w, size_t count, const char *names[],
                             const int64_t ids[]) {
  struct store_position *list;
  size_t n;
  struct cws_error err = {0};
  assert_int_equal(store_positions(w->s, "r", &list, &n, &err), 0);
  assert_int_equal(n, count);
  for (size_t i = 0; i < n; i++) {
    assert_string_equal(list[i].subscriber, names[i]);
    assert_int_equal(list[i].message_id, ids[i]);
    assert_int_equal(list[i].updated_ms, w->wall_ms);
  }
  free(list);
}

static void test_positions_are_listed_by_name_with_pending_ones(void **state) {
  struct world *w = opened(state);
  const char *names[] = {"ada", "bob", "eve"};
  put_one(w, "r", "1");
  expect_positions(w, 0, names, NULL);
  store_set_position(w->s, "r", first_epoch(w, "r"), "eve", 2);
  store_set_position(w->s, "r", first_epoch(w, "r"), "bob", 1);
  expect_positions(w, 2, names + 1, (int64_t[]){1, 2});
  assert_int_equal(store_flush(w->s), 0);
  expect_positions(w, 2, names + 1, (int64_t[]){1, 2});
  store_set_position(w->s, "r", first_epoch(w, "r"), "ada", 4);
  store_set_position(w->s, "r", first_epoch(w, "r"), "bob", 3);
  expect_positions(w, 3, names, (int64_t[]){4, 3, 2});
  assert_int_equal(store_flush(w->s), 0);
  expect_positions(w, 3, names, (int64_t[]){4, 3, 2});
  struct store_position *list;
  size_t n;
  struct cws_error err = {0};
  assert_int_equal(store_positions(w->s, "nobody", &list, &n, &err), CWS_EUNKNOWNREQUEST);
}

static void test_many_positions_are_all_kept(void **state) {
  struct world *w = opened(state);
  put_one(w, "r", "1");
  for (int i = 0; i < 2500; i++) { /* more than one slice of the writer */
    char name[24];
    snprintf(name, sizeof(name), "subscriber-%d", i);
    store_set_position(w->s, "r", first_epoch(w, "r"), name, i + 1);
  }
  assert_int_equal(store_flush(w->s), 0);
  struct store_position *list;
  size_t n;
  struct cws_error err = {0};
  assert_int_equal(store_positions(w->s, "r", &list, &n, &err), 0);
  assert_int_equal(n, 2500);
  free(list);
  assert_int_equal(position_of(w, "r", "subscriber-0"), 1);
  assert_int_equal(position_of(w, "r", "subscriber-2499"), 2500);
}

static void expect_summary(struct world *w, const char *json, int64_t id) {
  struct store_info info = info_of(w, "r");
  assert_string_equal(info.summary, json);
  assert_int_equal(info.summary_id, id);
  store_info_finish(&info);
}

static void test_the_newest_summary_is_kept(void **state) {
  struct world *w = opened(state);
  put_one(w, "r", "1");
  store_set_summary(w->s, "r", first_epoch(w, "r"), 1, "{\"n\":1}");
  expect_summary(w, "{\"n\":1}", 1);
  store_set_summary(w->s, "r", first_epoch(w, "r"), 3, "{\"n\":3}");
  store_set_summary(w->s, "r", first_epoch(w, "r"), 2, "{\"n\":2}");
  expect_summary(w, "{\"n\":3}", 3);
  assert_int_equal(store_flush(w->s), 0);
  expect_summary(w, "{\"n\":3}", 3);
  store_set_summary(w->s, "r", first_epoch(w, "r"), 2, "{\"n\":2}");
  expect_summary(w, "{\"n\":3}", 3);
  assert_int_equal(store_flush(w->s), 0);
  expect_summary(w, "{\"n\":3}", 3);
}

/* Readers race with rounds of pending writes; none may see a position go back. */
static void *move_positions(void *arg) {
  struct world *w = arg;
  for (int64_t id = 1; id <= 300; id++) {
    store_set_position(w->s, "r", first_epoch(w, "r"), "ada", id);
    if (id % 3 == 0)
      store_flush(w->s);
  }
  return NULL;
}

static void test_no_reader_sees_a_position_go_back(void **state) {
  struct world *w = opened(state);
  put_one(w, "r", "1");
  pthread_t mover;
  assert_int_equal(pthread_create(&mover, NULL, move_positions, w), 0);
  for (int64_t seen = 0; seen < 300;) {
    int64_t now = position_of(w, "r", "ada");
    assert_true(now >= seen);
    seen = now;
  }
  pthread_join(mover, NULL);
}

/* ---- listing ---- */

static char *expect_list(struct world *w, const char *cursor, size_t limit, size_t count,
                         const char *first, const char *last) {
  struct store_info *list;
  size_t n;
  char *next;
  struct cws_error err = {0};
  assert_int_equal(store_list(w->s, cursor, limit, &list, &n, &next, &err), 0);
  assert_int_equal(n, count);
  if (n > 0) {
    assert_string_equal(list[0].request_id, first);
    assert_string_equal(list[n - 1].request_id, last);
  }
  for (size_t i = 0; i < n; i++) {
    assert_int_equal(list[i].count, 1);
    assert_int_equal(list[i].bytes, 3);
    store_info_finish(&list[i]);
  }
  free(list);
  return next;
}

static void test_requests_are_listed_newest_first_page_by_page(void **state) {
  struct world *w = opened(state);
  assert_null(expect_list(w, NULL, 10, 0, NULL, NULL));
  for (int i = 0; i < 25; i++) {
    char id[16];
    snprintf(id, sizeof(id), "req-%02d", i);
    put_one(w, id, "123");
    w->wall_ms += i % 2; /* pairs are equally old */
  }
  char *next = expect_list(w, NULL, 10, 10, "req-24", "req-15");
  assert_non_null(next);
  char *then = expect_list(w, next, 10, 10, "req-14", "req-05");
  assert_non_null(then);
  assert_null(expect_list(w, then, 10, 5, "req-04", "req-00"));
  assert_null(expect_list(w, then, 5, 5, "req-04", "req-00"));
  free(next);
  free(then);
  assert_null(expect_list(w, NULL, 25, 25, "req-24", "req-00"));

  struct store_info *list;
  size_t n;
  const char *bad[] = {"", "x", "12", "12:", ":r", "99999999999999999999999:r"};
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    struct cws_error err = {0};
    assert_int_equal(store_list(w->s, bad[i], 5, &list, &n, &next, &err), CWS_EBADREQUEST);
  }
}

static void test_a_list_shows_pending_summaries(void **state) {
  struct world *w = opened(state);
  put_one(w, "r", "1");
  store_set_summary(w->s, "r", first_epoch(w, "r"), 1, "{\"n\":1}");
  struct store_info *list;
  size_t n;
  char *next;
  struct cws_error err = {0};
  assert_int_equal(store_list(w->s, NULL, 5, &list, &n, &next, &err), 0);
  assert_int_equal(n, 1);
  assert_string_equal(list[0].summary, "{\"n\":1}");
  store_info_finish(&list[0]);
  free(list);
}

/* ---- limits of the queue, ends ---- */

static void never(struct store_append *append) {
  (void)append;
  abort();
}

static void test_a_refused_append_is_never_done(void **state) {
  struct world *w = *state;
  w->options.max_pending_events = 3;
  w->options.max_pending_bytes = 100;
  world_open(w);
  struct gate g;
  gate_close(&g, w); /* one event, six bytes, are pending */
  char data[96] = "";
  memset(data, 'x', 95);
  struct store_event one = event_of("1"), large = event_of(data), many[3] = {one, one, one};
  struct put taken, refused;
  put_init(&refused, "r", many, 3);
  refused.append.done = never;
  assert_int_equal(store_append(w->s, &refused.append), CWS_EBUSY);
  put_init(&refused, "r", &large, 1);
  refused.append.done = never;
  assert_int_equal(store_append(w->s, &refused.append), CWS_EBUSY);
  put_init(&taken, "r", many, 2);
  put_start(&taken, w->s);
  put_init(&refused, "r", &one, 1);
  refused.append.done = never;
  assert_int_equal(store_append(w->s, &refused.append), CWS_EBUSY);
  gate_open(&g);
  assert_int_equal(put_wait(&taken), 0);
  assert_int_equal(store_flush(w->s), 0);
  put_init(&taken, "r", many, 3);
  assert_int_equal(put_run(&taken, w->s), 0);
  assert_int_equal(many[2].message_id, 5);
}

static void test_closing_completes_what_is_pending(void **state) {
  struct world *w = opened(state);
  static struct put puts[200];
  static struct store_event events[200];
  for (size_t i = 0; i < COUNT_OF(puts); i++) {
    events[i] = event_of("1");
    put_init(&puts[i], "r", &events[i], 1);
    put_start(&puts[i], w->s);
  }
  store_set_position(w->s, "r", first_epoch(w, "r"), "ada", 7);
  world_close(w);
  for (size_t i = 0; i < COUNT_OF(puts); i++) {
    int value;
    sem_getvalue(&puts[i].done, &value);
    assert_int_equal(value, 1);
    assert_int_equal(put_wait(&puts[i]), 0);
    assert_int_equal(events[i].message_id, i + 1);
  }
}

struct counted_job {
  struct store_job job; /* first */
  pthread_t thread;
  int64_t last_id;
  sem_t done;
};

static void run_job(struct store *s, struct store_job *job) {
  struct counted_job *j = (struct counted_job *)job;
  struct store_info info;
  j->thread = pthread_self();
  if (store_info(s, "r", &info, NULL) == 0) {
    j->last_id = info.last_id;
    store_info_finish(&info);
  }
  sem_post(&j->done);
}

static void test_jobs_run_on_a_reader_thread_even_when_closing(void **state) {
  struct world *w = opened(state);
  put_one(w, "r", "1");
  struct counted_job jobs[20];
  for (size_t i = 0; i < COUNT_OF(jobs); i++) {
    jobs[i] = (struct counted_job){.job.run = run_job};
    sem_init(&jobs[i].done, 0, 0);
    store_submit(w->s, &jobs[i].job);
  }
  world_close(w);
  for (size_t i = 0; i < COUNT_OF(jobs); i++) {
    wait_for(&jobs[i].done);
    sem_destroy(&jobs[i].done);
    assert_int_equal(jobs[i].last_id, 1);
    assert_false(pthread_equal(jobs[i].thread, pthread_self()));
  }
}

static void test_an_unknown_store_is_refused_by_name(void **state) {
  struct world *w = *state;
  struct store *s = NULL;
  const char *bad[] = {"floppy:a", "sqlite", "memory", "", "sqlite:", "sqlite:/", "memory:x"};
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    struct cws_error err = {0};
    assert_int_equal(store_open(bad[i], &w->options, &s, &err), CWS_ECONFIG);
    assert_non_null(strstr(err.message, bad[i]));
    assert_null(s);
  }
  world_open(w);
  assert_string_equal(store_name(w->s), store_is_shared(w->s) ? "nats" : w->kind);
  assert_true(store_is_writable(w->s, NULL));
}

int conformance_run(const char *kind) {
  conformance_kind = kind;
  const struct CMUnitTest tests[] = {
      CONFORMANCE_TEST(test_concurrent_publishers_share_contiguous_ids),
      CONFORMANCE_TEST(test_appends_of_one_caller_are_done_in_its_order),
      CONFORMANCE_TEST(test_the_first_append_makes_the_stream),
      CONFORMANCE_TEST(test_a_retry_gets_the_same_answer_and_stores_nothing),
      CONFORMANCE_TEST(test_a_mixed_batch_stores_what_is_new),
      CONFORMANCE_TEST(test_an_id_used_for_another_content_refuses_the_whole_append),
      CONFORMANCE_TEST(test_an_id_reused_within_a_first_append_begins_no_stream),
      CONFORMANCE_TEST(test_two_appends_of_one_batch_with_the_same_id_store_it_once),
      CONFORMANCE_TEST(test_a_range_is_read_up_to_its_end_or_its_limits),
      CONFORMANCE_TEST(test_an_event_comes_back_byte_for_byte),
      CONFORMANCE_TEST(test_info_follows_each_append),
      CONFORMANCE_TEST(test_a_position_only_moves_forward),
      CONFORMANCE_TEST(test_a_position_in_another_epoch_is_ignored),
      CONFORMANCE_TEST(test_positions_are_listed_by_name_with_pending_ones),
      CONFORMANCE_TEST(test_many_positions_are_all_kept),
      CONFORMANCE_TEST(test_the_newest_summary_is_kept),
      CONFORMANCE_TEST(test_no_reader_sees_a_position_go_back),
      CONFORMANCE_TEST(test_requests_are_listed_newest_first_page_by_page),
      CONFORMANCE_TEST(test_a_list_shows_pending_summaries),
      CONFORMANCE_TEST(test_a_refused_append_is_never_done),
      CONFORMANCE_TEST(test_closing_completes_what_is_pending),
      CONFORMANCE_TEST(test_jobs_run_on_a_reader_thread_even_when_closing),
      CONFORMANCE_TEST(test_an_unknown_store_is_refused_by_name),
  };
  return cmocka_run_group_tests_name(kind, tests, NULL, NULL);
}
