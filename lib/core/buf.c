/* buf: a growing byte buffer; see buf.h. */
#include "lib/core/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/utf8.h"

#define BUF_MIN 64

void buf_init(struct buf *b) {
  memset(b, 0, sizeof *b);
}

void buf_finish(struct buf *b) {
  if (b == NULL)
    return;
  free(b->data);
  buf_init(b);
}

void buf_reset(struct buf *b) {
  b->len = 0;
  b->failed = false;
  if (b->data != NULL)
    b->data[0] = '\0';
}

static int fail(struct buf *b) {
  b->failed = true;
  return CWS_ENOMEM;
}

int buf_reserve(struct buf *b, size_t more) {
  if (b->failed)
    return CWS_ENOMEM;
  if (more >= SIZE_MAX / 2 - b->len)
    return fail(b);
  size_t need = b->len + more + 1;
  if (need <= b->cap)
    return 0;
  size_t cap = b->cap < BUF_MIN ? BUF_MIN : b->cap;
  while (cap < need)
    cap *= 2;
  char *data = realloc(b->data, cap);
  if (data == NULL)
    return fail(b);
  b->data = data;
  b->cap = cap;
  return 0;
}

void buf_add(struct buf *b, const void *bytes, size_t len) {
  if (buf_reserve(b, len) != 0)
    return;
  if (len > 0)
    memcpy(b->data + b->len, bytes, len);
  b->len += len;
  b->data[b->len] = '\0';
}

void buf_add_str(struct buf *b, const char *s) {
  buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c) {
  buf_add(b, &c, 1);
}

void buf_add_i64(struct buf *b, int64_t v) {
  char text[20], *p = text + sizeof text; /* as long as -2^63; snprintf takes ten times as long */
  uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
  do
    *--p = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (v < 0)
    *--p = '-';
  buf_add(b, p, (size_t)(text + sizeof text - p));
}

void buf_addf(struct buf *b, const char *fmt, ...) {
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  size_t room = b->failed || b->data == NULL ? 0 : b->cap - b->len;
  int n = vsnprintf(room > 0 ? b->data + b->len : NULL, room, fmt, args);
  va_end(args);
  bool is_written = n >= 0 && (size_t)n < room;
  if (!is_written && room > 0)
    b->data[b->len] = '\0'; /* undoes the part that found room */
  if (n < 0) {
    fail(b);
  } else if (is_written) {
    b->len += (size_t)n;
  } else if (buf_reserve(b, (size_t)n) == 0) {
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
  }
  va_end(again);
}

static void add_escaped(struct buf *b, unsigned char c) {
  static const char SHORT[] = "b\bf\fn\nr\rt\t\"\"\\\\";
  for (size_t i = 0; i + 1 < sizeof SHORT; i += 2) {
    if ((unsigned char)SHORT[i + 1] == c) {
      buf_add_char(b, '\\');
      buf_add_char(b, SHORT[i]);
      return;
    }
  }
  buf_addf(b, "\\u%04x", c);
}

static bool is_plain_ascii(unsigned char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void buf_add_json_str(struct buf *b, const char *s, size_t len) {
  const unsigned char *p = (const unsigned char *)s, *end = p + len, *plain = p;
  buf_add_char(b, '"');
  while (p < end) {
    if (is_plain_ascii(*p)) {
      p++;
      continue;
    }
    size_t n = utf8_char(p, (size_t)(end - p));
    if (n > 1) {
      p += n;
      continue;
    }
    buf_add(b, plain, (size_t)(p - plain));
    if (n == 0)
      buf_add_str(b, "\xef\xbf\xbd");
    else
      add_escaped(b, *p);
    plain = ++p;
  }
  buf_add(b, plain, (size_t)(p - plain));
  buf_add_char(b, '"');
}

void buf_consume(struct buf *b, size_t n) {
  if (n == 0)
    return;
  b->len -= n;
  memmove(b->data, b->data + n, b->len);
  b->data[b->len] = '\0';
}

char *buf_take(struct buf *b, size_t *len) {
  if (!b->failed && b->data == NULL)
    buf_add(b, "", 0);
  char *data = b->failed ? NULL : b->data;
  if (data == NULL)
    free(b->data);
  else if (len != NULL)
    *len = b->len;
  buf_init(b);
  return data;
}
