/* From the store of a single hub to a log that hubs share, and back. */
#include "server/store/sqlite.h"
#include "server/store/store_migrate.h"
#include "tests/unit/store/fake_log.h"
#include "tests/unit/store/support.h"
#include <dirent.h>
#include <unistd.h>

/* `old` is the store of a single hub, with request r; a and b are states of a log that is new. */
struct fixture {
  struct world old, a, b;
  struct store_nats_options nats; /* its state_path is a's file */
  char epoch[CWS_EPOCH_MAX + 1];
};

static int set_up(void **state) {
  struct fixture *f = calloc(1, sizeof(*f));
  struct store_event event;
  world_init(&f->old, "sqlite");
  world_init(&f->a, "shared");
  world_init(&f->b, "shared");
  f->a.log = f->b.log = fake_log_new("log");
  f->a.owns_log = true;
  f->nats.state_path = world_path(&f->a);
  world_open(&f->old);
  put_one(&f->old, "r", "1");
  put_one(&f->old, "r", "2");
  assert_int_equal(put_id(&f->old, "r", "3", "key", &event), 0);
  snprintf(f->epoch, sizeof(f->epoch), "%s", epoch_of(&f->old, "r"));
  store_set_position(f->old.s, "r", f->epoch, "ada", 2);
  world_close(&f->old);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  world_finish(&f->b);
  world_finish(&f->old);
  world_finish(&f->a);
  free(f);
  return 0;
}

/* ---- doing it ---- */

static int migrate(struct fixture *f, const char *from, const char *to, struct store_place *place,
                   struct cws_error *err) {
  fake_log_use(f->a.log);
  return store_migrate_with(&fake_log_ops, from, to, &f->nats, place, err);
}

static void expect_done(struct fixture *f, const char *from, const char *to) {
  struct cws_error err = {0};
  int code = migrate(f, from, to, NULL, &err);
  if (code != 0)
    print_error("%s\n", err.message);
  assert_int_equal(code, 0);
}

static void expect_refused(struct fixture *f, const char *from, const char *to, int code,
                           const char *words) {
  struct cws_error err = {0};
  int is = migrate(f, from, to, NULL, &err);
  if (is != code || strstr(err.message, words) == NULL)
    print_error("%d: %s\n", is, err.message);
  assert_int_equal(is, code);
  assert_non_null(strstr(err.message, words));
}

/* Besides the lock and the ballast, which are not part of a store. */
static void expect_no_file(const struct world *w, const char *name) {
  DIR *dir = opendir(w->dir);
  assert_non_null(dir);
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    if (strncmp(entry->d_name, name, strlen(name)) == 0)
      fail_msg("%s is there", entry->d_name);
  closedir(dir);
}

static void run_sql(const char *path, const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(db);
}

static void make_state_of_b(struct fixture *f) {
  struct cws_error err = {0};
  assert_int_equal(store_backup(f->a.uri, world_path(&f->b), &err), 0);
}

/* ---- looking ---- */

/* What `old` had, and what was put in since: one event for each. */
static void expect_goes_on(struct fixture *f, struct world *w, int64_t last_id) {
  struct store_event again;
  int64_t position = 0;
  assert_string_equal(epoch_of(w, "r"), f->epoch);
  for (int64_t id = 1; id <= 3; id++) {
    char data[2] = {(char)('0' + id), '\0'};
    expect_data(w, "r", id, data);
  }
  assert_int_equal(info_of(w, "r").last_id, last_id);
  assert_int_equal(put_id(w, "r", "3", "key", &again), 0);
  assert_true(again.duplicate);
  assert_int_equal(again.message_id, 3);
  assert_int_equal(store_get_position(w->s, "r", "ada", &position, NULL), 0);
  assert_int_equal(position, 2);
}

/* ---- to a log ---- */

static void a_store_goes_on_in_a_log(void **state) {
  struct fixture *f = *state;
  struct store_place place;
  struct cws_error err = {0};
  assert_int_equal(migrate(f, f->old.uri, "nats://n", &place, &err), 0);
  assert_int_equal(place.entry, 1);
  assert_int_equal(fake_log_last(f->a.log), 1);
  world_open(&f->a);
  expect_goes_on(f, &f->a, 3);
  assert_int_equal(put_one(&f->a, "r", "4"), 4);
  assert_int_equal(put_one(&f->a, "new", "1"), 1);
}

