/* server: the end at once, while everyone is busy: what was answered is stored, the rest is let go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <councilws/client.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/support/live_hub.h"
#include "tests/unit/support/raw_http.h"
#include "tests/unit/support/temp_folder.h"

#define PUBLISHERS 3
#define EVENTS 100000 /* more than are sent before the end */

/* A publisher on a thread of its own, with every event answered counted. */
struct busy {
  const char *url, *token, *request_id;
  bool is_websocket;
  pthread_t thread;
  struct cws_client *client;
  int64_t sent;
  atomic_llong answered; /* the last message_id, also how many: nobody else publishes there */
};

static void send_more(struct cws_publisher *p, struct busy *b) {
  const struct cws_event event = {.type = "t", .data = "{}", .data_len = 2};
  int64_t seq;
  while (b->sent < EVENTS && cws_publisher_send(p, &event, &seq, NULL) == 0)
    b->sent++;
}

static void on_ready(struct cws_publisher *p, void *user) {
  send_more(p, user);
}

static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  (void)p;
  (void)seq;
  (void)duplicate;
  atomic_store(&((struct busy *)user)->answered, message_id);
}

static const struct cws_publisher_handlers PUBLISH = {
    .size = sizeof PUBLISH, .on_published = on_published, .on_ready = on_ready};

/* Ends when the hub is gone for good. */
static void *run_publisher(void *arg) {
  struct busy *b = arg;
  struct cws_publisher *p;
  struct cws_publisher_options o;
  cws_publisher_options_init(&o);
  o.request_id = b->request_id;
  o.websocket = b->is_websocket;
  o.max_attempts = 2;
  if (cws_publisher_start(b->client, &o, &PUBLISH, b, &p, NULL) == 0) {
    send_more(p, b);
    cws_client_run(b->client);
  }
  return NULL;
}

static void start_publisher(struct busy *b) {
  struct cws_client_options o;
  cws_client_options_init(&o);
  o.url = b->url;
  o.token = b->token;
  o.backoff_base_ms = 1;
  o.backoff_cap_ms = 2;
  assert_int_equal(cws_client_new(&o, &b->client, NULL), 0);
  assert_int_equal(pthread_create(&b->thread, NULL, run_publisher, b), 0);
}

static int64_t stored(int port, const char *token, const char *request_id) {
  char path[96];
  struct raw_reply reply;
  snprintf(path, sizeof path, "/api/v1/requests/%s", request_id);
  raw_ask(port, &(struct raw_request){.path = path, .token = token}, &reply);
  assert_int_equal(reply.status, 200);
  int64_t last = raw_int(&reply, "last_message_id");
  assert_int_equal(raw_int(&reply, "count"), last);
  raw_reply_free(&reply);
  return last;
}

static void begin_publishing(struct busy *busy, const char *url, const char *token) {
  static const char *const NAMES[PUBLISHERS] = {"a", "b", "c"};
  for (size_t i = 0; i < PUBLISHERS; i++) {
    busy[i] = (struct busy){
        .url = url, .token = token, .request_id = NAMES[i], .is_websocket = i % 2 == 0};
    start_publisher(&busy[i]);
  }
  for (size_t i = 0; i < PUBLISHERS; i++) {
    while (atomic_load(&busy[i].answered) < 100)
      sched_yield(); /* until they are well under way */
  }
}

static void stop_amid_publishes(const char *store, void (*end)(struct cws_server *hub)) {
  struct cws_server_options o;
  struct busy busy[PUBLISHERS];
  char *token = live_token_all();
  live_hub_options(&o);
  o.store = store;
  struct cws_server *hub = live_hub_start(&o);
  char *url = strdup(cws_server_url(hub, 0));
  begin_publishing(busy, url, token);
  struct raw_ws *watcher = raw_ws_open(live_hub_port(hub), "a", token, "from=new");
  end(hub);
  raw_ws_close_code(watcher);
  for (size_t i = 0; i < PUBLISHERS; i++) {
    pthread_join(busy[i].thread, NULL);
    cws_client_free(busy[i].client);
  }
  if (strcmp(store, "memory:") != 0) {
    hub = live_hub_start(&o);
    for (size_t i = 0; i < PUBLISHERS; i++)
      assert_true(stored(live_hub_port(hub), token, busy[i].request_id) >=
                  atomic_load(&busy[i].answered));
    cws_server_free(hub);
  }
  raw_ws_free(watcher);
  free(url);
  free(token);
}

static void stop_then_free(struct cws_server *hub) {
  cws_server_stop(hub);
  assert_false(raw_is_open(live_hub_port(hub)));
  cws_server_stop(hub); /* again does nothing */
  cws_server_free(hub);
}

static void what_was_answered_before_a_stop_is_stored(void **state) {
  (void)state;
  struct temp_folder folder;
  temp_folder_make(&folder);
  stop_amid_publishes(folder.store, stop_then_free);
  stop_amid_publishes(folder.store, cws_server_free);
  temp_folder_remove(&folder);
}

static void a_stop_amid_publishes_frees_everything(void **state) {
  (void)state;
  for (int i = 0; i < 5; i++)
    stop_amid_publishes("memory:", cws_server_free);
}

/* ---- connections in every state ---- */

static void a_stop_cuts_connections_in_whatever_state(void **state) {
  (void)state;
  static const char *const SAID[] = {
      "", "GET /",
      "POST /api/v1/requests/r/events HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{",
      "GET /healthz/live HTTP/1.1\r\nHost: h\r\n\r\n", "\x16\x03\x01"};
  enum { COUNT = sizeof SAID / sizeof SAID[0] };
  for (int round = 0; round < 10; round++) {
    struct cws_server *hub = live_hub_start(NULL);
    char *token = live_token_all();
    int fds[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
      fds[i] = raw_connect(live_hub_port(hub));
      raw_sendf(fds[i], "%s", SAID[i]);
    }
    struct raw_ws *ws = raw_ws_open(live_hub_port(hub), "r", token, NULL);
    cws_server_stop(hub);
    for (size_t i = 0; i < COUNT; i++) {
      raw_read_end(fds[i]);
      close(fds[i]);
    }
    assert_int_equal(raw_ws_close_code(ws), 1006);
    raw_ws_free(ws);
    free(token);
    cws_server_free(hub);
  }
}

/* ---- while someone drains ---- */

static void *drain(void *hub) {
  cws_server_drain(hub, NULL);
  return NULL;
}

static void a_stop_that_meets_a_drain_waits_for_it(void **state) {
  (void)state;
  struct cws_server_options o;
  pthread_t thread;
  live_hub_options(&o);
  o.drain_timeout_ms = 100;
  for (int i = 0; i < 5; i++) {
    struct cws_server *hub = live_hub_start(&o);
    int port = live_hub_port(hub), fd = raw_connect(port);
    raw_sendf(fd, "POST /api/v1/requests/r/events HTTP/1.1\r\n"); /* holds the drain up */
    assert_int_equal(pthread_create(&thread, NULL, drain, hub), 0);
    cws_server_stop(hub);
    raw_read_end(fd);
    pthread_join(thread, NULL);
    cws_server_free(hub);
    close(fd);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_answered_before_a_stop_is_stored),
      cmocka_unit_test(a_stop_amid_publishes_frees_everything),
      cmocka_unit_test(a_stop_cuts_connections_in_whatever_state),
      cmocka_unit_test(a_stop_that_meets_a_drain_waits_for_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
