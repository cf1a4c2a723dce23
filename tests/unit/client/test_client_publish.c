/* publisher, both transports, against a hub that stores, refuses, is busy, and cuts where the
 * script says. */
#include "tests/unit/client/harness.h"

#include "lib/core/protocol.h"
#include "tests/unit/client/fake_hub.h"
#include <stdio.h>

#define EVENTS_MAX 3000

/* What the fake hub has stored: the hub's thread fills it, the test reads it after the hub has
 * stopped. */
struct stored {
  char ids[EVENTS_MAX][40]; /* event_id */
  int64_t n[EVENTS_MAX];    /* data.n */
  int64_t count;
  int posts, batches, duplicates, busy;
};

struct seen {
  int64_t published[EVENTS_MAX]; /* message_id by seq */
  int64_t answered, refused, refused_seq, last_seq;
  int ends, ended_with, refusal, waits, backs, readies, duplicates;
  int64_t to_send, sent;
  char message[512];
  struct cws_publisher *publisher;
};

static int64_t find(const struct stored *s, const char *event_id) {
  for (int64_t i = 0; i < s->count; i++) {
    if (strcmp(s->ids[i], event_id) == 0)
      return i;
  }
  return -1;
}

/* The message_id of the event, stored now or before. */
static int64_t store(struct stored *s, const struct cws_event *event, bool *duplicate) {
  int64_t i = find(s, event->event_id);
  *duplicate = i >= 0;
  if (i >= 0) {
    s->duplicates++;
    return i + 1;
  }
  snprintf(s->ids[s->count], sizeof(s->ids[0]), "%s", event->event_id);
  s->n[s->count] = strtoll(event->data + 5, NULL, 10); /* {"n":… */
  return ++s->count;
}

static void assert_stored_in_order(const struct stored *s, int64_t count) {
  assert_int_equal(s->count, count);
  for (int64_t i = 0; i < count; i++)
    assert_int_equal(s->n[i], i + 1);
}

/* ---- the test's side ---- */

static void send_more(struct seen *s) {
  char data[64];
  while (s->sent < s->to_send) {
    int n = snprintf(data, sizeof(data), "{\"n\":%lld}", (long long)s->sent + 1);
    struct cws_event event = {.type = "step", .data = data, .data_len = (size_t)n};
    struct cws_error err = {0};
    int64_t seq = 0;
    int rc = cws_publisher_send(s->publisher, &event, &seq, &err);
    if (rc == CWS_EBUSY)
      return;
    if (rc != 0)
      fail_msg("%s", err.message);
    assert_int_equal(seq, ++s->sent);
  }
  cws_publisher_end(s->publisher);
}

static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  struct seen *s = user;
  (void)p;
  assert_true(seq > s->last_seq);
  s->last_seq = seq;
  s->published[seq - 1] = message_id;
  s->answered++;
  s->duplicates += duplicate;
}

static void on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                       void *user) {
  struct seen *s = user;
  (void)p;
  s->refused++;
  s->refused_seq = seq;
  s->refusal = why->code;
}

static void on_ready(struct cws_publisher *p, void *user) {
  struct seen *s = user;
  (void)p;
  s->readies++;
  send_more(s);
}

static void on_state(struct cws_publisher *p, const struct cws_error *why, int64_t wait_ms,
                     void *user) {
  struct seen *s = user;
  (void)p;
  (void)wait_ms;
  s->waits += why != NULL;
  s->backs += why == NULL;
}

static void on_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  struct seen *s = user;
  (void)p;
  s->ends++;
  s->ended_with = why == NULL ? 0 : why->code;
  snprintf(s->message, sizeof(s->message), "%s", why == NULL ? "" : why->message);
}

static const struct cws_publisher_handlers handlers = {
    .size = sizeof(handlers),
    .on_published = on_published,
    .on_refused = on_refused,
    .on_ready = on_ready,
    .on_state = on_state,
    .on_end = on_end,
};

