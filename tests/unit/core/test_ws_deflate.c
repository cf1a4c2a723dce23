/* ws_deflate: which offers are taken, messages there and back, and what peers may send as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/ws_deflate.h"
#include "tests/unit/core/frames.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MESSAGE = 1000 };

static void an_offer_that_can_be_kept_is_taken(void **state) {
  (void)state;
  assert_true(ws_deflate_is_offered("permessage-deflate"));
  assert_true(ws_deflate_is_offered("permessage-deflate; client_max_window_bits"));
  assert_true(ws_deflate_is_offered("Permessage-Deflate;client_max_window_bits=9"));
  assert_true(ws_deflate_is_offered("permessage-deflate; server_max_window_bits=\"15\""));
  assert_true(ws_deflate_is_offered(
      "permessage-deflate ; server_no_context_takeover ; client_no_context_takeover"));
  assert_true(ws_deflate_is_offered("x-other, permessage-deflate; server_max_window_bits=10, "
                                    "permessage-deflate"));
}

static void others_are_not(void **state) {
  (void)state;
  const char *const offers[] = {
      "",
      "x-webkit-deflate-frame",
      "permessage-deflate2",
      "permessage-deflate; server_max_window_bits=10",
      "permessage-deflate; server_max_window_bits",
      "permessage-deflate; client_max_window_bits=16",
      "permessage-deflate; client_max_window_bits=7",
      "permessage-deflate; server_no_context_takeover=1",
      "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
      "permessage-deflate; mux",
      ", ; ,",
  };
  assert_false(ws_deflate_is_offered(NULL));
  for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
    if (ws_deflate_is_offered(offers[i]))
      fail_msg("taken: %s", offers[i]);
  }
}

/* ---- there and back ---- */

static void fill(char *bytes, size_t len, unsigned seed) {
  for (size_t i = 0; i < len; i++)
    bytes[i] = "the council "[(i + (size_t)(rand_r(&seed) % 3)) % 12];
}

static void what_was_compressed_comes_back(void **state) {
  (void)state;
  struct ws_deflater *d = ws_deflater_new();
  static char message[300000];
  for (size_t len = 40; len <= sizeof message; len = len * 5 / 2) {
    const char *packed, *reason = "";
    char *again;
    size_t packed_len, again_len;
    fill(message, len, (unsigned)len);
    assert_true(ws_deflate(d, message, len, &packed, &packed_len));
    assert_true(packed_len < len);
    assert_int_equal(ws_inflate(packed, packed_len, len, &again, &again_len, &reason), 0);
    assert_int_equal(again_len, len);
    assert_memory_equal(again, message, len);
    free(again);
    assert_int_equal(ws_inflate(packed, packed_len, len - 1, &again, &again_len, &reason),
                     WS_CLOSE_TOO_BIG);
  }
  ws_deflater_free(d);
}

static void what_does_not_get_shorter_is_left(void **state) {
  (void)state;
  struct ws_deflater *d = ws_deflater_new();
  const char *out;
  size_t len;
  unsigned char noise[5000];
  unsigned seed = 7;
  for (size_t i = 0; i < sizeof noise; i++)
    noise[i] = (unsigned char)rand_r(&seed);
  assert_false(ws_deflate(d, "", 0, &out, &len));
  assert_false(ws_deflate(d, "{}", 2, &out, &len));
  assert_false(ws_deflate(d, noise, sizeof noise, &out, &len));
  ws_deflater_free(d);
}

/* ---- in a parser ---- */

/* A masked frame (with a mask of zeros). */
static void frame(struct buf *b, uint8_t first, const void *payload, size_t len) {
  uint8_t header[WS_HEADER_MAX];
  size_t n = ws_frame_header(header, WS_TEXT, len);
  header[0] = first;
  header[1] |= 0x80;
  buf_add(b, header, n);
  buf_add(b, "\0\0\0\0", 4);
  buf_add(b, payload, len);
}

