#include "tests/unit/hub/fixture.h"

#include "lib/core/event.h"
#include "server/hub/hub_inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEADLINE_S = 20 };

/* ---- clock and mail ---- */

static int64_t fake_wall(void *user) {
  return atomic_load(&((struct fixture *)user)->wall_ms);
}
static int64_t fake_mono(void *user) {
  return atomic_load(&((struct fixture *)user)->mono_ms);
}

void fixture_post(struct fixture *f, int worker, struct mail *mail) {
  struct inbox *in = &f->inboxes[worker];
  pthread_mutex_lock(&f->lock);
  mail->next = NULL;
  *in->end = mail;
  in->end = &mail->next;
  pthread_cond_broadcast(&f->arrived);
  pthread_mutex_unlock(&f->lock);
}

static void post(int worker, struct mail *mail, void *user) {
  fixture_post(user, worker, mail);
}

static struct mail *take(struct fixture *f, int worker) {
  struct inbox *in = &f->inboxes[worker];
  pthread_mutex_lock(&f->lock);
  struct mail *mail = in->first;
  if (mail) {
    in->first = mail->next;
    if (!in->first)
      in->end = &in->first;
  }
  pthread_mutex_unlock(&f->lock);
  return mail;
}

enum { ANY_WORKER = -1 };

static bool has_mail(const struct fixture *f, int worker) {
  for (int i = 0; worker == ANY_WORKER && i < FIXTURE_WORKERS; i++) {
    if (f->inboxes[i].first)
      return true;
  }
  return worker != ANY_WORKER && f->inboxes[worker].first;
}

static void wait_for_mail(struct fixture *f, int worker) {
  struct timespec until;
  int code = 0;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += DEADLINE_S;
  pthread_mutex_lock(&f->lock);
  while (!has_mail(f, worker) && code == 0)
    code = pthread_cond_timedwait(&f->arrived, &f->lock, &until);
  pthread_mutex_unlock(&f->lock);
  assert_int_equal(code, 0); /* else: the mail that the test waits for never came */
}

void fixture_init(struct fixture *f) {
  memset(f, 0, sizeof *f);
  atomic_init(&f->wall_ms, FIXTURE_START_MS);
  atomic_init(&f->mono_ms, 1000);
  f->clock = (struct clock){.wall_ms = fake_wall, .mono_ms = fake_mono, .user = f};
  pthread_mutex_init(&f->lock, NULL);
  pthread_cond_init(&f->arrived, NULL);
  for (int i = 0; i < FIXTURE_WORKERS; i++)
    f->inboxes[i].end = &f->inboxes[i].first;
  f->options = (struct hub_options){.store_uri = "memory:",
                                    .workers = FIXTURE_WORKERS,
                                    .post = post,
                                    .user = f,
                                    .clock = &f->clock};
}

void fixture_open(struct fixture *f) {
  struct cws_error err = {0};
  int code = hub_new(&f->options, &f->hub, &err);
  if (code)
    fail_msg("hub_new: %s", err.message);
}

void fixture_close(struct fixture *f) {
  hub_free(f->hub);
  pthread_cond_destroy(&f->arrived);
  pthread_mutex_destroy(&f->lock);
}

void fixture_advance(struct fixture *f, int64_t ms) {
  atomic_fetch_add(&f->wall_ms, ms);
  atomic_fetch_add(&f->mono_ms, ms);
}

size_t fixture_pump(struct fixture *f, int worker) {
  size_t n = 0;
  for (struct mail *mail; (mail = take(f, worker)); n++)
    mail->run(mail);
  return n;
}

void fixture_pump_one(struct fixture *f, int worker) {
  wait_for_mail(f, worker);
  struct mail *mail = take(f, worker);
  mail->run(mail);
}

size_t fixture_mail_count(struct fixture *f, int worker) {
  size_t n = 0;
  pthread_mutex_lock(&f->lock);
  for (struct mail *mail = f->inboxes[worker].first; mail; mail = mail->next)
    n++;
  pthread_mutex_unlock(&f->lock);
  return n;
}

void fixture_pump_until(struct fixture *f, int worker, const bool *flag) {
  while (!*flag)
    fixture_pump_one(f, worker);
}

void fixture_pump_all_until(struct fixture *f, const bool *flag) {
  while (!*flag) {
    wait_for_mail(f, ANY_WORKER);
    for (int i = 0; i < FIXTURE_WORKERS; i++)
      fixture_pump(f, i);
  }
}

void fixture_run_worker(struct fixture *f, int worker, const atomic_bool *stop) {
  while (!atomic_load(stop))
    fixture_pump_one(f, worker);
}

