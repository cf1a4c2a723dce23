/* traffic: see traffic.h. */
#include "tests/fault/support/traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A second, and what a busy machine may take until an acknowledgement has arrived. */
#define POSITION_MS 1250

int64_t traffic_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void moved(struct traffic *t) {
  t->moved_ms = traffic_now_ms();
}

/* ---- publishers ---- */

static void fill_window(struct traffic_publisher *p) {
  struct traffic *t = p->traffic;
  while (p->p != NULL && !t->is_stopping && p->in_flight < p->window) {
    char data[160], id[48];
    int64_t seq, number = ledger_send(t->ledger, p->index);
    ledger_data(p->index, number, data, sizeof data);
    snprintf(id, sizeof id, "%d-%" PRId64, p->index, number);
    const struct cws_event event = {
        .type = "execution_progress", .data = data, .data_len = strlen(data), .event_id = id};
    struct cws_error err = {0};
    if (cws_publisher_send(p->p, &event, &seq, &err) != 0)
      fail_msg("cws_publisher_send: %s", err.message);
    p->numbers[seq % 64] = number;
    p->in_flight++;
  }
}

static void on_published(struct cws_publisher *publisher, int64_t seq, int64_t message_id,
                         bool duplicate, void *user) {
  struct traffic_publisher *p = user;
  (void)publisher, (void)duplicate;
  p->in_flight--;
  p->traffic->acknowledged++;
  moved(p->traffic);
  ledger_acknowledge(p->traffic->ledger, p->index, p->numbers[seq % 64], message_id);
  fill_window(p);
}

static void on_refused(struct cws_publisher *publisher, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)publisher, (void)seq, (void)user;
  fail_msg("an event was refused: %s", why->message);
}

static void on_publisher_end(struct cws_publisher *publisher, const struct cws_error *why,
                             void *user) {
  struct traffic_publisher *p = user;
  (void)publisher;
  p->p = NULL;
  p->traffic->open--;
  if (why != NULL && why->code != CWS_ECANCELED)
    fail_msg("a publisher ended: %s", why->message);
}

/* Two send much to the first request, by both transports; the others a little each. */
static void start_publisher(struct traffic *t, int index) {
  static const struct cws_publisher_handlers HANDLERS = {.size = sizeof HANDLERS,
                                                         .on_published = on_published,
                                                         .on_refused = on_refused,
                                                         .on_end = on_publisher_end};
  struct traffic_publisher *p = &t->publishers[index];
  struct cws_publisher_options o;
  struct cws_error err = {0};
  *p = (struct traffic_publisher){.traffic = t, .index = index, .window = index < 2 ? 16 : 1};
  int request = index < 2 ? 0 : index - 1;
  t->ledger->publishers[index].request = request;
  cws_publisher_options_init(&o);
  o.request_id = t->ledger->requests[request].id;
  o.websocket = index % 2 == 0;
  if (cws_publisher_start(t->client, &o, &HANDLERS, p, &p->p, &err) != 0)
    fail_msg("cws_publisher_start: %s", err.message);
  t->open++;
  fill_window(p);
}

/* ---- watchers ---- */

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct traffic_watcher *w = user;
  (void)f;
  ledger_see(w->traffic->ledger, w->request, event->message_id, event->data);
  if (w->last >= 0 && event->message_id != w->last + 1)
    fail_msg("a watcher of '%s' was given %" PRId64 " after %" PRId64,
             w->traffic->ledger->requests[w->request].id, event->message_id, w->last);
  w->last = event->message_id;
  w->seen++;
  moved(w->traffic);
  w->acks[w->ack_count % TRAFFIC_ACKS_KEPT].ms = traffic_now_ms();
  w->acks[w->ack_count % TRAFFIC_ACKS_KEPT].id = event->message_id;
  w->ack_count++;
  if (event->message_id > w->highest)
    w->highest = event->message_id;
}

