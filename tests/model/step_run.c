/* step_run: carries a step out on the hub and on the model, and holds one against the other. */
#include "server/hub/hub_inside.h"
#include "tests/model/step.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void name_of(int request, char out[16]) {
  snprintf(out, 16, "r%d", request);
}

static void subscriber_of(int who, char out[16]) {
  snprintf(out, 16, "s%d", who % MODEL_SUBSCRIBERS);
}

static struct model_request *of(struct rig *rig, int request) {
  return &rig->model->requests[request];
}

static struct stream *open_it(struct rig *rig, int request) {
  char name[16];
  name_of(request, name);
  return open_stream(&rig->f, 0, name);
}

/* ---- publishing ---- */

void step_publish_begin(struct rig *rig, const struct model_batch *b, struct stream *s,
                        struct published *p) {
  char key[16];
  published_init(p);
  for (int i = 0; i < b->count; i++) {
    char data[64], id[32];
    snprintf(data, sizeof data, "{\"n\":%d,\"cost\":1}", b->events[i].data);
    snprintf(id, sizeof id, "e%d", b->events[i].id);
    bool has_id = b->key == 0 && b->events[i].id != 0;
    published_add(p, "execution_progress", data, has_id ? id : NULL, NULL);
  }
  if (b->key != 0) {
    snprintf(key, sizeof key, "k%d", b->key);
    p->publish.idempotency_key = key;
  }
  publish_begin(&rig->f, 0, s, p);
}

/* A request that begins has the epoch that was told of it before, and never an old one. */
static void take_epoch(struct rig *rig, int request, const char *told, struct stream *s) {
  struct stream_info info;
  struct model_request *r = of(rig, request);
  stream_info(s, &info);
  if (r->epoch[0] == '\0' && r->exists) {
    if (told != NULL)
      assert_string_equal(info.epoch, told);
    assert_false(model_epoch_is_old(rig->model, request, info.epoch));
    memcpy(r->epoch, info.epoch, sizeof r->epoch);
  }
  if (r->exists)
    assert_string_equal(info.epoch, r->epoch);
}

static void publish(struct rig *rig, const struct step *step) {
  struct model_batch b;
  struct published p;
  struct stream_info before;
  step_batch(step, &b);
  if (of(rig, b.request)->last + b.count > MODEL_EVENTS)
    return;
  struct stream *s = open_it(rig, b.request);
  stream_info(s, &before);
  step_publish_begin(rig, &b, s, &p);
  fixture_pump_until(&rig->f, 0, &p.is_done);
  struct model_answer wanted = model_publish(rig->model, &b);
  assert_int_equal(p.publish.code, wanted.code);
  if (wanted.code == 0) {
    assert_int_equal(p.publish.stored, wanted.stored);
    assert_int_equal(p.publish.first_id, wanted.first_id);
    assert_int_equal(p.publish.last_id, wanted.last_id);
    assert_int_equal(p.publish.duplicate, wanted.stored == 0);
  }
  take_epoch(rig, b.request, before.epoch, s);
  stream_unref(s);
}

/* ---- watching ---- */

static void unwatch(struct rig *rig, int who) {
  struct watcher *w = &rig->watchers[who];
  while (w->is_reading)
    fixture_pump_one(&rig->f, w->worker);
  watcher_stop(w);
  memset(w, 0, sizeof *w);
}

static void watch(struct rig *rig, const struct step *step) {
  struct watcher *w = &rig->watchers[step->who];
  unwatch(rig, step->who);
  struct stream *s = open_it(rig, step->request);
  w->position = step->count > 2 ? of(rig, step->request)->acked[step->who % MODEL_SUBSCRIBERS] : 0;
  watcher_start(w, &rig->f, step->who % FIXTURE_WORKERS, s, NULL);
  stream_unref(s);
}

static void check_watcher(struct rig *rig, struct watcher *w) {
  const struct model_request *r = of(rig, stream_request_id(w->stream)[1] - '0');
  while (w->is_reading)
    fixture_pump_one(&rig->f, w->worker);
  if (!w->is_deleted)
    assert_int_equal(w->position, r->last);
}

static void settle(struct rig *rig) {
  fixture_settle(&rig->f);
  model_flushed(rig->model);
  for (int i = 0; i < STEP_WATCHERS; i++) {
    if (rig->watchers[i].is_attached)
      check_watcher(rig, &rig->watchers[i]);
  }
}

/* ---- reading ---- */

static void check_event(const struct model_request *r, const json_t *event, int64_t id) {
  assert_int_equal(json_integer_value(json_object_get(event, "message_id")), id);
  const json_t *n = json_object_get(json_object_get(event, "data"), "n");
  assert_int_equal(json_integer_value(n), r->events[id - 1].data);
}