static void publish(fake_script *script, void *script_user, bool websocket, int64_t window,
                    struct seen *s) {
  struct fake_hub *hub = fake_hub_start(NULL, script, script_user);
  struct cws_client *client = harness_client(fake_hub_url(hub));
  struct cws_publisher_options o;
  struct cws_error err = {0};
  cws_publisher_options_init(&o);
  o.request_id = "r";
  o.websocket = websocket;
  o.owner = "al ice";
  if (window > 0)
    o.max_in_flight = window;
  if (cws_publisher_start(client, &o, &handlers, s, &s->publisher, &err) != 0)
    fail_msg("%s", err.message);
  send_more(s);
  assert_int_equal(s->answered + s->refused + s->ends, 0);
  harness_run(client);
  assert_int_equal(s->ends, 1);
  cws_client_free(client);
  fake_hub_stop(hub);
}

/* ---- a hub over WebSocket ---- */

static void answer(struct fake_conn *c, int64_t id, bool duplicate, const char *ref) {
  fake_text(c,
            "{\"type\":\"published\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{\"message_"
            "id\":%lld,"
            "\"duplicate\":%s,\"ref\":%s}}",
            (long long)id, duplicate ? "true" : "false", ref);
}

static void refuse(struct fake_conn *c, const char *code, const char *ref) {
  fake_text(c,
            "{\"type\":\"protocol_error\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{"
            "\"code\":\"%s\","
            "\"message\":\"no\",\"ref\":%s}}",
            code, ref);
}

static void store_and_answer(struct fake_conn *c, struct stored *s,
                             const struct client_message *m) {
  bool duplicate = false;
  int64_t id = store(s, cws_event_view(m->event), &duplicate);
  answer(c, id, duplicate, m->ref);
}

static bool read_publish(struct fake_conn *c, struct client_message *m) {
  char *text = fake_next_text(c);
  if (text == NULL)
    return false;
  int rc = client_message_parse(text, strlen(text), 0, m, NULL);
  assert_int_equal(rc, 0);
  free(text);
  return true;
}

static void cutting_ws_script(struct fake_conn *c, int index, void *user) {
  struct stored *s = user;
  struct client_message m;
  assert_true(fake_has(c, "GET /api/v1/ws/r?from=new&owner=al%20ice HTTP/1.1"));
  fake_cut_after(c, index > 40 ? 10000000 : (size_t)(100 + index * 377) % 3000 + 150);
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  fake_event(c, 1); /* a token that may watch: to be passed over */
  while (!fake_is_cut(c) && read_publish(c, &m)) {
    if (m.kind == CLIENT_PUBLISH)
      store_and_answer(c, s, &m);
    client_message_finish(&m);
  }
  fake_wait_end(c);
}

static void over_cuts_a_websocket_stores_each_event_once_in_order(void **state) {
  (void)state;
  struct stored *stored = calloc(1, sizeof(*stored));
  struct seen *s = calloc(1, sizeof(*s));
  s->to_send = 1000;
  publish(cutting_ws_script, stored, true, 50, s);
  assert_int_equal(s->ended_with, 0);
  assert_int_equal(s->answered, 1000);
  assert_stored_in_order(stored, 1000);
  for (int64_t i = 0; i < 1000; i++)
    assert_int_equal(s->published[i], i + 1);
  assert_true(s->waits > 3);
  assert_true(s->backs > 0 && s->backs <= s->waits);
  assert_true(s->readies > 0);
  assert_true(stored->duplicates >
              0); /* sent again with its id: else the script cut nothing of interest */
  free(stored);
  free(s);
}

static void refusing_ws_script(struct fake_conn *c, int index, void *user) {
  struct stored *s = user;
  struct client_message m;
  (void)index;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  for (int i = 1; read_publish(c, &m); i++) {
    if (i == 5)
      refuse(c, "bad_event", m.ref);
    else
      store_and_answer(c, s, &m);
    client_message_finish(&m);
  }
  fake_wait_end(c);
}

static void over_a_websocket_one_bad_event_is_blamed_alone(void **state) {
  (void)state;
  struct stored *stored = calloc(1, sizeof(*stored));
  struct seen *s = calloc(1, sizeof(*s));
  s->to_send = 10;
  publish(refusing_ws_script, stored, true, 0, s);
  assert_int_equal(s->ended_with, 0);
  assert_int_equal(s->answered, 9);
  assert_int_equal(s->refused_seq, 5);
  assert_int_equal(s->refusal, CWS_EBADEVENT);
  assert_int_equal(stored->count, 9);
  free(stored);
  free(s);
}

