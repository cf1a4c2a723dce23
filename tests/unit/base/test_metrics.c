/* Counters that threads add to, and their Prometheus text (format 0.0.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "server/base/metrics.h"

static void a_metric_is_three_lines_help_type_and_value(void **state) {
  (void)state;
  struct metrics m = {0};
  struct buf b;
  buf_init(&b);
  metrics_add(&m.http_requests, 3);
  metrics_add(&m.http_requests, 4);
  metrics_append(&m, &b);
  static const char first[] = "# HELP councilws_http_requests HTTP requests answered\n"
                              "# TYPE councilws_http_requests counter\n"
                              "councilws_http_requests 7\n";
  assert_int_equal(strncmp(b.data, first, strlen(first)), 0);
  buf_finish(&b);
}

static void a_gauge_goes_down_and_below_nothing(void **state) {
  (void)state;
  struct metrics m = {0};
  struct buf b;
  buf_init(&b);
  metrics_add(&m.watchers, 1);
  metrics_add(&m.watchers, -3);
  metrics_append(&m, &b);
  assert_non_null(strstr(b.data, "# TYPE councilws_watchers gauge\ncouncilws_watchers -2\n"));
  buf_finish(&b);
}

static void a_counter_holds_64_bits(void **state) {
  (void)state;
  struct metrics m = {0};
  struct buf b;
  buf_init(&b);
  metrics_add(&m.bytes_delivered, INT64_C(9007199254740993));
  metrics_append(&m, &b);
  assert_non_null(strstr(b.data, "\ncouncilws_bytes_delivered 9007199254740993\n"));
  buf_finish(&b);
}

/* Every row of the table: name and type as they stand, lines that end, nothing twice. */
static void every_metric_of_the_table_is_in_the_text_once(void **state) {
  (void)state;
  struct metrics m = {0};
  struct buf b;
  char line[160];
  size_t rows = 0, newlines = 0;
  buf_init(&b);
  metrics_append(&m, &b);
#define HAS(name, type, help)                                                                      \
  snprintf(line, sizeof line, "# TYPE councilws_%s %s\ncouncilws_%s 0\n", #name, type, #name);     \
  assert_non_null(strstr(b.data, line));                                                           \
  assert_null(strstr(strstr(b.data, line) + 1, line));                                             \
  rows++;
  METRICS_TABLE(HAS)
#undef HAS
  for (size_t i = 0; i < b.len; i++)
    newlines += b.data[i] == '\n';
  assert_int_equal(newlines, 3 * rows);
  buf_finish(&b);
}

/* Prometheus says what is wrong with a name or type only when it scrapes; so it is looked at here.
 */
static void names_and_types_are_what_prometheus_takes(void **state) {
  (void)state;
#define GOOD(name, type, help)                                                                     \
  assert_int_equal(strspn(#name, "abcdefghijklmnopqrstuvwxyz_"), strlen(#name));                   \
  assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0);                         \
  assert_null(strpbrk(help, "\n\\"));
  METRICS_TABLE(GOOD)
#undef GOOD
}

enum { THREADS = 4, ADDS = 20000 };

static void *add_many(void *arg) {
  struct metrics *m = arg;
  for (int i = 0; i < ADDS; i++) {
    metrics_add(&m->acks, 1);
    metrics_add(&m->connections, i % 2 == 0 ? 1 : -1);
  }
  return NULL;
}

static void nothing_that_threads_add_is_lost(void **state) {
  (void)state;
  struct metrics m = {0};
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, add_many, &m), 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&m.acks), THREADS * ADDS);
  assert_int_equal(atomic_load(&m.connections), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_metric_is_three_lines_help_type_and_value),
      cmocka_unit_test(a_gauge_goes_down_and_below_nothing),
      cmocka_unit_test(a_counter_holds_64_bits),
      cmocka_unit_test(every_metric_of_the_table_is_in_the_text_once),
      cmocka_unit_test(names_and_types_are_what_prometheus_takes),
      cmocka_unit_test(nothing_that_threads_add_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
