/* One address, two workers on threads of their own: every connection is accepted by one of them,
 * on its own thread. */
#include "tests/unit/support/rig.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/net/listener.h"
#include "tests/unit/support/far_end.h"

enum { WORKERS = 2, CALLS = 200 };

struct worker {
  struct mail mail; /* first; starts and stops accepting */
  struct loop *loop;
  pthread_t thread;
  struct site *site;
};

struct site {
  struct worker workers[WORKERS];
  struct listener *l;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int accepted[WORKERS], started;
  bool stops;
};

static bool on_accept(struct loop *loop, int fd, const struct listener *l, void *user) {
  struct site *s = user;
  (void)l;
  close(fd);
  pthread_mutex_lock(&s->lock);
  assert_true(pthread_equal(s->workers[loop_index(loop)].thread, pthread_self()));
  s->accepted[loop_index(loop)]++;
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->lock);
  return true;
}

static void on_mail(struct mail *mail) {
  struct worker *w = (struct worker *)mail;
  struct site *s = w->site;
  pthread_mutex_lock(&s->lock);
  if (s->stops) {
    listener_stop(s->l, w->loop);
    loop_stop(w->loop);
  } else {
    assert_int_equal(listener_start(s->l, w->loop, on_accept, s), 0);
    s->started++;
    pthread_cond_signal(&s->changed);
  }
  pthread_mutex_unlock(&s->lock);
}

static void *run(void *loop) {
  loop_run(loop);
  return NULL;
}

static void wait_for(struct site *s, const int *a, const int *b, int sum) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += RIG_DEADLINE_MS / 1000;
  while (*a + *b < sum)
    assert_int_equal(pthread_cond_timedwait(&s->changed, &s->lock, &until), 0);
}

static void tell_all(struct site *s) {
  for (int i = 0; i < WORKERS; i++) {
    s->workers[i].mail.run = on_mail;
    loop_post(s->workers[i].loop, &s->workers[i].mail);
  }
}

static void start(struct site *s, const char *text) {
  struct listener_address address;
  static const int nothing;
  memset(s, 0, sizeof *s);
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->changed, NULL);
  assert_int_equal(listener_address_parse(text, &address, NULL), 0);
  assert_int_equal(listener_open(&address, WORKERS, &s->l, NULL), 0);
  for (int i = 0; i < WORKERS; i++) {
    s->workers[i].site = s;
    const struct loop_options options = {.index = i};
    assert_int_equal(loop_new(&options, &s->workers[i].loop, NULL), 0);
  }
  pthread_mutex_lock(&s->lock);
  for (int i = 0; i < WORKERS; i++)
    pthread_create(&s->workers[i].thread, NULL, run, s->workers[i].loop);
  tell_all(s);
  wait_for(s, &s->started, &nothing, WORKERS);
  pthread_mutex_unlock(&s->lock);
}

static void stop(struct site *s) {
  pthread_mutex_lock(&s->lock);
  s->stops = true;
  pthread_mutex_unlock(&s->lock);
  tell_all(s);
  for (int i = 0; i < WORKERS; i++) {
    pthread_join(s->workers[i].thread, NULL);
    loop_free(s->workers[i].loop);
  }
  listener_free(s->l);
  pthread_cond_destroy(&s->changed);
  pthread_mutex_destroy(&s->lock);
}

/* Calls one after another; returns once all were accepted. */
static void call_many(struct site *s, const struct sockaddr *address, socklen_t len) {
  for (int i = 0; i < CALLS; i++) {
    struct far_end far;
    assert_int_equal(far_connect(&far, address, len), 0);
    far_free(&far);
  }
  pthread_mutex_lock(&s->lock);
  wait_for(s, &s->accepted[0], &s->accepted[1], CALLS);
  pthread_mutex_unlock(&s->lock);
  assert_int_equal(s->accepted[0] + s->accepted[1], CALLS);
}

static void both_workers_share_a_tcp_port(void **state) {
  (void)state;
  struct site s;
  start(&s, "127.0.0.1:0");
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons((in_port_t)atoi(strrchr(listener_bound(s.l), ':') + 1)),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  call_many(&s, (struct sockaddr *)&a, sizeof a);
  assert_true(s.accepted[0] > 0); /* the kernel spreads them by a hash of the address */
  assert_true(s.accepted[1] > 0);
  stop(&s);
}

static void both_workers_accept_from_one_unix_socket(void **state) {
  (void)state;
  struct site s;
  char text[96];
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(text, sizeof text, "unix:/tmp/cws-workers-%d.sock", (int)getpid());
  strcpy(a.sun_path, text + strlen("unix:"));
  start(&s, text);
  call_many(&s, (struct sockaddr *)&a, sizeof a);
  stop(&s);
  assert_int_not_equal(access(a.sun_path, F_OK), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_workers_share_a_tcp_port),
      cmocka_unit_test(both_workers_accept_from_one_unix_socket),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
