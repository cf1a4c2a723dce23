/* server: a graceful end: nobody new, a word to who watches, answers to who asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <councilws/client.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "tests/unit/support/live_hub.h"
#include "tests/unit/support/raw_http.h"
#include "tests/unit/support/temp_folder.h"

#define EVENT "{\"type\":\"t\"}"

static void publish(int port, const char *token, const char *body) {
  struct raw_reply reply;
  raw_ask(port,
          &(struct raw_request){.path = "/api/v1/requests/r/events", .token = token, .body = body},
          &reply);
  if (reply.status != 201)
    fail_msg("publish: %d %s", reply.status, reply.body);
  raw_reply_free(&reply);
}

static void *drain(void *hub) {
  return (void *)(intptr_t)cws_server_drain(hub, NULL);
}

static int join(pthread_t thread) {
  void *code;
  pthread_join(thread, &code);
  return (int)(intptr_t)code;
}

/* ---- watchers ---- */

static void every_watcher_is_told_to_come_back_and_closed_with_1012(void **state) {
  (void)state;
  struct cws_server *hub = live_hub_start(NULL);
  char *token = live_token_all();
  struct raw_ws *watchers[6];
  pthread_t thread;
  publish(live_hub_port(hub), token, EVENT);
  for (size_t i = 0; i < 6; i++) {
    watchers[i] = raw_ws_open(live_hub_port(hub), "r", token, NULL);
    raw_ws_next(watchers[i], "connection_established");
    raw_ws_next(watchers[i], "t");
    raw_ws_next(watchers[i], "replay_complete");
  }
  raw_ws_say(watchers[0], "{\"type\":\"ack\",\"message_id\":1}");
  assert_int_equal(pthread_create(&thread, NULL, drain, hub), 0);
  for (size_t i = 0; i < 6; i++) {
    const json_t *data = json_object_get(raw_ws_next(watchers[i], "bye"), "data");
    assert_int_equal(json_integer_value(json_object_get(data, "code")), 1012);
    assert_true(json_is_true(json_object_get(data, "reconnect")));
    assert_in_range(json_integer_value(json_object_get(data, "retry_after_ms")), 0, 10000);
    assert_int_equal(raw_ws_close_code(watchers[i]), 1012);
    raw_ws_free(watchers[i]);
  }
  assert_int_equal(join(thread), 0); /* nobody had to be cut */
  free(token);
  cws_server_free(hub);
}

/* ---- a client that comes back to the next hub ---- */

enum { FIRST_LOT = 200, SECOND_LOT = 100 };

struct resuming {
  struct cws_server_options options; /* of both hubs: same port, same store */
  struct cws_server *hub;
  char *token;
  pthread_t thread;
  bool is_replacing;
  int drained;
  int64_t last;
  int sessions, gaps, ends;
};

static void publish_lot(const struct resuming *r, int count) {
  struct raw_reply reply;
  char *lines = calloc((size_t)count, sizeof EVENT);
  for (int i = 0; i < count; i++)
    memcpy(lines + (size_t)i * sizeof EVENT, EVENT "\n", sizeof EVENT);
  lines[(size_t)count * sizeof EVENT - 1] = '\0';
  raw_ask(live_hub_port(r->hub),
          &(struct raw_request){.path = "/api/v1/requests/r/events",
                                .token = r->token,
                                .headers = "Content-Type: application/x-ndjson\r\n",
                                .body = lines},
          &reply);
  raw_reply_free(&reply);
  free(lines);
}

/* On a thread of its own, as the client goes on running: a new hub takes over. */
static void *replace_hub(void *arg) {
  struct resuming *r = arg;
  char address[64];
  const char *const listen[] = {address, NULL};
  snprintf(address, sizeof address, "127.0.0.1:%d", live_hub_port(r->hub));
  r->drained = cws_server_drain(r->hub, NULL);
  cws_server_free(r->hub);
  r->options.listen = listen;
  r->hub = live_hub_start(&r->options);
  publish_lot(r, SECOND_LOT);
  return NULL;
}

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct resuming *r = user;
  assert_int_equal(event->message_id, r->last + 1); /* each once, in order */
  r->last = event->message_id;
  if (r->last == FIRST_LOT / 2) {
    r->is_replacing = true;
    assert_int_equal(pthread_create(&r->thread, NULL, replace_hub, r), 0);
  }
  if (r->last == FIRST_LOT + SECOND_LOT)
    cws_follow_end(f);
}

