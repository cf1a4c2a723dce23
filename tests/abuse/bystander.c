/* bystander: see bystander.h. */
#include "tests/abuse/bystander.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* AddressSanitizer would keep freed memory back, up to 256 MB, and it would count as the hub's. The
 * sanitizer's own library looks for this. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool send_now(int fd, const void *bytes, size_t len) {
  return send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

/* ---- life ---- */

static void publish_over(struct bystander *b, int fd) {
  struct raw_reply reply;
  raw_sendf(fd,
            "POST /api/v1/requests/bystander/events HTTP/1.1\r\nHost: hub\r\n"
            "Authorization: Bearer %s\r\nContent-Length: 24\r\n\r\n"
            "{\"type\":\"log\",\"data\":{}}",
            b->token);
  raw_read_reply(fd, false, &reply);
  if (reply.status != 201)
    fail_msg("the bystander's publish: %d %s", reply.status, reply.body);
  raw_reply_free(&reply);
  b->published++;
}

static void publish(struct bystander *b) {
  int fd = raw_connect(b->port);
  publish_over(b, fd);
  close(fd);
}

static void see(struct bystander *b) {
  json_t *event = raw_ws_next(b->ws, "log");
  assert_int_equal(json_integer_value(json_object_get(event, "message_id")), b->published);
}

void bystander_open(struct bystander *b, const struct cws_server_options *options) {
  memset(b, 0, sizeof *b);
  b->hub = live_hub_start(options);
  b->port = live_hub_port(b->hub);
  b->token = live_token_all();
  publish(b);
  b->ws = raw_ws_open(b->port, "bystander", b->token, "from=start");
  raw_ws_next(b->ws, "connection_established");
  see(b);
  raw_ws_next(b->ws, "replay_complete");
  bystander_works(b);
  bystander_weigh(b);
}

void bystander_close(struct bystander *b) {
  raw_ws_free(b->ws);
  cws_server_free(b->hub);
  free(b->token);
}

int bystander_set_up(void **state) {
  struct bystander *b = calloc(1, sizeof *b);
  struct cws_server_options o;
  live_hub_options(&o);
  o.heartbeat_interval_ms = 0;
  o.max_connections_per_user = 0;
  bystander_open(b, &o);
  *state = b;
  return 0;
}

int bystander_tear_down(void **state) {
  bystander_close(*state);
  free(*state);
  return 0;
}

/* ---- what is asked of the hub ---- */

static void assert_took_little(int64_t start) {
  int64_t took = now_ms() - start;
  if (took > BYSTANDER_MS)
    fail_msg("the bystander waited for %lld ms", (long long)took);
}

void bystander_works(struct bystander *b) {
  for (int i = 0; i < 3; i++) {
    int64_t start = now_ms();
    publish(b);
    see(b);
    assert_took_little(start);
  }
}

void bystander_works_over(struct bystander *b, int fd) {
  int64_t start = now_ms();
  publish_over(b, fd);
  see(b);
  assert_took_little(start);
}

static long kilobytes(const char *name) {
  char line[128];
  long kb = -1;
  FILE *f = fopen("/proc/self/status", "r");
  assert_non_null(f);
  while (kb < 0 && fgets(line, sizeof line, f) != NULL) {
    if (strncmp(line, name, strlen(name)) == 0)
      kb = strtol(line + strlen(name), NULL, 10);
  }
  fclose(f);
  assert_true(kb > 0);
  return kb;
}

void bystander_weigh(struct bystander *b) {
  FILE *f = fopen("/proc/self/clear_refs", "w"); /* 5: VmHWM begins anew; proc(5) */
  assert_non_null(f);
  fputs("5", f);
  fclose(f);
  b->kb = kilobytes("VmRSS:");
}

void bystander_is_light(struct bystander *b) {
  long grown = kilobytes("VmHWM:") - b->kb;
  print_message("memory: %ld kB more\n", grown);
  if (grown > BYSTANDER_KB)
    fail_msg("the hub took %ld kB more", grown);
}
