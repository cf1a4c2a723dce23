/* Answers: what every one of them has, and errors as PROTOCOL "Errors" has them. */
#define _GNU_SOURCE /* strptime */
#include "tests/unit/http/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void assert_common(struct site *s) {
  assert_true(has_header(s, "X-Content-Type-Options: nosniff"));
  assert_true(has_header(s, "Cache-Control: no-store"));
  assert_true(has_header(s, "Referrer-Policy: no-referrer"));
  assert_true(has_header(s, "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'"));
  assert_non_null(strstr(s->head.data, "\r\nDate: "));
}

static void every_answer_has_the_headers_that_keep_browsers_safe(void **state) {
  struct site *s = *state;
  ask(s, GET("/"));
  assert_common(s);
  ask(s, GET("/%"));
  assert_int_equal(s->status, 400);
  assert_common(s);
}

static void answer_a_page(struct site *s, struct http_request *r) {
  (void)s;
  http_reply(r, &(struct http_response){.status = 200,
                                        .content_type = "text/html",
                                        .body = "<p>",
                                        .body_len = 3,
                                        .cache_control = "no-cache",
                                        .page_policy = "script-src 'self'"});
}

static void a_page_has_a_policy_of_its_own_in_place_of_the_strictest(void **state) {
  struct site *s = *state;
  s->on_request = answer_a_page;
  ask(s, GET("/"));
  assert_true(has_header(s, "X-Content-Type-Options: nosniff"));
  assert_true(has_header(s, "Referrer-Policy: no-referrer"));
  assert_true(has_header(s, "Cache-Control: no-cache"));
  assert_true(has_header(s, "Content-Security-Policy: script-src 'self'"));
  assert_null(strstr(s->head.data, "default-src"));
  assert_null(strstr(s->head.data, "no-store"));
}

/* RFC 9110, section 5.6.7. */
static void the_date_is_in_the_one_right_form(void **state) {
  struct site *s = *state;
  struct tm tm = {0};
  ask(s, GET("/"));
  const char *date = strstr(s->head.data, "\r\nDate: ") + 8;
  const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
  assert_non_null(end);
  assert_int_equal(end - date, 29);
  assert_true(labs((long)(timegm(&tm) - time(NULL))) < 30);
}

static void answer_plainly(struct site *s, struct http_request *r) {
  (void)s;
  http_add_header(r, "X-Early", "1");
  http_reply(r, &(struct http_response){.status = 202,
                                        .content_type = "text/plain",
                                        .body = "a\0b",
                                        .body_len = 3,
                                        .extra_headers = "X-Late: 2\r\nX-Later: 3\r\n"});
}

static void an_answer_says_its_status_type_length_and_headers(void **state) {
  struct site *s = *state;
  s->on_request = answer_plainly;
  assert_int_equal(ask(s, GET("/")), 202);
  assert_int_equal(strncmp(s->head.data, "HTTP/1.1 202 Accepted\r\n", 23), 0);
  assert_true(has_header(s, "Content-Type: text/plain"));
  assert_true(has_header(s, "Content-Length: 3"));
  assert_true(has_header(s, "X-Early: 1"));
  assert_true(has_header(s, "X-Late: 2"));
  assert_true(has_header(s, "X-Later: 3"));
  assert_memory_equal(s->body.data, "a\0b", 3);
  assert_int_equal(s->last_reply, 202);
}

static void json_is_the_type_if_none_is_said(void **state) {
  struct site *s = *state;
  ask(s, GET("/"));
  assert_true(has_header(s, "Content-Type: application/json"));
}

