/*
 * nats_publish: writes entries, and finds out what became of them. An answer comes to an inbox of
 * this log's own; where none comes, a thread says after a while that it is not known. (libnats'
 * own asynchronous publish is not used: it forgets the deadline of what was answered only when that
 * has passed, and measures it by a clock that may jump.)
 */
#include "lib/core/err.h"
#include "lib/core/json_read.h"
#include "server/base/clock.h"
#include "server/store/nats_log.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 4000 /* STORE_LOG_OUTCOME_MS, and some room */

/* ---- the lists; with the mutex held ---- */

static void put(struct nats_publishes *list, struct nats_publish *p) {
  p->next = NULL;
  if (list->last != NULL)
    list->last->next = p;
  else
    list->first = p;
  list->last = p;
}

/* Takes the one of that number out; NULL: it is not in there. */
static struct nats_publish *take(struct nats_publishes *list, uint64_t number) {
  struct nats_publish *before = NULL, *p = list->first;
  while (p != NULL && p->number != number) {
    before = p;
    p = p->next;
  }
  if (p == NULL)
    return NULL;
  if (before != NULL)
    before->next = p->next;
  else
    list->first = p->next;
  if (list->last == p)
    list->last = before;
  return p;
}

static void clear(struct nats_publishes *list) {
  while (list->first != NULL)
    free(take(list, list->first->number));
}

/* Its outcome is known: error's code, or 0. False: it had one. */
static bool settle(struct nats_log *log, uint64_t number, const struct cws_error *error) {
  struct nats_publish *p = take(&log->pending, number);
  if (p == NULL)
    return false;
  p->outcome.code = error->code;
  p->outcome.error = *error;
  put(&log->done, p);
  log->publish_trouble = *error;
  if (error->code == 0)
    log->stuck_ms = 0;
  return true;
}

/* ---- answers ---- */

/*
 * Whether an entry that was answered with that error was surely not stored; by nats-server 2.9.10's
 * source. With replicas most errors are the leader's alone, while it applies what the others may
 * apply as well.
 */
static bool is_sure(const struct nats_log *log, int code, const char *text) {
  switch (code) {
  case JSStreamMessageExceedsMaximumErr:
  case JSStreamSealedErr:
  case JSStreamNotMatchErr:
  case JSNotEnabledForAccountErr:
  case JSNoLimitsErr:
    return true;
  case JSStreamStoreFailedErr: /* "maximum bytes exceeded": they agree about that */
    return strncmp(text, "maximum ", strlen("maximum ")) == 0;
  case JSInsufficientResourcesErr:
  case JSAccountResourcesExceededErr:
    return !log->is_replicated;
  default:
    return false;
  }
}

static void read_refusal(const struct nats_log *log, const json_t *error, struct cws_error *out) {
  int code = (int)json_integer_value(json_object_get(error, "err_code"));
  const char *text = json_string_value(json_object_get(error, "description"));
  if (text == NULL)
    text = "no reason was given";
  err_set(out, is_sure(log, code, text) ? CWS_ESTORE : CWS_EUNKNOWNOUTCOME,
          "the stream '%s' did not take it: %s (%d)", log->name, text, code);
}

static void read_answer(const struct nats_log *log, const natsMsg *msg, struct cws_error *out) {
  struct cws_error unread = {0};
  if (natsMsg_IsNoResponders((natsMsg *)msg)) {
    err_set(out, CWS_ESTORE, "the stream '%s' at %s has no leader, or is gone", log->name,
            log->servers);
    return;
  }
  json_t *json = json_read(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), &unread);
  const json_t *error = json_object_get(json, "error");
  if (json == NULL)
    err_set(out, CWS_EUNKNOWNOUTCOME, "the answer of the stream '%s' is not understood: %s",
            log->name, unread.message);
  else if (error != NULL)
    read_refusal(log, error, out);
  else if (json_integer_value(json_object_get(json, "seq")) <= 0)
    err_set(out, CWS_EUNKNOWNOUTCOME, "the answer of the stream '%s' has no sequence", log->name);
  json_decref(json);
}

/* On a thread of libnats. */
void nats_on_answer(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *user) {
  (void)nc, (void)sub;
  struct nats_log *log = user;
  struct cws_error error = {0};
  const char *dot = strrchr(natsMsg_GetSubject(msg), '.');
  uint64_t number = dot != NULL ? strtoull(dot + 1, NULL, 10) : 0;
  read_answer(log, msg, &error);
  natsMsg_Destroy(msg);
  pthread_mutex_lock(&log->mutex);
  bool is_news = settle(log, number, &error);
  pthread_mutex_unlock(&log->mutex);
  if (is_news)
    log->wake(log->user);
}

