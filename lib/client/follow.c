/*
 * follow: one request's events, in order, each once, over as many sessions as it
 * takes. It owns the position: what was delivered last, in which epoch. A new session resumes
 * there, so a lost acknowledgement never delivers twice. It knows no socket.
 */
#include "lib/client/channel.h"
#include "lib/client/client.h"
#include "lib/client/timer.h"
#include "lib/core/err.h"
#include "lib/core/subscriber.h"
#include <stdlib.h>
#include <string.h>

/* FOLLOW_STARTING  cws_follow_start has returned, the loop not yet run → CONNECTING
 * FOLLOW_OPENING   a session is being opened → SYNCING, BACKING_OFF, ENDED
 * FOLLOW_SYNCING   the backlog is delivered → STREAMING, BACKING_OFF, ENDED
 * FOLLOW_STREAMING events as they happen → BACKING_OFF, ENDED
 * FOLLOW_BACKING_OFF no session; a timer runs → OPENING
 * FOLLOW_ENDING    cws_follow_end was called: nothing is delivered; the ack goes out → ENDED
 * FOLLOW_ENDED     on_end was called; only memory is left
 * ENDING and ENDED may follow each. */
enum follow_phase {
  FOLLOW_STARTING,
  FOLLOW_OPENING,
  FOLLOW_SYNCING,
  FOLLOW_STREAMING,
  FOLLOW_BACKING_OFF,
  FOLLOW_ENDING,
  FOLLOW_ENDED,
};

struct cws_follow {
  struct op op;
  enum follow_phase phase;
  struct cws_follow_options options; /* its strings are owned */
  struct cws_follow_handlers handlers;
  void *user;
  struct channel *channel;
  struct timer *timer; /* STARTING, BACKING_OFF, ENDING: the next step */
  struct timer *flush; /* the acknowledgement of this turn of the loop */
  struct retry retry;
  int64_t position; /* last event delivered or passed over; -1: not known, take what comes */
  char epoch[CWS_EPOCH_MAX + 1]; /* that position belongs to; "" before the first session */
  int64_t acked, ack_sent;       /* highest asked for; highest sent on this session; -1 for none */
  bool expired;                  /* the next session needs a new token */
  bool paused;
};

static void follow_set_phase(struct cws_follow *f, enum follow_phase phase) {
  static const char *const names[] = {"starting",    "opening", "syncing", "streaming",
                                      "backing off", "ending",  "ended"};
  log_debug(f->op.client->log, "follow %s: %s, then %s", f->options.request_id, names[f->phase],
            names[phase]);
  f->phase = phase;
}

static bool follow_is_in_session(const struct cws_follow *f) {
  return f->phase == FOLLOW_SYNCING || f->phase == FOLLOW_STREAMING;
}

/* ---- the end ---- */

static void follow_finish(struct cws_follow *f, const struct cws_error *why) {
  if (f->phase == FOLLOW_ENDED)
    return;
  follow_set_phase(f, FOLLOW_ENDED);
  channel_free(f->channel);
  f->channel = NULL;
  timer_stop(f->timer);
  timer_stop(f->flush);
  op_end(&f->op);
  if (f->handlers.on_end != NULL)
    f->handlers.on_end(f, why, f->user);
  op_unref(&f->op);
}

static void follow_cancel(struct op *op) {
  struct cws_error why = {0};
  err_set(&why, CWS_ECANCELED, NULL);
  follow_finish((struct cws_follow *)op, &why);
}

static void follow_destroy(struct op *op) {
  struct cws_follow *f = (struct cws_follow *)op;
  channel_free(f->channel);
  timer_free(f->timer);
  timer_free(f->flush);
  free((char *)f->options.request_id);
  free((char *)f->options.subscriber);
  free(f);
}

static void follow_tell_state(struct cws_follow *f, enum cws_follow_state state,
                              const struct cws_error *why, int64_t wait_ms) {
  if (f->handlers.on_state != NULL)
    f->handlers.on_state(f, state, why, wait_ms, f->user);
}

/* ---- acknowledging ---- */

static void follow_flush(struct cws_follow *f) {
  if (f->channel == NULL || f->acked <= f->ack_sent)
    return;
  struct buf b;
  buf_init(&b);
  client_format_ack(&b, f->acked);
  channel_send(f->channel, &b);
  buf_finish(&b);
  f->ack_sent = f->acked;
}

/* One ack a turn of the loop, and none while an earlier one has not left: on_drained comes then. */
static void follow_on_flush(void *arg) {
  struct cws_follow *f = arg;
  if (follow_is_in_session(f) && channel_unsent(f->channel) == 0)
    follow_flush(f);
}

