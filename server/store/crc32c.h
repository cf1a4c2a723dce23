/* crc32c: the Castagnoli checksum (RFC 3720, appendix B.4), to notice bytes that changed on disk.
 * Pure. */
#ifndef CWS_STORE_CRC32C_H
#define CWS_STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over more bytes. Any thread. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
/* The same without the processor's help: what others have, for the tests. */
uint32_t crc32c_portable(uint32_t crc, const void *bytes, size_t len);

#endif