static void another_hub_goes_on_from_a_copy_of_the_state(void **state) {
  struct fixture *f = *state;
  expect_done(f, f->old.uri, "nats://n");
  make_state_of_b(f);
  world_open(&f->a);
  world_open(&f->b);
  assert_int_equal(put_one(&f->a, "r", "4"), 4);
  assert_int_equal(put_one(&f->b, "r", "5"), 5);
  expect_goes_on(f, &f->b, 5);
  put_one(&f->a, "catch-up", "1");
  expect_goes_on(f, &f->a, 5);
}

static void another_hub_is_given_a_copy_or_does_not_start(void **state) {
  struct fixture *f = *state;
  struct cws_error why = {0};
  expect_done(f, f->old.uri, "nats://n");
  fake_log_use(f->a.log);
  assert_int_equal(world_try_open(&f->b, &why), CWS_ESTORE);
  assert_non_null(strstr(why.message, "start from a copy of another hub's state"));
  world_open(&f->a);
  world_open(&f->b);
  expect_goes_on(f, &f->b, 3);
  expect_goes_on(f, &f->a, 3);
}

static void a_first_entry_that_comes_twice_counts_once(void **state) {
  struct fixture *f = *state;
  fake_log_set_mood(f->a.log, FAKE_LOG_REPEATS);
  expect_done(f, f->old.uri, "nats://n");
  assert_int_equal(fake_log_last(f->a.log), 2);
  fake_log_set_mood(f->a.log, FAKE_LOG_WELL);
  world_open(&f->a);
  expect_goes_on(f, &f->a, 3);
}

static void a_first_entry_that_nobody_answers_for_but_that_comes_is_enough(void **state) {
  struct fixture *f = *state;
  fake_log_set_mood(f->a.log, FAKE_LOG_HIDES);
  expect_done(f, f->old.uri, "nats://n");
  fake_log_set_mood(f->a.log, FAKE_LOG_WELL);
  world_open(&f->a);
  expect_goes_on(f, &f->a, 3);
}

static void without_its_first_entry_there_is_no_state(void **state) {
  struct fixture *f = *state;
  f->nats.patience_ms = 20;
  fake_log_set_mood(f->a.log, FAKE_LOG_REFUSES);
  expect_refused(f, f->old.uri, "nats://n", CWS_ESTORE, "the log takes nothing");
  expect_no_file(&f->a, "hub.db");
  fake_log_set_mood(f->a.log, FAKE_LOG_IS_SILENT);
  expect_refused(f, f->old.uri, "nats://n", CWS_EUNKNOWNOUTCOME, "now or later");
  fake_log_set_mood(f->a.log, FAKE_LOG_LOSES);
  expect_refused(f, f->old.uri, "nats://n", CWS_EUNKNOWNOUTCOME, "now or later");
  expect_no_file(&f->a, "hub.db");
  fake_log_set_mood(f->a.log, FAKE_LOG_WELL);
  expect_done(f, f->old.uri, "nats://n"); /* nothing stands in the way */
}

static void a_log_with_entries_is_refused(void **state) {
  struct fixture *f = *state;
  world_open(&f->b);
  put_one(&f->b, "other", "1");
  world_close(&f->b);
  expect_refused(f, f->old.uri, "nats://n", CWS_ECONFIG, "the log has entries, up to 1");
  fake_log_trim(f->a.log, 1); /* gone, but they were there */
  expect_refused(f, f->old.uri, "nats://n", CWS_ECONFIG, "the log has entries, up to 1");
  expect_no_file(&f->a, "hub.db");
}

struct moving {
  struct fixture *f;
  int code;
  struct cws_error err;
};

static void *move(void *arg) {
  struct moving *m = arg;
  m->code = migrate(m->f, m->f->old.uri, "nats://n", NULL, &m->err);
  return NULL;
}

