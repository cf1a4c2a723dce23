/* herd: see herd.h. */
#include "tests/fault/cluster/herd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BEAT_MS 100

int64_t herd_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct cws_client *new_client(struct herd *h, int hub) {
  struct cws_client_options o;
  struct cws_client *client;
  struct cws_error err = {0};
  cws_client_options_init(&o);
  o.url = h->cluster->hubs[hub].url;
  o.token = h->cluster->token;
  o.uv_loop = &h->loop;
  o.backoff_base_ms = 100;
  o.backoff_cap_ms = 1000;
  if (cws_client_new(&o, &client, &err) != 0)
    fail_msg("cws_client_new: %s", err.message);
  return client;
}

static bool serves(const struct herd *h, int hub) {
  const struct cluster_hub *x = &h->cluster->hubs[hub];
  return x->process.pid != 0 && !x->is_frozen;
}

/* ---- publishers ---- */

static void send_one(struct herd_publisher *p, int64_t number) {
  char data[160], id[48];
  int64_t seq;
  struct cws_error err = {0};
  ledger_data(p->index, number, data, sizeof data);
  snprintf(id, sizeof id, "%d-%" PRId64, p->index, number);
  const struct cws_event event = {
      .type = "execution_progress", .data = data, .data_len = strlen(data), .event_id = id};
  if (cws_publisher_send(p->p, &event, &seq, &err) != 0)
    fail_msg("cws_publisher_send: %s", err.message);
}

static void on_published(struct cws_publisher *publisher, int64_t seq, int64_t message_id,
                         bool duplicate, void *user) {
  struct herd_publisher *p = user;
  (void)publisher, (void)seq, (void)duplicate;
  assert_true(p->count > 0);
  ledger_acknowledge(&p->herd->ledger, p->index, p->unanswered[0], message_id);
  memmove(&p->unanswered[0], &p->unanswered[1], (size_t)--p->count * sizeof p->unanswered[0]);
  p->answered_here++;
  p->herd->acknowledged++;
}

static void on_refused(struct cws_publisher *publisher, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)publisher, (void)seq, (void)user;
  fail_msg("an event was refused: %s", why->message);
}

static void on_publisher_end(struct cws_publisher *publisher, const struct cws_error *why,
                             void *user) {
  struct herd_publisher *p = user;
  if (p->p == publisher)
    p->p = NULL;
  p->herd->open--;
  if (why != NULL && why->code != CWS_ECANCELED)
    fail_msg("a publisher ended: %s", why->message);
}

/* Two to a request, by both transports; those of the first one send more. */
static void start_publisher(struct herd_publisher *p) {
  static const struct cws_publisher_handlers HANDLERS = {.size = sizeof HANDLERS,
                                                         .on_published = on_published,
                                                         .on_refused = on_refused,
                                                         .on_end = on_publisher_end};
  struct herd *h = p->herd;
  struct cws_publisher_options o;
  struct cws_error err = {0};
  cws_publisher_options_init(&o);
  o.request_id = h->ledger.requests[p->index / 2].id;
  o.websocket = p->index % 2 == 0;
  p->client = new_client(h, p->hub);
  p->answered_here = 0;
  if (cws_publisher_start(p->client, &o, &HANDLERS, p, &p->p, &err) != 0)
    fail_msg("cws_publisher_start: %s", err.message);
  h->open++;
  for (int i = 0; i < p->count; i++)
    send_one(p, p->unanswered[i]);
}

static void send_more(struct herd_publisher *p) {
  int most = p->index < 2 ? HERD_WINDOW : 1;
  if (p->p == NULL || p->count >= most)
    return;
  int64_t number = ledger_send(&p->herd->ledger, p->index);
  p->unanswered[p->count++] = number;
  send_one(p, number);
}

void herd_move_publisher(struct herd *h, int publisher, int hub) {
  struct herd_publisher *p = &h->publishers[publisher];
  cws_client_free(p->client);
  p->p = NULL;
  p->hub = hub;
  start_publisher(p);
}

static void on_beat(uv_timer_t *timer) {
  struct herd *h = timer->data;
  for (int i = 0; i < HERD_PUBLISHERS && !h->is_paused; i++)
    send_more(&h->publishers[i]);
}

/* ---- watchers ---- */

