/* ws_encode: frames as bytes, close codes, the accept key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "tests/unit/core/cases.h"
#include "tests/unit/core/frames.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void check_header(uint64_t len, const char *wanted, size_t wanted_len) {
  uint8_t header[WS_HEADER_MAX];
  assert_int_equal(ws_frame_header(header, WS_TEXT, len), wanted_len);
  assert_memory_equal(header, wanted, wanted_len);
}

static void a_length_is_written_in_its_shortest_form(void **state) {
  (void)state;
  check_header(0, "\x81\x00", 2);
  check_header(125, "\x81\x7d", 2);
  check_header(126, "\x81\x7e\x00\x7e", 4);
  check_header(65535, "\x81\x7e\xff\xff", 4);
  check_header(65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
  check_header(UINT64_C(0x0102030405060708), "\x81\x7f\x01\x02\x03\x04\x05\x06\x07\x08", 10);
}

static void a_frame_is_final_and_has_its_opcode(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  ws_frame_append(&b, WS_PONG, "hi", 2);
  ws_frame_append(&b, WS_BINARY, NULL, 0);
  assert_int_equal(b.len, 6);
  assert_memory_equal(b.data, "\x8a\x02hi\x82\x00", 6);
  buf_finish(&b);
}

/* RFC 6455, section 5.7. */
static void a_masked_frame_is_that_of_the_rfc(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  ws_frame_append_masked(&b, WS_TEXT, "Hello", 5, 0x37fa213d);
  assert_int_equal(b.len, 11);
  assert_memory_equal(b.data, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
  buf_finish(&b);
}

static void a_frame_is_appended_whole_or_not_at_all(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b);
  buf_add_str(&b, "x");
  ws_frame_append(&b, WS_TEXT, "Hello", SIZE_MAX / 2);
  assert_true(b.failed);
  assert_string_equal(b.data, "x");
  buf_reset(&b);
  ws_frame_append_masked(&b, WS_TEXT, "Hello", SIZE_MAX / 2, 1);
  assert_true(b.failed);
  assert_int_equal(b.len, 0);
  buf_finish(&b);
}

static void check_close(int code, const char *reason, const char *wanted) {
  struct frames f;
  struct buf b;
  buf_init(&b);
  ws_frame_append_close(&b, code, reason);
  frames_init(&f, WS_CLIENT, 100);
  assert_int_equal(frames_feed(&f, b.data, b.len), 0);
  assert_string_equal(f.lines.data, wanted);
  frames_finish(&f);
  buf_finish(&b);
}

static void a_close_says_code_and_reason(void **state) {
  (void)state;
  check_close(1000, NULL, "close 1000 ");
  check_close(1012, "restart", "close 1012 restart");
  check_close(4012, "", "close 4012 ");
}

static void a_code_that_may_not_be_sent_is_said_by_saying_nothing(void **state) {
  (void)state;
  check_close(WS_CLOSE_NO_STATUS, "x", "close 1005 ");
  check_close(WS_CLOSE_ABNORMAL, NULL, "close 1005 ");
  check_close(0, NULL, "close 1005 ");
  check_close(70000, NULL, "close 1005 ");
}

static void a_long_reason_is_cut_between_characters(void **state) {
  (void)state;
  char reason[201], wanted[200] = "close 1000 ";
  memset(reason, 'a', 200);
  reason[200] = '\0';
  memset(wanted + 11, 'a', 123);
  wanted[134] = '\0';
  check_close(1000, reason, wanted);
  memcpy(reason + 122, "\xc3\xa9", 2);
  wanted[133] = '\0';
  check_close(1000, reason, wanted);
}

static void a_reason_ends_before_what_is_not_utf8(void **state) {
  (void)state;
  check_close(1000,
              "ab\xff"
              "cd",
              "close 1000 ab");
}

static void the_close_codes_are_those_of_the_registry(void **state) {
  (void)state;
  for (int code = -10; code < 70000; code++) {
    bool is_valid = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                    (code >= 3000 && code <= 4999);
    if (ws_close_code_is_valid(code) != is_valid)
      fail_msg("%d", code);
  }
}

/* RFC 6455, section 1.3. */
static void the_accept_key_is_that_of_the_rfc(void **state) {
  (void)state;
  char out[29];
  assert_true(ws_accept_key("dGhlIHNhbXBsZSBub25jZQ==", 24, out));
  assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void a_key_that_is_not_16_bytes_of_base64_is_refused(void **state) {
  (void)state;
  static const char *const keys[] = {
      "",
      "dGhlIHNhbXBsZSBub25jZQ",
      "dGhlIHNhbXBsZSBub25jZQ=",
      "dGhlIHNhbXBsZSBub25jZQ===",
      "dGhlIHNhbXBsZSBub25jZQA=",
      "dGhlIHNhbXBsZSBub25jZQAA",
      "dGhlIHNhbXBsZSBub25jZ-==",
      "dGhlIHNhbXBsZSBub25j Q==",
      "=GhlIHNhbXBsZSBub25jZQ==",
  };
  char out[29];
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    size_t len = strlen(keys[i]);
    char *exact = malloc(len > 0 ? len : 1);
    memcpy(exact, keys[i], len);
    assert_false(ws_accept_key(exact, len, out));
    free(exact);
  }
  assert_false(ws_accept_key("dGhlIHNhbXBsZSBub25j\0Q==", 24, out));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_length_is_written_in_its_shortest_form),
      cmocka_unit_test(a_frame_is_final_and_has_its_opcode),
      cmocka_unit_test(a_masked_frame_is_that_of_the_rfc),
      cmocka_unit_test(a_frame_is_appended_whole_or_not_at_all),
      cmocka_unit_test(a_close_says_code_and_reason),
      cmocka_unit_test(a_code_that_may_not_be_sent_is_said_by_saying_nothing),
      cmocka_unit_test(a_long_reason_is_cut_between_characters),
      cmocka_unit_test(a_reason_ends_before_what_is_not_utf8),
      cmocka_unit_test(the_close_codes_are_those_of_the_registry),
      cmocka_unit_test(the_accept_key_is_that_of_the_rfc),
      cmocka_unit_test(a_key_that_is_not_16_bytes_of_base64_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
