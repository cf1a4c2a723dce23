/* line_event: the event that a line of a command's output becomes. */
#include "cli/line_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_bytes(const char *line, size_t len, bool continues, const char *expected) {
  struct cws_event_owned *event = line_event("stderr", line, len, continues);
  assert_non_null(event);
  size_t text_len;
  char *text = cws_event_format(cws_event_view(event), true, &text_len);
  assert_string_equal(text, expected);
  free(text);
  cws_event_free(event);
}

static void assert_event(const char *line, const char *expected) {
  assert_bytes(line, strlen(line), false, expected);
}

#define LOG(message) "{\"type\":\"log\",\"data\":{\"stream\":\"stderr\",\"message\":" message "}}"

static void a_line_of_text_is_a_log_with_its_stream(void **state) {
  (void)state;
  assert_event("two words", LOG("\"two words\""));
  assert_event("", LOG("\"\""));
  assert_event("a \"quote\", a \\ and a\ttab", LOG("\"a \\\"quote\\\", a \\\\ and a\\ttab\""));
}

static void an_event_is_published_as_that_event(void **state) {
  (void)state;
  assert_event("{\"type\":\"step\",\"data\":{\"x\": 1.50}}",
               "{\"type\":\"step\",\"data\":{\"x\": 1.50}}");
  assert_event("  {\"type\":\"step\"}", "{\"type\":\"step\",\"data\":{}}");
  assert_event("\r{\"type\":\"step\"}", "{\"type\":\"step\",\"data\":{}}");
  assert_event("{\"type\":\"step\",\"event_id\":\"a\"}",
               "{\"type\":\"step\",\"event_id\":\"a\",\"data\":{}}");
}

static void json_that_is_no_event_is_a_log(void **state) {
  (void)state;
  assert_event("{\"level\":\"info\"}", LOG("\"{\\\"level\\\":\\\"info\\\"}\""));
  assert_event("{\"type\":\"a b\"}", LOG("\"{\\\"type\\\":\\\"a b\\\"}\""));
  assert_event("{\"type\":\"step\"} and more", LOG("\"{\\\"type\\\":\\\"step\\\"} and more\""));
  assert_event("[1]", LOG("\"[1]\""));
}

static void a_piece_of_a_line_says_that_it_goes_on_and_is_no_event(void **state) {
  (void)state;
  assert_bytes("{\"type\":\"step\"}", 15, true,
               "{\"type\":\"log\",\"data\":{\"stream\":\"stderr\","
               "\"message\":\"{\\\"type\\\":\\\"step\\\"}\",\"continues\":true}}");
}

static void bytes_that_are_no_text_are_shown_as_such(void **state) {
  (void)state;
  assert_event("\x1b[31m\x07\x7f", LOG("\"\\u001b[31m\\u0007\\u007f\""));
  assert_event("a\xff\xc3", LOG("\"a\xef\xbf\xbd\xef\xbf\xbd\""));
  assert_event("\xed\xa0\x80", LOG("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")); /* a surrogate */
  assert_event("\xc3\xbc\xf0\x9f\x98\x80", LOG("\"\xc3\xbc\xf0\x9f\x98\x80\""));
  assert_bytes("a\0b", 3, false, LOG("\"a\\u0000b\""));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_of_text_is_a_log_with_its_stream),
      cmocka_unit_test(an_event_is_published_as_that_event),
      cmocka_unit_test(json_that_is_no_event_is_a_log),
      cmocka_unit_test(a_piece_of_a_line_says_that_it_goes_on_and_is_no_event),
      cmocka_unit_test(bytes_that_are_no_text_are_shown_as_such),
  };
  return cmocka_run_group_tests_name("line_event", tests, NULL, NULL);
}