static void check_read(const struct rig *rig, const struct model_request *r, struct asked *a) {
  json_t *json = asked_json(a);
  int64_t id = a->query.after > r->base ? a->query.after : r->base;
  size_t i;
  json_t *event;
  (void)rig;
  json_array_foreach(json, i, event) check_event(r, event, ++id);
  if (id < r->last)
    assert_int_equal(json_array_size(json), a->query.limit);
  assert_int_equal(a->query.next_after, id < r->last ? id : 0);
  json_decref(json);
}

static void read_events(struct rig *rig, const struct step *step) {
  char name[16];
  name_of(step->request, name);
  const struct model_request *r = of(rig, step->request);
  struct asked a = {.query = {.kind = HUB_EVENTS,
                              .request_id = name,
                              .after = step->n % (r->last + 2),
                              .limit = step->count}};
  bool is_watched = false;
  for (int i = 0; i < STEP_WATCHERS; i++)
    is_watched = is_watched || (rig->watchers[i].is_attached &&
                                strcmp(stream_request_id(rig->watchers[i].stream), name) == 0);
  ask(&rig->f, &a);
  if (r->exists)
    check_read(rig, r, &a);
  else if (!is_watched)
    assert_int_equal(a.query.code, CWS_EUNKNOWNREQUEST);
  asked_finish(&a);
}

static void check_request(struct rig *rig, const struct model_request *r, const char *name) {
  struct asked a = {.query = {.kind = HUB_GET_REQUEST, .request_id = name}};
  const char *epoch;
  json_int_t first, last, count;
  double cost;
  ask(&rig->f, &a);
  json_t *json = asked_json(&a);
  assert_int_equal(json_unpack(json, "{s:s,s:I,s:I,s:I,s:F}", "epoch", &epoch, "first_message_id",
                               &first, "last_message_id", &last, "count", &count, "cost", &cost),
                   0);
  assert_string_equal(epoch, r->epoch);
  assert_int_equal(first, r->base + 1);
  assert_int_equal(last, r->last);
  assert_int_equal(count, r->last - r->base);
  if (rig->model->max_events == 0) /* after a crash, what was trimmed may be missing in it */
    assert_int_equal((int64_t)cost, r->last);
  json_decref(json);
  asked_finish(&a);
}

static void info(struct rig *rig, const struct step *step) {
  char name[16];
  struct stream_info in_memory;
  const struct model_request *r = of(rig, step->request);
  name_of(step->request, name);
  if (rig->model->max_events > 0)
    settle(rig); /* a trim is told a moment after the publish was answered */
  struct stream *s = open_it(rig, step->request);
  stream_info(s, &in_memory);
  assert_int_equal(in_memory.first_id, r->base + 1);
  assert_int_equal(in_memory.last_id, r->last);
  assert_int_equal(in_memory.count, r->last - r->base);
  take_epoch(rig, step->request, NULL, s);
  stream_unref(s);
  if (r->exists)
    check_request(rig, r, name);
}

static void list(struct rig *rig) {
  struct asked a = {.query = {.kind = HUB_LIST, .limit = 1000}};
  size_t i, known = 0;
  json_t *item;
  ask(&rig->f, &a);
  json_t *json = asked_json(&a), *requests = json_object_get(json, "requests");
  json_array_foreach(requests, i, item) {
    const char *name = json_string_value(json_object_get(item, "request_id"));
    const struct model_request *r = of(rig, name[1] - '0');
    json_int_t count = json_integer_value(json_object_get(item, "count"));
    if (count == 0 && !r->exists)
      continue; /* watched, not begun */
    assert_true(r->exists);
    assert_int_equal(count, r->last - r->base);
    known++;
  }
  for (int k = 0; k < MODEL_REQUESTS; k++)
    known -= of(rig, k)->exists;
  assert_int_equal(known, 0);
  json_decref(json);
  asked_finish(&a);
}

/* ---- positions ---- */

static void ack(struct rig *rig, const struct step *step) {
  char subscriber[16];
  struct model_request *r = of(rig, step->request);
  subscriber_of(step->who, subscriber);
  struct opened o;
  char name[16];
  name_of(step->request, name);
  open_begin(&rig->f, 0, name, subscriber, &o);
  fixture_pump_until(&rig->f, 0, &o.is_done);
  int64_t id = step->n % (r->last + 3); /* sometimes beyond the last */
  bool is_of_the_past = step->count == 3 && r->old_count > 0;
  const char *epoch = is_of_the_past ? r->old_epochs[0] : r->epoch;
  int64_t stands = stream_ack(o.stream, epoch, subscriber, id);
  assert_int_equal(stands, model_ack(rig->model, step->request, step->who % MODEL_SUBSCRIBERS,
                                     is_of_the_past ? 0 : id));
  stream_unref(o.stream);
}

