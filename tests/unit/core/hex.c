/* hex: see hex.h. */
#include "tests/unit/core/hex.h"

#include <ctype.h>
#include <stdlib.h>

bool hex_decode(struct buf *out, const char *text, size_t len) {
  bool is_comment = false;
  size_t digits = 0;
  char pair[3] = "";
  for (size_t i = 0; i < len; i++) {
    is_comment = text[i] == '#' || (is_comment && text[i] != '\n');
    if (is_comment || !isxdigit((unsigned char)text[i]))
      continue;
    pair[digits++ % 2] = text[i];
    if (digits % 2 == 0)
      buf_add_char(out, (char)strtol(pair, NULL, 16));
  }
  return digits % 2 == 0;
}
