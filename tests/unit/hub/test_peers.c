/* peers: what other hubs told of their watchers, as messages and as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "server/hub/peers.h"
#include "server/hub/peers_message.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { SELF = 1, HUB = 2, OTHER = 3, MESSAGES_MAX = 300, NOW = 50000 };

static struct peers p;
static struct buf messages[MESSAGES_MAX];
static size_t message_count;

static int begin(void **state) {
  (void)state;
  peers_init(&p, SELF);
  message_count = 0;
  return 0;
}

static int end(void **state) {
  (void)state;
  peers_finish(&p);
  for (size_t i = 0; i < message_count; i++)
    buf_finish(&messages[i]);
  return 0;
}

static void keep(const void *bytes, size_t len, void *user) {
  (void)user;
  assert_true(message_count < MESSAGES_MAX);
  assert_true(len <= PEERS_MESSAGE_BYTES);
  buf_init(&messages[message_count]);
  buf_add(&messages[message_count++], bytes, len);
}

static void hear(size_t i, int64_t now_ms) {
  assert_true(peers_take(&p, messages[i].data, messages[i].len, now_ms));
}

static void tell(uint64_t hub, const char *request_id, uint32_t watchers, int64_t now_ms) {
  struct peers_writer w;
  size_t first = message_count;
  peers_writer_init(&w, hub, keep, NULL);
  peers_writer_add(&w, request_id, watchers);
  peers_writer_finish(&w);
  assert_int_equal(message_count, first + 1);
  hear(first, now_ms);
}

/* ---- messages ---- */

static void nothing_to_tell_is_no_message(void **state) {
  (void)state;
  struct peers_writer w;
  peers_writer_init(&w, HUB, keep, NULL);
  peers_writer_finish(&w);
  assert_int_equal(message_count, 0);
}

static void what_is_written_is_read_again(void **state) {
  (void)state;
  static const uint32_t counts[] = {0, 1, 127, 128, 300000, PEERS_WATCHERS_MAX};
  enum { COUNTS = sizeof counts / sizeof *counts };
  char longest[CWS_REQUEST_ID_MAX + 1], request_id[CWS_REQUEST_ID_MAX + 1];
  struct peers_writer w;
  struct peers_reader r;
  uint32_t watchers;
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  peers_writer_init(&w, UINT64_C(0x8877665544332211), keep, NULL);
  for (size_t i = 0; i < COUNTS; i++)
    peers_writer_add(&w, i % 2 ? "r" : longest, counts[i]);
  peers_writer_finish(&w);
  assert_int_equal(message_count, 1);
  assert_true(peers_reader_init(&r, messages[0].data, messages[0].len));
  assert_true(r.hub == UINT64_C(0x8877665544332211));
  assert_false(r.is_leaving);
  for (size_t i = 0; i < COUNTS; i++) {
    assert_true(peers_reader_next(&r, request_id, &watchers));
    assert_string_equal(request_id, i % 2 ? "r" : longest);
    assert_int_equal(watchers, counts[i]);
  }
  assert_false(peers_reader_next(&r, request_id, &watchers));
}

static void much_goes_in_several_messages(void **state) {
  (void)state;
  enum { REQUESTS = 5000 };
  struct peers_writer w;
  char request_id[32];
  peers_writer_init(&w, HUB, keep, NULL);
  for (int i = 0; i < REQUESTS; i++) {
    snprintf(request_id, sizeof request_id, "request-%d", i);
    peers_writer_add(&w, request_id, (uint32_t)i + 1);
  }
  peers_writer_finish(&w);
  assert_in_range(message_count, 2, 4);
  for (size_t i = 0; i < message_count; i++)
    hear(i, NOW);
  for (int i = 0; i < REQUESTS; i++) {
    snprintf(request_id, sizeof request_id, "request-%d", i);
    assert_int_equal(peers_watchers(&p, request_id, NOW), i + 1);
  }
}

/* ---- the table ---- */

