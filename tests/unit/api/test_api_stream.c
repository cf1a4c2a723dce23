/* route_stream: GET /api/v1/requests/{id}/events with Accept: text/event-stream: who gets one, its
 * head, and where it starts. What it then says is tested with the sessions. */
#include "tests/unit/api/desk.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS "/api/v1/requests/run/events"
#define SSE "Accept: text/event-stream\r\n"

static int open_with_three(void **state) {
  desk_open(state);
  struct desk *d = *state;
  for (int i = 1; i <= 3; i++)
    post(d, "run", NULL, "{\"type\":\"a\"}");
  expect_published(d, 3, 3, false);
  return 0;
}

/* Asks for a stream, and leaves its head in d->reply. */
static int start(struct desk *d, const char *path, const char *headers) {
  int fd = raw_connect(d->port);
  raw_sendf(fd, "GET %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n%s\r\n", path, d->reader,
            headers);
  raw_reply_free(&d->reply);
  raw_read_reply(fd, true, &d->reply);
  return fd;
}

/* Reads until `part` has come; what came is in `text`. */
static void read_until(int fd, char *text, size_t size, const char *part) {
  size_t len = 0;
  text[0] = '\0';
  while (strstr(text, part) == NULL) {
    assert_true(len + 1 < size);
    ssize_t n = recv(fd, text + len, size - 1 - len, 0);
    assert_true(n > 0);
    len += (size_t)n;
    text[len] = '\0';
  }
}

/* The message_ids up to replay_complete, as "1 2 3". */
static void expect_replay(struct desk *d, const char *query, const char *headers,
                          const char *wanted) {
  char path[200], text[8192], got[64] = "";
  snprintf(path, sizeof path, "%s%s", EVENTS, query);
  int fd = start(d, path, headers);
  assert_int_equal(d->reply.status, 200);
  read_until(fd, text, sizeof text, "event: replay_complete");
  for (const char *at = text; (at = strstr(at, "\n\nid: ")) != NULL; at += 2) {
    const char *id = strchr(at + 6, ':') + 1;
    size_t len = strlen(got);
    snprintf(got + len, sizeof got - len, len > 0 ? " %d" : "%d", atoi(id));
  }
  assert_string_equal(got, wanted);
  close(fd);
}

static void epoch(struct desk *d, char out[32]) {
  ask(d, NULL, "/api/v1/requests/run", d->reader);
  snprintf(out, 32, "%s", raw_str(&d->reply, "epoch"));
}

