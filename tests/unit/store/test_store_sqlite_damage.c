/* Bytes that changed on disk are noticed, named, and harm nothing else. */
#include "tests/unit/store/support.h"

#include <sqlite3.h>
#include <unistd.h>

static int setup(void **state) {
  struct world *w = malloc(sizeof(*w));
  world_init(w, "sqlite");
  world_open(w);
  *state = w;
  return 0;
}

static int teardown(void **state) {
  world_finish(*state);
  free(*state);
  return 0;
}

static void run_sql(struct world *w, const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(world_path(w), &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Inverts a byte of the file, at the first place that holds `text`. */
static void flip(struct world *w, const char *text) {
  static char bytes[4 * 1024 * 1024];
  FILE *f = fopen(world_path(w), "r+b");
  assert_non_null(f);
  size_t len = fread(bytes, 1, sizeof(bytes), f), n = strlen(text), at = 0;
  while (at + n <= len && memcmp(bytes + at, text, n) != 0)
    at++;
  assert_true(at + n <= len);
  fseek(f, (long)at, SEEK_SET);
  fputc(~bytes[at] & 0x7f, f);
  assert_int_equal(fclose(f), 0);
}

static void expect_corrupt(struct world *w, struct store_range range, const char *what) {
  struct store_page *page;
  struct cws_error err = {0};
  assert_int_equal(store_read(w->s, "r", &range, &page, &err), CWS_ECORRUPT);
  if (strcmp(err.message, what) != 0)
    print_error("%s\n", err.message);
  assert_string_equal(err.message, what);
}

static void test_a_changed_byte_is_found_when_its_event_is_read(void **state) {
  struct world *w = *state;
  put_one(w, "r", "\"the first\"");
  put_one(w, "r", "\"the second one of them\"");
  put_one(w, "r", "\"the third\"");
  world_close(w);
  flip(w, "second one of");
  world_open(w);
  expect_corrupt(w, (struct store_range){0}, "message 2 of request 'r' is damaged in the store");
  expect_data(w, "r", 1, "\"the first\"");
  expect_data(w, "r", 3, "\"the third\"");
  assert_int_equal(put_one(w, "r", "4"), 4);
}

static void test_each_field_is_covered(void **state) {
  struct world *w = *state;
  struct store_event ev;
  const char *changes[] = {
      "UPDATE events SET type='other'",  "UPDATE events SET timestamp='2'",
      "UPDATE events SET event_id='b'",  "UPDATE events SET event_id=NULL",
      "UPDATE events SET fingerprint=1", "UPDATE events SET committed_ms=committed_ms+1",
      "UPDATE events SET data=x'3132'",  "UPDATE events SET data=x''",
  };
  assert_int_equal(put_id(w, "r", "1", "a", &ev), 0);
  for (size_t i = 0; i < COUNT_OF(changes); i++) {
    world_close(w);
    run_sql(w, "DROP TABLE IF EXISTS kept");
    run_sql(w, "CREATE TABLE kept AS SELECT * FROM events");
    run_sql(w, changes[i]);
    world_open(w);
    expect_corrupt(w, (struct store_range){0}, "message 1 of request 'r' is damaged in the store");
    world_close(w);
    run_sql(w, "DELETE FROM events; INSERT INTO events SELECT * FROM kept; DROP TABLE kept");
    world_open(w);
    expect_data(w, "r", 1, "1");
  }
}

static void test_a_missing_event_is_no_silent_hole(void **state) {
  struct world *w = *state;
  for (int i = 0; i < 5; i++)
    put_one(w, "r", "1");
  store_set_summary(w->s, "r", "epoch", 5, "{}");
  world_close(w);
  run_sql(w, "DELETE FROM events WHERE message_id=3");
  world_open(w);
  expect_corrupt(w, (struct store_range){0}, "message 3 of request 'r' is missing in the store");
  expect_data(w, "r", 4, "1");
  world_close(w);
  run_sql(w, "DELETE FROM events WHERE message_id>3");
  world_open(w);
  expect_corrupt(w, (struct store_range){.after = 3},
                 "message 4 of request 'r' is missing in the store");
  assert_int_equal(put_one(w, "r", "6"), 6); /* ids of lost events are not given again */
}

/* Fills a page in the middle with nonsense. */
static void damage_page(struct world *w, long page) {
  FILE *f = fopen(world_path(w), "r+b");
  assert_non_null(f);
  fseek(f, page * 4096, SEEK_SET);
  for (int i = 0; i < 4096; i++)
    fputc(0xa5, f);
  assert_int_equal(fclose(f), 0);
}

static void fill(struct world *w) {
  char data[1001];
  memset(data, 'x', 1000);
  data[1000] = '\0';
  for (int i = 0; i < 100; i++)
    put_one(w, "r", data);
}

static void test_after_an_unclean_end_a_damaged_file_is_refused(void **state) {
  struct world *w = *state;
  fill(w);
  world_close(w);
  damage_page(w, 20);
  run_sql(w, "UPDATE meta SET v=0 WHERE k='clean'");
  struct cws_error err = {0};
  assert_int_equal(store_open(w->uri, &w->options, &w->s, &err), CWS_ECORRUPT);
  assert_non_null(strstr(err.message, world_path(w)));
  assert_non_null(strstr(err.message, ".recover"));
  assert_null(w->s);
}

static void test_a_damaged_page_fails_what_lies_on_it_only(void **state) {
  struct world *w = *state;
  put_one(w, "early", "1");
  fill(w);
  world_close(w);
  damage_page(w, 20);
  world_open(w);
  struct store_page *page;
  struct cws_error err = {0};
  assert_int_equal(store_read(w->s, "r", &(struct store_range){0}, &page, &err), CWS_ECORRUPT);
  assert_non_null(strstr(err.message, world_path(w)));
  expect_data(w, "early", 1, "1");
  assert_int_equal(put_one(w, "early", "2"), 2);
  assert_int_equal(put_one(w, "new", "1"), 1);
}

#define DAMAGE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      DAMAGE_TEST(test_a_changed_byte_is_found_when_its_event_is_read),
      DAMAGE_TEST(test_each_field_is_covered),
      DAMAGE_TEST(test_a_missing_event_is_no_silent_hole),
      DAMAGE_TEST(test_after_an_unclean_end_a_damaged_file_is_refused),
      DAMAGE_TEST(test_a_damaged_page_fails_what_lies_on_it_only),
  };
  return cmocka_run_group_tests_name("sqlite damage", tests, NULL, NULL);
}
