/* handshake_upgrade: the headers that make a request a WebSocket handshake. RFC 6455, 4.2.1. */
#include "lib/core/err.h"
#include "lib/core/ws_frame.h"
#include "server/ws/handshake_parts.h"
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *s) {
  return s + strspn(s, " \t");
}

static size_t without_blanks(const char *s, size_t len) {
  while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
    len--;
  return len;
}

void handshake_each_element(const char *header, handshake_element_fn *fn, void *user) {
  while (header != NULL && *header != '\0') {
    const char *start = skip_blanks(header);
    size_t len = strcspn(start, ",");
    size_t trimmed = without_blanks(start, len);
    if (trimmed > 0)
      fn(start, trimmed, user);
    header = start + len + (start[len] == ',' ? 1 : 0);
  }
}

struct wanted {
  const char *word;
  bool is_found;
};

static void compare(const char *element, size_t len, void *user) {
  struct wanted *wanted = user;
  if (len == strlen(wanted->word) && strncasecmp(element, wanted->word, len) == 0)
    wanted->is_found = true;
}

static bool header_has(const struct http_request *r, const char *name, const char *word) {
  struct wanted wanted = {.word = word};
  handshake_each_element(http_header(r, name), compare, &wanted);
  return wanted.is_found;
}

int handshake_read_upgrade(const struct http_request *r, char accept[29], int *status,
                           struct cws_error *err) {
  *status = 0;
  if (http_method(r) != HTTP_M_GET)
    return err_set(err, CWS_EMETHOD, "a WebSocket handshake is a GET");
  if (!header_has(r, "upgrade", "websocket") || !header_has(r, "connection", "upgrade")) {
    *status = HANDSHAKE_UPGRADE_REQUIRED;
    return err_set(err, CWS_EBADREQUEST,
                   "this is a WebSocket: send Upgrade: websocket and Connection: Upgrade");
  }
  if (!http_wants_upgrade(r)) /* RFC 9110, section 7.8: not in HTTP/1.0 */
    return err_set(err, CWS_EBADREQUEST, "a WebSocket handshake needs HTTP/1.1");
  const char *version = http_header(r, "sec-websocket-version");
  if (version == NULL || strcmp(version, "13") != 0) {
    *status = HANDSHAKE_UPGRADE_REQUIRED;
    return err_set(err, CWS_EBADREQUEST, "Sec-WebSocket-Version is to be 13");
  }
  const char *key = http_header(r, "sec-websocket-key");
  if (key == NULL || !ws_accept_key(key, strlen(key), accept))
    return err_set(err, CWS_EBADREQUEST, "Sec-WebSocket-Key is to be 16 bytes in base64");
  return 0;
}
