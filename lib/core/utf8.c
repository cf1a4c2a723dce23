/*
 * utf8: see utf8.h. The state is what may come next: the number of continuation bytes still missing
 * in the lowest byte (times 2, so that it never looks like UTF8_REJECT), then the least and the
 * greatest next byte.
 */
#include "lib/core/utf8.h"

#include <string.h>

static uint32_t expect(uint32_t missing, uint32_t low, uint32_t high) {
  return missing * 2 | low << 8 | high << 16;
}

static uint32_t first(uint8_t c) {
  if (c < 0x80)
    return UTF8_ACCEPT;
  if (c >= 0xc2 && c <= 0xdf)
    return expect(1, 0x80, 0xbf);
  if (c == 0xe0)
    return expect(2, 0xa0, 0xbf);
  if (c == 0xed)
    return expect(2, 0x80, 0x9f); /* no surrogates */
  if (c >= 0xe1 && c <= 0xef)
    return expect(2, 0x80, 0xbf);
  if (c == 0xf0)
    return expect(3, 0x90, 0xbf);
  if (c >= 0xf1 && c <= 0xf3)
    return expect(3, 0x80, 0xbf);
  if (c == 0xf4)
    return expect(3, 0x80, 0x8f);
  return UTF8_REJECT;
}

static uint32_t next(uint32_t state, uint8_t c) {
  if (state == UTF8_ACCEPT)
    return first(c);
  uint32_t missing = (state & 0xff) / 2, low = state >> 8 & 0xff, high = state >> 16 & 0xff;
  if (c < low || c > high)
    return UTF8_REJECT;
  return missing == 1 ? UTF8_ACCEPT : expect(missing - 1, 0x80, 0xbf);
}

/* How many bytes at the start are ASCII, found eight at a time. */
static size_t ascii_prefix(const uint8_t *bytes, size_t len) {
  size_t i = 0;
  for (uint64_t word; i + sizeof word <= len; i += sizeof word) {
    memcpy(&word, bytes + i, sizeof word);
    if ((word & UINT64_C(0x8080808080808080)) != 0)
      break;
  }
  return i;
}

uint32_t utf8_feed(uint32_t state, const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len && state != UTF8_REJECT;) {
    size_t ascii = state == UTF8_ACCEPT ? ascii_prefix(bytes + i, len - i) : 0;
    i += ascii;
    for (size_t end = i + 16 < len ? i + 16 : len; i < end && state != UTF8_REJECT; i++)
      state = next(state, bytes[i]);
  }
  return state;
}

size_t utf8_char(const uint8_t *bytes, size_t len) {
  uint32_t state = UTF8_ACCEPT;
  for (size_t i = 0; i < len; i++) {
    state = next(state, bytes[i]);
    if (state == UTF8_ACCEPT)
      return i + 1;
    if (state == UTF8_REJECT)
      return 0;
  }
  return 0;
}
