/* What reaches the disk of a commit, and when: the writes to the log are gathered. And what is
 * read. */
#include "tests/unit/store/support.h"
#include "tests/unit/support/vfs_layer.h"

#define LONGEST_WRITE 0x1ffff /* os_unix.c of SQLite takes no more at once */

static struct {
  atomic_int reads, writes, too_long;
  atomic_int fails; /* so many writes more */
} seen;

static int on_call(const struct vfs_call *call) {
  if (call->op == VFS_READ)
    atomic_fetch_add(&seen.reads, 1);
  if (call->op != VFS_WRITE)
    return SQLITE_OK;
  atomic_fetch_add(&seen.writes, 1);
  if (call->n > LONGEST_WRITE)
    atomic_fetch_add(&seen.too_long, 1);
  if (atomic_load(&seen.fails) == 0)
    return SQLITE_OK;
  atomic_fetch_sub(&seen.fails, 1);
  return SQLITE_FULL;
}

static int group_setup(void **state) {
  (void)state;
  return vfs_layer_install(on_call);
}

static int setup(void **state) {
  struct world *w = malloc(sizeof(*w));
  world_init(w, "sqlite");
  *state = w;
  return 0;
}

static int teardown(void **state) {
  world_finish(*state);
  free(*state);
  return 0;
}

static char text[64 * 1024 + 1];

static int put_many(struct world *w, const char *request_id, size_t count, size_t size) {
  struct store_event events[64];
  struct put p;
  memset(text, 'x', size);
  text[size] = '\0';
  for (size_t i = 0; i < count; i++)
    events[i] = event_of(text);
  put_init(&p, request_id, events, count);
  return put_run(&p, w->s);
}

/* With a connection of SQLite's own, as another program has. */
static int64_t count_events(const struct world *w) {
  sqlite3 *db;
  sqlite3_stmt *stmt;
  assert_int_equal(sqlite3_open(world_path(w), &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM events", -1, &stmt, NULL), 0);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  int64_t n = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  sqlite3_close(db);
  return n;
}

static void test_the_pages_of_a_commit_are_written_together(void **state) {
  struct world *w = *state;
  world_open(w);
  put_one(w, "r", "1");
  atomic_store(&seen.writes, 0);
  assert_int_equal(put_many(w, "r", 25, 3000), 0); /* a page each */
  assert_int_equal(atomic_load(&seen.writes), 1);
  assert_int_equal(count_events(w), 26);
}

static void test_a_commit_of_any_size_is_whole(void **state) {
  struct world *w = *state;
  world_open(w);
  atomic_store(&seen.too_long, 0);
  for (size_t count = 1; count <= 16; count++) /* ever further beyond what is gathered */
    assert_int_equal(put_many(w, "r", count, 64 * 1024), 0);
  assert_int_equal(atomic_load(&seen.too_long), 0);
  world_reopen(w);
  for (int64_t id = 1; id <= 136; id++)
    expect_data(w, "r", id, text);
}

static void test_a_write_that_fails_leaves_nothing_of_its_commit(void **state) {
  struct world *w = *state;
  world_open(w);
  put_one(w, "r", "1");
  atomic_store(&seen.fails, 1);
  assert_int_equal(put_many(w, "r", 8, 100), CWS_ESTORE);
  assert_int_equal(count_events(w), 1);
  atomic_store(&seen.fails, 0);
}

static void test_others_see_a_commit_at_once_without_a_sync_too(void **state) {
  struct world *w = *state;
  w->options.durability_normal = true;
  world_open(w);
  put_one(w, "r", "1");
  assert_int_equal(count_events(w), 1);
}

/* The size of a request is summed up only for who asks for it: that reads every event since it was
 * last written down. */
static void test_events_are_read_without_those_behind_them(void **state) {
  struct world *w = *state;
  world_open(w);
  for (int i = 0; i < 16; i++)
    assert_int_equal(put_many(w, "r", 64, 3000), 0); /* a page each */
  atomic_store(&seen.reads, 0);
  expect_data(w, "r", 1, text);
  assert_in_range(atomic_load(&seen.reads), 1, 64);
}

#define VFS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      VFS_TEST(test_the_pages_of_a_commit_are_written_together),
      VFS_TEST(test_a_commit_of_any_size_is_whole),
      VFS_TEST(test_a_write_that_fails_leaves_nothing_of_its_commit),
      VFS_TEST(test_others_see_a_commit_at_once_without_a_sync_too),
      VFS_TEST(test_events_are_read_without_those_behind_them),
  };
  return cmocka_run_group_tests_name("sqlite vfs", tests, group_setup, NULL);
}
