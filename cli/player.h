/*
 * player: gives events out at the pace of their timestamps, or at once. It holds a bounded queue:
 * who fills it is asked for more when it runs low.
 */
#ifndef CLI_PLAYER_H
#define CLI_PLAYER_H

#include <councilws/event.h>
#include <stdbool.h>
#include <uv.h>

#define PLAYER_QUEUE 1000 /* events; who fills stops there */

struct player;

struct player_handlers {
  /* Takes one event. False: busy, the same event comes again after player_go. */
  bool (*on_event)(const struct cws_event *event, void *user);
  void (*on_hungry)(void *user); /* the queue is empty: fill it, or say that it is over */
  void (*on_end)(void *user);    /* everything was given out; last call */
};

/* speed: 0 at once, 1 as it happened, 4 four times faster. max_gap_ms: the longest pause, 0 for
 * any. NULL when memory is out. */
struct player *player_new(uv_loop_t *loop, double speed, int64_t max_gap_ms,
                          const struct player_handlers *handlers, void *user);
/* Takes the event. False when the queue is full after it. */
bool player_add(struct player *p, struct cws_event_owned *event);
void player_no_more(struct player *p);
/* Goes on: after adding, after a busy taker is free again. Safe in every handler. */
void player_go(struct player *p);
/* Holds the events back, or lets them go on as if no time had passed. */
void player_pause(struct player *p, bool is_paused);
bool player_is_paused(const struct player *p);
/* Gives the next event out at once, paused or not. */
void player_step(struct player *p);
void player_close(struct player *p); /* frees as the loop turns; NULL is fine */

#endif
