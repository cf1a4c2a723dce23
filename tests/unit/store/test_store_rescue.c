/* A state that is not what the log says is set aside, and what only it has is put back. */
#include "server/store/store_entry.h"
#include "tests/unit/store/fake_log.h"
#include "tests/unit/store/pair.h"
#include <time.h>
#include <unistd.h>

/* ---- entries of a hub that is not here ---- */

static void make_entry(struct buf *b, uint64_t number, const char *request_id,
                       struct store_event *event) {
  struct store_entry_head head = {.number = number, .time_ms = 1};
  struct store_append append = {.request_id = request_id, .events = event, .count = 1};
  memset(&head.writer, 0x5a, sizeof(head.writer));
  buf_init(b);
  store_entry_begin(b, &head);
  store_entry_add_append(b, &append);
  store_entry_end(b);
}

static void add_event(struct world *w, uint64_t number, const char *request_id,
                      struct store_event event) {
  struct buf b;
  make_entry(&b, number, request_id, &event);
  fake_log_add(w->log, b.data, b.len);
  buf_finish(&b);
}

/* Store b has `other` where the log and store a have `right`. */
static void part(struct pair *p, const char *request_id, struct store_event other,
                 struct store_event right) {
  struct buf b;
  make_entry(&b, 2, request_id, &other);
  fake_log_mislead(p->a.log, p->b.s, b.data, b.len);
  buf_finish(&b);
  add_event(&p->a, 1, request_id, right);
}

/* ---- waiting, by doing something ---- */

/* A store that is asked while it asks the log who is right refuses it. */
static void tick(struct world *w) {
  struct store_event event = event_of("0");
  struct put put;
  put_init(&put, "ticks", &event, 1);
  put_run(&put, w->s);
}

static void wait_until_parted(struct pair *p) {
  time_t until = time(NULL) + 30;
  while (p->b.record.partings == 0) {
    tick(&p->a);
    assert_true(time(NULL) < until);
  }
}

static bool has_aside(const struct world *w, const char *end) {
  char path[300];
  snprintf(path, sizeof(path), "%s%s", world_path(w), end);
  return access(path, F_OK) == 0;
}

static void wait_until_rescued(struct world *w) {
  time_t until = time(NULL) + 30;
  while (has_aside(w, ".parted")) {
    tick(w);
    assert_true(time(NULL) < until);
  }
}

static void begin_anew(struct pair *p) {
  world_reopen(&p->b);
  wait_until_rescued(&p->b);
  put_one(&p->a, "ticks", "0"); /* so that a has all that b has */
}

/* ---- what both have in the end ---- */

static void expect_in_both(struct pair *p, const char *request_id, int64_t message_id,
                           const char *data) {
  expect_data(&p->a, request_id, message_id, data);
  expect_data(&p->b, request_id, message_id, data);
}

static void expect_last(struct pair *p, const char *request_id, int64_t last_id) {
  struct store_info a = info_of(&p->a, request_id), b = info_of(&p->b, request_id);
  assert_int_equal(a.last_id, last_id);
  assert_int_equal(b.last_id, last_id);
  assert_string_equal(a.epoch, b.epoch);
  store_info_finish(&a);
  store_info_finish(&b);
}

static int64_t position_of(struct world *w, const char *request_id, const char *subscriber) {
  int64_t message_id;
  assert_int_equal(store_get_position(w->s, request_id, subscriber, &message_id, NULL), 0);
  return message_id;
}

/* ---- tests ---- */

static void test_what_only_one_hub_had_comes_after_what_the_log_has(void **state) {
  struct pair *p = *state;
  char before[CWS_EPOCH_MAX + 1];
  world_open(&p->a);
  world_open(&p->b);
  put_one(&p->a, "r", "1");
  snprintf(before, sizeof(before), "%s", epoch_of(&p->a, "r"));
  part(p, "r", event_of("\"other\""), event_of("\"right\""));
  wait_until_parted(p);
  store_set_position(p->a.s, "r", before, "ahead", 2);
  store_set_position(p->a.s, "r", before, "behind", 1);
  assert_int_equal(store_flush(p->a.s), 0);

  begin_anew(p);
  expect_in_both(p, "r", 1, "1");
  expect_in_both(p, "r", 2, "\"right\"");
  expect_in_both(p, "r", 3, "\"other\"");
  expect_last(p, "r", 3);
  /* Message 2 was told to be another one: nobody goes on after it. */
  assert_string_not_equal(epoch_of(&p->a, "r"), before);
  assert_int_equal(p->a.record.renewals, 1);
  assert_int_equal(p->a.record.renewed_from, 2);
  assert_int_equal(position_of(&p->a, "r", "ahead"), 1);
  assert_int_equal(position_of(&p->b, "r", "behind"), 1);
}