static void hubs_are_added_up(void **state) {
  (void)state;
  assert_int_equal(peers_watchers(&p, "r", NOW), 0);
  tell(HUB, "r", 2, NOW);
  tell(OTHER, "r", PEERS_WATCHERS_MAX, NOW);
  tell(OTHER, "s", 7, NOW);
  assert_int_equal(peers_watchers(&p, "r", NOW), INT64_C(2) + PEERS_WATCHERS_MAX);
  assert_int_equal(peers_watchers(&p, "s", NOW), 7);
  assert_int_equal(peers_watchers(&p, "t", NOW), 0);
}

static void the_last_word_counts(void **state) {
  (void)state;
  tell(HUB, "r", 2, NOW);
  tell(HUB, "r", 5, NOW);
  assert_int_equal(peers_watchers(&p, "r", NOW), 5);
  tell(HUB, "r", 0, NOW);
  assert_int_equal(peers_watchers(&p, "r", NOW), 0);
  assert_int_equal(p.count, 0);
  tell(HUB, "r", 0, NOW); /* of one that it never had */
  assert_int_equal(p.count, 0);
}

static void a_hub_does_not_hear_itself(void **state) {
  (void)state;
  tell(SELF, "r", 2, NOW);
  assert_int_equal(p.count, 0);
}

static void a_word_is_good_until_it_was_missed_three_times(void **state) {
  (void)state;
  enum { MISSED_TWICE = 2 * PEERS_TOLD_EVERY_S * 1000 + 900 };
  tell(HUB, "r", 2, NOW);
  tell(OTHER, "r", 1, NOW + MISSED_TWICE);
  assert_int_equal(peers_watchers(&p, "r", NOW + MISSED_TWICE), 3);
  assert_int_equal(peers_watchers(&p, "r", NOW + PEERS_FORGET_MS - 1), 3);
  assert_int_equal(peers_watchers(&p, "r", NOW + PEERS_FORGET_MS), 1);
}

static void what_is_no_good_any_more_is_let_go_of(void **state) {
  (void)state;
  char request_id[32];
  for (int i = 0; i < 200; i++) {
    snprintf(request_id, sizeof request_id, "r%d", i);
    tell(HUB, request_id, 1, i < 100 ? NOW : NOW + 1);
  }
  for (int i = 0; i < PEERS_TOLD_EVERY_S; i++)
    peers_sweep(&p, NOW + PEERS_FORGET_MS);
  assert_int_equal(p.count, 100);
  assert_int_equal(peers_watchers(&p, "r100", NOW + 1), 1);
}

static void a_hub_that_ends_has_no_watchers(void **state) {
  (void)state;
  struct peers_writer w;
  tell(HUB, "r", 2, NOW);
  tell(HUB, "s", 2, NOW);
  tell(OTHER, "r", 1, NOW);
  peers_writer_init(&w, HUB, keep, NULL);
  peers_writer_leave(&w);
  peers_writer_finish(&w);
  hear(message_count - 1, NOW);
  assert_int_equal(peers_watchers(&p, "r", NOW), 1);
  assert_int_equal(p.count, 1);
}

static void a_request_is_forgotten_on_all_hubs(void **state) {
  (void)state;
  peers_forget_request(&p, "r");
  tell(HUB, "r", 2, NOW);
  tell(OTHER, "r", 1, NOW);
  tell(OTHER, "s", 1, NOW);
  peers_forget_request(&p, "r");
  assert_int_equal(peers_watchers(&p, "r", NOW), 0);
  assert_int_equal(peers_watchers(&p, "s", NOW), 1);
}

static void a_full_table_takes_no_more_until_there_is_room(void **state) {
  (void)state;
  struct peers_writer w;
  char request_id[32];
  peers_writer_init(&w, HUB, keep, NULL);
  for (int i = 0; i <= PEERS_MAX; i++) {
    snprintf(request_id, sizeof request_id, "r%d", i);
    peers_writer_add(&w, request_id, 1);
  }
  peers_writer_finish(&w);
  for (size_t i = 0; i < message_count; i++)
    hear(i, NOW);
  assert_int_equal(p.count, PEERS_MAX);
  tell(OTHER, "s", 1, NOW);
  assert_int_equal(peers_watchers(&p, "s", NOW), 0);
  tell(HUB, "r0", 3, NOW); /* what it knows it goes on with */
  assert_int_equal(peers_watchers(&p, "r0", NOW), 3);
  tell(HUB, "r0", 0, NOW);
  tell(OTHER, "s", 1, NOW);
  assert_int_equal(peers_watchers(&p, "s", NOW), 1);
}

