/*
 * json_read: a reader by recursive descent; see json_read.h. Every read_… function starts at its
 * first character, leaves the cursor behind its last one, and returns NULL once the reader has
 * failed.
 */
#include "lib/core/json_read.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/buf.h"
#include "lib/core/err.h"
#include "lib/core/utf8.h"

struct reader {
  const char *text, *p, *end;
  struct buf scratch; /* strings with escapes, and numbers, one at a time */
  unsigned depth;
  struct cws_error *err;
};

static json_t *read_value(struct reader *r);

/* ---- failing ---- */

static void fail_at(struct reader *r, const char *at, const char *what) {
  unsigned long line = 1, column = 1;
  for (const char *p = r->text; p < at; p++) {
    bool is_inside = ((unsigned char)*p & 0xc0) == 0x80; /* not a character's first byte */
    column = *p == '\n' ? 1 : column + !is_inside;
    line += *p == '\n';
  }
  err_set(r->err, CWS_EBADJSON, "line %lu column %lu: %s", line, column, what);
}

static json_t *fail(struct reader *r, const char *what) {
  fail_at(r, r->p, what);
  return NULL;
}

static json_t *fail_memory(struct reader *r) {
  err_set(r->err, CWS_ENOMEM, NULL);
  return NULL;
}

/* A value that jansson has just made. */
static json_t *made(struct reader *r, json_t *value) {
  return value != NULL ? value : fail_memory(r);
}

/* ---- characters ---- */

static bool next_is(const struct reader *r, char c) {
  return r->p < r->end && *r->p == c;
}

static bool next_is_digit(const struct reader *r) {
  return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool take(struct reader *r, char c) {
  bool is_there = next_is(r, c);
  r->p += is_there;
  return is_there;
}

static void skip_blanks(struct reader *r) {
  while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
    r->p++;
}

/* ---- strings ---- */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u; -1 where they are not there. */
static int32_t read_hex4(struct reader *r) {
  int32_t code = 0;
  if (r->end - r->p < 4)
    return -1;
  for (int i = 0; i < 4; i++) {
    int digit = hex_digit(r->p[i]);
    if (digit < 0)
      return -1;
    code = code * 16 + digit;
  }
  r->p += 4;
  return code;
}

static void add_utf8(struct buf *b, uint32_t code) {
  uint8_t bytes[4];
  size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  static const uint8_t FIRST[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = n - 1; i > 0; i--, code >>= 6)
    bytes[i] = (uint8_t)(0x80 | (code & 0x3f));
  bytes[0] = (uint8_t)(FIRST[n] | code);
  buf_add(b, bytes, n);
}

/* Behind \u; one code, or two that are a surrogate pair (RFC 8259, section 7). */
static bool read_unicode_escape(struct reader *r) {
  const char *start = r->p - 2;
  int32_t code = read_hex4(r);
  if (code >= 0xd800 && code <= 0xdbff) {
    bool has_second = r->end - r->p >= 2 && r->p[0] == '\\' && r->p[1] == 'u';
    r->p += has_second ? 2 : 0;
    int32_t second = has_second ? read_hex4(r) : 0;
    bool is_pair = second >= 0xdc00 && second <= 0xdfff;
    code = is_pair ? 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00) : 0xdc00;
  }
  if (code >= 0 && (code < 0xdc00 || code > 0xdfff)) {
    add_utf8(&r->scratch, (uint32_t)code);
    return true;
  }
  fail_at(r, start, code < 0 ? "\\u wants four hexadecimal digits" : "half of a surrogate pair");
  return false;
}

/* Behind a backslash. */
static bool read_escape(struct reader *r) {
  static const char NAMES[] = "\"\\/bfnrt", CHARS[] = "\"\\/\b\f\n\r\t";
  const char *name = r->p < r->end && *r->p != '\0' ? strchr(NAMES, *r->p) : NULL;
  if (name != NULL) {
    buf_add_char(&r->scratch, CHARS[name - NAMES]);
    r->p++;
    return true;
  }
  if (take(r, 'u'))
    return read_unicode_escape(r);
  fail_at(r, r->p - 1, "unknown escape");
  return false;
}

