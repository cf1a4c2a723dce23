/* sse: see sse.h. */
#include "server/ws/sse.h"

#include "lib/core/err.h"
#include "lib/core/event.h"
#include "lib/core/protocol.h"
#include "lib/core/ws_frame.h"
#include <councilws/units.h>
#include <string.h>

/* Part of the text of a message; not NUL-terminated. */
struct slice {
  const char *at;
  size_t len;
};

/* ---- frames ---- */

/* The payload of the first frame, which is removed from *frames. RFC 6455, 5.2. */
static struct slice take_frame(struct slice *frames, enum ws_opcode *opcode) {
  const uint8_t *b = (const uint8_t *)frames->at;
  size_t len = b[1], header = 2;
  *opcode = b[0] & 0xf;
  if (len == 126) {
    len = (size_t)b[2] << 8 | b[3];
    header = 4;
  } else if (len == 127) {
    len = 0;
    for (int i = 0; i < 8; i++)
      len = len << 8 | b[2 + i];
    header = 10;
  }
  struct slice payload = {frames->at + header, len};
  frames->at += header + len;
  frames->len -= header + len;
  return payload;
}

/* The hub's messages all begin so; a type has no escapes. */
static struct slice type_of(struct slice message) {
  static const char start[] = "{\"type\":\"";
  const char *at = message.at + strlen(start);
  const char *end = memchr(at, '"', message.len - strlen(start));
  return (struct slice){at, (size_t)(end - at)};
}

static bool is(struct slice type, const char *name) {
  return type.len == strlen(name) && memcmp(type.at, name, type.len) == 0;
}

static bool is_gap_next(struct slice frames) {
  enum ws_opcode opcode;
  if (frames.len == 0)
    return false;
  struct slice payload = take_frame(&frames, &opcode);
  return opcode == WS_TEXT && is(type_of(payload), "gap");
}

/* ---- fields ---- */

static void add_id(struct buf *out, const char *epoch, int64_t message_id) {
  buf_add_str(out, "id: ");
  buf_add_str(out, epoch);
  buf_add_char(out, ':');
  buf_add_i64(out, message_id);
  buf_add_char(out, '\n');
}

/* A message is one line: the hub writes its own so, and makes blanks of line breaks in `data`. */
static void add_data(struct buf *out, struct slice text) {
  buf_add_str(out, "data: ");
  buf_add(out, text.at, text.len);
  buf_add_str(out, "\n\n");
}

/* ---- control messages ---- */

static void add_control_fields(struct buf *out, struct slice payload, const struct slice *rest) {
  struct hub_message m;
  if (hub_message_parse(payload.at, payload.len, &m, NULL) != 0) {
    out->failed = true; /* they are the hub's own: memory is out */
  } else if (m.kind == HUB_HELLO) {
    /* A gap tells of a change before the position may be the new one. */
    if (!is_gap_next(*rest))
      add_id(out, m.hello.epoch, m.hello.resume_from);
  } else if (m.kind == HUB_GAP) {
    add_id(out, m.epoch, m.to < 0 ? 0 : m.to);
  } else if (m.kind == HUB_BYE && m.retry_after_ms > 0) {
    buf_addf(out, "retry: %lld\n", (long long)m.retry_after_ms);
  }
  hub_message_finish(&m);
}

static void add_control(struct buf *out, struct slice type, struct slice payload,
                        const struct slice *rest) {
  if (is(type, "heartbeat")) {
    buf_add_str(out, ": heartbeat\n\n");
    return;
  }
  buf_add_str(out, "event: ");
  buf_add(out, type.at, type.len);
  buf_add_char(out, '\n');
  add_control_fields(out, payload, rest);
  add_data(out, payload);
}

/* ---- events ---- */

/* Of an event as the hub writes it: {"type":"…","timestamp":"…","message_id":N, … */
static int64_t message_id_of(struct slice payload) {
  const char *at = payload.at, *end = payload.at + payload.len;
  int64_t id = 0;
  for (int quotes = 0; quotes < 10; quotes++)
    at = (const char *)memchr(at, '"', (size_t)(end - at)) + 1;
  for (at++; at < end && *at >= '0' && *at <= '9'; at++)
    id = id * 10 + (*at - '0');
  return id;
}

static bool is_wanted(const char *types, struct slice type) {
  while (types != NULL) {
    size_t len = strcspn(types, ",");
    if (len == type.len && memcmp(types, type.at, len) == 0)
      return true;
    if (types[len] == '\0')
      return false;
    types += len + 1;
  }
  return true;
}

void sse_append(struct buf *out, const char *epoch, const char *types, const void *frames,
                size_t len) {
  struct slice rest = {frames, len};
  int64_t skipped = 0; /* the newest event, if it was not wanted */
  while (rest.len > 0) {
    enum ws_opcode opcode;
    struct slice payload = take_frame(&rest, &opcode);
    if (opcode != WS_TEXT)
      continue;
    struct slice type = type_of(payload);
    if (event_type_is_control(type.at, type.len)) {
      add_control(out, type, payload, &rest);
      continue;
    }
    int64_t id = message_id_of(payload);
    skipped = is_wanted(types, type) ? 0 : id;
    if (skipped != 0)
      continue;
    add_id(out, epoch, id);
    add_data(out, payload);
  }
  if (skipped == 0)
    return;
  add_id(out, epoch, skipped);
  buf_add_char(out, '\n');
}

int sse_id_parse(const char *id, char epoch[CWS_EPOCH_MAX + 1], int64_t *message_id,
                 struct cws_error *err) {
  size_t len = strcspn(id, ":");
  if (len == 0 || len > CWS_EPOCH_MAX || id[len] != ':' ||
      cws_int_parse(id + len + 1, 0, CWS_MESSAGE_ID_MAX, message_id, NULL) != 0)
    return err_set(err, CWS_EBADREQUEST, "last-event-id: is to be EPOCH:N, as an event's id");
  memcpy(epoch, id, len);
  epoch[len] = '\0';
  return 0;
}
