/* spool: what is in the file after each step, as another process would find it. */
#include "cli/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/exit_code.h"
#include "cli/talk.h"

#define LARGE 60000 /* bytes of one event: a few are worth making the file smaller */

static char dir[64];

static struct spool *open_spool(void) {
  struct spool *s = NULL;
  assert_int_equal(spool_open(dir, "r", 1, &s), 0);
  return s;
}

/* {"n":N,…}, padded to LARGE. */
static struct cws_event event_of(int n, char data[LARGE + 1]) {
  int len = snprintf(data, LARGE + 1, "{\"n\":%d,\"x\":\"", n);
  memset(data + len, 'x', (size_t)(LARGE - len));
  memcpy(data + LARGE - 2, "\"}", 3);
  return (struct cws_event){.type = "log", .data = data, .data_len = LARGE};
}

static void add(struct spool *s, int from, int to) {
  char data[LARGE + 1];
  for (int n = from; n <= to; n++) {
    struct cws_event event = event_of(n, data);
    assert_int_equal(spool_add(s, &event), 0);
  }
  assert_int_equal(spool_sync(s), 0);
}

/* The next to be sent are those with these numbers. */
static void assert_next(struct spool *s, int from, int to) {
  for (int n = from; n <= to; n++) {
    char expected[32], id[64];
    int failed;
    struct cws_event_owned *event = spool_next(s, &failed);
    assert_int_equal(failed, 0);
    assert_non_null(event);
    const struct cws_event *e = cws_event_view(event);
    snprintf(expected, sizeof expected, "{\"n\":%d,", n);
    assert_memory_equal(e->data, expected, strlen(expected));
    snprintf(id, sizeof id, "-%d", n);
    assert_string_equal(strchr(e->event_id, '-'), id);
    cws_event_free(event);
  }
}

static void assert_no_next(struct spool *s) {
  int failed;
  assert_null(spool_next(s, &failed));
  assert_int_equal(failed, 0);
}

static void answer(struct spool *s, uint64_t count) {
  spool_answered(s, count);
  assert_int_equal(spool_sync(s), 0);
}

static void assert_knows(struct spool *s, int from, int to) {
  char data[LARGE + 1];
  for (int n = from; n <= to; n++) {
    struct cws_event event = event_of(n, data);
    assert_true(spool_has_next(s, &event));
  }
  struct cws_event event = event_of(to + 1, data);
  assert_false(spool_has_next(s, &event));
}

static off_t size_of(const struct spool *s) {
  struct stat st;
  assert_int_equal(stat(spool_path(s), &st), 0);
  return st.st_size;
}

/* ---- tests ---- */

static void what_was_synced_is_there_again_with_its_ids(void **state) {
  (void)state;
  struct spool *s = open_spool();
  add(s, 1, 3);
  spool_close(s);
  s = open_spool();
  assert_int_equal(spool_count_pending(s), 3);
  assert_next(s, 1, 3);
  assert_no_next(s);
  assert_knows(s, 1, 3);
  assert_int_equal(spool_remove(s), 0);
}

static void what_is_answered_leaves_the_file_and_nothing_else_does(void **state) {
  (void)state;
  struct spool *s = open_spool();
  add(s, 1, 10);
  assert_next(s, 1, 8);
  answer(s, 6);
  assert_true(size_of(s) < 5 * LARGE);
  assert_next(s, 9, 10); /* 7 and 8 were given out before */
  assert_no_next(s);
  assert_int_equal(spool_count_answered(s), 6);
  assert_int_equal(spool_count_pending(s), 4);
  spool_close(s);
  s = open_spool();
  assert_int_equal(spool_count_answered(s), 6);
  assert_next(s, 7, 10);
  assert_knows(s, 1, 10);
  assert_int_equal(spool_remove(s), 0);
}

