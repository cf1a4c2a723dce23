/* round: see round.h. */
#include "tests/fault/round.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <councilws/client.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WATCHERS = 3, LEAVER = 2, PUBLISHERS = 2, EVENTS = 60, TOTAL = PUBLISHERS * EVENTS };
#define PAD_MAX 400
#define TICK_MS 5
#define STILL_MS 20000         /* a hub or a client that is half-open takes 7 s to be noticed */
#define FAULTY_CONNECTIONS 150 /* behind them all is well, so that every round ends */

struct watcher {
  struct round *round;
  struct cws_follow *follow; /* NULL: it has ended */
  char name[16];
  int64_t last, leave_at;
  bool is_back; /* the next event may be one that it knows */
  bool is_done;
};

struct publisher {
  struct round *round;
  struct cws_publisher *p;
  int number, sent, published;
  int64_t ids[EVENTS]; /* as it was told */
  bool is_done;
};

struct round {
  uint64_t seed, random;
  char request_id[40];
  uv_timer_t tick;
  struct proxy *proxy;
  struct cws_client *client;
  struct watcher watchers[WATCHERS];
  struct publisher publishers[PUBLISHERS];
  int by[TOTAL + 1], n[TOTAL + 1]; /* of each message_id: whose it is, and its which */
  int connections;
  int64_t read;      /* events read at the end */
  uint64_t moved_ms; /* when something was last seen, answered or read */
  bool is_reading, is_over;
};

#define HOLDS(r, condition, ...)                                                                   \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      print_error("CWS_FAULT_SEED=%" PRIu64 ": ", (r)->seed);                                      \
      fail_msg(__VA_ARGS__);                                                                       \
    }                                                                                              \
  } while (0)

/* ---- chance: splitmix64 ---- */

static uint64_t draw(struct round *r) {
  uint64_t z = (r->random += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static int64_t draw_to(struct round *r, int64_t max) {
  return (int64_t)(draw(r) % (uint64_t)(max + 1));
}

static enum fault_kind draw_kind(struct round *r) {
  static const int PERCENT[FAULT_KINDS] = {[FAULT_NONE] = 20,
                                           [FAULT_CUT] = 32,
                                           [FAULT_RESET] = 25,
                                           [FAULT_HALF_OPEN] = 5,
                                           [FAULT_STALL] = 18};
  int64_t at = draw_to(r, 99);
  enum fault_kind kind = FAULT_NONE;
  while (at >= PERCENT[kind])
    at -= PERCENT[kind++];
  return kind;
}

/* Half of the faults strike inside the handshake or the first messages. */
static void draw_fault(struct fault *fault, void *user) {
  struct round *r = user;
  *fault = (struct fault){
      .connect_ms = draw_to(r, 3) == 0 ? draw_to(r, 60) : 0,
      .latency_ms = draw_to(r, 2) == 0 ? draw_to(r, 15) : 0,
      .segment = draw_to(r, 3) == 0 ? (size_t)(1 + draw_to(r, 60)) : 0,
      .kind = draw_kind(r),
      .way = draw_to(r, 1) == 0 ? FAULT_TO_HUB : FAULT_TO_CLIENT,
      .at_byte = (size_t)draw_to(r, draw_to(r, 1) == 0 ? 600 : 12000),
      .stall_ms = draw_to(r, 300),
  };
  if (++r->connections > FAULTY_CONNECTIONS)
    *fault = (struct fault){.kind = FAULT_NONE};
}

static void moved(struct round *r) {
  r->moved_ms = uv_now(r->tick.loop);
}

/* ---- watching ---- */

static void check_over(struct round *r);

/* What the first to see an event writes down, everyone else compares with. */
static void compare(struct round *r, const struct cws_event *event) {
  int by = -1, n = -1;
  int64_t id = event->message_id;
  HOLDS(r, sscanf(event->data, "{\"by\":%d,\"n\":%d,", &by, &n) == 2, "not an event of ours: %s",
        event->data);
  HOLDS(r, id <= TOTAL, "event %" PRId64 " of %d: one is stored twice", id, TOTAL);
  HOLDS(r, r->n[id] == 0 || (r->by[id] == by && r->n[id] == n), "event %" PRId64 " changed", id);
  r->by[id] = by;
  r->n[id] = n;
}

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct watcher *w = user;
  struct round *r = w->round;
  int64_t id = event->message_id;
  HOLDS(r, id == w->last + 1 || (w->is_back && id <= w->last),
        "watcher %s: %" PRId64 " after %" PRId64, w->name, id, w->last);
  w->is_back = false;
  w->last = id;
  moved(r);
  compare(r, event);
  if (id == TOTAL || id == w->leave_at)
    cws_follow_end(f);
}

static void on_gap(struct cws_follow *f, int64_t from, int64_t to, const char *reason, void *user) {
  (void)f;
  struct watcher *w = user;
  HOLDS(w->round, false, "watcher %s: a gap %" PRId64 "-%" PRId64 ": %s", w->name, from, to,
        reason);
}

static void on_watcher_end(struct cws_follow *f, const struct cws_error *why, void *user);

static void watch(struct watcher *w) {
  static const struct cws_follow_handlers HANDLERS = {
      .size = sizeof HANDLERS, .on_event = on_event, .on_gap = on_gap, .on_end = on_watcher_end};
  struct cws_follow_options o;
  struct cws_error err = {0};
  cws_follow_options_init(&o);
  o.request_id = w->round->request_id;
  o.subscriber = w->name;
  if (cws_follow_start(w->round->client, &o, &HANDLERS, w, &w->follow, &err) != 0)
    fail_msg("cws_follow_start: %s", err.message);
}

static void on_watcher_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  (void)f;
  struct watcher *w = user;
  w->follow = NULL;
  if (w->round->is_over)
    return;
  HOLDS(w->round, why == NULL, "watcher %s: %s", w->name, why->message);
  w->is_done = w->last == TOTAL;
  if (!w->is_done) {
    w->is_back = true;
    w->leave_at = w->last + 1 + draw_to(w->round, 40);
    watch(w);
  }
  check_over(w->round);
}

