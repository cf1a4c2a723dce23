/* What callers are told, and what is stored, while the log does not take entries as it should. */
#include "server/store/store_shared.h"
#include "tests/unit/store/fake_log.h"
#include "tests/unit/store/support.h"

#include <poll.h>

#define PATIENCE_MS 300

static int set_up(void **state) {
  struct world *w = calloc(1, sizeof(*w));
  world_init(w, "shared");
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world_finish(*state);
  free(*state);
  return 0;
}

static struct world *opened(void **state) {
  struct world *w = *state;
  world_open(w);
  return w;
}

static struct world *opened_without_patience(void **state) {
  struct world *w = *state;
  w->options.nats.patience_ms = PATIENCE_MS;
  return opened(state);
}

static void until_writable(struct world *w) {
  struct cws_error why;
  struct timespec deadline, now;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  do {
    poll(NULL, 0, 10);
    store_flush(w->s); /* a turn of the writer */
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_true(now.tv_sec - deadline.tv_sec < 60);
  } while (!store_is_writable(w->s, &why));
}

/* Stores one more, and finds `count` in all, each once. */
static void expect_count(struct world *w, int64_t count) {
  assert_int_equal(put_one(w, "r", "last"), count);
  struct store_page *page = page_of(w, "r", (struct store_range){0});
  assert_int_equal(page->count, count);
  store_page_free(page);
}

/* ---- within the patience ---- */

static void test_an_entry_that_stands_twice_counts_once(void **state) {
  struct world *w = opened(state);
  put_one(w, "r", "1");
  fake_log_set_mood(w->log, FAKE_LOG_REPEATS);
  for (int i = 2; i <= 20; i++)
    assert_int_equal(put_one(w, "r", "1"), i);
  fake_log_set_mood(w->log, FAKE_LOG_WELL);
  expect_count(w, 21);
}

static void test_an_entry_that_came_back_is_answered_when_the_log_acknowledges_it(void **state) {
  struct world *w = opened(state);
  struct store_event event = event_of("1");
  struct put put;
  put_init(&put, "r", &event, 1);
  fake_log_set_mood(w->log, FAKE_LOG_HIDES);
  put_start(&put, w->s);
  fake_log_wait_attempts(w->log, 3); /* it has come back twice by now */
  assert_int_equal(sem_trywait(&put.done), -1);
  assert_false(is_known(w, "r"));
  fake_log_set_mood(w->log, FAKE_LOG_WELL);
  assert_int_equal(put_wait(&put), 0);
  assert_int_equal(event.message_id, 1);
  expect_count(w, 2);
}

static void test_an_entry_that_is_lost_is_sent_again(void **state) {
  struct world *w = opened(state);
  struct store_event event = event_of("1");
  struct put put;
  put_init(&put, "r", &event, 1);
  fake_log_set_mood(w->log, FAKE_LOG_LOSES);
  put_start(&put, w->s);
  fake_log_wait_attempts(w->log, 3);
  fake_log_set_mood(w->log, FAKE_LOG_REFUSES);
  fake_log_wait_attempts(w->log, 2);
  fake_log_set_mood(w->log, FAKE_LOG_WELL);
  assert_int_equal(put_wait(&put), 0);
  assert_int_equal(event.message_id, 1);
  expect_count(w, 2);
}

/* ---- beyond it ---- */

static int put_code(struct world *w, struct put *put, struct store_event *event, const char *id) {
  *event = event_with_id("1", id);
  put_init(put, "r", event, 1);
  return put_run(put, w->s);
}

