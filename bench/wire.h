/* The few bytes of HTTP and WebSocket that a load generator and a limit need. Trusts its peer: not
 * for use against others. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_HEADER_MAX 14
#define WIRE_TEXT 1
#define WIRE_CLOSE 8
#define WIRE_PING 9
#define WIRE_PONG 10

struct wire_frame {
  int opcode;
  uint8_t *payload; /* within the bytes that were given, unmasked in place */
  size_t length;
};

/* The size of the whole frame at the beginning of `bytes`, 0 when it is not all there. */
size_t wire_frame_read(uint8_t *bytes, size_t size, struct wire_frame *frame);

/* Writes the header of a final frame; its size. A masked one has WIRE_MASK as its key. */
size_t wire_header_write(uint8_t *out, int opcode, size_t length, int masked);

/* Masks, and unmasks what was masked with the same key. */
void wire_mask(uint8_t *bytes, size_t size, const uint8_t key[4]);
extern const uint8_t WIRE_MASK[4];

/* The size of the HTTP message (head, and body by Content-Length) at the beginning of `bytes`, 0
 * when it is not all there. */
/* *head_size: of its head with the empty line. */
size_t wire_http_read(const char *bytes, size_t size, size_t *head_size);

#endif