static void on_session(struct cws_follow *f, const struct cws_follow_session *session, void *user) {
  (void)f;
  (void)session;
  ((struct resuming *)user)->sessions++;
}

static void on_gap(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user) {
  (void)f;
  (void)from;
  (void)to;
  (void)reason;
  ((struct resuming *)user)->gaps++;
}

static void on_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  (void)f;
  assert_null(why);
  ((struct resuming *)user)->ends++;
}

static const struct cws_follow_handlers FOLLOW = {.size = sizeof FOLLOW,
                                                  .on_event = on_event,
                                                  .on_session = on_session,
                                                  .on_gap = on_gap,
                                                  .on_end = on_end};

static void on_deadline(uv_timer_t *timer) {
  (void)timer;
  fail_msg("the client did not see every event within %d s", RAW_DEADLINE_S);
}

/* Bye says when to come back; a client that does at once is not turned away either. */
static void run_client(struct resuming *r) {
  struct cws_client *client;
  struct cws_client_options c;
  struct cws_follow_options o;
  struct cws_follow *follow;
  uv_timer_t deadline;
  cws_client_options_init(&c);
  c.url = cws_server_url(r->hub, 0);
  c.token = r->token;
  c.backoff_base_ms = 1;
  c.backoff_cap_ms = 20;
  assert_int_equal(cws_client_new(&c, &client, NULL), 0);
  cws_follow_options_init(&o);
  o.request_id = "r";
  assert_int_equal(cws_follow_start(client, &o, &FOLLOW, r, &follow, NULL), 0);
  uv_timer_init(cws_client_loop(client), &deadline);
  uv_timer_start(&deadline, on_deadline, RAW_DEADLINE_S * 1000, 0);
  uv_unref((uv_handle_t *)&deadline);
  assert_int_equal(cws_client_run(client), 0);
  uv_close((uv_handle_t *)&deadline, NULL);
  uv_run(cws_client_loop(client), UV_RUN_NOWAIT);
  cws_client_free(client);
}

static void a_client_goes_on_with_the_next_hub_on_the_same_store(void **state) {
  (void)state;
  struct temp_folder folder;
  struct resuming r = {.token = live_token_all()};
  temp_folder_make(&folder);
  live_hub_options(&r.options);
  r.options.store = folder.store;
  r.hub = live_hub_start(&r.options);
  publish_lot(&r, FIRST_LOT);
  run_client(&r);
  assert_true(r.is_replacing);
  pthread_join(r.thread, NULL);
  assert_int_equal(r.drained, 0);
  assert_int_equal(r.last, FIRST_LOT + SECOND_LOT);
  assert_in_range(r.sessions, 2, 100);
  assert_int_equal(r.gaps, 0);
  assert_int_equal(r.ends, 1);
  cws_server_free(r.hub);
  free(r.token);
  temp_folder_remove(&folder);
}

/* ---- who holds it up ---- */

static void a_peer_that_does_not_read_is_cut_when_the_time_is_over(void **state) {
  (void)state;
  struct cws_server_options o;
  struct cws_error err = {0};
  live_hub_options(&o);
  o.drain_timeout_ms = 200;
  struct cws_server *hub = live_hub_start(&o);
  char *token = live_token_all();
  char *large = malloc(256 * 1024);
  snprintf(large, 256 * 1024, "{\"type\":\"t\",\"data\":\"%0*d\"}", 200 * 1024, 0);
  for (int i = 0; i < 60; i++) /* 12 MB: more than the kernel keeps for both ends */
    publish(live_hub_port(hub), token, large);
  struct raw_ws *ws = raw_ws_open(live_hub_port(hub), "r", token, NULL);
  raw_ws_next(ws, "connection_established");
  raw_ws_next(ws, "t"); /* and no more from here on */
  assert_int_equal(cws_server_drain(hub, &err), CWS_ETIMEOUT);
  assert_int_equal(err.code, CWS_ETIMEOUT);
  assert_memory_equal(err.message, "1 ", 2);
  cws_server_free(hub);
  assert_in_range(raw_ws_close_code(ws), 1006, 1012); /* no more is to come */
  raw_ws_free(ws);
  free(large);
  free(token);
}

