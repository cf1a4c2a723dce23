/* What the file keeps over a restart, and who may have it. */
#include "tests/unit/store/support.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int64_t count_rows(const struct world *w, const char *table) {
  sqlite3 *db;
  sqlite3_stmt *stmt;
  char sql[64];
  snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
  assert_int_equal(sqlite3_open(world_path(w), &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  int64_t n = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  sqlite3_close(db);
  return n;
}

static void test_everything_is_there_again_after_a_restart(void **state) {
  struct world *w = *state;
  world_open(w);
  struct store_event ev;
  struct put p;
  ev = event_of("1");
  put_init(&p, "r", &ev, 1);
  p.append.owner = "ada";
  w->next_epoch = "birth";
  assert_int_equal(put_run(&p, w->s), 0);
  assert_int_equal(put_id(w, "r", "22", "a", &ev), 0);
  store_set_summary(w->s, "r", "birth", 2, "{\"status\":1}");
  store_set_position(w->s, "r", "birth", "eve", 2);
  assert_int_equal(store_flush(w->s), 0);
  int64_t created = w->wall_ms;
  w->wall_ms += 5000;
  assert_int_equal(put_id(w, "r", "333", "b", &ev), 0);
  world_reopen(w);

  struct store_info info = info_of(w, "r");
  assert_string_equal(info.epoch, "birth");
  assert_string_equal(info.owner, "ada");
  assert_string_equal(info.summary, "{\"status\":1}");
  assert_int_equal(info.summary_id, 2);
  assert_int_equal(info.count, 3);
  assert_int_equal(info.bytes, 6);
  assert_int_equal(info.created_ms, created);
  assert_int_equal(info.updated_ms, created + 5000);
  store_info_finish(&info);
  int64_t id;
  assert_int_equal(store_get_position(w->s, "r", "eve", &id, NULL), 0);
  assert_int_equal(id, 2);
  expect_data(w, "r", 2, "22");

  assert_int_equal(put_id(w, "r", "22", "a", &ev), 0);
  assert_true(ev.duplicate);
  assert_int_equal(ev.message_id, 2);
  assert_int_equal(put_id(w, "r", "changed", "b", &ev), CWS_EEVENTIDREUSED);
  assert_int_equal(put_one(w, "r", "4"), 4);
}

static void test_ids_do_not_restart_after_a_trim_and_a_restart(void **state) {
  struct world *w = *state;
  w->options.max_request_events = 1;
  world_open(w);
  for (int i = 1; i <= 5; i++)
    put_one(w, "r", "1");
  struct store_event ev;
  assert_int_equal(put_id(w, "r", "1", "a", &ev), 0);
  put_one(w, "r", "1"); /* trims "a" */
  world_reopen(w);
  assert_int_equal(put_one(w, "r", "2"), 8);
  assert_int_equal(put_id(w, "r", "1", "a", &ev), 0);
  assert_false(ev.duplicate);
  assert_int_equal(ev.message_id, 9);
  world_reopen(w);
  struct store_info info = info_of(w, "r");
  assert_int_equal(info.first_id, 9);
  assert_int_equal(info.last_id, 9);
  assert_int_equal(info.bytes, 1);
  store_info_finish(&info);
}

static void test_what_a_remove_left_is_freed_after_a_restart(void **state) {
  struct world *w = *state;
  world_open(w);
  for (int i = 0; i < 5; i++) {
    struct store_event events[1000];
    for (size_t j = 0; j < COUNT_OF(events); j++)
      events[j] = event_of("1");
    struct put p;
    put_init(&p, "r", events, COUNT_OF(events));
    assert_int_equal(put_run(&p, w->s), 0);
  }
  put_one(w, "kept", "1");
  for (int i = 0; i < 300; i++) {
    char name[16];
    snprintf(name, sizeof(name), "s%d", i);
    store_set_position(w->s, "r", "epoch", name, 1);
  }
  store_set_position(w->s, "kept", "epoch", "s", 1);
  assert_int_equal(store_flush(w->s), 0);
  assert_int_equal(remove_run(w->s, "r"), 0);
  world_reopen(w);
  assert_int_equal(put_one(w, "r", "new"), 1);
  assert_int_equal(store_sweep(w->s), 0);
  expect_data(w, "r", 1, "new");
  expect_data(w, "kept", 1, "1");
  world_close(w);
  assert_int_equal(count_rows(w, "events"), 2);
  assert_int_equal(count_rows(w, "positions"), 1);
  assert_int_equal(count_rows(w, "garbage"), 0);
  assert_int_equal(count_rows(w, "streams"), 2);
}

#define HOUR ((int64_t)3600 * 1000)

static void test_age_is_told_by_the_last_event_also_after_a_restart(void **state) {
  struct world *w = *state;
  w->options.retention_ms = 24 * HOUR;
  world_open(w);
  put_one(w, "old", "1");
  put_one(w, "live", "1");
  w->wall_ms += 20 * HOUR;
  put_one(w, "live", "2");
  world_reopen(w);
  w->wall_ms += 10 * HOUR;
  assert_int_equal(store_sweep(w->s), 0);
  assert_false(is_known(w, "old"));
  assert_true(is_known(w, "live"));
  w->wall_ms += 14 * HOUR;
  assert_int_equal(store_sweep(w->s), 0);
  assert_false(is_known(w, "live"));
}

static void test_a_position_is_durable_without_a_flush(void **state) {
  struct world *w = *state;
  world_open(w);
  put_one(w, "r", "1");
  store_set_position(w->s, "r", "epoch", "ada", 1);
  int64_t n = 0;
  for (int tries = 0; n == 0 && tries < 100000; tries++) { /* seen in the file, by another reader */
    n = count_rows(w, "positions");
  }
  assert_int_equal(n, 1);
}

/* ---- who may have it ---- */

static mode_t mode_of(const char *path) {
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  return st.st_mode & 0777;
}

static void test_the_file_is_its_owners_only_and_its_directory_is_made(void **state) {
  struct world *w = *state;
  char uri[200], path[200];
  struct store *s;
  struct cws_error err = {0};
  snprintf(uri, sizeof(uri), "sqlite:%s/state/hub.db", w->dir);
  mode_t mask = umask(0);
  assert_int_equal(store_open(uri, &w->options, &s, &err), 0);
  umask(mask);
  const char *files[] = {"hub.db", "hub.db-wal", "hub.db.lock", "hub.db.ballast"};
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    snprintf(path, sizeof(path), "%s/state/%s", w->dir, files[i]);
    assert_int_equal(mode_of(path), 0600);
  }
  snprintf(path, sizeof(path), "%s/state", w->dir);
  assert_int_equal(mode_of(path), 0700);
  store_close(s);
  for (size_t i = 0; i < COUNT_OF(files); i++) {
    snprintf(path, sizeof(path), "%s/state/%s", w->dir, files[i]);
    unlink(path);
  }
  snprintf(path, sizeof(path), "%s/state", w->dir);
  assert_int_equal(rmdir(path), 0); /* nothing else was left there */
}

