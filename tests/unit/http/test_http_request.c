/* What is a request, what is none, and what is too much. Where two readers could differ about
 * where a request ends, it is refused: behind a proxy such a difference smuggles one in. */
#include "tests/unit/http/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_refused(struct site *s, const char *request) {
  site_connect(s);
  s->requests = 0;
  say(s, request);
  take_answer(s);
  if (s->status != 400 || s->requests != 0)
    fail_msg("%d, handed on %d: %s", s->status, s->requests, request);
  assert_error(s, 400, "bad_request");
  assert_true(has_header(s, "Connection: close"));
  assert_ends(s);
}

static void assert_all_refused(struct site *s, const char *const *requests, size_t count) {
  for (size_t i = 0; i < count; i++)
    assert_refused(s, requests[i]);
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define POST "POST /a HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

/* ---- bodies ---- */

static void a_body_of_a_declared_length_is_read(void **state) {
  struct site *s = *state;
  assert_int_equal(ask(s, POST "Content-Length: 5\r\n\r\nhello"), 200);
  assert_body(s, "POST /a hello");
  assert_int_equal(ask(s, POST "Content-Length: 0\r\n\r\n"), 200);
  assert_body(s, "POST /a ");
  assert_int_equal(ask(s, POST "\r\n"), 200);
  assert_body(s, "POST /a ");
  assert_goes_on(s);
}

static void a_chunked_body_is_put_together(void **state) {
  struct site *s = *state;
  assert_int_equal(ask(s, CHUNKED "5\r\nhello\r\n6;name=value\r\n world\r\n0\r\n\r\n"), 200);
  assert_body(s, "POST /a hello world");
  assert_int_equal(ask(s, CHUNKED "0\r\n\r\n"), 200);
  assert_body(s, "POST /a ");
  assert_int_equal(ask(s, CHUNKED "00a\r\n0123456789\r\n0\r\n\r\n"), 200);
  assert_body(s, "POST /a 0123456789");
  assert_goes_on(s);
}

static void a_chunked_body_may_come_byte_by_byte(void **state) {
  struct site *s = *state;
  static const char request[] = CHUNKED "5\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
  for (size_t i = 0; i < sizeof request - 1; i++) {
    say_bytes(s, request + i, 1);
    rig_turn(&s->rig);
  }
  take_answer(s);
  assert_body(s, "POST /a hello world");
  assert_goes_on(s);
}

static void look_for_trailer(struct site *s, struct http_request *r) {
  (void)s;
  assert_null(http_header(r, "x-trailer"));
  assert_string_equal(http_header(r, "host"), "h");
  http_reply_json(r, 200, http_path(r), strlen(http_path(r)));
}

/* RFC 9110, section 6.5.1: not merged into the headers. */
static void trailers_are_passed_over(void **state) {
  struct site *s = *state;
  s->on_request = look_for_trailer;
  say(s, CHUNKED "5\r\nhello\r\n0\r\nX-Trailer: 1\r\nHost: other\r\nContent-Length: 7\r\n\r\n");
  take_answer(s);
  assert_body(s, "/a");
  s->on_request = NULL;
  assert_goes_on(s);
}

static void many_trailers_are_too_much(void **state) {
  struct site *s = *state;
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, CHUNKED "0\r\n");
  for (int i = 0; i < 3000; i++)
    buf_addf(&b, "X-Trailer-%d: value\r\n", i);
  say_bytes(s, b.data, b.len);
  buf_finish(&b);
  take_answer(s);
  assert_error(s, 431, "headers_too_large");
  assert_int_equal(s->requests, 0);
}

/* ---- lengths that conflict ---- */

static void lengths_that_conflict_are_refused(void **state) {
  static const char *const bad[] = {
      POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
      POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
      POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      POST "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
      POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      POST "Content-Length: 2, 2\r\n\r\nab",
      POST "Content-Length: 2 2\r\n\r\nab",
  };
  assert_all_refused(*state, bad, COUNT(bad));
}

