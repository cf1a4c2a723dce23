/*
 * ws_parser: each file of tests/data/ws_frame (hexadecimal; its first byte says who reads: 00 a
 * server, 01 a client), fed whole, byte by byte and cut in two and three at every place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "tests/unit/core/cases.h"
#include "tests/unit/core/frames.h"
#include "tests/unit/core/hex.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MESSAGE = 1000 };

struct wanted {
  const char *path;
  char *lines, *error; /* NULL: no error */
};

static void check(const struct wanted *w, struct frames *f, const char *how, size_t a, size_t b) {
  char error[200] = "";
  if (f->code != 0)
    snprintf(error, sizeof error, "%d %s", f->code, f->reason);
  if (strcmp(f->lines.data, w->lines) != 0 || strcmp(error, w->error ? w->error : "") != 0)
    fail_msg("%s, %s %zu %zu:\n  got    %s | %s\n  wanted %s | %s", w->path, how, a, b,
             f->lines.data, error, w->lines, w->error ? w->error : "");
  if (f->code != 0)
    assert_null(f->parser.message); /* a failed parser holds no memory */
  frames_finish(f);
}

static void feed_every_way(const struct wanted *w, enum ws_role role, const char *p, size_t len) {
  struct frames f;
  frames_init(&f, role, MAX_MESSAGE);
  frames_feed(&f, p, len);
  check(w, &f, "whole", 0, 0);
  frames_init(&f, role, MAX_MESSAGE);
  for (size_t i = 0; i < len; i++)
    frames_feed(&f, p + i, 1);
  check(w, &f, "byte by byte", 0, 0);
  size_t step = len < 60 ? 1 : len / 20; /* long payloads are cut at some places only */
  for (size_t i = 0; i <= len; i += i < 20 || i + 20 > len ? 1 : step) {
    for (size_t j = i; j <= len; j += step) {
      frames_init(&f, role, MAX_MESSAGE);
      frames_feed(&f, p, i);
      frames_feed(&f, p + i, j - i);
      frames_feed(&f, p + j, len - j);
      check(w, &f, "cut at", i, j);
    }
  }
}

static void run(const struct test_case *c) {
  struct buf bytes;
  struct wanted w = {c->path, case_answer(c, "read", NULL), case_answer(c, "error", NULL)};
  buf_init(&bytes);
  assert_true(hex_decode(&bytes, c->text, c->len) && bytes.len > 0);
  if (w.lines == NULL)
    w.lines = calloc(1, 1);
  feed_every_way(&w, bytes.data[0] == 0 ? WS_SERVER : WS_CLIENT, bytes.data + 1, bytes.len - 1);
  free(w.lines);
  free(w.error);
  buf_finish(&bytes);
}

static void valid_frames_are_read_however_they_are_cut(void **state) {
  (void)state;
  each_case("ws_frame/valid", "hex", 20, run);
}

static void invalid_frames_are_refused_with_a_close_code_however_they_are_cut(void **state) {
  (void)state;
  each_case("ws_frame/invalid", "hex", 50, run);
}

/* ---- lengths ---- */

static char *payload_of(size_t len) {
  char *payload = malloc(len > 0 ? len : 1);
  for (size_t i = 0; i < len; i++)
    payload[i] = (char)('a' + i % 26);
  return payload;
}

static void a_frame_of_any_length_comes_out_whole(void **state) {
  (void)state;
  static const size_t lens[] = {0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 65537, 200000};
  for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
    for (int role = WS_SERVER; role <= WS_CLIENT; role++) {
      char *payload = payload_of(lens[i]);
      struct frames f;
      struct buf b;
      buf_init(&b);
      if (role == WS_SERVER)
        ws_frame_append_masked(&b, WS_TEXT, payload, lens[i], 0x01fe80c3);
      else
        ws_frame_append(&b, WS_TEXT, payload, lens[i]);
      frames_init(&f, (enum ws_role)role, 200000);
      for (size_t at = 0; at < b.len; at += 4093)
        frames_feed(&f, b.data + at, b.len - at < 4093 ? b.len - at : 4093);
      assert_int_equal(f.code, 0);
      assert_int_equal(f.lines.len, 5 + lens[i]);
      assert_memory_equal(f.lines.data + 5, payload, lens[i]);
      frames_finish(&f);
      buf_finish(&b);
      free(payload);
    }
  }
}

static void a_message_one_byte_beyond_the_limit_is_refused_by_its_header(void **state) {
  (void)state;
  static const uint32_t limits[] = {0, 1, 124, 125, 126, 65535, 65536, UINT32_MAX};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    uint8_t header[WS_HEADER_MAX];
    struct frames f;
    size_t n = ws_frame_header(header, WS_BINARY, limits[i]);
    frames_init(&f, WS_CLIENT, limits[i]);
    assert_int_equal(frames_feed(&f, (char *)header, n), 0);
    frames_finish(&f);
    n = ws_frame_header(header, WS_BINARY, (uint64_t)limits[i] + 1);
    frames_init(&f, WS_CLIENT, limits[i]);
    assert_int_equal(frames_feed(&f, (char *)header, n), WS_CLOSE_TOO_BIG);
    assert_null(f.parser.message);
    frames_finish(&f);
  }
}

