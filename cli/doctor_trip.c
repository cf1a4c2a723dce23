/* doctor_trip: the upgrade to a WebSocket, and an event from publish to watch. */
#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/doctor_net.h"
#include "cli/exit_code.h"
#include "cli/talk.h"

static const char *const STEPS[] = {
    [STEP_UPGRADE] = "upgrade", [STEP_PUBLISH] = "publish", [STEP_WATCH] = "round trip"};

static const char *advice_for(const struct doctor *d, int code) {
  switch (code) {
  case EXIT_NOTALLOWED:
    return d->step == STEP_PUBLISH
               ? "this token may not publish here: its rights say to what it may ('--request')"
               : "the hub does not take this token, or not for this request: is it made with the "
                 "hub's key, and do its rights match ('--request')?";
  case EXIT_TRYAGAIN:
    return "the hub is busy or a quota is used up: try again later";
  case EXIT_PROTOCOL:
    return "does a proxy in between let WebSockets through (Upgrade, Connection)?";
  default:
    return "see the hub's log";
  }
}

/* Ends with the failure of the step that is under way. */
static void fail(struct doctor *d, int code, const char *said) {
  if (d->step == STEP_DONE)
    return;
  doctor_report(d, STEPS[d->step], VERDICT_FAILED, code, said, advice_for(d, code));
  doctor_skip_rest(d, "an earlier step failed");
  d->step = STEP_DONE;
  runner_finish(&d->runner, d->exit_code);
}

static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  (void)seq;
  (void)duplicate;
  struct doctor *d = user;
  char said[DOCTOR_SAID];
  if (d->step != STEP_PUBLISH)
    return;
  snprintf(said, sizeof said, "durable as event %lld of '%s' in %lld ms", (long long)message_id,
           d->request_id, (long long)((int64_t)uv_now(d->runner.loop) - d->sent_at_ms));
  doctor_report(d, "publish", VERDICT_OK, 0, said, NULL);
  d->message_id = message_id;
  d->step = STEP_WATCH;
  cws_publisher_end(p);
  if (d->may_watch)
    return;
  doctor_skip_rest(d, "this token is for publishing only");
  d->step = STEP_DONE;
  runner_finish(&d->runner, d->exit_code);
}

static void on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)p;
  (void)seq;
  fail(user, exit_code_of(why->code), why->message);
}

static void on_publisher_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  (void)p;
  struct doctor *d = user;
  d->publisher = NULL;
  if (why != NULL && why->code != CWS_ECANCELED)
    fail(d, exit_code_of(why->code), why->message);
}

static const struct cws_publisher_handlers PUBLISHER = {
    .size = sizeof PUBLISHER,
    .on_published = on_published,
    .on_refused = on_refused,
    .on_end = on_publisher_end,
};

static void start_publisher(struct doctor *d) {
  struct cws_publisher_options p;
  cws_publisher_options_init(&p);
  p.request_id = d->request_id;
  p.max_attempts = 1;
  static const char DATA[] = "{\"message\":\"a round trip of councilws doctor\"}";
  struct cws_event event = {.type = "doctor", .data = DATA, .data_len = sizeof DATA - 1};
  struct cws_error err = {0};
  int64_t seq;
  d->sent_at_ms = (int64_t)uv_now(d->runner.loop);
  if (cws_publisher_start(d->runner.client, &p, &PUBLISHER, d, &d->publisher, &err) != 0 ||
      cws_publisher_send(d->publisher, &event, &seq, &err) != 0)
    fail(d, exit_code_of(err.code), err.message);
}

static void on_session(struct cws_follow *f, const struct cws_follow_session *session, void *user) {
  (void)f;
  struct doctor *d = user;
  char said[DOCTOR_SAID];
  if (d->step != STEP_UPGRADE)
    return;
  snprintf(said, sizeof said, "connected to '%s' as '%.128s'", d->request_id, session->subscriber);
  doctor_report(d, "upgrade", VERDICT_OK, 0, said, NULL);
  d->step = STEP_PUBLISH;
  if (d->may_publish) {
    start_publisher(d);
    return;
  }
  doctor_skip_rest(d, "this token is for watching only");
  d->step = STEP_DONE;
  runner_finish(&d->runner, d->exit_code);
}

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  (void)f;
  struct doctor *d = user;
  /* It may come before the publisher has its answer; then it is not known yet which it is. */
  if (strcmp(event->type, "doctor") != 0 || d->step == STEP_UPGRADE || d->step == STEP_DONE)
    return;
  if (d->step == STEP_PUBLISH)
    on_published(d->publisher, 0, event->message_id, false, d);
  char said[DOCTOR_SAID];
  snprintf(said, sizeof said, "seen by the watcher %lld ms after it was sent",
           (long long)((int64_t)uv_now(d->runner.loop) - d->sent_at_ms));
  doctor_report(d, "round trip", VERDICT_OK, 0, said, NULL);
  d->step = STEP_DONE;
  runner_finish(&d->runner, d->exit_code);
}

static void on_follow_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  (void)f;
  struct doctor *d = user;
  d->follow = NULL;
  bool is_expected = why == NULL || why->code == CWS_ECANCELED ||
                     (why->code == CWS_EFORBIDDEN && !d->may_watch && d->step != STEP_UPGRADE);
  if (!is_expected)
    fail(d, exit_code_of(why->code), why->message);
}

static const struct cws_follow_handlers FOLLOW = {
    .size = sizeof FOLLOW,
    .on_session = on_session,
    .on_event = on_event,
    .on_end = on_follow_end,
};

void doctor_check_trip(struct doctor *d) {
  struct cws_follow_options f;
  cws_follow_options_init(&f);
  f.request_id = d->request_id;
  f.from = CWS_FROM_NEW;
  f.no_ack = true;
  f.max_attempts = 1;
  struct cws_error err = {0};
  if (cws_follow_start(d->runner.client, &f, &FOLLOW, d, &d->follow, &err) != 0) {
    fail(d, exit_code_of(err.code), err.message);
    return;
  }
  int code = runner_run_to_finish(&d->runner);
  if (d->step != STEP_DONE) /* a deadline or a signal */
    fail(d, code, code == EXIT_TIMEOUT ? "no answer in time" : "interrupted");
}

/* ---- afterwards ---- */

static void on_erased(const struct cws_error *why, const char *json, size_t len, void *user) {
  (void)json;
  (void)len;
  struct doctor *d = user;
  if (why != NULL)
    talk_more("%s: its event stays until it expires: %s", d->request_id, why->message);
}

void doctor_erase(struct doctor *d) {
  if (!d->has_own_request || d->message_id == 0)
    return;
  if (d->follow != NULL)
    cws_follow_end(d->follow);
  if (cws_delete(d->runner.client, d->request_id, on_erased, d, NULL, NULL) == 0)
    cws_client_run(d->runner.client);
}
