/*
 * http_guard: what http_parser lets through as distributions build it (HTTP_PARSER_STRICT=0) and
 * RFC 9112 does not: folded lines, blanks in a header's name, ends of lines and chunks that are
 * none. A proxy in front may see the end of a request elsewhere then, which is how one is smuggled
 * in.
 */
#include <string.h>

#include "server/http/http_internal.h"

/* The state behind `c`; section 2.2 lets LF alone end a line. GUARD_BAD once a rule is broken. */
static enum http_guard step(enum http_guard guard, char c) {
  switch (guard) {
  case GUARD_START: /* empty lines before a request are passed over */
    return c == '\r' || c == '\n' ? GUARD_START : GUARD_LINE;
  case GUARD_LINE:
    return c == '\r' ? GUARD_CR : c == '\n' ? GUARD_LINE_START : GUARD_LINE;
  case GUARD_CR:
    return c == '\n' ? GUARD_LINE_START : GUARD_BAD;
  case GUARD_LINE_START: /* a blank here folds a line, section 5.2 */
    if (c == ' ' || c == '\t')
      return GUARD_BAD;
    return c == '\r' ? GUARD_EMPTY_CR : c == '\n' ? GUARD_OVER : GUARD_LINE;
  case GUARD_EMPTY_CR:
    return c == '\n' ? GUARD_OVER : GUARD_BAD;
  case GUARD_OVER:
  case GUARD_BAD:
    break;
  }
  return guard;
}

bool http_guard_lines(enum http_guard *guard, const char *bytes, size_t len) {
  for (size_t i = 0; i < len && *guard != GUARD_OVER && *guard != GUARD_BAD; i++)
    *guard = step(*guard, bytes[i]);
  return *guard != GUARD_BAD;
}

bool http_guard_name(const char *name, size_t len) {
  return memchr(name, ' ', len) == NULL;
}

bool http_guard_value(const char *value, size_t len) { /* RFC 9110, section 5.5 */
  for (size_t i = 0; i < len; i++) {
    if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f)
      return false;
  }
  return true;
}

bool http_guard_target(const char *target, size_t len) { /* no fragment: RFC 9112, section 3.2 */
  for (size_t i = 0; i < len; i++) {
    if (target[i] <= ' ' || target[i] > '~' || target[i] == '#')
      return false;
  }
  return true;
}

bool http_guard_chunk(enum http_chunk_edge edge, char last_but_one, char last) {
  return last == '\n' && (edge != CHUNK_DATA_OVER || last_but_one == '\r');
}
