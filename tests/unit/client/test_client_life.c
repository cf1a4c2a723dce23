/* The life of a client: freeing inside every callback, stopping from elsewhere, a loop that is not
 * its own. */
#include "tests/unit/client/harness.h"

#include "lib/core/protocol.h"
#include "tests/unit/client/fake_hub.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Which callback frees the client, or ends or cancels its operation. */
enum where {
  IN_EVENT,
  IN_STATE_CONNECTING,
  IN_STATE_REPLAYING,
  IN_STATE_LIVE,
  IN_STATE_WAITING,
  IN_SESSION,
  IN_GAP,
  IN_CAUGHT_UP,
  IN_END,
  WHERE_COUNT,
};

struct ctx {
  struct cws_client *client;
  struct cws_follow *follow;
  struct cws_publisher *publisher;
  struct cws_call *call;
  enum where where;
  bool only_end; /* cws_follow_end instead of cws_client_free */
  int hits, ends, ended_with, events_after;
};

static void strike(struct ctx *x, enum where where) {
  if (x->where != where || x->hits > 0)
    return;
  x->hits++;
  if (x->only_end)
    cws_follow_end(x->follow);
  else
    cws_client_free(x->client);
}

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct ctx *x = user;
  (void)f;
  x->events_after += x->hits;
  strike(x, IN_EVENT);
  assert_string_equal(event->type, "step"); /* the event lives until the callback returns */
}

static void on_state(struct cws_follow *f, enum cws_follow_state state, const struct cws_error *why,
                     int64_t wait_ms, void *user) {
  static const enum where wheres[] = {IN_STATE_CONNECTING, IN_STATE_REPLAYING, IN_STATE_LIVE,
                                      IN_STATE_WAITING};
  (void)f;
  (void)wait_ms;
  strike(user, wheres[state]);
  assert_true((why != NULL) == (state == CWS_FOLLOW_WAITING));
}

static void on_session(struct cws_follow *f, const struct cws_follow_session *session, void *user) {
  (void)f;
  strike(user, IN_SESSION);
  assert_string_equal(session->subscriber, "alice");
}

static void on_gap(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user) {
  (void)f;
  (void)from;
  (void)to;
  strike(user, IN_GAP);
  assert_string_equal(reason, "expired");
}

static void on_caught_up(struct cws_follow *f, int64_t last, void *user) {
  (void)f;
  (void)last;
  strike(user, IN_CAUGHT_UP);
}

static void on_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  struct ctx *x = user;
  (void)f;
  x->ends++;
  x->ended_with = why == NULL ? 0 : why->code;
  strike(x, IN_END);
}

static const struct cws_follow_handlers follow_handlers = {
    .size = sizeof(follow_handlers),
    .on_event = on_event,
    .on_state = on_state,
    .on_session = on_session,
    .on_gap = on_gap,
    .on_caught_up = on_caught_up,
    .on_end = on_end,
};

/* Walks through every callback: a gap, events, the hand-over to live, a cut, at last a refusal. */
static void tour_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  if (index == 2) {
    fake_reply(c, 403, "", "{\"error\":{\"code\":\"forbidden\",\"message\":\"no\"}}");
    return;
  }
  fake_upgrade(c);
  fake_hello(c, "e1", fake_query(c, "after", 0), 30);
  fake_text(
      c,
      "{\"type\":\"gap\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{\"from\":%d,\"to\":%d,"
      "\"reason\":\"expired\"}}",
      index * 100 + 1, index * 100 + 4);
  fake_event(c, index * 100 + 5);
  fake_event(c, index * 100 + 6);
  fake_replay_complete(c, index * 100 + 6);
  fake_event(c, index * 100 + 7);
  fake_hang_up(c);
}

static void start_follow(struct ctx *x) {
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  o.request_id = "r";
  assert_int_equal(cws_follow_start(x->client, &o, &follow_handlers, x, &x->follow, NULL), 0);
}