static void follow_acknowledge(struct cws_follow *f, int64_t message_id) {
  if (message_id <= f->acked)
    return;
  f->acked = message_id;
  if (follow_is_in_session(f))
    timer_start(f->flush, 0);
}

/* ---- events ---- */

static void follow_lose(struct cws_follow *f, const struct loss *loss);

static void follow_on_hole(struct cws_follow *f, int64_t message_id) {
  struct loss loss = {.close_code = 0};
  err_set(&loss.error, CWS_EDISCONNECTED, "the hub left out %lld to %lld; asking again",
          (long long)f->position + 1, (long long)message_id - 1);
  channel_free(f->channel);
  follow_lose(f, &loss);
}

static void follow_on_event(struct cws_follow *f, const struct cws_event *event) {
  if (f->position >= 0 && event->message_id <= f->position)
    return; /* had it */
  if (f->position >= 0 && event->message_id > f->position + 1) {
    follow_on_hole(f, event->message_id);
    return;
  }
  f->position = event->message_id;
  if (f->handlers.on_event != NULL)
    f->handlers.on_event(f, event, f->user);
  if (f->phase != FOLLOW_ENDED && !f->options.manual_ack && !f->options.no_ack)
    follow_acknowledge(f, event->message_id);
}

/* Ids of the old epoch mean nothing in the new one. */
static void follow_set_epoch(struct cws_follow *f, const char *epoch, int64_t position) {
  snprintf(f->epoch, sizeof(f->epoch), "%s", epoch);
  f->position = position;
  f->acked = -1;
}

static void follow_on_gap(struct cws_follow *f, const struct hub_message *m) {
  bool is_new_epoch = m->epoch != NULL && strcmp(m->epoch, f->epoch) != 0;
  if (is_new_epoch)
    follow_set_epoch(f, m->epoch, -1);
  else if (m->reason != NULL && strcmp(m->reason, "epoch") == 0)
    ; /* the hello has said it already */
  else
    f->position = m->to < 0 ? -1 : m->to > f->position ? m->to : f->position;
  bool is_empty = m->to >= 0 && m->to < m->from; /* another epoch, before there was an event */
  if (f->handlers.on_gap != NULL && !is_empty)
    f->handlers.on_gap(f, m->from, m->to, m->reason != NULL ? m->reason : "unknown", f->user);
}

static void follow_on_replay_complete(struct cws_follow *f, int64_t last) {
  if (f->phase != FOLLOW_SYNCING)
    return;
  follow_set_phase(f, FOLLOW_STREAMING);
  follow_tell_state(f, CWS_FOLLOW_LIVE, NULL, 0);
  if (f->phase == FOLLOW_STREAMING && f->handlers.on_caught_up != NULL)
    f->handlers.on_caught_up(f, last, f->user);
}

static void follow_on_message(struct channel *s, const struct hub_message *m, void *user) {
  struct cws_follow *f = user;
  (void)s;
  if (!follow_is_in_session(f))
    return;
  op_ref(&f->op);
  if (m->kind == HUB_EVENT)
    follow_on_event(f, cws_event_view(m->event));
  else if (m->kind == HUB_GAP)
    follow_on_gap(f, m);
  else if (m->kind == HUB_REPLAY_COMPLETE)
    follow_on_replay_complete(f, m->last_message_id);
  else if (m->kind == HUB_PROTOCOL_ERROR)
    log_warn(f->op.client->log, "the hub objects: %s", m->error.message);
  op_unref(&f->op);
}

static void follow_tell_session(struct cws_follow *f, const struct hub_hello *hello) {
  struct cws_follow_session session = {
      .connection_id = hello->connection_id,
      .subscriber = hello->subscriber,
      .epoch = hello->epoch,
      .first_message_id = hello->first_message_id,
      .last_message_id = hello->last_message_id,
      .resume_from = hello->resume_from,
  };
  if (f->handlers.on_session != NULL)
    f->handlers.on_session(f, &session, f->user);
}

/* The hub has let it in to publish only: no event would ever come. */
static void follow_refuse(struct cws_follow *f, const struct hub_hello *hello) {
  struct cws_error why = {0};
  follow_tell_session(f, hello);
  err_set(&why, CWS_EFORBIDDEN, "this token may not watch '%s'", f->options.request_id);
  follow_finish(f, &why);
}

