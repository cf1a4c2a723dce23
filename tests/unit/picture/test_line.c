/* line: pieces one after another, cut to a width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture/line.h"
#include "support.h"

/* What the line shows, and that it knows how wide that is. */
static void check(struct line *l, const char *wanted, int cells) {
  char *shown = plain(l->bytes != NULL ? l->bytes : "");
  assert_string_equal(shown, wanted);
  assert_int_equal(l->cells, cells);
  assert_int_equal(line_cells(shown), cells);
  free(shown);
  line_finish(l);
}

static void what_fits_is_whole_and_what_does_not_ends_in_a_mark(void **state) {
  (void)state;
  struct line l;
  line_init(&l, 5);
  line_add(&l, "12345");
  check(&l, "12345", 5);
  line_init(&l, 5);
  line_add(&l, "12345");
  line_add(&l, "6");
  line_add(&l, "7");
  check(&l, "1234…", 5);
  line_init(&l, 5);
  line_add(&l, "123日本");
  check(&l, "123…", 4);
  line_init(&l, 1);
  line_add(&l, "日本");
  check(&l, "…", 1);
}

static void inks_survive_the_cut_so_that_no_colour_runs_on(void **state) {
  (void)state;
  struct line l;
  line_init(&l, 4);
  line_ink(&l, INK_RED);
  line_add(&l, "abcd");
  line_ink(&l, INK_PLAIN);
  line_add(&l, "efgh");
  assert_string_equal(l.bytes, "\x04"
                               "abc"
                               "\x01"
                               "…");
  line_finish(&l);
}

static void an_escape_is_never_cut_in_two(void **state) {
  (void)state;
  struct line l;
  line_init(&l, 5);
  line_chars(&l, "ab\x1b", 3, 0);
  check(&l, "ab…", 3);
}

static void data_cannot_bring_inks_along(void **state) {
  (void)state;
  struct line l;
  line_init(&l, 0);
  line_chars(&l, "a\x04z", 3, 0);
  check(&l, "a\\x04z", 6);
}

static void characters_are_counted_where_that_is_asked_for(void **state) {
  (void)state;
  struct line l;
  line_init(&l, 0);
  line_chars(&l, "日本語です", strlen("日本語です"), 3);
  check(&l, "日本語…", 7);
  line_init(&l, 0);
  line_chars(&l, "abc", 3, 3);
  check(&l, "abc", 3);
}

static void a_piece_is_fitted_into_its_cells(void **state) {
  (void)state;
  struct line l;
  line_init(&l, 20);
  line_fit(&l, "日本語です", 6);
  line_pad(&l, 8);
  line_add(&l, "|");
  check(&l, "日本…   |", 9);
}

static void folded_text_has_no_line_breaks_no_joiners_and_single_blanks(void **state) {
  (void)state;
  struct line l;
  line_init(&l, 0);
  l.is_folded = true;
  const char *text = "a \n\n\t b 👨\u200d👩 ❤\ufe0f";
  line_chars(&l, text, strlen(text), 0);
  check(&l, "a b 👨👩 ❤", 10);
}

static void a_tower_of_marks_is_cut_down(void **state) {
  (void)state;
  struct line l;
  char text[2 + 200] = "z";
  for (int i = 0; i < 100; i++)
    memcpy(text + 1 + 2 * i, "\xcc\x81", 2);
  line_init(&l, 0);
  line_chars(&l, text, 201, 0);
  assert_int_equal(l.len, 1 + 4 * 2);
  assert_int_equal(l.cells, 1);
  line_finish(&l);
}

static void a_terminal_of_ascii_gets_ascii(void **state) {
  (void)state;
  struct line l;
  line_init(&l, 6);
  l.is_ascii = true;
  const char *text = "aé日\xcc\x81 bcd";
  line_chars(&l, text, strlen(text), 0);
  check(&l, "a?? b~", 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_fits_is_whole_and_what_does_not_ends_in_a_mark),
      cmocka_unit_test(inks_survive_the_cut_so_that_no_colour_runs_on),
      cmocka_unit_test(an_escape_is_never_cut_in_two),
      cmocka_unit_test(data_cannot_bring_inks_along),
      cmocka_unit_test(characters_are_counted_where_that_is_asked_for),
      cmocka_unit_test(a_piece_is_fitted_into_its_cells),
      cmocka_unit_test(folded_text_has_no_line_breaks_no_joiners_and_single_blanks),
      cmocka_unit_test(a_tower_of_marks_is_cut_down),
      cmocka_unit_test(a_terminal_of_ascii_gets_ascii),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