/* A header may promise much: memory is taken for bytes that came. */
static void a_promised_length_takes_no_memory(void **state) {
  (void)state;
  struct frames f;
  frames_init(&f, WS_CLIENT, UINT32_MAX);
  frames_feed(&f, "\x82\x7f\0\0\0\0\xff\xff\xff\xff", 10);
  assert_null(f.parser.message);
  frames_feed(&f, "abc", 3);
  assert_true(f.parser.message_cap < 4096);
  frames_finish(&f);
}

static void between_messages_a_parser_holds_no_memory(void **state) {
  (void)state;
  struct frames f;
  frames_init(&f, WS_CLIENT, 100);
  frames_feed(&f,
              "\x01\x01"
              "a",
              3);
  frames_feed(&f,
              "\x80\x01"
              "b",
              3);
  assert_null(f.parser.message);
  frames_feed(&f,
              "\x89\x01"
              "b",
              3);
  assert_null(f.parser.message);
  assert_string_equal(f.lines.data, "text ab\nping b");
  frames_finish(&f);
}

static void after_a_failure_nothing_more_is_taken(void **state) {
  (void)state;
  struct frames f;
  frames_init(&f, WS_CLIENT, 100);
  frames_feed(&f,
              "\x81\x01"
              "a\xff\x00",
              5);
  assert_int_equal(f.code, WS_CLOSE_PROTOCOL);
  f.code = 0;
  assert_int_equal(frames_feed(&f,
                               "\x81\x01"
                               "b",
                               3),
                   0);
  assert_string_equal(f.lines.data, "text a");
  frames_finish(&f);
}

static void after_a_close_nothing_more_is_taken(void **state) {
  (void)state;
  struct frames f;
  frames_init(&f, WS_CLIENT, 100);
  frames_feed(&f,
              "\x88\x00\x81\x01"
              "a",
              5);
  frames_feed(&f,
              "\x81\x01"
              "b",
              3);
  assert_int_equal(f.code, 0);
  assert_string_equal(f.lines.data, "close 1005 ");
  frames_finish(&f);
}

static void the_reason_of_a_failure_may_be_left_unasked(void **state) {
  (void)state;
  struct frames f;
  frames_init(&f, WS_CLIENT, 100);
  assert_int_equal(ws_parser_feed(&f.parser, "\xff\x00", 2, NULL), WS_CLOSE_PROTOCOL);
  frames_finish(&f);
  ws_parser_finish(NULL);
}

/* ---- handlers that end things ---- */

struct ender {
  struct ws_parser parser;
  bool finishes;
  int calls;
};

static void end_now(struct ender *e) {
  e->calls++;
  if (e->finishes)
    ws_parser_finish(&e->parser);
  else
    ws_parser_stop(&e->parser);
}

static void end_on_message(enum ws_opcode opcode, const char *bytes, size_t len, void *user) {
  (void)opcode;
  end_now(user);
  assert_memory_equal(bytes, "ab", 2); /* still there */
  assert_int_equal(len, 2);
}

static void end_on_control(const char *bytes, size_t len, void *user) {
  end_now(user);
  assert_memory_equal(bytes, "ab", len);
}

static void end_on_close(int code, const char *reason, size_t len, void *user) {
  (void)code;
  end_on_control(reason, len, user);
}

static void a_handler_may_stop_or_finish_the_parser(void **state) {
  (void)state;
  static const struct ws_frame_handlers handlers = {end_on_message, end_on_control, end_on_control,
                                                    end_on_close};
  static const char *const firsts[] = {"\x81\x02"
                                       "ab",
                                       "\x01\x01"
                                       "a\x80\x01"
                                       "b",
                                       "\x89\x02"
                                       "ab",
                                       "\x8a\x02"
                                       "ab",
                                       "\x88\x04\x03\xe8"
                                       "ab"};
  for (size_t i = 0; i < 10; i++) {
    struct ender e = {.finishes = i % 2 == 1};
    char bytes[32];
    int n = snprintf(bytes, sizeof bytes,
                     "%s\x81\x02"
                     "ab",
                     firsts[i / 2]);
    ws_parser_init(&e.parser, WS_CLIENT, 100, &handlers, &e);
    assert_int_equal(ws_parser_feed(&e.parser, bytes, (size_t)n, NULL), 0);
    assert_int_equal(ws_parser_feed(&e.parser, bytes, (size_t)n, NULL), 0);
    assert_int_equal(e.calls, 1);
    ws_parser_finish(&e.parser);
  }
}

/* Ten thousand idle connections have one each. */
static void a_parser_is_small(void **state) {
  (void)state;
  assert_true(sizeof(struct ws_parser) <= 256);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_frames_are_read_however_they_are_cut),
      cmocka_unit_test(invalid_frames_are_refused_with_a_close_code_however_they_are_cut),
      cmocka_unit_test(a_frame_of_any_length_comes_out_whole),
      cmocka_unit_test(a_message_one_byte_beyond_the_limit_is_refused_by_its_header),
      cmocka_unit_test(a_promised_length_takes_no_memory),
      cmocka_unit_test(between_messages_a_parser_holds_no_memory),
      cmocka_unit_test(after_a_failure_nothing_more_is_taken),
      cmocka_unit_test(after_a_close_nothing_more_is_taken),
      cmocka_unit_test(the_reason_of_a_failure_may_be_left_unasked),
      cmocka_unit_test(a_handler_may_stop_or_finish_the_parser),
      cmocka_unit_test(a_parser_is_small),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
