/*
 * ws_parser: frames as they arrive (RFC 6455, section 5), strict, for both roles; see ws_frame.h. A
 * message that lies whole in the bytes being fed is given out from there; only one that arrives in
 * pieces, or masked, is collected on the heap, and that memory goes when the message does.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/core/utf8.h"
#include "lib/core/ws_deflate.h"
#include "lib/core/ws_frame.h"

/*
 * HEADER   collecting the frame's header; to PAYLOAD or CONTROL when it is whole.
 * PAYLOAD  of a data frame; back to HEADER with its last byte.
 * CONTROL  payload of a control frame; back to HEADER with its last byte.
 * STOPPED  nothing more is taken: an error, a close, or ws_parser_stop. Stays.
 */
enum parser_state { STATE_HEADER, STATE_PAYLOAD, STATE_CONTROL, STATE_STOPPED };

#define MESSAGE_MIN 512 /* first allocation for a message in pieces */

struct failure {
  int code;
  const char *reason;
};

void ws_parser_init(struct ws_parser *p, enum ws_role role, uint32_t max_message,
                    const struct ws_frame_handlers *handlers, void *user) {
  memset(p, 0, sizeof *p);
  p->role = (uint8_t)role;
  p->max_message = max_message;
  p->handlers = handlers;
  p->user = user;
  p->header_need = 2;
}

void ws_parser_allow_deflate(struct ws_parser *p) {
  p->allows_deflate = true;
}

static void set_state(struct ws_parser *p, enum parser_state state) {
  if (p->state != STATE_STOPPED)
    p->state = (uint8_t)state;
}

static void drop_message(struct ws_parser *p) {
  free(p->message);
  p->message = NULL;
  p->message_len = p->message_cap = 0;
  p->message_opcode = 0;
  p->is_deflated = false;
  p->utf8_state = UTF8_ACCEPT;
}

void ws_parser_finish(struct ws_parser *p) {
  if (p == NULL)
    return;
  drop_message(p);
  set_state(p, STATE_STOPPED);
}

void ws_parser_stop(struct ws_parser *p) {
  set_state(p, STATE_STOPPED);
}

static bool is_control(const struct ws_parser *p) {
  return (p->opcode & 0x8) != 0;
}

static bool is_final(const struct ws_parser *p) {
  return (p->header[0] & 0x80) != 0;
}

static bool is_masked(const struct ws_parser *p) {
  return (p->header[1] & 0x80) != 0;
}

static const uint8_t *mask_of(const struct ws_parser *p) {
  return p->header + p->header_len - 4;
}

/* Unmasks `len` bytes from `in` to `out` (may be the same), going on where the frame's mask stands.
 */
static void unmask(struct ws_parser *p, char *out, const char *in, size_t len) {
  const uint8_t *mask = mask_of(p);
  uint8_t turned[8]; /* the mask twice, from where it stands: eight bytes a step */
  uint64_t key, word;
  size_t i = 0;
  for (size_t k = 0; k < sizeof turned; k++)
    turned[k] = mask[(p->mask_offset + k) % 4];
  memcpy(&key, turned, sizeof key);
  for (; i + sizeof word <= len; i += sizeof word) {
    memcpy(&word, in + i, sizeof word);
    word ^= key;
    memcpy(out + i, &word, sizeof word);
  }
  for (; i < len; i++)
    out[i] = (char)((uint8_t)in[i] ^ turned[i % 4]);
  p->mask_offset = (uint8_t)((p->mask_offset + len) % 4);
}

/* ---- header ---- */

/* Only the first frame of a message says that it is compressed. RFC 7692, 6. */
static bool may_be_deflated(const struct ws_parser *p, uint8_t opcode) {
  return p->allows_deflate && (opcode == WS_TEXT || opcode == WS_BINARY);
}

static const char *check_first_bytes(const struct ws_parser *p) {
  static const uint16_t KNOWN = 1u << WS_CONTINUATION | 1u << WS_TEXT | 1u << WS_BINARY |
                                1u << WS_CLOSE | 1u << WS_PING | 1u << WS_PONG;
  uint8_t opcode = p->header[0] & 0x0f;
  uint8_t reserved = p->header[0] & 0x70;
  if (reserved != 0 && !(reserved == WS_RSV1 && may_be_deflated(p, opcode)))
    return "a reserved bit is set";
  if ((KNOWN >> opcode & 1) == 0)
    return "unknown opcode";
  if (is_masked(p) != (p->role == WS_SERVER))
    return p->role == WS_SERVER ? "a client's frame is not masked" : "a server's frame is masked";
  if ((opcode & 0x8) != 0 && (p->header[0] & 0x80) == 0)
    return "a control frame is fragmented";
  if ((opcode & 0x8) != 0 && (p->header[1] & 0x7f) > WS_CONTROL_MAX)
    return "a control frame is too long";
  if (opcode == WS_CONTINUATION && p->message_opcode == 0)
    return "a continuation without a message";
  if ((opcode == WS_TEXT || opcode == WS_BINARY) && p->message_opcode != 0)
    return "a new message inside a message";
  return NULL;
}

