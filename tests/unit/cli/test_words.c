/* words: what a word stands for, by a command's usage; names: a small set. */
#include "cli/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/names.h"

/* The kinds of the first five positionals. */
static void assert_arguments(const char *usage, const char *expected) {
  const struct command c = {.usage = usage};
  char got[200] = "";
  for (size_t i = 0; i < 5; i++) {
    strcat(got, i > 0 ? " " : "");
    strcat(got, word_kind_name(word_kind_of_argument(&c, i)));
  }
  assert_string_equal(got, expected);
}

static void positionals_are_read_from_the_first_line_of_the_usage(void **state) {
  (void)state;
  assert_arguments("", "none none none none none");
  assert_arguments("REQUEST", "request none none none none");
  assert_arguments("[REQUEST]", "request none none none none");
  assert_arguments("REQUEST...", "request request request request request");
  assert_arguments("REQUEST ...", "request request request request request");
  assert_arguments("REQUEST TYPE [k=v | k:=JSON ...]\nREQUEST --file FILE",
                   "request type none none none");
  assert_arguments("[--into REQUEST] FILE", "file none none none none");
  assert_arguments("--sub NAME [--admin]", "none none none none none");
  assert_arguments("REQUEST -- CMD...", "request program program program program");
  assert_arguments("REQUEST -- COMMAND", "request command none none none");
}

static void values_are_read_from_what_help_calls_them(void **state) {
  (void)state;
  const struct {
    const char *arg;
    enum option_kind kind;
    enum word_kind expected;
  } cases[] = {
      {"FILE", OPTION_STRING, WORD_FILE},        {"FILE-or-URL", OPTION_LIST, WORD_FILE},
      {"TYPE,...", OPTION_STRING, WORD_TYPE},    {"DIR", OPTION_STRING, WORD_DIRECTORY},
      {"REQUEST2", OPTION_STRING, WORD_REQUEST}, {"FORMAT", OPTION_CHOICE, WORD_CHOICE},
      {"FILENAME", OPTION_STRING, WORD_NONE},    {"D", OPTION_DURATION, WORD_NONE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct option_spec s = {.arg = cases[i].arg, .kind = cases[i].kind};
    assert_int_equal(word_kind_of_value(&s), cases[i].expected);
  }
}

static void names_keep_each_once_in_order_and_no_more_than_there_is_room_for(void **state) {
  (void)state;
  struct names n = {0};
  char name[24];
  names_add(&n, "b");
  names_add(&n, "a");
  names_add(&n, "b");
  assert_int_equal(n.count, 2);
  assert_string_equal(n.items[0], "b");
  for (int i = 0; i < NAMES_MAX; i++) {
    snprintf(name, sizeof name, "%d", i);
    names_add(&n, name);
  }
  assert_int_equal(n.count, NAMES_MAX);
  names_finish(&n);
  assert_int_equal(n.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(positionals_are_read_from_the_first_line_of_the_usage),
      cmocka_unit_test(values_are_read_from_what_help_calls_them),
      cmocka_unit_test(names_keep_each_once_in_order_and_no_more_than_there_is_room_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
