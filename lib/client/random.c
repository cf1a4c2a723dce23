/* random: getrandom(2), once a page of bytes: a mask a frame would otherwise be a system call a
 * frame. */
#define _GNU_SOURCE
#include "lib/client/random.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct pool {
  uint64_t words[32];
  unsigned left;
  pid_t pid; /* a forked child must not go on with its parent's bits */
};

static _Thread_local struct pool pool;

/* The kernel has no random bits only before it has booted: the clock is then good enough to jitter.
 */
static void pool_fill(struct pool *p) {
  ssize_t n;
  do {
    n = getrandom(p->words, sizeof(p->words), 0);
  } while (n < 0 && errno == EINTR);
  if (n != (ssize_t)sizeof(p->words)) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (unsigned i = 0; i < 32; i++)
      p->words[i] = ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec) * (2654435761u + i);
  }
  p->left = 32;
  p->pid = getpid();
}

uint64_t random_u64(void) {
  if (pool.left == 0 || pool.pid != getpid())
    pool_fill(&pool);
  return pool.words[--pool.left];
}
