/*
 * event: each file of tests/data/event (as a publisher writes it) and tests/data/event_stored (as a
 * hub does), with the wire form or the error beside it; then sizes and nesting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/event.h"
#include "tests/unit/core/cases.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void check_wire(const struct test_case *c, struct cws_event_owned *event) {
  size_t len, wanted_len;
  char *got = cws_event_format(cws_event_view(event), true, &len);
  char *wanted = case_answer(c, "wire", &wanted_len);
  check_text(c, got, wanted);
  assert_int_equal(len, wanted_len);
  free(got);
  free(wanted);
  cws_event_free(event);
}

static void read_published(const struct test_case *c) {
  struct cws_error err = {0};
  struct cws_event_owned *event = NULL;
  if (cws_event_parse(c->text, c->len, 0, &event, &err) != 0)
    fail_msg("%s: %s", c->path, err.message);
  const struct cws_event *view = cws_event_view(event);
  assert_int_equal(view->message_id, 0);
  assert_int_equal(view->data_len, strlen(view->data));
  check_wire(c, event);
}

static void what_a_publisher_writes_goes_out_byte_for_byte(void **state) {
  (void)state;
  each_case("event/valid", "json", 20, read_published);
}

static void refuse_published(const struct test_case *c) {
  struct cws_error err = {0};
  struct cws_event_owned *event = NULL;
  json_t *data = NULL;
  check_error(c, event_parse(c->text, c->len, 0, &event, &data, &err), &err);
  assert_null(event);
  assert_null(data);
}

static void what_is_no_event_is_refused_and_the_field_named(void **state) {
  (void)state;
  each_case("event/invalid", "json", 40, refuse_published);
}

static void read_stored(const struct test_case *c) {
  struct cws_error err = {0};
  struct cws_event_owned *event = NULL;
  if (cws_event_parse_stored(c->text, c->len, &event, &err) != 0)
    fail_msg("%s: %s", c->path, err.message);
  assert_non_null(cws_event_view(event)->timestamp);
  check_wire(c, event);
}

static void refuse_stored(const struct test_case *c) {
  struct cws_error err = {0};
  struct cws_event_owned *event = NULL;
  check_error(c, cws_event_parse_stored(c->text, c->len, &event, &err), &err);
  assert_null(event);
}

static void a_stored_event_has_a_number_and_a_time(void **state) {
  (void)state;
  each_case("event_stored/valid", "json", 4, read_stored);
  each_case("event_stored/invalid", "json", 10, refuse_stored);
}

static int parse(const char *json, size_t max_bytes, struct cws_event_owned **out,
                 struct cws_error *err) {
  memset(err, 0, sizeof *err);
  *out = NULL;
  return cws_event_parse(json, strlen(json), max_bytes, out, err);
}

static void an_event_may_be_as_long_as_the_limit(void **state) {
  (void)state;
  struct cws_error err;
  struct cws_event_owned *event;
  const char *json = "{\"type\":\"t\",\"data\":[]}";
  assert_int_equal(parse(json, strlen(json), &event, &err), 0);
  cws_event_free(event);
  assert_int_equal(parse(json, strlen(json) - 1, &event, &err), CWS_ETOOLARGE);
  assert_string_equal(err.message, "the event has 22 bytes, at most 21 are allowed");
  assert_null(event);
}

static void the_default_limit_is_256_kib(void **state) {
  (void)state;
  struct cws_error err;
  struct cws_event_owned *event;
  char *json = malloc(CWS_EVENT_BYTES_DEFAULT + 2);
  size_t start = strlen("{\"type\":\"t\",\"data\":\"");
  memset(json, 'x', CWS_EVENT_BYTES_DEFAULT);
  memcpy(json, "{\"type\":\"t\",\"data\":\"", start);
  strcpy(json + CWS_EVENT_BYTES_DEFAULT - 2, "\"}");
  assert_int_equal(parse(json, 0, &event, &err), 0);
  assert_int_equal(cws_event_view(event)->data_len, CWS_EVENT_BYTES_DEFAULT - start);
  cws_event_free(event);
  strcpy(json + CWS_EVENT_BYTES_DEFAULT - 2, "x\"}");
  assert_int_equal(parse(json, 0, &event, &err), CWS_ETOOLARGE);
  free(json);
}

/* The event's own braces are the first of 512 levels. */
static char *deep_event(size_t levels) {
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, "{\"type\":\"t\",\"data\":");
  for (size_t i = 0; i < levels; i++)
    buf_add_char(&b, '[');
  for (size_t i = 0; i < levels; i++)
    buf_add_char(&b, ']');
  buf_add_char(&b, '}');
  return buf_take(&b, NULL);
}

static void data_may_be_nested_511_deep(void **state) {
  (void)state;
  struct cws_error err;
  struct cws_event_owned *event;
  char *json = deep_event(511);
  assert_int_equal(parse(json, 0, &event, &err), 0);
  assert_int_equal(cws_event_view(event)->data_len, 1022);
  cws_event_free(event);
  free(json);
  json = deep_event(512);
  assert_int_equal(parse(json, 0, &event, &err), CWS_EBADJSON);
  assert_non_null(strstr(err.message, "nested too deeply"));
  free(json);
  json = deep_event(100000);
  assert_int_equal(parse(json, 0, &event, &err), CWS_EBADJSON);
  free(json);
}

static void data_is_handed_out_as_json_too(void **state) {
  (void)state;
  const char *texts[] = {"{\"type\":\"t\",\"data\":{\"a\":[1]}}", "{\"type\":\"t\"}",
                         "{\"type\":\"t\",\"data\":null}"};
  const char *wanted[] = {"{\"a\":[1]}", "{}", "null"};
  for (size_t i = 0; i < 3; i++) {
    struct cws_event_owned *event;
    json_t *data = NULL;
    assert_int_equal(event_parse(texts[i], strlen(texts[i]), 0, &event, &data, NULL), 0);
    char *got = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(got, wanted[i]);
    free(got);
    json_decref(data);
    cws_event_free(event);
  }
}

static void the_first_error_stays(void **state) {
  (void)state;
  struct cws_error err = {0};
  struct cws_event_owned *event = NULL;
  assert_int_equal(cws_event_parse("[", 1, 0, &event, &err), CWS_EBADJSON);
  assert_int_equal(cws_event_parse("{}", 2, 0, &event, &err), CWS_EBADEVENT);
  assert_int_equal(err.code, CWS_EBADJSON);
  assert_int_equal(cws_event_parse("{}", 2, 0, &event, NULL), CWS_EBADEVENT);
  cws_event_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_publisher_writes_goes_out_byte_for_byte),
      cmocka_unit_test(what_is_no_event_is_refused_and_the_field_named),
      cmocka_unit_test(a_stored_event_has_a_number_and_a_time),
      cmocka_unit_test(an_event_may_be_as_long_as_the_limit),
      cmocka_unit_test(the_default_limit_is_256_kib),
      cmocka_unit_test(data_may_be_nested_511_deep),
      cmocka_unit_test(data_is_handed_out_as_json_too),
      cmocka_unit_test(the_first_error_stays),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