static void it_goes_on_growing_and_shrinking(void **state) {
  (void)state;
  struct spool *s = open_spool();
  for (int round = 0; round < 4; round++) {
    add(s, 6 * round + 1, 6 * round + 6);
    assert_next(s, 6 * round + 1, 6 * round + 6);
    answer(s, (uint64_t)(6 * round + 6));
    assert_true(size_of(s) < 1000);
  }
  add(s, 25, 26);
  spool_close(s);
  s = open_spool();
  assert_next(s, 25, 26);
  assert_knows(s, 1, 26);
  answer(s, 26);
  assert_int_equal(spool_remove(s), 0);
}

static void one_that_forgets_its_input_keeps_the_numbers(void **state) {
  (void)state;
  struct spool *s = open_spool();
  spool_forget_input(s);
  add(s, 1, 10);
  assert_next(s, 1, 6);
  answer(s, 6);
  assert_next(s, 7, 10);
  answer(s, 10);
  add(s, 11, 11);
  spool_close(s);
  s = open_spool();
  assert_int_equal(spool_count_answered(s), 10);
  assert_next(s, 11, 11);
  assert_int_equal(spool_remove(s), 0);
}

static void few_bytes_are_not_worth_it(void **state) {
  (void)state;
  struct spool *s = open_spool();
  add(s, 1, 3);
  off_t before = size_of(s);
  assert_next(s, 1, 3);
  answer(s, 3);
  assert_true(size_of(s) > before);
  assert_int_equal(spool_remove(s), 0);
}

static void without_a_name_it_is_made_smaller_too(void **state) {
  (void)state;
  struct spool *s = NULL;
  assert_int_equal(spool_open(NULL, "r", 1, &s), 0);
  spool_forget_input(s);
  add(s, 1, 10);
  assert_next(s, 1, 8);
  answer(s, 6);
  assert_next(s, 9, 10);
  add(s, 11, 11);
  assert_next(s, 11, 11);
  assert_no_next(s);
  spool_close(s);
}

static void where_it_cannot_be_made_smaller_it_goes_on_as_it_was(void **state) {
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s/r.spool.new", dir);
  struct spool *s = open_spool();
  assert_int_equal(mkdir(path, 0700), 0);
  add(s, 1, 10);
  assert_next(s, 1, 8);
  answer(s, 6);
  assert_true(size_of(s) > 10 * LARGE);
  assert_next(s, 9, 10);
  rmdir(path);
  add(s, 11, 30);
  assert_next(s, 11, 30);
  answer(s, 30);
  assert_true(size_of(s) < 1000);
  assert_int_equal(spool_remove(s), 0);
}

static void nobody_else_gets_it_while_it_changes_its_file(void **state) {
  (void)state;
  struct spool *s = open_spool(), *other = NULL;
  add(s, 1, 10);
  assert_next(s, 1, 10);
  answer(s, 10);
  assert_int_equal(spool_open(dir, "r", 1, &other), EXIT_TRYAGAIN);
  assert_int_equal(spool_remove(s), 0);
}

static int make_dir(void **state) {
  (void)state;
  strcpy(dir, "/tmp/councilws.XXXXXX");
  talk_set_level(TALK_QUIET);
  return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state) {
  (void)state;
  return rmdir(dir); /* each test leaves nothing in it */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_synced_is_there_again_with_its_ids),
      cmocka_unit_test(what_is_answered_leaves_the_file_and_nothing_else_does),
      cmocka_unit_test(it_goes_on_growing_and_shrinking),
      cmocka_unit_test(one_that_forgets_its_input_keeps_the_numbers),
      cmocka_unit_test(few_bytes_are_not_worth_it),
      cmocka_unit_test(without_a_name_it_is_made_smaller_too),
      cmocka_unit_test(where_it_cannot_be_made_smaller_it_goes_on_as_it_was),
      cmocka_unit_test(nobody_else_gets_it_while_it_changes_its_file),
  };
  return cmocka_run_group_tests_name("spool", tests, make_dir, remove_dir);
}
