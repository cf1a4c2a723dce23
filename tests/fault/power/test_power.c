/*
 * The power is cut: a hub under load has its store on an ext4 image. It is stopped, and the file
 * system is shut down without writing anything more (EXT4_IOC_SHUTDOWN): what was only in the page
 * cache or in the journal's memory is gone, and the image is what the device had been given. The
 * next hub starts on that image. With --durability full nothing that was acknowledged is missing.
 * With normal the last moments may be, but what is left is whole.
 *
 * CWS_POWER_ROUNDS: how many cuts.
 */
#include "tests/fault/support/hub_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROUNDS 8
#define EXT4_SHUTDOWN _IOR('X', 125, uint32_t) /* linux/ext4.h has it since 6.2 only */
#define EXT4_SHUTDOWN_NO_LOG_FLUSH 2

static int setup(void **state) {
  struct hub_world *w = malloc(sizeof *w);
  hub_world_make(w);
  mounted_make_ext4(&w->disk, "256M");
  mounted_mount(&w->disk, "rw");
  *state = w;
  return 0;
}

static int teardown(void **state) {
  hub_world_remove(*state);
  free(*state);
  return 0;
}

static void start_hub(struct hub_world *w, const char *durability) {
  const char *const options[] = {
      "--listen",     w->socket,   "--store", w->disk.store,          "--secret-file",
      w->secret,      "--workers", "2",       "--max-request-events", "4000",
      "--durability", durability,  NULL};
  hub_process_start(&w->hub, w->log, options);
}

/* Nothing is written any more; then the machine is off and on again. */
static void cut_power(struct hub_world *w) {
  uint32_t how = EXT4_SHUTDOWN_NO_LOG_FLUSH;
  kill(w->hub.pid, SIGSTOP);
  int fd = open(w->disk.at, O_RDONLY | O_DIRECTORY);
  assert_true(fd >= 0);
  assert_int_equal(ioctl(fd, EXT4_SHUTDOWN, &how), 0);
  close(fd);
  hub_process_kill(&w->hub);
  mounted_unmount(&w->disk);
  mounted_mount(&w->disk, "rw");
}

static void test_a_power_cut_loses_nothing_that_was_answered(void **state) {
  struct hub_world *w = *state;
  const char *text = getenv("CWS_POWER_ROUNDS");
  int rounds = text != NULL ? atoi(text) : ROUNDS;
  traffic_init(&w->traffic, &w->ledger, &w->hub, w->socket, w->token);
  for (int round = 0; round < rounds; round++) {
    int64_t before = w->traffic.acknowledged;
    start_hub(w, "full");
    traffic_renew(&w->traffic);
    TRAFFIC_WAIT_FOR(&w->traffic, w->traffic.acknowledged >= before + 100 + 97 * round);
    cut_power(w);
    traffic_hub_died(&w->traffic, traffic_now_ms());
    hub_world_check_file(w->disk.db);
  }
  start_hub(w, "full");
  traffic_renew(&w->traffic);
  traffic_stop(&w->traffic);
  TRAFFIC_WAIT_FOR(&w->traffic, traffic_is_settled(&w->traffic));
  traffic_check_stored(&w->traffic, true);
  traffic_drain(&w->traffic);
  traffic_finish(&w->traffic);
  assert_int_equal(hub_process_end(&w->hub), 0);
  print_message("%d cuts, %lld publishes answered\n", rounds, (long long)w->traffic.acknowledged);
}

/* ---- normal: what the documentation says it trades ---- */

static void run_hub(struct hub_world *w, const char *durability, int64_t answers) {
  start_hub(w, durability);
  TRAFFIC_WAIT_FOR(&w->traffic, w->traffic.acknowledged >= answers);
}

static void test_normal_durability_may_lose_the_last_moments_and_nothing_in_between(void **state) {
  struct hub_world *w = *state;
  traffic_init(&w->traffic, &w->ledger, &w->hub, w->socket, w->token);
  run_hub(w, "full", 300);
  assert_int_equal(hub_process_end(&w->hub), 0);
  int64_t before = hub_world_query(w->disk.db, "SELECT count(*) FROM events");
  run_hub(w, "normal", w->traffic.acknowledged + 1000);
  cut_power(w);
  traffic_abandon(&w->traffic);
  hub_world_check_file(w->disk.db);
  int64_t left = hub_world_query(w->disk.db, "SELECT count(*) FROM events");
  assert_int_equal(hub_world_query(w->disk.db,
                                   "SELECT count(*) FROM (SELECT 1 FROM events GROUP BY stream_id"
                                   " HAVING min(message_id) != 1 OR max(message_id) != count(*))"),
                   0);
  print_message("normal: %lld events were answered, %lld are left\n",
                (long long)w->traffic.acknowledged, (long long)left);
  assert_true(left >= before);
  assert_true(left < w->traffic.acknowledged); /* else this test cuts no power */
}

#define POWER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      POWER_TEST(test_a_power_cut_loses_nothing_that_was_answered),
      POWER_TEST(test_normal_durability_may_lose_the_last_moments_and_nothing_in_between),
  };
  int code = privileged_check();
  return code != 0 ? code : cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
