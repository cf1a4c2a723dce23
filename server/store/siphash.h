/*
 * siphash: SipHash-2-4 with 128 bits of output (Aumasson, Bernstein 2012), keyed with random bytes
 * of this process, so that nobody outside can choose names that collide. Pure.
 */
#ifndef CWS_STORE_SIPHASH_H
#define CWS_STORE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash {
  uint64_t word[2];
};

struct siphash_key {
  uint64_t word[2];
};

struct siphash siphash_of(const struct siphash_key *key, const void *bytes, size_t len);

/* Random, from the operating system. */
void siphash_key_init(struct siphash_key *key);

#endif
