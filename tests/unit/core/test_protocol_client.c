/*
 * protocol_client: each file of tests/data/client_message with what was read beside it, and the
 * messages that a client writes, read again.
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
#include <stdlib.h>
#include <string.h>

/* "ack 42", "publish {…} ref 7" */
static char *describe(const struct client_message *m) {
  static const char *const names[] = {"ack", "heartbeat_response", "reconnect", "publish"};
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, names[m->kind]);
  if (m->kind == CLIENT_ACK)
    buf_addf(&b, " %lld", (long long)m->message_id);
  if (m->kind == CLIENT_RECONNECT)
    buf_addf(&b, " %lld", (long long)m->last_message_id);
  if (m->kind == CLIENT_PUBLISH) {
    buf_add_char(&b, ' ');
    event_append(&b, cws_event_view(m->event), true);
  }
  if (m->ref != NULL)
    buf_addf(&b, " ref %s", m->ref);
  return buf_take(&b, NULL);
}

static void read_valid(const struct test_case *c) {
  struct client_message m;
  struct cws_error err = {0};
  if (client_message_parse(c->text, c->len, 0, &m, &err) != 0)
    fail_msg("%s: %s", c->path, err.message);
  char *got = describe(&m), *wanted = case_answer(c, "read", NULL);
  check_text(c, got, wanted);
  assert_int_equal(m.data_json != NULL, m.kind == CLIENT_PUBLISH);
  assert_int_equal(m.ref_len, m.ref != NULL ? strlen(m.ref) : 0);
  free(got);
  free(wanted);
  client_message_finish(&m);
}

static void every_message_of_the_protocol_is_read(void **state) {
  (void)state;
  each_case("client_message/valid", "json", 15, read_valid);
}

static void read_invalid(const struct test_case *c) {
  struct client_message m;
  struct cws_error err = {0};
  check_error(c, client_message_parse(c->text, c->len, 0, &m, &err), &err);
  client_message_finish(&m);
}

static void everything_else_is_refused_and_named(void **state) {
  (void)state;
  each_case("client_message/invalid", "json", 15, read_invalid);
}

static void a_failed_publish_still_says_which_it_was(void **state) {
  (void)state;
  static const char *const texts[] = {
      "{\"type\":\"publish\",\"event\":{\"type\":\"bye\"},\"ref\":{\"n\": 7}}",
      "{\"type\":\"publish\",\"ref\":{\"n\": 7}}",
      "{\"ref\":{\"n\": 7},\"type\":\"publish\",\"event\":1}",
      "{\"ref\":{\"n\": 7},\"type\":\"publish\",\"event\":{\"type\":\"t\",\"data\":[1,2,3,4,5]}}"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct client_message m;
    assert_int_not_equal(client_message_parse(texts[i], strlen(texts[i]), 30, &m, NULL), 0);
    assert_string_equal(m.ref, "{\"n\": 7}");
    assert_null(m.event);
    client_message_finish(&m);
    assert_null(m.ref);
  }
}

static int publish_with_ref(size_t ref_bytes, struct cws_error *err) {
  struct buf b;
  struct client_message m;
  buf_init(&b);
  buf_add_str(&b, "{\"type\":\"publish\",\"event\":{\"type\":\"t\"},\"ref\":\"");
  for (size_t i = 2; i < ref_bytes; i++)
    buf_add_char(&b, 'r');
  buf_add_str(&b, "\"}");
  int rc = client_message_parse(b.data, b.len, 0, &m, err);
  assert_int_equal(m.ref_len, rc == 0 ? ref_bytes : 0);
  client_message_finish(&m);
  buf_finish(&b);
  return rc;
}

static void a_ref_has_a_limit(void **state) {
  (void)state;
  struct cws_error err = {0};
  assert_int_equal(publish_with_ref(PROTOCOL_REF_MAX, &err), 0);
  assert_int_equal(publish_with_ref(PROTOCOL_REF_MAX + 1, &err), CWS_EBADREQUEST);
  assert_string_equal(err.message, "ref: has 1025 bytes, at most 1024 are allowed");
}

