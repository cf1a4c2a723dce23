/* Versions of the schema, and files that are no store of ours. */
#include "tests/unit/store/support.h"

#include "server/store/sqlite.h"

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

static void run_sql(const char *path, const char *sql) {
  sqlite3 *db;
  char *message = NULL;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
    print_error("%s\n", message);
  assert_null(message);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask_sql(const char *path, const char *sql) {
  struct sqlite_conn c;
  int64_t value;
  assert_int_equal(sqlite_conn_open(&c, path, SQLITE_CONN_WRITER, NULL), 0);
  assert_int_equal(sqlite_query_int(&c, sql, &value, NULL), 0);
  sqlite_conn_close(&c);
  return value;
}

static char *read_all(const char *path, size_t *len) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  fseek(f, 0, SEEK_END);
  *len = (size_t)ftell(f);
  rewind(f);
  char *bytes = malloc(*len + 1);
  assert_int_equal(fread(bytes, 1, *len, f), *len);
  fclose(f);
  return bytes;
}

/* Opening must fail, say `text`, and leave the file as it was. */
static void expect_refused(struct world *w, int code, const char *text) {
  size_t before_len, after_len;
  char *before = read_all(world_path(w), &before_len);
  struct cws_error err = {0};
  assert_int_equal(store_open(w->uri, &w->options, &w->s, &err), code);
  assert_null(w->s);
  if (strstr(err.message, text) == NULL)
    print_error("%s\n", err.message);
  assert_non_null(strstr(err.message, text));
  assert_non_null(strstr(err.message, world_path(w)));
  char *after = read_all(world_path(w), &after_len);
  assert_int_equal(before_len, after_len);
  assert_memory_equal(before, after, before_len);
  free(before);
  free(after);
}

static void test_a_new_file_has_the_newest_version_and_says_whose_it_is(void **state) {
  struct world *w = *state;
  world_open(w);
  world_close(w);
  const char *path = world_path(w);
  assert_int_equal(ask_sql(path, "PRAGMA user_version"), sqlite_migration_count);
  assert_int_equal(ask_sql(path, "SELECT v FROM meta WHERE k='version'"), sqlite_migration_count);
  assert_int_equal(ask_sql(path, "PRAGMA application_id"), SQLITE_STORE_APPLICATION_ID);
  assert_int_equal(ask_sql(path, "SELECT v FROM meta WHERE k='clean'"), 1);
}

static void test_a_newer_version_is_refused_untouched(void **state) {
  struct world *w = *state;
  world_open(w);
  put_one(w, "r", "1");
  world_close(w);
  run_sql(world_path(w), "PRAGMA user_version=9");
  expect_refused(w, CWS_ESTORE, "newer version (schema 9, this one knows 2)");
}

/* ---- migration ---- */

/* What version 1 was, with what version 2 wrote. */
static void make_fixture(struct world *w) {
  world_open(w);
  put_one(w, "r", "1");
  put_one(w, "q", "2");
  world_close(w);
  run_sql(world_path(w), "DROP TABLE notes; UPDATE meta SET v=1 WHERE k='version';"
                         "PRAGMA user_version=1");
}

static void test_a_store_of_version_1_goes_on(void **state) {
  struct world *w = *state;
  make_fixture(w);
  world_open(w);
  expect_data(w, "r", 1, "1");
  expect_data(w, "q", 1, "2");
  assert_int_equal(put_one(w, "r", "3"), 2);
  world_close(w);
  assert_int_equal(ask_sql(world_path(w), "PRAGMA user_version"), 2);
  assert_int_equal(ask_sql(world_path(w), "SELECT v FROM meta WHERE k='version'"), 2);
  assert_int_equal(ask_sql(world_path(w), "SELECT count(*) FROM notes"), 0);
}

static int add_a_column(struct sqlite_conn *c, struct cws_error *err) {
  return sqlite_exec(c,
                     "ALTER TABLE streams ADD COLUMN label TEXT;"
                     "UPDATE streams SET label=upper(request_id)",
                     err);
}

static int break_off(struct sqlite_conn *c, struct cws_error *err) {
  int code = sqlite_exec(c, "DELETE FROM events; DROP TABLE positions", err);
  assert_int_equal(code, 0);
  return sqlite_exec(c, "UPDATE no_such_table SET a=1", err);
}

static int migrate(const char *path, sqlite_migration_fn *const steps[], int count, int *from) {
  struct sqlite_conn c;
  struct cws_error err = {0};
  assert_int_equal(sqlite_conn_open(&c, path, SQLITE_CONN_WRITER, &err), 0);
  int code = sqlite_schema_migrate(&c, steps, count, from, &err);
  sqlite_conn_close(&c);
  return code;
}