/* Is busy at every 97th publish, and for everything behind it until that event comes again. */
static void busy_ws_script(struct fake_conn *c, int index, void *user) {
  static const char *const codes[] = {"rate_limited", "store_unavailable", "busy", "draining"};
  struct stored *s = user;
  struct client_message m;
  char waiting_for[40] = "";
  (void)index;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  for (int i = 1; read_publish(c, &m); i++) {
    const char *event_id = cws_event_view(m.event)->event_id;
    bool awaited = strcmp(waiting_for, event_id) == 0;
    if (i % 97 == 0 && waiting_for[0] == '\0') {
      snprintf(waiting_for, sizeof(waiting_for), "%s", event_id);
      refuse(c, codes[s->busy++ % 4], m.ref);
    } else if (waiting_for[0] != '\0' && !awaited) {
      refuse(c, "busy", m.ref);
    } else {
      waiting_for[0] = '\0';
      store_and_answer(c, s, &m);
    }
    client_message_finish(&m);
  }
  fake_wait_end(c);
}

static void a_busy_hub_is_waited_for_and_the_order_kept(void **state) {
  (void)state;
  struct stored *stored = calloc(1, sizeof(*stored));
  struct seen *s = calloc(1, sizeof(*s));
  s->to_send = 500;
  publish(busy_ws_script, stored, true, 0, s);
  assert_int_equal(s->ended_with, 0);
  assert_stored_in_order(stored, 500);
  assert_true(stored->busy >= 3);
  assert_int_equal(s->waits, stored->busy);
  assert_int_equal(s->refused, 0);
  free(stored);
  free(s);
}

static void forbidding_ws_script(struct fake_conn *c, int index, void *user) {
  struct client_message m;
  (void)index;
  (void)user;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  while (read_publish(c, &m)) {
    refuse(c, "forbidden", m.ref);
    client_message_finish(&m);
  }
  fake_wait_end(c);
}

static void forbidding_http_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  fake_reply(c, 403, "", "{\"error\":{\"code\":\"forbidden\",\"message\":\"no\"}}");
  fake_wait_end(c);
}

static void who_may_not_publish_is_told_by_the_end(void **state) {
  (void)state;
  for (int websocket = 0; websocket < 2; websocket++) {
    struct seen *s = calloc(1, sizeof(*s));
    s->to_send = 3;
    publish(websocket ? forbidding_ws_script : forbidding_http_script, NULL, websocket != 0, 0, s);
    assert_int_equal(s->ended_with, CWS_EFORBIDDEN);
    assert_int_equal(s->refused, 0);
    free(s);
  }
}

/* ---- a hub over HTTP ---- */

/* All or nothing, as the real one: a bad event (n is 7, 8 or 1500) refuses the batch. */
static bool is_bad(int64_t n) {
  return n == 7 || n == 8 || n == 1500;
}

static int64_t store_batch(struct stored *s, const char *body, bool check, int64_t *first,
                           bool *duplicate) {
  int64_t count = 0, last = 0;
  for (int pass = check ? 0 : 1; pass < 2; pass++) {
    count = 0;
    for (const char *p = body; *p != '\0'; p = strchr(p, '\n') + 1) {
      struct cws_event_owned *event;
      struct cws_error err = {0};
      if (cws_event_parse(p, strcspn(p, "\n"), 0, &event, &err) != 0)
        fail_msg("%s", err.message);
      const struct cws_event *view = cws_event_view(event);
      if (pass == 0 && is_bad(strtoll(view->data + 5, NULL, 10))) {
        cws_event_free(event);
        return -1;
      }
      if (pass == 1) {
        last = store(s, view, duplicate);
        if (count == 0)
          *first = last;
      }
      count++;
      cws_event_free(event);
    }
  }
  return count;
}

