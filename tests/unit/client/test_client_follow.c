/* follow, against a hub that does what the script says. */
#include "tests/unit/client/harness.h"

#include "lib/core/ws_frame.h"
#include "tests/unit/client/fake_hub.h"
#include <stdio.h>

struct seen {
  int64_t ids[5000];
  size_t count;
  size_t stop_at; /* cws_follow_end at that many events; 0: never */
  int ends, ended_with, gaps, waits, caught_up, sessions;
  int64_t gap_from, gap_to, last_wait;
  char gap_reason[16], message[512];
  struct cws_client *client;
};

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct seen *s = user;
  assert_string_equal(event->type, "step");
  s->ids[s->count++] = event->message_id;
  if (s->stop_at != 0 && s->count == s->stop_at)
    cws_follow_end(f);
}

static void on_state(struct cws_follow *f, enum cws_follow_state state, const struct cws_error *why,
                     int64_t wait_ms, void *user) {
  struct seen *s = user;
  (void)f;
  if (state == CWS_FOLLOW_WAITING) {
    assert_non_null(why);
    s->waits++;
    s->last_wait = wait_ms;
  } else {
    assert_null(why);
  }
}

static void on_session(struct cws_follow *f, const struct cws_follow_session *session, void *user) {
  struct seen *s = user;
  (void)f;
  assert_string_equal(session->connection_id, "c1");
  s->sessions++;
}

static void on_gap(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user) {
  struct seen *s = user;
  (void)f;
  s->gaps++;
  s->gap_from = from;
  s->gap_to = to;
  snprintf(s->gap_reason, sizeof(s->gap_reason), "%s", reason);
}

static void on_caught_up(struct cws_follow *f, int64_t last, void *user) {
  (void)f;
  (void)last;
  ((struct seen *)user)->caught_up++;
}

static void on_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  struct seen *s = user;
  (void)f;
  s->ends++;
  s->ended_with = why == NULL ? 0 : why->code;
  snprintf(s->message, sizeof(s->message), "%s", why == NULL ? "" : why->message);
}

static const struct cws_follow_handlers handlers = {
    .size = sizeof(handlers),
    .on_event = on_event,
    .on_state = on_state,
    .on_session = on_session,
    .on_gap = on_gap,
    .on_caught_up = on_caught_up,
    .on_end = on_end,
};

static struct cws_follow *start(struct cws_client *client, struct cws_follow_options *o,
                                struct seen *s) {
  struct cws_follow *f;
  struct cws_error err = {0};
  o->request_id = "r";
  s->client = client;
  if (cws_follow_start(client, o, &handlers, s, &f, &err) != 0)
    fail_msg("%s", err.message);
  assert_int_equal(s->ends, 0);
  return f;
}

static void follow_script(fake_script *script, void *user, struct cws_follow_options *o,
                          struct seen *s) {
  struct fake_hub *hub = fake_hub_start(NULL, script, user);
  struct cws_client *client = harness_client(fake_hub_url(hub));
  start(client, o, s);
  harness_run(client);
  assert_int_equal(s->ends, 1);
  cws_client_free(client);
  fake_hub_stop(hub);
}

static void assert_each_once(const struct seen *s, int64_t first, size_t count) {
  assert_int_equal(s->count, count);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(s->ids[i], first + (int64_t)i);
}

/* ---- over cuts ---- */

#define CUT_EVENTS 300

static void cutting_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  int64_t after = fake_query(c, "after", 0);
  if (index > 0)
    assert_true(fake_has(c, "epoch=e1") || after == 0);
  fake_cut_after(c, (size_t)(7 + index * 131) % 4000 + (index > 60 ? 1000000 : 0));
  fake_upgrade(c);
  fake_hello(c, "e1", after, 30);
  for (int64_t id = after + 1; id <= CUT_EVENTS; id++)
    fake_event(c, id);
  if (!fake_is_cut(c))
    fake_replay_complete(c, CUT_EVENTS);
  fake_wait_end(c);
}