static void the_size_limit_is_that_of_the_event_alone(void **state) {
  (void)state;
  struct client_message m;
  struct cws_error err = {0};
  const char *text = "{\"type\":\"publish\",\"ref\":\"long\",\"event\": {\"type\":\"t\"} }";
  size_t event = strlen("{\"type\":\"t\"}");
  assert_int_equal(client_message_parse(text, strlen(text), event, &m, &err), 0);
  client_message_finish(&m);
  assert_int_equal(client_message_parse(text, strlen(text), event - 1, &m, &err), CWS_ETOOLARGE);
  client_message_finish(&m);
}

static void a_publish_that_is_nested_too_deeply_is_no_json(void **state) {
  (void)state;
  struct buf b;
  struct client_message m;
  buf_init(&b);
  buf_add_str(&b, "{\"type\":\"publish\",\"event\":{\"type\":\"t\",\"data\":");
  for (int i = 0; i < 100000; i++)
    buf_add_char(&b, '[');
  assert_int_equal(client_message_parse(b.data, b.len, 0, &m, NULL), CWS_EBADJSON);
  client_message_finish(&m);
  client_message_finish(NULL);
  buf_finish(&b);
}

static void check_written(struct buf *b, const char *text, const char *read) {
  struct client_message m;
  assert_string_equal(b->data, text);
  assert_int_equal(client_message_parse(b->data, b->len, 0, &m, NULL), 0);
  char *got = describe(&m);
  assert_string_equal(got, read);
  free(got);
  client_message_finish(&m);
  buf_reset(b);
}

static void what_a_client_writes_is_read_as_the_same(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  client_format_ack(&b, 42);
  check_written(&b, "{\"type\":\"ack\",\"message_id\":42}", "ack 42");
  client_format_heartbeat_response(&b);
  check_written(&b, "{\"type\":\"heartbeat_response\"}", "heartbeat_response");
  client_format_reconnect(&b, -1);
  check_written(&b, "{\"type\":\"reconnect\"}", "reconnect -1");
  client_format_reconnect(&b, 0);
  check_written(&b, "{\"type\":\"reconnect\",\"last_message_id\":0}", "reconnect 0");
  buf_finish(&b);
}

static void a_written_publish_has_the_event_id_and_no_number(void **state) {
  (void)state;
  struct buf b;
  struct cws_event e = {.type = "t",
                        .message_id = 9,
                        .timestamp = "2026-11-23T08:18:52Z",
                        .event_id = "e1",
                        .data = "{\"a\":0.0012}",
                        .data_len = 12};
  buf_init(&b);
  client_format_publish(&b, &e, "[1, 2]");
  check_written(&b,
                "{\"type\":\"publish\",\"event\":{\"type\":\"t\",\"timestamp\":"
                "\"2026-11-23T08:18:52Z\",\"event_id\":\"e1\",\"data\":{\"a\":0.0012}},"
                "\"ref\":[1, 2]}",
                "publish {\"type\":\"t\",\"timestamp\":\"2026-11-23T08:18:52Z\","
                "\"event_id\":\"e1\",\"data\":{\"a\":0.0012}} ref [1, 2]");
  e = (struct cws_event){.type = "t", .data = "1", .data_len = 1};
  client_format_publish(&b, &e, NULL);
  check_written(&b, "{\"type\":\"publish\",\"event\":{\"type\":\"t\",\"data\":1}}",
                "publish {\"type\":\"t\",\"data\":1}");
  assert_int_equal(e.message_id, 0);
  buf_finish(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_message_of_the_protocol_is_read),
      cmocka_unit_test(everything_else_is_refused_and_named),
      cmocka_unit_test(a_failed_publish_still_says_which_it_was),
      cmocka_unit_test(a_ref_has_a_limit),
      cmocka_unit_test(the_size_limit_is_that_of_the_event_alone),
      cmocka_unit_test(a_publish_that_is_nested_too_deeply_is_no_json),
      cmocka_unit_test(what_a_client_writes_is_read_as_the_same),
      cmocka_unit_test(a_written_publish_has_the_event_id_and_no_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
