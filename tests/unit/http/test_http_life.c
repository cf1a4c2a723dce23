/* One connection, many requests: answered in order and one at a time, kept or ended as the client
 * and the hub want. */
#include "tests/unit/http/site.h"

#include <stdlib.h>
#include <string.h>

static void a_request_is_answered(void **state) {
  struct site *s = *state;
  assert_int_equal(ask(s, GET("/a/b?c=d")), 200);
  assert_body(s, "GET /a/b ");
  assert_int_equal(s->replies, 1);
  assert_int_equal(s->last_reply, 200);
  assert_int_equal(http_connection_count(s->server, s->rig.loop), 1);
}

static void the_bytes_of_a_request_may_come_one_by_one(void **state) {
  struct site *s = *state;
  static const char request[] = "\r\nPOST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
  for (size_t i = 0; i < sizeof request - 1; i++) {
    say_bytes(s, request + i, 1);
    rig_turn(&s->rig);
  }
  take_answer(s);
  assert_body(s, "POST /x abc");
  assert_goes_on(s);
}

static void a_connection_is_kept_for_the_next_request(void **state) {
  struct site *s = *state;
  for (int i = 0; i < 5; i++) {
    assert_int_equal(ask(s, GET("/a")), 200);
    assert_false(has_header(s, "Connection: close"));
  }
  assert_int_equal(s->requests, 5);
  assert_int_equal(s->closes, 0);
}

static void a_client_that_says_close_is_closed_after_the_answer(void **state) {
  struct site *s = *state;
  assert_int_equal(ask(s, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), 200);
  assert_true(has_header(s, "Connection: close"));
  assert_ends(s);
  far_free(&s->far);
  WAIT_FOR(&s->rig, s->closes == 1);
}

static void http_1_0_ends_unless_it_asks_to_be_kept(void **state) {
  struct site *s = *state;
  assert_int_equal(ask(s, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 200);
  assert_true(has_header(s, "Connection: keep-alive"));
  assert_int_equal(ask(s, "GET /a HTTP/1.0\r\n\r\n"), 200);
  assert_true(has_header(s, "Connection: close"));
  assert_ends(s);
}

static void reply_and_close(struct site *s, struct http_request *r) {
  (void)s;
  http_reply(r, &(struct http_response){.status = 200, .body = "x", .body_len = 1, .close = true});
}

static void a_handler_may_end_the_connection(void **state) {
  struct site *s = *state;
  s->on_request = reply_and_close;
  assert_int_equal(ask(s, GET("/a") GET("/b")), 200);
  assert_true(has_header(s, "Connection: close"));
  assert_ends(s);
  assert_int_equal(s->requests, 1);
}

static void close_after_any(struct site *s, struct http_request *r) {
  (void)s;
  http_close_after(r);
  http_reply_json(r, 200, "x", 1);
}

static void a_handler_may_end_it_before_the_answer_is_known(void **state) {
  struct site *s = *state;
  s->on_request = close_after_any;
  assert_int_equal(ask(s, GET("/a")), 200);
  assert_true(has_header(s, "Connection: close"));
  assert_ends(s);
}

/* ---- pipelining ---- */

static void pipelined_requests_are_answered_in_order(void **state) {
  struct site *s = *state;
  say(s, GET("/1") "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok" GET("/3"));
  take_answer(s);
  assert_body(s, "GET /1 ");
  take_answer(s);
  assert_body(s, "POST /2 ok");
  take_answer(s);
  assert_body(s, "GET /3 ");
  assert_goes_on(s);
}

static void pipelined_requests_are_handed_on_one_at_a_time(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, GET("/1") GET("/2"));
  WAIT_FOR(&s->rig, s->holding == 1);
  say(s, GET("/3")); /* comes while the first is with its handler */
  site_settle(s);
  for (int i = 1; i <= 3; i++) {
    const char path[] = {'/', (char)('0' + i), '\0'};
    WAIT_FOR(&s->rig, s->holding == 1);
    assert_string_equal(http_path(s->held[0]), path);
    assert_int_equal(s->requests, i);
    site_release(s, path);
    take_answer(s);
    assert_body(s, path);
  }
}

static void a_request_split_over_what_waits_is_whole(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, GET("/1") "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Le");
  WAIT_FOR(&s->rig, s->holding == 1);
  say(s, "ngth: 4\r\n\r\nab");
  site_settle(s);
  site_release(s, "one");
  take_answer(s);
  site_settle(s);
  assert_int_equal(s->requests, 1);
  s->on_request = NULL;
  say(s, "cd");
  take_answer(s);
  assert_body(s, "POST /2 abcd");
}