static void an_entry_that_gets_ahead_of_the_first_one_is_noticed(void **state) {
  struct fixture *f = *state;
  struct moving m = {.f = f};
  pthread_t thread;
  fake_log_set_mood(f->a.log, FAKE_LOG_IS_LATE);
  assert_int_equal(pthread_create(&thread, NULL, move, &m), 0);
  fake_log_wait_attempts(f->a.log, 1);
  fake_log_add(f->a.log, "another hub's", 13);
  fake_log_set_mood(f->a.log, FAKE_LOG_WELL);
  pthread_join(thread, NULL);
  assert_int_equal(m.code, CWS_ECONFIG);
  assert_non_null(strstr(m.err.message, "a hub wrote to the log meanwhile"));
  expect_no_file(&f->a, "hub.db");
}

static void a_store_in_use_is_left_alone(void **state) {
  struct fixture *f = *state;
  world_open(&f->old);
  expect_refused(f, f->old.uri, "nats://n", CWS_ESTORE, "in use by another hub");
  assert_int_equal(fake_log_last(f->a.log), 0);
  expect_no_file(&f->a, "hub.db");
}

static void a_file_that_is_there_is_not_written_over(void **state) {
  struct fixture *f = *state;
  char log[200];
  snprintf(log, sizeof(log), "%s-wal", world_path(&f->a));
  FILE *file = fopen(log, "w");
  assert_non_null(file);
  fputs("of another store", file);
  fclose(file);
  expect_refused(f, f->old.uri, "nats://n", CWS_ESYSTEM, "-wal' is there already");
  unlink(log);
  assert_int_equal(access(world_path(&f->a), F_OK), -1);
  expect_done(f, f->old.uri, "nats://n");
  expect_refused(f, f->old.uri, "nats://n", CWS_ESYSTEM, "is there already");
  world_open(&f->a);
  expect_goes_on(f, &f->a, 3);
}

static void a_store_of_an_older_schema_becomes_a_state(void **state) {
  struct fixture *f = *state;
  run_sql(world_path(&f->old), "DROP TABLE notes; PRAGMA user_version=1");
  expect_done(f, f->old.uri, "nats://n");
  world_open(&f->a);
  expect_goes_on(f, &f->a, 3);
}

/* A copy does not know what came after it, whichever way it is served. */
static void a_copy_of_a_store_gets_new_epochs_in_the_log(void **state) {
  struct fixture *f = *state;
  struct cws_error err = {0};
  char copy[200], uri[220];
  snprintf(copy, sizeof(copy), "%s/copy.db", f->old.dir);
  snprintf(uri, sizeof(uri), "sqlite:%s", copy);
  assert_int_equal(store_backup(f->old.uri, copy, &err), 0);
  expect_done(f, uri, "nats://n");
  world_open(&f->a);
  assert_string_not_equal(epoch_of(&f->a, "r"), f->epoch);
  assert_int_equal(info_of(&f->a, "r").last_id, 3);
}

/* ---- back ---- */

/* A world of its own for the store that comes back. */
static void init_back(struct fixture *f, struct world *back) {
  expect_done(f, f->old.uri, "nats://n");
  world_open(&f->a);
  assert_int_equal(put_one(&f->a, "r", "4"), 4);
  world_close(&f->a);
  world_init(back, "sqlite");
}

static void a_state_goes_on_as_a_store(void **state) {
  struct fixture *f = *state;
  struct world back;
  struct store_place place;
  struct cws_error err = {0};
  init_back(f, &back);
  assert_int_equal(migrate(f, "nats://n", back.uri, &place, &err), 0);
  assert_int_equal(place.entry, fake_log_last(f->a.log));
  world_open(&back);
  expect_goes_on(f, &back, 4);
  assert_int_equal(put_one(&back, "r", "5"), 5);
  world_finish(&back);
  world_open(&f->a); /* the state is as it was */
  expect_goes_on(f, &f->a, 4);
}

static void a_copy_of_a_state_will_do(void **state) {
  struct fixture *f = *state;
  struct world back;
  init_back(f, &back);
  make_state_of_b(f);
  f->nats.state_path = world_path(&f->b);
  expect_done(f, "nats://n", back.uri);
  world_open(&back);
  expect_goes_on(f, &back, 4);
  world_finish(&back);
}

