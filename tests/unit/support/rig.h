/*
 * rig: a real loop that the test's own thread turns, so that both ends of a socket live in one
 * thread and nothing races. Waiting is turning until a condition holds, with a deadline.
 */
#ifndef CWS_TEST_RIG_H
#define CWS_TEST_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdbool.h>

#include "server/net/loop.h"

#define RIG_DEADLINE_MS 20000

struct rig {
  struct loop *loop;
  uv_timer_t *beat; /* ends a turn in which nothing else happens */
};

/* options NULL: a plain loop, index 0. */
void rig_open(struct rig *rig, const struct loop_options *options);
void rig_close(struct rig *rig);
void rig_turn(struct rig *rig);
int64_t rig_now_ms(void);

#define WAIT_FOR(rig, condition)                                                                   \
  do {                                                                                             \
    int64_t until_ = rig_now_ms() + RIG_DEADLINE_MS;                                               \
    bool holds_ = (condition);                                                                     \
    while (!holds_ && rig_now_ms() < until_) {                                                     \
      rig_turn(rig);                                                                               \
      holds_ = (condition);                                                                        \
    }                                                                                              \
    if (!holds_)                                                                                   \
      fail_msg("not within %d ms: %s", RIG_DEADLINE_MS, #condition);                               \
  } while (0)

#endif