/* Many at once, each answered at once: it must not go deeper with each. */
static void a_thousand_pipelined_requests_are_answered(void **state) {
  struct site *s = *state;
  struct buf b;
  enum { COUNT = 1000 };
  buf_init(&b);
  for (int i = 0; i < COUNT; i++)
    buf_add_str(&b, GET("/a"));
  say_bytes(s, b.data, b.len);
  buf_finish(&b);
  for (int i = 0; i < COUNT; i++) {
    take_answer(s);
    assert_body(s, "GET /a ");
  }
  assert_int_equal(s->requests, COUNT);
}

/* What a client sends while its request is answered is not all taken into memory. */
static void answer_at_length(struct site *s, struct http_request *r) {
  enum { LEN = 4 << 20 };
  char *bytes = calloc(1, LEN);
  (void)s;
  http_reply_json(r, 200, bytes, LEN);
  free(bytes);
}

/* Else a packet of small requests would make the hub hold a large answer to each. */
static void who_asks_ahead_and_does_not_read_is_answered_no_further(void **state) {
  struct site *s = *state;
  s->on_request = answer_at_length;
  for (int i = 0; i < 20; i++)
    say(s, GET("/a"));
  site_settle(s);
  assert_int_equal(s->requests, 1);
  for (int i = 1; i <= 20; i++) {
    take_answer(s);
    assert_int_equal(s->body.len, 4 << 20);
    assert_in_range(s->requests, i, i + 1);
  }
  s->on_request = NULL;
  assert_goes_on(s);
}

static void who_sends_while_being_answered_has_to_wait(void **state) {
  struct site *s = *state;
  enum { MUCH = 4 << 20 };
  char *bytes = malloc(MUCH);
  memset(bytes, 'x', MUCH);
  s->on_request = site_hold;
  say(s, GET("/1"));
  WAIT_FOR(&s->rig, s->holding == 1);
  size_t sent = 0;
  for (int quiet = 0; quiet < 20 && sent < MUCH; rig_turn(&s->rig)) {
    size_t n = far_send_some(&s->far, bytes, MUCH - sent);
    sent += n;
    quiet = n > 0 ? 0 : quiet + 1;
  }
  assert_true(sent < MUCH);
  free(bytes);
  site_release(s, "one"); /* and then what it sent is read, and is no request */
  take_answer(s);
  take_answer(s);
  assert_error(s, 400, "bad_request");
}

/* ---- answers that are read slowly ---- */

enum { BIG = 2 << 20 };

static void reply_big(struct site *s, struct http_request *r) {
  char *bytes = calloc(1, BIG);
  (void)s;
  http_reply_json(r, 200, bytes, BIG);
  free(bytes);
}

static int fired;

static void on_timer(struct timer *timer) {
  (void)timer;
  fired++;
}

/* The client takes its time, longer than the hub lingers for an end to be read. */
static void take_slowly(struct site *s, const char *request) {
  struct timer timer = {0};
  s->on_request = reply_big;
  s->limits.linger_ms = 20;
  site_restart(s);
  fired = 0;
  say(s, request);
  WAIT_FOR(&s->rig, s->replies == 1);
  timer_arm(loop_wheel(s->rig.loop), &timer, 200, on_timer);
  WAIT_FOR(&s->rig, fired == 1);
  take_answer(s);
  assert_int_equal(s->body.len, BIG);
}