/* After a crash it may be older, but not older than what was durable. */
static void check_position(struct rig *rig, int request, int subscriber, bool is_after_crash) {
  char name[16], who[16];
  struct opened o;
  struct model_request *r = of(rig, request);
  name_of(request, name);
  subscriber_of(subscriber, who);
  open_begin(&rig->f, 0, name, who, &o);
  fixture_pump_until(&rig->f, 0, &o.is_done);
  assert_int_equal(o.code, 0);
  if (is_after_crash) {
    assert_in_range(o.acked, r->saved[subscriber], r->acked[subscriber]);
    r->acked[subscriber] = r->saved[subscriber] = o.acked;
  }
  assert_int_equal(o.acked, r->acked[subscriber]);
  stream_unref(o.stream);
}

/* ---- ends ---- */

static void close_hub(struct rig *rig) {
  for (int i = 0; i < STEP_WATCHERS; i++)
    unwatch(rig, i);
  fixture_settle(&rig->f);
  fixture_close(&rig->f);
}

static void reopen(struct rig *rig) {
  struct hub_options options = rig->f.options;
  close_hub(rig);
  if (rig->is_durable)
    model_flushed(rig->model);
  else
    model_forget_all(rig->model);
  fixture_init(&rig->f);
  options.clock = rig->f.options.clock;
  rig->f.options = options;
  rig->f.wall_ms = rig->model->wall_ms;
  fixture_open(&rig->f);
}

static void crash(struct rig *rig, const struct step *step) {
  if (!rig->is_durable)
    return;
  if (step->kind == STEP_CRASH_PUBLISH) {
    struct model_batch b;
    struct published p;
    const struct timespec a_moment = {.tv_nsec = step->n * 20000}; /* where in the commit */
    step_batch(step, &b);
    if (of(rig, b.request)->last + b.count <= MODEL_EVENTS) {
      step_publish_begin(rig, &b, open_it(rig, b.request), &p);
      nanosleep(&a_moment, NULL);
    }
  }
  kill(getpid(), SIGKILL);
}

void step_settle_crash(struct rig *rig, const struct model_batch *b) {
  for (int i = 0; i < MODEL_REQUESTS; i++) {
    struct stream_info now;
    struct stream *s = open_it(rig, i);
    stream_info(s, &now);
    bool has_more = now.last_id != of(rig, i)->last;
    if (has_more) { /* all of the batch that was on its way, or nothing */
      assert_true(b != NULL && b->request == i);
      assert_int_equal(model_publish(rig->model, b).code, 0);
    }
    assert_int_equal(now.last_id, of(rig, i)->last);
    take_epoch(rig, i, NULL, s);
    stream_unref(s);
    for (int k = 0; k < MODEL_SUBSCRIBERS; k++)
      check_position(rig, i, k, true);
  }
}

static void sweep(struct rig *rig, const struct step *step) {
  fixture_settle(&rig->f);
  model_flushed(rig->model);
  int64_t ms = rig->model->retention_ms * step->n / 40;
  rig->model->wall_ms += ms;
  fixture_advance(&rig->f, ms);
  assert_int_equal(store_sweep(hub_store(rig->f.hub)), 0);
  model_sweep(rig->model);
  settle(rig);
}

static void delete_it(struct rig *rig, const struct step *step) {
  char name[16];
  name_of(step->request, name);
  int code = delete_request(&rig->f, name);
  assert_int_equal(code, model_delete(rig->model, step->request) ? 0 : CWS_EUNKNOWNREQUEST);
}

void step_run(struct rig *rig, const struct step *s) {
  switch (s->kind) {
  case STEP_PUBLISH:
  case STEP_PUBLISH_IDS:
  case STEP_PUBLISH_OTHER:
  case STEP_PUBLISH_KEY:
    publish(rig, s);
    return;
  case STEP_READ:
    read_events(rig, s);
    return;
  case STEP_INFO:
    info(rig, s);
    return;
  case STEP_WATCH:
    watch(rig, s);
    return;
  case STEP_UNWATCH:
    unwatch(rig, s->who);
    return;
  case STEP_ACK:
    ack(rig, s);
    return;
  case STEP_POSITION:
    check_position(rig, s->request, s->who % MODEL_SUBSCRIBERS, false);
    return;
  case STEP_SETTLE:
    settle(rig);
    return;
  case STEP_DELETE:
    delete_it(rig, s);
    return;
  case STEP_SWEEP:
    sweep(rig, s);
    return;
  case STEP_LIST:
    list(rig);
    return;
  case STEP_EVICT:
    fixture_evict(&rig->f);
    return;
  case STEP_SAVE:
    upkeep_now(rig->f.hub);
    return;
  case STEP_REOPEN:
    reopen(rig);
    return;
  case STEP_CRASH:
  case STEP_CRASH_PUBLISH:
    crash(rig, s);
    return;
  case STEP_KINDS:
    return;
  }
}
