/* What the front does when an engine fails: a memory engine that fails on demand stands behind it.
 */
#include "tests/unit/store/support.h"

#include "server/store/store_ops.h"

static struct failing {
  atomic_int commits_to_fail, commit_code;
  atomic_bool commit_stands; /* although it says otherwise */
  const char *_Atomic bad_request;
  atomic_int find_code, add_code; /* for bad_request */
  atomic_int begins;
  sem_t probed;
} failing;

static struct store_ops ops;

static int open_failing(const struct store_options *options, struct store_engine **out,
                        struct cws_error *err) {
  int code = store_memory_ops.open(options, out, err);
  if (code == 0)
    (*out)->ops = &ops;
  return code;
}

static int fails(struct cws_error *err, int code) {
  if (err != NULL && err->code == 0) {
    err->code = code;
    snprintf(err->message, sizeof(err->message), "it fails on demand");
  }
  return code;
}

static int begin(struct store_engine *e, struct cws_error *err) {
  atomic_fetch_add(&failing.begins, 1);
  return store_memory_ops.begin(e, err);
}

static int commit(struct store_engine *e, struct cws_error *err) {
  if (atomic_load(&failing.commits_to_fail) == 0)
    return store_memory_ops.commit(e, err);
  atomic_fetch_sub(&failing.commits_to_fail, 1);
  if (atomic_load(&failing.commit_stands))
    store_memory_ops.commit(e, err);
  else
    store_memory_ops.rollback(e);
  return fails(err, atomic_load(&failing.commit_code));
}

static bool is_bad(const char *request_id) {
  const char *bad = atomic_load(&failing.bad_request);
  return bad != NULL && strcmp(request_id, bad) == 0;
}

static int find(struct store_engine *e, const char *request_id, struct store_row *out,
                struct cws_error *err) {
  int code = atomic_load(&failing.find_code);
  if (code != 0 && is_bad(request_id))
    return fails(err, code);
  return store_memory_ops.find(e, request_id, out, err);
}

static int add(struct store_engine *e, const struct store_row *row, const struct store_event *ev,
               int64_t now_ms, struct cws_error *err) {
  int code = atomic_load(&failing.add_code);
  if (code != 0 && strcmp(ev->data, "\"bad\"") == 0)
    return fails(err, code);
  return store_memory_ops.add(e, row, ev, now_ms, err);
}

static int probe(struct store_engine *e, struct cws_error *err) {
  int code = atomic_load(&failing.commits_to_fail) == 0 ? store_memory_ops.probe(e, err)
                                                        : fails(err, CWS_ESTORE);
  if (code == 0)
    sem_post(&failing.probed);
  return code;
}

static int setup(void **state) {
  memset(&failing, 0, sizeof(failing));
  sem_init(&failing.probed, 0, 0);
  ops = store_memory_ops;
  ops.open = open_failing;
  ops.begin = begin;
  ops.commit = commit;
  ops.find = find;
  ops.add = add;
  ops.probe = probe;
  struct world *w = malloc(sizeof(*w));
  world_init(w, "memory");
  assert_int_equal(store_open_engine(&ops, &w->options, &w->s, NULL), 0);
  assert_int_equal(store_flush(w->s), 0); /* the first sweep is over */
  *state = w;
  return 0;
}

static int teardown(void **state) {
  world_finish(*state);
  sem_destroy(&failing.probed);
  free(*state);
  return 0;
}

static void fail_commits(int n, int code) {
  atomic_store(&failing.commit_code, code);
  atomic_store(&failing.commits_to_fail, n);
}

static void wait_until_probed(struct world *w) {
  wait_for(&failing.probed);
  assert_int_equal(store_flush(w->s), 0);
  assert_true(store_is_writable(w->s, NULL));
}

