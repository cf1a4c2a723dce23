/*
 * json_read agrees with jansson's own reader on what is JSON and what it says, but for depth and
 * numbers beyond 64 bits or a double; json_span finds every member where json_read read it.
 */
#include "lib/core/json_read.h"
#include "lib/core/json_span.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY)

static bool is_ascii(const char *s) {
  while (*s != '\0' && (unsigned char)*s < 0x80)
    s++;
  return *s == '\0';
}

static void check_members(const char *text, size_t len, const json_t *object) {
  const char *key;
  json_t *member;
  json_object_foreach((json_t *)object, key, member) {
    size_t start = 0, span = 0;
    struct cws_error err = {0};
    if (!is_ascii(key)) /* json_span.h: no such names */
      continue;
    CHECK(json_span_member(text, len, key, &start, &span));
    CHECK(start <= len && span <= len - start && span > 0);
    json_t *again = json_read(text + start, span, &err);
    CHECK(json_equal(again, member));
    json_decref(again);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  struct cws_error err = {0};
  json_error_t theirs;
  size_t start, span;
  json_t *value = json_read(text, size, &err);
  json_t *other = json_loadb(text, size, FLAGS, &theirs);
  if (value == NULL) {
    fuzz_check_error(err.code, &err);
    bool is_theirs = memchr(text, '\0', size) != NULL || /* to jansson a NUL may end the text */
                     strstr(err.message, "nested too deeply") != NULL;
    CHECK(other == NULL || is_theirs);
    (void)json_span_member(text, size, "data", &start, &span); /* stays inside all the same */
  } else if (other == NULL) {
    CHECK(json_error_code(&theirs) == json_error_numeric_overflow);
  } else {
    CHECK(json_equal(value, other));
  }
  if (value != NULL)
    check_members(text, size, value);
  json_decref(value);
  json_decref(other);
  return 0;
}