static void an_idle_connection_ends_and_nobody_new_gets_in(void **state) {
  (void)state;
  struct cws_server *hub = live_hub_start(NULL);
  int port = live_hub_port(hub), silent = raw_connect(port), kept = raw_connect(port);
  struct raw_reply reply;
  pthread_t thread;
  raw_sendf(kept, "GET /healthz/ready HTTP/1.1\r\nHost: hub\r\n\r\n");
  raw_read_reply(kept, false, &reply);
  assert_int_equal(reply.status, 200);
  raw_reply_free(&reply);
  assert_int_equal(pthread_create(&thread, NULL, drain, hub), 0);
  raw_read_end(silent);
  close(silent);
  raw_read_end(kept);
  close(kept);
  assert_int_equal(join(thread), 0);
  assert_false(raw_is_open(port));
  assert_int_equal(cws_server_drain(hub, NULL), 0); /* once more does nothing */
  cws_server_free(hub);
}

static void wait_until_closed(int port) {
  while (raw_is_open(port))
    continue;
}

/* The head came before the drain began, the rest after it. */
static void expect_in_drain(const char *head, const char *rest, int status, const char *code) {
  struct cws_server *hub = live_hub_start(NULL);
  char *token = live_token_all();
  int port = live_hub_port(hub), fd = raw_connect(port);
  struct raw_reply reply;
  pthread_t thread;
  raw_sendf(fd, "GET /healthz/live HTTP/1.1\r\nHost: hub\r\n\r\n%s HTTP/1.1\r\n", head);
  raw_read_reply(fd, false, &reply); /* so that the hub has read the rest, too */
  raw_reply_free(&reply);
  assert_int_equal(pthread_create(&thread, NULL, drain, hub), 0);
  wait_until_closed(port);
  raw_sendf(fd, "Host: hub\r\nAuthorization: Bearer %s\r\n%s", token, rest);
  raw_read_reply(fd, false, &reply);
  if (code != NULL)
    raw_assert_error(&reply, status, code, "");
  assert_int_equal(reply.status, status);
  raw_read_end(fd);
  close(fd);
  assert_int_equal(join(thread), 0);
  raw_reply_free(&reply);
  free(token);
  cws_server_free(hub);
}

static void a_request_under_way_is_answered_and_its_connection_ends(void **state) {
  (void)state;
  expect_in_drain("GET /api/v1/requests", "\r\n", 200, NULL);
  expect_in_drain("GET /healthz/live", "\r\n", 200, NULL);
}

static void a_hub_that_drains_says_so_to_who_publishes_watches_or_balances(void **state) {
  (void)state;
  expect_in_drain("POST /api/v1/requests/r/events", "Content-Length: 12\r\n\r\n" EVENT, 503,
                  "draining");
  expect_in_drain("GET /api/v1/ws/r",
                  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                  503, "draining");
  expect_in_drain("GET /healthz/ready", "\r\n", 503, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_watcher_is_told_to_come_back_and_closed_with_1012),
      cmocka_unit_test(a_client_goes_on_with_the_next_hub_on_the_same_store),
      cmocka_unit_test(a_peer_that_does_not_read_is_cut_when_the_time_is_over),
      cmocka_unit_test(an_idle_connection_ends_and_nobody_new_gets_in),
      cmocka_unit_test(a_request_under_way_is_answered_and_its_connection_ends),
      cmocka_unit_test(a_hub_that_drains_says_so_to_who_publishes_watches_or_balances),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