static void test_what_was_surely_not_stored_is_said_to_be_and_is_not(void **state) {
  struct world *w = opened_without_patience(state);
  struct store_event event;
  struct put put;
  struct cws_error why = {0};
  put_one(w, "r", "1");
  fake_log_set_mood(w->log, FAKE_LOG_REFUSES);
  assert_int_equal(put_code(w, &put, &event, "a"), CWS_ESTORE);
  assert_false(store_is_writable(w->s, &why));
  assert_non_null(strstr(why.message, "on demand"));
  assert_int_equal(put_code(w, &put, &event, "b"), CWS_ESTORE); /* at once */
  expect_data(w, "r", 1, "1");                                  /* reads go on */
  fake_log_set_mood(w->log, FAKE_LOG_WELL);
  until_writable(w);
  assert_int_equal(put_code(w, &put, &event, "a"), 0);
  assert_false(event.duplicate);
  expect_count(w, 3);
}

static void test_what_may_be_stored_is_said_to_be_unknown(void **state) {
  struct world *w = opened_without_patience(state);
  struct store_event event;
  struct put put;
  put_one(w, "r", "1");
  fake_log_set_mood(w->log, FAKE_LOG_IS_LATE);
  assert_int_equal(put_code(w, &put, &event, "a"), CWS_EUNKNOWNOUTCOME);
  assert_int_equal(put_code(w, &put, &event, "b"), CWS_ESTORE);
  fake_log_set_mood(w->log, FAKE_LOG_WELL); /* all attempts stand now */
  until_writable(w);
  assert_int_equal(put_code(w, &put, &event, "a"), 0);
  assert_true(event.duplicate);
  assert_int_equal(event.message_id, 2);
  assert_int_equal(put_code(w, &put, &event, "b"), 0);
  assert_false(event.duplicate);
  expect_count(w, 4);
}

static void test_a_log_that_says_nothing_leaves_it_unknown(void **state) {
  struct world *w = opened_without_patience(state);
  struct store_event event;
  struct put put;
  put_one(w, "r", "1");
  fake_log_set_mood(w->log, FAKE_LOG_IS_SILENT);
  assert_int_equal(put_code(w, &put, &event, "a"), CWS_EUNKNOWNOUTCOME);
  fake_log_set_mood(w->log, FAKE_LOG_WELL); /* it is sent again, though nobody waits */
  until_writable(w);
  assert_int_equal(put_code(w, &put, &event, "a"), 0);
  assert_true(event.duplicate);
  expect_count(w, 3);
}

static void test_positions_of_an_outage_are_kept(void **state) {
  struct world *w = opened_without_patience(state);
  int64_t id;
  put_one(w, "r", "1");
  fake_log_set_mood(w->log, FAKE_LOG_LOSES);
  store_set_position(w->s, "r", epoch_of(w, "r"), "ada", 1);
  assert_int_not_equal(store_flush(w->s), 0);
  assert_int_equal(store_get_position(w->s, "r", "ada", &id, NULL), 0);
  assert_int_equal(id, 1);
  fake_log_set_mood(w->log, FAKE_LOG_WELL);
  until_writable(w);
  assert_int_equal(store_flush(w->s), 0);
  world_reopen(w);
  assert_int_equal(store_get_position(w->s, "r", "ada", &id, NULL), 0);
  assert_int_equal(id, 1);
}

static void test_closing_in_an_outage_ends(void **state) {
  struct world *w = opened_without_patience(state);
  static struct put puts[20];
  static struct store_event events[20];
  put_one(w, "r", "1");
  fake_log_set_mood(w->log, FAKE_LOG_LOSES);
  for (size_t i = 0; i < COUNT_OF(puts); i++) {
    events[i] = event_of("2");
    put_init(&puts[i], "r", &events[i], 1);
    put_start(&puts[i], w->s);
  }
  store_set_position(w->s, "r", epoch_of(w, "r"), "ada", 1);
  world_close(w);
  for (size_t i = 0; i < COUNT_OF(puts); i++) {
    int code = put_wait(&puts[i]);
    assert_true(code == CWS_ESTORE || code == CWS_EUNKNOWNOUTCOME);
  }
  fake_log_set_mood(w->log, FAKE_LOG_WELL);
  world_open(w);
  expect_count(w, 2);
}