static void a_last_answer_is_sent_whole_however_slowly_it_is_read(void **state) {
  struct site *s = *state;
  take_slowly(s, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  assert_ends(s);
}

static void an_answer_is_sent_whole_however_slowly_it_is_read(void **state) {
  struct site *s = *state;
  take_slowly(s, GET("/a"));
  s->on_request = NULL;
  assert_goes_on(s);
}

static void who_never_reads_the_last_answer_is_cut_in_the_end(void **state) {
  struct site *s = *state;
  s->on_request = reply_big;
  s->limits.linger_ms = 20;
  s->limits.idle_timeout_ms = 50;
  site_restart(s);
  say(s, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  WAIT_FOR(&s->rig, s->closes == 1);
}

/* ---- draining ---- */

static void draining_ends_an_idle_connection_now(void **state) {
  struct site *s = *state;
  assert_goes_on(s);
  http_drain(s->server, s->rig.loop);
  assert_ends(s);
}

static void draining_ends_a_busy_connection_after_its_answer(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, GET("/1") GET("/2"));
  WAIT_FOR(&s->rig, s->holding == 1);
  http_drain(s->server, s->rig.loop);
  site_settle(s);
  assert_false(far_has_ended(&s->far));
  site_release(s, "one");
  take_answer(s);
  assert_body(s, "one");
  assert_true(has_header(s, "Connection: close"));
  assert_ends(s);
  assert_int_equal(s->requests, 1); /* the second was not begun */
}

static void draining_lets_a_request_that_has_begun_come_in(void **state) {
  struct site *s = *state;
  say(s, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
  site_settle(s);
  http_drain(s->server, s->rig.loop);
  site_settle(s);
  say(s, "cd");
  take_answer(s);
  assert_body(s, "POST /1 abcd");
  assert_ends(s);
}

/* ---- who leaves ---- */

static void who_leaves_between_requests_is_gone_once(void **state) {
  struct site *s = *state;
  assert_goes_on(s);
  far_free(&s->far);
  WAIT_FOR(&s->rig, s->closes == 1);
  assert_int_equal(http_connection_count(s->server, s->rig.loop), 0);
}

static void who_leaves_amid_a_request_leaves_nothing(void **state) {
  struct site *s = *state;
  say(s, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
  site_settle(s);
  far_reset(&s->far);
  WAIT_FOR(&s->rig, s->closes == 1);
  assert_int_equal(s->requests, 0);
}

static void the_handler_of_a_request_hears_that_its_client_has_gone(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
  WAIT_FOR(&s->rig, s->holding == 1);
  struct http_request *r = s->held[0];
  assert_false(http_is_gone(r));
  assert_non_null(http_connection(r));
  assert_string_equal(http_peer(r)->address, "127.0.0.1");
  connection_abort(s->c);
  WAIT_FOR(&s->rig, s->closes == 1);
  assert_int_equal(s->gone, 1);
  assert_true(http_is_gone(r));
  assert_null(http_connection(r));
  assert_ptr_equal(http_loop(r), s->rig.loop);
  assert_string_equal(http_path(r), "/1"); /* it can be read until it is answered */
  int replies = s->replies;
  site_release(s, "late"); /* only frees */
  assert_int_equal(s->replies, replies);
}

/* nc does so, and proxies: there is nothing more to ask, but an answer to be read. */
static void who_has_said_all_and_shuts_down_its_side_is_answered(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
  WAIT_FOR(&s->rig, s->holding == 1);
  far_finish(&s->far);
  site_settle(s);
  assert_int_equal(s->closes, 0);
  site_release(s, "late");
  take_answer(s);
  assert_body(s, "late");
  WAIT_FOR(&s->rig, s->closes == 1);
  assert_int_equal(s->gone, 0);
}

static void who_shuts_down_its_side_is_answered_all_that_it_asked(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, GET("/1") GET("/2"));
  far_finish(&s->far);
  for (int i = 0; i < 2; i++) {
    WAIT_FOR(&s->rig, s->holding == 1);
    site_settle(s);
    site_release(s, "late");
    take_answer(s);
    assert_body(s, "late");
  }
  WAIT_FOR(&s->rig, s->closes == 1);
}

static void a_late_error_for_who_has_gone_only_frees(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, GET("/1"));
  WAIT_FOR(&s->rig, s->holding == 1);
  connection_abort(s->c);
  WAIT_FOR(&s->rig, s->gone == 1);
  const struct cws_error e = {.code = CWS_EUNKNOWNREQUEST};
  s->holding = 0;
  http_add_header(s->held[0], "X-Late", "yes");
  http_reply_error(s->held[0], &e, 1, "GET");
  assert_int_equal(s->replies, 0);
}

static void freeing_no_server_is_fine(void **state) {
  (void)state;
  http_server_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SITE(a_request_is_answered),
      SITE(the_bytes_of_a_request_may_come_one_by_one),
      SITE(a_connection_is_kept_for_the_next_request),
      SITE(a_client_that_says_close_is_closed_after_the_answer),
      SITE(http_1_0_ends_unless_it_asks_to_be_kept),
      SITE(a_handler_may_end_the_connection),
      SITE(a_handler_may_end_it_before_the_answer_is_known),
      SITE(pipelined_requests_are_answered_in_order),
      SITE(pipelined_requests_are_handed_on_one_at_a_time),
      SITE(a_request_split_over_what_waits_is_whole),
      SITE(a_thousand_pipelined_requests_are_answered),
      SITE(who_asks_ahead_and_does_not_read_is_answered_no_further),
      SITE(who_sends_while_being_answered_has_to_wait),
      SITE(a_last_answer_is_sent_whole_however_slowly_it_is_read),
      SITE(an_answer_is_sent_whole_however_slowly_it_is_read),
      SITE(who_never_reads_the_last_answer_is_cut_in_the_end),
      SITE(draining_ends_an_idle_connection_now),
      SITE(draining_ends_a_busy_connection_after_its_answer),
      SITE(draining_lets_a_request_that_has_begun_come_in),
      SITE(who_leaves_between_requests_is_gone_once),
      SITE(who_leaves_amid_a_request_leaves_nothing),
      SITE(the_handler_of_a_request_hears_that_its_client_has_gone),
      SITE(who_has_said_all_and_shuts_down_its_side_is_answered),
      SITE(who_shuts_down_its_side_is_answered_all_that_it_asked),
      SITE(a_late_error_for_who_has_gone_only_frees),
      cmocka_unit_test(freeing_no_server_is_fine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
