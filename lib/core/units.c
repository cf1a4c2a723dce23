/* units: durations, sizes and whole numbers as people write them; see councilws/units.h. */
#include <councilws/units.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/err.h"

struct unit {
  const char *name;
  int64_t factor;
};

/* Each table begins with its smallest unit and ends with a row without a name. */
static const struct unit DURATIONS[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit SIZES[] = {
    {"", 1}, {"k", 1024}, {"m", 1024 * 1024}, {"g", 1024 * 1024 * 1024}, {NULL, 0}};

#define DURATION_MAX_MS (INT64_C(36525) * 86400000) /* 100 years */
#define SHOWN 40 /* characters of the input that a message repeats */

/* Digits at *s, moved behind them; no more than UINT64_MAX. False where there is none. */
static bool read_number(const char **s, uint64_t *v) {
  const char *p = *s;
  *v = 0;
  for (; *p >= '0' && *p <= '9'; p++) {
    unsigned digit = (unsigned)(*p - '0');
    *v = *v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *v * 10 + digit;
  }
  bool has_digits = p != *s;
  *s = p;
  return has_digits;
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* 0 for no unit of the table. */
static int64_t factor_of(const struct unit *units, const char *name, bool any_case) {
  for (; units->name != NULL; units++) {
    size_t i = 0;
    while (name[i] != '\0' && units->name[i] == (any_case ? lower(name[i]) : name[i]))
      i++;
    if (name[i] == '\0' && units->name[i] == '\0')
      return units->factor;
  }
  return 0;
}

int cws_duration_parse(const char *s, int64_t *ms, struct cws_error *err) {
  const char *p = s;
  uint64_t v;
  bool has_number = read_number(&p, &v);
  if (has_number && v == 0 && *p == '\0') {
    *ms = 0;
    return 0;
  }
  int64_t factor = factor_of(DURATIONS, p, false);
  if (!has_number || factor == 0)
    return err_set(err, CWS_EINVAL, "'%.*s' is not a time like 250ms, 30s, 5m, 24h or 7d%s", SHOWN,
                   s, has_number && *p == '\0' ? ": the unit is missing" : "");
  if (v > (uint64_t)(DURATION_MAX_MS / factor))
    return err_set(err, CWS_EINVAL, "'%.*s' is too long, at most 36525d are allowed", SHOWN, s);
  *ms = (int64_t)v * factor;
  return 0;
}

int cws_size_parse(const char *s, int64_t *bytes, struct cws_error *err) {
  const char *p = s;
  uint64_t v;
  bool has_number = read_number(&p, &v);
  int64_t factor = factor_of(SIZES, p, true);
  if (!has_number || factor == 0)
    return err_set(err, CWS_EINVAL, "'%.*s' is not a size like 1000, 64k, 1m or 2g", SHOWN, s);
  if (v > (uint64_t)(INT64_MAX / factor))
    return err_set(err, CWS_EINVAL, "'%.*s' is too large", SHOWN, s);
  *bytes = (int64_t)v * factor;
  return 0;
}

int cws_int_parse(const char *s, int64_t min, int64_t max, int64_t *v, struct cws_error *err) {
  const char *p = s;
  uint64_t n;
  bool is_negative = *p == '-';
  if (is_negative)
    p++;
  if (!read_number(&p, &n) || *p != '\0')
    return err_set(err, CWS_EINVAL, "'%.*s' is not a whole number", SHOWN, s);
  int64_t signed_n = n > INT64_MAX ? INT64_MAX : (int64_t)n;
  signed_n = is_negative ? -signed_n : signed_n;
  if (n > INT64_MAX || signed_n < min || signed_n > max)
    return err_set(err, CWS_EINVAL, "'%.*s' is not between %lld and %lld", SHOWN, s, (long long)min,
                   (long long)max);
  *v = signed_n;
  return 0;
}

/* In the largest unit that leaves no rest. */
static const char *format(int64_t v, const struct unit *units, char out[CWS_UNITS_BUF]) {
  const struct unit *best = units;
  for (const struct unit *u = units; u->name != NULL; u++) {
    if (v != 0 && v % u->factor == 0)
      best = u;
  }
  snprintf(out, CWS_UNITS_BUF, "%lld%s", (long long)(v / best->factor), v == 0 ? "" : best->name);
  return out;
}

const char *cws_duration_format(int64_t ms, char out[CWS_UNITS_BUF]) {
  return format(ms, DURATIONS, out);
}

const char *cws_size_format(int64_t bytes, char out[CWS_UNITS_BUF]) {
  return format(bytes, SIZES, out);
}
