/* split: a line of the console into words. */
#include "cli/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The words of `line`, each in <>. */
static void assert_words(const char *line, const char *expected) {
  char got[200] = "";
  int count;
  bool is_open;
  char **words = split_words(line, &count, &is_open);
  assert_non_null(words);
  assert_false(is_open);
  for (int i = 0; i < count; i++) {
    strcat(got, "<");
    strcat(got, words[i]);
    strcat(got, ">");
  }
  assert_null(words[count]);
  assert_string_equal(got, expected);
  split_free(words);
}

static void blanks_divide_and_any_number_of_them_is_one(void **state) {
  (void)state;
  assert_words("watch  a\tb ", "<watch><a><b>");
  assert_words("  ", "");
  assert_words("", "");
  assert_words("a b c d e f g h i", "<a><b><c><d><e><f><g><h><i>");
}

static void quotes_hold_together_and_may_be_empty(void **state) {
  (void)state;
  assert_words("a 'b c' \"d e\"", "<a><b c><d e>");
  assert_words("x='a b'c", "<x=a bc>");
  assert_words("'' \"\"", "<><>");
  assert_words("'say \"x\"' \"it's\"", "<say \"x\"><it's>");
}

static void a_backslash_takes_the_next_character_as_a_shell_does(void **state) {
  (void)state;
  assert_words("a\\ b \\'", "<a b><'>");
  assert_words("\"a\\\"b\\n\"", "<a\"b\\n>");
  assert_words("'a\\'", "<a\\>");
  assert_words("a\\", "<a\\>");
}

static void a_comment_begins_where_a_word_could(void **state) {
  (void)state;
  assert_words("a # b", "<a>");
  assert_words("a#b '#c'", "<a#b><#c>");
}

static void an_open_quote_is_told(void **state) {
  (void)state;
  static const char *const OPEN[] = {"a 'b", "\"", "a\"b\\\""};
  for (size_t i = 0; i < sizeof OPEN / sizeof OPEN[0]; i++) {
    int count;
    bool is_open;
    assert_null(split_words(OPEN[i], &count, &is_open));
    assert_true(is_open);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blanks_divide_and_any_number_of_them_is_one),
      cmocka_unit_test(quotes_hold_together_and_may_be_empty),
      cmocka_unit_test(a_backslash_takes_the_next_character_as_a_shell_does),
      cmocka_unit_test(a_comment_begins_where_a_word_could),
      cmocka_unit_test(an_open_quote_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
