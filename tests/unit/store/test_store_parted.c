/* Hubs that have got different entries from one log, as a server with a fault can give them out. */
#include "server/store/store_entry.h"
#include "tests/unit/store/fake_log.h"
#include "tests/unit/store/pair.h"
#include <time.h>

/* An entry of a hub that is not here, with one event. */
static void make_entry(struct buf *b, uint64_t number, uint64_t place, uint64_t hash,
                       const char *data) {
  struct store_entry_head head = {.number = number, .time_ms = 1, .place = place, .hash = hash};
  struct store_event event = event_of(data);
  struct store_append append = {.request_id = "r", .events = &event, .count = 1};
  memset(&head.writer, 0x5a, sizeof(head.writer));
  buf_init(b);
  store_entry_begin(b, &head);
  store_entry_add_append(b, &append);
  store_entry_end(b);
}

static void add_entry(struct world *w, uint64_t number, uint64_t place, uint64_t hash,
                      const char *data) {
  struct buf b;
  make_entry(&b, number, place, hash, data);
  fake_log_add(w->log, b.data, b.len);
  buf_finish(&b);
}

/* Store b has "other" as an event where the log and store a have "right". */
static void part(struct pair *p) {
  struct buf b;
  make_entry(&b, 1, 0, 0, "\"other\"");
  fake_log_mislead(p->a.log, p->b.s, b.data, b.len);
  buf_finish(&b);
  add_entry(&p->a, 1, 0, 0, "\"right\"");
}

static int put_again(struct world *w) {
  struct store_event event = event_of("1");
  struct put put;
  put_init(&put, "r", &event, 1);
  return put_run(&put, w->s);
}

/* Appends until the store takes none for this reason, "" for none. */
static void put_until(struct world *w, const char *reason) {
  time_t until = time(NULL) + 30;
  for (;;) {
    put_again(w);
    struct cws_error why = {0};
    store_is_writable(w->s, &why);
    if (reason[0] == '\0' ? why.message[0] == '\0' : strstr(why.message, reason) != NULL)
      return;
    if (time(NULL) >= until)
      fail_msg("'%s' is no '%s'", why.message, reason);
  }
}

static void expect_stopped(struct world *w, const char *message) {
  struct cws_error why = {0};
  put_until(w, message);
  assert_false(store_is_writable(w->s, &why));
  assert_non_null(strstr(why.message, "it has to begin anew"));
  assert_int_equal(w->record.partings, 1);
}

static void test_a_hub_with_another_entry_than_the_log_stops_and_others_go_on(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  world_open(&p->b);
  put_one(&p->a, "r", "1");
  put_one(&p->b, "s", "1");
  part(p);
  put_one(&p->a, "a", "1");
  expect_stopped(&p->b, "has applied something else than entry 3 of the log");
  expect_data(&p->b, "r", 1, "1"); /* readers go on */
  for (int i = 0; i < 5; i++)
    put_one(&p->a, "r", "2");
  assert_true(store_is_writable(p->a.s, NULL));
  expect_data(&p->a, "r", 2, "\"right\"");
  assert_int_equal(p->a.record.partings, 0);
}

/* Who waits is told that it can be had elsewhere: a publisher goes there. */
static void test_what_a_hub_that_stops_has_not_written_is_only_refused(void **state) {
  struct pair *p = *state;
  struct store_event event = event_of("2");
  struct put put;
  world_open(&p->a);
  world_open(&p->b);
  part(p);
  put_one(&p->b, "s", "1"); /* so it has come */
  fake_log_set_mood(p->b.log, FAKE_LOG_REFUSES);
  put_init(&put, "s", &event, 1);
  put_start(&put, p->b.s);
  fake_log_wait_attempts(p->b.log, 1);
  add_entry(&p->a, 2, 1, 12345, "3"); /* both ask the log of entry 1 */
  assert_int_equal(put_wait(&put), CWS_ESTORE);
  assert_non_null(strstr(put.append.error.message, "it has to begin anew"));
}

