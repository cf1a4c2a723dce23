/* Whose body is read at all, and how many bytes of bodies there are at once. */
#include "tests/unit/http/site.h"

#include <stdlib.h>
#include <string.h>

#define POST "POST /a HTTP/1.1\r\nHost: h\r\n"

/* ---- on_headers ---- */

static bool refuse_it(struct site *s, struct http_request *r) {
  (void)s;
  struct cws_error e = {.code = CWS_ENOTOKEN};
  http_add_header(r, "X-Said", "before");
  http_reply_error(r, &e, 0, NULL);
  return false;
}

static bool admit_it(struct site *s, struct http_request *r) {
  (void)s;
  size_t len;
  http_body(r, &len);
  assert_string_equal(http_header(r, "host"), "h");
  assert_string_equal(http_path(r), "/a");
  http_add_header(r, "X-Said", "before");
  return true;
}

static void who_is_refused_by_the_headers_is_told_before_the_body_comes(void **state) {
  struct site *s = *state;
  s->on_headers = refuse_it;
  assert_int_equal(ask(s, POST "Content-Length: 1000000\r\n\r\n"), 401);
  assert_error(s, 401, "no_token");
  assert_true(has_header(s, "Connection: close"));
  assert_ends(s);
  assert_int_equal(s->requests, 0);
}

static void who_is_refused_by_the_headers_is_not_told_to_go_on(void **state) {
  struct site *s = *state;
  s->on_headers = refuse_it;
  assert_int_equal(ask(s, POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"), 401);
  assert_ends(s);
}

/* Were they read on, they would be taken for a request. */
static void what_follows_the_refused_headers_is_thrown_away(void **state) {
  struct site *s = *state;
  s->on_headers = refuse_it;
  assert_int_equal(ask(s, POST "Content-Length: 1000\r\n\r\n" GET("/smuggled")), 401);
  assert_ends(s);
  assert_int_equal(s->requests, 0);
  assert_int_equal(s->replies, 1);
}

static void who_is_admitted_by_the_headers_is_heard_out(void **state) {
  struct site *s = *state;
  s->on_headers = admit_it;
  say(s, POST "Content-Length: 5\r\n\r\nhe");
  site_settle(s);
  assert_int_equal(ask(s, "llo"), 200);
  assert_body(s, "POST /a hello");
  assert_false(has_header(s, "X-Said: before"));
  assert_goes_on(s);
}

static void a_body_that_came_with_its_headers_needs_no_asking(void **state) {
  struct site *s = *state;
  s->on_headers = refuse_it;
  assert_int_equal(ask(s, POST "Content-Length: 5\r\n\r\nhello"), 200);
  assert_goes_on(s);
}

static bool keep_it(struct site *s, struct http_request *r) {
  site_hold(s, r);
  return false;
}

static void the_refusal_may_come_later(void **state) {
  struct site *s = *state;
  s->on_headers = keep_it;
  say(s, POST "Content-Length: 5\r\n\r\n");
  WAIT_FOR(&s->rig, s->holding == 1);
  site_release(s, "no");
  take_answer(s);
  assert_body(s, "no");
  assert_ends(s);
}

static void who_is_gone_before_the_refusal_is_let_go(void **state) {
  struct site *s = *state;
  s->on_headers = keep_it;
  say(s, POST "Content-Length: 5\r\n\r\n");
  WAIT_FOR(&s->rig, s->holding == 1);
  far_reset(&s->far);
  WAIT_FOR(&s->rig, s->gone == 1);
}

/* ---- the budget of bodies ---- */

static void begin_body(struct far_end *far, struct site *s, int declared, size_t len) {
  static const char bytes[64];
  struct buf b;
  int fd;
  struct connection *c;
  buf_init(&b);
  buf_addf(&b, POST "Content-Length: %d\r\n\r\n", declared);
  buf_add(&b, bytes, len);
  far_pair(FAR_V4, &fd, far);
  assert_int_equal(http_serve(s->server, s->rig.loop, fd, false, &c), 0);
  assert_int_equal(far_send_some(far, b.data, b.len), b.len);
  buf_finish(&b);
  site_settle(s);
}

static void bodies_beyond_the_budget_are_503_until_others_are_over(void **state) {
  struct site *s = *state;
  struct far_end first, second;
  s->limits.max_bodies_bytes = 100;
  s->limits.small_body_bytes = 0;
  site_restart(s);
  begin_body(&first, s, 60, 50);
  begin_body(&second, s, 60, 45);
  assert_int_equal(ask(s, POST "Content-Length: 5\r\n\r\n01234"), 200); /* 100 in all */
  assert_int_equal(ask(s, POST "Content-Length: 6\r\n\r\n012345"), 503);
  assert_error(s, 503, "busy");
  assert_true(has_header(s, "Retry-After: 1"));
  assert_ends(s);

  far_free(&s->far);
  far_reset(&first); /* unanswered, and given back all the same */
  WAIT_FOR(&s->rig, http_connection_count(s->server, s->rig.loop) == 1);
  begin_body(&s->far, s, 1, 1); /* a new connection, and a first answer */
  take_answer(s);
  char whole[128] = POST "Content-Length: 50\r\n\r\n";
  memset(whole + strlen(whole), 'x', 50);
  for (int i = 0; i < 3; i++) /* and what is answered is given back, too */
    assert_int_equal(ask(s, whole), 200);
  far_free(&first);
  far_free(&second);
}

static void small_bodies_are_outside_the_budget(void **state) {
  struct site *s = *state;
  struct far_end hog;
  s->limits.max_bodies_bytes = 40;
  s->limits.small_body_bytes = 10;
  site_restart(s);
  begin_body(&hog, s, 60, 50);
  assert_int_equal(ask(s, POST "Content-Length: 10\r\n\r\n0123456789"), 200);
  assert_int_equal(ask(s, POST "Content-Length: 11\r\n\r\n0123456789x"), 503);
  assert_ends(s);
  far_free(&hog);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SITE(who_is_refused_by_the_headers_is_told_before_the_body_comes),
      SITE(who_is_refused_by_the_headers_is_not_told_to_go_on),
      SITE(what_follows_the_refused_headers_is_thrown_away),
      SITE(who_is_admitted_by_the_headers_is_heard_out),
      SITE(a_body_that_came_with_its_headers_needs_no_asking),
      SITE(the_refusal_may_come_later),
      SITE(who_is_gone_before_the_refusal_is_let_go),
      SITE(small_bodies_are_outside_the_budget),
      SITE(bodies_beyond_the_budget_are_503_until_others_are_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
