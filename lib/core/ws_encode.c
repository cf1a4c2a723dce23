/* ws_encode: frames as they are written, the accept key, and which close codes there are. See
 * ws_frame.h. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA1_Init and its like allocate nothing, so cannot fail */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "lib/core/utf8.h"
#include "lib/core/ws_frame.h"

#define CLOSE_REASON_MAX (WS_CONTROL_MAX - 2)

size_t ws_frame_header(uint8_t out[WS_HEADER_MAX], enum ws_opcode opcode, uint64_t len) {
  out[0] = (uint8_t)(0x80 | opcode);
  if (len < 126) {
    out[1] = (uint8_t)len;
    return 2;
  }
  int size = len <= 0xffff ? 2 : 8;
  out[1] = size == 2 ? 126 : 127;
  for (int i = 0; i < size; i++)
    out[2 + i] = (uint8_t)(len >> 8 * (size - 1 - i));
  return 2 + (size_t)size;
}

void ws_frame_append(struct buf *b, enum ws_opcode opcode, const void *payload, size_t len) {
  uint8_t header[WS_HEADER_MAX];
  size_t n = ws_frame_header(header, opcode, len);
  if (buf_reserve(b, n + len) != 0)
    return; /* whole or not at all */
  buf_add(b, header, n);
  buf_add(b, payload, len);
}

void ws_frame_append_masked(struct buf *b, enum ws_opcode opcode, const void *payload, size_t len,
                            uint32_t mask_key) {
  uint8_t header[WS_HEADER_MAX];
  size_t n = ws_frame_header(header, opcode, len);
  header[1] |= 0x80;
  for (int i = 0; i < 4; i++)
    header[n++] = (uint8_t)(mask_key >> 8 * (3 - i));
  if (buf_reserve(b, n + len) != 0)
    return;
  const uint8_t *mask = header + n - 4;
  buf_add(b, header, n);
  size_t start = b->len;
  buf_add(b, payload, len);
  for (size_t i = 0; i < len; i++)
    b->data[start + i] = (char)((uint8_t)b->data[start + i] ^ mask[i % 4]);
}

void ws_frame_append_close(struct buf *b, int code, const char *reason) {
  uint8_t payload[WS_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
  size_t len = 0, left = reason != NULL ? strlen(reason) : 0;
  if (!ws_close_code_is_valid(code)) {
    ws_frame_append(b, WS_CLOSE, NULL, 0); /* 1005 and its like are said by saying nothing */
    return;
  }
  for (size_t n; (n = left > 0 ? utf8_char((const uint8_t *)reason + len, left) : 0) > 0;) {
    if (len + n > CLOSE_REASON_MAX)
      break;
    memcpy(payload + 2 + len, reason + len, n);
    len += n;
    left -= n;
  }
  ws_frame_append(b, WS_CLOSE, payload, len + 2);
}

bool ws_close_code_is_valid(int code) {
  if (code >= 3000 && code <= 4999)
    return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != WS_CLOSE_NO_STATUS &&
         code != WS_CLOSE_ABNORMAL;
}

/* 16 bytes in base64: 22 characters of its alphabet and two pads. */
static bool is_ws_key(const char *key, size_t len) {
  if (len != 24 || memcmp(key + 22, "==", 2) != 0)
    return false;
  for (size_t i = 0; i < 22; i++) {
    bool is_letter = (key[i] >= 'A' && key[i] <= 'Z') || (key[i] >= 'a' && key[i] <= 'z');
    if (!is_letter && !(key[i] >= '0' && key[i] <= '9') && key[i] != '+' && key[i] != '/')
      return false;
  }
  return true;
}

bool ws_accept_key(const char *key, size_t len, char out[29]) {
  static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, section 1.3 */
  if (!is_ws_key(key, len))
    return false;
  char joined[24 + sizeof GUID];
  memcpy(joined, key, 24);
  memcpy(joined + 24, GUID, sizeof GUID);
  uint8_t digest[SHA_DIGEST_LENGTH];
  SHA_CTX sha;
  SHA1_Init(&sha);
  SHA1_Update(&sha, joined, 24 + sizeof GUID - 1);
  SHA1_Final(digest, &sha);
  EVP_EncodeBlock((uint8_t *)out, digest, sizeof digest);
  return true;
}
