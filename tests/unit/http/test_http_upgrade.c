/* A connection that goes over to another protocol: the 101, who hears from then on, and the bytes
 * that came right behind the request. */
#include "tests/unit/http/site.h"

#include <string.h>

#define UPGRADE                                                                                    \
  "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"

static struct {
  struct buf in;
  int closes;
  bool echoes, aborts;
  struct connection *c; /* what http_upgrade returned */
  int datas_inside;     /* on_data calls before it had returned */
} over;

static void on_data(struct connection *c, const char *bytes, size_t len, void *user) {
  assert_ptr_equal(user, &over);
  buf_add(&over.in, bytes, len);
  if (over.c == NULL)
    over.datas_inside++;
  if (over.echoes)
    connection_write(c, bytes, len);
  if (over.aborts)
    connection_abort(c);
}

static void on_close(struct connection *c, void *user) {
  (void)c;
  assert_ptr_equal(user, &over);
  over.closes++;
}

static const struct connection_handlers handlers = {.on_data = on_data, .on_close = on_close};

static void upgrade(struct site *s, struct http_request *r) {
  assert_true(http_wants_upgrade(r));
  struct connection *c = http_connection(r);
  over.c = http_upgrade(r, "X-Extra: 1\r\n", &handlers, &over);
  assert_ptr_equal(over.c, c);
  s->c = NULL;
}

static int set_up(void **state) {
  int rc = site_set_up(state);
  memset(&over, 0, sizeof over);
  buf_init(&over.in);
  ((struct site *)*state)->on_request = upgrade;
  return rc;
}

static int tear_down(void **state) {
  struct site *s = *state;
  far_free(&s->far);
  if (over.c != NULL)
    WAIT_FOR(&s->rig, over.closes == 1);
  buf_finish(&over.in);
  return site_tear_down(state);
}

static bool has_come(const char *text) {
  return over.in.len == strlen(text) && memcmp(over.in.data, text, over.in.len) == 0;
}

static void assert_switched(struct site *s) {
  take_answer_to_head(s);
  assert_int_equal(s->status, 101);
  assert_true(has_header(s, "Upgrade: websocket"));
  assert_true(has_header(s, "Connection: Upgrade"));
  assert_true(has_header(s, "X-Extra: 1"));
  assert_int_equal(http_connection_count(s->server, s->rig.loop), 0);
}

static void a_connection_goes_over_at_once(void **state) {
  struct site *s = *state;
  over.echoes = true;
  say(s, UPGRADE);
  assert_switched(s);
  say(s, GET("/"));
  WAIT_FOR(&s->rig, has_come(GET("/"))); /* it is HTTP no more */
  WAIT_FOR(&s->rig, far_has_text(&s->far, GET("/")));
  assert_int_equal(s->requests, 1);
}

static void a_connection_goes_over_later(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, UPGRADE);
  WAIT_FOR(&s->rig, s->holding == 1);
  s->holding = 0;
  upgrade(s, s->held[0]);
  assert_switched(s);
  say(s, "hello");
  WAIT_FOR(&s->rig, has_come("hello"));
}

static void bytes_right_behind_the_request_come_first(void **state) {
  struct site *s = *state;
  say(s, UPGRADE "early");
  assert_switched(s);
  assert_true(has_come("early"));
  assert_int_equal(over.datas_inside, 1);
  say(s, " late");
  WAIT_FOR(&s->rig, has_come("early late"));
}

static void bytes_that_come_before_it_goes_over_later_are_kept(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, UPGRADE "one");
  WAIT_FOR(&s->rig, s->holding == 1);
  say(s, " two");
  site_settle(s);
  say(s, " three"); /* by now the socket is not read */
  site_settle(s);
  s->holding = 0;
  upgrade(s, s->held[0]);
  assert_int_equal(over.datas_inside, 1);
  WAIT_FOR(&s->rig, has_come("one two three"));
  assert_switched(s);
}

static void the_second_of_pipelined_requests_may_go_over(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, GET("/") UPGRADE "early");
  WAIT_FOR(&s->rig, s->holding == 1);
  s->on_request = upgrade;
  site_release(s, "first");
  take_answer(s);
  assert_body(s, "first");
  assert_switched(s);
  assert_true(has_come("early"));
}

static void who_takes_over_may_abort_at_the_first_byte(void **state) {
  struct site *s = *state;
  over.aborts = true;
  say(s, UPGRADE "early");
  WAIT_FOR(&s->rig, over.closes == 1);
}

static void the_new_handlers_and_the_owner_hear_of_the_end(void **state) {
  struct site *s = *state;
  say(s, UPGRADE);
  assert_switched(s);
  far_free(&s->far);
  WAIT_FOR(&s->rig, over.closes == 1);
  assert_int_equal(s->closes, 1); /* whoever owns it, does so to the end */
}

static void no_deadline_of_http_is_left_behind(void **state) {
  struct site *s = *state;
  s->limits.idle_timeout_ms = s->limits.header_timeout_ms = 20;
  site_restart(s);
  s->closes = 0;
  say(s, UPGRADE);
  assert_switched(s);
  int64_t now = timer_wheel_now(loop_wheel(s->rig.loop));
  WAIT_FOR(&s->rig, timer_wheel_now(loop_wheel(s->rig.loop)) > now + 100);
  http_drain(s->server, s->rig.loop);
  say(s, "still here");
  WAIT_FOR(&s->rig, has_come("still here"));
}

static void for_who_has_gone_it_is_null_and_only_frees(void **state) {
  struct site *s = *state;
  s->on_request = site_hold;
  say(s, UPGRADE);
  WAIT_FOR(&s->rig, s->holding == 1);
  connection_abort(s->c);
  WAIT_FOR(&s->rig, s->gone == 1);
  s->holding = 0;
  assert_null(http_upgrade(s->held[0], "", &handlers, &over));
}

static void tell_wish(struct site *s, struct http_request *r) {
  (void)s;
  http_reply_json(r, 200, http_wants_upgrade(r) ? "yes" : "no", http_wants_upgrade(r) ? 3 : 2);
}

static void only_a_get_that_says_both_wants_it(void **state) {
  struct site *s = *state;
  static const char *const none[] = {
      GET("/"),
      "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\r\n",
      "GET / HTTP/1.0\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      ("POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       "Content-Length: 2\r\n\r\nok"),
  };
  s->on_request = tell_wish;
  ask(s, UPGRADE);
  assert_body(s, "yes");
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    ask(s, none[i]);
    assert_body(s, "no");
  }
  s->on_request = NULL;
  assert_goes_on(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_connection_goes_over_at_once),
      TEST(a_connection_goes_over_later),
      TEST(bytes_right_behind_the_request_come_first),
      TEST(bytes_that_come_before_it_goes_over_later_are_kept),
      TEST(the_second_of_pipelined_requests_may_go_over),
      TEST(who_takes_over_may_abort_at_the_first_byte),
      TEST(the_new_handlers_and_the_owner_hear_of_the_end),
      TEST(no_deadline_of_http_is_left_behind),
      TEST(for_who_has_gone_it_is_null_and_only_frees),
      TEST(only_a_get_that_says_both_wants_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