static void a_state_that_is_not_at_the_logs_end_is_refused(void **state) {
  struct fixture *f = *state;
  struct world back;
  init_back(f, &back);
  make_state_of_b(f);
  world_open(&f->a);
  put_one(&f->a, "r", "5");
  world_close(&f->a);
  f->nats.state_path = world_path(&f->b);
  expect_refused(f, "nats://n", back.uri, CWS_ECONFIG, "which ends with");
  f->nats.state_path = world_path(&f->a);
  fake_log_cut(f->a.log, 1);
  expect_refused(f, "nats://n", back.uri, CWS_ECONFIG, "the log has lost entries");
  expect_no_file(&back, "hub.db");
  world_finish(&back);
}

static void a_state_of_another_log_is_refused(void **state) {
  struct fixture *f = *state;
  struct world back;
  struct fake_log *mine = f->a.log;
  init_back(f, &back);
  f->a.log = fake_log_new("other");
  expect_refused(f, "nats://n", back.uri, CWS_ECONFIG, "belongs to another log");
  fake_log_free(f->a.log);
  f->a.log = mine;
  expect_no_file(&back, "hub.db");
  world_finish(&back);
}

static void a_state_in_use_is_left_alone(void **state) {
  struct fixture *f = *state;
  struct world back;
  init_back(f, &back);
  world_open(&f->a);
  expect_refused(f, "nats://n", back.uri, CWS_ESTORE, "in use by another hub");
  expect_no_file(&back, "hub.db");
  world_finish(&back);
}

static void without_the_log_requests_get_new_epochs(void **state) {
  struct fixture *f = *state;
  struct world back;
  init_back(f, &back);
  expect_done(f, f->a.uri, back.uri);
  world_open(&back);
  assert_string_not_equal(epoch_of(&back, "r"), f->epoch);
  assert_int_equal(info_of(&back, "r").last_id, 4);
  world_close(&back);
  world_finish(&back);
}

/* ---- what is no way ---- */

static void what_does_not_fit_is_refused(void **state) {
  struct fixture *f = *state;
  expect_refused(f, "memory:", "nats://n", CWS_ECONFIG, "give sqlite:PATH and nats://HOST");
  expect_refused(f, "nats://n", "nats://m", CWS_ECONFIG, "give sqlite:PATH and nats://HOST");
  expect_refused(f, NULL, NULL, CWS_ECONFIG, "give sqlite:PATH and nats://HOST");
  expect_refused(f, f->old.uri, f->a.uri, CWS_ECONFIG, "is no state of a log");
  expect_refused(f, "sqlite:/nowhere/at/all", "nats://n", CWS_ENOTFOUND, "/nowhere/at/all");
  expect_done(f, f->old.uri, "nats://n");
  f->nats.state_path = world_path(&f->b);
  expect_refused(f, f->a.uri, "nats://n", CWS_ECONFIG, "is the state of a log already");
}

#define MIGRATE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      MIGRATE_TEST(a_store_goes_on_in_a_log),
      MIGRATE_TEST(another_hub_goes_on_from_a_copy_of_the_state),
      MIGRATE_TEST(another_hub_is_given_a_copy_or_does_not_start),
      MIGRATE_TEST(a_first_entry_that_comes_twice_counts_once),
      MIGRATE_TEST(a_first_entry_that_nobody_answers_for_but_that_comes_is_enough),
      MIGRATE_TEST(without_its_first_entry_there_is_no_state),
      MIGRATE_TEST(a_log_with_entries_is_refused),
      MIGRATE_TEST(an_entry_that_gets_ahead_of_the_first_one_is_noticed),
      MIGRATE_TEST(a_store_in_use_is_left_alone),
      MIGRATE_TEST(a_file_that_is_there_is_not_written_over),
      MIGRATE_TEST(a_store_of_an_older_schema_becomes_a_state),
      MIGRATE_TEST(a_copy_of_a_store_gets_new_epochs_in_the_log),
      MIGRATE_TEST(a_state_goes_on_as_a_store),
      MIGRATE_TEST(a_copy_of_a_state_will_do),
      MIGRATE_TEST(a_state_that_is_not_at_the_logs_end_is_refused),
      MIGRATE_TEST(a_state_of_another_log_is_refused),
      MIGRATE_TEST(a_state_in_use_is_left_alone),
      MIGRATE_TEST(without_the_log_requests_get_new_epochs),
      MIGRATE_TEST(what_does_not_fit_is_refused),
  };
  return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
