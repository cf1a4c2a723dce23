/* publisher: see publisher.h. */
#include "lib/client/publisher.h"

#include "lib/client/random.h"
#include "lib/core/err.h"
#include "lib/core/event.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IN_FLIGHT 1024

void publisher_set_phase(struct cws_publisher *p, enum publisher_phase phase) {
  static const char *const names[] = {"starting",    "opening", "running",
                                      "backing off", "closing", "ended"};
  log_debug(p->op.client->log, "publisher %s by %s: %s, then %s", p->options.request_id,
            p->transport->name, names[p->phase], names[phase]);
  p->phase = phase;
}

/* ---- the queue ---- */

static void outgoing_free(struct outgoing *o) {
  if (o == NULL)
    return;
  cws_event_free(o->event);
  free(o);
}

static void queue_append(struct cws_publisher *p, struct outgoing *o) {
  if (p->tail != NULL)
    p->tail->next = o;
  else
    p->head = o;
  p->tail = o;
  p->count++;
  if (p->ws.unsent == NULL)
    p->ws.unsent = o;
}

/* Usually the first: answers come in order. */
static struct outgoing *queue_take(struct cws_publisher *p, int64_t seq) {
  struct outgoing **link = &p->head, *before = NULL;
  while (*link != NULL && (*link)->seq != seq) {
    before = *link;
    link = &before->next;
  }
  struct outgoing *o = *link;
  if (o == NULL)
    return NULL;
  *link = o->next;
  if (p->tail == o)
    p->tail = before;
  if (p->ws.unsent == o)
    p->ws.unsent = o->next;
  p->count--;
  return o;
}

/* ---- the end ---- */

void publisher_finish(struct cws_publisher *p, const struct cws_error *why) {
  if (p->phase == PUBLISHER_ENDED)
    return;
  publisher_set_phase(p, PUBLISHER_ENDED);
  p->transport->cut(p);
  timer_stop(p->timer);
  op_end(&p->op);
  if (p->handlers.on_end != NULL)
    p->handlers.on_end(p, why, p->user);
  op_unref(&p->op);
}

static void publisher_cancel(struct op *op) {
  struct cws_error why = {0};
  err_set(&why, CWS_ECANCELED, NULL);
  publisher_finish((struct cws_publisher *)op, &why);
}

static void publisher_destroy(struct op *op) {
  struct cws_publisher *p = (struct cws_publisher *)op;
  while (p->head != NULL) {
    struct outgoing *o = p->head;
    p->head = o->next;
    outgoing_free(o);
  }
  timer_free(p->timer);
  buf_finish(&p->http.body);
  free((char *)p->options.request_id);
  free((char *)p->options.owner);
  free(p);
}

/* ---- what happens to it ---- */

bool publisher_is_event_fault(int code) {
  switch (code) {
  case CWS_EBADJSON:
  case CWS_EBADREQUEST:
  case CWS_EEVENTIDREUSED:
  case CWS_ETOOLARGE:
  case CWS_EBADEVENT:
    return true;
  default:
    return false;
  }
}

void publisher_settle(struct cws_publisher *p) {
  if (p->phase == PUBLISHER_ENDED || p->phase == PUBLISHER_CLOSING)
    return;
  if (p->is_full && p->count < p->options.max_in_flight) {
    p->is_full = false;
    if (p->handlers.on_ready != NULL)
      p->handlers.on_ready(p, p->user);
  }
  bool can_close = p->phase == PUBLISHER_RUNNING || p->phase == PUBLISHER_OPENING ||
                   p->phase == PUBLISHER_BACKING_OFF;
  if (p->is_ending && p->count == 0 && can_close) {
    publisher_set_phase(p, PUBLISHER_CLOSING);
    timer_start(p->timer, 0);
  }
}

void publisher_is_back(struct cws_publisher *p) {
  retry_succeeded(&p->retry);
  if (!p->is_lost)
    return;
  p->is_lost = false;
  if (p->handlers.on_state != NULL)
    p->handlers.on_state(p, NULL, 0, p->user);
}

void publisher_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate) {
  struct outgoing *o = queue_take(p, seq);
  if (o == NULL)
    return;
  outgoing_free(o);
  publisher_is_back(p);
  if (p->phase != PUBLISHER_ENDED && p->handlers.on_published != NULL)
    p->handlers.on_published(p, seq, message_id, duplicate, p->user);
}

void publisher_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why) {
  struct outgoing *o = queue_take(p, seq);
  if (o == NULL)
    return;
  outgoing_free(o);
  if (p->handlers.on_refused != NULL)
    p->handlers.on_refused(p, seq, why, p->user);
}

void publisher_is_open(struct cws_publisher *p) {
  publisher_set_phase(p, PUBLISHER_RUNNING);
  p->transport->push(p);
  publisher_settle(p);
}

static void publisher_wait(struct cws_publisher *p, const struct cws_error *why, int64_t wait_ms) {
  publisher_set_phase(p, PUBLISHER_BACKING_OFF);
  timer_start(p->timer, wait_ms);
  p->is_lost = true;
  if (p->handlers.on_state != NULL)
    p->handlers.on_state(p, why, wait_ms, p->user);
}