static int64_t mono_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The writer is not at rest meanwhile: it tries whether the log takes entries again. */
static void test_during_an_outage_nobody_waits_for_its_end(void **state) {
  struct world *w = *state;
  struct store_event event;
  struct put put;
  const int64_t patience_ms = 1500;
  w->options.nats.patience_ms = patience_ms;
  opened(state);
  put_one(w, "r", "1");
  fake_log_set_mood(w->log, FAKE_LOG_REFUSES);
  assert_int_equal(put_code(w, &put, &event, "a"), CWS_ESTORE);
  for (int i = 0; i < 3; i++) {
    fake_log_set_mood(w->log, FAKE_LOG_REFUSES);
    fake_log_wait_attempts(w->log, 1);
    int64_t begun_ms = mono_ms();
    assert_int_equal(put_code(w, &put, &event, "b"), CWS_ESTORE);
    assert_in_range(mono_ms() - begun_ms, 0, patience_ms / 3);
  }
  fake_log_set_mood(w->log, FAKE_LOG_WELL);
  until_writable(w);
  expect_count(w, 2);
}

/* Waits for less than it takes until a sign of life is due in good times. */
static void until_unwritable(struct world *w, struct cws_error *why) {
  int64_t end_ms = mono_ms() + SHARED_HEARTBEAT_MS / 2;
  while (store_is_writable(w->s, why)) {
    assert_true(mono_ms() < end_ms);
    poll(NULL, 0, 10);
  }
}

static void test_a_log_that_is_not_up_is_noticed_though_nobody_publishes(void **state) {
  struct world *w = opened_without_patience(state);
  struct cws_error why = {0};
  put_one(w, "r", "1");
  fake_log_set_mood(w->log, FAKE_LOG_REFUSES);
  fake_log_set_trouble(w->log, CWS_ESTORE);
  until_unwritable(w, &why);
  assert_non_null(strstr(why.message, "on demand"));
  fake_log_set_mood(w->log, FAKE_LOG_WELL);
  fake_log_set_trouble(w->log, 0);
  until_writable(w);
  expect_count(w, 2);
}

static void test_nothing_is_written_to_what_is_no_longer_the_log(void **state) {
  struct world *w = opened_without_patience(state);
  struct store_event event;
  struct put put;
  struct cws_error why = {0};
  put_one(w, "r", "1");
  fake_log_set_mood(w->log, FAKE_LOG_WELL); /* counts from here */
  fake_log_set_trouble(w->log, CWS_ECORRUPT);
  assert_int_equal(put_code(w, &put, &event, "a"), CWS_ESTORE);
  assert_int_equal(fake_log_attempts(w->log), 0);
  assert_false(store_is_writable(w->s, &why));
  assert_non_null(strstr(why.message, "in trouble"));
  fake_log_set_trouble(w->log, 0);
  until_writable(w);
  expect_count(w, 2);
}

/* ---- size ---- */

static void test_an_append_that_is_too_large_is_refused_and_others_are_not(void **state) {
  struct world *w = opened(state);
  struct gate gate;
  static char large[5000];
  struct store_event events[3] = {event_of("1"), event_of("2"), event_of("3")};
  struct put puts[3];
  memset(large, '1', sizeof(large));
  world_close(w);
  fake_log_set_max_entry(w->log, 4096);
  world_open(w);
  events[1].data = large;
  events[1].data_len = sizeof(large);
  gate_close(&gate, w);
  for (int i = 0; i < 3; i++) {
    put_init(&puts[i], "r", &events[i], 1);
    put_start(&puts[i], w->s);
  }
  gate_open(&gate);
  assert_int_equal(put_wait(&puts[0]), 0);
  assert_int_equal(put_wait(&puts[1]), CWS_ETOOLARGE);
  assert_int_equal(put_wait(&puts[2]), 0);
  assert_int_equal(events[2].message_id, 2);
}

