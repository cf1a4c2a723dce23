/* siphash: see siphash.h. It owns the rounds and the source of the key. */
#include "server/store/siphash.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

struct sip_state {
  uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, int bits) {
  return (x << bits) | (x >> (64 - bits));
}

static void sip_rounds(struct sip_state *s, int rounds) {
  for (int i = 0; i < rounds; i++) {
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
  }
}

static void sip_word(struct sip_state *s, uint64_t word) {
  s->v3 ^= word;
  sip_rounds(s, 2);
  s->v0 ^= word;
}

/* The last word: what is left of the bytes, and the length in its top byte. */
static uint64_t sip_tail(const uint8_t *bytes, size_t len) {
  uint64_t word = (uint64_t)len << 56;
  for (size_t i = 0; i < len % 8; i++)
    word |= (uint64_t)bytes[len - len % 8 + i] << (8 * i);
  return word;
}

struct siphash siphash_of(const struct siphash_key *key, const void *bytes, size_t len) {
  const uint8_t *p = bytes;
  struct sip_state s = {
      .v0 = key->word[0] ^ 0x736f6d6570736575u,
      .v1 = key->word[1] ^ 0x646f72616e646f6du ^ 0xee,
      .v2 = key->word[0] ^ 0x6c7967656e657261u,
      .v3 = key->word[1] ^ 0x7465646279746573u,
  };
  for (size_t i = 0; i + 8 <= len; i += 8) {
    uint64_t word = 0;
    for (size_t j = 0; j < 8; j++)
      word |= (uint64_t)p[i + j] << (8 * j);
    sip_word(&s, word);
  }
  sip_word(&s, sip_tail(p, len));

  struct siphash h;
  s.v2 ^= 0xee;
  sip_rounds(&s, 4);
  h.word[0] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
  s.v1 ^= 0xdd;
  sip_rounds(&s, 4);
  h.word[1] = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
  return h;
}

void siphash_key_init(struct siphash_key *key) {
  if (getentropy(key->word, sizeof(key->word)) == 0)
    return;
  struct timespec now; /* no entropy: still another key for each process */
  clock_gettime(CLOCK_REALTIME, &now);
  key->word[0] = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u;
  key->word[1] = ((uint64_t)now.tv_sec << 20) ^ (uint64_t)getpid();
}
