/*
 * timer_wheel: many coarse timers on one loop, O(1) to arm, re-arm and cancel.
 * Hierarchical hashed wheel with ticks of TIMER_TICK_MS; pure: it reads no clock, the
 * loop (or a test) advances it. A timer fires at or up to one tick after its time,
 * never before. Due timers are collected before any callback runs; a callback may arm or
 * cancel any timer, its own included.
 */
#ifndef CWS_NET_TIMER_WHEEL_H
#define CWS_NET_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_TICK_MS 16

struct timer;
typedef void timer_fn(struct timer *timer);

/* Embedded in its owner; zero-initialised is "not armed". */
struct timer {
  struct timer *next, *prev; /* the wheel's */
  int64_t due_ms;
  timer_fn *fn;
};

struct timer_wheel;

struct timer_wheel *timer_wheel_new(int64_t now_ms);
void timer_wheel_free(struct timer_wheel *wheel); /* armed timers are forgotten */
/* Arms or re-arms: fn runs once, delay_ms (≥ 0) after the wheel's current time. */
void timer_arm(struct timer_wheel *wheel, struct timer *timer, int64_t delay_ms, timer_fn *fn);
void timer_cancel(struct timer_wheel *wheel, struct timer *timer); /* fine when not armed */
bool timer_is_armed(const struct timer *timer);
/* Runs everything due at now_ms (it never goes back). */
void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms);
int64_t timer_wheel_now(const struct timer_wheel *wheel);
/* Milliseconds until advance may have something to do; -1 when nothing is armed. */
int64_t timer_wheel_next_ms(const struct timer_wheel *wheel);

#endif
