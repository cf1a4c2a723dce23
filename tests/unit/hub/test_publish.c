/* hub_publish: one answer each, in order, with ids without holes; a retry stores nothing twice. */
#include "tests/unit/hub/watcher.h"
#include <string.h>

static struct fixture f;
static struct stream *s;

static int begin(void **state) {
  (void)state;
  fixture_init(&f);
  fixture_open(&f);
  s = open_stream(&f, 0, "r");
  return 0;
}

static int end(void **state) {
  (void)state;
  stream_unref(s);
  fixture_close(&f);
  return 0;
}

static int64_t last_id(void) {
  struct stream_info info;
  stream_info(s, &info);
  return info.last_id;
}

/* The stored event, as the store has it. */
static struct store_page *stored(int64_t id) {
  struct store_page *page;
  struct store_range range = {.after = id - 1, .to = id, .max_events = 1, .max_bytes = 1};
  assert_int_equal(store_read(hub_store(f.hub), "r", &range, &page, NULL), 0);
  assert_int_equal(page->count, 1);
  return page;
}

static void ids_count_from_one_and_a_batch_is_in_one_piece(void **state) {
  (void)state;
  struct published p;
  assert_int_equal(publish_one(&f, s, "log", "{}"), 1);
  published_init(&p);
  for (int i = 0; i < 5; i++)
    published_add(&p, "log", "{}", NULL, NULL);
  publish_wait(&f, 0, s, &p);
  assert_int_equal(p.publish.code, 0);
  assert_int_equal(p.publish.first_id, 2);
  assert_int_equal(p.publish.last_id, 6);
  assert_int_equal(p.publish.stored, 5);
  assert_false(p.publish.duplicate);
}

static void the_hub_gives_the_time_where_the_event_has_none(void **state) {
  (void)state;
  struct published p;
  fixture_advance(&f, 123);
  published_init(&p);
  published_add(&p, "log", "{\"x\":0.0012}", NULL, NULL);
  published_add(&p, "log", "12345678901234567890", NULL, "2001-02-03T04:05:06Z");
  publish_wait(&f, 0, s, &p);
  struct store_page *page = stored(1);
  assert_string_equal(page->events[0].timestamp, "2023-11-14T22:13:20.123Z");
  assert_string_equal(page->events[0].data, "{\"x\":0.0012}");
  store_page_free(page);
  page = stored(2);
  assert_string_equal(page->events[0].timestamp, "2001-02-03T04:05:06Z");
  assert_string_equal(page->events[0].data, "12345678901234567890");
  store_page_free(page);
}

static void answers_come_in_the_order_of_the_calls(void **state) {
  (void)state;
  enum { MANY = 50 };
  struct published p[MANY];
  for (int i = 0; i < MANY; i++) {
    published_init(&p[i]);
    published_add(&p[i], "log", "{}", NULL, NULL);
    publish_begin(&f, 0, s, &p[i]);
    assert_false(p[i].is_done); /* never from inside the call */
  }
  fixture_pump_until(&f, 0, &p[MANY - 1].is_done);
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(p[i].publish.last_id, i + 1);
    assert_int_equal(p[i].order, p[0].order + i);
  }
}

/* The first of them are refused by the store, while the others are queued already. */
static void a_publish_that_fails_does_not_take_the_epoch_with_it(void **state) {
  (void)state;
  enum { REQUESTS = 30, FAILING = 3, MANY = REQUESTS * (FAILING + 1) };
  static struct published p[MANY];
  static struct stream_info before[REQUESTS];
  struct stream *streams[REQUESTS];
  for (int i = 0; i < REQUESTS; i++) {
    char id[24];
    snprintf(id, sizeof id, "begins-%d", i);
    streams[i] = open_stream(&f, 0, id);
    stream_info(streams[i], &before[i]);
  }
  for (int i = 0; i < MANY; i++) {
    bool fails = i % (FAILING + 1) < FAILING;
    published_init(&p[i]);
    published_add(&p[i], "log", "1", fails ? "same" : NULL, NULL);
    published_add(&p[i], "log", "2", fails ? "same" : NULL, NULL);
    publish_begin(&f, 0, streams[i / (FAILING + 1)], &p[i]);
  }
  fixture_pump_until(&f, 0, &p[MANY - 1].is_done);
  for (int i = 0; i < REQUESTS; i++) {
    struct stream_info after;
    assert_int_equal(p[i * (FAILING + 1)].publish.code, CWS_EEVENTIDREUSED);
    stream_info(streams[i], &after);
    assert_int_equal(after.last_id, 2);
    assert_string_equal(after.epoch, before[i].epoch);
    stream_unref(streams[i]);
  }
}

