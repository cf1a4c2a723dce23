/* err: the table of errors, and how a struct cws_error is filled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/err.h"
#include <cmocka.h>
#include <errno.h>
#include <string.h>

static const int CODES[] = {
#define CODE(symbol, value, name, status, temporary, text) symbol,
    CWS_ERROR_TABLE(CODE)
#undef CODE
};
#define COUNT (sizeof CODES / sizeof CODES[0])

static void every_code_has_a_name_of_its_own_that_leads_back(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT; i++) {
    assert_true(CODES[i] < 0);
    assert_int_equal(cws_error_from_name(cws_error_name(CODES[i])), CODES[i]);
    assert_true(strlen(cws_error_text(CODES[i])) > 0);
    for (size_t j = 0; j < i; j++)
      assert_int_not_equal(CODES[i], CODES[j]);
  }
}

static void the_statuses_are_those_of_the_protocol(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int status;
    bool temporary;
  } wanted[] = {
      {"bad_json", 400, false},        {"bad_request", 400, false},
      {"no_token", 401, false},        {"bad_token", 401, false},
      {"token_expired", 401, false},   {"forbidden", 403, false},
      {"bad_origin", 403, false},      {"unknown_request", 404, false},
      {"unknown_route", 404, false},   {"method_not_allowed", 405, false},
      {"event_id_reused", 409, false}, {"epoch_changed", 410, false},
      {"too_large", 413, false},       {"unsupported_media_type", 415, false},
      {"bad_event", 422, false},       {"rate_limited", 429, true},
      {"internal", 500, true},         {"too_many_connections", 429, true},
      {"draining", 503, true},         {"store_unavailable", 503, true},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    int code = cws_error_from_name(wanted[i].name);
    assert_string_equal(cws_error_name(code), wanted[i].name);
    assert_int_equal(cws_error_http_status(code), wanted[i].status);
    assert_int_equal(cws_error_is_temporary(code), wanted[i].temporary);
  }
}

static void what_never_crosses_the_wire_and_what_is_unknown_is_a_500(void **state) {
  (void)state;
  assert_int_equal(cws_error_http_status(CWS_EINVAL), 500);
  assert_int_equal(cws_error_http_status(-999), 500);
  assert_string_equal(cws_error_name(-999), "unknown");
  assert_string_equal(cws_error_name(CWS_OK), "unknown");
  assert_true(strlen(cws_error_text(-999)) > 0);
  assert_false(cws_error_is_temporary(-999));
  assert_int_equal(cws_error_from_name("no_such_name"), CWS_EINTERNAL);
  assert_int_equal(cws_error_from_name(""), CWS_EINTERNAL);
  assert_int_equal(cws_error_from_name(NULL), CWS_EINTERNAL);
}

static void the_first_error_stays(void **state) {
  (void)state;
  struct cws_error err = {0};
  assert_int_equal(err_set(&err, CWS_EBADJSON, "line %d", 3), CWS_EBADJSON);
  assert_int_equal(err_set(&err, CWS_ENOMEM, "later"), CWS_ENOMEM);
  assert_int_equal(err_set_sys(&err, CWS_ESYSTEM, ENOENT, "later"), CWS_ESYSTEM);
  assert_int_equal(err.code, CWS_EBADJSON);
  assert_string_equal(err.message, "line 3");
}

static void nobody_has_to_ask_for_the_detail(void **state) {
  (void)state;
  assert_int_equal(err_set(NULL, CWS_EBADJSON, "line %d", 3), CWS_EBADJSON);
  assert_int_equal(err_set_sys(NULL, CWS_ESYSTEM, ENOENT, "x"), CWS_ESYSTEM);
}

static void without_a_message_it_is_that_of_the_table(void **state) {
  (void)state;
  struct cws_error err = {0};
  err_set(&err, CWS_ENOMEM, NULL);
  assert_string_equal(err.message, "out of memory");
}

static void an_errno_value_becomes_words(void **state) {
  (void)state;
  struct cws_error err = {0};
  errno = EDOM;
  err_set_sys(&err, CWS_ESYSTEM, ENOENT, "cannot open '%s'", "a");
  assert_string_equal(err.message, "cannot open 'a': No such file or directory");
  assert_int_equal(errno, EDOM);
}

static void a_message_is_one_line_of_utf8(void **state) {
  (void)state;
  struct cws_error err = {0};
  err_set(&err, CWS_EBADJSON, "%s",
          "a\nb\tc\x7f"
          "d\x1b[31m \xff\xc3\xa9\xed\xa0\x80.");
  assert_string_equal(err.message, "a b c d [31m \xc3\xa9.");
}

static void a_long_message_is_cut_between_characters(void **state) {
  (void)state;
  struct cws_error err = {0};
  char text[600];
  for (size_t i = 0; i < sizeof text - 2; i += 2)
    memcpy(text + i, "\xc3\xa9", 2);
  text[sizeof text - 2] = '\0';
  err_set(&err, CWS_EBADJSON, "%s", text);
  assert_int_equal(strlen(err.message), sizeof err.message - 2);
  assert_memory_equal(err.message, text, sizeof err.message - 2);
  memset(&err, 0, sizeof err);
  err_set_sys(&err, CWS_ESYSTEM, ENOENT, "x%s", text);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_code_has_a_name_of_its_own_that_leads_back),
      cmocka_unit_test(the_statuses_are_those_of_the_protocol),
      cmocka_unit_test(what_never_crosses_the_wire_and_what_is_unknown_is_a_500),
      cmocka_unit_test(the_first_error_stays),
      cmocka_unit_test(nobody_has_to_ask_for_the_detail),
      cmocka_unit_test(without_a_message_it_is_that_of_the_table),
      cmocka_unit_test(an_errno_value_becomes_words),
      cmocka_unit_test(a_message_is_one_line_of_utf8),
      cmocka_unit_test(a_long_message_is_cut_between_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