static void each_event_comes_once_and_in_order_wherever_the_connection_is_cut(void **state) {
  (void)state;
  struct seen s = {.stop_at = CUT_EVENTS};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(cutting_script, NULL, &o, &s);
  assert_each_once(&s, 1, CUT_EVENTS);
  assert_int_equal(s.ended_with, 0);
  assert_true(s.waits > 5);
}

static void repeating_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30); /* ignores `after`: sends everything again */
  for (int64_t id = 1; id <= (index == 0 ? 5 : 10); id++)
    fake_event(c, id);
  if (index > 0)
    fake_wait_end(c);
  else
    fake_hang_up(c);
}

static void a_hub_that_sends_again_what_it_sent_is_heard_once(void **state) {
  (void)state;
  struct seen s = {.stop_at = 10};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(repeating_script, NULL, &o, &s);
  assert_each_once(&s, 1, 10);
}

static void skipping_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  int64_t after = fake_query(c, "after", 0);
  fake_upgrade(c);
  fake_hello(c, "e1", after, 30);
  fake_event(c, after + 1);
  fake_event(c, after + (index == 0 ? 3 : 2));
  fake_wait_end(c);
}

static void an_event_left_out_without_a_gap_is_asked_for_again(void **state) {
  (void)state;
  struct seen s = {.stop_at = 3};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(skipping_script, NULL, &o, &s);
  assert_each_once(&s, 1, 3);
  assert_int_equal(s.sessions, 2);
}

static void large_script(struct fake_conn *c, int index, void *user) {
  char *json = malloc(300000);
  struct buf b;
  (void)index;
  (void)user;
  int n =
      sprintf(json, "{\"type\":\"step\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"message_id\":1,"
                    "\"data\":\"");
  memset(json + n, 'x', 200000);
  strcpy(json + n + 200000, "\"}");
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  buf_init(&b);
  ws_frame_append(&b, WS_TEXT, json, strlen(json));
  fake_raw(c, b.data, b.len);
  buf_finish(&b);
  free(json);
  fake_event(c, 2);
  fake_wait_end(c);
}

static void an_event_of_many_reads_is_joined(void **state) {
  (void)state;
  struct seen s = {.stop_at = 2};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(large_script, NULL, &o, &s);
  assert_each_once(&s, 1, 2);
}

/* ---- where it starts ---- */

static void start_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  snprintf(user, 512, "%.*s", (int)strcspn(fake_head(c), "\r"), fake_head(c));
  if (!fake_has(c, "\r\nAuthorization: Bearer t0ken\r\n"))
    strcpy(user, "no token");
  fake_upgrade(c);
  fake_hello(c, "e1", 7, 30);
  fake_event(c, 8);
  fake_wait_end(c);
}

static void assert_start(struct cws_follow_options *o, const char *line) {
  char head[512] = "";
  struct seen s = {.stop_at = 1};
  follow_script(start_script, head, o, &s);
  assert_string_equal(head, line);
  assert_each_once(&s, 8, 1);
}

static void the_first_request_says_where_to_start_and_never_the_token(void **state) {
  (void)state;
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  assert_start(&o, "GET /api/v1/ws/r HTTP/1.1");
  o.from = CWS_FROM_START;
  assert_start(&o, "GET /api/v1/ws/r?from=start HTTP/1.1");
  o.from = CWS_FROM_NEW;
  o.subscriber = "a:b~c";
  assert_start(&o, "GET /api/v1/ws/r?from=new&subscriber=a%3Ab~c HTTP/1.1");
  o.after = 7;
  o.epoch = "e1";
  o.subscriber = NULL;
  assert_start(&o, "GET /api/v1/ws/r?after=7&epoch=e1 HTTP/1.1");
}

/* ---- gaps and epochs ---- */

