/* table: columns as wide as what stands in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture/table.h"
#include "support.h"

static const struct table_column COLUMNS[] = {
    {"name", false, true}, {"n", true, false}, {"who", false, false}};

static void fill(struct table *t) {
  table_init(t, COLUMNS, 3);
  table_cell(t, INK_PLAIN, "日本\x1b");
  table_cellf(t, INK_RED, "%d", 1000);
  table_cell(t, INK_PLAIN, "");
  table_cell(t, INK_PLAIN, "a-rather-long-name");
  table_cell(t, INK_PLAIN, "7");
  table_cell(t, INK_PLAIN, "me");
}

static void check(const struct table *t, size_t row, int width, const char *wanted) {
  struct line l;
  table_line(t, row, width, &l);
  char *shown = plain(l.bytes);
  assert_string_equal(shown, wanted);
  free(shown);
  line_finish(&l);
}

static void columns_are_aligned_whatever_stands_in_them(void **state) {
  (void)state;
  struct table t;
  fill(&t);
  assert_int_equal(table_rows(&t), 2);
  check(&t, 0, 0, "name                   n  who");
  check(&t, 1, 0, "日本\\x1b            1000");
  check(&t, 2, 0, "a-rather-long-name     7  me");
  table_finish(&t);
}

static void the_flexible_column_gives_way_and_then_the_line_is_cut(void **state) {
  (void)state;
  struct table t;
  fill(&t);
  check(&t, 2, 24, "a-rather-lon…     7  me");
  check(&t, 0, 24, "name              n  who");
  check(&t, 2, 16, "a-rathe…     7 …");
  table_finish(&t);
}

static void of_several_the_widest_gives_way_first(void **state) {
  (void)state;
  static const struct table_column TWO[] = {{"a", false, true}, {"b", false, true}};
  struct table t;
  table_init(&t, TWO, 2);
  table_cell(&t, INK_PLAIN, "0123456789abcdef");
  table_cell(&t, INK_PLAIN, "0123456789");
  check(&t, 1, 0, "0123456789abcdef  0123456789");
  check(&t, 1, 25, "0123456789ab…  0123456789");
  check(&t, 1, 20, "01234567…  01234567…");
  check(&t, 1, 18, "0123456…  0123456…");
  table_finish(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_are_aligned_whatever_stands_in_them),
      cmocka_unit_test(the_flexible_column_gives_way_and_then_the_line_is_cut),
      cmocka_unit_test(of_several_the_widest_gives_way_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
