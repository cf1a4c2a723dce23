/* event_write: an event as text, and the fingerprint that tells two contents apart. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init and its like allocate nothing, so cannot fail   \
                                     */
#include <openssl/sha.h>
#include <string.h>

#include "lib/core/event.h"

#define ENVELOPE_BYTES 128 /* names, quotes and the id: room for most, at once */

/* `name` with all that stands around it. */
static void add_string_member(struct buf *b, const char *name, size_t name_len, const char *value,
                              size_t len) {
  buf_add(b, name, name_len);
  buf_add_json_str(b, value, len);
}

#define NAME(text) (text), (sizeof(text) - 1)

void event_append(struct buf *b, const struct cws_event *event, bool with_event_id) {
  size_t type_len = strlen(event->type);
  size_t timestamp_len = event->timestamp != NULL ? strlen(event->timestamp) : 0;
  buf_reserve(b, ENVELOPE_BYTES + type_len + timestamp_len + event->data_len);
  add_string_member(b, NAME("{\"type\":"), event->type, type_len);
  if (event->timestamp != NULL)
    add_string_member(b, NAME(",\"timestamp\":"), event->timestamp, timestamp_len);
  if (event->message_id != 0) {
    buf_add(b, NAME(",\"message_id\":"));
    buf_add_i64(b, event->message_id);
  }
  if (with_event_id && event->event_id != NULL)
    add_string_member(b, NAME(",\"event_id\":"), event->event_id, strlen(event->event_id));
  buf_add(b, NAME(",\"data\":"));
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
