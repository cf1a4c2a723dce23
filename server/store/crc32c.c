/* crc32c: with the processor's own instruction for it where there is one (SSE 4.2), else eight
 * bytes a step through eight tables, which are made once. */
#include "server/store/crc32c.h"

#include <pthread.h>
#include <string.h>

#define CRC32C_POLYNOMIAL 0x82f63b78u /* reflected */

static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void table_make(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++)
      crc = (crc >> 1) ^ ((crc & 1) ? CRC32C_POLYNOMIAL : 0);
    table[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int t = 1; t < 8; t++)
      table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 0xff];
}

static uint32_t load_le32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* What is static: without the inversions at both ends. */
static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t len) {
  pthread_once(&table_once, table_make);
  for (; len >= 8; len -= 8, p += 8) {
    uint32_t low = crc ^ load_le32(p), high = load_le32(p + 4);
    crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^
          table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][high >> 8 & 0xff] ^
          table[1][high >> 16 & 0xff] ^ table[0][high >> 24];
  }
  for (; len > 0; len--)
    crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
  return crc;
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p,
                                                                     size_t len) {
  uint64_t wide = crc, word;
  for (; len >= 8; len -= 8, p += 8) {
    memcpy(&word, p, sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  for (crc = (uint32_t)wide; len > 0; len--)
    crc = __builtin_ia32_crc32qi(crc, *p++);
  return crc;
}

static uint32_t crc_of(uint32_t crc, const uint8_t *p, size_t len) {
  return __builtin_cpu_supports("sse4.2") ? crc_by_instruction(crc, p, len)
                                          : crc_by_table(crc, p, len);
}
#else
static uint32_t crc_of(uint32_t crc, const uint8_t *p, size_t len) {
  return crc_by_table(crc, p, len);
}
#endif

uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t len) {
  return ~crc_by_table(~crc, bytes, len);
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len) {
  return ~crc_of(~crc, bytes, len);
}