static void test_a_batch_that_is_too_much_for_one_entry_goes_as_several(void **state) {
  struct world *w = opened(state);
  struct gate gate;
  enum { COUNT = 60 };
  static struct store_event events[COUNT];
  static struct put puts[COUNT];
  world_close(w);
  fake_log_set_max_entry(w->log, 1024);
  world_open(w);
  gate_close(&gate, w);
  for (int i = 0; i < COUNT; i++) {
    events[i] = event_of("1");
    put_init(&puts[i], "r", &events[i], 1);
    put_start(&puts[i], w->s);
  }
  gate_open(&gate);
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(put_wait(&puts[i]), 0);
    assert_int_equal(events[i].message_id, i + 1);
  }
}

/* ---- what fails here only ---- */

static struct store_ops failing_ops;
static atomic_int commits_to_fail;

static int failing_open(const struct store_options *options, struct store_engine **out,
                        struct cws_error *err) {
  int code = store_sqlite_ops.open(options, out, err);
  if (code == 0)
    (*out)->ops = &failing_ops;
  return code;
}

static int failing_commit(struct store_engine *e, struct cws_error *err) {
  if (atomic_load(&commits_to_fail) == 0)
    return store_sqlite_ops.commit(e, err);
  atomic_fetch_sub(&commits_to_fail, 1);
  store_sqlite_ops.rollback(e);
  err->code = CWS_ESTORE;
  snprintf(err->message, sizeof(err->message), "this disk is full");
  return CWS_ESTORE;
}

static void open_failing(struct world *w) {
  struct cws_error err = {0};
  failing_ops = store_sqlite_ops;
  failing_ops.open = failing_open;
  failing_ops.commit = failing_commit;
  w->log = fake_log_new("log");
  w->owns_log = true;
  fake_log_use(w->log);
  w->options.path = world_path(w);
  assert_int_equal(
      store_open_parts(&failing_ops, &fake_log_ops, "//nowhere", &w->options, &w->s, &err), 0);
}

static void test_what_cannot_be_applied_here_is_tried_again_and_counts_once(void **state) {
  struct world *w = *state;
  struct store_event event = event_with_id("2", "a");
  struct put put;
  open_failing(w);
  put_one(w, "r", "1");
  atomic_store(&commits_to_fail, 2);
  put_init(&put, "r", &event, 1);
  assert_int_equal(put_run(&put, w->s), 0);
  assert_int_equal(event.message_id, 2);
  assert_false(event.duplicate);
  assert_int_equal(atomic_load(&commits_to_fail), 0);
  until_writable(w);
  expect_count(w, 3);
}

#define OUTAGE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      OUTAGE_TEST(test_an_entry_that_stands_twice_counts_once),
      OUTAGE_TEST(test_an_entry_that_came_back_is_answered_when_the_log_acknowledges_it),
      OUTAGE_TEST(test_an_entry_that_is_lost_is_sent_again),
      OUTAGE_TEST(test_what_was_surely_not_stored_is_said_to_be_and_is_not),
      OUTAGE_TEST(test_what_may_be_stored_is_said_to_be_unknown),
      OUTAGE_TEST(test_a_log_that_says_nothing_leaves_it_unknown),
      OUTAGE_TEST(test_positions_of_an_outage_are_kept),
      OUTAGE_TEST(test_closing_in_an_outage_ends),
      OUTAGE_TEST(test_during_an_outage_nobody_waits_for_its_end),
      OUTAGE_TEST(test_a_log_that_is_not_up_is_noticed_though_nobody_publishes),
      OUTAGE_TEST(test_nothing_is_written_to_what_is_no_longer_the_log),
      OUTAGE_TEST(test_an_append_that_is_too_large_is_refused_and_others_are_not),
      OUTAGE_TEST(test_a_batch_that_is_too_much_for_one_entry_goes_as_several),
      OUTAGE_TEST(test_what_cannot_be_applied_here_is_tried_again_and_counts_once),
  };
  return cmocka_run_group_tests_name("outages of the shared log", tests, NULL, NULL);
}