static void gap_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  fake_upgrade(c);
  if (index == 0) {
    fake_hello(c, "e1", 0, 30);
    fake_text(
        c,
        "{\"type\":\"gap\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{\"from\":1,\"to\":40,"
        "\"reason\":\"expired\"}}");
    fake_event(c, 41);
    fake_event(c, 42);
    fake_hang_up(c);
    return;
  }
  assert_int_equal(fake_query(c, "after", -1), 42);
  fake_hello(c, "e2", 0, 30);
  fake_text(
      c,
      "{\"type\":\"gap\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{\"from\":43,\"to\":null,"
      "\"reason\":\"epoch\",\"epoch\":\"e2\"}}");
  fake_event(c, 1);
  fake_wait_end(c);
}

static void what_is_gone_is_told_and_a_new_epoch_counts_anew(void **state) {
  (void)state;
  struct seen s = {.stop_at = 3};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(gap_script, NULL, &o, &s);
  assert_int_equal(s.count, 3);
  assert_int_equal(s.ids[0], 41);
  assert_int_equal(s.ids[1], 42);
  assert_int_equal(s.ids[2], 1);
  assert_int_equal(s.gaps, 2);
  assert_int_equal(s.gap_from, 43);
  assert_int_equal(s.gap_to, -1);
  assert_string_equal(s.gap_reason, "epoch");
}

static void empty_gap_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  fake_upgrade(c);
  if (index > 0) {
    assert_int_equal(fake_query(c, "after", -1), 1);
    assert_true(fake_has(c, "epoch=e2"));
    fake_hello(c, "e2", 1, 30);
    fake_event(c, 2);
    fake_wait_end(c);
    return;
  }
  fake_hello(c, "e1", 0, 30);
  fake_text(
      c, "{\"type\":\"gap\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{\"from\":1,\"to\":0,"
         "\"reason\":\"epoch\",\"epoch\":\"e2\"}}");
  fake_event(c, 1);
  fake_hang_up(c);
}

static void another_epoch_before_the_first_event_is_no_gap(void **state) {
  (void)state;
  struct seen s = {.stop_at = 2};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(empty_gap_script, NULL, &o, &s);
  assert_each_once(&s, 1, 2);
  assert_int_equal(s.gaps, 0);
}

/* ---- acknowledging ---- */

struct acks {
  int64_t values[64];
  int count, close_code;
  int64_t events;
};

static int64_t ack_of(const char *text) {
  const char *p = strstr(text, "\"message_id\":");
  return strstr(text, "\"ack\"") == NULL || p == NULL ? -1 : strtoll(p + 13, NULL, 10);
}

static void ack_script(struct fake_conn *c, int index, void *user) {
  struct acks *acks = user;
  char *text;
  (void)index;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  for (int64_t id = 1; id <= acks->events; id++)
    fake_event(c, id);
  while ((text = fake_next_text(c)) != NULL) {
    acks->values[acks->count++] = ack_of(text);
    free(text);
  }
  acks->close_code = fake_close_code(c);
  fake_wait_end(c);
}

static void an_end_sends_the_last_ack_and_closes_with_1000(void **state) {
  (void)state;
  struct acks acks = {.events = 500};
  struct seen s = {.stop_at = 500};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(ack_script, &acks, &o, &s);
  assert_true(acks.count >= 1 && acks.count < 64); /* coalesced */
  for (int i = 1; i < acks.count; i++)
    assert_true(acks.values[i] > acks.values[i - 1]);
  assert_int_equal(acks.values[acks.count - 1], 500);
  assert_int_equal(acks.close_code, 1000);
}

static void no_ack_acknowledges_nothing(void **state) {
  (void)state;
  struct acks acks = {.events = 5};
  struct seen s = {.stop_at = 5};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  o.no_ack = true;
  follow_script(ack_script, &acks, &o, &s);
  assert_int_equal(acks.count, 0);
}

