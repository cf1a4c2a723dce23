/* A loop's life, its timers on real time, and being stopped from another thread. */
#include "tests/unit/support/rig.h"

#include <councilws/server.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/certs.h"

static void *run(void *loop) {
  loop_run(loop);
  return NULL;
}

struct stopper {
  struct mail mail; /* first */
  struct loop *loop;
  pthread_t ran_on;
};

static void on_mail(struct mail *mail) {
  struct stopper *s = (struct stopper *)mail;
  s->ran_on = pthread_self();
  loop_stop(s->loop);
}

static void loops_run_on_threads_of_their_own_until_they_are_stopped(void **state) {
  (void)state;
  struct loop *loops[3];
  struct stopper stoppers[3];
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) {
    const struct loop_options options = {.index = i};
    assert_int_equal(loop_new(&options, &loops[i], NULL), 0);
    assert_int_equal(loop_index(loops[i]), i);
  }
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, run, loops[i]);
  for (int i = 0; i < 3; i++) {
    stoppers[i] = (struct stopper){.mail.run = on_mail, .loop = loops[i]};
    loop_post(loops[i], &stoppers[i].mail);
  }
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], NULL);
    assert_true(pthread_equal(stoppers[i].ran_on, threads[i]));
    loop_free(loops[i]);
  }
}

static void any_thread_may_stop_a_loop(void **state) {
  (void)state;
  struct loop *loop;
  pthread_t thread;
  assert_int_equal(loop_new(&(struct loop_options){.index = 0}, &loop, NULL), 0);
  pthread_create(&thread, NULL, run, loop);
  loop_stop(loop);
  pthread_join(thread, NULL);
  loop_free(loop);
}

static void a_loop_that_never_ran_is_freed(void **state) {
  (void)state;
  struct loop *loop;
  assert_int_equal(loop_new(&(struct loop_options){.index = 0}, &loop, NULL), 0);
  loop_free(loop);
  loop_free(NULL);
}

static void on_posted(struct mail *mail) {
  (*(int *)((struct stopper *)mail)->loop)++;
}

/* What was posted and not run would be lost memory to its poster. */
static void mail_that_is_left_is_run_by_loop_free(void **state) {
  (void)state;
  struct loop *loop;
  int runs = 0;
  struct stopper s = {.mail.run = on_posted, .loop = (struct loop *)(void *)&runs};
  assert_int_equal(loop_new(&(struct loop_options){.index = 0}, &loop, NULL), 0);
  loop_post(loop, &s.mail);
  loop_free(loop);
  assert_int_equal(runs, 1);
}

static int64_t fired_ms;

static void on_timer(struct timer *timer) {
  (void)timer;
  fired_ms = rig_now_ms();
}

static void timers_of_the_wheel_fire_as_the_loop_turns(void **state) {
  (void)state;
  struct rig rig;
  struct timer timer = {0};
  rig_open(&rig, NULL);
  fired_ms = 0;
  rig_turn(&rig);
  int64_t begun_ms = timer_wheel_now(loop_wheel(rig.loop));
  timer_arm(loop_wheel(rig.loop), &timer, 40, on_timer);
  WAIT_FOR(&rig, fired_ms != 0);
  assert_true(fired_ms - begun_ms >= 40);
  rig_close(&rig);
}

/* Nothing else happens on this loop: the wheel alone has to end its sleep. */
static void a_timer_wakes_a_loop_that_sleeps(void **state) {
  (void)state;
  struct loop *loop;
  struct timer timer = {0};
  assert_int_equal(loop_new(&(struct loop_options){.index = 0}, &loop, NULL), 0);
  fired_ms = 0;
  timer_arm(loop_wheel(loop), &timer, 30, on_timer);
  for (int turns = 0; fired_ms == 0 && turns < 1000; turns++)
    uv_run(loop_uv(loop), UV_RUN_ONCE);
  assert_int_not_equal(fired_ms, 0);
  loop_free(loop);
}

static void assert_refused(const struct loop_options *options, const char *path) {
  struct loop *loop = NULL;
  struct cws_error err = {0};
  assert_int_equal(loop_new(options, &loop, &err), CWS_ECONFIG);
  assert_int_equal(err.code, CWS_ECONFIG);
  assert_non_null(strstr(err.message, path));
  assert_null(loop);
}

static void files_that_tls_cannot_use_are_named_before_anything_starts(void **state) {
  (void)state;
  struct certs certs;
  certs_make(&certs, "IP:127.0.0.1", 10);
  assert_refused(&(struct loop_options){.tls_cert_file = "/nonexistent", .tls_key_file = certs.key},
                 "/nonexistent");
  assert_refused(&(struct loop_options){.tls_cert_file = certs.cert, .tls_key_file = certs.ca},
                 certs.ca);
  assert_refused(&(struct loop_options){.tls_cert_file = certs.cert,
                                        .tls_key_file = certs.key,
                                        .tls_client_ca_file = "/dev/null"},
                 "/dev/null");
  certs_remove(&certs);
}

static void without_tls_there_is_nothing_to_reload(void **state) {
  (void)state;
  struct rig rig;
  rig_open(&rig, NULL);
  assert_int_equal(loop_reload_tls(rig.loop, NULL), 0);
  rig_close(&rig);
}

static void drop_log(enum cws_log_level level, const char *line, void *user) {
  (void)level;
  (void)line;
  (void)user;
}

static void a_loop_hands_its_log_on(void **state) {
  (void)state;
  struct loop *loop;
  struct log *log = log_new(CWS_LOG_ERROR, drop_log, NULL);
  assert_int_equal(loop_new(&(struct loop_options){.log = log}, &loop, NULL), 0);
  assert_ptr_equal(loop_log(loop), log);
  loop_free(loop);
  log_free(log);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loops_run_on_threads_of_their_own_until_they_are_stopped),
      cmocka_unit_test(any_thread_may_stop_a_loop),
      cmocka_unit_test(a_loop_that_never_ran_is_freed),
      cmocka_unit_test(mail_that_is_left_is_run_by_loop_free),
      cmocka_unit_test(timers_of_the_wheel_fire_as_the_loop_turns),
      cmocka_unit_test(a_timer_wakes_a_loop_that_sleeps),
      cmocka_unit_test(files_that_tls_cannot_use_are_named_before_anything_starts),
      cmocka_unit_test(without_tls_there_is_nothing_to_reload),
      cmocka_unit_test(a_loop_hands_its_log_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
