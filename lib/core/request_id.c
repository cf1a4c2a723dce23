/* request_id: what may name a request. PROTOCOL "Nouns". */
#include <councilws/event.h>
#include <string.h>

#include "lib/core/err.h"

static bool is_id_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("._~:-", c) != NULL);
}

int cws_request_id_check(const char *id, size_t len, struct cws_error *err) {
  if (len == 0)
    return err_set(err, CWS_EBADREQUEST, "the request_id is empty");
  if (len > CWS_REQUEST_ID_MAX)
    return err_set(err, CWS_EBADREQUEST,
                   "the request_id has %zu characters, at most %d are allowed", len,
                   CWS_REQUEST_ID_MAX);
  for (size_t i = 0; i < len; i++) {
    if (!is_id_char(id[i]))
      return err_set(err, CWS_EBADREQUEST,
                     "character %zu of the request_id is not one of A-Z a-z 0-9 . _ ~ : -", i + 1);
  }
  if (len == 6 && memcmp(id, "status", 6) == 0)
    return err_set(err, CWS_EBADREQUEST, "'status' cannot be a request_id: a route has that name");
  return 0;
}