static void on_event_ack_odd(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct seen *s = user;
  s->count++;
  assert_int_equal(cws_follow_ack(f, event->message_id + 1), CWS_EINVAL);
  if (event->message_id == 3)
    assert_int_equal(cws_follow_ack(f, 3), 0);
  if (event->message_id == 5)
    cws_follow_end(f);
}

static void with_manual_ack_only_what_is_named_is_acknowledged(void **state) {
  (void)state;
  struct acks acks = {.events = 5};
  struct seen s = {.stop_at = 0};
  struct cws_follow_options o;
  struct cws_follow_handlers h = handlers;
  struct cws_follow *f;
  h.on_event = on_event_ack_odd;
  cws_follow_options_init(&o);
  o.manual_ack = true;
  o.request_id = "r";
  struct fake_hub *hub = fake_hub_start(NULL, ack_script, &acks);
  struct cws_client *client = harness_client(fake_hub_url(hub));
  assert_int_equal(cws_follow_start(client, &o, &h, &s, &f, NULL), 0);
  harness_run(client);
  cws_client_free(client);
  fake_hub_stop(hub);
  assert_int_equal(acks.count, 1);
  assert_int_equal(acks.values[0], 3);
}

/* ---- liveness ---- */

struct liveness {
  int heartbeats, pongs;
};

static void heartbeat_script(struct fake_conn *c, int index, void *user) {
  struct liveness *l = user;
  char *text;
  (void)index;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  fake_ping(c);
  fake_text(c, "{\"type\":\"heartbeat\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{\"last_"
               "message_id\":0}}");
  text = fake_next_text(c);
  if (text != NULL && strstr(text, "heartbeat_response") != NULL)
    l->heartbeats++;
  free(text);
  fake_event(c, 1);
  free(fake_next_text(c));
  l->pongs = fake_pongs(c);
  fake_wait_end(c);
}

static void heartbeats_and_pings_are_answered(void **state) {
  (void)state;
  struct liveness l = {0};
  struct seen s = {.stop_at = 1};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(heartbeat_script, &l, &o, &s);
  assert_int_equal(l.heartbeats, 1);
  assert_int_equal(l.pongs, 1);
}

static void silent_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  if (index == 0) {
    fake_wait_end(c); /* never answers the upgrade */
    return;
  }
  fake_upgrade(c);
  if (index == 1) {
    fake_wait_end(c); /* never says hello */
    return;
  }
  fake_hello(c, "e1", 0, 30);
  fake_event(c, 1);
  fake_wait_end(c);
}

static void a_hub_that_does_not_answer_is_left_in_time(void **state) {
  (void)state;
  struct seen s = {.stop_at = 1};
  struct cws_follow_options o;
  struct cws_client_options co;
  struct fake_hub *hub = fake_hub_start(NULL, silent_script, NULL);
  harness_options(&co, fake_hub_url(hub));
  co.connect_timeout_ms = 100;
  struct cws_client *client = harness_new(&co);
  cws_follow_options_init(&o);
  start(client, &o, &s);
  harness_run(client);
  cws_client_free(client);
  assert_int_equal(fake_hub_connections(hub), 3);
  fake_hub_stop(hub);
  assert_each_once(&s, 1, 1);
  assert_int_equal(s.waits, 2);
}

/* ---- refusals and closes ---- */

struct refusal {
  int status;
  const char *headers, *body;
  int expected;
  const char *text; /* in the message */
};

static void refusing_script(struct fake_conn *c, int index, void *user) {
  const struct refusal *r = user;
  (void)index;
  fake_reply(c, r->status, r->headers, r->body);
  fake_wait_end(c);
}

