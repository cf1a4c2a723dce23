/* line_cutter: what a command writes into lines and pieces of lines. */
#include "cli/line_cutter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char got[4096];

/* "line|" for a whole line, "piece+" for one that goes on. */
static void on_line(const char *line, size_t len, bool continues, void *user) {
  (void)user;
  assert_int_equal(line[len], '\0');
  strncat(got, line, len);
  strcat(got, continues ? "+" : "|");
}

static void cut(size_t max, const char *const *parts) {
  struct line_cutter c;
  got[0] = '\0';
  assert_int_equal(line_cutter_init(&c, max, on_line, NULL), 0);
  for (; *parts != NULL; parts++)
    line_cutter_take(&c, *parts, strlen(*parts));
  line_cutter_end(&c);
  line_cutter_finish(&c);
}

#define assert_cut(max, expected, ...)                                                             \
  do {                                                                                             \
    cut(max, (const char *const[]){__VA_ARGS__, NULL});                                            \
    assert_string_equal(got, expected);                                                            \
  } while (0)

static void lines_are_given_as_they_become_whole(void **state) {
  (void)state;
  assert_cut(10, "a|b|", "a\nb\n");
  assert_cut(10, "ab|c|", "a", "b\n", "c\n");
  assert_cut(10, "||", "\n\n");
  assert_cut(10, "", "");
}

static void the_last_line_needs_no_newline(void **state) {
  (void)state;
  assert_cut(10, "a|b|", "a\nb");
}

static void one_carriage_return_before_the_end_is_no_part_of_the_line(void **state) {
  (void)state;
  assert_cut(10, "a|b\r|c\rd|", "a\r\nb\r\r\nc\rd\r\n");
  assert_cut(10, "a|", "a\r", "\n");
}

static void a_long_line_comes_in_pieces_as_soon_as_it_is_too_long(void **state) {
  (void)state;
  assert_cut(4, "abcd+ef|", "abcdef\n");
  assert_cut(4, "abcd|", "abcd\n"); /* not too long */
  assert_cut(4, "abcd+efgh+i|", "abc", "def", "ghi");
}

static void no_piece_ends_within_a_character(void **state) {
  (void)state;
  assert_cut(4,
             "abc+\xc3\xbc"
             "d|",
             "abc\xc3\xbc"
             "d\n");
  assert_cut(4, "a+\xf0\x9f\x98\x80+b|",
             "a\xf0\x9f\x98\x80"
             "b\n");
  assert_cut(4, "a+\xf0\x9f\x98\x80|", "a\xf0\x9f", "\x98\x80\n");
  assert_cut(4, "\x80+\x80\x80\x80\x80|", "\x80\x80\x80\x80\x80\n"); /* no characters at all */
}

static size_t bytes_given;

static void count(const char *line, size_t len, bool continues, void *user) {
  (void)line;
  (void)user;
  bytes_given += len + (continues ? 0 : 1);
}

static void more_than_is_looked_at_at_a_time_is_taken_whole(void **state) {
  (void)state;
  static char many[200000];
  struct line_cutter c;
  memset(many, 'x', sizeof many);
  many[150000] = many[sizeof many - 1] = '\n';
  assert_int_equal(line_cutter_init(&c, 1000, count, NULL), 0);
  line_cutter_take(&c, many, sizeof many);
  assert_int_equal(bytes_given, sizeof many);
  line_cutter_finish(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_are_given_as_they_become_whole),
      cmocka_unit_test(the_last_line_needs_no_newline),
      cmocka_unit_test(one_carriage_return_before_the_end_is_no_part_of_the_line),
      cmocka_unit_test(a_long_line_comes_in_pieces_as_soon_as_it_is_too_long),
      cmocka_unit_test(no_piece_ends_within_a_character),
      cmocka_unit_test(more_than_is_looked_at_at_a_time_is_taken_whole),
  };
  return cmocka_run_group_tests_name("line_cutter", tests, NULL, NULL);
}