static void test_a_hub_that_is_right_asks_the_log_and_goes_on(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  put_one(&p->a, "r", "1");
  put_one(&p->a, "r", "2");
  add_entry(&p->a, 1, 2, 12345, "3");
  add_entry(&p->a, 2, 2, 12345, "4"); /* is known for it by now */
  put_one(&p->a, "r", "5");
  assert_int_equal(put_one(&p->a, "r", "6"), 6);
}

static void test_hubs_that_agree_on_what_came_since_go_on(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  world_open(&p->b);
  for (int i = 1; i <= 6; i += 2) {
    put_one(&p->a, "r", "1");
    put_one(&p->b, "r", "1");
  }
  add_entry(&p->a, 1, 2, 12345, "2"); /* a third one, from before that */
  assert_int_equal(put_one(&p->a, "r", "3"), 8);
  assert_int_equal(put_one(&p->b, "r", "4"), 9);
  assert_int_equal(put_one(&p->a, "r", "5"), 10);
}

static void test_a_hub_that_was_made_from_the_log_gives_way(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  put_one(&p->a, "r", "1");
  world_close(&p->a);
  world_open(&p->b); /* nobody gives it a state */
  put_one(&p->b, "r", "2");
  add_entry(&p->b, 1, 1, 12345, "3");
  expect_stopped(&p->b, "what this hub made of the log is not what another had up to entry 1");
}

static void test_a_hub_that_cannot_tell_stops(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  put_one(&p->a, "r", "1");
  world_reopen(&p->a);
  put_one(&p->a, "r", "2"); /* all that this run has seen */
  add_entry(&p->a, 1, fake_log_last(p->a.log), 12345, "3");
  expect_stopped(&p->a, "this hub and another have applied different entries");
}

static void test_while_the_log_does_not_answer_nothing_is_taken(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  put_one(&p->a, "r", "1");
  fake_log_set_dumb(p->a.log, true);
  add_entry(&p->a, 1, 1, 12345, "2");
  put_until(&p->a, "asking the log");
  assert_true(put_again(&p->a) != 0);
  fake_log_set_dumb(p->a.log, false);
  put_until(&p->a, "");
  assert_int_equal(put_again(&p->a), 0);
}

static void test_hubs_agree_after_a_restart_and_from_a_later_start(void **state) {
  struct pair *p = *state;
  world_open(&p->a);
  for (int i = 0; i < 10; i++)
    put_one(&p->a, "r", "1");
  world_open(&p->b);
  put_one(&p->b, "r", "2");
  world_reopen(&p->a);
  put_one(&p->a, "r", "3");
  put_one(&p->b, "r", "4");
  world_reopen(&p->b);
  put_one(&p->a, "r", "5");
  assert_int_equal(put_one(&p->b, "r", "6"), 15);
  assert_int_equal(put_one(&p->a, "r", "7"), 16);
}

#define PAIR_TEST(test) cmocka_unit_test_setup_teardown(test, pair_set_up, pair_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      PAIR_TEST(test_a_hub_with_another_entry_than_the_log_stops_and_others_go_on),
      PAIR_TEST(test_what_a_hub_that_stops_has_not_written_is_only_refused),
      PAIR_TEST(test_a_hub_that_is_right_asks_the_log_and_goes_on),
      PAIR_TEST(test_hubs_that_agree_on_what_came_since_go_on),
      PAIR_TEST(test_a_hub_that_was_made_from_the_log_gives_way),
      PAIR_TEST(test_a_hub_that_cannot_tell_stops),
      PAIR_TEST(test_while_the_log_does_not_answer_nothing_is_taken),
      PAIR_TEST(test_hubs_agree_after_a_restart_and_from_a_later_start),
  };
  return cmocka_run_group_tests_name("hubs that parted", tests, NULL, NULL);
}
