#define _GNU_SOURCE /* memmem */

#include "bench/wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const uint8_t WIRE_MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

void wire_mask(uint8_t *bytes, size_t size, const uint8_t key[4]) {
  for (size_t i = 0; i < size; i++)
    bytes[i] ^= key[i & 3];
}

size_t wire_frame_read(uint8_t *bytes, size_t size, struct wire_frame *frame) {
  if (size < 2)
    return 0;
  size_t head = 2, length = bytes[1] & 0x7f;
  size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
  size_t mask = bytes[1] & 0x80 ? 4 : 0;
  if (size < head + more + mask)
    return 0;
  if (more)
    length = 0;
  for (size_t i = 0; i < more; i++)
    length = length << 8 | bytes[head + i];
  head += more + mask;
  if (size - head < length)
    return 0;
  *frame =
      (struct wire_frame){.opcode = bytes[0] & 0x0f, .payload = bytes + head, .length = length};
  if (mask)
    wire_mask(frame->payload, length, bytes + head - mask);
  return head + length;
}

size_t wire_header_write(uint8_t *out, int opcode, size_t length, int masked) {
  size_t size = 2, more = length < 126 ? 0 : length < 65536 ? 2 : 8;
  out[0] = (uint8_t)(0x80 | opcode);
  out[1] = (uint8_t)(!more ? length : more == 2 ? 126 : 127);
  for (size_t i = 0; i < more; i++)
    out[size++] = (uint8_t)((uint64_t)length >> 8 * (more - 1 - i));
  if (!masked)
    return size;
  out[1] |= 0x80;
  memcpy(out + size, WIRE_MASK, sizeof WIRE_MASK);
  return size + sizeof WIRE_MASK;
}

size_t wire_http_read(const char *bytes, size_t size, size_t *head_size) {
  const char *end = memmem(bytes, size, "\r\n\r\n", 4);
  if (!end)
    return 0;
  *head_size = (size_t)(end - bytes) + 4;
  size_t body = 0;
  for (const char *line = bytes; line < end;) {
    const char *next = memchr(line, '\n', (size_t)(end + 2 - line));
    line = next ? next + 1 : end;
    if (line < end && (*line | 0x20) == 'c' && !strncasecmp(line, "content-length:", 15))
      body = (size_t)strtoul(line + 15, NULL, 10);
  }
  return size - *head_size < body ? 0 : *head_size + body;
}
