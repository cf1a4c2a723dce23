/* http_headers: looking headers up by name. */
#include <string.h>

#include "server/http/http_internal.h"

/* Several of one name count as one list (RFC 9110, section 5.3); joined once,
 * kept with the request. */
static const char *join(struct http_request *r, size_t first, size_t last) {
  struct buf joined;
  buf_init(&joined);
  buf_add_str(&joined, r->fields[first].value);
  for (size_t i = first + 1; i <= last; i++) {
    if (strcmp(r->fields[i].name, r->fields[first].name) != 0)
      continue;
    buf_add_str(&joined, ", ");
    buf_add_str(&joined, r->fields[i].value);
    r->fields[i].name = ""; /* found under the first from now on */
  }
  if (joined.failed) {
    buf_finish(&joined);
    return r->fields[first].value;
  }
  r->joined[r->joined_count] = buf_take(&joined, NULL);
  r->fields[first].value = r->joined[r->joined_count++];
  return r->fields[first].value;
}

const char *http_header(const struct http_request *r, const char *name) {
  size_t first = r->field_count, last = 0;
  for (size_t i = 0; i < r->field_count; i++) {
    if (strcmp(r->fields[i].name, name) != 0)
      continue;
    first = first == r->field_count ? i : first;
    last = i;
  }
  if (first == r->field_count)
    return NULL;
  return first == last ? r->fields[first].value : join((struct http_request *)r, first, last);
}

const char *http_body(const struct http_request *r, size_t *len) {
  *len = r->body.len;
  return r->body.data != NULL ? r->body.data : "";
}
