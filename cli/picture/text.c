/* text: see text.h. */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "cli/picture/text.h"

#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

#define NOT_A_CHARACTER UINT32_MAX

/* RFC 3629: shortest form, no surrogates, up to U+10FFFF. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *cp) {
  static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
  *cp = NOT_A_CHARACTER;
  if (n == 0 || n > len || s[0] > 0xf4)
    return 1;
  uint32_t v = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
  for (size_t i = 1; i < n; i++) {
    if ((s[i] & 0xc0) != 0x80)
      return 1;
    v = v << 6 | (s[i] & 0x3f);
  }
  if (v < LEAST[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
    return 1;
  *cp = v;
  return n;
}

/* Characters that change how others are shown or that end lines: a terminal or an editor that the
 * text is pasted into may act on them. */
static bool is_directive(uint32_t cp) {
  static const uint32_t RANGES[][2] = {
      {0x061c, 0x061c}, {0x200e, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
      {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
  };
  for (size_t i = 0; i < sizeof RANGES / sizeof RANGES[0]; i++) {
    if (cp >= RANGES[i][0] && cp <= RANGES[i][1])
      return true;
  }
  return false;
}

static bool is_joiner(uint32_t cp) {
  return cp == 0x200d || (cp >= 0xfe00 && cp <= 0xfe0f) || (cp >= 0xe0100 && cp <= 0xe01ef);
}

static int width_of(uint32_t cp) {
  static locale_t utf8;
  if (cp < 0x7f)
    return 1;
  if (utf8 == (locale_t)0)
    utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (utf8 == (locale_t)0)
    return 1;
  locale_t before = uselocale(utf8);
  int width = wcwidth((wchar_t)cp);
  uselocale(before);
  if (width >= 0)
    return width;
  return cp >= 0x1f000 && cp < 0x20000 ? 2 : 1; /* newer than the table: most likely an emoji */
}

static void escape(struct glyph *g, const char *fmt, unsigned v) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  g->cells = snprintf(g->bytes, sizeof g->bytes, fmt, v);
#pragma GCC diagnostic pop
  g->len = (size_t)g->cells;
}

size_t text_next(const char *s, size_t len, struct glyph *g) {
  uint32_t cp;
  size_t n = decode((const unsigned char *)s, len, &cp);
  *g = (struct glyph){.is_blank = cp == ' ' || cp == '\t' || cp == '\n' || cp == '\r',
                      .is_joiner = is_joiner(cp)};
  if (cp == '\n')
    escape(g, "\\n", 0);
  else if (cp == '\t')
    escape(g, "\\t", 0);
  else if (cp == NOT_A_CHARACTER)
    escape(g, "\\x%02x", (unsigned char)s[0]);
  else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
    escape(g, "\\x%02x", cp);
  else if (is_directive(cp))
    escape(g, "\\u%04x", cp);
  if (g->len > 0)
    return n;
  memcpy(g->bytes, s, n);
  g->len = n;
  g->cells = width_of(cp);
  return n;
}

bool text_locale_is_utf8(void) {
  static const char *const NAMES[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
    const char *value = getenv(NAMES[i]);
    if (value == NULL || value[0] == '\0')
      continue;
    const char *codeset = strchr(value, '.');
    return codeset != NULL &&
           (strncasecmp(codeset, ".utf-8", 6) == 0 || strncasecmp(codeset, ".utf8", 5) == 0);
  }
  return true; /* nothing was said, as in a bare container: terminals of today speak it */
}
