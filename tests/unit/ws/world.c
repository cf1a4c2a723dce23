/* world: the hub's side of the fixture. See world.h. */
#include "world.h"

#include "lib/core/event.h"
#include "server/hub/hub_inside.h"
#include <councilws/token.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t wall_ms(void *user) {
  return ((struct world *)user)->wall_ms;
}

static int64_t mono_ms(void *user) {
  return ((struct world *)user)->mono_ms;
}

static void post(int worker, struct mail *mail, void *user) {
  loop_post(((struct world *)user)->loops[worker], mail);
}

static void make_hub(struct world *w, const struct world_options *options) {
  struct hub_options hub = {
      .store_uri = "memory:",
      .workers = WORKERS,
      .post = post,
      .user = w,
      .clock = &w->clock,
      .tail_events = options->tail_events,
      .tail_bytes = options->tail_bytes,
  };
  hub.store.retention_ms = RETENTION_MS;
  hub.store.max_request_events = options->max_request_events;
  hub.store.max_pending_events = options->max_pending_events;
  struct cws_error e = {0};
  assert_int_equal(hub_new(&hub, &w->hub, &e), 0);
}

struct world *world_new(const struct world_options *options) {
  static const struct world_options none;
  if (options == NULL)
    options = &none;
  struct world *w = calloc(1, sizeof(*w));
  w->mono_ms = 0;
  w->wall_ms = START_WALL_MS;
  w->clock = (struct clock){.wall_ms = wall_ms, .mono_ms = mono_ms, .user = w};
  for (int i = 0; i < WORKERS; i++)
    w->loops[i] = fake_loop_new(i);
  make_hub(w, options);
  struct quota_limits limits = {.max_publish_rate = options->max_publish_rate};
  w->quota = quota_new(&limits, &w->clock);
  w->keys = cws_keys_new();
  assert_int_equal(cws_keys_add_secret(w->keys, SECRET, strlen(SECRET), NULL), 0);
  w->settings = (struct session_settings){
      .registry = session_registry_new(WORKERS),
      .heartbeat_interval_ms = 30000,
      .inactivity_timeout_ms = 300000,
      .ping_interval_ms = 30000,
      .clock = &w->clock,
      .metrics = &w->metrics,
      .quota = w->quota,
  };
  return w;
}

void world_run(struct world *w, int wait_ms) {
  for (int i = 0; i < WORKERS; i++)
    fake_loop_run(w->loops[i], i == 0 ? wait_ms : 0);
}

void world_settle(struct world *w) {
  for (int quiet = 0; quiet < 3;) {
    int ran = 0;
    hub_flush(w->hub);
    hub_wait_for_jobs(w->hub); /* pages that are being read */
    for (int i = 0; i < WORKERS; i++)
      ran += fake_loop_run(w->loops[i], 3);
    quiet = ran > 0 ? 0 : quiet + 1;
  }
}

void world_free(struct world *w) {
  world_settle(w);
  for (int i = 0; i < WORKERS; i++)
    assert_int_equal(session_count(&w->settings, w->loops[i]), 0);
  assert_int_equal(w->metrics.watchers, 0);
  hub_free(w->hub);
  session_registry_free(w->settings.registry);
  quota_free(w->quota);
  cws_keys_free(w->keys);
  for (int i = 0; i < WORKERS; i++)
    fake_loop_free(w->loops[i]);
  free(w);
}

void world_jump(struct world *w, int64_t ms) {
  w->mono_ms += ms;
  w->wall_ms += ms;
  for (int i = 0; i < WORKERS; i++)
    fake_loop_advance(w->loops[i], w->mono_ms);
}

void world_advance(struct world *w, int64_t ms) {
  for (int64_t end = w->mono_ms + ms; w->mono_ms < end;)
    world_jump(w, end - w->mono_ms < TIMER_TICK_MS ? end - w->mono_ms : TIMER_TICK_MS);
}

