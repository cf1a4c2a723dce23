/* Many connections at once: that come and go, that stay and say nothing, that go halfway. */
#include "tests/abuse/bystander.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPEN "councilws_connections"
#define REFUSED "councilws_connections_refused"

/* Asked on a connection that was there before. */
static long metric(int fd, const char *name) {
  char line[64];
  struct raw_reply reply;
  raw_sendf(fd, "GET /metrics HTTP/1.1\r\nHost: hub\r\n\r\n");
  raw_read_reply(fd, false, &reply);
  snprintf(line, sizeof line, "\n%s ", name);
  const char *at = strstr(reply.body, line);
  assert_non_null(at);
  long n = strtol(at + strlen(line), NULL, 10);
  raw_reply_free(&reply);
  return n;
}

static void await(int fd, const char *name, long wanted) {
  int64_t until = now_ms() + 20000;
  while (metric(fd, name) != wanted) {
    if (now_ms() > until)
      fail_msg("%s is %ld instead of %ld", name, metric(fd, name), wanted);
  }
}

static void assert_all_gone(int fd) {
  await(fd, OPEN, 2); /* the watcher's, and this one */
}

static void reset(int fd) {
  const struct linger hard = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd);
}

static void a_storm_of_connects_leaves_nothing(void **state) {
  struct bystander *b = *state;
  int asking = raw_connect(b->port);
  for (int i = 0; i < 2000; i++) {
    int fd = raw_connect(b->port);
    if (i % 4 == 1)
      send_now(fd, "GET", 3);
    if (i % 4 == 2)
      send_now(fd, "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", 35);
    if (i % 2 == 0)
      reset(fd);
    else
      close(fd);
    if (i % 500 == 0)
      bystander_works(b);
  }
  bystander_works(b);
  assert_all_gone(asking);
  close(asking);
  bystander_is_light(b);
}

static void idle_connections_cost_little(void **state) {
  struct bystander *b = *state;
  int asking = raw_connect(b->port);
  enum { COUNT = 400 };
  int fds[COUNT];
  for (int i = 0; i < COUNT; i++)
    fds[i] = raw_connect(b->port);
  bystander_works(b);
  bystander_is_light(b);
  for (int i = 0; i < COUNT; i++)
    close(fds[i]);
  assert_all_gone(asking);
  close(asking);
}

/* Beyond the limit one is told so, and those who are in do not notice. */
static void connections_beyond_the_limit_are_429(void **state) {
  (void)state;
  enum { LIMIT = 20, TOLD = 100, STORM = 200 };
  struct bystander b;
  struct cws_server_options o;
  struct raw_reply reply;
  int fds[LIMIT - 2];
  live_hub_options(&o);
  o.heartbeat_interval_ms = 0;
  o.max_connections_per_address = LIMIT;
  bystander_open(&b, &o);
  int asking = raw_connect(b.port);
  assert_all_gone(asking);
  for (int i = 0; i < LIMIT - 2; i++)
    fds[i] = raw_connect(b.port);
  await(asking, OPEN, LIMIT);
  for (int i = 0; i < TOLD; i++) {
    raw_ask(b.port, &(struct raw_request){.path = "/healthz/live"}, &reply);
    raw_assert_error(&reply, 429, "too_many_connections", "");
    assert_non_null(raw_header(&reply, "retry-after"));
    raw_reply_free(&reply);
  }
  for (int i = 0; i < STORM; i++) { /* who leaves at once, and is met by the hub when it has time */
    close(raw_connect(b.port));
    if (i % 40 == 0)
      bystander_works_over(&b, asking);
  }
  bystander_works_over(&b, asking);
  await(asking, REFUSED, TOLD + STORM); /* before others leave room */
  for (int i = 0; i < LIMIT - 2; i++)
    close(fds[i]);
  assert_all_gone(asking);
  close(asking);
  bystander_works(&b);
  bystander_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ABUSE(a_storm_of_connects_leaves_nothing),
      ABUSE(idle_connections_cost_little),
      cmocka_unit_test(connections_beyond_the_limit_are_429),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
