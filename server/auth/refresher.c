/* refresher: see refresher.h. */
#include "server/auth/refresher.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct refresher {
  pthread_mutex_t mutex;
  pthread_cond_t changed; /* on the monotonic clock */
  bool is_woken, is_ending;
  int64_t interval_ms;
  refresher_fn *run;
  void *user;
  pthread_t thread;
};

static struct timespec deadline_in(int64_t ms) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_sec += (time_t)(ms / 1000);
  t.tv_nsec += (long)(ms % 1000) * 1000000;
  if (t.tv_nsec >= 1000000000) {
    t.tv_sec++;
    t.tv_nsec -= 1000000000;
  }
  return t;
}

/* Until the interval is over or someone calls. Whether to go on. */
static bool wait_for_work(struct refresher *r) {
  struct timespec deadline = deadline_in(r->interval_ms);
  int result = 0;
  pthread_mutex_lock(&r->mutex);
  while (result == 0 && !r->is_woken && !r->is_ending)
    result = pthread_cond_timedwait(&r->changed, &r->mutex, &deadline);
  r->is_woken = false;
  bool goes_on = !r->is_ending;
  pthread_mutex_unlock(&r->mutex);
  return goes_on;
}

static void *thread_main(void *arg) {
  struct refresher *r = arg;
  while (wait_for_work(r))
    r->run(r->user);
  return NULL;
}

static int init_condition(pthread_cond_t *condition) {
  pthread_condattr_t attr;
  if (pthread_condattr_init(&attr) != 0)
    return -1;
  int result = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  if (result == 0)
    result = pthread_cond_init(condition, &attr);
  pthread_condattr_destroy(&attr);
  return result;
}

/* Signals are the embedder's: none is handled on this thread. */
static int start_thread(struct refresher *r) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int result = pthread_create(&r->thread, NULL, thread_main, r);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return result;
}

struct refresher *refresher_new(int64_t interval_ms, refresher_fn *run, void *user) {
  struct refresher *r = calloc(1, sizeof *r);
  if (r == NULL)
    return NULL;
  r->interval_ms = interval_ms;
  r->run = run;
  r->user = user;
  if (pthread_mutex_init(&r->mutex, NULL) != 0)
    goto no_mutex;
  if (init_condition(&r->changed) != 0)
    goto no_condition;
  if (start_thread(r) != 0)
    goto no_thread;
  return r;

no_thread:
  pthread_cond_destroy(&r->changed);
no_condition:
  pthread_mutex_destroy(&r->mutex);
no_mutex:
  free(r);
  return NULL;
}

void refresher_wake(struct refresher *r) {
  pthread_mutex_lock(&r->mutex);
  r->is_woken = true;
  pthread_cond_signal(&r->changed);
  pthread_mutex_unlock(&r->mutex);
}

void refresher_free(struct refresher *r) {
  if (r == NULL)
    return;
  pthread_mutex_lock(&r->mutex);
  r->is_ending = true;
  pthread_cond_signal(&r->changed);
  pthread_mutex_unlock(&r->mutex);
  pthread_join(r->thread, NULL);
  pthread_cond_destroy(&r->changed);
  pthread_mutex_destroy(&r->mutex);
  free(r);
}
