/*
 * Units: durations ("250ms", "30s", "5m", "24h", "7d") and sizes ("64k", "1m", "2g") as people
 * write them in options and configuration. Any thread.
 */
#ifndef COUNCILWS_UNITS_H
#define COUNCILWS_UNITS_H

#include <councilws/error.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CWS_UNITS_BUF 24 /* enough for any formatted duration or size with its NUL */

/* A decimal integer with a unit: ms s m h d; "0" needs none. A bare number is refused and the
 * message says which units there are. Result in milliseconds, at most 100 years. CWS_EINVAL. */
CWS_API int cws_duration_parse(const char *s, int64_t *ms, struct cws_error *err);

/* A decimal integer with an optional unit k, m, g (powers of 1024), either case. CWS_EINVAL. */
CWS_API int cws_size_parse(const char *s, int64_t *bytes, struct cws_error *err);

/* A plain decimal integer within [min, max]. CWS_EINVAL; the message names the range. */
CWS_API int cws_int_parse(const char *s, int64_t min, int64_t max, int64_t *v,
                          struct cws_error *err);

/* The shortest exact form: 90000 is "90s", 86400000 is "1d"; 65536 is "64k". Return out. */
CWS_API const char *cws_duration_format(int64_t ms, char out[CWS_UNITS_BUF]);
CWS_API const char *cws_size_format(int64_t bytes, char out[CWS_UNITS_BUF]);

#ifdef __cplusplus
}
#endif
#endif