static void test_a_failed_commit_leaves_nothing_and_service_comes_back(void **state) {
  struct world *w = *state;
  struct store_event ev;
  put_one(w, "r", "1");
  fail_commits(1, CWS_ESTORE);
  assert_int_equal(put_id(w, "r", "2", "a", &ev), CWS_ESTORE);
  struct cws_error why = {0};
  assert_false(store_is_writable(w->s, &why));
  assert_string_equal(why.message, "it fails on demand");

  int begins = atomic_load(&failing.begins);
  struct put p;
  put_init(&p, "new", &ev, 1); /* told at once, without another try */
  assert_int_equal(put_run(&p, w->s), CWS_ESTORE);
  assert_string_equal(p.append.error.message, "it fails on demand");
  assert_int_equal(p.append.stored, 0);
  assert_int_equal(atomic_load(&w->record.commits), 1);
  assert_in_range(atomic_load(&failing.begins) - begins, 0,
                  2); /* the sweep that follows a failure */

  wait_until_probed(w);
  assert_int_equal(put_id(w, "r", "2", "a", &ev), 0);
  assert_int_equal(ev.message_id, 2);
  assert_false(ev.duplicate);
  assert_false(is_known(w, "new"));
}

static void test_an_unknown_outcome_is_said_and_a_retry_is_safe(void **state) {
  struct world *w = *state;
  struct store_event ev;
  put_one(w, "r", "1");
  atomic_store(&failing.commit_stands, true);
  fail_commits(1, CWS_EUNKNOWNOUTCOME);
  assert_int_equal(put_id(w, "r", "2", "a", &ev), CWS_EUNKNOWNOUTCOME);
  wait_until_probed(w);
  assert_int_equal(put_id(w, "r", "2", "a", &ev), 0);
  assert_true(ev.duplicate);
  assert_int_equal(ev.message_id, 2);
  assert_int_equal(put_one(w, "r", "3"), 3);
}

static void test_all_of_a_failed_batch_fail(void **state) {
  struct world *w = *state;
  struct gate g;
  gate_close(&g, w);
  struct store_event a = event_with_id("1", "a"), again = a, b = event_of("2");
  struct put p[3];
  put_init(&p[0], "r", &a, 1);
  put_init(&p[1], "r", &again, 1);
  put_init(&p[2], "q", &b, 1);
  for (int i = 0; i < 3; i++)
    put_start(&p[i], w->s);
  fail_commits(1, CWS_ESTORE);
  gate_open(&g);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(put_wait(&p[i]), CWS_ESTORE);
    assert_int_equal(p[i].append.stored, 0);
  }
  assert_false(is_known(w, "r"));
  assert_false(is_known(w, "q"));
}

static void test_a_damaged_request_fails_alone(void **state) {
  struct world *w = *state;
  put_one(w, "good", "1");
  put_one(w, "bad", "1");
  struct gate g;
  gate_close(&g, w);
  atomic_store(&failing.add_code, CWS_ECORRUPT);
  struct store_event bad = event_of("\"bad\""), good = event_of("2"), more = event_of("3");
  struct put p[3];
  put_init(&p[0], "good", &good, 1);
  put_init(&p[1], "bad", &bad, 1);
  put_init(&p[2], "good", &more, 1);
  for (int i = 0; i < 3; i++)
    put_start(&p[i], w->s);
  gate_open(&g);
  assert_int_equal(put_wait(&p[0]), 0);
  assert_int_equal(put_wait(&p[1]), CWS_ECORRUPT);
  assert_int_equal(put_wait(&p[2]), 0);
  assert_int_equal(good.message_id, 2);
  assert_int_equal(more.message_id, 3);
  assert_true(store_is_writable(w->s, NULL));
  struct store_info info = info_of(w, "bad");
  assert_int_equal(info.count, 1);
  store_info_finish(&info);
}

static void test_a_request_that_cannot_be_loaded_fails_alone(void **state) {
  struct world *w = *state;
  atomic_store(&failing.find_code, CWS_ECORRUPT);
  atomic_store(&failing.bad_request, "bad");
  struct gate g;
  gate_close(&g, w);
  struct store_event one = event_of("1"), two = event_of("2");
  struct put p[2];
  put_init(&p[0], "bad", &one, 1);
  put_init(&p[1], "good", &two, 1);
  put_start(&p[0], w->s);
  put_start(&p[1], w->s);
  gate_open(&g);
  assert_int_equal(put_wait(&p[0]), CWS_ECORRUPT);
  assert_string_equal(p[0].append.error.message, "it fails on demand");
  assert_int_equal(put_wait(&p[1]), 0);
}

