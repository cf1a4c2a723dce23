/* server: limits on connections, whatever they speak: who is beyond one is told, and a slot is free
 * again once its connection has gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/support/live_hub.h"
#include "tests/unit/support/raw_http.h"

#define LIVE "GET /healthz/live HTTP/1.1\r\nHost: hub\r\n\r\n"

/* Asks over an open connection; what it answered. */
static int ask(int fd) {
  struct raw_reply reply;
  raw_sendf(fd, LIVE);
  raw_read_reply(fd, false, &reply);
  int status = reply.status;
  raw_reply_free(&reply);
  return status;
}

static void expect_refused(int port) {
  struct raw_reply reply;
  int fd = raw_connect(port);
  raw_sendf(fd, LIVE);
  raw_read_reply(fd, false, &reply);
  raw_assert_error(&reply, 429, "too_many_connections", "");
  assert_string_equal(raw_header(&reply, "connection"), "close");
  raw_read_end(fd);
  raw_reply_free(&reply);
  close(fd);
}

/* The hub learns of a close on its own loop: asks until there is room again. */
static int connect_when_free(int port) {
  time_t deadline = time(NULL) + RAW_DEADLINE_S;
  do {
    int fd = raw_connect(port);
    if (ask(fd) == 200)
      return fd;
    close(fd);
  } while (time(NULL) < deadline);
  fail_msg("no slot was free again within %d s", RAW_DEADLINE_S);
  return -1;
}

static void expect_three_at_most(const struct cws_server_options *o) {
  struct cws_server *hub = live_hub_start(o);
  int port = live_hub_port(hub), fds[3];
  for (size_t i = 0; i < 3; i++) {
    fds[i] = raw_connect(port);
    assert_int_equal(ask(fds[i]), 200);
  }
  expect_refused(port);
  expect_refused(port);
  assert_int_equal(ask(fds[0]), 200); /* who is in stays in */
  close(fds[1]);
  fds[1] = connect_when_free(port);
  expect_refused(port);
  for (size_t i = 0; i < 3; i++)
    close(fds[i]);
  cws_server_free(hub);
}

static void connections_beyond_the_limit_are_told_and_ended(void **state) {
  (void)state;
  struct cws_server_options o;
  live_hub_options(&o);
  o.max_connections = 3;
  expect_three_at_most(&o);
}

static void connections_of_one_address_have_a_limit_of_their_own(void **state) {
  (void)state;
  struct cws_server_options o;
  live_hub_options(&o);
  o.max_connections_per_address = 3;
  expect_three_at_most(&o);
}

enum { CROWD = 40 };

static bool is_answered(int fd) {
  char byte;
  return send(fd, LIVE, strlen(LIVE), MSG_NOSIGNAL) > 0 && recv(fd, &byte, 1, 0) == 1;
}

/* Whether the last is cut while the first may still ask, and be told. They say nothing, so that
 * they wait; but not for long, see below. */
static bool last_is_cut_at_once(int port) {
  int crowd[CROWD];
  for (size_t i = 0; i < CROWD; i++)
    crowd[i] = raw_connect(port);
  raw_read_end(crowd[CROWD - 1]);
  bool is_cut = is_answered(crowd[0]);
  for (size_t i = 0; i < CROWD; i++)
    close(crowd[i]);
  return is_cut;
}

static void a_crowd_beyond_the_limit_is_cut_without_an_answer(void **state) {
  (void)state;
  struct cws_server_options o;
  live_hub_options(&o);
  o.max_connections = 1;
  o.workers = 1;
  struct cws_server *hub = live_hub_start(&o);
  int port = live_hub_port(hub), inside = raw_connect(port);
  assert_int_equal(ask(inside), 200);
  bool is_cut = last_is_cut_at_once(port);
  for (int i = 0; i < 4 && !is_cut; i++) /* a slow machine may take the first one's patience */
    is_cut = last_is_cut_at_once(port);
  assert_true(is_cut);
  assert_int_equal(ask(inside), 200);
  close(inside);
  inside = connect_when_free(port);
  close(inside);
  cws_server_free(hub);
}

/* Else eight who say nothing would take the places of those who wait for their 429, for a minute.
 */
static void who_is_refused_and_says_nothing_is_cut_soon(void **state) {
  (void)state;
  struct cws_server_options o;
  int silent[8];
  live_hub_options(&o);
  o.max_connections = 1;
  o.workers = 1;
  struct cws_server *hub = live_hub_start(&o);
  int port = live_hub_port(hub), inside = raw_connect(port);
  assert_int_equal(ask(inside), 200);
  time_t start = time(NULL);
  for (size_t i = 0; i < 8; i++) {
    silent[i] = raw_connect(port);
    raw_sendf(silent[i], "%s", i % 2 == 0 ? "" : "GET /"); /* or next to nothing */
  }
  for (size_t i = 0; i < 8; i++) {
    raw_read_end(silent[i]);
    close(silent[i]);
  }
  assert_in_range(time(NULL) - start, 1, 6);
  expect_refused(port);
  close(inside);
  cws_server_free(hub);
}