static void fail_gap(const struct traffic_watcher *w, int64_t from, int64_t to,
                     const char *reason) {
  const struct ledger_request *r = &w->traffic->ledger->requests[w->request];
  if (w->traffic->hub != NULL)
    hub_process_print_log(w->traffic->hub);
  fail_msg("the %s watcher of '%s', at %" PRId64 " of %" PRId64 ", was told of a gap from %" PRId64
           " to %" PRId64 ": %s",
           w->is_fresh ? "fresh" : "steady", r->id, w->last, r->last_known, from, to, reason);
}

static void on_gap(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user) {
  struct traffic_watcher *w = user;
  (void)f;
  if (strcmp(reason, "expired") != 0)
    fail_gap(w, from, to, reason);
  if (w->last >= 0)
    assert_int_equal(from, w->last + 1);
  w->last = to;
  w->gaps++;
}

static void on_watcher_state(struct cws_follow *f, enum cws_follow_state state,
                             const struct cws_error *why, int64_t wait_ms, void *user) {
  struct traffic_watcher *w = user;
  (void)f, (void)wait_ms;
  w->state = state;
  if (state != CWS_FOLLOW_WAITING)
    return;
  w->losses++;
  if (why != NULL)
    w->why = *why;
}

/* The first session of a life says what the hub found on disk. */
static void check_position(struct traffic_watcher *w, int64_t position) {
  const char *id = w->traffic->ledger->requests[w->request].id;
  if (position < w->floor)
    fail_msg("the position in '%s' went back to %" PRId64 "; %" PRId64
             " had been acknowledged for more than a second",
             id, position, w->floor);
  if (position > w->highest)
    fail_msg("the position in '%s' is %" PRId64 ", but only %" PRId64 " was acknowledged", id,
             position, w->highest);
  w->floor = position;
}

static void on_session(struct cws_follow *f, const struct cws_follow_session *session, void *user) {
  struct traffic_watcher *w = user;
  (void)f;
  ledger_see_epoch(w->traffic->ledger, w->request, session->epoch);
  if (w->is_fresh && !w->has_session) {
    check_position(w, session->resume_from);
    w->last = session->resume_from;
  }
  w->has_session = true;
  moved(w->traffic);
}

static void on_watcher_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  struct traffic_watcher *w = user;
  if (w->f == f)
    w->f = NULL;
  w->traffic->open--;
  if (why != NULL && why->code != CWS_ECANCELED)
    fail_msg("a watcher ended: %s", why->message);
}

static void start_watcher(struct traffic *t, struct traffic_watcher *w) {
  static const struct cws_follow_handlers HANDLERS = {.size = sizeof HANDLERS,
                                                      .on_event = on_event,
                                                      .on_session = on_session,
                                                      .on_state = on_watcher_state,
                                                      .on_gap = on_gap,
                                                      .on_end = on_watcher_end};
  struct cws_follow_options o;
  struct cws_error err = {0};
  w->last = -1;
  w->has_session = false;
  w->ack_count = 0;
  cws_follow_options_init(&o);
  o.request_id = t->ledger->requests[w->request].id;
  o.subscriber = w->is_fresh ? "fresh" : "steady";
  if (cws_follow_start(t->client, &o, &HANDLERS, w, &w->f, &err) != 0)
    fail_msg("cws_follow_start: %s", err.message);
  t->open++;
}

void traffic_renew(struct traffic *t) {
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    start_watcher(t, &t->fresh[i]);
}

static int64_t acknowledged_before(const struct traffic_watcher *w, int64_t ms) {
  int64_t highest = 0;
  for (size_t i = 0; i < w->ack_count && i < TRAFFIC_ACKS_KEPT; i++)
    if (w->acks[i].ms <= ms && w->acks[i].id > highest)
      highest = w->acks[i].id;
  return highest;
}

