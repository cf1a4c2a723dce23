/* clock: the machine's own clocks; see clock.h. */
#include "server/base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_ms(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(void *user) {
  (void)user;
  return read_ms(CLOCK_REALTIME);
}

static int64_t mono_ms(void *user) {
  (void)user;
  return read_ms(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void) {
  static const struct clock SYSTEM = {.wall_ms = wall_ms, .mono_ms = mono_ms, .user = NULL};
  return &SYSTEM;
}
