/* Two stores behind one log: both come to the same, whoever put it in. */
#include "server/store/store_entry.h"
#include "tests/unit/store/fake_log.h"
#include "tests/unit/store/pair.h"

#define HOUR ((int64_t)3600 * 1000)

static struct pair *opened(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  world_open(&p->b);
  return p;
}

/* Returns when what is in the log now is applied here: an append of its own comes after it. */
static void catch_up(struct world *w) {
  put_one(w, "catch-up", "1");
}

static void expect_same(struct pair *p, const char *request_id, size_t count) {
  struct store_page *a = page_of(&p->a, request_id, (struct store_range){0});
  struct store_page *b = page_of(&p->b, request_id, (struct store_range){0});
  assert_int_equal(a->count, count);
  assert_int_equal(b->count, count);
  assert_string_equal(a->epoch, b->epoch);
  for (size_t i = 0; i < count; i++) {
    const struct cws_event *x = &a->events[i], *y = &b->events[i];
    assert_int_equal(x->message_id, y->message_id);
    assert_string_equal(x->type, y->type);
    assert_string_equal(x->timestamp, y->timestamp);
    assert_int_equal(x->data_len, y->data_len);
    assert_memory_equal(x->data, y->data, x->data_len);
  }
  store_page_free(a);
  store_page_free(b);
}

/* ---- appending ---- */

enum { PUBLISHERS = 4, APPENDS = 150 };

struct publisher {
  struct world *w;
  int number;
  pthread_t thread;
};

static void *publish(void *arg) {
  struct publisher *p = arg;
  for (int i = 0; i < APPENDS; i++) {
    char data[32];
    snprintf(data, sizeof(data), "%d %d", p->number, i);
    put_one(p->w, "r", data);
  }
  return NULL;
}

static void test_ids_have_no_hole_whichever_hub_is_published_to(void **state) {
  struct pair *p = opened(state);
  struct publisher all[PUBLISHERS];
  int last[PUBLISHERS];
  for (int i = 0; i < PUBLISHERS; i++) {
    all[i] = (struct publisher){.w = i % 2 ? &p->a : &p->b, .number = i};
    assert_int_equal(pthread_create(&all[i].thread, NULL, publish, &all[i]), 0);
    last[i] = -1;
  }
  for (int i = 0; i < PUBLISHERS; i++)
    pthread_join(all[i].thread, NULL);
  catch_up(&p->a);
  catch_up(&p->b);
  expect_same(p, "r", PUBLISHERS * APPENDS);
  struct store_page *page = page_of(&p->a, "r", (struct store_range){0});
  for (size_t i = 0; i < page->count; i++) {
    int number, n;
    assert_int_equal(page->events[i].message_id, i + 1);
    assert_int_equal(sscanf(page->events[i].data, "%d %d", &number, &n), 2);
    assert_int_equal(n, last[number] + 1);
    last[number] = n;
  }
  store_page_free(page);
}

static void test_an_event_id_counts_on_every_hub(void **state) {
  struct pair *p = opened(state);
  struct store_event first, again;
  assert_int_equal(put_id(&p->a, "r", "1", "key", &first), 0);
  assert_int_equal(put_id(&p->b, "r", "1", "key", &again), 0);
  assert_true(again.duplicate);
  assert_int_equal(again.message_id, first.message_id);
  assert_int_equal(put_id(&p->b, "r", "2", "key", &again), CWS_EEVENTIDREUSED);
  catch_up(&p->a);
  expect_same(p, "r", 1);
}

static void test_a_request_has_the_epoch_that_every_hub_foretold(void **state) {
  struct pair *p = opened(state);
  char foretold[CWS_EPOCH_MAX + 1];
  snprintf(foretold, sizeof(foretold), "%s", first_epoch(&p->b, "r"));
  assert_string_equal(first_epoch(&p->a, "r"), foretold);
  assert_string_not_equal(first_epoch(&p->a, "other"), foretold);
  put_one(&p->a, "r", "1");
  assert_string_equal(epoch_of(&p->a, "r"), foretold);
  catch_up(&p->b);
  assert_string_equal(epoch_of(&p->b, "r"), foretold);
}

static void test_what_another_hub_took_is_told_as_foreign(void **state) {
  struct pair *p = opened(state);
  put_one(&p->a, "r", "1");
  catch_up(&p->b);
  assert_int_equal(atomic_load(&p->b.record.commits), 2);
  assert_int_equal(atomic_load(&p->b.record.foreign), 1);
  assert_int_equal(atomic_load(&p->b.record.stored), 2);
}