static void test_an_older_version_is_migrated_with_what_it_holds(void **state) {
  struct world *w = *state;
  int from;
  make_fixture(w);
  sqlite_migration_fn *const steps[] = {sqlite_migrations[0], add_a_column};
  assert_int_equal(migrate(world_path(w), steps, 2, &from), 0);
  assert_int_equal(from, 1);
  const char *path = world_path(w);
  assert_int_equal(ask_sql(path, "PRAGMA user_version"), 2);
  assert_int_equal(ask_sql(path, "SELECT v FROM meta WHERE k='version'"), 2);
  assert_int_equal(ask_sql(path, "SELECT count(*) FROM streams WHERE label IN ('R','Q')"), 2);
  assert_int_equal(ask_sql(path, "SELECT count(*) FROM events"), 2);
  assert_int_equal(migrate(path, steps, 2, &from), 0); /* again: nothing to do */
  assert_int_equal(from, 2);
}

static void test_an_empty_file_takes_all_steps(void **state) {
  struct world *w = *state;
  int from;
  sqlite_migration_fn *const steps[] = {sqlite_migrations[0], add_a_column};
  run_sql(world_path(w), "PRAGMA journal_mode=WAL");
  assert_int_equal(migrate(world_path(w), steps, 2, &from), 0);
  assert_int_equal(from, 0);
  assert_int_equal(ask_sql(world_path(w), "PRAGMA user_version"), 2);
}

static void test_a_migration_that_fails_leaves_the_older_version(void **state) {
  struct world *w = *state;
  int from;
  make_fixture(w);
  sqlite_migration_fn *const steps[] = {sqlite_migrations[0], add_a_column, break_off};
  assert_int_not_equal(migrate(world_path(w), steps, 3, &from), 0);
  assert_int_equal(ask_sql(world_path(w), "PRAGMA user_version"), 1);
  world_open(w);
  expect_data(w, "r", 1, "1");
  expect_data(w, "q", 1, "2");
  assert_int_equal(put_one(w, "r", "3"), 2);
}

/* ---- other files ---- */

static void test_a_database_of_another_program_is_refused_untouched(void **state) {
  struct world *w = *state;
  run_sql(world_path(w), "CREATE TABLE events(a); INSERT INTO events VALUES(1)");
  expect_refused(w, CWS_ECORRUPT, "database of another program");
  run_sql(world_path(w), "PRAGMA application_id=77");
  expect_refused(w, CWS_ECORRUPT, "database of another program");
}

static void write_file(const char *path, const void *bytes, size_t len) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, len, f), len);
  fclose(f);
}

static void test_what_is_no_database_is_refused_untouched(void **state) {
  struct world *w = *state;
  static char bytes[20000];
  for (size_t i = 0; i < sizeof(bytes); i++)
    bytes[i] = (char)(i * 31 + i / 255);
  const size_t sizes[] = {1, 5, 100, 511, 512, 4096, 20000};
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    write_file(world_path(w), bytes, sizes[i]);
    expect_refused(w, CWS_ECORRUPT, ".recover");
  }
  memcpy(bytes, "SQLite format 3", 16);
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    write_file(world_path(w), bytes, sizes[i]);
    expect_refused(w, CWS_ECORRUPT, ".recover");
  }
}

static void test_an_empty_file_becomes_a_store(void **state) {
  struct world *w = *state;
  write_file(world_path(w), "", 0);
  world_open(w);
  assert_int_equal(put_one(w, "r", "1"), 1);
}

#define SCHEMA_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      SCHEMA_TEST(test_a_new_file_has_the_newest_version_and_says_whose_it_is),
      SCHEMA_TEST(test_a_newer_version_is_refused_untouched),
      SCHEMA_TEST(test_a_store_of_version_1_goes_on),
      SCHEMA_TEST(test_an_older_version_is_migrated_with_what_it_holds),
      SCHEMA_TEST(test_an_empty_file_takes_all_steps),
      SCHEMA_TEST(test_a_migration_that_fails_leaves_the_older_version),
      SCHEMA_TEST(test_a_database_of_another_program_is_refused_untouched),
      SCHEMA_TEST(test_what_is_no_database_is_refused_untouched),
      SCHEMA_TEST(test_an_empty_file_becomes_a_store),
  };
  return cmocka_run_group_tests_name("sqlite schema", tests, NULL, NULL);
}
