/* clock: the time, handed in, so that tests move it instead of waiting. */
#ifndef CWS_BASE_CLOCK_H
#define CWS_BASE_CLOCK_H

#include <stdint.h>

struct clock {
  int64_t (*wall_ms)(void *user); /* since 1970; may jump */
  int64_t (*mono_ms)(void *user); /* never goes back */
  void *user;
};

/* The machine's own clocks. Static; any thread. */
const struct clock *clock_system(void);

static inline int64_t clock_wall_ms(const struct clock *c) {
  return c->wall_ms(c->user);
}
static inline int64_t clock_mono_ms(const struct clock *c) {
  return c->mono_ms(c->user);
}

#endif