static const char *name_of(const struct herd_watcher *w) {
  static const char *const NAMES[] = {"steady", "moving", "acknowledging"};
  return NAMES[w->kind];
}

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct herd_watcher *w = user;
  if (w->f != f)
    return;
  ledger_see(&w->herd->ledger, w->request, event->message_id, event->data);
  if (w->last >= 0 && event->message_id != w->last + 1)
    fail_msg("the %s watcher of '%s', at hub %d, was given %" PRId64 " after %" PRId64, name_of(w),
             w->herd->ledger.requests[w->request].id, w->hub, event->message_id, w->last);
  w->last = event->message_id;
  w->seen++;
  if (w->last > w->highest)
    w->highest = w->last;
}

static void on_gap(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user) {
  struct herd_watcher *w = user;
  (void)f;
  cluster_print_logs(w->herd->cluster);
  fail_msg("the %s watcher of '%s', at %" PRId64 ", was told by hub %d of a gap from %" PRId64
           " to %" PRId64 ": %s",
           name_of(w), w->herd->ledger.requests[w->request].id, w->last, w->hub, from, to, reason);
}

static void on_session(struct cws_follow *f, const struct cws_follow_session *session, void *user) {
  struct herd_watcher *w = user;
  if (w->f != f)
    return;
  ledger_see_epoch(&w->herd->ledger, w->request, session->epoch);
  snprintf(w->epoch, sizeof w->epoch, "%s", session->epoch);
  if (!w->has_session && w->kind == HERD_BY_ACKS) {
    if (session->resume_from > w->highest)
      fail_msg("the position in '%s' is %" PRId64 ", but only %" PRId64 " was acknowledged",
               w->herd->ledger.requests[w->request].id, session->resume_from, w->highest);
    w->last = session->resume_from;
  }
  w->has_session = true;
}

static void on_state(struct cws_follow *f, enum cws_follow_state state, const struct cws_error *why,
                     int64_t wait_ms, void *user) {
  struct herd_watcher *w = user;
  (void)why, (void)wait_ms;
  if (w->f == f && state == CWS_FOLLOW_WAITING)
    w->losses++;
}

static void on_watcher_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  struct herd_watcher *w = user;
  if (w->f == f)
    w->f = NULL;
  w->herd->open--;
  if (why != NULL && why->code != CWS_ECANCELED)
    fail_msg("a watcher ended: %s", why->message);
}

static void start_watcher(struct herd_watcher *w) {
  static const struct cws_follow_handlers HANDLERS = {.size = sizeof HANDLERS,
                                                      .on_event = on_event,
                                                      .on_session = on_session,
                                                      .on_state = on_state,
                                                      .on_gap = on_gap,
                                                      .on_end = on_watcher_end};
  struct herd *h = w->herd;
  struct cws_follow_options o;
  struct cws_error err = {0};
  char subscriber[32];
  cws_follow_options_init(&o);
  o.request_id = h->ledger.requests[w->request].id;
  snprintf(subscriber, sizeof subscriber, "%s-%d", name_of(w), w->kind == HERD_STEADY ? w->hub : 0);
  o.subscriber = subscriber;
  if (w->kind == HERD_STEADY)
    o.from = CWS_FROM_START;
  if (w->kind == HERD_BY_POSITION) {
    o.after = w->last;
    o.epoch = w->epoch[0] != '\0' ? w->epoch : NULL;
    o.no_ack = true;
  }
  w->has_session = false;
  if (cws_follow_start(h->clients[w->hub], &o, &HANDLERS, w, &w->f, &err) != 0)
    fail_msg("cws_follow_start: %s", err.message);
  h->open++;
}

void herd_move_watcher(struct herd *h, int watcher, int hub) {
  struct herd_watcher *w = &h->watchers[watcher];
  if (w->f != NULL)
    cws_follow_end(w->f);
  w->hub = hub;
  if (w->kind == HERD_BY_ACKS)
    w->last = -1;
  w->moves++;
  start_watcher(w);
}

void herd_leave_hub(struct herd *h, int hub) {
  int to = hub;
  do
    to = (to + 1) % CLUSTER_HUBS;
  while (to != hub && !serves(h, to));
  for (int i = 0; i < HERD_PUBLISHERS; i++)
    if (h->publishers[i].hub == hub)
      herd_move_publisher(h, i, to);
  for (int i = 0; i < h->watcher_count; i++)
    if (h->watchers[i].hub == hub && h->watchers[i].kind != HERD_STEADY)
      herd_move_watcher(h, i, to);
}