static void follow_on_hello(struct channel *s, const struct hub_hello *hello, void *user) {
  struct cws_follow *f = user;
  const char *epoch = hello->epoch != NULL ? hello->epoch : "";
  (void)s;
  if (f->phase != FOLLOW_OPENING)
    return;
  op_ref(&f->op);
  if (hello->no_events) {
    follow_refuse(f, hello);
    op_unref(&f->op);
    return;
  }
  retry_succeeded(&f->retry);
  if (f->epoch[0] == '\0' || strcmp(epoch, f->epoch) != 0)
    follow_set_epoch(f, epoch, hello->resume_from);
  f->ack_sent = -1; /* the last one may not have arrived */
  follow_set_phase(f, FOLLOW_SYNCING);
  timer_start(f->flush, 0);
  follow_tell_state(f, CWS_FOLLOW_REPLAYING, NULL, 0);
  if (f->phase == FOLLOW_SYNCING)
    follow_tell_session(f, hello);
  op_unref(&f->op);
}

static void follow_on_drained(struct channel *s, void *user) {
  (void)s;
  follow_on_flush(user);
}

/* ---- sessions ---- */

static void follow_wait(struct cws_follow *f, const struct cws_error *why, int64_t wait_ms) {
  follow_set_phase(f, FOLLOW_BACKING_OFF);
  timer_start(f->timer, wait_ms);
  follow_tell_state(f, CWS_FOLLOW_WAITING, why, wait_ms);
}

/* The session is gone (its owner has freed it, or is about to). */
static void follow_lose(struct cws_follow *f, const struct loss *loss) {
  struct cws_client *client = f->op.client;
  int64_t wait_ms = 0;
  f->channel = NULL;
  timer_stop(f->flush);
  f->expired = loss->error.code == CWS_ETOKENEXPIRED;
  switch (retry_next(&f->retry, loss, client->options.token_fn != NULL,
                     (int64_t)uv_now(client->loop), &wait_ms)) {
  case RETRY_END:
    follow_finish(f, &loss->error);
    break;
  case RETRY_WAIT:
    follow_wait(f, &loss->error, wait_ms);
    break;
  case RETRY_RENEW:
    follow_set_phase(f, FOLLOW_BACKING_OFF);
    timer_start(f->timer, 0);
    break;
  }
}

static void follow_on_lost(struct channel *s, const struct loss *loss, void *user) {
  struct cws_follow *f = user;
  op_ref(&f->op);
  f->channel = NULL;
  if (f->phase == FOLLOW_ENDING)
    follow_finish(f, NULL);
  else if (f->phase != FOLLOW_ENDED)
    follow_lose(f, loss);
  channel_free(s);
  op_unref(&f->op);
}

static const struct channel_handlers channel_handlers = {
    .on_hello = follow_on_hello,
    .on_message = follow_on_message,
    .on_drained = follow_on_drained,
    .on_lost = follow_on_lost,
};

static void add_position(struct buf *b, const struct cws_follow *f) {
  const struct cws_follow_options *o = &f->options;
  bool resumed = f->epoch[0] != '\0' && f->position >= 0;
  if (resumed || o->after >= 0)
    url_add_query_i64(b, "after", resumed ? f->position : o->after);
  const char *epoch = resumed ? f->epoch : o->epoch;
  if ((resumed || o->after >= 0) && epoch != NULL)
    url_add_query(b, "epoch", epoch);
  else if (o->from != CWS_FROM_ACKED && !resumed && o->after < 0)
    url_add_query(b, "from", o->from == CWS_FROM_START ? "start" : "new");
}

static void follow_path(struct buf *b, const struct cws_follow *f) {
  url_add_path(b, &f->op.client->url, "/ws/");
  buf_add_str(b, f->options.request_id);
  add_position(b, f);
  if (f->options.subscriber != NULL)
    url_add_query(b, "subscriber", f->options.subscriber);
}

static void follow_open(struct cws_follow *f) {
  struct loss loss = {.http_status = 0};
  struct buf path;
  buf_init(&path);
  follow_path(&path, f);
  follow_set_phase(f, FOLLOW_OPENING);
  int rc = path.failed ? err_set(&loss.error, CWS_ENOMEM, NULL)
                       : channel_open(f->op.client, path.data, f->expired, &channel_handlers, f,
                                      &f->channel, &loss.error);
  buf_finish(&path);
  f->expired = false;
  if (rc != 0) {
    follow_lose(f, &loss);
    return;
  }
  if (f->paused)
    channel_pause(f->channel);
  follow_tell_state(f, CWS_FOLLOW_CONNECTING, NULL, 0);
}

