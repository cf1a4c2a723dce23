/* Requests that are slow, endless, too large, too many at once, or not what they seem. */
#include "tests/abuse/bystander.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_TIMEOUT_MS 10000
#define POST "POST /api/v1/requests/attacked/events HTTP/1.1\r\nHost: hub\r\n"

static void assert_refused(int fd, int status, const char *code) {
  struct raw_reply reply;
  raw_read_reply(fd, false, &reply);
  assert_int_equal(reply.status, status);
  assert_non_null(strstr(reply.body, code));
  assert_string_equal(raw_header(&reply, "connection"), "close");
  raw_reply_free(&reply);
  raw_read_end(fd);
  close(fd);
}

static int refused_with(int port, const char *request) {
  struct raw_reply reply;
  int fd = raw_connect(port);
  raw_send(fd, request, strlen(request));
  raw_read_reply(fd, false, &reply);
  int status = reply.status;
  raw_reply_free(&reply);
  raw_read_end(fd);
  close(fd);
  return status;
}

/* How many events the hub has of the attacked request; -1: it knows of none. */
static int64_t attacked_events(struct bystander *b) {
  struct raw_reply reply;
  raw_ask(b->port, &(struct raw_request){.path = "/api/v1/requests/attacked", .token = b->token},
          &reply);
  int64_t count = reply.status == 200 ? raw_int(&reply, "last_message_id") : -1;
  raw_reply_free(&reply);
  return count;
}

/* ---- slow ---- */

static void slow_headers_end_in_time_and_hold_up_nobody(void **state) {
  struct bystander *b = *state;
  enum { SLOW = 50 };
  int fds[SLOW];
  for (int i = 0; i < SLOW; i++) {
    fds[i] = raw_connect(b->port);
    raw_sendf(fds[i], POST);
  }
  int64_t start = now_ms();
  for (int n = 1; n <= 60;) { /* a line now and then buys no time */
    bystander_works(b);
    for (; n <= 60 && now_ms() - start > n * 100; n++) {
      for (int i = 0; i < SLOW; i++)
        raw_sendf(fds[i], "X: y\r\n");
    }
  }
  for (int i = 0; i < SLOW; i++)
    assert_refused(fds[i], 408, "timeout");
  assert_in_range(now_ms() - start, HEADER_TIMEOUT_MS - 1000, HEADER_TIMEOUT_MS + 3500);
  bystander_is_light(b);
}

static void slow_bodies_hold_up_nobody(void **state) {
  struct bystander *b = *state;
  enum { SLOW = 50 };
  int fds[SLOW];
  for (int i = 0; i < SLOW; i++) {
    fds[i] = raw_connect(b->port);
    raw_sendf(fds[i], POST "Authorization: Bearer %s\r\nContent-Length: 1000000\r\n\r\n", b->token);
  }
  for (int n = 0; n < 20; n++) {
    for (int i = 0; i < SLOW; i++)
      raw_sendf(fds[i], "x");
    bystander_works(b);
  }
  for (int i = 0; i < SLOW; i++)
    close(fds[i]);
  bystander_works(b);
  bystander_is_light(b);
}

/* ---- large ---- */

static void endless_headers_are_431(void **state) {
  struct bystander *b = *state;
  static char line[1000];
  memset(line, 'x', sizeof line);
  for (int i = 0; i < 50; i++) {
    int fd = raw_connect(b->port);
    raw_sendf(fd, "GET / HTTP/1.1\r\nHost: hub\r\nX: ");
    for (int n = 0; n < 1000 && send_now(fd, line, sizeof line);)
      n++;
    assert_refused(fd, 431, "headers_too_large");
  }
  /* At 16 KiB already, and not where the parser or a budget would end it. */
  int fd = raw_connect(b->port);
  raw_sendf(fd, "GET / HTTP/1.1\r\nHost: hub\r\nX: ");
  for (int i = 0; i < 17; i++)
    raw_send(fd, line, sizeof line);
  raw_sendf(fd, "\r\n\r\n");
  assert_refused(fd, 431, "headers_too_large");
  bystander_works(b);
  bystander_is_light(b);
}

