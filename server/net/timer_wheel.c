/*
 * timer_wheel: see timer_wheel.h. Five levels of 64 slots: a slot of level n is 64^n ticks wide, so
 * the wheel reaches 64^5 ticks (198 days); what is further off waits in the last slot and is looked
 * at again there. Timers of a higher level move down when the wheel reaches their slot. Finding the
 * next one is a bit scan per level.
 */
#include "server/net/timer_wheel.h"

#include <stddef.h>
#include <stdlib.h>

#define LEVELS 5
#define SLOT_BITS 6
#define SLOTS (1 << SLOT_BITS)
#define SLOT_MASK (SLOTS - 1)
#define REACH ((INT64_C(1) << (LEVELS * SLOT_BITS)) - 1) /* ticks */

struct timer_wheel {
  struct timer slots[LEVELS][SLOTS]; /* list heads */
  int64_t now_ms;
  int64_t tick; /* every timer due at or before this tick has run */
  size_t armed;
};

static void list_init(struct timer *head) {
  head->next = head->prev = head;
}

static bool list_is_empty(const struct timer *head) {
  return head->next == head;
}

static void list_add(struct timer *head, struct timer *timer) {
  timer->prev = head->prev;
  timer->next = head;
  head->prev->next = timer;
  head->prev = timer;
}

static void list_remove(struct timer *timer) {
  timer->prev->next = timer->next;
  timer->next->prev = timer->prev;
  timer->next = timer->prev = NULL;
}

/* All of `from` to the end of `to`. */
static void list_move(struct timer *to, struct timer *from) {
  if (list_is_empty(from))
    return;
  from->next->prev = to->prev;
  to->prev->next = from->next;
  from->prev->next = to;
  to->prev = from->prev;
  list_init(from);
}

/* The first tick that is not before `ms`. */
static int64_t tick_of(int64_t ms) {
  return (ms + TIMER_TICK_MS - 1) / TIMER_TICK_MS;
}

struct timer_wheel *timer_wheel_new(int64_t now_ms) {
  struct timer_wheel *wheel = calloc(1, sizeof *wheel);
  if (wheel == NULL)
    return NULL;
  for (int level = 0; level < LEVELS; level++) {
    for (int slot = 0; slot < SLOTS; slot++)
      list_init(&wheel->slots[level][slot]);
  }
  wheel->now_ms = now_ms;
  wheel->tick = now_ms / TIMER_TICK_MS;
  return wheel;
}

void timer_wheel_free(struct timer_wheel *wheel) {
  free(wheel);
}

bool timer_is_armed(const struct timer *timer) {
  return timer->next != NULL;
}

int64_t timer_wheel_now(const struct timer_wheel *wheel) {
  return wheel->now_ms;
}

static void insert(struct timer_wheel *wheel, struct timer *timer) {
  int64_t due = tick_of(timer->due_ms);
  if (due <= wheel->tick)
    due = wheel->tick + 1;
  if (due - wheel->tick > REACH)
    due = wheel->tick + REACH;
  int level = 0;
  while (level < LEVELS - 1 && (due - wheel->tick) >> ((level + 1) * SLOT_BITS) != 0)
    level++;
  list_add(&wheel->slots[level][due >> (level * SLOT_BITS) & SLOT_MASK], timer);
}

void timer_arm(struct timer_wheel *wheel, struct timer *timer, int64_t delay_ms, timer_fn *fn) {
  timer_cancel(wheel, timer);
  timer->due_ms = wheel->now_ms + (delay_ms > 0 ? delay_ms : 0);
  timer->fn = fn;
  insert(wheel, timer);
  wheel->armed++;
}

void timer_cancel(struct timer_wheel *wheel, struct timer *timer) {
  if (!timer_is_armed(timer))
    return;
  list_remove(timer);
  wheel->armed--;
}

/* Moves the timers of the slots that the wheel has just reached one level down or into `due`. */
static void cascade(struct timer_wheel *wheel, struct timer *due) {
  for (int level = LEVELS - 1; level > 0; level--) {
    int64_t width = INT64_C(1) << (level * SLOT_BITS);
    if ((wheel->tick & (width - 1)) != 0)
      continue;
    struct timer moved;
    list_init(&moved);
    list_move(&moved, &wheel->slots[level][wheel->tick >> (level * SLOT_BITS) & SLOT_MASK]);
    while (!list_is_empty(&moved)) {
      struct timer *timer = moved.next;
      list_remove(timer);
      if (tick_of(timer->due_ms) <= wheel->tick)
        list_add(due, timer);
      else
        insert(wheel, timer);
    }
  }
  list_move(due, &wheel->slots[0][wheel->tick & SLOT_MASK]);
}

/* The next tick in (tick, last] at which something may be due or move down; `last` if there is
 * none. */
static int64_t next_tick(const struct timer_wheel *wheel, int64_t last) {
  if (wheel->armed == 0)
    return last;
  int64_t tick = wheel->tick + 1;
  while (tick < last && (tick & SLOT_MASK) != 0 &&
         list_is_empty(&wheel->slots[0][tick & SLOT_MASK]))
    tick++;
  return tick;
}

void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms) {
  if (now_ms < wheel->now_ms)
    return;
  struct timer due;
  list_init(&due);
  int64_t last = now_ms / TIMER_TICK_MS;
  while (wheel->tick < last) {
    wheel->tick = next_tick(wheel, last);
    cascade(wheel, &due);
  }
  wheel->now_ms = now_ms;
  while (!list_is_empty(&due)) {
    struct timer *timer = due.next;
    list_remove(timer);
    wheel->armed--;
    timer->fn(timer);
  }
}

int64_t timer_wheel_next_ms(const struct timer_wheel *wheel) {
  if (wheel->armed == 0)
    return -1;
  int64_t tick = next_tick(wheel, wheel->tick + SLOTS);
  int64_t wait = tick * TIMER_TICK_MS - wheel->now_ms;
  return wait > 0 ? wait : 0;
}