char *world_token(struct world *w, const char *sub, const char *const *subscribe,
                  const char *const *publish, int64_t ttl_s) {
  struct cws_sign_options sign = {
      .size = sizeof(sign),
      .now_s = w->wall_ms / 1000,
      .ttl_s = ttl_s,
      .sub = sub,
      .with_rights = subscribe != NULL || publish != NULL,
      .subscribe = subscribe,
      .publish = publish,
  };
  char *token;
  assert_int_equal(cws_token_sign(w->keys, &sign, &token, NULL), 0);
  return token;
}

struct grants *world_grants(struct world *w, const char *sub, const char *const *subscribe,
                            const char *const *publish, int64_t ttl_s) {
  struct cws_verify_options verify = {.size = sizeof(verify), .now_s = w->wall_ms / 1000};
  struct cws_claims_owned *claims;
  char *token = world_token(w, sub, subscribe, publish, ttl_s);
  assert_int_equal(cws_token_verify(w->keys, token, strlen(token), &verify, &claims, NULL), 0);
  struct grants *g = grants_new(claims, token);
  assert_non_null(g);
  free(token);
  return g;
}

/* ---- streams ---- */

struct opening {
  bool is_done;
  int code;
  struct stream *stream;
  int64_t acked;
};

static void on_open(struct hub_open *open, int code, struct stream *s, int64_t acked) {
  struct opening *o = open->user;
  *o = (struct opening){.is_done = true, .code = code, .stream = s, .acked = acked};
}

struct stream *world_open(struct world *w, int worker, const char *request_id,
                          const char *subscriber, int64_t *acked) {
  struct opening opening = {0};
  struct hub_open open = {.done = on_open, .user = &opening};
  assert_int_equal(hub_open_stream(w->hub, worker, request_id, subscriber, &open), 0);
  WAIT_FOR(w, opening.is_done);
  assert_int_equal(opening.code, 0);
  if (acked != NULL)
    *acked = opening.acked;
  return opening.stream;
}

int64_t world_acked(struct world *w, const char *request_id, const char *subscriber) {
  int64_t acked;
  stream_unref(world_open(w, 0, request_id, subscriber, &acked));
  return acked;
}

/* ---- publishing ---- */

struct publishing {
  struct hub_publish publish;
  struct cws_event_owned *event;
  json_t *json;
  int *pending;
};

static void on_published(struct hub_publish *publish) {
  struct publishing *p = publish->user;
  assert_int_equal(publish->code, 0);
  --*p->pending;
  free(p);
}

void world_publish_begin(struct world *w, struct stream *s, int64_t n, size_t pad,
                         const char *owner, int *pending) {
  struct publishing *p = calloc(1, sizeof(*p));
  char *text = calloc(1, pad + 64);
  char *padding = calloc(1, pad + 1);
  memset(padding, 'x', pad);
  int len = snprintf(text, pad + 64, "{\"type\":\"t\",\"data\":{\"n\":%lld,\"pad\":\"%s\"}}",
                     (long long)n, padding);
  assert_int_equal(event_parse(text, (size_t)len, 0, &p->event, &p->json, NULL), 0);
  free(padding);
  free(text);
  p->pending = pending;
  p->publish = (struct hub_publish){.done = on_published,
                                    .user = p,
                                    .events = &p->event,
                                    .data_json = &p->json,
                                    .count = 1,
                                    .owner = owner};
  ++*pending;
  assert_int_equal(hub_publish(w->hub, 0, s, &p->publish), 0);
}

void world_publish(struct world *w, const char *request_id, int n, size_t pad, const char *owner) {
  struct stream *s = world_open(w, 0, request_id, NULL, NULL);
  int pending = 0;
  for (int i = 1; i <= n; i++)
    world_publish_begin(w, s, i, pad, owner, &pending);
  WAIT_FOR(w, pending == 0);
  stream_unref(s);
}

static void on_deleted(struct hub_query *q) {
  assert_int_equal(q->code, 0);
  *(bool *)q->user = true;
}

void world_delete(struct world *w, const char *request_id) {
  bool is_done = false;
  struct hub_query q = {
      .done = on_deleted, .user = &is_done, .kind = HUB_DELETE, .request_id = request_id};
  buf_init(&q.json);
  assert_int_equal(hub_query(w->hub, 0, &q), 0);
  WAIT_FOR(w, is_done);
  buf_finish(&q.json);
}
