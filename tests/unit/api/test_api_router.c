/* router: which route a request goes to, and what every route has in front of it. */
#include "tests/unit/api/desk.h"

#include <stdio.h>
#include <unistd.h>

/* ---- routes and methods ---- */

static void a_path_that_is_no_route_is_unknown(void **state) {
  struct desk *d = *state;
  static const char *const PATHS[] = {"/x",
                                      "/api",
                                      "/api/v1",
                                      "/api/v2/requests",
                                      "/api/v1/requests/r/events/1",
                                      "/api/v1/requests/r/nothing",
                                      "/api/v1/ws",
                                      "/API/v1/requests",
                                      "/healthz",
                                      "/metrics/x",
                                      "//api/v1/requests",
                                      "/a/b/c/d/e/f/g/h/i/j"};
  for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
    ask(d, NULL, PATHS[i], d->ann);
    expect_error(d, 404, "unknown_route", "");
  }
}

static void a_slash_at_the_end_changes_nothing(void **state) {
  struct desk *d = *state;
  ask(d, NULL, "/api/v1/requests/", d->ann);
  assert_int_equal(d->reply.status, 200);
  ask(d, NULL, "/api/v1/requests/none/", d->ann);
  expect_error(d, 404, "unknown_request", "");
}

static void another_method_is_told_which_ones_there_are(void **state) {
  struct desk *d = *state;
  static const struct {
    const char *method, *path, *allow;
  } CASES[] = {
      {"POST", "/api/v1/requests", "GET, HEAD"},
      {"PUT", "/api/v1/requests/r", "GET, HEAD, DELETE"},
      {"POST", "/api/v1/requests/r", "GET, HEAD, DELETE"},
      {"DELETE", "/api/v1/requests/r/events", "POST, GET, HEAD"},
      {"PATCH", "/api/v1/requests/r/events", "POST, GET, HEAD"},
      {"POST", "/api/v1/ws/status", "GET, HEAD"},
      {"POST", "/api/v1/ws/r", "GET, HEAD"},
      {"POST", "/healthz/live", "GET, HEAD"},
      {"DELETE", "/healthz/ready", "GET, HEAD"},
      {"OPTIONS", "/metrics", "GET, HEAD"},
      {"PROPFIND", "/metrics", "GET, HEAD"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    ask(d, CASES[i].method, CASES[i].path, d->ann);
    expect_error(d, 405, "method_not_allowed", "");
    expect_header(d, "allow", CASES[i].allow);
  }
}

static void head_is_answered_like_get_without_the_body(void **state) {
  struct desk *d = *state;
  static const char *const PATHS[] = {"/api/v1/requests/r", "/api/v1/requests/r/events",
                                      "/api/v1/requests", "/healthz/live", "/api/v1/requests/none"};
  post(d, "r", NULL, "{\"type\":\"t\"}");
  for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
    ask(d, "GET", PATHS[i], d->ann);
    int status = d->reply.status;
    size_t len = d->reply.len;
    ask(d, "HEAD", PATHS[i], d->ann);
    assert_int_equal(d->reply.status, status);
    assert_int_equal(strtoul(raw_header(&d->reply, "content-length"), NULL, 10), len);
  }
}

static void a_connection_stays_in_step_after_head(void **state) {
  struct desk *d = *state;
  struct raw_reply reply;
  int fd = raw_connect(d->port);
  raw_sendf(fd, "HEAD /healthz/live HTTP/1.1\r\nHost: h\r\n\r\n"
                "GET /healthz/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  raw_read_reply(fd, true, &reply);
  raw_reply_free(&reply);
  raw_read_reply(fd, false, &reply);
  raw_assert_json(&reply, 200, "{\"status\":\"ok\"}");
  raw_reply_free(&reply);
  raw_read_end(fd);
  close(fd);
}

static void a_request_id_is_checked_on_every_route_that_has_one(void **state) {
  struct desk *d = *state;
  char path[256];
  static const char *const BAD[] = {"a%20b", "a%2Fb", "status", "%C3%A9", ""};
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
    snprintf(path, sizeof path, "/api/v1/requests/%s/events", BAD[i]);
    ask(d, NULL, path, d->ann);
    expect_error(d, 400, "bad_request", "request_id");
    post_to(d, path, d->ann, NULL, "{\"type\":\"t\"}");
    expect_error(d, 400, "bad_request", "request_id");
  }
  snprintf(path, sizeof path, "/api/v1/requests/%0*d", 129, 0);
  ask(d, NULL, path, d->ann);
  expect_error(d, 400, "bad_request", "request_id");
  ask(d, "DELETE", "/api/v1/requests/a%2Cb", d->ann);
  expect_error(d, 400, "bad_request", "request_id");
  snprintf(path, sizeof path, "/api/v1/requests/%0*d", 128, 0);
  ask(d, NULL, path, d->ann);
  expect_error(d, 404, "unknown_request", "");
  post_to(d, "/api/v1/requests/A%2da.z_~:9/events", d->ann, NULL, "{\"type\":\"t\"}");
  expect_published(d, 1, 1, false);
  assert_string_equal(raw_str(&d->reply, "request_id"), "A-a.z_~:9");
}

