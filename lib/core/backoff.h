/*
 * backoff: how long to wait before the next attempt. Full jitter: a random time
 * in [0, min(cap, base * 2^attempt)], so that a thousand clients that lost the
 * same hub do not come back in step. Pure: the caller gives the random number.
 */
#ifndef CWS_CORE_BACKOFF_H
#define CWS_CORE_BACKOFF_H

#include <stdint.h>

#define BACKOFF_BASE_MS 500
#define BACKOFF_CAP_MS 20000

struct backoff {
  int64_t base_ms, cap_ms;
  unsigned attempt; /* failures since the last success */
};

void backoff_init(struct backoff *b, int64_t base_ms, int64_t cap_ms);
void backoff_reset(struct backoff *b); /* after a success */
/* The wait before the next attempt, and counts it. `random` is any 64 random bits. `hint_ms`
 * is what the hub asked for (retry_after_ms, Retry-After), 0 for none: then the wait is a
 * random time in [hint/2, hint], at least what the jitter alone would give at attempt 0. */
int64_t backoff_next(struct backoff *b, int64_t hint_ms, uint64_t random);

#endif