void fixture_settle(struct fixture *f) {
  assert_int_equal(store_flush(hub_store(f->hub)), 0);
  for (int i = 0; i < FIXTURE_WORKERS; i++)
    fixture_pump(f, i);
}

void fixture_evict(struct fixture *f) {
  enum { LONGER_THAN_ANY_LINGER_MS = 1000000 };
  assert_int_equal(store_flush(hub_store(f->hub)), 0);
  hub_wait_for_jobs(f->hub);
  atomic_fetch_add(&f->mono_ms, LONGER_THAN_ANY_LINGER_MS);
  upkeep_now(f->hub);
}

/* ---- open ---- */

static void on_open(struct hub_open *open, int code, struct stream *s, int64_t acked) {
  struct opened *o = open->user;
  o->is_done = true;
  o->code = code;
  o->stream = s;
  o->acked = acked;
}

void open_begin(struct fixture *f, int worker, const char *request_id, const char *subscriber,
                struct opened *o) {
  *o = (struct opened){.open.done = on_open, .open.user = o};
  assert_int_equal(hub_open_stream(f->hub, worker, request_id, subscriber, &o->open), 0);
}

struct stream *open_stream(struct fixture *f, int worker, const char *request_id) {
  struct opened o;
  open_begin(f, worker, request_id, NULL, &o);
  fixture_pump_until(f, worker, &o.is_done);
  assert_int_equal(o.code, 0);
  assert_non_null(o.stream);
  return o.stream;
}

/* ---- publish ---- */

static atomic_int answers;

static void on_published(struct hub_publish *publish) {
  struct published *p = publish->user;
  p->is_done = true;
  p->order = atomic_fetch_add(&answers, 1);
}

void published_init(struct published *p) {
  memset(p, 0, sizeof *p);
  p->publish.done = on_published;
  p->publish.user = p;
  p->publish.events = p->events;
  p->publish.data_json = p->data_json;
}

void published_add(struct published *p, const char *type, const char *data, const char *event_id,
                   const char *timestamp) {
  struct cws_error err = {0};
  struct cws_event parts = {.type = type,
                            .data = data,
                            .data_len = strlen(data),
                            .event_id = event_id,
                            .timestamp = timestamp};
  size_t i = p->publish.count++;
  assert_true(i < PUBLISH_MAX);
  if (event_new(&parts, &p->events[i], &err))
    fail_msg("event_new: %s", err.message);
  p->data_json[i] = event_json_load(data, strlen(data), &err);
  assert_non_null(p->data_json[i]);
}

void publish_begin(struct fixture *f, int worker, struct stream *s, struct published *p) {
  assert_int_equal(hub_publish(f->hub, worker, s, &p->publish), 0);
}

void publish_wait(struct fixture *f, int worker, struct stream *s, struct published *p) {
  publish_begin(f, worker, s, p);
  fixture_pump_until(f, worker, &p->is_done);
}

int64_t publish_one(struct fixture *f, struct stream *s, const char *type, const char *data) {
  struct published p;
  published_init(&p);
  published_add(&p, type, data, NULL, NULL);
  publish_wait(f, 0, s, &p);
  assert_int_equal(p.publish.code, 0);
  return p.publish.last_id;
}

void publish_many(struct fixture *f, struct stream *s, int count) {
  for (int i = 1; i <= count; i++) {
    char data[32];
    snprintf(data, sizeof data, "{\"n\":%d}", i);
    publish_one(f, s, "log", data);
  }
}

/* ---- queries ---- */

static void on_answer(struct hub_query *query) {
  ((struct asked *)query->user)->is_done = true;
}

void ask(struct fixture *f, struct asked *a) {
  a->is_done = false;
  a->query.done = on_answer;
  a->query.user = a;
  assert_int_equal(hub_query(f->hub, 0, &a->query), 0);
  fixture_pump_all_until(f, &a->is_done);
}

void asked_finish(struct asked *a) {
  buf_finish(&a->query.json);
  free(a->query.next_cursor);
}

json_t *asked_json(const struct asked *a) {
  json_error_t err;
  if (a->query.code)
    fail_msg("query: %s", a->query.error.message);
  json_t *json = json_loads(a->query.json.data, 0, &err);
  if (!json)
    fail_msg("%s in %s", err.text, a->query.json.data);
  return json;
}

int delete_request(struct fixture *f, const char *request_id) {
  struct asked a = {.query = {.kind = HUB_DELETE, .request_id = request_id}};
  ask(f, &a);
  int code = a.query.code;
  asked_finish(&a);
  return code;
}