int64_t herd_steady_losses(const struct herd *h) {
  int64_t sum = 0;
  for (int i = 0; i < h->watcher_count; i++)
    if (h->watchers[i].kind == HERD_STEADY)
      sum += h->watchers[i].losses;
  return sum;
}

/* ---- life ---- */

static void add_watcher(struct herd *h, enum herd_watcher_kind kind, int request, int hub) {
  struct herd_watcher *w = &h->watchers[h->watcher_count++];
  *w = (struct herd_watcher){.herd = h, .kind = kind, .request = request, .hub = hub, .last = -1};
  start_watcher(w);
}

void herd_init(struct herd *h, struct cluster *c, bool has_watchers) {
  *h = (struct herd){.cluster = c};
  ledger_init(&h->ledger);
  assert_int_equal(uv_loop_init(&h->loop), 0);
  uv_timer_init(&h->loop, &h->beat);
  h->beat.data = h;
  uv_timer_start(&h->beat, on_beat, BEAT_MS, BEAT_MS);
  for (int i = 0; i < CLUSTER_HUBS; i++)
    h->clients[i] = new_client(h, i);
  for (int i = 0; i < HERD_PUBLISHERS; i++) {
    struct herd_publisher *p = &h->publishers[i];
    *p = (struct herd_publisher){.herd = h, .index = i, .hub = i % CLUSTER_HUBS};
    h->ledger.publishers[i].request = i / 2;
    start_publisher(p);
  }
  for (int i = 0; has_watchers && i < LEDGER_REQUESTS; i++) {
    add_watcher(h, HERD_BY_POSITION, i, i % CLUSTER_HUBS);
    add_watcher(h, HERD_BY_ACKS, i, (i + 1) % CLUSTER_HUBS);
  }
  for (int i = 0; has_watchers && i < CLUSTER_HUBS; i++)
    add_watcher(h, HERD_STEADY, 0, i);
}

void herd_finish(struct herd *h) {
  for (int i = 0; i < HERD_PUBLISHERS; i++)
    cws_client_free(h->publishers[i].client);
  for (int i = 0; i < CLUSTER_HUBS; i++)
    cws_client_free(h->clients[i]);
  uv_close((uv_handle_t *)&h->beat, NULL);
  while (uv_run(&h->loop, UV_RUN_NOWAIT) != 0)
    continue;
  assert_int_equal(uv_loop_close(&h->loop), 0);
  ledger_finish(&h->ledger);
}

void herd_turn(struct herd *h) {
  uv_run(&h->loop, UV_RUN_ONCE);
  cluster_check(h->cluster);
}

void herd_turn_for(struct herd *h, int64_t ms) {
  int64_t until = herd_now_ms() + ms;
  while (herd_now_ms() < until)
    herd_turn(h);
}

static void fail_late(struct herd *h, const char *condition) {
  cluster_print_logs(h->cluster);
  for (int i = 0; i < HERD_PUBLISHERS; i++)
    print_error("publisher %d at hub %d: %" PRId64 " sent, %d unanswered, %" PRId64
                " answered here\n",
                i, h->publishers[i].hub, h->ledger.publishers[i].sent, h->publishers[i].count,
                h->publishers[i].answered_here);
  for (int i = 0; i < h->watcher_count; i++)
    print_error(
        "%s watcher of '%s' at hub %d: at %" PRId64 " of %" PRId64 ", %" PRId64 " losses%s\n",
        name_of(&h->watchers[i]), h->ledger.requests[h->watchers[i].request].id, h->watchers[i].hub,
        h->watchers[i].last, h->ledger.requests[h->watchers[i].request].last_known,
        h->watchers[i].losses, h->watchers[i].has_session ? "" : ", no session");
  print_error("the stream's leader: %d\n", cluster_leader(h->cluster));
  fail_msg("not within %d ms: %s", HERD_DEADLINE_MS, condition);
}

void herd_wait_turn(struct herd *h, int64_t began_ms, const char *condition) {
  herd_turn(h);
  if (herd_now_ms() - began_ms > HERD_DEADLINE_MS)
    fail_late(h, condition);
}

/* ---- all is well ---- */

static bool have_all_gone_on(const struct herd *h, const int64_t answered[], const int64_t last[]) {
  for (int i = 0; i < HERD_PUBLISHERS; i++)
    if (serves(h, h->publishers[i].hub) && h->publishers[i].answered_here <= answered[i])
      return false;
  for (int i = 0; i < h->watcher_count; i++)
    if (serves(h, h->watchers[i].hub) &&
        (!h->watchers[i].has_session || h->watchers[i].last <= last[i]))
      return false;
  return true;
}