/* What is acknowledged by `cutoff_ms` must not be lost. */
static void end_life(struct traffic_watcher *w, int64_t cutoff_ms) {
  int64_t durable = acknowledged_before(w, cutoff_ms);
  if (durable > w->floor)
    w->floor = durable;
  if (w->f != NULL)
    cws_follow_end(w->f);
  w->f = NULL;
}

void traffic_hub_died(struct traffic *t, int64_t wrote_until_ms) {
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    end_life(&t->fresh[i], wrote_until_ms - POSITION_MS);
}

void traffic_hub_ended(struct traffic *t) {
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    end_life(&t->fresh[i], INT64_MAX);
}

/* ---- life ---- */

static void on_beat(uv_timer_t *timer) {
  (void)timer;
}

void traffic_init(struct traffic *t, struct ledger *ledger, struct hub_process *hub,
                  const char *url, const char *token) {
  struct cws_client_options o;
  struct cws_error err = {0};
  *t = (struct traffic){.ledger = ledger, .hub = hub};
  assert_int_equal(uv_loop_init(&t->loop), 0);
  uv_timer_init(&t->loop, &t->beat);
  uv_timer_start(&t->beat, on_beat, 1, 1);
  cws_client_options_init(&o);
  o.url = url;
  o.token = token;
  o.uv_loop = &t->loop;
  o.backoff_base_ms = 5;
  o.backoff_cap_ms = 20;
  if (cws_client_new(&o, &t->client, &err) != 0)
    fail_msg("cws_client_new: %s", err.message);
  for (int i = 0; i < TRAFFIC_PUBLISHERS; i++)
    start_publisher(t, i);
  for (int i = 0; i < LEDGER_REQUESTS; i++) {
    t->steady[i] = (struct traffic_watcher){.traffic = t, .request = i};
    t->fresh[i] = (struct traffic_watcher){.traffic = t, .request = i, .is_fresh = true};
    start_watcher(t, &t->steady[i]);
  }
}

void traffic_finish(struct traffic *t) {
  cws_client_free(t->client);
  uv_close((uv_handle_t *)&t->beat, NULL);
  while (uv_run(&t->loop, UV_RUN_NOWAIT) != 0)
    continue;
  assert_int_equal(uv_loop_close(&t->loop), 0);
}

void traffic_turn(struct traffic *t) {
  uv_run(&t->loop, UV_RUN_ONCE);
  if (t->hub != NULL && t->hub->pid != 0)
    hub_process_check(t->hub);
}

/* ---- waiting ---- */

int64_t traffic_wait_begin(struct traffic *t) {
  moved(t);
  return t->moved_ms;
}

static void print_publisher(const struct traffic_publisher *p) {
  const struct ledger *l = p->traffic->ledger;
  const struct ledger_publisher *known = &l->publishers[p->index];
  print_error("publisher %d of '%s': %" PRId64 " of %" PRId64 " answered%s\n", p->index,
              l->requests[known->request].id, known->acknowledged_count, known->sent,
              p->p == NULL ? ", ended" : "");
}

static void print_watcher(const struct traffic_watcher *w) {
  static const char *const STATES[] = {[CWS_FOLLOW_CONNECTING] = "connecting",
                                       [CWS_FOLLOW_REPLAYING] = "replaying",
                                       [CWS_FOLLOW_LIVE] = "live",
                                       [CWS_FOLLOW_WAITING] = "waiting to connect again"};
  const struct ledger_request *r = &w->traffic->ledger->requests[w->request];
  print_error("%s watcher of '%s': at %" PRId64 " of %" PRId64 ", %s, %" PRId64 " losses%s%s\n",
              w->is_fresh ? "fresh" : "steady", r->id, w->last, r->last_known,
              w->f == NULL ? "ended" : STATES[w->state], w->losses,
              w->losses > 0 ? ", the last: " : "", w->why.message);
}

