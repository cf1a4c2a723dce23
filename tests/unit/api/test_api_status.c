/* route_status: /api/v1/ws/status, /healthz/live, /healthz/ready, /metrics. */
#include "tests/unit/api/desk.h"

#include <councilws/version.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void a_front_end_gets_the_plain_answer(void **state) {
  struct desk *d = *state;
  ask(d, NULL, "/api/v1/ws/status", NULL);
  expect_json(d, 200, "{\"active_connections\":0,\"status\":\"operational\"}");
  struct raw_ws *one = raw_ws_open(d->port, "r", d->reader, NULL);
  struct raw_ws *two = raw_ws_open(d->port, "r", d->reader, NULL);
  raw_ws_next(one, "connection_established");
  raw_ws_next(two, "connection_established");
  const char *const anyone[] = {NULL, d->reader, "nonsense"};
  for (size_t i = 0; i < 3; i++) {
    ask(d, NULL, "/api/v1/ws/status", anyone[i]);
    expect_json(d, 200, "{\"active_connections\":2,\"status\":\"operational\"}");
  }
  raw_ws_free(one);
  raw_ws_free(two);
}

static void an_admin_gets_more_of_it(void **state) {
  struct desk *d = *state;
  post(d, "counted", NULL, "{\"type\":\"t\"}");
  ask(d, NULL, "/api/v1/ws/status", d->admin);
  assert_int_equal(d->reply.status, 200);
  assert_string_equal(raw_str(&d->reply, "status"), "operational");
  assert_string_equal(raw_str(&d->reply, "version"), cws_version());
  assert_string_equal(raw_str(&d->reply, "store"), "memory");
  assert_true(json_is_true(json_object_get(d->reply.json, "store_writable")));
  assert_true(json_is_false(json_object_get(d->reply.json, "draining")));
  assert_int_equal(raw_int(&d->reply, "workers"), 2);
  assert_in_range(raw_int(&d->reply, "uptime_s"), 0, 3600);
  assert_in_range(raw_int(&d->reply, "streams"), 1, 100);
  assert_in_range(raw_int(&d->reply, "events_published"), 1, 100);
  assert_in_range(raw_int(&d->reply, "connections"), 1, 100);
}

static void a_balancer_asks_without_a_token(void **state) {
  struct desk *d = *state;
  ask(d, NULL, "/healthz/live", NULL);
  expect_json(d, 200, "{\"status\":\"ok\"}");
  ask(d, NULL, "/healthz/ready", NULL);
  expect_json(d, 200, "{\"status\":\"ready\"}");
  ask_with(d, NULL, "/healthz/ready", NULL, "Origin: https://evil.example\r\n");
  assert_int_equal(d->reply.status, 200); /* outside the API: nothing of anyone's in it */
  expect_header(d, "access-control-allow-origin", NULL);
}

/* ---- metrics ---- */

static long long metric(struct desk *d, const char *name) {
  char line[96];
  ask(d, NULL, "/metrics", NULL);
  assert_int_equal(d->reply.status, 200);
  snprintf(line, sizeof line, "\ncouncilws_%s ", name);
  const char *at = strstr(d->reply.body, line);
  if (at == NULL)
    fail_msg("no metric '%s' in %s", name, d->reply.body);
  return strtoll(at + strlen(line), NULL, 10);
}

/* The hub learns of a close on its own loop. */
static void wait_for_no_watchers(struct desk *d) {
  time_t deadline = time(NULL) + RAW_DEADLINE_S;
  while (metric(d, "watchers") > 0) {
    if (time(NULL) > deadline)
      fail_msg("watchers that have gone are still counted");
  }
}

static void metrics_are_text_for_prometheus(void **state) {
  struct desk *d = *state;
  ask(d, NULL, "/metrics", NULL);
  expect_header(d, "content-type", "text/plain; version=0.0.4");
  assert_int_equal(d->reply.body[d->reply.len - 1], '\n');
  assert_non_null(strstr(d->reply.body, "# HELP councilws_watchers "));
  assert_non_null(strstr(d->reply.body, "# TYPE councilws_watchers gauge\n"));
  assert_non_null(strstr(d->reply.body, "# TYPE councilws_http_requests counter\n"));
}

static void what_happens_is_counted(void **state) {
  struct desk *d = *state;
  long long published = metric(d, "events_published"), duplicate = metric(d, "events_duplicate");
  long long requests = metric(d, "http_requests"), errors = metric(d, "http_errors");
  post(d, "metrics", NDJSON, "{\"type\":\"t\",\"event_id\":\"a\"}\n{\"type\":\"t\"}\n");
  post(d, "metrics", NULL, "{\"type\":\"t\",\"event_id\":\"a\"}");
  expect_published(d, 1, 1, true);
  post(d, "metrics", NULL, "{}");
  expect_error(d, 422, "bad_event", "type");
  assert_int_equal(metric(d, "events_published"), published + 2);
  assert_int_equal(metric(d, "events_duplicate"), duplicate + 1);
  assert_int_equal(metric(d, "http_errors"), errors + 1);
  assert_in_range(metric(d, "http_requests"), requests + 3, requests + 10);
  assert_in_range(metric(d, "connections"), 1, 20);
  wait_for_no_watchers(d);
  struct raw_ws *ws = raw_ws_open(d->port, "metrics", d->reader, NULL);
  raw_ws_next(ws, "connection_established");
  raw_ws_next(ws, "t");
  raw_ws_next(ws, "t");
  raw_ws_next(ws, "replay_complete");
  assert_int_equal(metric(d, "watchers"), 1);
  assert_in_range(metric(d, "events_delivered"), 2, 100);
  raw_ws_free(ws);
}

static void a_limit_that_was_reached_is_counted(void **state) {
  (void)state;
  struct cws_server_options o;
  live_hub_options(&o);
  o.max_connections = 2;
  struct desk d = {.hub = live_hub_start(&o)};
  d.port = live_hub_port(d.hub);
  char *token = live_token_all();
  struct raw_ws *inside = raw_ws_open(d.port, "r", token, NULL);
  int held = raw_connect(d.port);
  raw_sendf(held, "GET /healthz/live HTTP/1.1\r\nHost: h\r\n\r\n");
  raw_read_reply(held, false, &d.reply);
  raw_reply_free(&d.reply);
  ask(&d, NULL, "/metrics", NULL);
  expect_error(&d, 429, "too_many_connections", "");
  raw_sendf(held, "GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  raw_reply_free(&d.reply);
  raw_read_reply(held, false, &d.reply);
  assert_non_null(strstr(d.reply.body, "\ncouncilws_connections_refused 1\n"));
  assert_non_null(strstr(d.reply.body, "\ncouncilws_connections_accepted 2\n"));
  raw_read_end(held);
  close(held);
  raw_ws_free(inside);
  raw_reply_free(&d.reply);
  free(token);
  cws_server_free(d.hub);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_front_end_gets_the_plain_answer),
      cmocka_unit_test(an_admin_gets_more_of_it),
      cmocka_unit_test(a_balancer_asks_without_a_token),
      cmocka_unit_test(metrics_are_text_for_prometheus),
      cmocka_unit_test(what_happens_is_counted),
      cmocka_unit_test(a_limit_that_was_reached_is_counted),
  };
  return cmocka_run_group_tests(tests, desk_open, desk_close);
}
