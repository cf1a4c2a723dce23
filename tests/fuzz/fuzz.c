/* fuzz: see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include "lib/core/utf8.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *file, int line, const char *what) {
  fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  abort();
}

void fuzz_check_error(int rc, const struct cws_error *err) {
  size_t len = strnlen(err->message, sizeof err->message);
  CHECK(rc < 0 && err->code == rc);
  CHECK(len > 0 && len < sizeof err->message);
  CHECK(utf8_feed(UTF8_ACCEPT, (const uint8_t *)err->message, len) == UTF8_ACCEPT);
  for (size_t i = 0; i < len; i++)
    CHECK((unsigned char)err->message[i] >= 0x20 && err->message[i] != 0x7f);
}
