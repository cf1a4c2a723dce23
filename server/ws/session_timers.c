/*
 * session_timers: heartbeats, and one check of everything else that time brings: pings, inactivity,
 * the token's end, the deadline of a close. A timer only says "look now"; what is due is told by
 * the clock.
 *
 * Pings are sent only when nothing was heard for an interval: any sign of life, a message or output
 * that the peer took, says as much as a pong. A peer whose library answers pings is active by
 * PROTOCOL "Liveness", so the inactivity timeout ends those who answer none before two intervals
 * are over, or where pings are off.
 */
#include "server/ws/session_internal.h"

#include <stddef.h>

#define JITTER_MS 4900 /* ±5 s (PROTOCOL "Hub to client"), less what a coarse timer adds */
#define CHECK_AT_LEAST_MS 60000 /* the wall clock may jump */
#define MESSAGES_PER_SECOND 1000
#define PINGS_MAX 2
#define SSE_PATIENCE_PINGS 3 /* ping intervals in which a watcher by SSE has to take something */

static struct session *of_heartbeat(struct timer *t) {
  return (struct session *)((char *)t - offsetof(struct session, liveness.heartbeat));
}

static struct session *of_check(struct timer *t) {
  return (struct session *)((char *)t - offsetof(struct session, liveness.check));
}

int64_t session_now_ms(const struct session *s) {
  return clock_mono_ms(s->settings->clock);
}

int64_t session_wall_ms(const struct session *s) {
  return clock_wall_ms(s->settings->clock);
}

/* ---- heartbeat ---- */

static void on_heartbeat(struct timer *t);

static void arm_heartbeat(struct session *s, int64_t delay_ms) {
  timer_arm(loop_wheel(s->loop), &s->liveness.heartbeat, delay_ms, on_heartbeat);
}

/* The interval, give or take 5 s, and never less than half of a short one. */
static int64_t heartbeat_delay(struct session *s) {
  int64_t interval = s->settings->heartbeat_interval_ms;
  int64_t jitter = interval / 2 < JITTER_MS ? interval / 2 : JITTER_MS;
  return interval - jitter + (int64_t)(session_random(s) % (uint64_t)(2 * jitter + 1));
}

/* While the socket is full it is skipped: it would say nothing new, and only add to the heap. */
static void on_heartbeat(struct timer *t) {
  struct session *s = of_heartbeat(t);
  arm_heartbeat(s, heartbeat_delay(s));
  if (s->feed.is_blocked)
    return;
  struct buf *out = session_out(s);
  session_put_heartbeat(s, out);
  session_send(s, out);
}

/* ---- what ends a session, and pings ---- */

static int64_t token_seconds_left(const struct session *s) {
  return s->grants->exp_s - session_wall_ms(s) / 1000 + CWS_TOKEN_LEEWAY_S;
}

/* A watcher by SSE says nothing and answers no ping: the kernel tells that it is gone. 0: off. */
static int64_t inactivity_timeout(const struct session *s) {
  return s->is_sse ? 0 : s->settings->inactivity_timeout_ms;
}

static int64_t ping_interval(const struct session *s) {
  return s->is_sse ? 0 : s->settings->ping_interval_ms;
}

static bool is_inactive(const struct session *s, int64_t now) {
  int64_t timeout = inactivity_timeout(s);
  return timeout > 0 && now - s->liveness.heard_ms >= timeout;
}

static int64_t ping_due_ms(const struct session *s) {
  const struct session_liveness *l = &s->liveness;
  return (l->pings > 0 ? l->pinged_ms : l->alive_ms) + ping_interval(s);
}

static bool is_ping_due(const struct session *s, int64_t now) {
  return ping_interval(s) > 0 && now >= ping_due_ms(s);
}

static void ping(struct session *s, int64_t now) {
  struct buf *out = session_out(s);
  s->liveness.pings++;
  s->liveness.pinged_ms = now;
  ws_frame_append(out, WS_PING, NULL, 0);
  session_send(s, out);
}

static void on_check(struct timer *t);

static void arm_check(struct session *s, int64_t now) {
  int64_t due = now + CHECK_AT_LEAST_MS;
  int64_t inactive = s->liveness.heard_ms + inactivity_timeout(s);
  if (inactivity_timeout(s) > 0 && inactive < due)
    due = inactive;
  if (ping_interval(s) > 0 && ping_due_ms(s) < due)
    due = ping_due_ms(s);
  int64_t left_s = token_seconds_left(s);
  if (left_s < CHECK_AT_LEAST_MS / 1000 && now + left_s * 1000 < due)
    due = now + left_s * 1000;
  timer_arm(loop_wheel(s->loop), &s->liveness.check, due > now ? due - now : 0, on_check);
}

static void on_check(struct timer *t) {
  struct session *s = of_check(t);
  int64_t now = session_now_ms(s);
  if (token_seconds_left(s) <= 0) {
    session_close(s, WS_CLOSE_TOKEN_EXPIRED, "the token has expired");
    return;
  }
  if (is_inactive(s, now)) {
    metrics_add(&s->settings->metrics->closed_inactive, 1);
    session_close(s, WS_CLOSE_INACTIVE, "inactive for too long");
    return;
  }
  if (is_ping_due(s, now)) {
    if (s->liveness.pings >= PINGS_MAX) {
      metrics_add(&s->settings->metrics->closed_no_pong, 1);
      session_close_and_cut(s, WS_CLOSE_NO_PONG, "no pong");
      return;
    }
    ping(s, now);
  }
  if (s->state == SESSION_OPEN)
    arm_check(s, now);
}

/* ---- what resets them ---- */

void session_drained(struct session *s) {
  s->liveness.alive_ms = session_now_ms(s);
  s->liveness.pings = 0;
}

void session_heard(struct session *s) {
  session_drained(s);
  s->liveness.heard_ms = s->liveness.alive_ms;
  s->feed.view.last_heartbeat_ms = session_wall_ms(s);
}

bool session_count_message(struct session *s) {
  struct session_liveness *l = &s->liveness;
  int64_t limit = s->settings->max_messages_per_second;
  int64_t now = session_now_ms(s);
  if (now - l->window_ms >= 1000) {
    l->window_ms = now;
    l->messages = 0;
  }
  return ++l->messages <= (limit > 0 ? limit : MESSAGES_PER_SECOND);
}

/* ---- begin and end ---- */

/* The first heartbeat comes at a random point of the interval, so that those who connected together
 * do not hear it together. */
void session_timers_begin(struct session *s) {
  session_heard(s);
  s->feed.view.connected_at_ms = s->feed.view.last_heartbeat_ms;
  if (s->settings->heartbeat_interval_ms > 0) {
    uint64_t interval = (uint64_t)s->settings->heartbeat_interval_ms;
    arm_heartbeat(s, 1 + (int64_t)(session_random(s) % interval));
  }
  if (s->is_sse && s->settings->ping_interval_ms > 0)
    connection_set_patience(s->c, SSE_PATIENCE_PINGS * s->settings->ping_interval_ms);
  arm_check(s, session_now_ms(s));
}

void session_timers_end(struct session *s) {
  timer_cancel(loop_wheel(s->loop), &s->liveness.heartbeat);
  timer_cancel(loop_wheel(s->loop), &s->liveness.check);
}

static void on_close_deadline(struct timer *t) {
  struct session *s = of_check(t);
  session_set_state(s, SESSION_ENDED);
  connection_abort(s->c);
}

void session_timers_close_deadline(struct session *s) {
  timer_arm(loop_wheel(s->loop), &s->liveness.check, SESSION_CLOSE_DEADLINE_MS, on_close_deadline);
}