static void a_bomb_of_small_headers_is_431(void **state) {
  struct bystander *b = *state;
  for (int i = 0; i < 50; i++) {
    int fd = raw_connect(b->port);
    raw_sendf(fd, "GET / HTTP/1.1\r\nHost: hub\r\n");
    for (int n = 0; n < 5000 && send_now(fd, "a:\r\n", 4);)
      n++;
    assert_refused(fd, 431, "headers_too_large");
  }
  bystander_works(b);
  bystander_is_light(b);
}

static void giant_lengths_are_413(void **state) {
  struct bystander *b = *state;
  assert_int_equal(refused_with(b->port, POST "Content-Length: 9223372036854775807\r\n\r\n"), 413);
  assert_int_equal(refused_with(b->port, POST "Content-Length: 16777217\r\n\r\n"), 413);
  assert_int_equal(refused_with(b->port, POST "Content-Length: 18446744073709551616\r\n\r\n"), 400);
  assert_int_equal(refused_with(b->port, POST "Content-Length: -1\r\n\r\n"), 400);
  bystander_works(b);
  bystander_is_light(b);
}

static void push_body(int fd) {
  static char bytes[65536];
  for (int n = 0; n < 64 && send_now(fd, bytes, sizeof bytes);)
    n++;
}

static void bodies_without_a_right_to_send_them_are_refused_unread(void **state) {
  struct bystander *b = *state;
  enum { COUNT = 60 };
  char *watcher = live_token(&(struct live_token){.subscribe = "*"});
  int fds[COUNT];
  for (int i = 0; i < COUNT; i++) {
    fds[i] = raw_connect(b->port);
    raw_sendf(fds[i], POST "Content-Length: 16000000\r\n");
    if (i % 3 == 1)
      raw_sendf(fds[i], "Authorization: Bearer x.y.z\r\n");
    else if (i % 3 == 2)
      raw_sendf(fds[i], "Authorization: Bearer %s\r\n", watcher);
    raw_sendf(fds[i], "\r\n");
    push_body(fds[i]);
  }
  bystander_works(b);
  for (int i = 0; i < COUNT; i++) {
    static const char *const CODES[] = {"no_token", "bad_token", "forbidden"};
    assert_refused(fds[i], i % 3 == 2 ? 403 : 401, CODES[i % 3]);
  }
  free(watcher);
  bystander_is_light(b);
}

static void a_body_where_none_belongs_is_refused_unread(void **state) {
  struct bystander *b = *state;
  assert_int_equal(refused_with(b->port, "GET /healthz/live HTTP/1.1\r\nHost: hub\r\n"
                                         "Content-Length: 1000000\r\n\r\n"),
                   413);
  assert_int_equal(refused_with(b->port, "PUT /nowhere HTTP/1.1\r\nHost: hub\r\n"
                                         "Transfer-Encoding: chunked\r\n\r\n"),
                   404);
  bystander_works(b);
}

/* Who may publish may send large bodies, but not ever more of them at once. */
static void large_bodies_share_a_budget(void **state) {
  (void)state;
  enum { COUNT = 40, LEN = 1 << 20 };
  struct bystander b;
  struct cws_server_options o;
  int fds[COUNT];
  live_hub_options(&o);
  o.heartbeat_interval_ms = 0;
  o.max_body_bytes = LEN; /* hence 8 MiB in all, and 64 KiB more of each */
  bystander_open(&b, &o);
  char *bytes = calloc(1, LEN);
  for (int i = 0; i < COUNT; i++) {
    fds[i] = raw_connect(b.port);
    raw_sendf(fds[i], POST "Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", b.token, LEN);
    raw_send(fds[i], bytes, LEN - 1);
    bystander_works(&b);
  }
  assert_refused(fds[COUNT - 1], 503, "busy");
  bystander_is_light(&b);
  for (int i = 0; i < COUNT - 1; i++)
    close(fds[i]);
  free(bytes);
  bystander_close(&b);
}

/* ---- ahead ---- */