static uint8_t header_size(const struct ws_parser *p) {
  uint8_t len7 = p->header[1] & 0x7f;
  return (uint8_t)(2 + (len7 == 126 ? 2 : len7 == 127 ? 8 : 0) + (is_masked(p) ? 4 : 0));
}

static const char *read_length(struct ws_parser *p) {
  uint8_t len7 = p->header[1] & 0x7f;
  p->remaining = len7;
  if (len7 < 126)
    return NULL;
  int size = len7 == 126 ? 2 : 8;
  p->remaining = 0;
  for (int i = 0; i < size; i++)
    p->remaining = p->remaining << 8 | p->header[2 + i];
  if (p->remaining >> 63 != 0)
    return "a frame's length has its highest bit set";
  return p->remaining < (size == 2 ? 126u : 0x10000u)
             ? "a frame's length is not in its shortest form"
             : NULL;
}

static struct failure begin_frame(struct ws_parser *p) {
  const char *reason = read_length(p);
  if (reason != NULL)
    return (struct failure){WS_CLOSE_PROTOCOL, reason};
  p->mask_offset = 0;
  if (is_control(p)) {
    p->control_len = 0;
    set_state(p, STATE_CONTROL);
    return (struct failure){0};
  }
  if (p->remaining > p->max_message - p->message_len)
    return (struct failure){WS_CLOSE_TOO_BIG, "the message is too big"};
  if (p->opcode != WS_CONTINUATION) {
    p->message_opcode = p->opcode;
    p->is_deflated = (p->header[0] & WS_RSV1) != 0;
  }
  set_state(p, STATE_PAYLOAD);
  return (struct failure){0};
}

/* Takes header bytes; returns how many. */
static size_t feed_header(struct ws_parser *p, const char *bytes, size_t len, struct failure *f) {
  size_t n = (size_t)(p->header_need - p->header_len);
  if (n > len)
    n = len;
  memcpy(p->header + p->header_len, bytes, n);
  p->header_len = (uint8_t)(p->header_len + n);
  if (p->header_len < p->header_need)
    return n;
  if (p->header_need == 2) {
    const char *reason = check_first_bytes(p);
    if (reason != NULL) {
      *f = (struct failure){WS_CLOSE_PROTOCOL, reason};
      return n;
    }
    p->opcode = p->header[0] & 0x0f;
    p->header_need = header_size(p);
  }
  if (p->header_len == p->header_need)
    *f = begin_frame(p);
  return n;
}

static void end_frame(struct ws_parser *p) {
  p->header_len = 0;
  p->header_need = 2;
  set_state(p, STATE_HEADER);
}

/* ---- data ---- */

static bool make_room(struct ws_parser *p, size_t more) {
  size_t need = p->message_len + more;
  if (need <= p->message_cap)
    return true;
  size_t cap = p->message_cap < MESSAGE_MIN ? MESSAGE_MIN : (size_t)p->message_cap * 2;
  if (cap < need)
    cap = need;
  char *message = realloc(p->message, cap);
  if (message == NULL)
    return false;
  p->message = message;
  p->message_cap = (uint32_t)cap;
  return true;
}

static struct failure check_text(struct ws_parser *p, const char *bytes, size_t len, bool is_end) {
  if (p->message_opcode == WS_TEXT && !p->is_deflated) {
    p->utf8_state = utf8_feed(p->utf8_state, (const uint8_t *)bytes, len);
    if (p->utf8_state == UTF8_REJECT || (is_end && p->utf8_state != UTF8_ACCEPT))
      return (struct failure){WS_CLOSE_BAD_DATA, "text is not UTF-8"};
  }
  return (struct failure){0};
}

/* The handler may stop or even finish the parser; the message's memory is held by this function. */
static void give_message(struct ws_parser *p, const char *bytes, size_t len) {
  enum ws_opcode opcode = p->message_opcode;
  char *message = p->message;
  p->message = NULL;
  drop_message(p);
  end_frame(p);
  p->handlers->on_message(opcode, len > 0 ? bytes : "", len, p->user);
  free(message);
}