static void lengths_that_are_none_are_refused(void **state) {
  static const char *const bad[] = {
      POST "Content-Length: -1\r\n\r\n",   POST "Content-Length: +1\r\n\r\na",
      POST "Content-Length: 0x1\r\n\r\na", POST "Content-Length: one\r\n\r\na",
      POST "Content-Length:\r\n\r\na",     POST "Content-Length: 99999999999999999999999\r\n\r\na",
  };
  assert_all_refused(*state, bad, COUNT(bad));
}

static void encodings_other_than_chunked_are_refused(void **state) {
  static const char *const bad[] = {
      POST "Transfer-Encoding: gzip\r\n\r\n",
      POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
      POST "Transfer-Encoding: identity\r\n\r\n",
      POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
      POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", /* 9112, section 6.1 */
  };
  assert_all_refused(*state, bad, COUNT(bad));
}

static void chunks_that_are_framed_wrongly_are_refused(void **state) {
  static const char *const bad[] = {
      CHUNKED "0x5\r\nhello\r\n0\r\n\r\n",
      CHUNKED "-5\r\nhello\r\n0\r\n\r\n",
      CHUNKED "\r\nhello\r\n0\r\n\r\n",
      CHUNKED "5\rXhello\r\n0\r\n\r\n",     /* a size that CR alone ends */
      CHUNKED "5;a=b\rXhello\r\n0\r\n\r\n", /* an extension that CR alone ends */
      CHUNKED "5\r\nhelloXX0\r\n\r\n",      /* data that nothing ends */
      CHUNKED "5\r\nhello\rX0\r\n\r\n",
      CHUNKED "5\r\nhelloX\n0\r\n\r\n",
      CHUNKED "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
      CHUNKED "0\rX\r\n",
      CHUNKED "0\r\n\rX",
      CHUNKED "0\r\nX-Trailer: a\r\n folded\r\n\r\n",
  };
  assert_all_refused(*state, bad, COUNT(bad));
}

/* ---- lines ---- */

static void lines_that_are_none_are_refused(void **state) {
  static const char *const bad[] = {
      "hello\r\n\r\n",
      "GET\r\n\r\n",
      "GET /\r\n\r\n",
      "get / HTTP/1.1\r\nHost: h\r\n\r\n",
      "BREW / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
      "GET / HTTP/0.9\r\nHost: h\r\n\r\n",
      "GET / FTP/1.1\r\nHost: h\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01", /* TLS on a plain port */
      "GET / HTTP/1.1\r\nHost: h\r\nnot a header\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nX\xc3\xa4: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\n\rX",
  };
  assert_all_refused(*state, bad, COUNT(bad));
}

/* RFC 9112, sections 5.1 and 5.2. */
static void blanks_where_there_must_be_none_are_refused(void **state) {
  static const char *const bad[] = {
      "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nX:\r\n b\r\n\r\n",
      "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\nX y: z\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 5\r\n\r\nhello",
  };
  assert_all_refused(*state, bad, COUNT(bad));
}

