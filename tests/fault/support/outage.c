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

#define BACK_MS 8000 /* the store is tried again each second; the rest is for a busy machine */
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

/* Whether it is refused by now; if so, in the right way. */
static bool is_refused(const struct outage *o) {
  struct raw_reply r;
  publish_refused(o, &r);
  bool is = r.status == 503 && strstr(r.body, "\"unknown_outcome\"") == NULL;
  if (is) {
    raw_assert_error(&r, 503, "store_unavailable", "store");
    assert_non_null(raw_header(&r, "Retry-After"));
  }
  raw_reply_free(&r);
  return is;
}

static void refuse_by_http(const struct outage *o) {
  assert_true(is_refused(o));
}

static void refuse_by_websocket(const struct outage *o) {
  struct raw_ws *ws = raw_ws_open(o->port, "refused", o->token, "from=new");
  raw_ws_next(ws, "connection_established");
  raw_ws_next(ws, "replay_complete");
  raw_ws_say(ws, "{\"type\":\"publish\",\"event\":" REFUSED ",\"ref\":1}");
  const json_t *data = json_object_get(raw_ws_next(ws, "protocol_error"), "data");
  assert_string_equal(json_string_value(json_object_get(data, "code")), "store_unavailable");
  raw_ws_free(ws);
}

/* Each is counted once, whichever way it came. The traffic, which stands still meanwhile, has no
 * more under way than a few tries. */
static void expect_counted(const struct outage *o, void (*refuse)(const struct outage *o)) {
  for (int right = 0, tries = 0; right < 2; tries++) {
    int64_t before = outage_metric(o, "publishes_failed");
    refuse(o);
    right = outage_metric(o, "publishes_failed") == before + 1 ? right + 1 : 0;
    if (tries == 20)
      fail_msg("publishes_failed of /metrics does not count what is refused");
  }
}

/* Read from the store, which a replay of the newest is not. */
static void expect_page(const struct outage *o, int64_t first) {
  struct raw_reply r;
  get(o, "/api/v1/requests/beta/events?limit=10", &r);
  assert_int_equal(r.status, 200);
  assert_true(json_array_size(r.json) > 0);
  for (size_t i = 0; i < json_array_size(r.json); i++) {
    const json_t *event = json_array_get(r.json, i);
    assert_int_equal(json_integer_value(json_object_get(event, "message_id")), first + (int64_t)i);
  }
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
  expect_page(o, first);
}

void outage_before(struct outage *o) {
  int64_t before = o->traffic->acknowledged;
  TRAFFIC_WAIT_FOR(o->traffic, o->traffic->acknowledged >= before + 300);
  TRAFFIC_WAIT_FOR(o->traffic, o->traffic->ledger->requests[1].last_known > 0);
  TRAFFIC_WAIT_FOR(o->traffic, is_ready(o));
  o->losses_before = losses(o);
}

void outage_expect(struct outage *o) {
  TRAFFIC_WAIT_FOR(o->traffic, is_refused(o));
  if (is_ready(o))
    fail_msg("publishes are refused, but it says that it is ready");
  expect_counted(o, refuse_by_http);
  expect_counted(o, refuse_by_websocket);
  expect_replay(o);
  assert_int_equal(losses(o), o->losses_before);
}

static void wait_until_ready(struct outage *o) {
  int64_t until = traffic_now_ms() + BACK_MS;
  while (!is_ready(o)) {
    if (traffic_now_ms() > until)
      fail_msg("the reason is gone, but service is not back within %d ms", BACK_MS);
    traffic_turn(o->traffic);
  }
}

void outage_expect_end(struct outage *o) {
  struct raw_reply first, second;
  wait_until_ready(o);
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