static void test_no_memory_fails_the_append_but_not_the_store(void **state) {
  struct world *w = *state;
  put_one(w, "r", "1");
  atomic_store(&failing.add_code, CWS_ENOMEM);
  struct store_event events[] = {event_of("2"), event_of("3"), event_of("\"bad\"")};
  struct put p;
  put_init(&p, "r", events, 3);
  assert_int_equal(put_run(&p, w->s), CWS_ESTORE);
  put_init(&p, "new", events, 3);
  assert_int_equal(put_run(&p, w->s), CWS_ESTORE);
  assert_true(store_is_writable(w->s, NULL));
  assert_false(is_known(w, "new"));
  struct store_info info = info_of(w, "r");
  assert_int_equal(info.count, 1);
  assert_int_equal(info.bytes, 1);
  store_info_finish(&info);
  assert_int_equal(put_one(w, "r", "2"), 2);
}

static void test_positions_outlive_a_failed_write(void **state) {
  struct world *w = *state;
  int64_t id;
  put_one(w, "r", "1");
  store_set_position(w->s, "r", "epoch", "ada", 7);
  store_set_summary(w->s, "r", "epoch", 1, "{}");
  fail_commits(1, CWS_ESTORE);
  assert_int_equal(store_flush(w->s), CWS_ESTORE);
  assert_int_equal(store_get_position(w->s, "r", "ada", &id, NULL), 0);
  assert_int_equal(id, 7);
  wait_until_probed(w);
  assert_int_equal(store_get_position(w->s, "r", "ada", &id, NULL), 0);
  assert_int_equal(id, 7);
  struct store_info info = info_of(w, "r");
  assert_string_equal(info.summary, "{}");
  store_info_finish(&info);
}

static void test_a_failed_remove_leaves_the_request(void **state) {
  struct world *w = *state;
  put_one(w, "r", "1");
  store_set_position(w->s, "r", "epoch", "ada", 1);
  assert_int_equal(store_flush(w->s), 0);
  fail_commits(1, CWS_ESTORE);
  assert_int_equal(remove_run(w->s, "r"), CWS_ESTORE);
  assert_int_equal(atomic_load(&w->record.removes), 0);
  expect_data(w, "r", 1, "1");
  wait_until_probed(w);
  assert_int_equal(put_one(w, "r", "2"), 2);
  assert_int_equal(remove_run(w->s, "r"), 0);
}

static void test_a_failed_trim_leaves_the_events(void **state) {
  struct world *w = *state;
  world_close(w);
  w->options.max_request_events = 2;
  assert_int_equal(store_open_engine(&ops, &w->options, &w->s, NULL), 0);
  put_one(w, "r", "1");
  put_one(w, "r", "2");
  fail_commits(1, CWS_ESTORE);
  struct store_event ev = event_of("3");
  struct put p;
  put_init(&p, "r", &ev, 1);
  assert_int_equal(put_run(&p, w->s), CWS_ESTORE);
  assert_int_equal(store_flush(w->s), 0);
  assert_int_equal(atomic_load(&w->record.trims), 0);
  struct store_info info = info_of(w, "r");
  assert_int_equal(info.first_id, 1);
  assert_int_equal(info.count, 2);
  assert_int_equal(info.bytes, 2);
  store_info_finish(&info);
  wait_until_probed(w);
  assert_int_equal(put_one(w, "r", "3"), 3);
  expect_data(w, "r", 2, "2");
}

#define FRONT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      FRONT_TEST(test_a_failed_commit_leaves_nothing_and_service_comes_back),
      FRONT_TEST(test_an_unknown_outcome_is_said_and_a_retry_is_safe),
      FRONT_TEST(test_all_of_a_failed_batch_fail),
      FRONT_TEST(test_a_damaged_request_fails_alone),
      FRONT_TEST(test_a_request_that_cannot_be_loaded_fails_alone),
      FRONT_TEST(test_no_memory_fails_the_append_but_not_the_store),
      FRONT_TEST(test_positions_outlive_a_failed_write),
      FRONT_TEST(test_a_failed_remove_leaves_the_request),
      FRONT_TEST(test_a_failed_trim_leaves_the_events),
  };
  return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