static void test_limits_hold_on_every_hub(void **state) {
  struct pair *p = *state;
  p->a.options.max_request_events = 3; /* b has none: the limit of whoever appends counts */
  opened(state);
  for (int i = 0; i < 10; i++)
    put_one(&p->a, "r", "1");
  catch_up(&p->b);
  catch_up(&p->b); /* what was trimmed is told behind the answers of a batch */
  expect_same(p, "r", 3);
  assert_int_equal(p->b.record.trimmed_to, 7);
}

/* ---- positions, removals ---- */

static int64_t position_of(struct world *w, const char *subscriber) {
  int64_t id = -1;
  assert_int_equal(store_get_position(w->s, "r", subscriber, &id, NULL), 0);
  return id;
}

static void test_a_position_is_every_hubs(void **state) {
  struct pair *p = opened(state);
  for (int i = 0; i < 5; i++)
    put_one(&p->a, "r", "1");
  store_set_position(p->a.s, "r", epoch_of(&p->a, "r"), "ada", 4);
  assert_int_equal(store_flush(p->a.s), 0);
  catch_up(&p->b);
  assert_int_equal(position_of(&p->b, "ada"), 4);
  assert_string_equal(p->b.record.position_of, "ada");
  assert_int_equal(p->b.record.position, 4);
  store_set_position(p->b.s, "r", epoch_of(&p->b, "r"), "ada", 2); /* never back */
  assert_int_equal(store_flush(p->b.s), 0);
  catch_up(&p->a);
  assert_int_equal(position_of(&p->a, "ada"), 4);
}

static void test_a_removed_request_is_gone_everywhere_and_begins_anew(void **state) {
  struct pair *p = opened(state);
  char epochs[3][CWS_EPOCH_MAX + 1];
  for (int i = 0; i < 3; i++) {
    assert_int_equal(put_one(&p->a, "r", "1"), 1);
    catch_up(&p->b);
    snprintf(epochs[i], sizeof(epochs[i]), "%s", epoch_of(&p->a, "r"));
    assert_string_equal(epoch_of(&p->b, "r"), epochs[i]);
    assert_int_equal(remove_run(p->b.s, "r"), 0);
    catch_up(&p->a);
    assert_false(is_known(&p->a, "r"));
    assert_int_equal(atomic_load(&p->a.record.removes), i + 1);
    assert_string_equal(p->a.record.removed_epoch, epochs[i]);
    assert_int_equal(p->a.record.reason, STORE_DELETED);
  }
  assert_string_not_equal(epochs[0], epochs[1]);
  assert_string_not_equal(epochs[1], epochs[2]);
  assert_string_not_equal(epochs[0], epochs[2]);
  assert_int_equal(remove_run(p->a.s, "r"), CWS_EUNKNOWNREQUEST);
}

static void test_an_old_request_expires_everywhere(void **state) {
  struct pair *p = *state;
  p->a.options.retention_ms = 24 * HOUR; /* b never proposes */
  opened(state);
  put_one(&p->a, "r", "1");
  catch_up(&p->b);
  p->a.wall_ms += 24 * HOUR;
  p->b.wall_ms += 24 * HOUR;
  catch_up(&p->a);
  assert_int_equal(store_sweep(p->a.s), 0);
  assert_false(is_known(&p->a, "r"));
  assert_int_equal(p->a.record.reason, STORE_EXPIRED);
  catch_up(&p->b);
  assert_false(is_known(&p->b, "r"));
  assert_int_equal(p->b.record.reason, STORE_EXPIRED);
}

static void *sweep(void *world) {
  store_sweep(((struct world *)world)->s);
  return NULL;
}

static void test_a_request_that_moved_on_meanwhile_does_not_expire(void **state) {
  struct pair *p = *state;
  p->a.options.retention_ms = 24 * HOUR;
  opened(state);
  put_one(&p->a, "r", "1");
  catch_up(&p->b);
  p->a.wall_ms += 24 * HOUR;
  p->b.wall_ms += 24 * HOUR;
  /* b's append stands in the log, and a has not seen it when it sweeps */
  struct store_event event = event_of("2");
  struct put put;
  put_init(&put, "r", &event, 1);
  fake_log_set_mood(p->a.log, FAKE_LOG_WELL);
  fake_log_hold(p->a.log, true);
  put_start(&put, p->b.s);
  fake_log_wait_attempts(p->a.log, 1);
  pthread_t sweeping;
  assert_int_equal(pthread_create(&sweeping, NULL, sweep, &p->a), 0);
  fake_log_wait_attempts(p->a.log, 2);
  fake_log_hold(p->a.log, false);
  pthread_join(sweeping, NULL);
  assert_int_equal(put_wait(&put), 0);
  assert_int_equal(event.message_id, 2);
  catch_up(&p->a);
  expect_same(p, "r", 2); /* "catch-up" was old, too, and has expired */
}