static void every_answer_says_that_it_is_no_page(void **state) {
  struct desk *d = *state;
  static const char *const PATHS[] = {"/api/v1/requests", "/healthz/live", "/nothing"};
  for (size_t i = 0; i < 3; i++) {
    ask(d, NULL, PATHS[i], d->ann);
    expect_header(d, "x-content-type-options", "nosniff");
    expect_header(d, "cache-control", "no-store");
    assert_non_null(raw_header(&d->reply, "date"));
    expect_header(d, "server", NULL);
  }
}

/* ---- tokens ---- */

static void expect_refused_token(struct desk *d, const char *headers, int status,
                                 const char *code) {
  static const char *const PATHS[] = {"/api/v1/requests", "/api/v1/requests/r",
                                      "/api/v1/requests/r/events"};
  for (size_t i = 0; i < 3; i++) {
    ask_with(d, NULL, PATHS[i], NULL, headers);
    expect_error(d, status, code, "");
  }
}

static void expect_bad(struct desk *d, char *token, const char *code) {
  char *header = malloc(strlen(token) + 64);
  sprintf(header, "Authorization: Bearer %s\r\n", token);
  expect_refused_token(d, header, 401, code);
  assert_null(strstr(d->reply.body, token)); /* never shown again */
  free(header);
  free(token);
}

static void without_a_token_there_is_nothing(void **state) {
  struct desk *d = *state;
  expect_refused_token(d, NULL, 401, "no_token");
  expect_refused_token(d, "Authorization: Bearer \r\n", 401, "no_token");
  expect_refused_token(d, "Authorization: Basic YTpi\r\n", 401, "no_token");
  post_to(d, "/api/v1/requests/r/events", NULL, NULL, "not even JSON");
  expect_error(d, 401, "no_token", "");
  ask(d, NULL, "/api/v1/requests/not%20one", NULL); /* before it says anything of the rest */
  expect_error(d, 401, "no_token", "");
}

static void a_token_that_does_not_hold_is_refused(void **state) {
  struct desk *d = *state;
  char *cut = live_token_all();
  cut[strlen(cut) - 4] = '\0';
  expect_bad(d, strdup("nonsense"), "bad_token");
  expect_bad(d, cut, "bad_token");
  expect_bad(d,
             live_token(&(struct live_token){.subscribe = "*",
                                             .secret = "someone-elses-secret-of-32-bytes!"}),
             "bad_token");
  /* {"alg":"none"} . {"sub":"ann","exp":9999999999} */
  expect_bad(d, strdup("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJleHAiOjk5OTk5OTk5OTl9."),
             "bad_token");
}

static void a_token_that_has_expired_says_so(void **state) {
  struct desk *d = *state;
  expect_bad(d, live_token(&(struct live_token){.subscribe = "*", .age_s = 7200, .ttl_s = 60}),
             "token_expired");
  /* Clocks differ: a minute is forgiven. */
  char *late = live_token(&(struct live_token){.subscribe = "*", .age_s = 70, .ttl_s = 40});
  ask(d, NULL, "/api/v1/requests", late);
  assert_int_equal(d->reply.status, 200);
  free(late);
}

static void the_scheme_of_a_token_is_written_in_any_case(void **state) {
  struct desk *d = *state;
  char header[1024];
  snprintf(header, sizeof header, "authorization: bearer   %s\r\n", d->ann);
  ask_with(d, NULL, "/api/v1/requests", NULL, header);
  assert_int_equal(d->reply.status, 200);
}

static void a_token_in_the_query_is_for_websockets_only(void **state) {
  struct desk *d = *state;
  char path[1024];
  snprintf(path, sizeof path, "/api/v1/requests?token=%s", d->ann);
  ask(d, NULL, path, NULL);
  expect_error(d, 401, "no_token", "");
}

/* ---- pages of other origins ---- */

#define OWN "Origin: http://hub\r\n"
#define LISTED "Origin: https://app.example\r\n"
#define STRANGE "Origin: https://evil.example\r\n"

