/* A name is taken if and only if the protocol's sentence says so; then it needs no escape in a
 * URL's path. */
#include "tests/fuzz/fuzz.h"
#include <councilws/event.h>
#include <regex.h>
#include <string.h>

/* PROTOCOL "Nouns", as a regular expression. */
static bool is_named_by_the_rule(const char *id, size_t len) {
  static regex_t rule;
  static bool is_compiled;
  char text[CWS_REQUEST_ID_MAX + 1];
  if (!is_compiled)
    CHECK(regcomp(&rule, "^[-A-Za-z0-9._~:]+$", REG_EXTENDED | REG_NOSUB) == 0);
  is_compiled = true;
  if (len > CWS_REQUEST_ID_MAX || memchr(id, '\0', len) != NULL)
    return false;
  memcpy(text, id, len);
  text[len] = '\0';
  return regexec(&rule, text, 0, NULL, 0) == 0 && strcmp(text, "status") != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *id = (const char *)data;
  struct cws_error err = {0};
  int rc = cws_request_id_check(id, size, &err);
  CHECK(cws_request_id_check(id, size, NULL) == rc);
  CHECK((rc == 0) == is_named_by_the_rule(id, size));
  if (rc != 0)
    fuzz_check_error(rc, &err);
  return 0;
}