static void a_head_has_the_length_but_no_body(void **state) {
  struct site *s = *state;
  say(s, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
  take_answer_to_head(s);
  assert_int_equal(s->status, 200);
  assert_true(has_header(s, "Content-Length: 8")); /* "HEAD /a " */
  assert_goes_on(s);
}

static int empty_status;

static void answer_empty(struct site *s, struct http_request *r) {
  (void)s;
  http_reply(r, &(struct http_response){.status = empty_status});
}

static void what_has_no_content_has_neither_type_nor_length(void **state) {
  struct site *s = *state;
  static const int STATUSES[] = {204, 304};
  s->on_request = answer_empty;
  for (size_t i = 0; i < sizeof STATUSES / sizeof STATUSES[0]; i++) {
    empty_status = STATUSES[i];
    say(s, GET("/"));
    take_answer_to_head(s);
    assert_int_equal(s->status, STATUSES[i]);
    assert_null(strstr(s->head.data, "Content-Length:"));
    assert_null(strstr(s->head.data, "Content-Type:"));
  }
  s->on_request = NULL;
  assert_goes_on(s);
}

/* ---- errors ---- */

static struct {
  struct cws_error e;
  int retry_after_s;
  const char *allow;
} fault;

static void answer_error(struct site *s, struct http_request *r) {
  (void)s;
  http_reply_error(r, &fault.e, fault.retry_after_s, fault.allow);
}

static void fail_with(struct site *s, int code, const char *message, int retry_after_s,
                      const char *allow) {
  memset(&fault, 0, sizeof fault);
  fault.e.code = code;
  snprintf(fault.e.message, sizeof fault.e.message, "%s", message);
  fault.retry_after_s = retry_after_s;
  fault.allow = allow;
  s->on_request = answer_error;
  ask(s, GET("/"));
}

static void an_error_says_its_code_message_and_whether_it_will_pass(void **state) {
  struct site *s = *state;
  fail_with(s, CWS_EBADJSON, "line 1: '\"' expected", 0, NULL);
  assert_int_equal(s->status, 400);
  assert_string_equal(s->body.data,
                      "{\"error\":{\"code\":\"bad_json\",\"message\":\"line 1: '\\\"' expected\","
                      "\"temporary\":false}}");
  fail_with(s, CWS_ESTORE, "", 0, NULL); /* without a message: the table's */
  assert_int_equal(s->status, 503);
  assert_string_equal(s->body.data,
                      "{\"error\":{\"code\":\"store_unavailable\","
                      "\"message\":\"the store cannot take it now\",\"temporary\":true}}");
  assert_null(strstr(s->head.data, "Retry-After"));
  assert_null(strstr(s->head.data, "Allow"));
}

static void every_code_has_the_status_of_the_table(void **state) {
  struct site *s = *state;
#define CASE(symbol, value, name, http_status, is_temporary, text)                                 \
  fail_with(s, symbol, "m", 0, NULL);                                                              \
  assert_error(s, (http_status) != 0 ? (http_status) : 500, name);                                 \
  assert_non_null(                                                                                 \
      strstr(s->body.data, (is_temporary) ? "\"temporary\":true" : "\"temporary\":false"));
  CWS_ERROR_TABLE(CASE)
#undef CASE
  assert_int_equal(s->closes, 0); /* an error of a handler's does not end the connection */
}

static void what_the_client_can_do_is_in_the_headers(void **state) {
  struct site *s = *state;
  fail_with(s, CWS_ERATELIMITED, "", 7, NULL);
  assert_int_equal(s->status, 429);
  assert_true(has_header(s, "Retry-After: 7"));
  fail_with(s, CWS_EMETHOD, "", 0, "GET, POST");
  assert_int_equal(s->status, 405);
  assert_true(has_header(s, "Allow: GET, POST"));
  fail_with(s, CWS_ENOTOKEN, "", 0, NULL);
  assert_int_equal(s->status, 401);
  assert_true(has_header(s, "WWW-Authenticate: Bearer"));
  fail_with(s, CWS_EFORBIDDEN, "", 0, NULL);
  assert_null(strstr(s->head.data, "WWW-Authenticate"));
}

static void an_error_to_head_has_no_body(void **state) {
  struct site *s = *state;
  fail_with(s, CWS_EUNKNOWNROUTE, "", 0, NULL);
  say(s, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  take_answer_to_head(s);
  assert_int_equal(s->status, 404);
  s->on_request = NULL;
  assert_goes_on(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SITE(every_answer_has_the_headers_that_keep_browsers_safe),
      SITE(a_page_has_a_policy_of_its_own_in_place_of_the_strictest),
      SITE(the_date_is_in_the_one_right_form),
      SITE(an_answer_says_its_status_type_length_and_headers),
      SITE(json_is_the_type_if_none_is_said),
      SITE(a_head_has_the_length_but_no_body),
      SITE(what_has_no_content_has_neither_type_nor_length),
      SITE(an_error_says_its_code_message_and_whether_it_will_pass),
      SITE(every_code_has_the_status_of_the_table),
      SITE(what_the_client_can_do_is_in_the_headers),
      SITE(an_error_to_head_has_no_body),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