static void a_client_may_be_freed_inside_each_follow_callback(void **state) {
  (void)state;
  for (int where = 0; where < WHERE_COUNT; where++) {
    struct fake_hub *hub = fake_hub_start(NULL, tour_script, NULL);
    struct ctx x = {.client = harness_client(fake_hub_url(hub)), .where = (enum where)where};
    start_follow(&x);
    assert_int_equal(cws_client_run(x.client), 0); /* frees */
    assert_int_equal(x.hits, 1);
    assert_int_equal(x.ends, 1);
    assert_int_equal(x.events_after, 0);
    assert_int_equal(x.ended_with, where == IN_END ? CWS_EFORBIDDEN : CWS_ECANCELED);
    fake_hub_stop(hub);
  }
}

static void a_follow_may_be_ended_inside_each_callback(void **state) {
  (void)state;
  for (int where = 0; where < IN_END; where++) {
    struct fake_hub *hub = fake_hub_start(NULL, tour_script, NULL);
    struct ctx x = {
        .client = harness_client(fake_hub_url(hub)), .where = (enum where)where, .only_end = true};
    start_follow(&x);
    harness_run(x.client);
    assert_int_equal(x.ends, 1);
    assert_int_equal(x.events_after, 0);
    assert_int_equal(x.ended_with, 0);
    cws_client_free(x.client);
    fake_hub_stop(hub);
  }
}

/* ---- publishers and calls ---- */

enum { PUB_PUBLISHED, PUB_REFUSED, PUB_READY, PUB_STATE, PUB_END, PUB_COUNT };

static void hit(struct ctx *x, int what) {
  if ((int)x->where == what && x->hits++ == 0)
    cws_client_free(x->client);
}

static void pub_on_published(struct cws_publisher *p, int64_t seq, int64_t id, bool dup,
                             void *user) {
  (void)p;
  (void)seq;
  (void)id;
  (void)dup;
  hit(user, PUB_PUBLISHED);
}

static void pub_on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                           void *user) {
  (void)p;
  (void)seq;
  hit(user, PUB_REFUSED);
  assert_int_equal(why->code, CWS_EBADEVENT);
}

static void pub_on_ready(struct cws_publisher *p, void *user) {
  (void)p;
  hit(user, PUB_READY);
}

static void pub_on_state(struct cws_publisher *p, const struct cws_error *why, int64_t ms,
                         void *user) {
  (void)p;
  (void)why;
  (void)ms;
  hit(user, PUB_STATE);
}

static void pub_on_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  struct ctx *x = user;
  (void)p;
  x->ends++;
  x->ended_with = why == NULL ? 0 : why->code;
  hit(x, PUB_END);
}

static const struct cws_publisher_handlers pub_handlers = {
    .size = sizeof(pub_handlers),
    .on_published = pub_on_published,
    .on_refused = pub_on_refused,
    .on_ready = pub_on_ready,
    .on_state = pub_on_state,
    .on_end = pub_on_end,
};

static void ws_tour_script(struct fake_conn *c, int index, void *user) {
  char *text;
  (void)user;
  if (index == 0)
    return; /* a loss */
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  while ((text = fake_next_text(c)) != NULL) {
    struct client_message m;
    assert_int_equal(client_message_parse(text, strlen(text), 0, &m, NULL), 0);
    bool refuse = strcmp(cws_event_view(m.event)->type, "bad") == 0;
    fake_text(
        c,
        "{\"type\":\"%s\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"data\":{\"code\":\"bad_event\","
        "\"message\":\"no\",\"message_id\":1,\"duplicate\":false,\"ref\":%s}}",
        refuse ? "protocol_error" : "published", m.ref);
    client_message_finish(&m);
    free(text);
  }
  fake_wait_end(c);
}

static void http_tour_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  if (index == 0)
    return;
  do {
    if (strstr(fake_body(c), "\"bad\"") != NULL)
      fake_reply(c, 422, "", "{\"error\":{\"code\":\"bad_event\",\"message\":\"no\"}}");
    else
      fake_reply(c, 201, "", "{\"first_message_id\":1,\"last_message_id\":1,\"duplicate\":false}");
  } while (fake_next_request(c));
}