static void a_refusal_ends_with_the_hubs_own_words(void **state) {
  (void)state;
  static const struct refusal refusals[] = {
      {401, "", "{\"error\":{\"code\":\"no_token\",\"message\":\"a token is required here\"}}",
       CWS_ENOTOKEN, "a token is required here"},
      {401, "", "{\"error\":{\"code\":\"token_expired\",\"message\":\"old\"}}", CWS_ETOKENEXPIRED,
       "old"},
      {403, "Connection: close\r\n",
       "{\"error\":{\"code\":\"forbidden\",\"message\":\"not yours\"}}", CWS_EFORBIDDEN,
       "not yours"},
      {403, "", "", CWS_EFORBIDDEN, "403"},
      {404, "", "<html>a proxy</html>", CWS_EUNKNOWNROUTE, "404"},
      {400, "", "{\"error\":{\"code\":\"bad_request\",\"message\":\"after: not a number\"}}",
       CWS_EBADREQUEST, "after: not a number"},
      {301, "Location: http://127.0.0.1:1/x\r\n", "", CWS_EPROTOCOL, "leads elsewhere"},
      {200, "", "hello", CWS_EPROTOCOL, ""},
  };
  for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
    struct refusal r = refusals[i];
    struct seen s = {0};
    struct cws_follow_options o;
    cws_follow_options_init(&o);
    follow_script(refusing_script, &r, &o, &s);
    assert_int_equal(s.ended_with, r.expected);
    assert_non_null(strstr(s.message, r.text));
    assert_int_equal(s.waits, 0);
  }
}

static void no_events_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  fake_upgrade(c);
  fake_text(c, "{\"type\":\"connection_established\",\"timestamp\":\"2026-01-02T03:04:05.678Z\","
               "\"message_id\":0,\"data\":{\"request_id\":\"r\",\"connection_id\":\"c1\","
               "\"subscriber\":\"alice\",\"epoch\":\"e\",\"first_message_id\":1,"
               "\"last_message_id\":9,\"resume_from\":0,\"heartbeat_interval\":30,"
               "\"inactivity_timeout\":300,\"watch\":false,\"message\":\"hello\"}}");
  fake_wait_end(c);
}

static void who_is_let_in_to_publish_only_is_told_at_once(void **state) {
  (void)state;
  struct seen s = {0};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(no_events_script, NULL, &o, &s);
  assert_int_equal(s.ended_with, CWS_EFORBIDDEN);
  assert_string_equal(s.message, "this token may not watch 'r'");
  assert_int_equal(s.waits, 0);
}

static void busy_script(struct fake_conn *c, int index, void *user) {
  static const int statuses[] = {408, 425, 429, 500, 503};
  (void)user;
  if (index < 5) {
    fake_reply(c, statuses[index], index == 2 ? "Retry-After: 0\r\n" : "",
               "{\"error\":{\"code\":\"draining\",\"message\":\"later\",\"temporary\":true}}");
    return;
  }
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  fake_event(c, 1);
  fake_wait_end(c);
}

static void temporary_refusals_are_tried_again(void **state) {
  (void)state;
  struct seen s = {.stop_at = 1};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(busy_script, NULL, &o, &s);
  assert_int_equal(s.waits, 5);
  assert_each_once(&s, 1, 1);
}

static void attempts_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  fake_reply(c, 503, "", "{}");
}

static void after_max_attempts_it_ends(void **state) {
  (void)state;
  struct seen s = {0};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  o.max_attempts = 3;
  follow_script(attempts_script, NULL, &o, &s);
  assert_int_equal(s.waits, 2);
  assert_int_equal(s.ended_with, CWS_EBUSY);
}

struct closing {
  int code;
  bool bye, reconnect;
  int expected;
};

static void closing_script(struct fake_conn *c, int index, void *user) {
  const struct closing *k = user;
  int64_t after = fake_query(c, "after", 0);
  fake_upgrade(c);
  fake_hello(c, "e1", after, 30);
  fake_event(c, after + 1);
  if (index == 0 && k->bye)
    fake_bye(c, k->code, k->reconnect, 1);
  if (index == 0)
    fake_close(c, k->code);
  fake_wait_end(c);
}