void herd_wait_until_well(struct herd *h) {
  int64_t answered[HERD_PUBLISHERS], last[HERD_WATCHERS];
  for (int i = 0; i < HERD_PUBLISHERS; i++)
    answered[i] = h->publishers[i].answered_here;
  for (int i = 0; i < h->watcher_count; i++)
    last[i] = h->ledger.requests[h->watchers[i].request].last_known;
  HERD_POLL_FOR(h, have_all_gone_on(h, answered, last));
}

/* ---- what is stored ---- */

static void on_stored(const struct cws_event *event, void *user) {
  struct herd_reading *r = user;
  if (event->message_id != r->last + 1)
    fail_msg("hub %d has %" PRId64 " of '%s' after %" PRId64, r->hub, event->message_id,
             r->herd->ledger.requests[r->request].id, r->last);
  r->last = event->message_id;
  ledger_see(&r->herd->ledger, r->request, event->message_id, event->data);
}

static void on_read(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct herd_reading *r = user;
  (void)json, (void)len;
  if (why != NULL)
    r->why = *why;
  r->is_done = true;
}

static void read_once(struct herd *h) {
  struct herd_reading *r = &h->reading;
  struct cws_read_options o;
  struct cws_error err = {0};
  cws_read_options_init(&o);
  o.request_id = h->ledger.requests[r->request].id;
  o.after = r->last;
  r->is_done = false;
  if (cws_read(h->clients[r->hub], &o, on_stored, on_read, r, NULL, &err) != 0)
    fail_msg("cws_read: %s", err.message);
  HERD_WAIT_FOR(h, r->is_done);
}

/* Until it has what is known; a hub may be a moment behind. */
static void read_hub(struct herd *h, int hub, int request) {
  const int64_t *known = &h->ledger.requests[request].last_known;
  int64_t until = herd_now_ms() + HERD_DEADLINE_MS;
  struct herd_reading *r = &h->reading;
  *r = (struct herd_reading){
      .herd = h, .request = request, .hub = hub, .last = h->read_to[hub][request]};
  for (read_once(h); r->last < *known && herd_now_ms() < until; read_once(h))
    herd_turn_for(h, HERD_POLL_MS);
  if (r->last < *known)
    print_error("hub %d stays at %" PRId64 " of %" PRId64 ": %s\n", hub, r->last, *known,
                r->why.message);
  h->read_to[hub][request] = r->last;
}

static bool is_all_answered(struct herd *h) {
  for (int i = 0; i < HERD_PUBLISHERS; i++)
    if (h->publishers[i].count > 0)
      return false;
  return true;
}

/* Their event ids are known at another hub than the one that took them. */
static void send_again(struct herd_publisher *p) {
  int to = (p->hub + 1) % CLUSTER_HUBS;
  int64_t sent = p->herd->ledger.publishers[p->index].sent;
  if (!serves(p->herd, to))
    return;
  for (int64_t n = sent < HERD_WINDOW ? 1 : sent - HERD_WINDOW + 1; n <= sent; n++)
    p->unanswered[p->count++] = n;
  herd_move_publisher(p->herd, p->index, to);
}

void herd_pause(struct herd *h) {
  h->is_paused = true;
  HERD_WAIT_FOR(h, is_all_answered(h));
}

void herd_go_on(struct herd *h) {
  h->is_paused = false;
}

void herd_check(struct herd *h, bool from_start) {
  herd_pause(h);
  if (h->ledger.is_lenient)
    ledger_forget_ids(&h->ledger);
  for (int i = 0; i < HERD_PUBLISHERS; i++)
    send_again(&h->publishers[i]);
  HERD_WAIT_FOR(h, is_all_answered(h));
  if (from_start)
    memset(h->read_to, 0, sizeof h->read_to);
  for (int round = 0; round < 2; round++) /* what one hub has more, all must have */
    for (int hub = 0; hub < CLUSTER_HUBS; hub++)
      for (int i = 0; i < LEDGER_REQUESTS; i++)
        read_hub(h, hub, i);
  for (int hub = 0; hub < CLUSTER_HUBS; hub++)
    for (int i = 0; i < LEDGER_REQUESTS; i++)
      ledger_check(&h->ledger, i, 1, h->read_to[hub][i], true);
  herd_go_on(h);
}
