/* What is taken as a duration, a size or a number stays within its limits, and written in its
 * shortest form reads as the same. */
#include "tests/fuzz/fuzz.h"
#include <councilws/units.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define YEARS_100_MS (INT64_C(36525) * 86400000)

static void check_duration(const char *text) {
  char out[CWS_UNITS_BUF];
  int64_t ms = -1, again = -1;
  struct cws_error err = {0};
  int rc = cws_duration_parse(text, &ms, &err);
  if (rc != 0) {
    fuzz_check_error(rc, &err);
    return;
  }
  CHECK(ms >= 0 && ms <= YEARS_100_MS);
  CHECK(strlen(cws_duration_format(ms, out)) <=
        (strspn(text, "0") > 0 ? sizeof out : strlen(text)));
  CHECK(cws_duration_parse(out, &again, NULL) == 0 && again == ms);
}

static void check_size(const char *text) {
  char out[CWS_UNITS_BUF];
  int64_t bytes = -1, again = -1;
  struct cws_error err = {0};
  int rc = cws_size_parse(text, &bytes, &err);
  if (rc != 0) {
    fuzz_check_error(rc, &err);
    return;
  }
  CHECK(bytes >= 0);
  CHECK(cws_size_parse(cws_size_format(bytes, out), &again, NULL) == 0 && again == bytes);
}

static void check_int(const char *text) {
  char out[32];
  int64_t v = 0, again = 0;
  struct cws_error err = {0};
  int rc = cws_int_parse(text, -1000, INT64_MAX, &v, &err);
  if (rc != 0) {
    fuzz_check_error(rc, &err);
    return;
  }
  CHECK(v >= -1000 && v == strtoll(text, NULL, 10));
  snprintf(out, sizeof out, "%" PRId64, v);
  CHECK(cws_int_parse(out, INT64_MIN + 1, INT64_MAX, &again, NULL) == 0 && again == v);
  CHECK(v == INT64_MAX || cws_int_parse(text, v + 1, INT64_MAX, &again, NULL) == CWS_EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = strndup((const char *)data, size);
  CHECK(text != NULL);
  check_duration(text);
  check_size(text);
  check_int(text);
  free(text);
  return 0;
}
