/* utf8: every character and every short run of bytes, whole and cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/utf8.h"
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

/* The bytes of a code point by RFC 3629, section 3. */
static size_t encode(uint32_t c, uint8_t out[4]) {
  if (c < 0x80)
    return out[0] = (uint8_t)c, 1;
  if (c < 0x800)
    return out[0] = (uint8_t)(0xc0 | c >> 6), out[1] = (uint8_t)(0x80 | (c & 0x3f)), 2;
  size_t n = c < 0x10000 ? 3 : 4;
  for (size_t i = n - 1; i > 0; i--, c >>= 6)
    out[i] = (uint8_t)(0x80 | (c & 0x3f));
  out[0] = (uint8_t)((n == 3 ? 0xe0 : 0xf0) | c);
  return n;
}

static void every_character_is_taken_and_no_surrogate(void **state) {
  (void)state;
  for (uint32_t c = 0; c < 0x120000; c++) {
    uint8_t bytes[4];
    size_t n = encode(c, bytes);
    bool is_valid = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
    if ((utf8_feed(UTF8_ACCEPT, bytes, n) == UTF8_ACCEPT) != is_valid ||
        utf8_char(bytes, n) != (is_valid ? n : 0))
      fail_msg("U+%04X", (unsigned)c);
  }
}

/* By the table of RFC 3629, section 4, over all runs of up to three bytes. */
static size_t plain(const uint8_t *b, size_t len) {
  for (uint32_t n = 1; n <= 4 && n <= len; n++) {
    static const uint32_t first[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = n == 1 ? b[0] : b[0] & (0x7fu >> n);
    uint8_t again[4];
    for (uint32_t i = 1; i < n; i++)
      c = c << 6 | (b[i] & 0x3f);
    bool is_valid = c >= first[n] && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
    if (is_valid && encode(c, again) == n && memcmp(again, b, n) == 0)
      return n;
  }
  return 0;
}

static void all_runs_of_three_bytes_are_judged_as_the_rfc_does(void **state) {
  (void)state;
  for (uint32_t v = 0; v < 0x1000000; v += v >> 16 < 0x80 ? 0x101 : 1) { /* ASCII: not each */
    uint8_t b[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    if (utf8_char(b, 3) != plain(b, 3))
      fail_msg("%06x", (unsigned)v);
  }
}

static void a_character_may_be_cut_anywhere(void **state) {
  (void)state;
  static const uint8_t text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
  size_t len = sizeof text - 1;
  for (size_t i = 0; i <= len; i++) {
    for (size_t j = i; j <= len; j++) {
      uint32_t s = utf8_feed(UTF8_ACCEPT, text, i);
      assert_int_not_equal(s, UTF8_REJECT);
      s = utf8_feed(s, text + i, j - i);
      assert_int_equal(utf8_feed(s, text + j, len - j), UTF8_ACCEPT);
    }
    assert_int_equal(utf8_feed(UTF8_ACCEPT, text, i) == UTF8_ACCEPT,
                     i == len || (text[i] & 0xc0) != 0x80);
  }
}

static void a_bad_byte_is_seen_at_once_and_for_ever(void **state) {
  (void)state;
  static const char *const bad[] = {"\x80",     "\xbf",
                                    "\xc0",     "\xc1",
                                    "\xf5",     "\xff",
                                    "\xe0\x9f", "\xed\xa0",
                                    "\xf0\x8f", "\xf4\x90",
                                    "\xc3\x28", "\xe2\x82\x28",
                                    "\xe2\x28", "\xf0\x9f\x98\x28"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    size_t len = strlen(bad[i]);
    assert_int_not_equal(utf8_feed(UTF8_ACCEPT, (const uint8_t *)bad[i], len - 1), UTF8_REJECT);
    uint32_t s = utf8_feed(UTF8_ACCEPT, (const uint8_t *)bad[i], len);
    assert_int_equal(s, UTF8_REJECT);
    assert_int_equal(utf8_feed(s, (const uint8_t *)"a", 1), UTF8_REJECT);
    assert_int_equal(utf8_feed(s, NULL, 0), UTF8_REJECT);
    assert_int_equal(utf8_char((const uint8_t *)bad[i], len), 0);
  }
}

/* ASCII is skipped in steps of eight bytes: a bad byte at every place around them. */
static void a_bad_byte_is_found_wherever_it_stands(void **state) {
  (void)state;
  uint8_t text[64];
  for (size_t len = 0; len <= sizeof text; len++) {
    for (size_t at = 0; at < len; at++) {
      memset(text, 'x', sizeof text);
      assert_int_equal(utf8_feed(UTF8_ACCEPT, text, len), UTF8_ACCEPT);
      text[at] = 0xff;
      assert_int_equal(utf8_feed(UTF8_ACCEPT, text, len), UTF8_REJECT);
      text[at] = 0xc3;
      uint32_t s = utf8_feed(UTF8_ACCEPT, text, len);
      assert_true(at + 1 == len ? s != UTF8_ACCEPT && s != UTF8_REJECT : s == UTF8_REJECT);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_character_is_taken_and_no_surrogate),
      cmocka_unit_test(all_runs_of_three_bytes_are_judged_as_the_rfc_does),
      cmocka_unit_test(a_character_may_be_cut_anywhere),
      cmocka_unit_test(a_bad_byte_is_seen_at_once_and_for_ever),
      cmocka_unit_test(a_bad_byte_is_found_wherever_it_stands),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
