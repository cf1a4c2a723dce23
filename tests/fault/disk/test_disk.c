/*
 * A hub, as people run it, on a disk that fills up (a small tmpfs) and on a file system that
 * becomes read-only under it (ext4 after an error). Publishes are refused, watchers go on,
 * readiness and metrics say so; when space returns so does service, without a restart. What has
 * become read-only takes a mount, and so a restart: then everything that was acknowledged is there.
 */
#include "tests/fault/support/outage.h"
#include "tests/fault/support/privileged.h"
#include "tests/unit/support/live_hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct world {
  struct mounted disk;
  char socket[96], secret[96], log[96];
  struct ledger ledger;
  struct hub_process hub;
  struct traffic traffic;
  struct outage outage;
  char *token;
};

static int setup(void **state) {
  struct world *w = calloc(1, sizeof *w);
  mounted_make(&w->disk);
  temp_folder_write(&w->disk.folder, "secret", LIVE_SECRET);
  snprintf(w->socket, sizeof w->socket, "unix:%s/hub.sock", w->disk.folder.path);
  snprintf(w->secret, sizeof w->secret, "%s/secret", w->disk.folder.path);
  w->token = live_token_all();
  ledger_init(&w->ledger);
  w->outage = (struct outage){.token = w->token, .traffic = &w->traffic};
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  if (w->hub.pid != 0) {
    kill(w->hub.pid, SIGKILL);
    waitpid(w->hub.pid, NULL, 0);
  }
  ledger_finish(&w->ledger);
  free(w->token);
  mounted_remove(&w->disk);
  free(w);
  return 0;
}

/* 0: it has not said yet. */
static int port_in(const char *log) {
  char line[256];
  int port = 0;
  FILE *f = fopen(log, "r");
  while (f != NULL && port == 0 && fgets(line, sizeof line, f) != NULL)
    if (sscanf(line, "http://127.0.0.1:%d", &port) != 1)
      port = 0;
  if (f != NULL)
    fclose(f);
  return port;
}

static void start_hub(struct world *w, int number) {
  const char *const options[] = {"--listen",      "127.0.0.1:0", "--listen",  w->socket,
                                 "--store",       w->disk.store, "--workers", "2",
                                 "--secret-file", w->secret,     NULL};
  snprintf(w->log, sizeof w->log, "%s/log%d", w->disk.folder.path, number);
  hub_process_start(&w->hub, w->log, options);
}

static void begin(struct world *w) {
  start_hub(w, 1);
  traffic_init(&w->traffic, &w->ledger, &w->hub, w->socket, w->token);
  traffic_renew(&w->traffic);
  TRAFFIC_WAIT_FOR(&w->traffic, (w->outage.port = port_in(w->log)) != 0);
}

static void end(struct world *w) {
  traffic_stop(&w->traffic);
  TRAFFIC_WAIT_FOR(&w->traffic, traffic_is_settled(&w->traffic));
  traffic_check_stored(&w->traffic, true);
  traffic_drain(&w->traffic);
  traffic_finish(&w->traffic);
  assert_int_equal(hub_process_end(&w->hub), 0);
}

/* The ballast gives the hub 8 MiB to delete with; then publishes find no room. */
static void fill_disk(const struct world *w) {
  privileged_run("dd if=/dev/zero of='%s/other' bs=64k 2>/dev/null; true", w->disk.at);
}

static void test_a_full_disk_refuses_publishes_until_there_is_room(void **state) {
  struct world *w = *state;
  mounted_mount_tmpfs(&w->disk, "24m");
  begin(w);
  for (int round = 0; round < 2; round++) {
    outage_before(&w->outage);
    fill_disk(w);
    outage_expect(&w->outage);
    privileged_run("rm '%s/other'", w->disk.at);
    outage_expect_end(&w->outage);
  }
  end(w);
}

static void test_a_file_system_that_becomes_read_only_loses_nothing(void **state) {
  struct world *w = *state;
  mounted_make_ext4(&w->disk, "64M");
  mounted_mount(&w->disk, "errors=remount-ro");
  begin(w);
  outage_before(&w->outage);
  privileged_run("mount -o remount,abort '%s'", w->disk.at); /* as ext4 does after an error */
  outage_expect(&w->outage);
  hub_process_kill(&w->hub);
  traffic_hub_died(&w->traffic);
  mounted_unmount(&w->disk);
  mounted_mount(&w->disk, "rw");
  start_hub(w, 2);
  traffic_renew(&w->traffic);
  end(w);
}

#define DISK_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      DISK_TEST(test_a_full_disk_refuses_publishes_until_there_is_room),
      DISK_TEST(test_a_file_system_that_becomes_read_only_loses_nothing),
  };
  int code = privileged_check();
  return code != 0 ? code : cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
