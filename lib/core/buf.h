/*
 * buf: a growing byte buffer. A failed allocation marks it and later calls do
 * nothing, so a whole message is built first and checked once at the end.
 */
#ifndef CWS_CORE_BUF_H
#define CWS_CORE_BUF_H

#include <councilws/error.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
  char *data; /* NUL after `len` bytes, once anything was added; NULL when empty and new */
  size_t len;
  size_t cap;
  bool failed; /* an allocation failed: the content is not complete */
};

void buf_init(struct buf *b);
void buf_finish(struct buf *b); /* frees the bytes; NULL is fine */
void buf_reset(struct buf *b);  /* len = 0, failed = false, memory kept */
int buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_i64(struct buf *b, int64_t v);
void buf_addf(struct buf *b, const char *fmt, ...) CWS_PRINTF(2, 3);
/* Adds `s` as a JSON string with its quotes. Control bytes are escaped; bytes that are not
 * UTF-8 become U+FFFD, so the result is always valid JSON. */
void buf_add_json_str(struct buf *b, const char *s, size_t len);
/* Drops the first n bytes (n ≤ len). */
void buf_consume(struct buf *b, size_t n);
/* Hands the bytes to the caller (to be freed with free()) and leaves the buffer new.
 * NULL if an allocation failed. */
char *buf_take(struct buf *b, size_t *len);

#endif