static void publish_tour(bool websocket, int where) {
  struct fake_hub *hub = fake_hub_start(NULL, websocket ? ws_tour_script : http_tour_script, NULL);
  struct ctx x = {.client = harness_client(fake_hub_url(hub)), .where = (enum where)where};
  struct cws_publisher_options o;
  cws_publisher_options_init(&o);
  o.request_id = "r";
  o.websocket = websocket;
  o.max_in_flight = 2;
  assert_int_equal(cws_publisher_start(x.client, &o, &pub_handlers, &x, &x.publisher, NULL), 0);
  const char *const types[] = {"good", "bad", "late"};
  for (int i = 0; i < 3; i++) {
    struct cws_event event = {.type = types[i], .data = "{}", .data_len = 2};
    int rc = cws_publisher_send(x.publisher, &event, NULL, NULL);
    assert_int_equal(rc, i < 2 ? 0 : CWS_EBUSY);
  }
  cws_publisher_end(x.publisher);
  assert_int_equal(cws_client_run(x.client), 0);
  assert_int_equal(x.hits, 1);
  assert_int_equal(x.ends, 1);
  assert_int_equal(x.ended_with, where == PUB_END ? 0 : CWS_ECANCELED);
  fake_hub_stop(hub);
}

static void a_client_may_be_freed_inside_each_publisher_callback(void **state) {
  (void)state;
  for (int where = 0; where < PUB_COUNT; where++) {
    publish_tour(false, where);
    publish_tour(true, where);
  }
}

static void call_on_event(const struct cws_event *event, void *user) {
  hit(user, 0);
  assert_int_equal(event->message_id, 1);
}

static void call_on_done(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct ctx *x = user;
  (void)json;
  (void)len;
  x->ends++;
  x->ended_with = why == NULL ? 0 : why->code;
  hit(x, 1);
}

static void page_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  do
    fake_reply(c, 200, "",
               "{\"type\":\"step\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"message_id\":1,"
               "\"data\":{}}\n");
  while (fake_next_request(c));
}

static void a_client_may_be_freed_inside_each_call_callback(void **state) {
  (void)state;
  for (int where = 0; where < 2; where++) {
    struct fake_hub *hub = fake_hub_start(NULL, page_script, NULL);
    struct ctx x = {.client = harness_client(fake_hub_url(hub)), .where = (enum where)where};
    struct cws_read_options o;
    cws_read_options_init(&o);
    o.request_id = "r";
    assert_int_equal(cws_read(x.client, &o, call_on_event, call_on_done, &x, &x.call, NULL), 0);
    assert_int_equal(cws_client_run(x.client), 0);
    assert_int_equal(x.hits, 1);
    assert_int_equal(x.ends, 1);
    assert_int_equal(x.ended_with, where == 0 ? CWS_ECANCELED : 0);
    fake_hub_stop(hub);
  }
}

/* ---- freeing while something is under way ---- */

static void quiet_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  fake_upgrade(c);
  fake_hello(c, "e1", 0, 30);
  fake_replay_complete(c, 0);
  fake_wait_end(c);
}

static void start_all(struct ctx *x) {
  struct cws_publisher_options po;
  struct cws_event event = {.type = "step", .data = "{}", .data_len = 2};
  cws_publisher_options_init(&po);
  po.request_id = "r";
  start_follow(x);
  for (int i = 0; i < 2; i++) {
    po.websocket = i == 1;
    assert_int_equal(cws_publisher_start(x->client, &po, &pub_handlers, x, &x->publisher, NULL), 0);
    assert_int_equal(cws_publisher_send(x->publisher, &event, NULL, NULL), 0);
  }
  assert_int_equal(cws_status(x->client, "r", call_on_done, x, NULL, NULL), 0);
}

static void on_tick(uv_timer_t *timer) {
  (void)timer; /* only ends the wait of a turn */
}

/* Turns of its loop, each with an event or after a millisecond. */
static void turn(struct cws_client *client, int turns) {
  uv_loop_t *loop = cws_client_loop(client);
  uv_timer_t tick;
  uv_timer_init(loop, &tick);
  uv_timer_start(&tick, on_tick, 1, 1);
  for (int i = 0; i < turns; i++)
    uv_run(loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&tick, NULL);
  uv_run(loop, UV_RUN_NOWAIT);
}

