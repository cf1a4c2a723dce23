/* glob: * and ?, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <councilws/token.h>
#include <string.h>

struct row {
  const char *glob, *id;
};

static const struct row MATCHES[] = {
    {"", ""},
    {"a", "a"},
    {"*", ""},
    {"*", "anything:at.all~"},
    {"**", "a"},
    {"?", "a"},
    {"req-*", "req-1"},
    {"req-*", "req-"},
    {"*-1", "req-1"},
    {"*a*b*", "xaxbx"},
    {"a*b", "ab"},
    {"a*b", "aXbXb"},
    {"*aab", "aaaab"},
    {"a?c", "abc"},
    {"*?", "a"},
    {"?*?", "ab"},
    {"*ab?d*", "abad abcd"},
    {"a*", "a*"},
};

static const struct row MISSES[] = {
    {"", "a"},    {"a", ""},      {"a", "b"},       {"a", "aa"},         {"aa", "a"},
    {"?", ""},    {"?", "ab"},    {"req-*", "req"}, {"req-*", "xreq-1"}, {"*-1", "req-12"},
    {"A", "a"},   {"a*b", "abc"}, {"?*?", "a"},     {"*aab", "aaba"},    {"[a]", "a"},
    {"\\*", "*"}, {"{a,b}", "a"}, {"a.c", "abc"},   {"*a*b*", "ba"},
};

static void a_star_is_any_run_and_a_question_mark_one_character(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof MATCHES / sizeof MATCHES[0]; i++) {
    if (!cws_glob_match(MATCHES[i].glob, MATCHES[i].id))
      fail_msg("'%s' does not match '%s'", MATCHES[i].glob, MATCHES[i].id);
  }
}

static void everything_else_stands_for_itself(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof MISSES / sizeof MISSES[0]; i++) {
    if (cws_glob_match(MISSES[i].glob, MISSES[i].id))
      fail_msg("'%s' matches '%s'", MISSES[i].glob, MISSES[i].id);
  }
  assert_true(cws_glob_match("[a]", "[a]"));
  assert_true(cws_glob_match("\\*", "\\anything"));
}

/* Backtracking over each star would take longer than anyone waits. */
static void many_stars_take_no_longer_than_glob_times_id(void **state) {
  (void)state;
  char glob[129], id[129];
  for (size_t i = 0; i < 126; i += 2)
    memcpy(glob + i, "*a", 2);
  strcpy(glob + 126, "b");
  memset(id, 'a', 128);
  id[128] = '\0';
  for (int i = 0; i < 1000; i++)
    assert_false(cws_glob_match(glob, id));
  id[127] = 'b';
  assert_true(cws_glob_match(glob, id));
}

/* The same answer as the plainest definition, for every glob and id of up to four characters. */
static bool plain(const char *glob, const char *id) {
  if (*glob == '\0')
    return *id == '\0';
  if (*glob == '*')
    return plain(glob + 1, id) || (*id != '\0' && plain(glob, id + 1));
  return *id != '\0' && (*glob == '?' || *glob == *id) && plain(glob + 1, id + 1);
}

static void word(char *out, unsigned n, const char *letters, unsigned count) {
  for (; n > 0; n /= count + 1) {
    if (n % (count + 1) > 0)
      *out++ = letters[n % (count + 1) - 1];
  }
  *out = '\0';
}

static void it_agrees_with_the_definition_on_all_short_words(void **state) {
  (void)state;
  char glob[8], id[8];
  for (unsigned g = 0; g < 5 * 5 * 5 * 5 * 5; g++) {
    word(glob, g, "ab*?", 4);
    for (unsigned i = 0; i < 3 * 3 * 3 * 3 * 3; i++) {
      word(id, i, "ab", 2);
      if (cws_glob_match(glob, id) != plain(glob, id))
        fail_msg("'%s' on '%s'", glob, id);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_star_is_any_run_and_a_question_mark_one_character),
      cmocka_unit_test(everything_else_stands_for_itself),
      cmocka_unit_test(many_stars_take_no_longer_than_glob_times_id),
      cmocka_unit_test(it_agrees_with_the_definition_on_all_short_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
