/* Many connections at once: that come and go, that stay and say nothing, that go halfway. */
#include "tests/abuse/bystander.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As the metrics have it, asked on a connection that was there before. */
static long open_connections(int fd) {
  static const char NAME[] = "\ncouncilws_connections ";
  struct raw_reply reply;
  raw_sendf(fd, "GET /metrics HTTP/1.1\r\nHost: hub\r\n\r\n");
  raw_read_reply(fd, false, &reply);
  const char *at = strstr(reply.body, NAME);
  assert_non_null(at);
  long n = strtol(at + strlen(NAME), NULL, 10);
  raw_reply_free(&reply);
  return n;
}

static void await(int fd, long connections) {
  int64_t until = now_ms() + 20000;
  while (open_connections(fd) != connections) {
    if (now_ms() > until)
      fail_msg("%ld connections instead of %ld", open_connections(fd), connections);
  }
}

static void assert_all_gone(int fd) {
  await(fd, 2); /* the watcher's, and this one */
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
  enum { LIMIT = 20 };
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
  await(asking, LIMIT);
  for (int i = 0; i < 100;
       i++) { /* each has left before the next comes, and before the others go */
    raw_ask(b.port, &(struct raw_request){.path = "/healthz/live"}, &reply);
    raw_assert_error(&reply, 429, "too_many_connections", "");
    assert_non_null(raw_header(&reply, "retry-after"));
    raw_reply_free(&reply);
  }
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
