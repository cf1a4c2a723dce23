/* outage: see outage.h. */
#include "tests/fault/support/outage.h"

#include "tests/unit/support/raw_http.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED "{\"type\":\"log\",\"data\":{\"n\":1},\"event_id\":\"refused\"}"

static void get(const struct outage *o, const char *path, struct raw_reply *out) {
  const struct raw_request r = {.path = path, .token = o->token};
  raw_ask(o->port, &r, out);
}

int64_t outage_metric(const struct outage *o, const char *name) {
  struct raw_reply r;
  char line[96];
  get(o, "/metrics", &r);
  snprintf(line, sizeof line, "\ncouncilws_%s ", name);
  const char *at = strstr(r.body, line);
  assert_non_null(at);
  int64_t value = strtoll(at + strlen(line), NULL, 10);
  raw_reply_free(&r);
  return value;
}

/* What it says; "" while it is ready. */
static bool is_ready(const struct outage *o) {
  struct raw_reply r;
  get(o, "/healthz/ready", &r);
  bool is = r.status == 200;
  if (!is) {
    assert_int_equal(r.status, 503);
    assert_string_equal(raw_str(&r, "status"), "store_unavailable");
    assert_true(strlen(raw_str(&r, "message")) > 0);
  }
  raw_reply_free(&r);
  return is;
}

static int64_t losses(const struct outage *o) {
  int64_t sum = 0;
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    sum += o->traffic->steady[i].losses;
  return sum;
}

static void publish_refused(const struct outage *o, struct raw_reply *out) {
  const struct raw_request r = {
      .path = "/api/v1/requests/refused/events", .token = o->token, .body = REFUSED};
  raw_ask(o->port, &r, out);
}

static void expect_refusal(const struct outage *o) {
  struct raw_reply r;
  publish_refused(o, &r);
  raw_assert_error(&r, 503, "store_unavailable", "store");
  assert_non_null(raw_header(&r, "Retry-After"));
  raw_reply_free(&r);
}

/* A watcher that comes now is given everything there is. */
static void expect_replay(const struct outage *o) {
  struct raw_ws *ws = raw_ws_open(o->port, "beta", o->token, "from=start");
  const json_t *data = json_object_get(raw_ws_next(ws, "connection_established"), "data");
  int64_t first = json_integer_value(json_object_get(data, "first_message_id"));
  int64_t last = json_integer_value(json_object_get(data, "last_message_id"));
  assert_true(last > 0);
  for (int64_t id = first; id <= last; id++) {
    const json_t *event = raw_ws_next(ws, "execution_progress");
    assert_int_equal(json_integer_value(json_object_get(event, "message_id")), id);
  }
  raw_ws_next(ws, "replay_complete");
  raw_ws_free(ws);
}

void outage_before(struct outage *o) {
  int64_t before = o->traffic->acknowledged;
  TRAFFIC_WAIT_FOR(o->traffic, o->traffic->acknowledged >= before + 300);
  TRAFFIC_WAIT_FOR(o->traffic, o->traffic->ledger->requests[1].last_known > 0);
  TRAFFIC_WAIT_FOR(o->traffic, is_ready(o));
  o->failed_before = outage_metric(o, "publishes_failed");
  o->losses_before = losses(o);
}

void outage_expect(struct outage *o) {
  TRAFFIC_WAIT_FOR(o->traffic, !is_ready(o));
  expect_refusal(o);
  expect_replay(o);
  TRAFFIC_WAIT_FOR(o->traffic, outage_metric(o, "publishes_failed") > o->failed_before);
  assert_int_equal(losses(o), o->losses_before);
}

void outage_expect_end(struct outage *o) {
  struct raw_reply first, second;
  TRAFFIC_WAIT_FOR(o->traffic, is_ready(o));
  publish_refused(o, &first);
  publish_refused(o, &second);
  assert_int_equal(first.status, 201);
  assert_int_equal(second.status, 201);
  assert_int_equal(raw_int(&second, "first_message_id"), 1);
  assert_true(json_is_true(json_object_get(second.json, "duplicate")));
  raw_reply_free(&first);
  raw_reply_free(&second);
  int64_t before = o->traffic->acknowledged;
  TRAFFIC_WAIT_FOR(o->traffic, o->traffic->acknowledged >= before + 300);
  assert_int_equal(losses(o), o->losses_before);
}
