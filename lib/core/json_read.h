/*
 * json_read: reads JSON text (RFC 8259, UTF-8) into jansson's values. jansson's own reader drops a
 * byte of a string, or runs past its end, when memory runs out while that string grows; and one
 * integer beyond 64 bits turns every number of the text into a real. Here a failed allocation fails
 * the call, and only the number that does not fit becomes a real. Knows nothing of events.
 */
#ifndef CWS_CORE_JSON_READ_H
#define CWS_CORE_JSON_READ_H

#include <councilws/error.h>
#include <jansson.h>
#include <stddef.h>

#define JSON_READ_DEPTH_MAX 512 /* arrays and objects inside one another; bounds the stack */

/*
 * One JSON value with nothing but blanks around it. As strict as jansson with
 * JSON_REJECT_DUPLICATES, JSON_ALLOW_NUL and JSON_DECODE_ANY: \u0000 is fine in a string but not in
 * a key, a lone surrogate is refused. Reals too large for a double become the largest one. The
 * caller owns the result. NULL with CWS_EBADJSON ("line 1 column 17: ']' expected", columns are
 * characters and count from 1) or CWS_ENOMEM in *err, which must be there and empty.
 */
json_t *json_read(const char *text, size_t len, struct cws_error *err);

/* Whether a string somewhere in `value` holds a NUL: for those who want to read C strings. */
bool json_holds_nul(const json_t *value);

#endif
