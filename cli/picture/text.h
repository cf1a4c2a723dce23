/*
 * text: any bytes as something a terminal can show and never acts on. Control bytes, bytes that are
 * not UTF-8 and characters that turn the direction of writing become escapes that can be read
 * ("\x1b", "\u202e"). Widths are those of wcwidth in a UTF-8 locale, whatever the process's own is.
 */
#ifndef CLI_PICTURE_TEXT_H
#define CLI_PICTURE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct glyph {
  char bytes[16]; /* NUL-terminated */
  size_t len;
  int cells;      /* 0 for a combining one */
  bool is_blank;  /* a space, a tab or a line break */
  bool is_joiner; /* nothing of its own: it binds its neighbours (ZWJ, variation selectors) */
};

/* The glyph at s (len > 0); returns how many bytes of s it stands for, at least 1. */
size_t text_next(const char *s, size_t len, struct glyph *g);

/* The locale of the environment: false where it names a codeset other than UTF-8. */
bool text_locale_is_utf8(void);

#endif