/* ---- what is none ---- */

/* A message, and what is changed in it. */
static bool is_taken_with(size_t at, uint8_t byte) {
  uint8_t bytes[] = {'w', 1, 0, HUB, 0, 0, 0, 0, 0, 0, 0, 1, 'r', 5};
  assert_true(at < sizeof bytes);
  bytes[at] = byte;
  return peers_take(&p, bytes, sizeof bytes, NOW);
}

static void what_is_no_message_changes_nothing(void **state) {
  (void)state;
  static uint8_t large[PEERS_MESSAGE_BYTES + 3] = {'w', 1, 0, HUB};
  assert_false(is_taken_with(0, 'W'));
  assert_false(is_taken_with(1, 2));     /* a version to come */
  assert_false(is_taken_with(2, 2));     /* a flag to come */
  assert_false(is_taken_with(11, 0));    /* an id without a character */
  assert_false(is_taken_with(11, 2));    /* no count */
  assert_false(is_taken_with(11, 200));  /* longer than what is there */
  assert_false(is_taken_with(12, '/'));  /* no request's id */
  assert_false(is_taken_with(12, '\0')); /* no request's id */
  assert_false(is_taken_with(13, 0x85)); /* a count that goes on */
  for (size_t len = 0; len < 11; len++)
    assert_false(peers_take(&p, large, len, NOW));
  for (size_t at = 11; at + 3 <= sizeof large; at += 3)
    memcpy(large + at, (const uint8_t[]){1, 'r', 5}, 3);
  assert_false(peers_take(&p, large, sizeof large, NOW));
  assert_int_equal(p.count, 0);
  assert_true(peers_take(&p, large, sizeof large - 3, NOW));
  assert_true(is_taken_with(13, 6));
  assert_int_equal(peers_watchers(&p, "r", NOW), 6);
}

static void a_message_that_is_spoilt_at_its_end_changes_nothing(void **state) {
  (void)state;
  uint8_t bytes[] = {'w', 1, 1, HUB, 0, 0, 0, 0, 0, 0, 0, 1, 'r', 5, 1, 's'};
  tell(HUB, "t", 1, NOW);
  assert_false(peers_take(&p, bytes, sizeof bytes, NOW));
  assert_int_equal(peers_watchers(&p, "r", NOW), 0);
  assert_int_equal(peers_watchers(&p, "t", NOW), 1);
}

static void a_count_has_one_form_and_a_limit(void **state) {
  (void)state;
  static const struct {
    uint8_t bytes[6];
    size_t len;
    bool is_good;
  } cases[] = {
      {{0xff, 0xff, 0xff, 0xff, 0x07}, 5, true}, /* 2^31 - 1 */
      {{0x80, 0x80, 0x80, 0x80, 0x08}, 5, false},
      {{0xff, 0xff, 0xff, 0xff, 0x7f}, 5, false},
      {{0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 6, false},
      {{0x85, 0x00}, 2, false}, /* 5, too long */
      {{0x00}, 1, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t bytes[32] = {'w', 1, 0, HUB, 0, 0, 0, 0, 0, 0, 0, 1, 'r'};
    memcpy(bytes + 13, cases[i].bytes, cases[i].len);
    assert_int_equal(peers_take(&p, bytes, 13 + cases[i].len, NOW), cases[i].is_good);
  }
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(nothing_to_tell_is_no_message),
      test(what_is_written_is_read_again),
      test(much_goes_in_several_messages),
      test(hubs_are_added_up),
      test(the_last_word_counts),
      test(a_hub_does_not_hear_itself),
      test(a_word_is_good_until_it_was_missed_three_times),
      test(what_is_no_good_any_more_is_let_go_of),
      test(a_hub_that_ends_has_no_watchers),
      test(a_request_is_forgotten_on_all_hubs),
      test(a_full_table_takes_no_more_until_there_is_room),
      test(what_is_no_message_changes_nothing),
      test(a_message_that_is_spoilt_at_its_end_changes_nothing),
      test(a_count_has_one_form_and_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