static void close_codes_say_whether_to_come_back(void **state) {
  (void)state;
  static const struct closing closings[] = {
      {1012, true, true, 0},
      {1013, true, true, 0},
      {1012, false, true, 0},
      {1011, false, true, 0},
      {4001, true, true, 0},
      {4012, false, true, 0},
      {4999, false, false, CWS_EFORBIDDEN},
      {4503, true, false, CWS_EREVOKED},
      {4503, false, false, CWS_EREVOKED},
      {4504, true, false, CWS_ETOOMANYCONNECTIONS},
      {4510, true, false, CWS_EDELETED},
      {4509, false, false, CWS_EPROTOCOL},
      {1009, false, false, CWS_ETOOLARGE},
      {1007, false, false, CWS_EPROTOCOL},
  };
  for (size_t i = 0; i < sizeof(closings) / sizeof(closings[0]); i++) {
    struct closing k = closings[i];
    struct seen s = {.stop_at = 2};
    struct cws_follow_options o;
    cws_follow_options_init(&o);
    follow_script(closing_script, &k, &o, &s);
    assert_int_equal(s.ended_with, k.expected);
    assert_each_once(&s, 1, k.expected == 0 ? 2 : 1);
  }
}

static void wait_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  if (index == 0) {
    fake_bye(c, 1012, true, 400);
    fake_close(c, 1012);
  } else {
    fake_event(c, 1);
  }
  fake_wait_end(c);
}

static void the_hubs_hint_beats_the_backoff(void **state) {
  (void)state;
  struct seen s = {.stop_at = 1};
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  follow_script(wait_script, NULL, &o, &s);
  assert_true(s.last_wait >= 200 && s.last_wait <= 400);
}

static void binary_script(struct fake_conn *c, int index, void *user) {
  struct buf b;
  (void)index;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  buf_init(&b);
  if (*(int *)user == 0)
    ws_frame_append(&b, WS_BINARY, "x", 1);
  else
    ws_frame_append(&b, WS_TEXT, "{nonsense", 9);
  fake_raw(c, b.data, b.len);
  buf_finish(&b);
  fake_wait_end(c);
}

static void a_peer_that_does_not_speak_the_protocol_ends_it(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    struct seen s = {0};
    struct cws_follow_options o;
    cws_follow_options_init(&o);
    follow_script(binary_script, &kind, &o, &s);
    assert_int_equal(s.ended_with, CWS_EPROTOCOL);
  }
}

/* ---- tokens ---- */

struct tokens {
  int asked, expired;
};

static char *token_fn(bool expired, void *user) {
  struct tokens *t = user;
  char token[32];
  t->asked++;
  t->expired += expired;
  snprintf(token, sizeof(token), "token-%d", t->expired);
  return strdup(token);
}

static void token_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  int64_t after = fake_query(c, "after", 0);
  if (index == 0 || index == 2) {
    fake_reply(c, 401, "", "{\"error\":{\"code\":\"token_expired\",\"message\":\"expired\"}}");
    return;
  }
  assert_true(fake_has(c, index == 1 ? "Bearer token-1\r\n" : "Bearer token-2\r\n"));
  fake_upgrade(c);
  fake_hello(c, "e1", after, 30);
  fake_event(c, after + 1);
  if (index == 1) {
    fake_close(c, 1012);
  }
  fake_wait_end(c);
}

static void follow_with_tokens(fake_script *script, struct tokens *t, struct seen *s) {
  struct cws_follow_options o;
  struct cws_client_options co;
  struct fake_hub *hub = fake_hub_start(NULL, script, NULL);
  harness_options(&co, fake_hub_url(hub));
  co.token_fn = token_fn;
  co.token_user = t;
  struct cws_client *client = harness_new(&co);
  cws_follow_options_init(&o);
  start(client, &o, s);
  harness_run(client);
  cws_client_free(client);
  fake_hub_stop(hub);
}

