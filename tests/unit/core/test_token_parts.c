/* token_parts: a token taken apart, and shown to its owner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/token_parts.h"
#include "tests/unit/core/cases.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void check_part(const struct token_parts *p, enum token_part part, const char *wanted) {
  assert_int_equal(p->encoded[part].len, strlen(wanted));
  assert_memory_equal(p->encoded[part].text, wanted, strlen(wanted));
}

static void a_token_is_split_at_its_two_dots(void **state) {
  (void)state;
  struct token_parts parts;
  assert_int_equal(token_split("ab.cd-_.Z9xy", 12, &parts, NULL), 0);
  check_part(&parts, PART_HEADER, "ab");
  check_part(&parts, PART_CLAIMS, "cd-_");
  check_part(&parts, PART_SIGNATURE, "Z9xy");
  assert_int_equal(token_split("..", 2, &parts, NULL), 0);
  check_part(&parts, PART_SIGNATURE, "");
}

static void a_token_has_no_more_than_8192_bytes(void **state) {
  (void)state;
  struct token_parts parts;
  char token[CWS_TOKEN_MAX + 1];
  memset(token, 'a', sizeof token);
  token[100] = token[200] = '.';
  assert_int_equal(token_split(token, CWS_TOKEN_MAX, &parts, NULL), 0);
  assert_int_equal(token_split(token, CWS_TOKEN_MAX + 1, &parts, NULL), CWS_EBADTOKEN);
}

static int header_of(const char *token, struct token_header *header) {
  struct token_parts parts;
  assert_int_equal(token_split(token, strlen(token), &parts, NULL), 0);
  return token_header_init(header, &parts, NULL);
}

static void a_header_names_algorithm_and_key(void **state) {
  (void)state;
  struct token_header header;
  assert_int_equal(header_of("eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30.", &header), 0);
  assert_string_equal(header.alg->name, "ES256");
  assert_string_equal(header.kid, "a");
  token_header_finish(&header);
  assert_null(header.kid);
  assert_int_equal(header_of("eyJhbGciOiJFUzI1NiJ9.e30.", &header), 0);
  assert_null(header.kid);
  token_header_finish(&header);
}

static void inspecting_shows_header_and_claims_of_any_token(void **state) {
  (void)state;
  struct cws_error err = {0};
  char *header = NULL, *claims = NULL;
  const char *token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiAiYW5uIn0.";
  assert_int_equal(cws_token_inspect(token, strlen(token), &header, &claims, &err), 0);
  assert_string_equal(header, "{\"alg\":\"none\"}");
  assert_string_equal(claims, "{\"sub\": \"ann\"}");
  free(header);
  free(claims);
}

static void inspecting_garbage_gives_nothing(void **state) {
  (void)state;
  static const char *const texts[] = {"",         "garbage",  "a.b.c",   "..",       "W10.W10.",
                                      "e30.W10.", "e30.eyJ.", "e30.e30", "e30.e30.+"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    char *header = NULL, *claims = NULL;
    assert_int_equal(cws_token_inspect(texts[i], strlen(texts[i]), &header, &claims, NULL),
                     CWS_EBADTOKEN);
    assert_null(header);
    assert_null(claims);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_token_is_split_at_its_two_dots),
      cmocka_unit_test(a_token_has_no_more_than_8192_bytes),
      cmocka_unit_test(a_header_names_algorithm_and_key),
      cmocka_unit_test(inspecting_shows_header_and_claims_of_any_token),
      cmocka_unit_test(inspecting_garbage_gives_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
