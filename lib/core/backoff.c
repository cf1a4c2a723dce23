/* backoff: full jitter; see backoff.h. */
#include "lib/core/backoff.h"

void backoff_init(struct backoff *b, int64_t base_ms, int64_t cap_ms) {
  b->base_ms = base_ms > 0 ? base_ms : 1;
  b->cap_ms = cap_ms > b->base_ms ? cap_ms : b->base_ms;
  b->attempt = 0;
}

void backoff_reset(struct backoff *b) {
  b->attempt = 0;
}

/* base * 2^attempt, at most the cap, without overflow. */
static int64_t ceiling(const struct backoff *b) {
  int64_t v = b->base_ms;
  for (unsigned i = 0; i < b->attempt && v < b->cap_ms; i++)
    v = v > b->cap_ms / 2 ? b->cap_ms : v * 2;
  return v;
}

int64_t backoff_next(struct backoff *b, int64_t hint_ms, uint64_t random) {
  int64_t low = 0, high = ceiling(b);
  if (hint_ms > 0) {
    low = hint_ms / 2;
    high = hint_ms > b->base_ms ? hint_ms : b->base_ms; /* spread even a hint of 1 ms */
  }
  if (b->attempt < 63)
    b->attempt++;
  return low + (int64_t)(random % (uint64_t)(high - low + 1));
}
