/* The request target: path, segments, query; percent-decoded, with what cannot be decoded refused.
 */
#include "tests/unit/http/site.h"

#include <stdio.h>
#include <string.h>

/* Answers with what was made of the target: segments, then name=value of the query. */
static void tell(struct site *s, struct http_request *r) {
  struct buf b;
  (void)s;
  buf_init(&b);
  buf_addf(&b, "%zu", http_segment_count(r));
  for (size_t i = 0; i < http_segment_count(r); i++)
    buf_addf(&b, "|%s", http_segment(r, i));
  assert_null(http_segment(r, http_segment_count(r)));
  for (size_t i = 0; http_query_name(r, i) != NULL; i++)
    buf_addf(&b, "&%s=%s", http_query_name(r, i), http_query(r, http_query_name(r, i)));
  http_reply_json(r, 200, b.data, b.len);
  buf_finish(&b);
}

static void ask_for(struct site *s, const char *target) {
  char request[4096];
  s->on_request = tell;
  snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
  ask(s, request);
}

static void targets_are_taken_apart_and_decoded(void **state) {
  struct site *s = *state;
  static const struct {
    const char *target, *told;
  } cases[] = {
      {"/", "0"},
      {"/a", "1|a"},
      {"/a/", "1|a"},
      {"/a/b/c", "3|a|b|c"},
      {"/a//b", "3|a||b"},
      {"/a%20b/c%2Fd/%7e%7E", "3|a b|c/d|~~"},
      {"/a+b", "1|a+b"}, /* plus is a blank in a query only */
      {"/%C3%A4", "1|\xc3\xa4"},
      {"/a%3Fb", "1|a?b"},
      {"/a/../b/.", "4|a|..|b|."}, /* nothing is normalised: a name is a name */
      {"/a?", "1|a"},
      {"/a?b=c", "1|a&b=c"},
      {"/a?b=c&d=e%20f&g=h+i", "1|a&b=c&d=e f&g=h i"},
      {"/a?b", "1|a&b="},
      {"/a?b=", "1|a&b="},
      {"/a?=c", "1|a&=c"},
      {"/a?&&b=c&&", "1|a&b=c"},
      {"/a?b=c=d", "1|a&b=c=d"},
      {"/a?b=1&b=2", "1|a&b=1&b=1"}, /* the first of several */
      {"/a?b%3D=c%26d", "1|a&b==c&d"},
      {"/a?b=c?d/e", "1|a&b=c?d/e"},
      {"/?b=%2B", "0&b=+"},
      {"http://h/a?b=c", "1|a&b=c"}, /* a proxy may ask so (RFC 9112, section 3.2.2) */
      {"HTTPS://h:1", "0"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ask_for(s, cases[i].target);
    if (s->status != 200 || strcmp(s->body.data, cases[i].told) != 0)
      fail_msg("%s: %d %s", cases[i].target, s->status, s->body.data);
  }
}

static void what_cannot_be_decoded_is_refused(void **state) {
  struct site *s = *state;
  static const char *const bad[] = {
      "/%",      "/a%2",      "/%g0",  "/%0g",       "/%%41", "/a%00b", "/a?b=%",
      "/a?b=%2", "/a?%zz=",   "/a?%0", "/a?b=%00&c", "*",     "a/b",    "ftp://h/a",
      "/a\tb",   "/\xc3\xa4", "/a#b",  "/a?b#c",     "/#",    "#",      "http://h#f",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    site_connect(s);
    ask_for(s, bad[i]);
    if (s->status != 400)
      fail_msg("%s: %d", bad[i], s->status);
    assert_error(s, 400, "bad_request");
    assert_ends(s);
  }
  assert_int_equal(s->requests, 0);
}

static void look_up(struct site *s, struct http_request *r) {
  (void)s;
  assert_string_equal(http_path(r), "/a%20b/c");
  assert_string_equal(http_query(r, "x"), "1");
  assert_string_equal(http_query(r, "empty"), "");
  assert_null(http_query(r, "y"));
  assert_null(http_query(r, "X"));
  assert_null(http_query(r, ""));
  http_reply_json(r, 200, "ok", 2);
}

static void the_path_stays_as_it_came_and_a_missing_parameter_is_null(void **state) {
  struct site *s = *state;
  s->on_request = look_up;
  assert_int_equal(ask(s, GET("/a%20b/c?x=1&empty")), 200);
}

/* More than any route has: the rest is passed over, in bounds. */
static void deep_paths_and_long_queries_are_cut(void **state) {
  struct site *s = *state;
  struct buf b;
  buf_init(&b);
  for (int i = 0; i < 200; i++)
    buf_addf(&b, "/%d", i);
  for (int i = 0; i < 200; i++)
    buf_addf(&b, "%c%d=%d", i == 0 ? '?' : '&', i, i);
  for (int i = 0; i < 200; i++)
    buf_add_str(&b, "&");
  ask_for(s, b.data);
  assert_int_equal(s->status, 200);
  assert_non_null(strstr(s->body.data, "8|0|1|2|3|4|5|6|7&0=0&1=1"));
  assert_null(strstr(s->body.data, "&24="));
  buf_finish(&b);
}

static void tell_method(struct site *s, struct http_request *r) {
  char text[32];
  (void)s;
  snprintf(text, sizeof text, "%d %s", (int)http_method(r), http_method_name(r));
  http_reply_json(r, 200, text, strlen(text));
}

static void methods_are_told_apart(void **state) {
  struct site *s = *state;
  static const struct {
    const char *name;
    enum http_verb verb;
  } cases[] = {
      {"GET", HTTP_M_GET},         {"POST", HTTP_M_POST}, {"DELETE", HTTP_M_DELETE},
      {"OPTIONS", HTTP_M_OPTIONS}, {"PUT", HTTP_M_OTHER}, {"PATCH", HTTP_M_OTHER},
  };
  s->on_request = tell_method;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char request[64], expected[32];
    snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: h\r\n\r\n", cases[i].name);
    snprintf(expected, sizeof expected, "%d %s", (int)cases[i].verb, cases[i].name);
    ask(s, request);
    assert_body(s, expected);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SITE(targets_are_taken_apart_and_decoded),
      SITE(what_cannot_be_decoded_is_refused),
      SITE(the_path_stays_as_it_came_and_a_missing_parameter_is_null),
      SITE(deep_paths_and_long_queries_are_cut),
      SITE(methods_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