static void an_expired_token_is_replaced_at_once_without_losing_an_event(void **state) {
  (void)state;
  struct tokens t = {0};
  struct seen s = {.stop_at = 2};
  follow_with_tokens(token_script, &t, &s);
  assert_each_once(&s, 1, 2);
  assert_int_equal(t.asked, 4);
  assert_int_equal(t.expired, 2);
}

static void expiring_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  int64_t after = fake_query(c, "after", 0);
  assert_true(fake_has(c, index == 0 ? "Bearer token-0\r\n" : "Bearer token-1\r\n"));
  fake_upgrade(c);
  fake_hello(c, "e1", after, 30);
  fake_event(c, after + 1);
  if (index == 0) {
    fake_bye(c, 4005, true, 0);
    fake_close(c, 4005);
  }
  fake_wait_end(c);
}

static void a_token_that_expires_in_a_session_is_replaced(void **state) {
  (void)state;
  struct tokens t = {0};
  struct seen s = {.stop_at = 2};
  follow_with_tokens(expiring_script, &t, &s);
  assert_each_once(&s, 1, 2);
  assert_int_equal(s.waits, 0);
}

static void never_good_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  fake_reply(c, 401, "", "{\"error\":{\"code\":\"token_expired\",\"message\":\"expired\"}}");
}

static void a_second_expired_token_in_a_row_ends_it(void **state) {
  (void)state;
  struct tokens t = {0};
  struct seen s = {0};
  follow_with_tokens(never_good_script, &t, &s);
  assert_int_equal(s.ended_with, CWS_ETOKENEXPIRED);
  assert_int_equal(t.asked, 2);
}

/* ---- pause ---- */

static void flood_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  for (int64_t id = 1; id <= 4000; id++)
    fake_event(c, id);
  fake_wait_end(c);
}

struct pausing {
  struct seen seen;
  struct cws_follow *follow;
  uv_timer_t timer;
  bool paused;
  int pauses;
};

static void on_resume_timer(uv_timer_t *timer) {
  struct pausing *p = timer->data;
  p->paused = false;
  cws_follow_resume(p->follow);
}

static void on_event_pause(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct pausing *p = user;
  assert_false(p->paused);
  on_event(f, event, &p->seen);
  if (event->message_id % 7 == 0 && p->pauses < 100) {
    p->paused = true;
    p->pauses++;
    cws_follow_pause(f);
    uv_timer_start(&p->timer, on_resume_timer, 1, 0);
  }
}

static void on_end_pausing(struct cws_follow *f, const struct cws_error *why, void *user) {
  struct pausing *p = user;
  on_end(f, why, &p->seen);
}

static void nothing_is_delivered_while_paused_and_nothing_lost(void **state) {
  (void)state;
  struct pausing *p = calloc(1, sizeof(*p));
  struct cws_follow_handlers h = {
      .size = sizeof(h), .on_event = on_event_pause, .on_end = on_end_pausing};
  struct cws_follow_options o;
  struct fake_hub *hub = fake_hub_start(NULL, flood_script, NULL);
  struct cws_client *client = harness_client(fake_hub_url(hub));
  p->seen.stop_at = 4000;
  uv_timer_init(cws_client_loop(client), &p->timer);
  p->timer.data = p;
  cws_follow_options_init(&o);
  o.request_id = "r";
  assert_int_equal(cws_follow_start(client, &o, &h, p, &p->follow, NULL), 0);
  harness_run(client);
  assert_each_once(&p->seen, 1, 4000);
  assert_int_equal(p->pauses, 100);
  uv_close((uv_handle_t *)&p->timer, NULL);
  cws_client_free(client);
  fake_hub_stop(hub);
  free(p);
}

/* ---- no hub at all ---- */

