/* spool_record: see spool_record.h. The CRC is that of KIND, a space and BODY. */
#include "cli/spool_record.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CRC_DIGITS 8

static uint32_t crc_of(char kind, const char *body, size_t len) {
  const char head[2] = {kind, ' '};
  uLong crc = crc32_z(0, (const Bytef *)head, sizeof head);
  return (uint32_t)crc32_z(crc, (const Bytef *)body, len);
}

void spool_record_write(FILE *to, char kind, const char *body, size_t len) {
  fprintf(to, "%08x %c ", crc_of(kind, body, len), kind);
  fwrite(body, 1, len, to);
  fputc('\n', to);
}

bool spool_record_read(char *line, size_t len, struct spool_record *out) {
  if (len < CRC_DIGITS + 4 || line[len - 1] != '\n' || line[CRC_DIGITS] != ' ' ||
      line[CRC_DIGITS + 2] != ' ')
    return false;
  line[len - 1] = '\0';
  line[CRC_DIGITS] = '\0';
  char *end;
  unsigned long crc = strtoul(line, &end, 16);
  *out = (struct spool_record){.kind = line[CRC_DIGITS + 1],
                               .body = line + CRC_DIGITS + 3,
                               .body_len = len - CRC_DIGITS - 4};
  return end == line + CRC_DIGITS && crc == crc_of(out->kind, out->body, out->body_len);
}

uint64_t spool_hash(const char *bytes, size_t len) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < len; i++)
    h = (h ^ (unsigned char)bytes[i]) * 1099511628211u;
  return h;
}