static void test_an_event_is_put_back_under_its_event_id(void **state) {
  struct pair *p = *state;
  struct store_event event;
  world_open(&p->a);
  world_open(&p->b);
  part(p, "r", event_with_id("\"other\"", "id"), event_with_id("\"right\"", "right"));
  wait_until_parted(p);
  begin_anew(p);
  assert_int_equal(put_id(&p->a, "r", "\"other\"", "id", &event), 0);
  assert_true(event.duplicate);
  assert_int_equal(event.message_id, 2);
  expect_last(p, "r", 2);
}

/* The log got it, too, later than this hub was told. */
static void test_what_the_log_has_elsewhere_is_not_put_back(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  world_open(&p->b);
  part(p, "r", event_of("\"moved\""), event_of("\"right\""));
  add_event(&p->a, 2, "r", event_of("\"moved\"")); /* the same entry, which b takes once */
  wait_until_parted(p);
  begin_anew(p);
  expect_last(p, "r", 2);
  assert_int_equal(p->a.record.renewals, 1);
}

static void test_of_events_that_are_alike_each_counts(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  world_open(&p->b);
  part(p, "r", event_of("\"same\""), event_of("\"right\""));
  add_event(&p->a, 3, "r", event_of("\"same\""));
  wait_until_parted(p);
  begin_anew(p);
  expect_in_both(p, "r", 3, "\"same\"");
  expect_last(p, "r", 3);
}

static void test_what_the_log_lost_at_its_end_has_the_ids_that_it_had(void **state) {
  struct pair *p = *state;
  struct store_event event;
  char before[CWS_EPOCH_MAX + 1];
  world_open(&p->b);
  put_one(&p->b, "r", "1");
  put_one(&p->b, "r", "2");
  assert_int_equal(put_id(&p->b, "r", "3", "id", &event), 0);
  put_one(&p->b, "s", "1");
  snprintf(before, sizeof(before), "%s", epoch_of(&p->b, "r"));
  store_set_position(p->b.s, "r", before, "me", 3);
  world_close(&p->b);
  fake_log_cut(p->b.log, 1);

  world_open(&p->b);
  world_open(&p->a);
  wait_until_rescued(&p->b);
  put_one(&p->a, "ticks", "0");
  expect_last(p, "r", 3);
  expect_last(p, "s", 1);
  for (int i = 1; i <= 3; i++)
    expect_in_both(p, "r", i, (const char[]){(char)('0' + i), '\0'});
  assert_string_equal(epoch_of(&p->a, "r"), before);
  assert_int_equal(p->a.record.renewals, 0);
  assert_int_equal(position_of(&p->a, "r", "me"), 3);
  assert_int_equal(put_id(&p->a, "r", "3", "id", &event), 0);
  assert_true(event.duplicate);
}

static void test_a_hub_that_runs_while_the_log_loses_its_end_is_to_begin_anew(void **state) {
  struct pair *p = *state;
  time_t until = time(NULL) + 30;
  p->b.options.nats.patience_ms = 200;
  world_open(&p->b);
  put_one(&p->b, "r", "1");
  put_one(&p->b, "r", "2");
  fake_log_cut(p->b.log, 1);
  fake_log_set_trouble(p->b.log, CWS_ECORRUPT);
  while (p->b.record.partings == 0) {
    tick(&p->b);
    assert_true(time(NULL) < until);
  }
  fake_log_set_trouble(p->b.log, 0);
  world_open(&p->a);
  begin_anew(p);
  expect_in_both(p, "r", 2, "2");
}

static void test_all_hubs_may_put_back_the_same(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  world_open(&p->b);
  for (int i = 0; i < 300; i++)
    put_one(&p->a, "r", "1");
  put_one(&p->b, "s", "1");
  world_close(&p->a);
  world_close(&p->b);
  fake_log_cut(p->a.log, 5);
  world_open(&p->a);
  world_open(&p->b);
  wait_until_rescued(&p->a);
  wait_until_rescued(&p->b);
  put_one(&p->a, "ticks", "0");
  expect_last(p, "r", 300);
  expect_last(p, "s", 1);
}