static bool answered_before_wake;

static void note_answer(struct watcher *w, const struct stream_batch *batch) {
  (void)batch;
  answered_before_wake = *(const bool *)w->view.address;
}

static void a_publisher_is_answered_before_the_watchers_are_woken(void **state) {
  (void)state;
  struct published p;
  struct watcher w = {.on_wake = note_answer};
  watcher_start(&w, &f, 0, s, NULL);
  published_init(&p);
  w.view.address = (const char *)&p.is_done;
  published_add(&p, "log", "{}", NULL, NULL);
  publish_begin(&f, 0, s, &p);
  fixture_settle(&f);
  assert_int_equal(w.wakes, 1);
  assert_true(answered_before_wake);
  watcher_stop(&w);
}

static void the_first_publisher_sets_the_owner(void **state) {
  (void)state;
  struct published first, second;
  struct stream_info info;
  char owner[] = "ann";
  published_init(&first);
  published_add(&first, "log", "{}", NULL, NULL);
  first.publish.owner = owner;
  publish_begin(&f, 0, s, &first);
  memset(owner, 'x', sizeof owner); /* it was copied */
  fixture_pump_until(&f, 0, &first.is_done);
  published_init(&second);
  published_add(&second, "log", "{}", NULL, NULL);
  second.publish.owner = "bob";
  publish_wait(&f, 0, s, &second);
  stream_info(s, &info);
  assert_string_equal(info.owner, "ann");
}

/* ---- retries ---- */

static void retry(const char *event_id, const char *data, const char *key, struct published *p) {
  published_init(p);
  published_add(p, "log", data, event_id, NULL);
  p->publish.idempotency_key = key;
  publish_wait(&f, 0, s, p);
}

static void an_event_id_makes_a_retry_safe(void **state) {
  (void)state;
  struct published p;
  publish_one(&f, s, "log", "{}");
  retry("e1", "{\"a\":1}", NULL, &p);
  assert_int_equal(p.publish.last_id, 2);
  fixture_advance(&f, 1000);
  retry("e1", "{\"a\":1}", NULL, &p);
  assert_int_equal(p.publish.code, 0);
  assert_true(p.publish.duplicate);
  assert_int_equal(p.publish.stored, 0);
  assert_int_equal(p.publish.first_id, 2);
  assert_int_equal(p.publish.last_id, 2);
  assert_int_equal(last_id(), 2);
}

static void an_event_id_of_another_content_is_refused(void **state) {
  (void)state;
  struct published p;
  retry("e1", "{\"a\":1}", NULL, &p);
  retry("e1", "{\"a\":2}", NULL, &p);
  assert_int_equal(p.publish.code, CWS_EEVENTIDREUSED);
  assert_int_equal(p.publish.error.code, CWS_EEVENTIDREUSED);
  assert_true(p.publish.error.message[0] != '\0');
  assert_int_equal(last_id(), 1);
}

static void batch(const char *key, int count, const char *data, struct published *p) {
  published_init(p);
  for (int i = 0; i < count; i++)
    published_add(p, "log", i == count - 1 ? data : "{}", NULL, NULL);
  p->publish.idempotency_key = key;
  publish_wait(&f, 0, s, p);
}

static void an_idempotency_key_makes_a_batch_safe_to_retry(void **state) {
  (void)state;
  struct published p;
  publish_one(&f, s, "log", "{}");
  batch("key", 3, "{}", &p);
  assert_int_equal(p.publish.first_id, 2);
  assert_int_equal(p.publish.last_id, 4);
  assert_false(p.publish.duplicate);
  batch("key", 3, "{}", &p);
  assert_int_equal(p.publish.code, 0);
  assert_true(p.publish.duplicate);
  assert_int_equal(p.publish.first_id, 2);
  assert_int_equal(p.publish.last_id, 4);
  batch("key2", 3, "{}", &p);
  assert_false(p.publish.duplicate);
  assert_int_equal(p.publish.last_id, 7);
}

static void an_idempotency_key_with_another_content_or_count_is_refused(void **state) {
  (void)state;
  struct published p;
  batch("key", 3, "{}", &p);
  batch("key", 3, "{\"other\":1}", &p);
  assert_int_equal(p.publish.code, CWS_EEVENTIDREUSED);
  assert_string_equal(p.publish.error.message, "this Idempotency-Key was used for other events");
  batch("key", 2, "{}", &p);
  assert_int_equal(p.publish.code, CWS_EEVENTIDREUSED);
  batch("key", 4, "{}", &p);
  assert_int_equal(p.publish.code, CWS_EEVENTIDREUSED);
  batch("key", 1, "{}", &p);
  assert_int_equal(p.publish.code, CWS_EEVENTIDREUSED);
  assert_int_equal(last_id(), 3);
}