/* ---- publishing ---- */

static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  (void)p;
  (void)duplicate;
  struct publisher *u = user;
  HOLDS(u->round, seq == u->published + 1, "publisher %d: answers out of order", u->number);
  u->ids[u->published++] = message_id;
  moved(u->round);
}

static void on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)p;
  struct publisher *u = user;
  HOLDS(u->round, false, "publisher %d: %" PRId64 " refused: %s", u->number, seq, why->message);
}

static void on_publisher_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  (void)p;
  struct publisher *u = user;
  u->p = NULL;
  if (u->round->is_over)
    return;
  HOLDS(u->round, why == NULL, "publisher %d: %s", u->number, why->message);
  HOLDS(u->round, u->published == EVENTS, "publisher %d: %d answers", u->number, u->published);
  u->is_done = true;
  check_over(u->round);
}

static void start_publisher(struct publisher *u) {
  static const struct cws_publisher_handlers HANDLERS = {.size = sizeof HANDLERS,
                                                         .on_published = on_published,
                                                         .on_refused = on_refused,
                                                         .on_end = on_publisher_end};
  struct cws_publisher_options o;
  struct cws_error err = {0};
  cws_publisher_options_init(&o);
  o.request_id = u->round->request_id;
  o.websocket = u->number == 1;
  o.max_in_flight = 16;
  if (cws_publisher_start(u->round->client, &o, &HANDLERS, u, &u->p, &err) != 0)
    fail_msg("cws_publisher_start: %s", err.message);
}

/* False: as many as may be are under way. */
static bool send_one(struct publisher *u) {
  char data[PAD_MAX + 80];
  int64_t pad = draw_to(u->round, PAD_MAX);
  int len = snprintf(data, sizeof data, "{\"by\":%d,\"n\":%d,\"pad\":\"%*s\"}", u->number,
                     u->sent + 1, (int)pad, "");
  const struct cws_event event = {.type = "log", .data = data, .data_len = (size_t)len};
  int64_t seq;
  struct cws_error err = {0};
  int rc = cws_publisher_send(u->p, &event, &seq, &err);
  HOLDS(u->round, rc == 0 || rc == CWS_EBUSY, "cws_publisher_send: %s", err.message);
  if (rc != 0)
    return false;
  if (++u->sent == EVENTS)
    cws_publisher_end(u->p);
  return true;
}

/* Within seconds, and with what each of them waits for. */
static void check_is_moving(const struct round *r) {
  uint64_t still_ms = uv_now(r->tick.loop) - r->moved_ms;
  if (r->is_over || still_ms <= STILL_MS)
    return;
  round_print(r);
  HOLDS(r, false, "nothing was seen, answered or read for %" PRIu64 " ms", still_ms);
}

static void on_tick(uv_timer_t *tick) {
  struct round *r = tick->data;
  check_is_moving(r);
  for (int i = 0; i < PUBLISHERS; i++) {
    struct publisher *u = &r->publishers[i];
    for (int64_t n = draw_to(r, 4); n > 0 && u->sent < EVENTS && send_one(u);)
      n--;
  }
}

/* ---- the judgement ---- */