static void test_what_the_log_removed_since_stays_removed(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  world_open(&p->b);
  put_one(&p->a, "old", "1");
  p->a.wall_ms += 60000;
  p->b.wall_ms += 60000;
  put_one(&p->a, "ticks", "0"); /* a mark that both have */
  put_one(&p->b, "ticks", "0");
  part(p, "old", event_of("\"other\""), event_of("\"right\""));
  wait_until_parted(p);
  assert_int_equal(remove_run(p->a.s, "old"), 0);
  begin_anew(p);
  assert_false(is_known(&p->a, "old"));
  assert_false(is_known(&p->b, "old"));
}

/* No mark is left that both have. */
static void test_what_would_have_expired_since_is_not_put_back(void **state) {
  struct pair *p = *state;
  p->b.options.retention_ms = 1000;
  world_open(&p->b);
  put_one(&p->b, "old", "1");
  p->b.wall_ms += 2000;
  put_one(&p->b, "new", "1");
  world_close(&p->b);
  fake_log_cut(p->b.log, 0);
  world_open(&p->b);
  wait_until_rescued(&p->b);
  assert_true(is_known(&p->b, "new"));
  assert_false(is_known(&p->b, "old"));
}

static void test_what_was_deleted_and_is_there_again_is_deleted_again(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  world_open(&p->b);
  put_one(&p->a, "r", "1");
  put_one(&p->a, "s", "1");
  p->b.wall_ms += 60000;
  put_one(&p->b, "ticks", "0");
  uint64_t last = fake_log_last(p->b.log);
  assert_int_equal(remove_run(p->b.s, "r"), 0);
  world_close(&p->b);
  world_close(&p->a);
  fake_log_cut(p->b.log, last);
  world_open(&p->b);
  wait_until_rescued(&p->b);
  assert_false(is_known(&p->b, "r"));
  assert_true(is_known(&p->b, "s"));
}

static void test_while_the_log_takes_nothing_it_waits(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  put_one(&p->a, "r", "1");
  put_one(&p->a, "r", "2");
  world_close(&p->a);
  fake_log_cut(p->a.log, 1);
  fake_log_set_mood(p->a.log, FAKE_LOG_REFUSES);
  p->a.options.nats.patience_ms = 200;
  world_open(&p->a);
  fake_log_wait_attempts(p->a.log, 4); /* more than one entry's patience */
  assert_true(has_aside(&p->a, ".parted"));
  fake_log_set_mood(p->a.log, FAKE_LOG_WELL);
  time_t until = time(NULL) + 30;
  while (has_aside(&p->a, ".parted"))
    assert_true(time(NULL) < until);
  expect_data(&p->a, "r", 2, "2");
}

static void test_what_cannot_be_put_back_is_kept(void **state) {
  struct pair *p = *state;
  struct store_event event;
  time_t until = time(NULL) + 30;
  world_open(&p->a);
  world_open(&p->b);
  part(p, "r", event_with_id("\"other\"", "id"), event_with_id("\"right\"", "id"));
  wait_until_parted(p);
  world_reopen(&p->b);
  while (p->a.record.renewals == 0) { /* the last thing that is done */
    tick(&p->a);
    assert_true(time(NULL) < until);
  }
  world_close(&p->b);
  assert_true(has_aside(&p->b, ".parted"));
  expect_data(&p->a, "r", 1, "\"right\"");
  assert_int_equal(put_id(&p->a, "r", "\"right\"", "id", &event), 0);
  assert_int_equal(event.message_id, 1);
}

static void test_what_was_set_aside_from_another_log_is_left_alone(void **state) {
  struct pair *p = *state;
  char aside[300];
  world_open(&p->b);
  put_one(&p->b, "theirs", "1");
  world_close(&p->b);
  snprintf(aside, sizeof(aside), "%s.parted", world_path(&p->b));
  assert_int_equal(rename(world_path(&p->b), aside), 0);
  struct fake_log *ours = p->b.log, *other = fake_log_new("other");
  p->b.log = other;
  world_open(&p->b);
  for (int i = 0; i < 20; i++) /* entries, between which it would put back its own */
    put_one(&p->b, "ours", "1");
  world_close(&p->b);
  assert_true(has_aside(&p->b, ".parted"));
  world_open(&p->b);
  assert_false(is_known(&p->b, "theirs"));
  world_close(&p->b);
  p->b.log = ours;
  fake_log_free(other);
}

