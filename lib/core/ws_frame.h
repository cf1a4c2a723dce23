/*
 * ws_frame: WebSocket frames (RFC 6455), as bytes. A push parser without
 * sockets, the same for both roles, strict: masks, reserved bits, lengths in
 * their shortest form, control frames, fragments, UTF-8 as it arrives, close codes.
 * While no message is under way a parser holds no heap memory.
 */
#ifndef CWS_CORE_WS_FRAME_H
#define CWS_CORE_WS_FRAME_H

#include "lib/core/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
  WS_CONTINUATION = 0x0,
  WS_TEXT = 0x1,
  WS_BINARY = 0x2,
  WS_CLOSE = 0x8,
  WS_PING = 0x9,
  WS_PONG = 0xa,
};

enum ws_close_code {
  WS_CLOSE_NORMAL = 1000,
  WS_CLOSE_PROTOCOL = 1002,
  WS_CLOSE_UNSUPPORTED = 1003,
  WS_CLOSE_NO_STATUS = 1005, /* never on the wire */
  WS_CLOSE_ABNORMAL = 1006,  /* never on the wire */
  WS_CLOSE_BAD_DATA = 1007,
  WS_CLOSE_TOO_BIG = 1009,
  WS_CLOSE_INTERNAL = 1011,
  WS_CLOSE_RESTART = 1012,
  WS_CLOSE_TRY_LATER = 1013,
  /* 4000–4499: come back; 4500–4999: do not. PROTOCOL "Close codes". */
  WS_CLOSE_INACTIVE = 4001,
  WS_CLOSE_TOKEN_EXPIRED = 4005,
  WS_CLOSE_NO_PONG = 4012,
  WS_CLOSE_TOO_MANY_MESSAGES = 4013,
  WS_CLOSE_REVOKED = 4503,
  WS_CLOSE_TOO_MANY_CONNECTIONS = 4504,
  WS_CLOSE_PROTOCOL_ERRORS = 4509,
  WS_CLOSE_DELETED = 4510,
};

#define WS_HEADER_MAX 14 /* 2 + 8 + 4 */
#define WS_CONTROL_MAX 125

enum ws_role {
  WS_SERVER,
  WS_CLIENT
}; /* who parses: a server wants masked frames, a client unmasked */

/* What the parser found. Payload bytes are borrowed until the handler returns. */
struct ws_frame_handlers {
  /* A whole text or binary message (fragments joined, UTF-8 checked for text). */
  void (*on_message)(enum ws_opcode opcode, const char *bytes, size_t len, void *user);
  void (*on_ping)(const char *bytes, size_t len, void *user);
  void (*on_pong)(const char *bytes, size_t len, void *user);
  /* The peer's close: `code` is WS_CLOSE_NO_STATUS when it gave none. Nothing follows. */
  void (*on_close)(int code, const char *reason, size_t len, void *user);
};

/* In caller's memory; small, since ten thousand idle connections have one each. */
struct ws_parser {
  const struct ws_frame_handlers *handlers;
  void *user;
  uint64_t remaining; /* payload bytes of the current frame still to come */
  char *message;      /* bytes of the current message so far, or NULL */
  uint32_t message_len, message_cap;
  uint32_t max_message; /* bytes */
  uint32_t utf8_state;
  uint8_t header[WS_HEADER_MAX];
  uint8_t header_len, header_need;
  uint8_t mask_offset;
  uint8_t role;
  uint8_t state;
  uint8_t opcode;                   /* of the current frame */
  uint8_t message_opcode;           /* of the message under way, 0 for none */
  bool allows_deflate, is_deflated; /* permessage-deflate was agreed to; the message under way is */
  uint8_t control_len;
  uint8_t control[WS_CONTROL_MAX];
};

void ws_parser_init(struct ws_parser *p, enum ws_role role, uint32_t max_message,
                    const struct ws_frame_handlers *handlers, void *user);
void ws_parser_finish(struct ws_parser *p);
/* permessage-deflate was agreed to, without context takeover. max_message holds on the wire and for
 * what is inflated. */
void ws_parser_allow_deflate(struct ws_parser *p);

/* Feeds bytes. 0, or the close code to answer with (1002, 1007, 1009, 1003 is the caller's
 * matter, 1011 for out of memory), with *reason a static English text. After a nonzero result
 * or on_close the parser takes nothing more. A handler may call ws_parser_stop. */
int ws_parser_feed(struct ws_parser *p, const char *bytes, size_t len, const char **reason);

/* From within a handler: the rest of the bytes being fed is dropped. */
void ws_parser_stop(struct ws_parser *p);

/* Writes an unmasked frame header (FIN set) for `len` payload bytes; returns its size. */
size_t ws_frame_header(uint8_t out[WS_HEADER_MAX], enum ws_opcode opcode, uint64_t len);

/* Appends a whole unmasked frame (FIN set). */
void ws_frame_append(struct buf *b, enum ws_opcode opcode, const void *payload, size_t len);

/* Appends a whole masked frame, as a client sends it. */
void ws_frame_append_masked(struct buf *b, enum ws_opcode opcode, const void *payload, size_t len,
                            uint32_t mask_key);

/* Appends a close frame; `reason` may be NULL and is cut at 123 bytes on a character's edge. */
void ws_frame_append_close(struct buf *b, int code, const char *reason);

/* Whether a peer may send this close code: RFC 6455 7.4 and the IANA registry (1012–1014). */
bool ws_close_code_is_valid(int code);

/* Sec-WebSocket-Accept for `key` (24 characters of base64); out holds 29 bytes. False if the key
 * is not 16 bytes in base64. */
bool ws_accept_key(const char *key, size_t len, char out[29]);

#endif
