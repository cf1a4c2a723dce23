/* event_check and event_write: types, event ids, the wire form from parts, fingerprints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/event.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct cws_event parts(const char *type, const char *data) {
  return (struct cws_event){
      .type = type, .data = data, .data_len = data != NULL ? strlen(data) : 0};
}

static void check_made(struct cws_event from, bool with_event_id, const char *wanted) {
  struct cws_error err = {0};
  struct cws_event_owned *event = NULL;
  size_t len;
  if (event_new(&from, &event, &err) != 0)
    fail_msg("%s: %s", wanted, err.message);
  char *text = cws_event_format(cws_event_view(event), with_event_id, &len);
  assert_string_equal(text, wanted);
  assert_int_equal(len, strlen(wanted));
  free(text);
  cws_event_free(event);
}

static void parts_become_an_event_in_wire_form(void **state) {
  (void)state;
  struct cws_event e = parts("t", "{\"cost\":0.0012}");
  check_made(e, true, "{\"type\":\"t\",\"data\":{\"cost\":0.0012}}");
  e.timestamp = "2026-11-23T08:18:52Z";
  e.message_id = 7;
  e.event_id = "e\"1";
  check_made(e, false,
             "{\"type\":\"t\",\"timestamp\":\"2026-11-23T08:18:52Z\",\"message_id\":7,"
             "\"data\":{\"cost\":0.0012}}");
  check_made(e, true,
             "{\"type\":\"t\",\"timestamp\":\"2026-11-23T08:18:52Z\",\"message_id\":7,"
             "\"event_id\":\"e\\\"1\",\"data\":{\"cost\":0.0012}}");
}

static void data_of_parts_loses_line_breaks_and_the_blanks_around(void **state) {
  (void)state;
  check_made(parts("t", NULL), false, "{\"type\":\"t\",\"data\":{}}");
  check_made(parts("t", " \r\n[1,\n2]\t\n"), false, "{\"type\":\"t\",\"data\":[1, 2]}");
  check_made(parts("t", " 12345678901234567890 "), false,
             "{\"type\":\"t\",\"data\":12345678901234567890}");
}

static void refuse(struct cws_event from, const char *message) {
  struct cws_error err = {0};
  struct cws_event_owned *event = NULL;
  assert_int_equal(event_new(&from, &event, &err), CWS_EBADEVENT);
  assert_string_equal(err.message, message);
  assert_null(event);
}

static void each_part_is_checked_as_if_it_had_come_as_json(void **state) {
  (void)state;
  refuse(parts(NULL, "{}"), "type: is missing");
  refuse(parts("", "{}"), "type: is empty");
  refuse(parts("bye", "{}"), "type: 'bye' is a message of the protocol itself");
  refuse(parts("t", ""), "data: line 1 column 1: value expected");
  refuse(parts("t", "  "), "data: line 1 column 3: value expected");
  refuse(parts("t", "{} {}"), "data: line 1 column 4: end of text expected");
  refuse(parts("t", "1}"), "data: line 1 column 2: end of text expected");
  refuse(parts("t", "{\"a\":1,\"a\":2}"), "data: line 1 column 8: duplicate key");
  struct cws_event e = parts("t", "{}");
  e.event_id = "a b";
  refuse(e, "event_id: byte 2 is not printable ASCII without blanks");
  e.event_id = NULL;
  e.timestamp = "yesterday";
  refuse(e, "timestamp: is not RFC 3339 in UTC, as 2026-11-23T08:00:00Z");
}

static void the_control_types_are_those_of_the_protocol(void **state) {
  (void)state;
  static const char *const control[] = {"connection_established",
                                        "heartbeat",
                                        "gap",
                                        "replay_complete",
                                        "published",
                                        "protocol_error",
                                        "bye",
                                        "ack",
                                        "heartbeat_response",
                                        "reconnect",
                                        "publish"};
  static const char *const events[] = {"analysis_started",
                                       "analysis_complete",
                                       "decomposition_complete",
                                       "routing_complete",
                                       "execution_progress",
                                       "arbitration_decision",
                                       "synthesis_progress",
                                       "final_response",
                                       "error",
                                       "processing_started",
                                       "Ack",
                                       "acks",
                                       "ac",
                                       "a",
                                       "-",
                                       "."};
  for (size_t i = 0; i < sizeof control / sizeof control[0]; i++) {
    assert_true(event_type_is_control(control[i], strlen(control[i])));
    assert_int_equal(cws_event_type_check(control[i], strlen(control[i]), NULL), CWS_EBADEVENT);
  }
  for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
    assert_false(event_type_is_control(events[i], strlen(events[i])));
    assert_int_equal(cws_event_type_check(events[i], strlen(events[i]), NULL), 0);
  }
}

static void every_byte_of_types_and_event_ids_is_judged(void **state) {
  (void)state;
  static const char types[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  for (int c = 0; c < 256; c++) {
    char text[2] = {'a', (char)c};
    bool in_type = memchr(types, c, sizeof types - 1) != NULL;
    assert_int_equal(cws_event_type_check(text, 2, NULL), in_type ? 0 : CWS_EBADEVENT);
    assert_int_equal(event_id_check(text, 2, NULL), c > 0x20 && c < 0x7f ? 0 : CWS_EBADEVENT);
  }
}

static uint64_t fingerprint(const char *type, const char *data) {
  struct cws_event e = parts(type, data);
  return event_fingerprint(&e);
}

static void a_fingerprint_tells_types_and_data_apart(void **state) {
  (void)state;
  uint64_t one = fingerprint("a", "1");
  assert_true(one == fingerprint("a", "1"));
  assert_true(one != fingerprint("b", "1"));
  assert_true(one != fingerprint("a", "2"));
  assert_true(fingerprint("a", "11") != fingerprint("a1", "1"));
  struct cws_event e = parts("a", "1");
  e.message_id = 9;
  e.timestamp = "2026-11-23T08:18:52Z";
  e.event_id = "e";
  assert_true(one == event_fingerprint(&e)); /* of the content only */
}

/* It is stored: a hub of the next version must find the same. SHA-256 of "a\0" "1". */
static void a_fingerprint_is_the_same_in_every_version(void **state) {
  (void)state;
  assert_true(fingerprint("a", "1") == UINT64_C(0x05a9c569a185ac60));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_become_an_event_in_wire_form),
      cmocka_unit_test(data_of_parts_loses_line_breaks_and_the_blanks_around),
      cmocka_unit_test(each_part_is_checked_as_if_it_had_come_as_json),
      cmocka_unit_test(the_control_types_are_those_of_the_protocol),
      cmocka_unit_test(every_byte_of_types_and_event_ids_is_judged),
      cmocka_unit_test(a_fingerprint_tells_types_and_data_apart),
      cmocka_unit_test(a_fingerprint_is_the_same_in_every_version),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
