/*
 * Two loops on threads of their own, publishers on both, watchers that come and go, small tails:
 * whatever the order of things, each watcher has each event once, in order. (watcher.c fails on
 * anything else.)
 */
#include "lib/core/event.h"
#include "server/hub/hub_inside.h"
#include "tests/unit/hub/watcher.h"
#include <string.h>

enum {
  PUBLISHERS = 6, /* half on each worker */
  IN_FLIGHT = 4,
  EVENTS_EACH = 300,
  EVENTS = PUBLISHERS * EVENTS_EACH,
  WATCHERS = 12,
  RETURNS = 6, /* how often a watcher leaves and comes back before it stays */
};

static struct fixture f;
static struct stream *s;
static atomic_bool stop;
static atomic_int left; /* who is not done yet */
static pthread_mutex_t all_done_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_done = PTHREAD_COND_INITIALIZER;

static void one_is_done(void) {
  pthread_mutex_lock(&all_done_lock);
  if (atomic_fetch_sub(&left, 1) == 1)
    pthread_cond_signal(&all_done);
  pthread_mutex_unlock(&all_done_lock);
}

/* ---- publishers: on a worker's loop, some in flight, the next when one is answered ---- */

struct publisher {
  struct mail start;
  int worker, sent, answered;
  int64_t last_id;
  struct published slots[IN_FLIGHT];
};

static void publisher_send(struct publisher *p, struct published *slot);

static void on_published(struct hub_publish *publish) {
  struct publisher *p = publish->user;
  struct published *slot = (struct published *)publish; /* its first member */
  assert_int_equal(publish->code, 0);
  assert_true(publish->last_id > p->last_id); /* answered in the order of the calls */
  p->last_id = publish->last_id;
  p->answered++;
  if (p->sent < EVENTS_EACH)
    publisher_send(p, slot);
  else if (p->answered == EVENTS_EACH)
    one_is_done();
}

static void publisher_send(struct publisher *p, struct published *slot) {
  char data[64];
  published_init(slot);
  slot->publish.done = on_published;
  slot->publish.user = p;
  snprintf(data, sizeof data, "{\"cost\":1,\"n\":%d}", p->sent++);
  published_add(slot, "log", data, NULL, NULL);
  assert_int_equal(hub_publish(f.hub, p->worker, s, &slot->publish), 0);
}

static void publisher_start(struct mail *mail) {
  struct publisher *p = (struct publisher *)mail;
  for (int i = 0; i < IN_FLIGHT; i++)
    publisher_send(p, &p->slots[i]);
}

/* ---- watchers: each leaves and comes back, where it was, every so many events ---- */

struct guest {
  struct mail start;
  struct watcher w;
  struct hub_open open;
  int worker, returns;
  char name[20];
};

static void guest_leave(struct watcher *w);

static void on_open(struct hub_open *open, int code, struct stream *opened, int64_t acked) {
  struct guest *g = open->user;
  assert_int_equal(code, 0);
  assert_int_equal(acked, g->w.position);
  g->w = (struct watcher){.position = acked, .on_reached = guest_leave};
  g->w.wanted_id = g->returns < RETURNS ? EVENTS * (g->returns + 1) / (RETURNS + 2) : EVENTS;
  g->returns++;
  watcher_start(&g->w, &f, g->worker, opened, g->name);
  stream_unref(opened);
}

static void guest_come(struct mail *mail) {
  struct guest *g = (struct guest *)mail;
  g->open = (struct hub_open){.done = on_open, .user = g};
  assert_int_equal(hub_open_stream(f.hub, g->worker, "r", g->name, &g->open), 0);
}

static void guest_leave(struct watcher *w) {
  struct guest *g = (struct guest *)((char *)w - offsetof(struct guest, w));
  assert_int_equal(stream_ack(w->stream, w->epoch, g->name, w->position), w->position);
  watcher_stop(w);
  if (g->returns <= RETURNS)
    fixture_post(&f, g->worker, &g->start);
  else
    one_is_done();
}

/* ---- the loops ---- */

struct loop_thread {
  pthread_t thread;
  int worker;
  struct mail last; /* so that it sees `stop` */
};

static void do_nothing(struct mail *mail) {
  (void)mail;
}

static void *loop_main(void *arg) {
  fixture_run_worker(&f, ((struct loop_thread *)arg)->worker, &stop);
  return NULL;
}

static void loops_start(struct loop_thread loops[FIXTURE_WORKERS]) {
  for (int i = 0; i < FIXTURE_WORKERS; i++) {
    loops[i] = (struct loop_thread){.worker = i, .last.run = do_nothing};
    assert_int_equal(pthread_create(&loops[i].thread, NULL, loop_main, &loops[i]), 0);
  }
}

static void loops_stop(struct loop_thread loops[FIXTURE_WORKERS]) {
  atomic_store(&stop, true);
  for (int i = 0; i < FIXTURE_WORKERS; i++)
    fixture_post(&f, i, &loops[i].last);
  for (int i = 0; i < FIXTURE_WORKERS; i++)
    pthread_join(loops[i].thread, NULL);
}

static void wait_for_all(void) {
  pthread_mutex_lock(&all_done_lock);
  while (atomic_load(&left) > 0)
    pthread_cond_wait(&all_done, &all_done_lock);
  pthread_mutex_unlock(&all_done_lock);
}

static void begin(struct publisher *publishers, struct guest *guests) {
  for (int i = 0; i < WATCHERS; i++) {
    guests[i] = (struct guest){.start.run = guest_come, .worker = i % 2};
    snprintf(guests[i].name, sizeof guests[i].name, "guest-%d", i);
    fixture_post(&f, guests[i].worker, &guests[i].start);
  }
  for (int i = 0; i < PUBLISHERS; i++) {
    publishers[i] = (struct publisher){.start.run = publisher_start, .worker = i % 2};
    fixture_post(&f, publishers[i].worker, &publishers[i].start);
  }
}

static void check_end(void) {
  struct stream_info info;
  stream_info(s, &info);
  assert_int_equal(info.last_id, EVENTS);
  assert_int_equal(info.count, EVENTS);
  assert_int_equal(info.watchers, 0);
  assert_int_equal(summary_message_id(s->summary), EVENTS);
  struct buf b;
  buf_init(&b);
  summary_append_members(s->summary, &b);
  assert_non_null(strstr(b.data, "\"cost\":1800,"));
  buf_finish(&b);
}

static void play(size_t tail_events) {
  static struct publisher publishers[PUBLISHERS];
  static struct guest guests[WATCHERS];
  struct loop_thread loops[FIXTURE_WORKERS];
  fixture_init(&f);
  f.options.tail_events = tail_events;
  fixture_open(&f);
  s = open_stream(&f, 0, "r");
  atomic_store(&stop, false);
  atomic_store(&left, PUBLISHERS + WATCHERS);
  begin(publishers, guests);
  loops_start(loops);
  while (atomic_load(&left) > PUBLISHERS)
    upkeep_now(f.hub); /* summaries are saved, tails looked at, all the while */
  wait_for_all();
  loops_stop(loops);
  check_end();
  stream_unref(s);
  fixture_close(&f);
}

static void watchers_that_come_and_go_miss_nothing_with_a_small_tail(void **state) {
  (void)state;
  play(4);
}

static void watchers_that_come_and_go_miss_nothing_with_a_large_tail(void **state) {
  (void)state;
  play(1024);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(watchers_that_come_and_go_miss_nothing_with_a_small_tail),
      cmocka_unit_test(watchers_that_come_and_go_miss_nothing_with_a_large_tail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
