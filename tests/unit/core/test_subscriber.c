/* The name behind a position: no two subscribers ever meet in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/subscriber.h"
#include <cmocka.h>
#include <councilws/event.h>
#include <stdlib.h>
#include <string.h>

static void assert_name(const char *sub, const char *name, const char *expected) {
  char *out;
  assert_int_equal(subscriber_format(sub, name, &out, NULL), 0);
  assert_string_equal(out, expected);
  free(out);
}

static void a_sub_alone_is_the_name(void **state) {
  (void)state;
  assert_name("ann", NULL, "ann");
  assert_name("ann@example.org", NULL, "ann@example.org");
}

static void a_name_follows_behind_a_slash(void **state) {
  (void)state;
  assert_name("ann", "phone", "ann/phone");
}

static void a_sub_with_a_slash_is_not_another_ones_name(void **state) {
  (void)state;
  assert_name("ann/phone", NULL, "ann%2Fphone");
  assert_name("ann%2Fphone", NULL, "ann%252Fphone");
  assert_name("a/b", "c", "a%2Fb/c");
}

static void what_is_too_long_is_refused(void **state) {
  (void)state;
  char sub[CWS_SUBSCRIBER_MAX + 2] = {0};
  char *out = NULL;
  struct cws_error e = {0};
  memset(sub, 'a', CWS_SUBSCRIBER_MAX);
  assert_name(sub, NULL, sub);
  assert_int_equal(subscriber_format(sub, "x", &out, &e), CWS_EBADREQUEST);
  memset(sub, '/', CWS_SUBSCRIBER_MAX / 3 + 1);
  assert_int_equal(subscriber_format(sub, NULL, &out, NULL), CWS_EBADREQUEST);
  assert_null(out);
}

static void a_name_is_1_to_64_plain_characters(void **state) {
  (void)state;
  static const char longest[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ._";
  assert_int_equal(strlen(longest), 64);
  assert_int_equal(subscriber_name_check(longest, NULL), 0);
  assert_int_equal(subscriber_name_check("a~:-._9Z", NULL), 0);
  static const char *const bad[] = {"", "a/b", "a b", "a%", "\xc3\xa4", "a\n"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    assert_int_equal(subscriber_name_check(bad[i], NULL), CWS_EBADREQUEST);
  char too_long[66] = {0};
  memset(too_long, 'a', 65);
  struct cws_error e = {0};
  assert_int_equal(subscriber_name_check(too_long, &e), CWS_EBADREQUEST);
  assert_non_null(strstr(e.message, "subscriber"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_sub_alone_is_the_name),
      cmocka_unit_test(a_name_follows_behind_a_slash),
      cmocka_unit_test(a_sub_with_a_slash_is_not_another_ones_name),
      cmocka_unit_test(what_is_too_long_is_refused),
      cmocka_unit_test(a_name_is_1_to_64_plain_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