/* Moves behind the characters that stand for themselves. */
static bool skip_plain(struct reader *r) {
  const char *start = r->p;
  while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20)
    r->p++;
  size_t len = (size_t)(r->p - start);
  if (utf8_feed(UTF8_ACCEPT, (const uint8_t *)start, len) == UTF8_ACCEPT)
    return true;
  for (size_t n; (n = utf8_char((const uint8_t *)start, (size_t)(r->p - start))) > 0;)
    start += n;
  fail_at(r, start, "not UTF-8");
  return false;
}

/* The inside of the string at the cursor, in the text itself or in scratch. */
static bool read_chars(struct reader *r, const char **chars, size_t *len) {
  const char *start = ++r->p;
  if (!skip_plain(r))
    return false;
  *chars = start;
  *len = (size_t)(r->p - start);
  if (take(r, '"'))
    return true;
  buf_reset(&r->scratch);
  buf_add(&r->scratch, start, *len);
  while (take(r, '\\')) {
    start = read_escape(r) ? r->p : NULL;
    if (start == NULL || !skip_plain(r))
      return false;
    buf_add(&r->scratch, start, (size_t)(r->p - start));
  }
  if (r->scratch.failed)
    return fail_memory(r) != NULL;
  *chars = r->scratch.data;
  *len = r->scratch.len;
  if (take(r, '"'))
    return true;
  fail(r, r->p < r->end ? "control character in a string" : "the string has no end");
  return false;
}

static json_t *read_string(struct reader *r) {
  const char *chars;
  size_t len;
  return read_chars(r, &chars, &len) ? made(r, json_stringn_nocheck(chars, len)) : NULL;
}

/* ---- numbers ---- */

static bool skip_digits(struct reader *r) {
  const char *start = r->p;
  while (next_is_digit(r))
    r->p++;
  return r->p > start;
}

/* Behind a number; *is_real tells whether it has a fraction or an exponent. */
static bool skip_number(struct reader *r, bool *is_real) {
  take(r, '-');
  bool is_valid = take(r, '0') || skip_digits(r);
  *is_real = false;
  if (is_valid && take(r, '.')) {
    *is_real = true;
    is_valid = skip_digits(r);
  }
  if (is_valid && (take(r, 'e') || take(r, 'E'))) {
    *is_real = true;
    (void)(take(r, '-') || take(r, '+'));
    is_valid = skip_digits(r);
  }
  return is_valid;
}

/* False if it does not fit. `s` is an optional minus and digits. */
static bool read_int64(const char *s, const char *end, json_int_t *v) {
  bool is_negative = *s == '-';
  json_int_t n = 0; /* never above 0: the least number has no positive twin */
  for (s += is_negative; s < end; s++) {
    json_int_t digit = *s - '0';
    if (n < (INT64_MIN + digit) / 10)
      return false;
    n = n * 10 - digit;
  }
  if (!is_negative && n == INT64_MIN)
    return false;
  *v = is_negative ? n : -n;
  return true;
}

/* strtod wants a NUL, and the decimal point of the process's locale. */
static json_t *make_real(struct reader *r, const char *s, const char *end) {
  const char *point = memchr(s, '.', (size_t)(end - s));
  buf_reset(&r->scratch);
  buf_add(&r->scratch, s, (size_t)((point != NULL ? point : end) - s));
  if (point != NULL) {
    buf_add_str(&r->scratch, localeconv()->decimal_point);
    buf_add(&r->scratch, point + 1, (size_t)(end - point - 1));
  }
  if (r->scratch.failed)
    return fail_memory(r);
  int saved = errno;
  double v = strtod(r->scratch.data, NULL);
  errno = saved;
  return made(r, json_real(isfinite(v) ? v : v < 0 ? -DBL_MAX : DBL_MAX));
}

static json_t *read_number(struct reader *r) {
  const char *start = r->p;
  bool is_real;
  json_int_t v;
  if (!skip_number(r, &is_real))
    return fail(r, "digit expected");
  if (!is_real && read_int64(start, r->p, &v))
    return made(r, json_integer(v));
  return make_real(r, start, r->p);
}

/* ---- objects, arrays, words ---- */

static json_t *read_elements(struct reader *r) {
  json_t *array = made(r, json_array());
  skip_blanks(r);
  if (array == NULL || take(r, ']'))
    return array;
  do {
    skip_blanks(r);
    json_t *value = read_value(r);
    if (value == NULL || json_array_append_new(array, value) != 0) {
      err_set(r->err, CWS_ENOMEM, NULL); /* unless the value failed before */
      goto failed;
    }
    skip_blanks(r);
  } while (take(r, ','));
  if (take(r, ']'))
    return array;
  fail(r, "']' expected");
failed:
  json_decref(array);
  return NULL;
}

