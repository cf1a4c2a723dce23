/*
 * protocol_hub: each file of tests/data/hub_message with what was read beside it, and the messages
 * that a hub writes, read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/event.h"
#include "lib/core/protocol.h"
#include "tests/unit/core/cases.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS INT64_C(1795421932123) /* 2026-11-23T08:18:52.123Z */
#define STAMP "\"timestamp\":\"2026-11-23T08:18:52.123Z\""

static void add_ref(struct buf *b, const json_t *ref) {
  char *text = ref != NULL ? json_dumps(ref, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  buf_add_str(b, text != NULL ? text : "-");
  free(text);
}

static void describe_hello(struct buf *b, const struct hub_hello *h) {
  buf_addf(b, "connection_established %s %s %s %s %lld %lld %lld %lld %lld", h->request_id,
           h->connection_id, h->subscriber, h->epoch, (long long)h->first_message_id,
           (long long)h->last_message_id, (long long)h->resume_from,
           (long long)h->heartbeat_interval_ms, (long long)h->inactivity_timeout_ms);
  if (h->no_events)
    buf_add_str(b, " no events");
}

static void describe_answer(struct buf *b, const struct hub_message *m) {
  if (m->kind == HUB_PUBLISHED)
    buf_addf(b, "published %lld %s ", (long long)m->message_id, m->duplicate ? "true" : "false");
  else
    buf_addf(b, "protocol_error %s: %s ref ", cws_error_name(m->error.code), m->error.message);
  add_ref(b, m->ref);
}

/* "bye 1012 restart true 5000 9" */
static char *describe(const struct hub_message *m) {
  struct buf b;
  buf_init(&b);
  switch (m->kind) {
  case HUB_EVENT:
    buf_add_str(&b, "event ");
    event_append(&b, cws_event_view(m->event), true);
    break;
  case HUB_HELLO:
    describe_hello(&b, &m->hello);
    break;
  case HUB_HEARTBEAT:
    buf_addf(&b, "heartbeat %lld", (long long)m->last_message_id);
    break;
  case HUB_REPLAY_COMPLETE:
    buf_addf(&b, "replay_complete %lld", (long long)m->last_message_id);
    break;
  case HUB_GAP:
    buf_addf(&b, "gap %lld %lld %s %s", (long long)m->from, (long long)m->to, m->reason,
             m->epoch != NULL ? m->epoch : "-");
    break;
  case HUB_PUBLISHED:
  case HUB_PROTOCOL_ERROR:
    describe_answer(&b, m);
    break;
  case HUB_BYE:
    buf_addf(&b, "bye %d %s %s %lld %lld", m->code, m->reason, m->reconnect ? "true" : "false",
             (long long)m->retry_after_ms, (long long)m->resume_from);
    break;
  case HUB_OTHER:
    buf_add_str(&b, "other");
    break;
  }
  return buf_take(&b, NULL);
}

static void read_valid(const struct test_case *c) {
  struct hub_message m;
  struct cws_error err = {0};
  if (hub_message_parse(c->text, c->len, &m, &err) != 0)
    fail_msg("%s: %s", c->path, err.message);
  char *got = describe(&m), *wanted = case_answer(c, "read", NULL);
  check_text(c, got, wanted);
  assert_int_equal(m.event != NULL, m.kind == HUB_EVENT);
  free(got);
  free(wanted);
  hub_message_finish(&m);
}

static void every_message_of_the_protocol_is_read(void **state) {
  (void)state;
  each_case("hub_message/valid", "json", 15, read_valid);
}

static void read_invalid(const struct test_case *c) {
  struct hub_message m;
  struct cws_error err = {0};
  check_error(c, hub_message_parse(c->text, c->len, &m, &err), &err);
  hub_message_finish(&m);
}

static void everything_else_breaks_the_protocol(void **state) {
  (void)state;
  each_case("hub_message/invalid", "json", 25, read_invalid);
  hub_message_finish(NULL);
}

/* `text` has the timestamp left out: @ stands for it. */
static void check_written(struct buf *b, const char *text, const char *read) {
  struct hub_message m;
  struct cws_error err = {0};
  struct buf wanted;
  buf_init(&wanted);
  for (const char *p = text; *p != '\0'; p++) {
    if (*p == '@')
      buf_add_str(&wanted, STAMP);
    else
      buf_add_char(&wanted, *p);
  }
  assert_string_equal(b->data, wanted.data);
  if (hub_message_parse(b->data, b->len, &m, &err) != 0)
    fail_msg("%s: %s", b->data, err.message);
  char *got = describe(&m);
  assert_string_equal(got, read);
  free(got);
  hub_message_finish(&m);
  buf_finish(&wanted);
  buf_reset(b);
}

static void a_written_hello_is_read_as_the_same(void **state) {
  (void)state;
  struct buf b;
  struct hub_hello h = {.request_id = "req-1",
                        .connection_id = "c1",
                        .subscriber = "ann",
                        .epoch = "k3",
                        .first_message_id = 2,
                        .last_message_id = 9,
                        .resume_from = 3,
                        .heartbeat_interval_ms = 30000,
                        .inactivity_timeout_ms = 300000};
  buf_init(&b);
  hub_format_hello(&b, &h, NOW_MS);
  check_written(&b,
                "{\"type\":\"connection_established\",@,\"message_id\":3,\"data\":{"
                "\"request_id\":\"req-1\",\"connection_id\":\"c1\",\"subscriber\":\"ann\","
                "\"epoch\":\"k3\",\"first_message_id\":2,\"last_message_id\":9,\"resume_from\":3,"
                "\"heartbeat_interval\":30,\"inactivity_timeout\":300,\"message\":\"connected\"}}",
                "connection_established req-1 c1 ann k3 2 9 3 30000 300000");
  buf_finish(&b);
}

static void a_hello_without_events_says_so(void **state) {
  (void)state;
  struct buf b;
  struct hub_message m;
  struct hub_hello h = {"r", "c", "s", "e", 0, 0, 0, 0, 0, true};
  buf_init(&b);
  hub_format_hello(&b, &h, NOW_MS);
  assert_non_null(strstr(b.data, "\"watch\":false,"));
  assert_int_equal(hub_message_parse(b.data, b.len, &m, NULL), 0);
  assert_true(m.hello.no_events);
  hub_message_finish(&m);
  buf_finish(&b);
}

/* A name may hold what JSON escapes, and a user's own characters. */
static void names_are_escaped(void **state) {
  (void)state;
  struct buf b;
  struct hub_message m;
  struct hub_hello h = {"r", "c", "\xc3\xa9\"\\/\x01", "e", 0, 0, 0, 0, 0, false};
  buf_init(&b);
  hub_format_hello(&b, &h, NOW_MS);
  assert_int_equal(hub_message_parse(b.data, b.len, &m, NULL), 0);
  assert_string_equal(m.hello.subscriber, "\xc3\xa9\"\\/\x01");
  hub_message_finish(&m);
  buf_finish(&b);
}

static void intervals_are_written_in_seconds_and_keep_their_milliseconds(void **state) {
  (void)state;
  static const struct {
    int64_t ms;
    const char *seconds;
  } rows[] = {{0, "0"},        {1, "0.001"},   {10, "0.01"},
              {100, "0.1"},    {250, "0.25"},  {1000, "1"},
              {1001, "1.001"}, {1500, "1.5"},  {30000, "30"},
              {10100, "10.1"}, {999, "0.999"}, {INT64_C(3155760000000), "3155760000"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hub_hello h = {"r", "c", "s", "e", 0, 0, 0, rows[i].ms, rows[i].ms, false};
    struct hub_message m;
    struct buf b;
    char wanted[100];
    buf_init(&b);
    hub_format_hello(&b, &h, NOW_MS);
    snprintf(wanted, sizeof wanted, "\"heartbeat_interval\":%s,\"inactivity_timeout\":%s,",
             rows[i].seconds, rows[i].seconds);
    if (strstr(b.data, wanted) == NULL)
      fail_msg("%s is not in %s", wanted, b.data);
    assert_int_equal(hub_message_parse(b.data, b.len, &m, NULL), 0);
    assert_true(m.hello.heartbeat_interval_ms == rows[i].ms);
    hub_message_finish(&m);
    buf_finish(&b);
  }
}

static void written_positions_are_read_as_the_same(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  hub_format_heartbeat(&b, 12, NOW_MS);
  check_written(&b, "{\"type\":\"heartbeat\",@,\"data\":{\"last_message_id\":12}}", "heartbeat 12");
  hub_format_replay_complete(&b, 0, NOW_MS);
  check_written(&b, "{\"type\":\"replay_complete\",@,\"data\":{\"last_message_id\":0}}",
                "replay_complete 0");
  hub_format_gap(&b, 3, 8, "expired", NULL, NOW_MS);
  check_written(&b, "{\"type\":\"gap\",@,\"data\":{\"from\":3,\"to\":8,\"reason\":\"expired\"}}",
                "gap 3 8 expired -");
  hub_format_gap(&b, 3, -1, "epoch", "k4", NOW_MS);
  check_written(&b,
                "{\"type\":\"gap\",@,\"data\":{\"from\":3,\"to\":null,\"reason\":\"epoch\","
                "\"epoch\":\"k4\"}}",
                "gap 3 -1 epoch k4");
  buf_finish(&b);
}

static void written_answers_are_read_as_the_same(void **state) {
  (void)state;
  struct buf b;
  struct cws_error e = {.code = CWS_EBADEVENT, .message = "type: is \"missing\""};
  buf_init(&b);
  hub_format_published(&b, 5, false, "{\"b\":1.0}", NOW_MS);
  check_written(&b,
                "{\"type\":\"published\",@,\"data\":{\"message_id\":5,\"duplicate\":false,"
                "\"ref\":{\"b\":1.0}}}",
                "published 5 false {\"b\":1.0}");
  hub_format_published(&b, 5, true, NULL, NOW_MS);
  check_written(&b, "{\"type\":\"published\",@,\"data\":{\"message_id\":5,\"duplicate\":true}}",
                "published 5 true -");
  hub_format_protocol_error(&b, &e, "7", NOW_MS);
  check_written(&b,
                "{\"type\":\"protocol_error\",@,\"data\":{\"code\":\"bad_event\","
                "\"message\":\"type: is \\\"missing\\\"\",\"temporary\":false,\"ref\":7}}",
                "protocol_error bad_event: type: is \"missing\" ref 7");
  e = (struct cws_error){.code = CWS_EDRAINING};
  hub_format_protocol_error(&b, &e, NULL, NOW_MS);
  check_written(&b,
                "{\"type\":\"protocol_error\",@,\"data\":{\"code\":\"draining\","
                "\"message\":\"the hub is shutting down\",\"temporary\":true}}",
                "protocol_error draining: the hub is shutting down ref -");
  buf_finish(&b);
}

static void a_written_bye_is_read_as_the_same(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  hub_format_bye(&b, 1012, "restart", true, 5000, 9, NOW_MS);
  check_written(&b,
                "{\"type\":\"bye\",@,\"data\":{\"code\":1012,\"reason\":\"restart\","
                "\"reconnect\":true,\"retry_after_ms\":5000,\"resume_from\":9}}",
                "bye 1012 restart true 5000 9");
  hub_format_bye(&b, 4503, "access \"revoked\"", false, 0, 0, NOW_MS);
  check_written(&b,
                "{\"type\":\"bye\",@,\"data\":{\"code\":4503,\"reason\":\"access \\\"revoked\\\"\","
                "\"reconnect\":false,\"retry_after_ms\":0,\"resume_from\":0}}",
                "bye 4503 access \"revoked\" false 0 0");
  buf_finish(&b);
}

/* Several lie one behind the other where they share a write. */
static void messages_are_appended(void **state) {
  (void)state;
  struct buf b, one;
  buf_init(&b);
  buf_init(&one);
  hub_format_heartbeat(&one, 12, NOW_MS);
  hub_format_heartbeat(&b, 12, NOW_MS);
  hub_format_heartbeat(&b, 12, NOW_MS);
  assert_int_equal(b.len, 2 * one.len);
  assert_memory_equal(b.data + one.len, one.data, one.len);
  buf_finish(&b);
  buf_finish(&one);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_message_of_the_protocol_is_read),
      cmocka_unit_test(everything_else_breaks_the_protocol),
      cmocka_unit_test(a_written_hello_is_read_as_the_same),
      cmocka_unit_test(a_hello_without_events_says_so),
      cmocka_unit_test(names_are_escaped),
      cmocka_unit_test(intervals_are_written_in_seconds_and_keep_their_milliseconds),
      cmocka_unit_test(written_positions_are_read_as_the_same),
      cmocka_unit_test(written_answers_are_read_as_the_same),
      cmocka_unit_test(a_written_bye_is_read_as_the_same),
      cmocka_unit_test(messages_are_appended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