static void follow_close(struct cws_follow *f) {
  if (f->channel == NULL) {
    follow_finish(f, NULL);
    return;
  }
  follow_flush(f);
  channel_close(f->channel);
}

static void follow_on_timer(void *arg) {
  struct cws_follow *f = arg;
  op_ref(&f->op);
  if (f->phase == FOLLOW_ENDING)
    follow_close(f);
  else
    follow_open(f);
  op_unref(&f->op);
}

/* ---- the caller's side ---- */

void cws_follow_options_init(struct cws_follow_options *options) {
  *options = (struct cws_follow_options){.size = sizeof(*options), .after = -1};
}

static int check_options(const struct cws_follow_options *o, struct cws_error *err) {
  if (o->request_id == NULL)
    return err_set(err, CWS_EBADREQUEST, "no request_id");
  if (o->subscriber != NULL && subscriber_name_check(o->subscriber, err) != 0) {
    if (err != NULL)
      err->code = CWS_EINVAL; /* an argument, before any request is made of it */
    return CWS_EINVAL;
  }
  if (o->epoch != NULL && strlen(o->epoch) > CWS_EPOCH_MAX)
    return err_set(err, CWS_EINVAL, "an epoch has at most %d characters", CWS_EPOCH_MAX);
  if (o->after < -1 || o->max_attempts < 0 || (unsigned)o->from > CWS_FROM_NEW)
    return err_set(err, CWS_EINVAL, "after, from or max_attempts is out of range");
  return cws_request_id_check(o->request_id, strlen(o->request_id), err);
}

static char *copy_or_null(const char *s) {
  return s == NULL ? NULL : strdup(s);
}

static bool follow_init(struct cws_follow *f, struct cws_client *client) {
  struct cws_follow_options *o = &f->options;
  const char *subscriber = o->subscriber, *epoch = o->epoch;
  o->request_id = strdup(o->request_id);
  o->subscriber = copy_or_null(subscriber);
  o->epoch = NULL;
  if (epoch != NULL && o->after >= 0) { /* the position to resume at is known from the beginning */
    snprintf(f->epoch, sizeof(f->epoch), "%s", epoch);
    f->position = o->after;
  }
  f->timer = timer_new(client, follow_on_timer, f);
  f->flush = timer_new(client, follow_on_flush, f);
  return o->request_id != NULL && (subscriber == NULL || o->subscriber != NULL) &&
         f->timer != NULL && f->flush != NULL;
}

int cws_follow_start(struct cws_client *client, const struct cws_follow_options *options,
                     const struct cws_follow_handlers *handlers, void *user,
                     struct cws_follow **out, struct cws_error *err) {
  struct cws_follow_options o;
  cws_follow_options_init(&o);
  client_take_struct(&o, options);
  int rc = client_check_open(client, err);
  if (rc == 0)
    rc = check_options(&o, err);
  if (rc != 0)
    return rc;
  struct cws_follow *f = calloc(1, sizeof(*f));
  if (f == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  f->options = o;
  f->handlers.size = sizeof(f->handlers);
  client_take_struct(&f->handlers, handlers);
  f->user = user;
  f->position = f->acked = f->ack_sent = -1;
  if (!follow_init(f, client)) {
    follow_destroy(&f->op);
    return err_set(err, CWS_ENOMEM, NULL);
  }
  retry_init(&f->retry, client->options.backoff_base_ms, client->options.backoff_cap_ms,
             o.max_attempts);
  op_start(&f->op, client, follow_cancel, follow_destroy);
  timer_start(f->timer, 0);
  if (out != NULL)
    *out = f;
  return 0;
}

int cws_follow_ack(struct cws_follow *f, int64_t message_id) {
  if (message_id < 0 || message_id > f->position || f->options.no_ack)
    return CWS_EINVAL;
  if (f->phase != FOLLOW_ENDED)
    follow_acknowledge(f, message_id);
  return 0;
}

void cws_follow_end(struct cws_follow *f) {
  if (f->phase == FOLLOW_ENDING || f->phase == FOLLOW_ENDED)
    return;
  follow_set_phase(f, FOLLOW_ENDING);
  timer_stop(f->flush);
  timer_start(f->timer, 0); /* behind the callback that may be on the stack, and its ack */
}

void cws_follow_pause(struct cws_follow *f) {
  f->paused = true;
  if (f->channel != NULL)
    channel_pause(f->channel);
}

void cws_follow_resume(struct cws_follow *f) {
  f->paused = false;
  if (f->channel != NULL)
    channel_resume(f->channel);
}
