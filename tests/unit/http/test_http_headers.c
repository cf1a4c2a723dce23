/* Headers by name: whatever their case and order; several of one name are one list. */
#include "tests/unit/http/site.h"

#include <string.h>

static void look_up(struct site *s, struct http_request *r) {
  (void)s;
  assert_string_equal(http_header(r, "x-one"), "1");
  assert_string_equal(http_header(r, "empty"), "");
  assert_string_equal(http_header(r, "blanks"), "a  b");
  assert_string_equal(http_header(r, "colons"), "a:b: c");
  assert_string_equal(http_header(r, "bytes"), "\xc3\xa4\tz");
  assert_null(http_header(r, "x-two"));
  assert_null(http_header(r, "X-One"));
  assert_null(http_header(r, ""));
  http_reply_json(r, 200, "ok", 2);
}

static void a_header_is_found_by_its_lower_case_name(void **state) {
  struct site *s = *state;
  s->on_request = look_up;
  assert_int_equal(ask(s, "GET / HTTP/1.1\r\nHost: h\r\nX-ONE: 1\r\nEmpty:\r\n"
                          "Blanks:   a  b  \r\nColons:a:b: c\r\nBytes: \xc3\xa4\tz\r\n\r\n"),
                   200);
}

static void look_up_lists(struct site *s, struct http_request *r) {
  (void)s;
  for (int i = 0; i < 3; i++) { /* asked again it is the same */
    assert_string_equal(http_header(r, "accept"), "a, b, c");
    assert_string_equal(http_header(r, "x"), "1, 2");
    assert_string_equal(http_header(r, "host"), "h");
    assert_string_equal(http_header(r, "last"), "z");
  }
  http_reply_json(r, 200, "ok", 2);
}

static void several_of_one_name_are_joined_in_their_order(void **state) {
  struct site *s = *state;
  s->on_request = look_up_lists;
  assert_int_equal(ask(s, "GET / HTTP/1.1\r\nAccept: a\r\nX: 1\r\nHost: h\r\naccept: b\r\n"
                          "ACCEPT: c\r\nx: 2\r\nLast: z\r\n\r\n"),
                   200);
}

static void look_up_many(struct site *s, struct http_request *r) {
  char name[] = "a";
  (void)s;
  for (int round = 0; round < 2; round++) {
    for (name[0] = 'a'; name[0] <= 't'; name[0]++)
      assert_string_equal(http_header(r, name), "1, 2");
  }
  http_reply_json(r, 200, "ok", 2);
}

static void more_lists_than_anyone_needs_are_joined_all(void **state) {
  struct site *s = *state;
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
  for (char name = 'a'; name <= 't'; name++)
    buf_addf(&b, "%c: 1\r\n%c: 2\r\n", name, name);
  buf_add_str(&b, "\r\n");
  s->on_request = look_up_many;
  assert_int_equal(ask(s, b.data), 200);
  buf_finish(&b);
}

static void look_at_body(struct site *s, struct http_request *r) {
  size_t len = 99;
  (void)s;
  assert_non_null(http_body(r, &len));
  assert_int_equal(len, 0);
  http_reply_json(r, 200, "ok", 2);
}

static void without_a_body_it_is_empty_not_null(void **state) {
  struct site *s = *state;
  s->on_request = look_at_body;
  assert_int_equal(ask(s, GET("/")), 200);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SITE(a_header_is_found_by_its_lower_case_name),
      SITE(several_of_one_name_are_joined_in_their_order),
      SITE(more_lists_than_anyone_needs_are_joined_all),
      SITE(without_a_body_it_is_empty_not_null),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