void publisher_lose(struct cws_publisher *p, const struct loss *loss) {
  struct cws_client *client = p->op.client;
  int64_t wait_ms = 0;
  p->expired = loss->error.code == CWS_ETOKENEXPIRED;
  switch (retry_next(&p->retry, loss, client->options.token_fn != NULL,
                     (int64_t)uv_now(client->loop), &wait_ms)) {
  case RETRY_END:
    publisher_finish(p, &loss->error);
    break;
  case RETRY_WAIT:
    publisher_wait(p, &loss->error, wait_ms);
    break;
  case RETRY_RENEW:
    publisher_set_phase(p, PUBLISHER_BACKING_OFF);
    timer_start(p->timer, 0);
    break;
  }
}

static void publisher_on_timer(void *arg) {
  struct cws_publisher *p = arg;
  op_ref(&p->op);
  if (p->phase == PUBLISHER_STARTING || p->phase == PUBLISHER_BACKING_OFF)
    p->transport->open(p);
  else if (p->phase == PUBLISHER_RUNNING)
    p->transport->push(p);
  else if (p->phase == PUBLISHER_CLOSING)
    p->transport->close(p);
  publisher_settle(p);
  op_unref(&p->op);
}

/* ---- the caller's side ---- */

void cws_publisher_options_init(struct cws_publisher_options *options) {
  *options =
      (struct cws_publisher_options){.size = sizeof(*options), .max_in_flight = MAX_IN_FLIGHT};
}

static int check_options(const struct cws_publisher_options *o, struct cws_error *err) {
  if (o->request_id == NULL)
    return err_set(err, CWS_EBADREQUEST, "no request_id");
  if (o->max_in_flight < 1 || o->max_attempts < 0)
    return err_set(err, CWS_EINVAL, "max_in_flight or max_attempts is out of range");
  return cws_request_id_check(o->request_id, strlen(o->request_id), err);
}

static bool publisher_init(struct cws_publisher *p, struct cws_client *client) {
  const char *owner = p->options.owner;
  buf_init(&p->http.body);
  p->id_prefix = random_u64();
  p->ws.window = p->options.max_in_flight;
  p->options.request_id = strdup(p->options.request_id);
  p->options.owner = owner == NULL ? NULL : strdup(owner);
  p->timer = timer_new(client, publisher_on_timer, p);
  return p->options.request_id != NULL && (owner == NULL || p->options.owner != NULL) &&
         p->timer != NULL;
}

int cws_publisher_start(struct cws_client *client, const struct cws_publisher_options *options,
                        const struct cws_publisher_handlers *handlers, void *user,
                        struct cws_publisher **out, struct cws_error *err) {
  struct cws_publisher_options o;
  cws_publisher_options_init(&o);
  client_take_struct(&o, options);
  int rc = client_check_open(client, err);
  if (rc == 0)
    rc = check_options(&o, err);
  if (rc != 0)
    return rc;
  struct cws_publisher *p = calloc(1, sizeof(*p));
  if (p == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  p->options = o;
  p->transport = o.websocket ? &publisher_ws : &publisher_http;
  p->handlers.size = sizeof(p->handlers);
  client_take_struct(&p->handlers, handlers);
  p->user = user;
  if (!publisher_init(p, client)) {
    publisher_destroy(&p->op);
    return err_set(err, CWS_ENOMEM, NULL);
  }
  retry_init(&p->retry, client->options.backoff_base_ms, client->options.backoff_cap_ms,
             o.max_attempts);
  op_start(&p->op, client, publisher_cancel, publisher_destroy);
  timer_start(p->timer, 0);
  *out = p;
  return 0;
}

static int outgoing_new(struct cws_publisher *p, const struct cws_event *event,
                        struct outgoing **out, struct cws_error *err) {
  char id[CWS_EVENT_ID_MAX + 1];
  struct cws_event parts = *event;
  if (parts.event_id == NULL) {
    snprintf(id, sizeof(id), "%016" PRIx64 "-%" PRId64, p->id_prefix, p->next_seq + 1);
    parts.event_id = id;
  }
  struct outgoing *o = calloc(1, sizeof(*o));
  if (o == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int rc = event_new(&parts, &o->event, err);
  if (rc != 0) {
    outgoing_free(o);
    return rc;
  }
  o->bytes = cws_event_view(o->event)->data_len + 256;
  *out = o;
  return 0;
}

int cws_publisher_send(struct cws_publisher *p, const struct cws_event *event, int64_t *seq,
                       struct cws_error *err) {
  struct outgoing *o = NULL;
  if (p->is_ending || p->phase == PUBLISHER_ENDED)
    return err_set(err, CWS_EINVAL, "the publisher was told that no more comes");
  if (p->count >= p->options.max_in_flight) {
    p->is_full = true;
    return err_set(err, CWS_EBUSY, "%lld events are not yet answered", (long long)p->count);
  }
  int rc = outgoing_new(p, event, &o, err);
  if (rc != 0)
    return rc;
  o->seq = ++p->next_seq;
  queue_append(p, o);
  if (p->phase == PUBLISHER_RUNNING)
    timer_start(p->timer, 0);
  if (seq != NULL)
    *seq = o->seq;
  return 0;
}

void cws_publisher_end(struct cws_publisher *p) {
  if (p->is_ending || p->phase == PUBLISHER_ENDED)
    return;
  p->is_ending = true;
  if (p->phase == PUBLISHER_RUNNING)
    timer_start(p->timer, 0); /* publisher_settle comes then */
  else
    publisher_settle(p);
}
