/* hex: bytes written as hexadecimal digits, with comments from # to the end of the line. */
#ifndef TESTS_UNIT_CORE_HEX_H
#define TESTS_UNIT_CORE_HEX_H

#include "lib/core/buf.h"

/* Appends the bytes; false if a digit is left over. What is no digit is passed over. */
bool hex_decode(struct buf *out, const char *text, size_t len);

#endif
