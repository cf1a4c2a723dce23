/*
 * A disk that is full, or whose fsync fails. Writes count what lies in the store's directory
 * against a budget, the ballast with it; posix_fallocate is replaced to do the same.
 */
#include "tests/unit/store/support.h"
#include "tests/unit/support/vfs_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB ((int64_t)1024 * 1024)

static struct disk {
  char path[200];         /* of the database; "" for no limit */
  _Atomic int64_t budget; /* bytes of database, log and ballast together */
  atomic_int syncs_to_fail;
  sem_t ballast_made;
} disk;

static int64_t size_of(const char *suffix) {
  char path[240];
  struct stat st;
  snprintf(path, sizeof(path), "%s%s", disk.path, suffix);
  return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static bool has_room(int64_t more) {
  return disk.path[0] == '\0' ||
         size_of("") + size_of("-wal") + size_of(".ballast") + more <= atomic_load(&disk.budget);
}

int posix_fallocate(int fd, off_t offset, off_t len) {
  struct stat st;
  if (fstat(fd, &st) != 0)
    return errno;
  if (offset + len <= st.st_size)
    return 0;
  if (!has_room(offset + len - st.st_size))
    return ENOSPC;
  if (ftruncate(fd, offset + len) != 0)
    return errno;
  if (disk.path[0] != '\0')
    sem_post(&disk.ballast_made);
  return 0;
}

static int on_call(const struct vfs_call *call) {
  sqlite3_int64 size;
  if (call->op == VFS_SYNC && atomic_load(&disk.syncs_to_fail) > 0) {
    atomic_fetch_sub(&disk.syncs_to_fail, 1);
    return SQLITE_IOERR_FSYNC;
  }
  if (call->op != VFS_WRITE)
    return SQLITE_OK;
  int rc = call->real->pMethods->xFileSize(call->real, &size);
  bool grows = rc == SQLITE_OK && call->at + call->n > size;
  return grows && !has_room(call->at + call->n - size) ? SQLITE_FULL : SQLITE_OK;
}

static int group_setup(void **state) {
  (void)state;
  return vfs_layer_install(on_call);
}

/* ---- the tests ---- */

static int setup(void **state) {
  struct world *w = malloc(sizeof(*w));
  world_init(w, "sqlite");
  snprintf(disk.path, sizeof(disk.path), "%s", world_path(w));
  atomic_store(&disk.budget, INT64_MAX);
  atomic_store(&disk.syncs_to_fail, 0);
  sem_init(&disk.ballast_made, 0, 0);
  *state = w;
  return 0;
}

static int teardown(void **state) {
  atomic_store(&disk.budget, INT64_MAX);
  world_finish(*state);
  disk.path[0] = '\0';
  sem_destroy(&disk.ballast_made);
  free(*state);
  return 0;
}

static char large[64 * 1024 + 1];

static int put_large(struct world *w, const char *request_id, struct cws_error *err) {
  memset(large, 'x', sizeof(large) - 1);
  struct store_event ev = event_of(large);
  struct put p;
  put_init(&p, request_id, &ev, 1);
  int code = put_run(&p, w->s);
  *err = p.append.error;
  return code;
}

/* Appends until the disk is full; how many were taken. */
static int64_t fill(struct world *w, const char *request_id) {
  struct cws_error err;
  int64_t taken = 0;
  int code;
  while ((code = put_large(w, request_id, &err)) == 0)
    taken++;
  assert_int_equal(code, CWS_ESTORE);
  assert_non_null(strstr(err.message, "no space left"));
  return taken;
}

static void expect_all(struct world *w, const char *request_id, int64_t count) {
  struct store_page *page = page_of(w, request_id, (struct store_range){0});
  assert_int_equal(page->count, count);
  assert_false(page->more);
  store_page_free(page);
}

/* The store is tried again each second; the rest is for a busy machine. */
static time_t soon(void) {
  return time(NULL) + 20;
}

static void wait_until_writable(struct world *w) {
  wait_for(&disk.ballast_made);
  assert_int_equal(store_flush(w->s), 0);
  assert_true(store_is_writable(w->s, NULL));
}

static void test_a_full_disk_loses_nothing_and_service_comes_back_with_room(void **state) {
  struct world *w = *state;
  world_open(w);
  wait_for(&disk.ballast_made);
  atomic_store(&disk.budget, 8 * MIB + 2 * MIB);
  int64_t taken = fill(w, "r");
  assert_true(taken > 5);
  struct cws_error why = {0};
  assert_false(store_is_writable(w->s, &why));
  assert_non_null(strstr(why.message, "no space left"));
  assert_int_equal(size_of(".ballast"), 0);
  expect_all(w, "r", taken);

  atomic_store(&disk.budget, INT64_MAX); /* someone made room */
  wait_until_writable(w);
  assert_int_equal(size_of(".ballast"), 8 * MIB);
  assert_int_equal(put_one(w, "r", "1"), taken + 1);
  world_reopen(w);
  expect_all(w, "r", taken + 1);
}

static void test_a_full_disk_can_be_cleared_by_deleting(void **state) {
  struct world *w = *state;
  world_open(w);
  atomic_store(&disk.budget, 8 * MIB + 24 * MIB);
  int64_t taken = fill(w, "large");
  assert_true(taken > 100);
  assert_int_equal(size_of(".ballast"), 0); /* given up; else nothing could be deleted */
  assert_int_equal(remove_run(w->s, "large"), 0);
  assert_false(is_known(w, "large"));
  assert_int_equal(store_sweep(w->s), 0);
  /* The disk has no more room than before, the file has; the next probe finds that out. */
  struct cws_error err;
  time_t until = soon();
  while (put_large(w, "r", &err) != 0)
    assert_true(time(NULL) < until);
  assert_int_equal(size_of(".ballast"), 0);
  expect_all(w, "r", 1);
}

static void test_old_requests_go_by_themselves_when_the_disk_is_full(void **state) {
  struct world *w = *state;
  w->options.retention_ms = 1000;
  world_open(w);
  atomic_store(&disk.budget, 8 * MIB + 4 * MIB);
  put_one(w, "old", "1");
  w->wall_ms += 5000;
  fill(w, "r");
  assert_int_equal(store_flush(w->s), 0);
  time_t until = soon();
  while (is_known(w, "old")) { /* the sweep goes on in slices */
    assert_int_equal(store_flush(w->s), 0);
    if (time(NULL) >= until)
      fail_msg("the old request is still there");
  }
  assert_true(is_known(w, "r"));
}

static void test_a_store_without_room_for_ballast_still_serves(void **state) {
  struct world *w = *state;
  atomic_store(&disk.budget, 4 * MIB);
  world_open(w);
  assert_int_equal(size_of(".ballast"), 0);
  int64_t taken = fill(w, "r");
  assert_true(taken > 5);
  expect_all(w, "r", taken);
  atomic_store(&disk.budget, INT64_MAX);
  wait_until_writable(w);
  put_one(w, "r", "1");
}

static void test_a_failed_fsync_is_an_unknown_outcome(void **state) {
  struct world *w = *state;
  struct store_event ev;
  world_open(w);
  wait_for(&disk.ballast_made);
  put_one(w, "r", "1");
  atomic_store(&disk.syncs_to_fail, 1);
  assert_int_equal(put_id(w, "r", "2", "a", &ev), CWS_EUNKNOWNOUTCOME);
  assert_false(store_is_writable(w->s, NULL));
  time_t until = soon();
  int code; /* until the next probe */
  while ((code = put_id(w, "r", "2", "a", &ev)) == CWS_ESTORE)
    assert_true(time(NULL) < until);
  assert_int_equal(code, 0);
  assert_int_equal(ev.message_id, 2);
  assert_int_equal(put_one(w, "r", "3"), 3);
  world_reopen(w);
  expect_data(w, "r", 2, "2");
  expect_data(w, "r", 3, "3");
}

#define FULL_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      FULL_TEST(test_a_full_disk_loses_nothing_and_service_comes_back_with_room),
      FULL_TEST(test_a_full_disk_can_be_cleared_by_deleting),
      FULL_TEST(test_old_requests_go_by_themselves_when_the_disk_is_full),
      FULL_TEST(test_a_store_without_room_for_ballast_still_serves),
      FULL_TEST(test_a_failed_fsync_is_an_unknown_outcome),
  };
  return cmocka_run_group_tests_name("sqlite full", tests, group_setup, NULL);
}
