/* refresher: when its one thing is done, and that nothing is done any more once it is freed. */
#include "tests/unit/auth/support.h"

#include "server/auth/refresher.h"
#include <semaphore.h>
#include <signal.h>
#include <time.h>

enum { HOUR_MS = 3600000 };

/* What `run` did. The mutex is of everything but the gate. */
struct record {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int begun, ended;
  bool blocks_signals;
  sem_t *gate; /* each run passes it once; NULL: none */
};

static void record_init(struct record *r, sem_t *gate) {
  *r = (struct record){.gate = gate};
  pthread_mutex_init(&r->mutex, NULL);
  pthread_cond_init(&r->changed, NULL);
}

static void count_one(struct record *r, int *counter) {
  pthread_mutex_lock(&r->mutex);
  ++*counter;
  pthread_cond_broadcast(&r->changed);
  pthread_mutex_unlock(&r->mutex);
}

static void run(void *user) {
  struct record *r = user;
  sigset_t blocked;
  count_one(r, &r->begun);
  if (r->gate != NULL)
    sem_wait(r->gate);
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  r->blocks_signals = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGHUP);
  count_one(r, &r->ended);
}

static void wait_until(struct record *r, const int *counter, int n) {
  struct timespec deadline;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += DEADLINE_MS / 1000;
  pthread_mutex_lock(&r->mutex);
  while (*counter < n) {
    if (pthread_cond_timedwait(&r->changed, &r->mutex, &deadline) != 0)
      fail_msg("%d runs within %d ms instead of %d", *counter, DEADLINE_MS, n);
  }
  pthread_mutex_unlock(&r->mutex);
}

static void it_runs_when_woken(void **state) {
  (void)state;
  struct record r;
  record_init(&r, NULL);
  struct refresher *refresher = refresher_new(HOUR_MS, run, &r);
  refresher_wake(refresher);
  wait_until(&r, &r.ended, 1);
  refresher_wake(refresher);
  wait_until(&r, &r.ended, 2);
  refresher_free(refresher);
  assert_int_equal(r.ended, 2);
}

static void it_runs_every_interval(void **state) {
  (void)state;
  struct record r;
  record_init(&r, NULL);
  struct refresher *refresher = refresher_new(1, run, &r);
  wait_until(&r, &r.ended, 3);
  refresher_free(refresher);
}

static void it_does_nothing_before_its_time(void **state) {
  (void)state;
  struct record r;
  record_init(&r, NULL);
  struct refresher *refresher = refresher_new(HOUR_MS, run, &r);
  refresher_free(refresher);
  assert_int_equal(r.begun, 0);
  refresher_free(NULL);
}

static void woken_while_it_runs_it_runs_once_more(void **state) {
  (void)state;
  struct record r;
  sem_t gate;
  sem_init(&gate, 0, 0);
  record_init(&r, &gate);
  struct refresher *refresher = refresher_new(HOUR_MS, run, &r);
  refresher_wake(refresher);
  wait_until(&r, &r.begun, 1);
  for (int i = 0; i < 5; i++)
    refresher_wake(refresher); /* none waits for the run */
  sem_post(&gate);
  wait_until(&r, &r.begun, 2);
  sem_post(&gate);
  wait_until(&r, &r.ended, 2);
  refresher_free(refresher);
  assert_int_equal(r.begun, 2);
  sem_destroy(&gate);
}

static void freeing_waits_for_the_run_under_way(void **state) {
  (void)state;
  struct record r;
  sem_t gate;
  sem_init(&gate, 0, 0);
  record_init(&r, &gate);
  struct refresher *refresher = refresher_new(HOUR_MS, run, &r);
  refresher_wake(refresher);
  wait_until(&r, &r.begun, 1);
  sem_post(&gate);
  refresher_free(refresher);
  assert_int_equal(r.ended, 1);
  sem_destroy(&gate);
}

static void its_thread_takes_no_signals_and_its_maker_keeps_its_own(void **state) {
  (void)state;
  struct record r;
  sigset_t before, after;
  record_init(&r, NULL);
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  struct refresher *refresher = refresher_new(HOUR_MS, run, &r);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  refresher_wake(refresher);
  wait_until(&r, &r.ended, 1);
  refresher_free(refresher);
  assert_true(r.blocks_signals);
  assert_false(sigismember(&after, SIGTERM));
  for (int signal = 1; signal <= SIGRTMAX; signal++)
    assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_runs_when_woken),
      cmocka_unit_test(it_runs_every_interval),
      cmocka_unit_test(it_does_nothing_before_its_time),
      cmocka_unit_test(woken_while_it_runs_it_runs_once_more),
      cmocka_unit_test(freeing_waits_for_the_run_under_way),
      cmocka_unit_test(its_thread_takes_no_signals_and_its_maker_keeps_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
