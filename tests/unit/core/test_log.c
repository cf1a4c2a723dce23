/* log: what reaches the sink, and from many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/log.h"
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

struct lines {
  int count;
  enum cws_log_level level;
  char last[2048];
};

static void keep(enum cws_log_level level, const char *message, void *user) {
  struct lines *lines = user;
  lines->count++;
  lines->level = level;
  strncpy(lines->last, message, sizeof lines->last - 1);
}

static void only_levels_up_to_the_chosen_one_pass(void **state) {
  (void)state;
  for (int chosen = CWS_LOG_ERROR; chosen <= CWS_LOG_DEBUG; chosen++) {
    struct lines lines = {0};
    struct log *log = log_new((enum cws_log_level)chosen, keep, &lines);
    log_error(log, "e");
    assert_int_equal(lines.count, 1);
    log_warn(log, "w");
    log_info(log, "i");
    log_debug(log, "d");
    assert_int_equal(lines.count, chosen + 1);
    assert_int_equal(lines.level, chosen);
    for (int level = CWS_LOG_ERROR; level <= CWS_LOG_DEBUG; level++)
      assert_int_equal(log_enabled(log, (enum cws_log_level)level), level <= chosen);
    log_free(log);
  }
}

static void a_line_comes_with_its_level_and_its_words(void **state) {
  (void)state;
  struct lines lines = {0};
  struct log *log = log_new(CWS_LOG_INFO, keep, &lines);
  log_warn(log, "%s took %d ms", "it", 7);
  assert_int_equal(lines.level, CWS_LOG_WARN);
  assert_string_equal(lines.last, "it took 7 ms");
  log_free(log);
}

static void a_line_is_one_line(void **state) {
  (void)state;
  struct lines lines = {0};
  struct log *log = log_new(CWS_LOG_INFO, keep, &lines);
  log_info(log, "%s", "a\nb\r\tc\x1b[2J\xc3\xa9");
  assert_string_equal(lines.last, "a b  c [2J\xc3\xa9");
  log_free(log);
}

static void a_long_line_is_cut(void **state) {
  (void)state;
  struct lines lines = {0};
  struct log *log = log_new(CWS_LOG_INFO, keep, &lines);
  log_info(log, "%5000d", 1);
  assert_int_equal(strlen(lines.last), 1023);
  log_free(log);
}

static void no_log_and_no_sink_drop_everything(void **state) {
  (void)state;
  struct log *log = log_new(CWS_LOG_DEBUG, NULL, NULL);
  assert_false(log_enabled(NULL, CWS_LOG_ERROR));
  assert_false(log_enabled(log, CWS_LOG_ERROR));
  log_error(NULL, "x");
  log_error(log, "x");
  log_free(log);
  log_free(NULL);
}

enum { THREADS = 4, LINES = 500 };

/* Nothing guards these but the log's promise: one call at a time. */
struct shared {
  int inside, worst, count;
  int next[THREADS]; /* what each thread's next line must be */
};

static void watch(enum cws_log_level level, const char *message, void *user) {
  struct shared *s = user;
  int inside = ++s->inside;
  (void)level;
  if (inside > s->worst)
    s->worst = inside;
  sched_yield(); /* room for another to come in, if it can */
  long thread = strtol(message, NULL, 10), line = strtol(strchr(message, ' '), NULL, 10);
  assert_int_equal(s->next[thread]++, line);
  s->count++;
  s->inside--;
}

struct writer {
  struct log *log;
  int number;
};

static void *write_lines(void *user) {
  struct writer *w = user;
  for (int i = 0; i < LINES; i++)
    log_info(w->log, "%d %d", w->number, i);
  return NULL;
}

static void the_sink_is_called_once_at_a_time(void **state) {
  (void)state;
  struct shared s = {0};
  struct log *log = log_new(CWS_LOG_INFO, watch, &s);
  struct writer writers[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    writers[i] = (struct writer){log, i};
    assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &writers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  assert_int_equal(s.count, THREADS * LINES);
  assert_int_equal(s.worst, 1);
  log_free(log);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_levels_up_to_the_chosen_one_pass),
      cmocka_unit_test(a_line_comes_with_its_level_and_its_words),
      cmocka_unit_test(a_line_is_one_line),
      cmocka_unit_test(a_long_line_is_cut),
      cmocka_unit_test(no_log_and_no_sink_drop_everything),
      cmocka_unit_test(the_sink_is_called_once_at_a_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