static void what_is_under_way_is_canceled_once_at_any_time(void **state) {
  (void)state;
  struct fake_hub *hub = fake_hub_start(NULL, quiet_script, NULL);
  for (int turns = 0; turns < 25; turns++) {
    struct ctx x = {.client = harness_client(fake_hub_url(hub)), .where = WHERE_COUNT};
    start_all(&x);
    turn(x.client, turns);
    cws_client_free(x.client);
    assert_int_equal(x.ends, 4);
  }
  fake_hub_stop(hub);
}

/* ---- stopping ---- */

static void on_state_stop_soon(struct cws_follow *f, enum cws_follow_state state,
                               const struct cws_error *why, int64_t wait_ms, void *user) {
  uv_sem_t *live = user;
  (void)f;
  (void)why;
  (void)wait_ms;
  if (state == CWS_FOLLOW_LIVE)
    uv_sem_post(live);
}

static struct cws_client *client_to_stop;

static void *stop_when_live(void *arg) {
  uv_sem_wait(arg);
  cws_client_stop(client_to_stop);
  return NULL;
}

static void on_signal(int signo) {
  (void)signo;
  cws_client_stop(client_to_stop);
}

static void *kill_when_live(void *arg) {
  uv_sem_wait(arg);
  kill(getpid(), SIGUSR1);
  return NULL;
}

static void stop_from(void *(*thread_fn)(void *)) {
  struct fake_hub *hub = fake_hub_start(NULL, quiet_script, NULL);
  struct cws_client *client = harness_client(fake_hub_url(hub));
  struct cws_follow_handlers h = {.size = sizeof(h), .on_state = on_state_stop_soon};
  struct cws_follow_options o;
  pthread_t thread;
  uv_sem_t live;
  uv_sem_init(&live, 0);
  client_to_stop = client;
  cws_follow_options_init(&o);
  o.request_id = "r";
  assert_int_equal(cws_follow_start(client, &o, &h, &live, NULL, NULL), 0);
  pthread_create(&thread, NULL, thread_fn, &live);
  assert_int_equal(cws_client_run(client), 0);
  pthread_join(thread, NULL);
  cws_client_stop(client); /* before the next run: that one returns, too */
  assert_int_equal(cws_client_run(client), 0);
  cws_client_free(client);
  uv_sem_destroy(&live);
  fake_hub_stop(hub);
}

static void a_client_is_stopped_from_another_thread(void **state) {
  (void)state;
  stop_from(stop_when_live);
}

static void a_client_is_stopped_from_a_signal_handler(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = on_signal}, before;
  sigaction(SIGUSR1, &action, &before);
  stop_from(kill_when_live);
  sigaction(SIGUSR1, &before, NULL);
}

/* ---- a foreign loop ---- */

static void a_foreign_loop_is_left_clean(void **state) {
  (void)state;
  struct fake_hub *hub = fake_hub_start(NULL, tour_script, NULL);
  uv_loop_t loop;
  assert_int_equal(uv_loop_init(&loop), 0);
  struct cws_client_options co;
  harness_options(&co, fake_hub_url(hub));
  co.uv_loop = &loop;
  struct ctx x = {.client = harness_new(&co), .where = WHERE_COUNT};
  assert_ptr_equal(cws_client_loop(x.client), &loop);
  assert_int_equal(cws_client_run(x.client), CWS_EINVAL);
  start_follow(&x);
  while (x.ends == 0)
    uv_run(&loop, UV_RUN_ONCE);
  assert_int_equal(x.ended_with, CWS_EFORBIDDEN);
  cws_client_free(x.client);
  uv_run(&loop, UV_RUN_DEFAULT); /* returns when the last handle has closed */
  assert_int_equal(uv_loop_close(&loop), 0);
  fake_hub_stop(hub);
}

