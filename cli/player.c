/* player: see player.h. */
#include "cli/player.h"

#include <stdlib.h>

struct player {
  uv_timer_t timer;
  struct player_handlers handlers;
  void *user;
  double speed;
  int64_t max_gap_ms;
  struct cws_event_owned *queue[PLAYER_QUEUE + 1];
  size_t head, count;
  int64_t last_time_ms; /* of the last event given out; -1 before the first */
  uint64_t due_ms;      /* when it was due, on the loop's clock */
  bool is_due;          /* the head's time has come */
  bool no_more, is_over, is_going;
  bool is_paused, is_held; /* held: the head's time has yet to come once it goes on */
  int steps;               /* events that are to go out at once */
  uint64_t paused_ms;      /* when it was paused, on the loop's clock */
};

struct player *player_new(uv_loop_t *loop, double speed, int64_t max_gap_ms,
                          const struct player_handlers *handlers, void *user) {
  struct player *p = calloc(1, sizeof *p);
  if (p == NULL)
    return NULL;
  p->handlers = *handlers;
  p->user = user;
  p->speed = speed;
  p->max_gap_ms = max_gap_ms;
  p->last_time_ms = -1;
  uv_timer_init(loop, &p->timer);
  p->timer.data = p;
  return p;
}

bool player_add(struct player *p, struct cws_event_owned *event) {
  p->queue[(p->head + p->count++) % (PLAYER_QUEUE + 1)] = event;
  return p->count < PLAYER_QUEUE;
}

void player_no_more(struct player *p) {
  p->no_more = true;
}

static void on_timer(uv_timer_t *timer) {
  struct player *p = timer->data;
  p->is_due = true;
  player_go(p);
}

/* Milliseconds from the last event to this one, at this speed. */
static int64_t pause_before(const struct player *p, int64_t time_ms) {
  if (p->speed <= 0 || p->last_time_ms < 0 || time_ms <= p->last_time_ms)
    return 0;
  double pause = (double)(time_ms - p->last_time_ms) / p->speed;
  if (p->max_gap_ms > 0 && pause > (double)p->max_gap_ms)
    return p->max_gap_ms;
  return pause < 1e12 ? (int64_t)pause : (int64_t)1e12;
}

/* Whether the head may go now; else the timer is set. */
static bool is_time(struct player *p, const struct cws_event *event) {
  if (p->is_due)
    return true;
  int64_t time_ms = -1;
  if (event->timestamp == NULL || cws_timestamp_parse(event->timestamp, &time_ms) != 0)
    time_ms = p->last_time_ms;
  uint64_t now = uv_now(p->timer.loop);
  uint64_t from = p->last_time_ms < 0 ? now : p->due_ms;
  p->due_ms = from + (uint64_t)pause_before(p, time_ms);
  p->last_time_ms = time_ms;
  p->is_due = p->speed <= 0 || p->due_ms <= now;
  if (!p->is_due)
    uv_timer_start(&p->timer, on_timer, p->due_ms - now, 0);
  return p->is_due;
}

static bool may_go(struct player *p, const struct cws_event *event) {
  bool is_now = is_time(p, event);
  if (is_now || p->steps == 0)
    return is_now;
  uv_timer_stop(&p->timer);
  p->due_ms = uv_now(p->timer.loop); /* the next one's time counts from here */
  p->is_due = true;
  return true;
}

/* One event. False when there is nothing to do now. */
static bool step(struct player *p) {
  if (p->is_over || uv_is_active((uv_handle_t *)&p->timer) || (p->is_paused && p->steps == 0))
    return false;
  if (p->count == 0 && !p->no_more) {
    p->handlers.on_hungry(p->user);
    return p->count > 0 || p->no_more; /* it may have had something at once */
  }
  if (p->count == 0) {
    p->is_over = true;
    p->handlers.on_end(p->user);
    return false;
  }
  struct cws_event_owned *event = p->queue[p->head];
  if (!may_go(p, cws_event_view(event)) || !p->handlers.on_event(cws_event_view(event), p->user))
    return false;
  p->head = (p->head + 1) % (PLAYER_QUEUE + 1);
  p->count--;
  p->is_due = false;
  p->steps -= p->steps > 0 ? 1 : 0;
  cws_event_free(event);
  return true;
}

void player_go(struct player *p) {
  if (p->is_going) /* from a handler of step: the loop below goes on by itself */
    return;
  p->is_going = true;
  while (step(p))
    continue;
  p->is_going = false;
}

void player_pause(struct player *p, bool is_paused) {
  uint64_t now = uv_now(p->timer.loop);
  if (is_paused == p->is_paused)
    return;
  p->is_paused = is_paused;
  if (is_paused) {
    p->is_held = uv_is_active((uv_handle_t *)&p->timer);
    uv_timer_stop(&p->timer);
    p->paused_ms = now;
    return;
  }
  p->due_ms += now - p->paused_ms;
  if (p->is_held)
    uv_timer_start(&p->timer, on_timer, p->due_ms > now ? p->due_ms - now : 0, 0);
  else
    player_go(p);
}

bool player_is_paused(const struct player *p) {
  return p->is_paused;
}

void player_step(struct player *p) {
  bool was_waiting = uv_is_active((uv_handle_t *)&p->timer) || p->is_held;
  uv_timer_stop(&p->timer);
  p->is_held = false;
  p->steps++;
  if (was_waiting) { /* the head's time was known, and is now */
    p->due_ms = p->paused_ms = uv_now(p->timer.loop);
    p->is_due = true;
  }
  player_go(p);
}

static void on_closed(uv_handle_t *handle) {
  struct player *p = handle->data;
  for (; p->count > 0; p->count--) {
    cws_event_free(p->queue[p->head]);
    p->head = (p->head + 1) % (PLAYER_QUEUE + 1);
  }
  free(p);
}

void player_close(struct player *p) {
  if (p == NULL)
    return;
  p->is_over = true;
  uv_timer_stop(&p->timer);
  uv_close((uv_handle_t *)&p->timer, on_closed);
}