static struct failure give_inflated(struct ws_parser *p, const char *bytes, size_t len) {
  struct failure f = {0};
  char *message;
  size_t message_len;
  f.code = ws_inflate(bytes, len, p->max_message, &message, &message_len, &f.reason);
  if (f.code != 0)
    return f;
  p->is_deflated = false;
  free(p->message);
  p->message = message;
  f = check_text(p, message, message_len, true);
  if (f.code == 0)
    give_message(p, message, message_len);
  return f;
}

/* Adds to the message, unmasked; NULL on failure, else where the bytes are now. */
static const char *collect(struct ws_parser *p, const char *bytes, size_t len) {
  if (!make_room(p, len))
    return NULL;
  char *to = p->message + p->message_len;
  if (is_masked(p))
    unmask(p, to, bytes, len);
  else
    memcpy(to, bytes, len);
  p->message_len += (uint32_t)len;
  return to;
}

static size_t feed_payload(struct ws_parser *p, const char *bytes, size_t len, struct failure *f) {
  size_t n = p->remaining < len ? (size_t)p->remaining : len;
  bool frame_ends = n == p->remaining, message_ends = frame_ends && is_final(p);
  bool is_whole = message_ends && p->message_len == 0 && !is_masked(p);
  const char *piece = is_whole || n == 0 ? bytes : collect(p, bytes, n);
  if (piece == NULL && n > 0) {
    *f = (struct failure){WS_CLOSE_INTERNAL, "out of memory"};
    return n;
  }
  p->remaining -= n;
  *f = check_text(p, piece, n, message_ends);
  if (f->code != 0)
    return n;
  const char *message = is_whole ? bytes : p->message;
  size_t message_len = is_whole ? n : p->message_len;
  if (message_ends && p->is_deflated)
    *f = give_inflated(p, message, message_len);
  else if (message_ends)
    give_message(p, message, message_len);
  else if (frame_ends)
    end_frame(p);
  return n;
}

/* ---- control ---- */

static struct failure give_close(struct ws_parser *p) {
  const char *payload = (const char *)p->control;
  int code = WS_CLOSE_NO_STATUS;
  size_t reason_len = 0;
  if (p->control_len == 1)
    return (struct failure){WS_CLOSE_PROTOCOL, "a close of one byte"};
  if (p->control_len >= 2) {
    code = p->control[0] << 8 | p->control[1];
    reason_len = (size_t)p->control_len - 2;
    if (!ws_close_code_is_valid(code))
      return (struct failure){WS_CLOSE_PROTOCOL, "a close code that may not be sent"};
    if (utf8_feed(UTF8_ACCEPT, p->control + 2, reason_len) != UTF8_ACCEPT)
      return (struct failure){WS_CLOSE_BAD_DATA, "a close reason is not UTF-8"};
  }
  drop_message(p);
  set_state(p, STATE_STOPPED);
  p->handlers->on_close(code, reason_len > 0 ? payload + 2 : "", reason_len, p->user);
  return (struct failure){0};
}

static struct failure give_control(struct ws_parser *p) {
  const char *payload = (const char *)p->control;
  size_t len = p->control_len;
  if (p->opcode == WS_CLOSE)
    return give_close(p);
  bool is_ping = p->opcode == WS_PING;
  end_frame(p);
  if (is_ping)
    p->handlers->on_ping(payload, len, p->user);
  else
    p->handlers->on_pong(payload, len, p->user);
  return (struct failure){0};
}

static size_t feed_control(struct ws_parser *p, const char *bytes, size_t len, struct failure *f) {
  size_t n = p->remaining < len ? (size_t)p->remaining : len;
  char *to = (char *)p->control + p->control_len;
  if (is_masked(p))
    unmask(p, to, bytes, n);
  else if (n > 0)
    memcpy(to, bytes, n);
  p->control_len = (uint8_t)(p->control_len + n);
  p->remaining -= n;
  if (p->remaining == 0)
    *f = give_control(p);
  return n;
}

/* ---- */

/* A frame without payload ends with its header, also when no byte follows it. */
static bool wants_more(const struct ws_parser *p, size_t len) {
  if (p->state == STATE_STOPPED)
    return false;
  return len > 0 || (p->state != STATE_HEADER && p->remaining == 0);
}

int ws_parser_feed(struct ws_parser *p, const char *bytes, size_t len, const char **reason) {
  struct failure f = {0};
  while (f.code == 0 && wants_more(p, len)) {
    size_t n = p->state == STATE_HEADER    ? feed_header(p, bytes, len, &f)
               : p->state == STATE_PAYLOAD ? feed_payload(p, bytes, len, &f)
                                           : feed_control(p, bytes, len, &f);
    bytes += n;
    len -= n;
  }
  if (f.code != 0) {
    ws_parser_finish(p);
    if (reason != NULL)
      *reason = f.reason;
  }
  return f.code;
}