static void test_a_directory_that_cannot_be_made_is_named(void **state) {
  struct world *w = *state;
  char uri[200];
  struct store *s;
  struct cws_error err = {0};
  snprintf(uri, sizeof(uri), "sqlite:%s/no/such/hub.db", w->dir);
  assert_int_equal(store_open(uri, &w->options, &s, &err), CWS_ESTORE);
  assert_non_null(strstr(err.message, "/no/such'"));
  world_open(w);
  err = (struct cws_error){0};
  snprintf(uri, sizeof(uri), "%s/below.db", w->uri);
  assert_int_equal(store_open(uri, &w->options, &s, &err), CWS_ESTORE);
  assert_non_null(strstr(err.message, "no directory"));
  err = (struct cws_error){0};
  snprintf(uri, sizeof(uri), "sqlite:%s", w->dir);
  assert_int_equal(store_open(uri, &w->options, &s, &err), CWS_ESTORE);
  snprintf(uri, sizeof(uri), "%s.lock", w->dir);
  unlink(uri);
}

static void test_a_second_hub_is_refused_and_told_who_has_it(void **state) {
  struct world *w = *state;
  world_open(w);
  put_one(w, "r", "1");
  struct store *second;
  struct cws_error err = {0};
  assert_int_equal(store_open(w->uri, &w->options, &second, &err), CWS_ESTORE);
  char pid[32];
  snprintf(pid, sizeof(pid), "(pid %ld)", (long)getpid());
  assert_non_null(strstr(err.message, pid));
  assert_non_null(strstr(err.message, world_path(w)));
  put_one(w, "r", "2");
  world_reopen(w);
  expect_data(w, "r", 2, "2");
}

static void test_a_path_is_a_path_whatever_sqlite_makes_of_it(void **state) {
  struct world *w = *state;
  char back[512];
  assert_non_null(getcwd(back, sizeof(back)));
  assert_int_equal(chdir(w->dir), 0);
  const char *names[] = {":memory:", "file:x?mode=memory"};
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    snprintf(w->uri, sizeof(w->uri), "sqlite:%s", names[i]);
    world_open(w);
    put_one(w, "r", "1");
    world_reopen(w);
    expect_data(w, "r", 1, "1");
    world_close(w);
    assert_int_equal(access(names[i], F_OK), 0);
  }
  assert_int_equal(chdir(back), 0);
}

static void test_normal_durability_keeps_the_same_things(void **state) {
  struct world *w = *state;
  w->options.durability_normal = true;
  world_open(w);
  put_one(w, "r", "1");
  world_reopen(w);
  expect_data(w, "r", 1, "1");
}

/* The log must not grow for ever under a steady load. */
static void test_the_log_is_carried_over_as_it_grows(void **state) {
  struct world *w = *state;
  w->options.durability_normal = true;
  world_open(w);
  static char data[60001];
  memset(data, 'x', sizeof(data) - 1);
  for (int i = 0; i < 1000; i++) /* 60 MB */
    put_one(w, "r", data);
  char path[200];
  struct stat st;
  snprintf(path, sizeof(path), "%s-wal", world_path(w));
  assert_int_equal(stat(path, &st), 0);
  assert_true(st.st_size < 20 * 1024 * 1024);
}

#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      FILE_TEST(test_everything_is_there_again_after_a_restart),
      FILE_TEST(test_ids_do_not_restart_after_a_trim_and_a_restart),
      FILE_TEST(test_what_a_remove_left_is_freed_after_a_restart),
      FILE_TEST(test_age_is_told_by_the_last_event_also_after_a_restart),
      FILE_TEST(test_a_position_is_durable_without_a_flush),
      FILE_TEST(test_the_file_is_its_owners_only_and_its_directory_is_made),
      FILE_TEST(test_a_directory_that_cannot_be_made_is_named),
      FILE_TEST(test_a_second_hub_is_refused_and_told_who_has_it),
      FILE_TEST(test_a_path_is_a_path_whatever_sqlite_makes_of_it),
      FILE_TEST(test_normal_durability_keeps_the_same_things),
      FILE_TEST(test_the_log_is_carried_over_as_it_grows),
  };
  return cmocka_run_group_tests_name("sqlite file", tests, NULL, NULL);
}