static void reply_stored(struct fake_conn *c, int64_t first, int64_t count, bool duplicate) {
  char body[256];
  snprintf(
      body, sizeof(body),
      "{\"request_id\":\"r\",\"first_message_id\":%lld,\"last_message_id\":%lld,\"count\":%lld,"
      "\"duplicate\":%s}",
      (long long)first, (long long)(first + count - 1), (long long)count,
      duplicate ? "true" : "false");
  fake_reply(c, 201, "", body);
}

static void cutting_http_script(struct fake_conn *c, int index, void *user) {
  struct stored *s = user;
  if (index < 40)
    fake_cut_after(c, index % 2 == 0 ? (size_t)index / 2 : (size_t)index * 53 % 700);
  do {
    int64_t first = 0;
    bool duplicate = false;
    assert_true(fake_has(c, "POST /api/v1/requests/r/events?owner=al%20ice HTTP/1.1"));
    assert_true(fake_has(c, "Authorization: Bearer t0ken\r\n"));
    s->posts++;
    if (index % 5 == 1)
      return; /* read and never stored */
    if (index % 7 == 3) {
      fake_reply(c, 503, "", "{\"error\":{\"code\":\"draining\",\"message\":\"later\"}}");
      return;
    }
    int64_t count = store_batch(s, fake_body(c), false, &first, &duplicate);
    s->batches += count > 1;
    reply_stored(c, first, count, duplicate);
  } while (!fake_is_cut(c) && fake_next_request(c));
}

static void over_cuts_http_stores_each_event_once_in_order(void **state) {
  (void)state;
  struct stored *stored = calloc(1, sizeof(*stored));
  struct seen *s = calloc(1, sizeof(*s));
  s->to_send = 2000;
  publish(cutting_http_script, stored, false, 100, s);
  assert_string_equal(s->message, "");
  assert_int_equal(s->ended_with, 0);
  assert_int_equal(s->answered, 2000);
  assert_stored_in_order(stored, 2000);
  for (int64_t i = 0; i < 2000; i++)
    assert_int_equal(s->published[i], i + 1);
  assert_true(stored->batches > 5);
  assert_true(stored->duplicates > 0);
  assert_true(s->duplicates > 0);
  free(stored);
  free(s);
}

static void refusing_http_script(struct fake_conn *c, int index, void *user) {
  struct stored *s = user;
  (void)index;
  do {
    int64_t first = 0;
    bool duplicate = false;
    int64_t count = store_batch(s, fake_body(c), true, &first, &duplicate);
    if (count < 0)
      fake_reply(c, 422, "", "{\"error\":{\"code\":\"bad_event\",\"message\":\"line 7\"}}");
    else
      reply_stored(c, first, count, duplicate);
  } while (fake_next_request(c));
}

static void over_http_each_bad_event_of_a_batch_is_blamed_alone(void **state) {
  (void)state;
  struct stored *stored = calloc(1, sizeof(*stored));
  struct seen *s = calloc(1, sizeof(*s));
  s->to_send = 2500;
  publish(refusing_http_script, stored, false, 2500, s);
  assert_int_equal(s->ended_with, 0);
  assert_int_equal(s->answered, 2497);
  assert_int_equal(s->refused, 3);
  assert_int_equal(s->refused_seq, 1500);
  assert_int_equal(stored->count, 2497);
  for (int64_t i = 1; i < stored->count; i++)
    assert_true(stored->n[i] > stored->n[i - 1]);
  free(stored);
  free(s);
}

/* Each event was stored before, one by one, with another publisher's in between. */
static void interleaved_http_script(struct fake_conn *c, int index, void *user) {
  struct stored *s = user;
  (void)index;
  do {
    int64_t first = 0;
    bool duplicate = false;
    int64_t count = store_batch(s, fake_body(c), false, &first, &duplicate);
    s->batches += count > 1;
    reply_stored(c, 2 * first, count > 1 ? 2 * count - 1 : 1, true);
  } while (fake_next_request(c));
}

static void over_http_events_that_have_others_between_them_are_asked_for_one_by_one(void **state) {
  (void)state;
  struct stored *stored = calloc(1, sizeof(*stored));
  struct seen *s = calloc(1, sizeof(*s));
  s->to_send = 20;
  publish(interleaved_http_script, stored, false, 20, s);
  assert_string_equal(s->message, "");
  assert_int_equal(s->answered, 20);
  assert_true(stored->batches > 0);
  for (int64_t i = 0; i < 20; i++)
    assert_int_equal(s->published[i], 2 * (i + 1));
  free(stored);
  free(s);
}