static void watchers_of_one_user_have_a_limit(void **state) {
  (void)state;
  struct cws_server_options o;
  struct raw_reply reply;
  live_hub_options(&o);
  o.max_connections_per_user = 2;
  struct cws_server *hub = live_hub_start(&o);
  int port = live_hub_port(hub);
  char *ann = live_token_all();
  char *bob = live_token(&(struct live_token){.sub = "bob", .subscribe = "*"});
  struct raw_ws *first = raw_ws_open(port, "r", ann, NULL);
  struct raw_ws *second = raw_ws_open(port, "other", ann, NULL);
  assert_null(raw_ws_try(port, "r", ann, NULL, &reply));
  raw_assert_error(&reply, 429, "too_many_connections", "user");
  raw_reply_free(&reply);
  struct raw_ws *of_bob = raw_ws_open(port, "r", bob, NULL);
  raw_ask(port, &(struct raw_request){.path = "/api/v1/requests", .token = ann}, &reply);
  assert_int_equal(reply.status, 200); /* the limit is one of watchers */
  raw_reply_free(&reply);

  raw_ws_free(first);
  first = NULL;
  time_t deadline = time(NULL) + RAW_DEADLINE_S;
  while (first == NULL && time(NULL) < deadline) {
    first = raw_ws_try(port, "r", ann, NULL, &reply);
    raw_reply_free(&reply);
  }
  assert_non_null(first);
  raw_ws_free(first);
  raw_ws_free(second);
  raw_ws_free(of_bob);
  free(ann);
  free(bob);
  cws_server_free(hub);
}

static void a_watcher_counts_as_one_connection_like_any_other(void **state) {
  (void)state;
  struct cws_server_options o;
  live_hub_options(&o);
  o.max_connections = 1;
  struct cws_server *hub = live_hub_start(&o);
  char *token = live_token_all();
  struct raw_ws *ws = raw_ws_open(live_hub_port(hub), "r", token, NULL);
  raw_ws_next(ws, "connection_established");
  expect_refused(live_hub_port(hub));
  raw_ws_free(ws);
  close(connect_when_free(live_hub_port(hub)));
  free(token);
  cws_server_free(hub);
}

static void events_of_one_user_have_a_rate(void **state) {
  (void)state;
  struct cws_server_options o;
  struct raw_reply reply;
  live_hub_options(&o);
  o.max_publish_rate = 5;
  struct cws_server *hub = live_hub_start(&o);
  int port = live_hub_port(hub);
  char *ann = live_token_all();
  char *bob = live_token(&(struct live_token){.sub = "bob", .publish = "*"});
  struct raw_request publish = {.path = "/api/v1/requests/r/events",
                                .token = ann,
                                .headers = "Content-Type: application/x-ndjson\r\n",
                                .body = "{\"type\":\"t\"}\n{\"type\":\"t\"}\n{\"type\":\"t\"}\n"
                                        "{\"type\":\"t\"}\n{\"type\":\"t\"}\n{\"type\":\"t\"}\n"};
  raw_ask(port, &publish, &reply); /* more than there is, at once: a debt */
  assert_int_equal(reply.status, 201);
  raw_reply_free(&reply);
  raw_ask(port, &publish, &reply);
  raw_assert_error(&reply, 429, "rate_limited", "");
  assert_in_range(strtol(raw_header(&reply, "retry-after"), NULL, 10), 1, 2);
  raw_reply_free(&reply);
  publish.token = bob;
  raw_ask(port, &publish, &reply);
  assert_int_equal(reply.status, 201);
  raw_reply_free(&reply);
  free(ann);
  free(bob);
  cws_server_free(hub);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(connections_beyond_the_limit_are_told_and_ended),
      cmocka_unit_test(connections_of_one_address_have_a_limit_of_their_own),
      cmocka_unit_test(a_crowd_beyond_the_limit_is_cut_without_an_answer),
      cmocka_unit_test(who_is_refused_and_says_nothing_is_cut_soon),
      cmocka_unit_test(watchers_of_one_user_have_a_limit),
      cmocka_unit_test(a_watcher_counts_as_one_connection_like_any_other),
      cmocka_unit_test(events_of_one_user_have_a_rate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