/* The key at the cursor, in *copy if it had to be put together: its value takes the scratch. */
static bool read_key(struct reader *r, const char **chars, size_t *len, char **copy) {
  if (!read_chars(r, chars, len))
    return false;
  if (*chars != r->scratch.data)
    return true;
  *copy = malloc(*len + 1);
  if (*copy == NULL)
    return fail_memory(r) != NULL;
  *chars = memcpy(*copy, *chars, *len + 1);
  return true;
}

static bool read_colon_and_value(struct reader *r, json_t **value) {
  skip_blanks(r);
  if (!take(r, ':'))
    return fail(r, "':' expected") != NULL;
  skip_blanks(r);
  *value = read_value(r);
  return *value != NULL;
}

static bool read_member(struct reader *r, json_t *object) {
  const char *start = r->p, *key;
  char *copy = NULL;
  size_t len;
  json_t *value;
  bool is_set = false;
  if (!next_is(r, '"'))
    return fail(r, json_object_size(object) ? "string expected" : "string or '}' expected") != NULL;
  if (!read_key(r, &key, &len, &copy))
    return false;
  if (memchr(key, '\0', len) != NULL)
    fail_at(r, start, "\\u0000 in a key");
  else if (json_object_getn(object, key, len) != NULL)
    fail_at(r, start, "duplicate key");
  else if (read_colon_and_value(r, &value))
    is_set = json_object_setn_new_nocheck(object, key, len, value) == 0;
  if (!is_set)
    err_set(r->err, CWS_ENOMEM, NULL); /* unless something else failed before */
  free(copy);
  return is_set;
}

static json_t *read_members(struct reader *r) {
  json_t *object = made(r, json_object());
  skip_blanks(r);
  if (object == NULL || take(r, '}'))
    return object;
  do {
    skip_blanks(r);
    if (!read_member(r, object))
      goto failed;
    skip_blanks(r);
  } while (take(r, ','));
  if (take(r, '}'))
    return object;
  fail(r, "'}' expected");
failed:
  json_decref(object);
  return NULL;
}

static json_t *read_nested(struct reader *r) {
  if (r->depth == JSON_READ_DEPTH_MAX)
    return fail(r, "nested too deeply");
  r->depth++;
  json_t *value = take(r, '[') ? read_elements(r) : (r->p++, read_members(r));
  r->depth--;
  return value;
}

static json_t *read_word(struct reader *r) {
  static const char *const WORDS[] = {"true", "false", "null"};
  for (size_t i = 0; i < 3; i++) {
    size_t len = strlen(WORDS[i]);
    if ((size_t)(r->end - r->p) >= len && memcmp(r->p, WORDS[i], len) == 0) {
      r->p += len;
      return i == 2 ? json_null() : json_boolean(i == 0);
    }
  }
  return fail(r, "value expected");
}

static json_t *read_value(struct reader *r) {
  if (next_is(r, '"'))
    return read_string(r);
  if (next_is(r, '{') || next_is(r, '['))
    return read_nested(r);
  return next_is(r, '-') || next_is_digit(r) ? read_number(r) : read_word(r);
}

json_t *json_read(const char *text, size_t len, struct cws_error *err) {
  struct reader r = {.text = text, .p = text, .end = text + len, .err = err};
  buf_init(&r.scratch);
  skip_blanks(&r);
  json_t *value = read_value(&r);
  skip_blanks(&r);
  if (value != NULL && r.p < r.end) {
    json_decref(value);
    value = fail(&r, "end of text expected");
  }
  buf_finish(&r.scratch);
  return value;
}

bool json_holds_nul(const json_t *value) {
  const char *key;
  size_t i;
  json_t *inside;
  if (json_is_string(value))
    return strlen(json_string_value(value)) != json_string_length(value);
  json_object_foreach((json_t *)value, key, inside) {
    if (json_holds_nul(inside))
      return true;
  }
  json_array_foreach(value, i, inside) {
    if (json_holds_nul(inside))
      return true;
  }
  return false;
}