static void fail_late(struct traffic *t, const char *what, int64_t ms, const char *condition) {
  if (t->hub != NULL)
    hub_process_print_log(t->hub);
  for (int i = 0; i < TRAFFIC_PUBLISHERS; i++)
    print_publisher(&t->publishers[i]);
  for (int i = 0; i < LEDGER_REQUESTS; i++) {
    print_watcher(&t->steady[i]);
    print_watcher(&t->fresh[i]);
  }
  fail_msg("%s for %" PRId64 " ms while waiting for: %s", what, ms, condition);
}

void traffic_wait_turn(struct traffic *t, int64_t began_ms, const char *condition) {
  traffic_turn(t);
  int64_t now = traffic_now_ms();
  if (now - t->moved_ms > TRAFFIC_STILL_MS)
    fail_late(t, "nothing was answered, seen or read", now - t->moved_ms, condition);
  if (now - began_ms > TRAFFIC_DEADLINE_MS)
    fail_late(t, "things went on", now - began_ms, condition);
}

void traffic_stop(struct traffic *t) {
  t->is_stopping = true;
  for (int i = 0; i < TRAFFIC_PUBLISHERS; i++)
    if (t->publishers[i].p != NULL)
      cws_publisher_end(t->publishers[i].p);
}

bool traffic_is_settled(const struct traffic *t) {
  for (int i = 0; i < TRAFFIC_PUBLISHERS; i++)
    if (t->publishers[i].p != NULL)
      return false;
  return true;
}

bool traffic_have_seen_all(const struct traffic *t) {
  for (int i = 0; i < LEDGER_REQUESTS; i++)
    if (t->steady[i].last < t->ledger->requests[i].last_known ||
        t->fresh[i].last < t->ledger->requests[i].last_known)
      return false;
  return true;
}

void traffic_drain(struct traffic *t) {
  TRAFFIC_WAIT_FOR(t, traffic_have_seen_all(t));
  for (int i = 0; i < LEDGER_REQUESTS; i++) {
    cws_follow_end(t->steady[i].f);
    cws_follow_end(t->fresh[i].f);
  }
  TRAFFIC_WAIT_FOR(t, t->open == 0);
}

void traffic_abandon(struct traffic *t) {
  t->is_stopping = true;
  traffic_finish(t);
}

/* ---- what is stored ---- */

struct reading {
  struct traffic *traffic;
  int request;
  int64_t first, last;
  bool is_done;
};

static void on_stored(const struct cws_event *event, void *user) {
  struct reading *r = user;
  if (r->first == 0)
    r->first = event->message_id;
  else
    assert_int_equal(event->message_id, r->last + 1);
  r->last = event->message_id;
  moved(r->traffic);
  ledger_see(r->traffic->ledger, r->request, event->message_id, event->data);
}

/* A hub that has just died is no longer there to connect to, but may not have been noticed. */
static void fail_reading(const struct reading *r, const struct cws_error *why) {
  struct hub_process *hub = r->traffic->hub;
  if (hub != NULL) {
    hub_process_check_soon(hub);
    hub_process_print_log(hub);
  }
  fail_msg("reading '%s': %s", r->traffic->ledger->requests[r->request].id, why->message);
}

static void on_read(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct reading *r = user;
  (void)json, (void)len;
  if (why != NULL)
    fail_reading(r, why);
  r->is_done = true;
}

void traffic_check_stored(struct traffic *t, bool is_settled) {
  for (int i = 0; i < LEDGER_REQUESTS; i++) {
    struct reading r = {.traffic = t, .request = i};
    struct cws_read_options o;
    struct cws_error err = {0};
    cws_read_options_init(&o);
    o.request_id = t->ledger->requests[i].id;
    if (cws_read(t->client, &o, on_stored, on_read, &r, NULL, &err) != 0)
      fail_msg("cws_read: %s", err.message);
    TRAFFIC_WAIT_FOR(t, r.is_done);
    ledger_check(t->ledger, i, r.first, r.last, is_settled);
    t->first_stored[i] = r.first;
  }
}