static void test_what_is_told_reaches_the_others_only(void **state) {
  struct pair *p = opened(state);
  store_tell(p->a.s, "hello", 5);
  catch_up(&p->a);
  catch_up(&p->b);
  assert_int_equal(atomic_load(&p->b.record.told), 1);
  assert_int_equal(atomic_load(&p->a.record.told), 0);
}

/* ---- coming and going ---- */

static void test_a_hub_that_comes_later_has_it_all(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  for (int i = 0; i < 2000; i++)
    put_one(&p->a, "r", "1");
  put_one(&p->a, "gone", "1");
  assert_int_equal(remove_run(p->a.s, "gone"), 0);
  world_open(&p->b);
  store_flush(p->b.s); /* refused or not: then it has caught up, or is told again */
  struct cws_error why;
  while (!store_is_writable(p->b.s, &why))
    store_flush(p->b.s);
  assert_int_equal(put_one(&p->b, "r", "1"), 2001);
  assert_false(is_known(&p->b, "gone"));
  catch_up(&p->a);
  expect_same(p, "r", 2001);
}

static void test_a_hub_that_was_away_goes_on_where_it_was(void **state) {
  struct pair *p = opened(state);
  put_one(&p->b, "r", "1");
  world_close(&p->b);
  put_one(&p->a, "r", "2");
  world_open(&p->b);
  struct cws_error why;
  while (!store_is_writable(p->b.s, &why))
    store_flush(p->b.s);
  assert_int_equal(put_one(&p->b, "r", "3"), 3);
  catch_up(&p->a);
  expect_same(p, "r", 3);
}

static void expect_refused(struct world *w, int code, const char *words) {
  struct cws_error err = {0};
  assert_int_equal(world_try_open(w, &err), code);
  if (strstr(err.message, words) == NULL)
    print_error("%s\n", err.message);
  assert_non_null(strstr(err.message, words));
}

static void test_a_state_of_another_log_is_refused(void **state) {
  struct pair *p = opened(state);
  put_one(&p->b, "r", "1");
  world_close(&p->b);
  struct fake_log *other = fake_log_new("other");
  p->b.log = other;
  expect_refused(&p->b, CWS_ECONFIG, "belongs to another log (log; this one is other)");
  p->b.log = p->a.log;
  fake_log_free(other);
}

static void test_a_log_that_has_let_go_of_what_is_missing_is_refused(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  for (int i = 0; i < 5; i++)
    put_one(&p->a, "r", "1");
  fake_log_trim(p->a.log, 3);
  world_reopen(&p->a); /* it has all of it */
  assert_int_equal(put_one(&p->a, "r", "1"), 6);
  world_close(&p->a);
  p->b.log = p->a.log;
  fake_log_add(p->a.log, "x", 1);
  fake_log_trim(p->a.log, fake_log_last(p->a.log));
  expect_refused(&p->a, CWS_ESTORE, "away for too long");
  expect_refused(&p->b, CWS_ESTORE,
                 "earlier ones are gone: start from a copy of another hub's state");
}

static void test_what_the_log_has_let_go_of_another_hub_gives(void **state) {
  struct pair *p = *state;
  struct store_event event;
  world_open(&p->a);
  assert_int_equal(put_id(&p->a, "r", "1", "first", &event), 0);
  put_one(&p->a, "r", "2");
  fake_log_trim(p->a.log, 1);
  world_open(&p->b);
  assert_int_equal(put_id(&p->b, "r", "1", "first", &event), 0);
  assert_true(event.duplicate);
  assert_int_equal(put_one(&p->b, "r", "3"), 3);
  catch_up(&p->a);
  expect_same(p, "r", 3);

  world_close(&p->b); /* and is away for too long */
  assert_int_equal(remove_run(p->a.s, "r"), 0);
  put_one(&p->a, "s", "1");
  fake_log_trim(p->a.log, fake_log_last(p->a.log) - 1);
  world_open(&p->b);
  assert_int_equal(put_one(&p->b, "s", "2"), 2);
  assert_false(is_known(&p->b, "r"));
  world_reopen(&p->b);
  assert_int_equal(put_one(&p->b, "s", "3"), 3);
}