static int64_t answered(struct bystander *b) {
  static const char NAME[] = "\ncouncilws_http_requests ";
  struct raw_reply reply;
  raw_ask(b->port, &(struct raw_request){.path = "/metrics"}, &reply);
  const char *at = strstr(reply.body, NAME);
  assert_non_null(at);
  int64_t n = strtoll(at + strlen(NAME), NULL, 10);
  raw_reply_free(&reply);
  return n;
}

/* Until the hub answers nobody but the bystander: all that it takes from the others is taken. */
static void await_rest(struct bystander *b) {
  enum { OWN = 4 }; /* answers a round: three publishes, and the question itself */
  for (int quiet = 0; quiet < 5;) {
    int64_t before = answered(b);
    bystander_works(b);
    quiet = answered(b) - before <= OWN ? quiet + 1 : 0;
  }
}

static void who_asks_ahead_and_never_reads_is_answered_no_further(void **state) {
  struct bystander *b = *state;
  enum { COUNT = 4, LEN = 190000 };
  int fds[COUNT];
  char *bytes = malloc(LEN + 1000);
  sprintf(bytes, "{\"type\":\"log\",\"data\":\"%*s\"}", LEN, "");
  for (int i = 0; i < 5; i++) {
    struct raw_reply reply;
    raw_ask(b->port,
            &(struct raw_request){
                .path = "/api/v1/requests/large/events", .token = b->token, .body = bytes},
            &reply);
    assert_int_equal(reply.status, 201);
    raw_reply_free(&reply);
  }
  bystander_works(b);
  bystander_weigh(b);
  int len = sprintf(bytes,
                    "GET /api/v1/requests/large/events HTTP/1.1\r\nHost: hub\r\n"
                    "Authorization: Bearer %s\r\n\r\n",
                    b->token);
  for (int i = 0; i < COUNT; i++) { /* each asks for a megabyte, many times */
    fds[i] = raw_connect(b->port);
    for (int n = 0; n < 20000 && send_now(fds[i], bytes, (size_t)len);)
      n++;
  }
  await_rest(b);
  bystander_is_light(b);
  for (int i = 0; i < COUNT; i++)
    close(fds[i]);
  free(bytes);
}

/* ---- not what they seem ---- */

static void a_smuggled_publish_is_not_stored(void **state) {
  struct bystander *b = *state;
  static const char *const HEADS[] = {
      "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
      "Content-Length: 0, 5\r\n\r\n",
      "Content-Length: +0\r\n\r\n",
      "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "X: y\r\n Content-Length: 0\r\n\r\n",
      "Transfer-Encoding: chunked\r\n\r\n0\r\r\n\r\n",
  };
  for (size_t i = 0; i < sizeof HEADS / sizeof HEADS[0]; i++) {
    struct raw_reply reply;
    int fd = raw_connect(b->port);
    raw_sendf(fd, POST "Authorization: Bearer %s\r\n%s", b->token, HEADS[i]);
    raw_sendf(fd, POST "Authorization: Bearer %s\r\nContent-Length: 12\r\n\r\n{\"type\":\"x\"}",
              b->token);
    raw_read_reply(fd, false, &reply);
    if (reply.status != 400)
      fail_msg("%d to %s", reply.status, HEADS[i]);
    raw_reply_free(&reply);
    raw_read_end(fd);
    close(fd);
  }
  assert_int_equal(attacked_events(b), -1);
  bystander_works(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ABUSE(slow_headers_end_in_time_and_hold_up_nobody),
      ABUSE(slow_bodies_hold_up_nobody),
      ABUSE(endless_headers_are_431),
      ABUSE(a_bomb_of_small_headers_is_431),
      ABUSE(giant_lengths_are_413),
      ABUSE(bodies_without_a_right_to_send_them_are_refused_unread),
      ABUSE(a_body_where_none_belongs_is_refused_unread),
      cmocka_unit_test(large_bodies_share_a_budget),
      ABUSE(who_asks_ahead_and_never_reads_is_answered_no_further),
      ABUSE(a_smuggled_publish_is_not_stored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
