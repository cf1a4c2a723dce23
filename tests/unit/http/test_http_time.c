/* Who is too slow is told (408) or closed. The limits are small here; the tests wait on the socket.
 */
#include "tests/unit/http/site.h"

/* Only the one that is tested is small. */
static struct site *with_limits(void **state, int64_t header_ms, int64_t body_ms, int64_t idle_ms) {
  struct site *s = *state;
  s->limits.header_timeout_ms = header_ms;
  s->limits.body_timeout_ms = body_ms;
  s->limits.idle_timeout_ms = idle_ms;
  site_restart(s);
  return s;
}

enum { SOON = 40, LONG = 60000 };

static void headers_that_do_not_come_in_time_are_408(void **state) {
  struct site *s = with_limits(state, SOON, LONG, LONG);
  assert_int_equal(ask(s, "GET / HTTP/1.1\r\nHost: "), 408);
  assert_error(s, 408, "timeout");
  assert_true(has_header(s, "Connection: close"));
  assert_ends(s);
  assert_int_equal(s->requests, 0);
}

/* A byte now and then does not win more time. */
static void headers_that_trickle_are_408(void **state) {
  struct site *s = with_limits(state, SOON, LONG, LONG);
  say(s, "GET / HTTP/1.1\r\nX: ");
  WAIT_FOR(&s->rig, (far_send_some(&s->far, "x", 1), far_has(&s->far) > 0));
  take_answer(s);
  assert_error(s, 408, "timeout");
}

static void a_body_that_does_not_come_in_time_is_408(void **state) {
  struct site *s = with_limits(state, LONG, SOON, LONG);
  assert_int_equal(ask(s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc"), 408);
  assert_error(s, 408, "timeout");
  assert_ends(s);
  assert_int_equal(s->requests, 0);
}

static void a_chunked_body_that_does_not_end_in_time_is_408(void **state) {
  struct site *s = with_limits(state, LONG, SOON, LONG);
  say(s, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  take_answer(s);
  assert_error(s, 408, "timeout");
}

static void who_says_nothing_at_all_is_closed_without_a_word(void **state) {
  struct site *s = with_limits(state, LONG, LONG, SOON);
  assert_ends(s);
}

static void who_says_nothing_more_is_closed_without_a_word(void **state) {
  struct site *s = with_limits(state, LONG, LONG, SOON);
  assert_int_equal(ask(s, GET("/a")), 200);
  assert_ends(s);
}

/* The time of each stage begins anew: none of these is idle, nor waits for headers. */
static void no_deadline_runs_while_a_request_is_answered(void **state) {
  struct site *s = with_limits(state, SOON, SOON, SOON);
  s->on_request = site_hold;
  say(s, GET("/a"));
  WAIT_FOR(&s->rig, s->holding == 1);
  int64_t now = timer_wheel_now(loop_wheel(s->rig.loop));
  WAIT_FOR(&s->rig, timer_wheel_now(loop_wheel(s->rig.loop)) > now + 4 * SOON);
  site_release(s, "late");
  take_answer(s);
  assert_body(s, "late");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SITE(headers_that_do_not_come_in_time_are_408),
      SITE(headers_that_trickle_are_408),
      SITE(a_body_that_does_not_come_in_time_is_408),
      SITE(a_chunked_body_that_does_not_end_in_time_is_408),
      SITE(who_says_nothing_at_all_is_closed_without_a_word),
      SITE(who_says_nothing_more_is_closed_without_a_word),
      SITE(no_deadline_runs_while_a_request_is_answered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
