/* timestamp: RFC 3339 in UTC; days by the proleptic Gregorian calendar. See timestamp.h. */
#include "lib/core/timestamp.h"

#include <councilws/event.h>
#include <string.h>

#define MS_PER_DAY INT64_C(86400000)

static bool is_leap(int y) {
  return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int days_in_month(int y, int m) {
  static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return m == 2 && is_leap(y) ? 29 : DAYS[m - 1];
}

/* Days from 1970-01-01 to y-m-d; years counted from March, so that the leap day comes last. */
static int64_t days_from_civil(int y, int m, int d) {
  y -= m <= 2;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int *y, int *m, int *d) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t doe = days - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  int64_t mp = (5 * doy + 2) / 153;
  *d = (int)(doy - (153 * mp + 2) / 5 + 1);
  *m = (int)(mp < 10 ? mp + 3 : mp - 9);
  *y = (int)(yoe + era * 400 + (*m <= 2));
}

/* Exactly n digits at s; -1 where one is missing. */
static int digits(const char *s, size_t n) {
  int v = 0;
  for (size_t i = 0; i < n; i++) {
    if (s[i] < '0' || s[i] > '9')
      return -1;
    v = v * 10 + (s[i] - '0');
  }
  return v;
}

/* ".123" at s up to `end`, which points at the Z: milliseconds, or -1. */
static int fraction_ms(const char *s, const char *end) {
  if (s == end)
    return 0;
  if (*s++ != '.' || s == end)
    return -1;
  int ms = 0, scale = 100;
  for (; s < end; s++, scale /= 10) {
    if (*s < '0' || *s > '9')
      return -1;
    ms += (*s - '0') * scale;
  }
  return ms;
}

bool timestamp_parse(const char *s, size_t len, int64_t *ms) {
  if (len < 20 || len > TIMESTAMP_MAX || s[len - 1] != 'Z')
    return false;
  if (s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':')
    return false;
  int y = digits(s, 4), m = digits(s + 5, 2), d = digits(s + 8, 2);
  int h = digits(s + 11, 2), min = digits(s + 14, 2), sec = digits(s + 17, 2);
  int frac = fraction_ms(s + 19, s + len - 1);
  if (y < 0 || m < 1 || m > 12 || d < 1 || d > days_in_month(y, m))
    return false;
  if (h < 0 || h > 23 || min < 0 || min > 59 || sec < 0 || sec > 60 || frac < 0)
    return false;
  if (sec == 60 && !(h == 23 && min == 59 && d == days_in_month(y, m)))
    return false; /* a leap second ends a month (RFC 3339, section 5.7) */
  if (ms != NULL)
    *ms =
        days_from_civil(y, m, d) * MS_PER_DAY + ((h * 60 + min) * 60 + sec) * INT64_C(1000) + frac;
  return true;
}

/* Writes v as n digits to s. */
static void put_digits(char *s, int v, size_t n) {
  for (; n > 0; v /= 10)
    s[--n] = (char)('0' + v % 10);
}

const char *timestamp_format(int64_t ms, char out[TIMESTAMP_BUF]) {
  if (ms < 0)
    ms = 0;
  if (ms > INT64_C(253402300799999)) /* 9999-12-31T23:59:59.999Z */
    ms = INT64_C(253402300799999);
  int y, m, d;
  civil_from_days(ms / MS_PER_DAY, &y, &m, &d);
  int rest = (int)(ms % MS_PER_DAY);
  memcpy(out, "0000-00-00T00:00:00.000Z", sizeof "0000-00-00T00:00:00.000Z");
  put_digits(out, y, 4);
  put_digits(out + 5, m, 2);
  put_digits(out + 8, d, 2);
  put_digits(out + 11, rest / 3600000, 2);
  put_digits(out + 14, rest / 60000 % 60, 2);
  put_digits(out + 17, rest / 1000 % 60, 2);
  put_digits(out + 20, rest % 1000, 3);
  return out;
}

int cws_timestamp_parse(const char *timestamp, int64_t *ms) {
  return timestamp_parse(timestamp, strlen(timestamp), ms) ? 0 : CWS_EINVAL;
}