/* ---- no answer ---- */

static int64_t now_ms(void) {
  return clock_mono_ms(clock_system());
}

static void *clock_main(void *user) {
  struct nats_log *log = user;
  struct cws_error error = {0};
  err_set(&error, CWS_EUNKNOWNOUTCOME, "the stream '%s' at %s did not answer within %d s",
          log->name, log->servers, ANSWER_MS / 1000);
  pthread_mutex_lock(&log->mutex);
  while (!log->is_closing) {
    const struct nats_publish *next = log->pending.first;
    int64_t left = next != NULL ? next->deadline_ms - now_ms() : ANSWER_MS;
    if (next == NULL || left > 0) {
      nats_wait(log, left);
      continue;
    }
    if (log->stuck_ms == 0)
      log->stuck_ms = next->deadline_ms - ANSWER_MS;
    settle(log, next->number, &error);
    pthread_mutex_unlock(&log->mutex);
    log->wake(log->user);
    pthread_mutex_lock(&log->mutex);
  }
  pthread_mutex_unlock(&log->mutex);
  return NULL;
}

/* ---- writing ---- */

static bool was_surely_not_sent(natsStatus s) {
  switch (s) {
  case NATS_CONNECTION_CLOSED:
  case NATS_INSUFFICIENT_BUFFER: /* there is no connection now, and nothing is kept for later */
  case NATS_MAX_PAYLOAD:
  case NATS_INVALID_ARG:
  case NATS_INVALID_SUBJECT:
  case NATS_DRAINING:
    return true;
  default:
    return false;
  }
}

/* What libnats says to a publish that it did not send as it should. */
static int refuse(struct nats_log *log, uint64_t number, natsStatus s, struct cws_error *err) {
  struct cws_error error = {0};
  bool is_sure = was_surely_not_sent(s);
  err_set(&error, is_sure ? CWS_ESTORE : CWS_EUNKNOWNOUTCOME, "cannot write to NATS at %s: %s",
          log->servers, nats_reason(s));
  pthread_mutex_lock(&log->mutex);
  if (is_sure)
    free(take(&log->pending, number));
  else
    settle(log, number, &error);
  pthread_mutex_unlock(&log->mutex);
  if (is_sure)
    return err_set(err, error.code, "%s", error.message);
  log->wake(log->user);
  return 0;
}

int nats_publish(struct store_log *base, uint64_t ticket, const void *bytes, size_t len,
                 struct cws_error *err) {
  struct nats_log *log = (struct nats_log *)base;
  struct cws_error why = {0};
  if (len > log->max_entry_bytes)
    return err_set(err, CWS_ETOOLARGE, "an entry of %zu bytes is larger than the %zu of NATS at %s",
                   len, log->max_entry_bytes, log->servers);
  if (!nats_is_connected(log, &why))
    return err_set(err, CWS_ESTORE, "%s", why.message);
  struct nats_publish *p = malloc(sizeof(*p));
  if (p == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  char inbox[sizeof(log->ack_inbox) + 24];
  *p = (struct nats_publish){.deadline_ms = now_ms() + ANSWER_MS, .outcome = {.ticket = ticket}};
  pthread_mutex_lock(&log->mutex);
  uint64_t number = p->number = ++log->published;
  put(&log->pending, p);
  pthread_cond_broadcast(&log->changed);
  pthread_mutex_unlock(&log->mutex);
  snprintf(inbox, sizeof inbox, "%s.%" PRIu64, log->ack_inbox, number);
  pthread_rwlock_rdlock(&log->moving);
  natsStatus s = natsConnection_PublishRequest(log->link.nc, log->subject, inbox, bytes, (int)len);
  pthread_rwlock_unlock(&log->moving);
  return s == NATS_OK ? 0 : refuse(log, number, s, err);
}

bool nats_publish_take(struct store_log *base, struct store_log_outcome *out) {
  struct nats_log *log = (struct nats_log *)base;
  pthread_mutex_lock(&log->mutex);
  struct nats_publish *p = log->done.first;
  if (p != NULL)
    take(&log->done, p->number);
  pthread_mutex_unlock(&log->mutex);
  if (p == NULL)
    return false;
  *out = p->outcome;
  free(p);
  return true;
}

/* ---- life ---- */

int nats_publish_start(struct nats_log *log, struct cws_error *err) {
  if (pthread_create(&log->clock, NULL, clock_main, log) != 0)
    return err_set(err, CWS_ESYSTEM, "cannot start a thread");
  log->has_clock = true;
  return 0;
}

void nats_publish_stop(struct nats_log *log) {
  if (log->has_clock)
    pthread_join(log->clock, NULL);
  clear(&log->pending);
  clear(&log->done);
}