static void the_head_lets_nobody_keep_it_or_wait(void **state) {
  struct desk *d = *state;
  close(start(d, EVENTS, SSE));
  assert_int_equal(d->reply.status, 200);
  expect_header(d, "content-type", "text/event-stream");
  expect_header(d, "cache-control", "no-store");
  expect_header(d, "x-accel-buffering", "no");
  expect_header(d, "x-content-type-options", "nosniff");
  expect_header(d, "content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  expect_header(d, "connection", "close");
  expect_header(d, "content-length", NULL);
  expect_header(d, "transfer-encoding", NULL);
}

static void it_starts_at_the_beginning_or_where_it_is_told(void **state) {
  struct desk *d = *state;
  char last_id[80], id[32];
  epoch(d, id);
  expect_replay(d, "", SSE, "1 2 3");
  expect_replay(d, "?after=1", SSE, "2 3");
  expect_replay(d, "?from=new", SSE, "");
  expect_replay(d, "?from=acked", SSE, "1 2 3");
  snprintf(last_id, sizeof last_id, SSE "Last-Event-ID: %s:2\r\n", id);
  expect_replay(d, "", last_id, "3");
  expect_replay(d, "?after=1&from=new", last_id, "3");
  expect_replay(d, "", SSE "Last-Event-ID: \r\n", "1 2 3");
}

static void a_request_may_be_watched_before_it_begins(void **state) {
  struct desk *d = *state;
  char text[4096];
  int fd = start(d, "/api/v1/requests/later/events", SSE);
  read_until(fd, text, sizeof text, "event: replay_complete");
  post(d, "later", NULL, "{\"type\":\"a\",\"data\":\"first\"}");
  read_until(fd, text, sizeof text, "\"first\"");
  close(fd);
}

static void its_parameters_are_checked(void **state) {
  struct desk *d = *state;
  static const struct {
    const char *query, *headers, *part;
  } CASES[] = {
      {"?to=3", SSE, "'to'"},
      {"?limit=3", SSE, "'limit'"},
      {"?after=x", SSE, "after"},
      {"?from=end", SSE, "from"},
      {"?type=a,", SSE, "type"},
      {"?type=heartbeat", SSE, "type"},
      {"?subscriber=a%2fb", SSE, "subscriber"},
      {"?epoch=12345678901234567", SSE, "epoch"},
      {"", SSE "Last-Event-ID: 3\r\n", "last-event-id"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    char path[200];
    snprintf(path, sizeof path, "%s%s", EVENTS, CASES[i].query);
    ask_with(d, NULL, path, d->reader, CASES[i].headers);
    expect_error(d, 400, "bad_request", CASES[i].part);
  }
}

static void who_may_not_watch_gets_no_stream(void **state) {
  struct desk *d = *state;
  char *some = live_token(&(struct live_token){.sub = "sam", .subscribe = "req-*"});
  ask_with(d, NULL, EVENTS, some, SSE);
  expect_error(d, 403, "forbidden", "'run'");
  ask_with(d, NULL, EVENTS, NULL, SSE);
  expect_error(d, 401, "no_token", "");
  ask_with(d, NULL, EVENTS, d->reader, SSE "Origin: https://other.example\r\n");
  expect_error(d, 403, "bad_origin", "");
  free(some);
}

/* As a browser's EventSource has to give it. */
static void its_token_may_be_in_the_query(void **state) {
  struct desk *d = *state;
  char path[2048];
  snprintf(path, sizeof path, "%s?token=%s", EVENTS, d->reader);
  int fd = raw_connect(d->port);
  raw_sendf(fd, "GET %s HTTP/1.1\r\nHost: h\r\n" SSE "\r\n", path);
  raw_reply_free(&d->reply);
  raw_read_reply(fd, true, &d->reply);
  assert_int_equal(d->reply.status, 200);
  close(fd);
  ask_with(d, NULL, path, d->ann, SSE);
  expect_error(d, 400, "bad_request", "two different tokens");
  ask_with(d, NULL, EVENTS "?token=a.b.c", NULL, SSE);
  expect_error(d, 401, "bad_token", "");
  ask_with(d, NULL, path, NULL, NULL); /* no stream: nobody needs it there */
  expect_error(d, 401, "no_token", "");
}

static void a_page_of_a_listed_origin_may_read_it(void **state) {
  struct desk *d = *state;
  close(start(d, EVENTS, SSE "Origin: https://app.example\r\n"));
  assert_int_equal(d->reply.status, 200);
  expect_header(d, "access-control-allow-origin", "https://app.example");
  ask_with(d, "OPTIONS", EVENTS, NULL,
           "Origin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n");
  assert_non_null(strstr(raw_header(&d->reply, "access-control-allow-headers"), "Last-Event-ID"));
}

static void a_head_does_not_stay(void **state) {
  struct desk *d = *state;
  ask_with(d, "HEAD", EVENTS, d->reader, SSE);
  assert_int_equal(d->reply.status, 200);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_head_lets_nobody_keep_it_or_wait),
      cmocka_unit_test(it_starts_at_the_beginning_or_where_it_is_told),
      cmocka_unit_test(a_request_may_be_watched_before_it_begins),
      cmocka_unit_test(its_parameters_are_checked),
      cmocka_unit_test(who_may_not_watch_gets_no_stream),
      cmocka_unit_test(its_token_may_be_in_the_query),
      cmocka_unit_test(a_page_of_a_listed_origin_may_read_it),
      cmocka_unit_test(a_head_does_not_stay),
  };
  return cmocka_run_group_tests(tests, open_with_three, desk_close);
}