static void a_zero_byte_is_refused(void **state) {
  struct site *s = *state;
  static const char bad[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n";
  say_bytes(s, bad, sizeof bad - 1);
  take_answer(s);
  assert_error(s, 400, "bad_request");
}

/* The parser lets it through there; the value would end, and "a: b" become a header. */
static void a_zero_byte_that_begins_a_value_is_refused(void **state) {
  struct site *s = *state;
  static const char bad[] = "GET / HTTP/1.1\r\nHost: h\r\nX:\0a\r\nY: b\r\n\r\n";
  say_bytes(s, bad, sizeof bad - 1);
  take_answer(s);
  assert_error(s, 400, "bad_request");
  assert_int_equal(s->requests, 0);
}

static void one_host_is_required(void **state) {
  static const char *const bad[] = {
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
  };
  assert_all_refused(*state, bad, COUNT(bad));
}

static void a_request_behind_a_bad_one_is_not_begun(void **state) {
  struct site *s = *state;
  say(s, POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n" GET("/admin"));
  take_answer(s);
  assert_error(s, 400, "bad_request");
  assert_ends(s);
  assert_int_equal(s->requests, 0);
}

static void lines_that_end_with_lf_alone_are_taken(void **state) {
  struct site *s = *state;
  assert_int_equal(ask(s, "GET /a HTTP/1.1\nHost: h\n\n"), 200);
  assert_goes_on(s);
}

/* ---- too much ---- */

static void headers_up_to_the_limit_are_taken(void **state) {
  struct site *s = *state;
  struct buf b;
  s->limits.max_header_bytes = 1000;
  site_restart(s);
  buf_init(&b);
  /* "/a", "Host", "h" and "X" are 8 bytes */
  buf_addf(&b, "GET /a HTTP/1.1\r\nHost: h\r\nX: %0992d\r\n\r\n", 0);
  assert_int_equal(ask(s, b.data), 200);
  buf_reset(&b);
  buf_addf(&b, "GET /a HTTP/1.1\r\nHost: h\r\nX: %0993d\r\n\r\n", 0);
  assert_int_equal(ask(s, b.data), 431);
  buf_finish(&b);
  assert_error(s, 431, "headers_too_large");
  assert_ends(s);
}

static void assert_too_large(struct site *s, const char *start, const char *more) {
  struct buf b;
  site_connect(s);
  buf_init(&b);
  buf_add_str(&b, start);
  while (b.len < 200000)
    buf_add_str(&b, more);
  say_bytes(s, b.data, b.len);
  buf_finish(&b);
  take_answer(s);
  assert_error(s, 431, "headers_too_large");
  assert_ends(s);
  assert_int_equal(s->requests, 0);
}

/* None of them has an end; it is not waited for. */
static void a_bomb_of_headers_is_431_before_it_is_over(void **state) {
  struct site *s = *state;
  assert_too_large(s, "GET / HTTP/1.1\r\nHost: h\r\n", "X: y\r\n");
  assert_too_large(s, "GET / HTTP/1.1\r\nHost: h\r\nX: ", "yyyyyyyy");
  assert_too_large(s, "GET / HTTP/1.1\r\nHost: h\r\nX", "yyyyyyyy");
  assert_too_large(s, "GET /", "yyyyyyyy");
  assert_too_large(s, "GET / HTTP/1.1\r\nHost: h\r\nX: ", "        ");
}

static void a_hundred_headers_are_taken_and_more_are_not(void **state) {
  struct site *s = *state;
  for (int count = 100; count <= 101; count++) {
    struct buf b;
    buf_init(&b);
    buf_add_str(&b, "GET /a HTTP/1.1\r\nHost: h\r\n");
    for (int i = 1; i < count; i++)
      buf_addf(&b, "X-%d: y\r\n", i);
    buf_add_str(&b, "\r\n");
    assert_int_equal(ask(s, b.data), count == 100 ? 200 : 431);
    buf_finish(&b);
  }
}

static void a_declared_body_that_is_too_large_is_413_before_it_comes(void **state) {
  struct site *s = *state;
  s->limits.max_body_bytes = 10;
  site_restart(s);
  assert_int_equal(ask(s, POST "Content-Length: 10\r\n\r\n0123456789"), 200);
  assert_int_equal(ask(s, POST "Content-Length: 11\r\n\r\n"), 413);
  assert_error(s, 413, "too_large");
  assert_ends(s);
}

static void a_chunked_body_that_is_too_large_is_413_before_its_end(void **state) {
  struct site *s = *state;
  s->limits.max_body_bytes = 10;
  site_restart(s);
  assert_int_equal(ask(s, CHUNKED "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), 200);
  assert_int_equal(ask(s, CHUNKED "5\r\n01234\r\n6\r\n56789x"), 413);
  assert_error(s, 413, "too_large");
  assert_ends(s);
  assert_int_equal(s->requests, 1);
}

/* The client is still sending when the answer comes; it is to read it all the same. */
static void who_sends_on_can_read_why_it_was_refused(void **state) {
  struct site *s = *state;
  enum { LEN = 3 << 20 };
  char *bytes = calloc(1, LEN);
  s->limits.max_body_bytes = 1000;
  site_restart(s);
  say(s, POST "Content-Length: 3145728\r\n\r\n");
  say_bytes(s, bytes, LEN);
  free(bytes);
  take_answer(s);
  assert_error(s, 413, "too_large");
  assert_ends(s);
}

/* ---- Expect ---- */

#define EXPECT POST "Expect: 100-continue\r\n"

static void who_expects_to_go_on_is_told_to(void **state) {
  struct site *s = *state;
  say(s, EXPECT "Content-Length: 2\r\n\r\n");
  take_answer_to_head(s);
  assert_int_equal(s->status, 100);
  assert_int_equal(ask(s, "ok"), 200);
  assert_body(s, "POST /a ok");
  say(s, EXPECT "Transfer-Encoding: chunked\r\n\r\n");
  take_answer_to_head(s);
  assert_int_equal(s->status, 100);
  assert_int_equal(ask(s, "2\r\nok\r\n0\r\n\r\n"), 200);
  assert_goes_on(s);
}

static void who_is_refused_anyhow_is_not_told_to_go_on(void **state) {
  struct site *s = *state;
  s->limits.max_body_bytes = 1;
  site_restart(s);
  assert_int_equal(ask(s, EXPECT "Content-Length: 2\r\n\r\n"), 413);
  assert_ends(s);
}

static void without_a_body_to_come_nobody_is_told_to_go_on(void **state) {
  struct site *s = *state;
  assert_int_equal(ask(s, EXPECT "Content-Length: 0\r\n\r\n"), 200);
  assert_int_equal(ask(s, EXPECT "\r\n"), 200);
  assert_int_equal(ask(s, "POST /a HTTP/1.0\r\nExpect: 100-continue\r\n"
                          "Content-Length: 2\r\n\r\nok"),
                   200);
}

static void another_expectation_is_417(void **state) {
  struct site *s = *state;
  static const char *const unknown[] = {"Expect: 200-ok\r\n", "Expect: 100-continue, x\r\n",
                                        "Expect: 100-continue\r\nExpect: x\r\n"};
  for (size_t i = 0; i < COUNT(unknown); i++) {
    char request[256];
    site_connect(s);
    snprintf(request, sizeof request, POST "%sContent-Length: 2\r\n\r\n", unknown[i]);
    ask(s, request);
    assert_error(s, 417, "expectation_failed");
    assert_ends(s);
  }
  assert_int_equal(s->requests, 0);
  site_connect(s); /* HTTP/1.0 has none */
  assert_int_equal(ask(s, "GET /a HTTP/1.0\r\nExpect: 200-ok\r\n\r\n"), 200);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SITE(a_body_of_a_declared_length_is_read),
      SITE(a_chunked_body_is_put_together),
      SITE(a_chunked_body_may_come_byte_by_byte),
      SITE(trailers_are_passed_over),
      SITE(many_trailers_are_too_much),
      SITE(lengths_that_conflict_are_refused),
      SITE(lengths_that_are_none_are_refused),
      SITE(encodings_other_than_chunked_are_refused),
      SITE(chunks_that_are_framed_wrongly_are_refused),
      SITE(lines_that_are_none_are_refused),
      SITE(a_zero_byte_that_begins_a_value_is_refused),
      SITE(blanks_where_there_must_be_none_are_refused),
      SITE(a_zero_byte_is_refused),
      SITE(one_host_is_required),
      SITE(a_request_behind_a_bad_one_is_not_begun),
      SITE(lines_that_end_with_lf_alone_are_taken),
      SITE(headers_up_to_the_limit_are_taken),
      SITE(a_bomb_of_headers_is_431_before_it_is_over),
      SITE(a_hundred_headers_are_taken_and_more_are_not),
      SITE(a_declared_body_that_is_too_large_is_413_before_it_comes),
      SITE(a_chunked_body_that_is_too_large_is_413_before_its_end),
      SITE(who_sends_on_can_read_why_it_was_refused),
      SITE(who_expects_to_go_on_is_told_to),
      SITE(who_is_refused_anyhow_is_not_told_to_go_on),
      SITE(without_a_body_to_come_nobody_is_told_to_go_on),
      SITE(another_expectation_is_417),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