static void expect(struct buf *bytes, bool allow, const char *lines, int code) {
  for (int step = 0; step < 2; step++) {
    struct frames f;
    frames_init(&f, WS_SERVER, MAX_MESSAGE);
    if (allow)
      ws_parser_allow_deflate(&f.parser);
    for (size_t i = 0; i < bytes->len; i += step == 0 ? bytes->len : 1)
      frames_feed(&f, bytes->data + i, step == 0 ? bytes->len : 1);
    assert_string_equal(f.lines.data, lines);
    assert_int_equal(f.code, code);
    frames_finish(&f);
  }
  buf_finish(bytes);
}

/* RFC 7692, 7.2.3.1: "Hello". */
#define HELLO "\xf2\x48\xcd\xc9\xc9\x07\x00"

static void a_compressed_message_is_given_out_as_it_was(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  frame(&b, 0xc1, HELLO, 7);
  frame(&b, 0x81, "plain", 5);
  frame(&b, 0x41, HELLO, 3);
  frame(&b, 0x89, "p", 1);
  frame(&b, 0x80, &HELLO[3], 4);
  frame(&b, 0xc1, "", 0);
  expect(&b, true, "text Hello\ntext plain\nping p\ntext Hello\ntext ", 0);
}

/* 7.2.3.3 to 7.2.3.5: a stored block, a last block, two blocks. */
static void every_kind_of_block_is_read(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  frame(&b, 0xc1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11);
  frame(&b, 0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8);
  frame(&b, 0xc1, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13);
  expect(&b, true, "text Hello\ntext Hello\ntext Hello", 0);
}

static void a_compressed_message_is_an_error_where_it_was_not_agreed_to(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  frame(&b, 0xc1, HELLO, 7);
  expect(&b, false, "", WS_CLOSE_PROTOCOL);
}

static void the_bit_belongs_to_the_first_frame_of_a_message_only(void **state) {
  (void)state;
  const uint8_t firsts[] = {0xc0, 0xc9, 0xa1, 0x91, 0xe1};
  for (size_t i = 0; i < sizeof firsts; i++) {
    struct buf b;
    buf_init(&b);
    if (firsts[i] == 0xc0)
      frame(&b, 0x41, HELLO, 3);
    frame(&b, firsts[i], "x", 1);
    expect(&b, true, "", WS_CLOSE_PROTOCOL);
  }
}

static void a_bomb_is_too_big_however_small_it_comes(void **state) {
  (void)state;
  struct ws_deflater *d = ws_deflater_new();
  static char zeros[200000];
  const char *packed;
  size_t len;
  struct buf b;
  buf_init(&b);
  assert_true(ws_deflate(d, zeros, sizeof zeros, &packed, &len));
  assert_true(len < MAX_MESSAGE);
  frame(&b, 0xc1, packed, len);
  expect(&b, true, "", WS_CLOSE_TOO_BIG);
  ws_deflater_free(d);
}

static void garbage_and_text_that_is_not_utf8_are_bad_data(void **state) {
  (void)state;
  struct ws_deflater *d = ws_deflater_new();
  const char *packed;
  size_t len;
  struct buf b;
  buf_init(&b);
  frame(&b, 0xc1, "\xff\xff\xff", 3);
  expect(&b, true, "", WS_CLOSE_BAD_DATA);
  assert_true(ws_deflate(d, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xff", 33, &packed, &len));
  buf_init(&b);
  frame(&b, 0xc1, packed, len);
  expect(&b, true, "", WS_CLOSE_BAD_DATA);
  ws_deflater_free(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_offer_that_can_be_kept_is_taken),
      cmocka_unit_test(others_are_not),
      cmocka_unit_test(what_was_compressed_comes_back),
      cmocka_unit_test(what_does_not_get_shorter_is_left),
      cmocka_unit_test(a_compressed_message_is_given_out_as_it_was),
      cmocka_unit_test(every_kind_of_block_is_read),
      cmocka_unit_test(a_compressed_message_is_an_error_where_it_was_not_agreed_to),
      cmocka_unit_test(the_bit_belongs_to_the_first_frame_of_a_message_only),
      cmocka_unit_test(a_bomb_is_too_big_however_small_it_comes),
      cmocka_unit_test(garbage_and_text_that_is_not_utf8_are_bad_data),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