static void on_read_event(const struct cws_event *event, void *user) {
  struct round *r = user;
  moved(r);
  HOLDS(r, event->message_id == ++r->read, "%" PRId64 " is read after %" PRId64, event->message_id,
        r->read - 1);
  compare(r, event);
}

static void check_publisher(struct round *r, const struct publisher *u) {
  int64_t before = 0;
  for (int n = 1; n <= EVENTS; n++) {
    int64_t id = u->ids[n - 1];
    HOLDS(r, id > before && id <= TOTAL, "publisher %d: its %d. became %" PRId64 " after %" PRId64,
          u->number, n, id, before);
    HOLDS(r, r->by[id] == u->number && r->n[id] == n,
          "publisher %d: its %d. is not stored as %" PRId64, u->number, n, id);
    before = id;
  }
}

static void on_read(const struct cws_error *why, const char *json, size_t len, void *user) {
  (void)json;
  (void)len;
  struct round *r = user;
  HOLDS(r, why == NULL, "reading: %s", why->message);
  HOLDS(r, r->read == TOTAL, "%" PRId64 " events are stored", r->read);
  for (int i = 0; i < PUBLISHERS; i++)
    check_publisher(r, &r->publishers[i]);
  r->is_over = true;
}

static void check_over(struct round *r) {
  bool is_done = !r->is_reading;
  for (int i = 0; i < WATCHERS; i++)
    is_done = is_done && r->watchers[i].is_done;
  for (int i = 0; i < PUBLISHERS; i++)
    is_done = is_done && r->publishers[i].is_done;
  if (!is_done)
    return;
  struct cws_read_options o;
  struct cws_call *call;
  struct cws_error err = {0};
  cws_read_options_init(&o);
  o.request_id = r->request_id;
  o.page = 1 + draw_to(r, TOTAL);
  o.max_attempts = 0; /* on such a network five in a row fail now and then */
  r->is_reading = true;
  if (cws_read(r->client, &o, on_read_event, on_read, r, &call, &err) != 0)
    fail_msg("cws_read: %s", err.message);
}

/* ---- life ---- */

static void open_client(struct round *r, uv_loop_t *loop, const char *token) {
  struct cws_client_options o;
  struct cws_error err = {0};
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d", proxy_port(r->proxy));
  cws_client_options_init(&o);
  o.url = url;
  o.token = token;
  o.uv_loop = loop;
  o.backoff_base_ms = 5;
  o.backoff_cap_ms = 50;
  o.connect_timeout_ms = 1000;
  o.call_timeout_ms = 1500;
  if (cws_client_new(&o, &r->client, &err) != 0)
    fail_msg("cws_client_new: %s", err.message);
}

struct round *round_new(uv_loop_t *loop, uint64_t seed, int hub_port, const char *token) {
  struct round *r = calloc(1, sizeof *r);
  assert_non_null(r);
  r->seed = r->random = seed;
  snprintf(r->request_id, sizeof r->request_id, "round-%" PRIu64, seed);
  r->proxy = proxy_new(loop, hub_port, draw_fault, r);
  assert_non_null(r->proxy);
  open_client(r, loop, token);
  uv_timer_init(loop, &r->tick);
  r->tick.data = r;
  moved(r);
  for (int i = 0; i < WATCHERS; i++) {
    struct watcher *w = &r->watchers[i];
    w->round = r;
    snprintf(w->name, sizeof w->name, "w%d", i);
    w->leave_at = i == LEAVER ? 1 + draw_to(r, 40) : 0;
    watch(w);
  }
  for (int i = 0; i < PUBLISHERS; i++) {
    r->publishers[i].round = r;
    r->publishers[i].number = i;
    start_publisher(&r->publishers[i]);
  }
  uv_timer_start(&r->tick, on_tick, TICK_MS, TICK_MS);
  return r;
}

bool round_is_over(const struct round *r) {
  return r->is_over;
}

int round_faults(const struct round *r, enum fault_kind kind) {
  return proxy_count(r->proxy, kind);
}

void round_print(const struct round *r) {
  print_message("CWS_FAULT_SEED=%" PRIu64 ": watchers at %" PRId64 ", %" PRId64 ", %" PRId64
                " of %d; published %d, %d of %d; read %" PRId64 "; %d connections\n",
                r->seed, r->watchers[0].last, r->watchers[1].last, r->watchers[2].last, TOTAL,
                r->publishers[0].published, r->publishers[1].published, EVENTS, r->read,
                r->connections);
}

static void on_tick_closed(uv_handle_t *handle) {
  free(handle->data);
}

void round_free(struct round *r) {
  r->is_over = true;
  cws_client_free(r->client);
  proxy_free(r->proxy);
  uv_close((uv_handle_t *)&r->tick, on_tick_closed);
}