static void lying_http_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  do
    fake_reply(c, 201, "", user);
  while (fake_next_request(c));
}

static void an_answer_that_does_not_fit_ends_it(void **state) {
  (void)state;
  static const char *const bodies[] = {"", "[]", "{\"first_message_id\":1,\"last_message_id\":2}",
                                       "{\"first_message_id\":\"1\",\"last_message_id\":3}"};
  for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
    struct seen *s = calloc(1, sizeof(*s));
    s->to_send = 3;
    publish(lying_http_script, (void *)bodies[i], false, 0, s);
    assert_int_equal(s->ended_with, CWS_EPROTOCOL);
    assert_int_equal(s->answered, 0);
    free(s);
  }
}

/* ---- without a hub's say ---- */

static void a_publisher_with_nothing_to_send_ends(void **state) {
  (void)state;
  struct stored *stored = calloc(1, sizeof(*stored));
  for (int websocket = 0; websocket < 2; websocket++) {
    struct seen *s = calloc(1, sizeof(*s));
    publish(websocket ? refusing_ws_script : refusing_http_script, stored, websocket != 0, 0, s);
    assert_int_equal(s->ended_with, 0);
    free(s);
  }
  free(stored);
}

static void what_is_no_event_is_refused_at_once(void **state) {
  (void)state;
  struct seen s = {0};
  struct cws_client *client = harness_client("http://127.0.0.1:1");
  struct cws_publisher_options o;
  cws_publisher_options_init(&o);
  o.request_id = "r";
  assert_int_equal(cws_publisher_start(client, &o, &handlers, &s, &s.publisher, NULL), 0);
  struct cws_event event = {.type = "ack", .data = "{}", .data_len = 2};
  assert_int_equal(cws_publisher_send(s.publisher, &event, NULL, NULL), CWS_EBADEVENT);
  event.type = "step";
  event.data = "{";
  event.data_len = 1;
  assert_int_not_equal(cws_publisher_send(s.publisher, &event, NULL, NULL), 0);
  cws_publisher_end(s.publisher);
  assert_int_equal(cws_publisher_send(s.publisher, &event, NULL, NULL), CWS_EINVAL);
  harness_run(client);
  assert_int_equal(s.ends, 1);
  assert_int_equal(s.ended_with, 0);
  cws_client_free(client);
}

static void a_publisher_gives_up_after_max_attempts(void **state) {
  (void)state;
  for (int websocket = 0; websocket < 2; websocket++) {
    struct seen s = {.to_send = 2};
    struct cws_client *client = harness_client("http://127.0.0.1:1");
    struct cws_publisher_options o;
    cws_publisher_options_init(&o);
    o.request_id = "r";
    o.websocket = websocket != 0;
    o.max_attempts = 3;
    assert_int_equal(cws_publisher_start(client, &o, &handlers, &s, &s.publisher, NULL), 0);
    send_more(&s);
    harness_run(client);
    assert_int_equal(s.ended_with, CWS_ECONNECT);
    assert_int_equal(s.waits, 2);
    cws_client_free(client);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(over_cuts_a_websocket_stores_each_event_once_in_order),
      cmocka_unit_test(over_a_websocket_one_bad_event_is_blamed_alone),
      cmocka_unit_test(a_busy_hub_is_waited_for_and_the_order_kept),
      cmocka_unit_test(who_may_not_publish_is_told_by_the_end),
      cmocka_unit_test(over_cuts_http_stores_each_event_once_in_order),
      cmocka_unit_test(over_http_each_bad_event_of_a_batch_is_blamed_alone),
      cmocka_unit_test(over_http_events_that_have_others_between_them_are_asked_for_one_by_one),
      cmocka_unit_test(an_answer_that_does_not_fit_ends_it),
      cmocka_unit_test(a_publisher_with_nothing_to_send_ends),
      cmocka_unit_test(what_is_no_event_is_refused_at_once),
      cmocka_unit_test(a_publisher_gives_up_after_max_attempts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