static void test_a_restart_in_between_goes_on(void **state) {
  struct pair *p = *state;
  char data[80 * 1000];
  world_open(&p->a);
  put_one(&p->a, "r", "0");
  memset(data, ' ', sizeof(data) - 1);
  data[sizeof(data) - 1] = '\0';
  data[0] = '1';
  for (int i = 0; i < 20; i++) /* more than goes into one entry */
    put_one(&p->a, "r", data);
  world_close(&p->a);
  fake_log_cut(p->a.log, 1);
  while (fake_log_last(p->a.log) < 2) {
    world_open(&p->a);
    put_one(&p->a, "ticks", "0");
    world_close(&p->a);
  }
  world_open(&p->a);
  wait_until_rescued(&p->a);
  struct store_info info = info_of(&p->a, "r");
  assert_int_equal(info.last_id, 21);
  store_info_finish(&info);
}

static void test_where_the_log_has_no_beginning_another_hub_gives_its_state(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  world_open(&p->b);
  put_one(&p->a, "r", "1");
  put_one(&p->b, "s", "1");
  part(p, "r", event_of("\"other\""), event_of("\"right\""));
  wait_until_parted(p);
  world_close(&p->b);
  fake_log_trim(p->a.log, fake_log_last(p->a.log));
  world_open(&p->b);
  wait_until_rescued(&p->b);
  put_one(&p->a, "ticks", "0");
  expect_in_both(p, "r", 1, "1");
  expect_in_both(p, "r", 3, "\"other\"");
  expect_last(p, "r", 3);
  expect_last(p, "s", 1);
}

static void test_where_nobody_has_one_it_is_asked_for(void **state) {
  struct pair *p = *state;
  struct cws_error err = {0};
  char aside[300], uri[300];
  world_open(&p->a);
  world_open(&p->b);
  put_one(&p->a, "r", "1");
  put_one(&p->b, "s", "1");
  part(p, "r", event_of("\"other\""), event_of("\"right\""));
  wait_until_parted(p);
  world_close(&p->b);
  world_close(&p->a);
  fake_log_trim(p->b.log, 1);
  assert_int_equal(world_try_open(&p->b, &err), CWS_ESTORE);
  assert_non_null(strstr(err.message, "start from a copy of another hub's state"));
  assert_false(has_aside(&p->b, ".parted"));

  snprintf(aside, sizeof(aside), "%s.parted", world_path(&p->b));
  assert_int_equal(rename(world_path(&p->b), aside), 0);
  snprintf(uri, sizeof(uri), "sqlite:%s", world_path(&p->a));
  assert_int_equal(store_backup(uri, world_path(&p->b), NULL), 0);
  world_open(&p->a);
  world_open(&p->b);
  wait_until_rescued(&p->b);
  put_one(&p->a, "ticks", "0");
  expect_in_both(p, "r", 3, "\"other\"");
  expect_last(p, "r", 3);
}

#define PAIR_TEST(test) cmocka_unit_test_setup_teardown(test, pair_set_up, pair_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      PAIR_TEST(test_what_only_one_hub_had_comes_after_what_the_log_has),
      PAIR_TEST(test_an_event_is_put_back_under_its_event_id),
      PAIR_TEST(test_what_the_log_has_elsewhere_is_not_put_back),
      PAIR_TEST(test_of_events_that_are_alike_each_counts),
      PAIR_TEST(test_what_the_log_lost_at_its_end_has_the_ids_that_it_had),
      PAIR_TEST(test_a_hub_that_runs_while_the_log_loses_its_end_is_to_begin_anew),
      PAIR_TEST(test_all_hubs_may_put_back_the_same),
      PAIR_TEST(test_what_the_log_removed_since_stays_removed),
      PAIR_TEST(test_what_would_have_expired_since_is_not_put_back),
      PAIR_TEST(test_what_was_deleted_and_is_there_again_is_deleted_again),
      PAIR_TEST(test_while_the_log_takes_nothing_it_waits),
      PAIR_TEST(test_what_cannot_be_put_back_is_kept),
      PAIR_TEST(test_what_was_set_aside_from_another_log_is_left_alone),
      PAIR_TEST(test_a_restart_in_between_goes_on),
      PAIR_TEST(test_where_the_log_has_no_beginning_another_hub_gives_its_state),
      PAIR_TEST(test_where_nobody_has_one_it_is_asked_for),
  };
  return cmocka_run_group_tests_name("rescue", tests, NULL, NULL);
}
