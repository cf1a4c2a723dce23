/* sender: see sender.h. */
#include "cli/sender.h"

#include <errno.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/talk.h"

#define PATIENCE_STEP_MS 100

static void set_state(struct sender *s, enum sender_state state) {
  s->state = state;
  if (state == SENDER_ENDED)
    uv_timer_stop(&s->patience);
}

static void end(struct sender *s, const struct cws_error *why) {
  if (s->state == SENDER_ENDED)
    return;
  set_state(s, SENDER_ENDED);
  spool_sync(s->spool); /* the last answers; without them more is sent again, to no harm */
  s->handlers->on_end(why, s->user);
}

/* ---- a turn of the loop ---- */

static void unreadable(struct sender *s, int failed) {
  struct cws_error why = {.code = CWS_ESYSTEM};
  snprintf(why.message, sizeof why.message, "cannot read '%s': %s", spool_path(s->spool),
           strerror(failed));
  end(s, &why);
}

/* False where nothing more can be sent at the moment. */
static bool send_next(struct sender *s) {
  int failed = 0;
  if (s->waiting == NULL)
    s->waiting = spool_next(s->spool, &failed);
  if (failed != 0)
    unreadable(s, failed);
  if (s->waiting == NULL)
    return false;
  struct cws_error err = {0};
  int64_t seq;
  int rc = cws_publisher_send(s->publisher, cws_event_view(s->waiting), &seq, &err);
  if (rc == CWS_EBUSY)
    return false;
  cws_event_free(s->waiting);
  s->waiting = NULL;
  if (rc != 0)
    end(s, &err);
  return rc == 0;
}

/* Also after the end: what is added then is kept, too. */
static void on_turn(uv_prepare_t *handle) {
  struct sender *s = handle->data;
  int failed = spool_sync(s->spool);
  if (failed != 0)
    s->handlers->on_unkept(failed, s->user);
  while (s->publisher != NULL && s->state != SENDER_ENDED && send_next(s))
    continue;
  if (s->state == SENDER_ENDING && s->publisher != NULL && spool_count_pending(s->spool) == 0)
    cws_publisher_end(s->publisher);
}

static void on_patience(uv_timer_t *timer) {
  struct sender *s = timer->data;
  uint64_t quiet = uv_now(s->runner->loop) - s->quiet_since_ms;
  if (s->lost.code != 0 && quiet >= (uint64_t)s->patience_ms)
    end(s, &s->lost);
}

/* ---- the publisher ---- */

static void on_answer(struct sender *s, int64_t seq) {
  spool_answered(s->spool, s->base + (uint64_t)seq);
  s->quiet_since_ms = uv_now(s->runner->loop);
  s->runner->was_reached = true;
}

static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  (void)p;
  struct sender *s = user;
  on_answer(s, seq);
  if (s->handlers->on_published != NULL && s->state != SENDER_ENDED)
    s->handlers->on_published(message_id, duplicate, s->user);
}

static void on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)p;
  struct sender *s = user;
  on_answer(s, seq);
  if (s->state != SENDER_ENDED)
    s->handlers->on_refused(s->base + (uint64_t)seq, why, s->user);
}

static void on_state(struct cws_publisher *p, const struct cws_error *why, int64_t wait_ms,
                     void *user) {
  (void)p;
  (void)wait_ms;
  struct sender *s = user;
  if (why == NULL && s->lost.code != 0)
    talk("%s: connected again", s->request_id);
  if (why != NULL && s->lost.code == 0)
    talk("%s: %s; events are kept until the hub is back", s->request_id, why->message);
  s->lost = why != NULL ? *why : (struct cws_error){0};
}

static void on_publisher_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  (void)p;
  struct sender *s = user;
  s->publisher = NULL;
  if (why == NULL || why->code != CWS_ECANCELED)
    end(s, why);
}

static const struct cws_publisher_handlers HANDLERS = {
    .size = sizeof HANDLERS,
    .on_published = on_published,
    .on_refused = on_refused,
    .on_state = on_state,
    .on_end = on_publisher_end,
};

/* ---- life ---- */

int sender_start(struct sender *s, const char *owner) {
  struct cws_publisher_options p;
  cws_publisher_options_init(&p);
  p.request_id = s->request_id;
  p.owner = owner;
  struct cws_error err = {0};
  if (cws_publisher_start(s->runner->client, &p, &HANDLERS, s, &s->publisher, &err) != 0)
    return runner_report(s->runner, NULL, &err);
  s->base = spool_count_answered(s->spool);
  s->state = SENDER_OPEN;
  uv_prepare_init(s->runner->loop, &s->turn);
  s->turn.data = s;
  uv_prepare_start(&s->turn, on_turn);
  uv_timer_init(s->runner->loop, &s->patience);
  s->patience.data = s;
  return 0;
}

void sender_end(struct sender *s) {
  if (s->state != SENDER_OPEN)
    return;
  set_state(s, SENDER_ENDING);
  s->quiet_since_ms = uv_now(s->runner->loop);
  uv_timer_start(&s->patience, on_patience, PATIENCE_STEP_MS, PATIENCE_STEP_MS);
}

void sender_finish(struct sender *s) {
  if (s->turn.data == NULL)
    return;
  uv_close((uv_handle_t *)&s->turn, NULL);
  uv_close((uv_handle_t *)&s->patience, NULL);
  cws_event_free(s->waiting);
  s->waiting = NULL;
}

void sender_tell_kept(const struct sender *s) {
  unsigned long long kept = spool_count_pending(s->spool);
  if (kept > 0)
    talk_error("%llu events of '%s' are kept in '%s'", kept, s->request_id, spool_path(s->spool));
}
