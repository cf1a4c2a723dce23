/* timestamp: RFC 3339 in UTC, to and from milliseconds since 1970. Pure: it reads no clock. */
#ifndef CWS_CORE_TIMESTAMP_H
#define CWS_CORE_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMESTAMP_BUF 32 /* enough for any timestamp_format result with its NUL */
#define TIMESTAMP_MAX 40 /* longest accepted text: nanoseconds and more digits than sense */

/* Strict RFC 3339 date-time that ends in Z (upper case), any number of fraction digits
 * that fits TIMESTAMP_MAX; a leap second :60 is accepted where there can be one, at the end
 * of a month. ms may be NULL. */
bool timestamp_parse(const char *s, size_t len, int64_t *ms);

/* "2026-11-23T08:18:52.123Z"; ms from 0 to 9999-12-31. Returns out. */
const char *timestamp_format(int64_t ms, char out[TIMESTAMP_BUF]);

#endif