static void a_page_that_may_reads_the_answer(void **state) {
  struct desk *d = *state;
  post(d, "cors", NULL, "{\"type\":\"t\"}");
  ask_with(d, NULL, "/api/v1/requests/cors", d->ann, LISTED);
  assert_int_equal(d->reply.status, 200);
  expect_header(d, "access-control-allow-origin", "https://app.example");
  expect_header(d, "vary", "Origin");
  assert_non_null(strstr(raw_header(&d->reply, "access-control-expose-headers"), "Link"));
  ask_with(d, NULL, "/api/v1/requests/none", d->ann, LISTED); /* and why it failed */
  expect_error(d, 404, "unknown_request", "");
  expect_header(d, "access-control-allow-origin", "https://app.example");
  ask_with(d, NULL, "/api/v1/requests/cors", d->ann, OWN);
  assert_int_equal(d->reply.status, 200);
  ask(d, NULL, "/api/v1/requests/cors", d->ann);
  expect_header(d, "access-control-allow-origin", NULL);
}

static void a_page_that_may_not_is_refused_on_every_route_of_the_api(void **state) {
  struct desk *d = *state;
  static const char *const PATHS[] = {"/api/v1/requests", "/api/v1/requests/cors",
                                      "/api/v1/ws/status", "/api/v1/nothing"};
  for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
    ask_with(d, NULL, PATHS[i], d->ann, STRANGE);
    expect_error(d, 403, "bad_origin", "");
    expect_header(d, "access-control-allow-origin", NULL);
  }
  post(d, "cors", STRANGE, "{\"type\":\"t\"}");
  expect_error(d, 403, "bad_origin", "");
  ask_with(d, "OPTIONS", "/api/v1/requests", NULL, STRANGE);
  expect_error(d, 403, "bad_origin", "");
  ask_with(d, NULL, "/api/v1/requests", d->ann, "Origin: null\r\n");
  expect_error(d, 403, "bad_origin", "");
  ask_with(d, NULL, "/api/v1/requests", d->ann, "Origin: https://app.example.evil\r\n");
  expect_error(d, 403, "bad_origin", "");
}

static void a_browsers_first_question_needs_no_token(void **state) {
  struct desk *d = *state;
  ask_with(d, "OPTIONS", "/api/v1/requests/cors/events", NULL,
           LISTED "Access-Control-Request-Method: POST\r\n"
                  "Access-Control-Request-Headers: authorization\r\n");
  assert_int_equal(d->reply.status, 204);
  assert_int_equal(d->reply.len, 0);
  expect_header(d, "content-length", NULL);
  expect_header(d, "access-control-allow-origin", "https://app.example");
  expect_header(d, "access-control-allow-methods", "POST, GET, HEAD");
  assert_non_null(strstr(raw_header(&d->reply, "access-control-allow-headers"), "Authorization"));
  assert_non_null(strstr(raw_header(&d->reply, "access-control-allow-headers"), "Idempotency-Key"));
  ask_with(d, "OPTIONS", "/api/v1/requests/cors", NULL, LISTED);
  expect_header(d, "access-control-allow-methods", "GET, HEAD, DELETE");
  ask_with(d, "OPTIONS", "/api/v1/nothing", NULL, LISTED);
  expect_error(d, 404, "unknown_route", "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_path_that_is_no_route_is_unknown),
      cmocka_unit_test(a_slash_at_the_end_changes_nothing),
      cmocka_unit_test(another_method_is_told_which_ones_there_are),
      cmocka_unit_test(head_is_answered_like_get_without_the_body),
      cmocka_unit_test(a_connection_stays_in_step_after_head),
      cmocka_unit_test(a_request_id_is_checked_on_every_route_that_has_one),
      cmocka_unit_test(every_answer_says_that_it_is_no_page),
      cmocka_unit_test(without_a_token_there_is_nothing),
      cmocka_unit_test(a_token_that_does_not_hold_is_refused),
      cmocka_unit_test(a_token_that_has_expired_says_so),
      cmocka_unit_test(the_scheme_of_a_token_is_written_in_any_case),
      cmocka_unit_test(a_token_in_the_query_is_for_websockets_only),
      cmocka_unit_test(a_page_that_may_reads_the_answer),
      cmocka_unit_test(a_page_that_may_not_is_refused_on_every_route_of_the_api),
      cmocka_unit_test(a_browsers_first_question_needs_no_token),
  };
  return cmocka_run_group_tests(tests, desk_open, desk_close);
}