static void test_a_hub_that_is_not_well_gives_nothing(void **state) {
  struct pair *p = *state;
  struct cws_error why = {0};
  world_open(&p->a);
  put_one(&p->a, "r", "1");
  fake_log_add(p->a.log, "x", 1); /* nobody understands it */
  while (store_is_writable(p->a.s, &why))
    store_flush(p->a.s);
  fake_log_trim(p->a.log, 1);
  expect_refused(&p->b, CWS_ESTORE, "earlier ones are gone");
}

static void test_a_store_of_one_hub_is_no_state_and_a_state_no_store(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  put_one(&p->a, "r", "1");
  world_close(&p->a);
  p->a.kind = "sqlite";
  expect_refused(&p->a, CWS_ECONFIG, "is the state of a hub that shares a log");
  p->b.kind = "sqlite";
  world_open(&p->b);
  put_one(&p->b, "r", "1");
  world_close(&p->b);
  p->b.kind = "shared";
  expect_refused(&p->b, CWS_ECONFIG, "is the store of a single hub");
}

static void test_an_entry_that_nobody_understands_stops_a_hub_but_not_its_readers(void **state) {
  struct pair *p = *state;
  struct cws_error why = {0};
  world_open(&p->a);
  put_one(&p->a, "r", "1");
  fake_log_add(p->a.log, "garbage that is no entry at all", 31);
  struct store_event event = event_of("2");
  struct put put;
  put_init(&put, "r", &event, 1);
  int code;
  do {
    put_init(&put, "r", &event, 1);
    code = put_run(&put, p->a.s);
  } while (code == 0);
  assert_true(code == CWS_ESTORE || code == CWS_EUNKNOWNOUTCOME);
  assert_false(store_is_writable(p->a.s, &why));
  assert_non_null(strstr(why.message, "no hub wrote"));
  expect_data(&p->a, "r", 1, "1");
}

static void test_a_log_that_builds_on_a_store_needs_a_copy_of_it(void **state) {
  struct pair *p = *state;
  struct buf b;
  struct cws_error why = {0};
  struct store_entry_head head = {.number = 1, .time_ms = 1};
  buf_init(&b);
  store_entry_begin(&b, &head);
  store_entry_add_base(&b, "brought-along");
  store_entry_end(&b);
  world_open(&p->a);
  fake_log_add(p->a.log, b.data, b.len);
  buf_finish(&b);
  struct store_event event = event_of("2");
  struct put put;
  put_init(&put, "r", &event, 1);
  assert_true(put_run(&put, p->a.s) != 0);
  assert_false(store_is_writable(p->a.s, &why));
  assert_non_null(strstr(why.message, "start from a copy of another hub's state"));
}

#define PAIR_TEST(test) cmocka_unit_test_setup_teardown(test, pair_set_up, pair_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      PAIR_TEST(test_ids_have_no_hole_whichever_hub_is_published_to),
      PAIR_TEST(test_an_event_id_counts_on_every_hub),
      PAIR_TEST(test_a_request_has_the_epoch_that_every_hub_foretold),
      PAIR_TEST(test_what_another_hub_took_is_told_as_foreign),
      PAIR_TEST(test_limits_hold_on_every_hub),
      PAIR_TEST(test_a_position_is_every_hubs),
      PAIR_TEST(test_a_removed_request_is_gone_everywhere_and_begins_anew),
      PAIR_TEST(test_an_old_request_expires_everywhere),
      PAIR_TEST(test_a_request_that_moved_on_meanwhile_does_not_expire),
      PAIR_TEST(test_what_is_told_reaches_the_others_only),
      PAIR_TEST(test_a_hub_that_comes_later_has_it_all),
      PAIR_TEST(test_a_hub_that_was_away_goes_on_where_it_was),
      PAIR_TEST(test_a_state_of_another_log_is_refused),
      PAIR_TEST(test_a_log_that_has_let_go_of_what_is_missing_is_refused),
      PAIR_TEST(test_what_the_log_has_let_go_of_another_hub_gives),
      PAIR_TEST(test_a_hub_that_is_not_well_gives_nothing),
      PAIR_TEST(test_a_store_of_one_hub_is_no_state_and_a_state_no_store),
      PAIR_TEST(test_an_entry_that_nobody_understands_stops_a_hub_but_not_its_readers),
      PAIR_TEST(test_a_log_that_builds_on_a_store_needs_a_copy_of_it),
  };
  return cmocka_run_group_tests_name("two hubs and one log", tests, NULL, NULL);
}
