/* request_id: what may name a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <councilws/event.h>
#include <string.h>

static void ids_of_the_alphabet_are_taken(void **state) {
  (void)state;
  static const char *const ids[] = {"a",     "0",           ".",      "-",       "..",
                                    "req-1", "A.b_c~d:e-9", "Status", "status2", "statu"};
  char longest[CWS_REQUEST_ID_MAX];
  memset(longest, 'x', sizeof longest);
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
    assert_int_equal(cws_request_id_check(ids[i], strlen(ids[i]), NULL), 0);
  assert_int_equal(cws_request_id_check(longest, sizeof longest, NULL), 0);
}

static void refuse(const char *id, size_t len, const char *message) {
  struct cws_error err = {0};
  assert_int_equal(cws_request_id_check(id, len, &err), CWS_EBADREQUEST);
  assert_int_equal(err.code, CWS_EBADREQUEST);
  assert_string_equal(err.message, message);
}

static void no_other_byte_is_taken(void **state) {
  (void)state;
  static const char alphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:-";
  for (int c = 0; c < 256; c++) {
    char id[3] = {'a', (char)c, 'b'};
    if (memchr(alphabet, c, sizeof alphabet - 1) != NULL)
      assert_int_equal(cws_request_id_check(id, 3, NULL), 0);
    else
      refuse(id, 3, "character 2 of the request_id is not one of A-Z a-z 0-9 . _ ~ : -");
  }
}

static void length_and_the_routes_name_are_checked(void **state) {
  (void)state;
  char too_long[CWS_REQUEST_ID_MAX + 1];
  memset(too_long, 'x', sizeof too_long);
  refuse(too_long, sizeof too_long, "the request_id has 129 characters, at most 128 are allowed");
  refuse("", 0, "the request_id is empty");
  refuse("status", 6, "'status' cannot be a request_id: a route has that name");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids_of_the_alphabet_are_taken),
      cmocka_unit_test(no_other_byte_is_taken),
      cmocka_unit_test(length_and_the_routes_name_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
