/*
 * peers_message: owns the form of what hubs tell each other of their watchers. What is read comes
 * from the network. It must not know the table.
 */
#include "server/hub/peers_message.h"

#include <string.h>

enum { KIND = 'w', VERSION = 1, FLAG_LEAVES = 1 };
enum { AT_VERSION = 1, AT_FLAGS = 2, AT_HUB = 3, HEAD_BYTES = AT_HUB + 8 };
enum { COUNT_BYTES_MAX = 5 };

/* ---- writing ---- */

void peers_writer_init(struct peers_writer *w, uint64_t hub,
                       void (*send)(const void *bytes, size_t len, void *user), void *user) {
  *w = (struct peers_writer){.hub = hub, .send = send, .user = user};
  buf_init(&w->bytes);
}

static void send_now(struct peers_writer *w) {
  if (!w->bytes.failed && w->bytes.len > 0)
    w->send(w->bytes.data, w->bytes.len, w->user);
  buf_reset(&w->bytes);
}

static void add_head(struct peers_writer *w, uint8_t flags) {
  uint8_t head[HEAD_BYTES] = {KIND, [AT_VERSION] = VERSION, [AT_FLAGS] = flags};
  for (int i = 0; i < 8; i++)
    head[AT_HUB + i] = (uint8_t)(w->hub >> (8 * i));
  buf_add(&w->bytes, head, sizeof head);
}

static size_t write_count(uint8_t out[COUNT_BYTES_MAX], uint32_t v) {
  size_t n = 0;
  for (; v >= 0x80; v >>= 7)
    out[n++] = (uint8_t)(v | 0x80);
  out[n++] = (uint8_t)v;
  return n;
}

void peers_writer_add(struct peers_writer *w, const char *request_id, uint32_t watchers) {
  uint8_t count[COUNT_BYTES_MAX];
  size_t len = strlen(request_id);
  size_t count_len = write_count(count, watchers);
  if (w->bytes.len + 1 + len + count_len > PEERS_MESSAGE_BYTES)
    send_now(w);
  if (w->bytes.len == 0)
    add_head(w, 0);
  buf_add_char(&w->bytes, (char)len);
  buf_add(&w->bytes, request_id, len);
  buf_add(&w->bytes, count, count_len);
}

void peers_writer_leave(struct peers_writer *w) {
  send_now(w);
  add_head(w, FLAG_LEAVES);
}

void peers_writer_finish(struct peers_writer *w) {
  send_now(w);
  buf_finish(&w->bytes);
}

/* ---- reading ---- */

/* In the one way that write_count has; NULL: it is none. */
static const uint8_t *read_count(const uint8_t *at, const uint8_t *end, uint32_t *out) {
  uint64_t v = 0;
  for (int i = 0; i < COUNT_BYTES_MAX && at < end; i++) {
    uint8_t byte = *at++;
    v |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte & 0x80)
      continue;
    *out = (uint32_t)v;
    return v <= PEERS_WATCHERS_MAX && (byte != 0 || i == 0) ? at : NULL;
  }
  return NULL;
}

bool peers_reader_next(struct peers_reader *r, char request_id[CWS_REQUEST_ID_MAX + 1],
                       uint32_t *watchers) {
  const uint8_t *at = r->at;
  if (at == r->end)
    return false;
  size_t len = *at++;
  if (len > (size_t)(r->end - at) || cws_request_id_check((const char *)at, len, NULL))
    return false;
  memcpy(request_id, at, len);
  request_id[len] = '\0';
  at = read_count(at + len, r->end, watchers);
  if (!at)
    return false;
  r->at = at;
  return true;
}

static bool read_head(struct peers_reader *r, const uint8_t *bytes, size_t len) {
  if (len < HEAD_BYTES || len > PEERS_MESSAGE_BYTES)
    return false;
  if (bytes[0] != KIND || bytes[AT_VERSION] != VERSION || (bytes[AT_FLAGS] & ~FLAG_LEAVES))
    return false;
  *r = (struct peers_reader){
      .at = bytes + HEAD_BYTES, .end = bytes + len, .is_leaving = bytes[AT_FLAGS] & FLAG_LEAVES};
  for (int i = 0; i < 8; i++)
    r->hub |= (uint64_t)bytes[AT_HUB + i] << (8 * i);
  return true;
}

bool peers_reader_init(struct peers_reader *r, const void *bytes, size_t len) {
  char request_id[CWS_REQUEST_ID_MAX + 1];
  uint32_t watchers;
  if (!read_head(r, bytes, len))
    return false;
  struct peers_reader probe = *r;
  while (peers_reader_next(&probe, request_id, &watchers))
    ;
  return probe.at == probe.end;
}
