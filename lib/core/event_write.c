/* event_write: an event as text, and the fingerprint that tells two contents apart. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init and its like allocate nothing, so cannot fail   \
                                     */
#include <openssl/sha.h>
#include <string.h>

#include "lib/core/event.h"

static void add_string_member(struct buf *b, const char *name, const char *value) {
  buf_add_char(b, '"');
  buf_add_str(b, name);
  buf_add_str(b, "\":");
  buf_add_json_str(b, value, strlen(value));
  buf_add_char(b, ',');
}

void event_append(struct buf *b, const struct cws_event *event, bool with_event_id) {
  buf_add_char(b, '{');
  add_string_member(b, "type", event->type);
  if (event->timestamp != NULL)
    add_string_member(b, "timestamp", event->timestamp);
  if (event->message_id != 0) {
    buf_add_str(b, "\"message_id\":");
    buf_add_i64(b, event->message_id);
    buf_add_char(b, ',');
  }
  if (with_event_id && event->event_id != NULL)
    add_string_member(b, "event_id", event->event_id);
  buf_add_str(b, "\"data\":");
  buf_add(b, event->data, event->data_len);
  buf_add_char(b, '}');
}

char *cws_event_format(const struct cws_event *event, bool with_event_id, size_t *len) {
  struct buf b;
  buf_init(&b);
  event_append(&b, event, with_event_id);
  return buf_take(&b, len);
}

uint64_t event_fingerprint(const struct cws_event *event) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_CTX sha;
  SHA256_Init(&sha);
  SHA256_Update(&sha, event->type, strlen(event->type) + 1); /* its NUL keeps type and data apart */
  SHA256_Update(&sha, event->data, event->data_len);
  SHA256_Final(digest, &sha);
  uint64_t v = 0;
  for (int i = 0; i < 8; i++)
    v = v << 8 | digest[i];
  return v;
}