static void without_a_hub_it_says_what_cannot_be_reached(void **state) {
  (void)state;
  static const struct {
    const char *url;
    int code;
  } cases[] = {
      {"http://127.0.0.1:1", CWS_ECONNECT},
      {"unix:/nonexistent/hub.sock", CWS_ECONNECT},
      {"http://no-such-host.invalid:80", CWS_EHOST},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct seen s = {0};
    struct cws_follow_options o;
    struct cws_client *client = harness_client(cases[i].url);
    cws_follow_options_init(&o);
    o.max_attempts = 3;
    start(client, &o, &s);
    harness_run(client);
    assert_int_equal(s.ended_with, cases[i].code);
    assert_int_equal(s.waits, 2);
    cws_client_free(client);
  }
}

static void bad_options_are_refused_at_once(void **state) {
  (void)state;
  struct cws_client *client = harness_client("http://127.0.0.1:1");
  struct cws_follow_options o;
  struct cws_follow *f;
  struct seen s = {0};
  cws_follow_options_init(&o);
  assert_int_equal(cws_follow_start(client, &o, &handlers, &s, &f, NULL), CWS_EBADREQUEST);
  o.request_id = "no blanks please";
  assert_int_equal(cws_follow_start(client, &o, &handlers, &s, &f, NULL), CWS_EBADREQUEST);
  o.request_id = "r";
  o.after = -2;
  assert_int_equal(cws_follow_start(client, &o, &handlers, &s, &f, NULL), CWS_EINVAL);
  o.after = -1;
  o.subscriber = "";
  assert_int_equal(cws_follow_start(client, &o, &handlers, &s, &f, NULL), CWS_EINVAL);
  o.subscriber = "a b";
  assert_int_equal(cws_follow_start(client, &o, &handlers, &s, &f, NULL), CWS_EINVAL);
  assert_int_equal(cws_client_run(client), 0);
  cws_client_free(client);
  assert_int_equal(s.ends, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_event_comes_once_and_in_order_wherever_the_connection_is_cut),
      cmocka_unit_test(a_hub_that_sends_again_what_it_sent_is_heard_once),
      cmocka_unit_test(an_event_left_out_without_a_gap_is_asked_for_again),
      cmocka_unit_test(an_event_of_many_reads_is_joined),
      cmocka_unit_test(the_first_request_says_where_to_start_and_never_the_token),
      cmocka_unit_test(what_is_gone_is_told_and_a_new_epoch_counts_anew),
      cmocka_unit_test(another_epoch_before_the_first_event_is_no_gap),
      cmocka_unit_test(an_end_sends_the_last_ack_and_closes_with_1000),
      cmocka_unit_test(no_ack_acknowledges_nothing),
      cmocka_unit_test(with_manual_ack_only_what_is_named_is_acknowledged),
      cmocka_unit_test(heartbeats_and_pings_are_answered),
      cmocka_unit_test(a_hub_that_does_not_answer_is_left_in_time),
      cmocka_unit_test(a_refusal_ends_with_the_hubs_own_words),
      cmocka_unit_test(who_is_let_in_to_publish_only_is_told_at_once),
      cmocka_unit_test(temporary_refusals_are_tried_again),
      cmocka_unit_test(after_max_attempts_it_ends),
      cmocka_unit_test(close_codes_say_whether_to_come_back),
      cmocka_unit_test(the_hubs_hint_beats_the_backoff),
      cmocka_unit_test(a_peer_that_does_not_speak_the_protocol_ends_it),
      cmocka_unit_test(an_expired_token_is_replaced_at_once_without_losing_an_event),
      cmocka_unit_test(a_token_that_expires_in_a_session_is_replaced),
      cmocka_unit_test(a_second_expired_token_in_a_row_ends_it),
      cmocka_unit_test(nothing_is_delivered_while_paused_and_nothing_lost),
      cmocka_unit_test(without_a_hub_it_says_what_cannot_be_reached),
      cmocka_unit_test(bad_options_are_refused_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