static void on_end_free(struct cws_follow *f, const struct cws_error *why, void *user) {
  struct ctx *x = user;
  on_end(f, why, user);
  cws_client_free(x->client);
}

static void on_a_foreign_loop_a_client_is_freed_inside_a_callback(void **state) {
  (void)state;
  struct fake_hub *hub = fake_hub_start(NULL, tour_script, NULL);
  uv_loop_t loop;
  assert_int_equal(uv_loop_init(&loop), 0);
  struct cws_client_options co;
  harness_options(&co, fake_hub_url(hub));
  co.uv_loop = &loop;
  struct cws_follow_options o;
  struct cws_follow_handlers h = {.size = sizeof(h), .on_end = on_end_free};
  struct ctx x = {.client = harness_new(&co), .where = WHERE_COUNT};
  cws_follow_options_init(&o);
  o.request_id = "r";
  assert_int_equal(cws_follow_start(x.client, &o, &h, &x, NULL, NULL), 0);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(x.ends, 1);
  assert_int_equal(uv_loop_close(&loop), 0);
  fake_hub_stop(hub);
}

static void two_clients_share_a_loop(void **state) {
  (void)state;
  uv_loop_t loop;
  assert_int_equal(uv_loop_init(&loop), 0);
  struct fake_hub *hubs[2];
  struct ctx x[2];
  for (int i = 0; i < 2; i++) {
    struct cws_client_options co;
    hubs[i] = fake_hub_start(NULL, tour_script, NULL);
    harness_options(&co, fake_hub_url(hubs[i]));
    co.uv_loop = &loop;
    x[i] = (struct ctx){.client = harness_new(&co), .where = WHERE_COUNT};
    start_follow(&x[i]);
  }
  while (x[0].ends == 0)
    uv_run(&loop, UV_RUN_ONCE);
  cws_client_free(x[0].client);
  while (x[1].ends == 0)
    uv_run(&loop, UV_RUN_ONCE);
  cws_client_free(x[1].client);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(x[i].ends, 1);
    fake_hub_stop(hubs[i]);
  }
}

static void a_client_that_did_nothing_is_freed(void **state) {
  (void)state;
  struct cws_client *client = harness_client("http://127.0.0.1:1");
  assert_int_equal(cws_client_run(client), 0);
  cws_client_free(client);
  cws_client_free(NULL);
}

static void bad_client_options_are_refused(void **state) {
  (void)state;
  struct cws_client_options o;
  struct cws_client *client;
  struct cws_error err = {0};
  harness_options(&o, "ftp://x");
  assert_int_equal(cws_client_new(&o, &client, &err), CWS_EINVAL);
  assert_non_null(strstr(err.message, "http://"));
  harness_options(&o, "http://127.0.0.1");
  o.ca_file = "/nonexistent.pem";
  assert_int_equal(cws_client_new(&o, &client, NULL), CWS_EINVAL);
  harness_options(&o, "http://127.0.0.1");
  o.user_agent = "x\r\ny";
  assert_int_equal(cws_client_new(&o, &client, NULL), CWS_EINVAL);
  harness_options(&o, "http://127.0.0.1");
  o.connect_timeout_ms = 0;
  assert_int_equal(cws_client_new(&o, &client, NULL), CWS_EINVAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_client_may_be_freed_inside_each_follow_callback),
      cmocka_unit_test(a_follow_may_be_ended_inside_each_callback),
      cmocka_unit_test(a_client_may_be_freed_inside_each_publisher_callback),
      cmocka_unit_test(a_client_may_be_freed_inside_each_call_callback),
      cmocka_unit_test(what_is_under_way_is_canceled_once_at_any_time),
      cmocka_unit_test(a_client_is_stopped_from_another_thread),
      cmocka_unit_test(a_client_is_stopped_from_a_signal_handler),
      cmocka_unit_test(a_foreign_loop_is_left_clean),
      cmocka_unit_test(on_a_foreign_loop_a_client_is_freed_inside_a_callback),
      cmocka_unit_test(two_clients_share_a_loop),
      cmocka_unit_test(a_client_that_did_nothing_is_freed),
      cmocka_unit_test(bad_client_options_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