static void a_key_and_an_event_id_never_meet(void **state) {
  (void)state;
  struct published p;
  batch("key", 1, "{}", &p);
  retry("key#0", "{}", NULL, &p);
  assert_int_equal(p.publish.code, 0);
  assert_false(p.publish.duplicate);
  batch("key#0", 1, "{}", &p);
  assert_int_equal(p.publish.code, 0);
  assert_false(p.publish.duplicate);
  retry("own", "{}", "key", &p); /* its own id counts, not the key */
  assert_int_equal(p.publish.code, 0);
  assert_false(p.publish.duplicate);
  assert_int_equal(last_id(), 4);
}

static void a_batch_partly_stored_before_stores_the_rest(void **state) {
  (void)state;
  struct published p;
  retry("e1", "{}", NULL, &p);
  publish_one(&f, s, "log", "{}");
  published_init(&p);
  published_add(&p, "log", "{}", "e2", NULL);
  published_add(&p, "log", "{}", "e1", NULL);
  publish_wait(&f, 0, s, &p);
  assert_int_equal(p.publish.code, 0);
  assert_int_equal(p.publish.stored, 1);
  assert_false(p.publish.duplicate);
  assert_int_equal(p.publish.first_id, 1);
  assert_int_equal(p.publish.last_id, 3);
}

/* ---- refusals ---- */

static void a_publish_of_nothing_is_refused(void **state) {
  (void)state;
  struct published p;
  published_init(&p);
  assert_int_equal(hub_publish(f.hub, 0, s, &p.publish), CWS_EINVAL);
}

/* Holds up the writer's thread where it posts. */
struct gate {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool is_shut, is_held;
  void (*post)(int worker, struct mail *mail, void *user);
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false, NULL};

static void gate_post(int worker, struct mail *mail, void *user) {
  pthread_mutex_lock(&gate.lock);
  while (gate.is_shut) {
    gate.is_held = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_cond_wait(&gate.changed, &gate.lock);
  }
  pthread_mutex_unlock(&gate.lock);
  gate.post(worker, mail, user);
}

static void gate_set(bool is_shut) {
  pthread_mutex_lock(&gate.lock);
  gate.is_shut = is_shut;
  gate.is_held = false;
  pthread_cond_broadcast(&gate.changed);
  pthread_mutex_unlock(&gate.lock);
}

static void gate_wait(void) {
  pthread_mutex_lock(&gate.lock);
  while (!gate.is_held)
    pthread_cond_wait(&gate.changed, &gate.lock);
  pthread_mutex_unlock(&gate.lock);
}

static void with_too_much_pending_the_events_stay_the_callers(void **state) {
  (void)state;
  struct fixture small;
  struct published p[3];
  fixture_init(&small);
  gate.post = small.options.post;
  small.options.post = gate_post;
  small.options.store.max_pending_events = 2;
  fixture_open(&small);
  struct stream *t = open_stream(&small, 0, "r");
  for (int i = 0; i < 3; i++) {
    published_init(&p[i]);
    published_add(&p[i], "log", "{}", NULL, NULL);
  }
  gate_set(true);
  publish_begin(&small, 0, t, &p[0]);
  gate_wait(); /* the writer is held with the first, the second waits */
  publish_begin(&small, 0, t, &p[1]);
  assert_int_equal(hub_publish(small.hub, 0, t, &p[2].publish), CWS_EBUSY);
  assert_int_equal(p[2].publish.error.code, CWS_EBUSY);
  gate_set(false);
  fixture_pump_until(&small, 0, &p[1].is_done);
  publish_wait(&small, 0, t, &p[2]); /* and may be given again */
  assert_int_equal(p[2].publish.last_id, 3);
  stream_unref(t);
  fixture_close(&small);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(ids_count_from_one_and_a_batch_is_in_one_piece),
      test(the_hub_gives_the_time_where_the_event_has_none),
      test(answers_come_in_the_order_of_the_calls),
      test(a_publisher_is_answered_before_the_watchers_are_woken),
      test(a_publish_that_fails_does_not_take_the_epoch_with_it),
      test(the_first_publisher_sets_the_owner),
      test(an_event_id_makes_a_retry_safe),
      test(an_event_id_of_another_content_is_refused),
      test(an_idempotency_key_makes_a_batch_safe_to_retry),
      test(an_idempotency_key_with_another_content_or_count_is_refused),
      test(a_key_and_an_event_id_never_meet),
      test(a_batch_partly_stored_before_stores_the_rest),
      test(a_publish_of_nothing_is_refused),
      test(with_too_much_pending_the_events_stay_the_callers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
