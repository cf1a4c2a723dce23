/* text: what a terminal is given in the place of each byte or character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture/text.h"

struct expected {
  const char *bytes;
  size_t taken;
  const char *shown;
  int cells;
};

static void check(const struct expected *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct glyph g;
    size_t len = strlen(list[i].bytes);
    size_t taken = text_next(list[i].bytes, len > 0 ? len : 1, &g);
    if (taken != list[i].taken || g.cells != list[i].cells || strcmp(g.bytes, list[i].shown) != 0)
      fail_msg("case %zu: %zu bytes taken, '%s' in %d cells", i, taken, g.bytes, g.cells);
  }
}

#define CHECK(list) check((list), sizeof(list) / sizeof(list)[0])

static void letters_are_themselves_and_as_wide_as_they_are(void **state) {
  (void)state;
  static const struct expected LIST[] = {
      {"a", 1, "a", 1},
      {"é", 2, "é", 1},
      {"\xcc\x81", 2, "\xcc\x81", 0}, /* combining acute */
      {"日", 3, "日", 2},
      {"🦊", 4, "🦊", 2},
      {"~", 1, "~", 1},
  };
  CHECK(LIST);
}

static void control_bytes_are_escaped(void **state) {
  (void)state;
  static const struct expected LIST[] = {
      {"\x1b[2J", 1, "\\x1b", 4},
      {"\a", 1, "\\x07", 4},
      {"\n", 1, "\\n", 2},
      {"\t", 1, "\\t", 2},
      {"\r", 1, "\\x0d", 4},
      {"\x7f", 1, "\\x7f", 4},
      {"", 1, "\\x00", 4},
      {"\xc2\x9b"
       "31m",
       2, "\\x9b", 4},
      {"\x01", 1, "\\x01", 4},
  };
  CHECK(LIST);
}

static void bytes_that_are_no_utf8_are_escaped_one_by_one(void **state) {
  (void)state;
  static const struct expected LIST[] = {
      {"\xff", 1, "\\xff", 4},         {"\x9b", 1, "\\x9b", 4},
      {"\xe6\x97", 1, "\\xe6", 4},     {"\xc0\xaf", 1, "\\xc0", 4},
      {"\xed\xa0\x80", 1, "\\xed", 4}, {"\xf4\x90\x80\x80", 1, "\\xf4", 4},
      {"\xe0\x80\x80", 1, "\\xe0", 4}, {"\xf0\x9f", 1, "\\xf0", 4},
  };
  CHECK(LIST);
}

static void what_turns_the_direction_of_writing_is_escaped(void **state) {
  (void)state;
  static const struct expected LIST[] = {
      {"\u202e", 3, "\\u202e", 6},      {"\u2066", 3, "\\u2066", 6}, {"\u200f", 3, "\\u200f", 6},
      {"\u2028", 3, "\\u2028", 6},      {"\ufeff", 3, "\\ufeff", 6}, {"\u061c", 2, "\\u061c", 6},
      {"\U000e0041", 4, "\\ue0041", 7},
  };
  CHECK(LIST);
}

static void blanks_and_joiners_are_told(void **state) {
  (void)state;
  struct glyph g;
  text_next(" ", 1, &g);
  assert_true(g.is_blank);
  text_next("\n", 1, &g);
  assert_true(g.is_blank);
  text_next("\u200d", 3, &g);
  assert_true(g.is_joiner);
  text_next("\ufe0f", 3, &g);
  assert_true(g.is_joiner);
  text_next("a", 1, &g);
  assert_false(g.is_blank || g.is_joiner);
}

static void the_locale_says_whether_it_is_utf8_and_none_is(void **state) {
  (void)state;
  static const struct {
    const char *lc_all, *lang;
    bool is_utf8;
  } LIST[] = {{"", "", true},          {"", "de_DE.UTF-8", true}, {"C.utf8", "C", true},
              {"C", "C.UTF-8", false}, {"", "POSIX", false},      {"", "de_DE.ISO-8859-1", false}};
  unsetenv("LC_CTYPE");
  for (size_t i = 0; i < sizeof LIST / sizeof LIST[0]; i++) {
    setenv("LC_ALL", LIST[i].lc_all, 1);
    setenv("LANG", LIST[i].lang, 1);
    assert_int_equal(text_locale_is_utf8(), LIST[i].is_utf8);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(letters_are_themselves_and_as_wide_as_they_are),
      cmocka_unit_test(control_bytes_are_escaped),
      cmocka_unit_test(bytes_that_are_no_utf8_are_escaped_one_by_one),
      cmocka_unit_test(what_turns_the_direction_of_writing_is_escaped),
      cmocka_unit_test(blanks_and_joiners_are_told),
      cmocka_unit_test(the_locale_says_whether_it_is_utf8_and_none_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
