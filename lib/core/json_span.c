/*
 * json_span: walks JSON text that a real parser has accepted; see json_span.h. It checks
 * nothing, but never reads past the end.
 */
#include "lib/core/json_span.h"

#include <stdint.h>
#include <string.h>

struct cursor {
  const char *p, *end;
};

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct cursor *c) {
  while (c->p < c->end && is_blank(*c->p))
    c->p++;
}

/* From an opening quote to behind the closing one. The next quote is looked for only once the last
 * is passed, so that a string full of escapes takes no longer than another. */
static void skip_string(struct cursor *c) {
  const char *quote = c->p++;
  while (c->p < c->end) {
    if (quote < c->p && (quote = memchr(c->p, '"', (size_t)(c->end - c->p))) == NULL)
      quote = c->end;
    const char *escape = memchr(c->p, '\\', (size_t)(quote - c->p));
    if (escape == NULL) {
      c->p = quote < c->end ? quote + 1 : quote;
      return;
    }
    c->p = c->end - escape > 2 ? escape + 2 : c->end;
  }
}

static void skip_value(struct cursor *c) {
  size_t depth = 0;
  while (c->p < c->end) {
    char ch = *c->p;
    if (ch == '"') {
      skip_string(c);
    } else if (ch == '{' || ch == '[') {
      depth++;
      c->p++;
    } else if ((ch == '}' || ch == ']' || ch == ',' || is_blank(ch)) && depth == 0) {
      return;
    } else {
      depth -= ch == '}' || ch == ']' ? 1 : 0;
      c->p++;
    }
    if (depth == 0 && (ch == '"' || ch == '}' || ch == ']'))
      return;
  }
}

static int hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

/* One character of a string's inside, escapes undone; -1 for what is not ASCII. */
static int next_char(const char **p, const char *end) {
  static const char NAMES[] = "bfnrt", CHARS[] = "\b\f\n\r\t";
  char c = *(*p)++;
  if (c != '\\' || *p >= end)
    return (unsigned char)c < 0x80 ? c : -1;
  char e = *(*p)++;
  const char *name = strchr(NAMES, e);
  if (e != '\0' && name != NULL)
    return CHARS[name - NAMES];
  if (e != 'u' || end - *p < 4)
    return e;
  int code = 0;
  for (int i = 0; i < 4; i++)
    code = code * 16 + hex(*(*p)++);
  return code < 0x80 ? code : -1;
}

static bool key_is(const char *inside, const char *end, const char *name) {
  while (inside < end && *name != '\0') {
    if (next_char(&inside, end) != *name++)
      return false;
  }
  return inside == end && *name == '\0';
}

bool json_span_member(const char *text, size_t len, const char *name, size_t *start,
                      size_t *span_len) {
  struct cursor c = {text, text + len};
  skip_blanks(&c);
  if (c.p >= c.end || *c.p != '{')
    return false;
  c.p++;
  for (skip_blanks(&c); c.p < c.end && *c.p == '"'; skip_blanks(&c)) {
    const char *key = c.p + 1;
    skip_string(&c);
    bool is_it = key_is(key, c.p - 1, name);
    skip_blanks(&c);
    c.p += c.p < c.end; /* the colon */
    skip_blanks(&c);
    const char *value = c.p;
    skip_value(&c);
    if (is_it) {
      *start = (size_t)(value - text);
      *span_len = (size_t)(c.p - value);
      return true;
    }
    skip_blanks(&c);
    c.p += c.p < c.end && *c.p == ',';
  }
  return false;
}
