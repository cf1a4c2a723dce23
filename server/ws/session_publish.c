/*
 * session_publish: publishes over the WebSocket: pipelined to the hub, answered in the order they
 * came. What is refused waits in that order, too. While too many are unanswered, or the hub is
 * busy, the socket is not read, so the client waits and nothing is dropped. The hub may answer
 * after the connection has gone: then the event is stored, and the answer dropped.
 *
 * A lone publish is answered at once; with more on their way, answers are gathered until the last
 * of them, or until the mail that follows the commit's own, so that a burst costs one write.
 */
#include "lib/core/err.h"
#include "server/ws/session_internal.h"
#include <stddef.h>
#include <stdlib.h>

#define IN_FLIGHT_MAX 1024
#define BUSY_RETRY_MS 20

/* WAITING: the hub was busy; to be tried again. SENT: the hub owes an answer. ANSWERED: waits for
 * those before it. */
enum item_state { ITEM_WAITING, ITEM_SENT, ITEM_ANSWERED };

struct item {
  struct item *next;
  struct session *session;
  enum item_state state;
  struct hub_publish publish;
  struct cws_event_owned *event;
  json_t *data_json;
  bool is_taken; /* event and data_json are the hub's */
  char *ref;     /* JSON text, or NULL */
};

struct session_publishing {
  struct session *session;
  struct item *head, **tail;
  struct item *first_waiting; /* none behind it has been sent, so the order stays */
  int count, waiting, answered;
  struct timer retry;
  struct mail flush;
  bool is_flush_posted;
};

/* ---- items ---- */

static void item_free(struct item *item) {
  if (!item->is_taken) {
    cws_event_free(item->event);
    json_decref(item->data_json);
  }
  free(item->ref);
  free(item);
}

static struct item *item_new(struct session *s, struct client_message *m) {
  struct item *item = calloc(1, sizeof(*item));
  if (item == NULL)
    return NULL;
  item->session = s;
  item->event = m->event;
  item->data_json = m->data_json;
  item->ref = m->ref;
  m->event = NULL;
  m->data_json = NULL;
  m->ref = NULL;
  return item;
}

static struct session_publishing *publishing_of_item(struct item *item) {
  return item->session->publishing;
}

static void item_set_answered(struct item *item) {
  item->state = ITEM_ANSWERED;
  publishing_of_item(item)->answered++;
}

static void item_refuse(struct item *item, const struct cws_error *e) {
  item->publish.code = e->code;
  item->publish.error = *e;
  item_set_answered(item);
}

/* ---- the queue ---- */

static struct session_publishing *publishing_of(struct session *s) {
  struct session_publishing *p = s->publishing;
  if (p != NULL)
    return p;
  p = calloc(1, sizeof(*p));
  if (p == NULL)
    return NULL;
  p->session = s;
  p->tail = &p->head;
  s->publishing = p;
  return p;
}

static void push(struct session_publishing *p, struct item *item) {
  *p->tail = item;
  p->tail = &item->next;
  p->count++;
}

static void pop(struct session_publishing *p) {
  struct item *item = p->head;
  p->head = item->next;
  if (p->head == NULL)
    p->tail = &p->head;
  p->count--;
  p->answered -= item->state == ITEM_ANSWERED ? 1 : 0;
  item_free(item);
}

bool session_publish_is_full(const struct session *s) {
  const struct session_publishing *p = s->publishing;
  int max = s->settings->max_publishes_in_flight;
  return p != NULL && (p->waiting > 0 || p->count >= (max > 0 ? max : IN_FLIGHT_MAX));
}

/* ---- answers ---- */

static void put_answer(struct session *s, struct buf *out, const struct item *item) {
  if (item->publish.code == 0)
    session_put_published(s, out, &item->publish, item->ref);
  else
    session_put_error(s, out, &item->publish.error, item->ref);
}

void session_publish_put_answers(struct session *s, struct buf *out) {
  struct session_publishing *p = s->publishing;
  while (p != NULL && p->head != NULL && p->head->state == ITEM_ANSWERED) {
    put_answer(s, out, p->head);
    pop(p);
  }
}

static void flush(struct session *s) {
  struct buf *out = session_out(s);
  session_publish_put_answers(s, out);
  if (session_send(s, out))
    session_update_reading(s);
}

static void on_flush(struct mail *mail) {
  struct session_publishing *p =
      (struct session_publishing *)((char *)mail - offsetof(struct session_publishing, flush));
  struct session *s = p->session;
  p->is_flush_posted = false;
  if (s->state == SESSION_OPEN)
    flush(s);
  session_settle(s);
}

static void post_flush(struct session_publishing *p) {
  if (p->is_flush_posted)
    return;
  p->is_flush_posted = true;
  p->flush.run = on_flush;
  p->session->owed++;
  loop_post(p->session->loop, &p->flush);
}

static void flush_when_due(struct session_publishing *p) {
  if (p->head == NULL || p->head->state != ITEM_ANSWERED)
    return;
  if (p->answered == p->count)
    flush(p->session);
  else
    post_flush(p);
}

/* ---- to the hub ---- */

static void count_published(const struct hub_publish *publish, struct metrics *m) {
  if (publish->code == 0) {
    metrics_add(&m->events_published, (int64_t)publish->stored);
    metrics_add(&m->events_duplicate, publish->stored == 0 ? 1 : 0);
  } else if (publish->code == CWS_ESTORE || publish->code == CWS_EUNKNOWNOUTCOME) {
    metrics_add(&m->publishes_failed, 1);
  }
}

static void send_waiting(struct session_publishing *p);

static void drop_answered(struct session_publishing *p) {
  while (p->head != NULL && p->head->state == ITEM_ANSWERED)
    pop(p);
}

static void on_published(struct hub_publish *publish) {
  struct item *item = publish->user;
  struct session *s = item->session;
  if (publish->code != 0)
    err_set(&publish->error, publish->code, NULL);
  item_set_answered(item);
  count_published(publish, s->settings->metrics);
  if (s->state == SESSION_OPEN) {
    send_waiting(s->publishing);
    flush_when_due(s->publishing);
  } else {
    drop_answered(s->publishing);
  }
  session_settle(s);
}

/* 0 when the hub has it. CWS_EBUSY: try again. */
static int item_send(struct item *item) {
  struct session *s = item->session;
  struct hub_publish *publish = &item->publish;
  publish->done = on_published;
  publish->user = item;
  publish->events = &item->event;
  publish->data_json = &item->data_json;
  publish->count = 1;
  int code = hub_publish(s->hub, loop_index(s->loop), s->stream, publish);
  if (code != 0)
    return code;
  item->is_taken = true;
  item->state = ITEM_SENT;
  s->owed++;
  return 0;
}

static void on_retry(struct timer *t) {
  struct session_publishing *p =
      (struct session_publishing *)((char *)t - offsetof(struct session_publishing, retry));
  if (p->session->state != SESSION_OPEN)
    return;
  send_waiting(p);
  flush_when_due(p);
  session_update_reading(p->session);
}

static void wait_for_hub(struct session_publishing *p) {
  if (!timer_is_armed(&p->retry))
    timer_arm(loop_wheel(p->session->loop), &p->retry, BUSY_RETRY_MS, on_retry);
}

static void refuse_unsent(struct item *item, int code) {
  struct cws_error e = {0};
  err_set(&e, code, NULL);
  item_refuse(item, &e);
}

static struct item *next_waiting(struct item *item) {
  while (item != NULL && item->state != ITEM_WAITING)
    item = item->next;
  return item;
}

static void send_waiting(struct session_publishing *p) {
  while (p->waiting > 0) {
    struct item *item = p->first_waiting;
    int code = item_send(item);
    if (code == CWS_EBUSY) {
      wait_for_hub(p);
      return;
    }
    if (code != 0)
      refuse_unsent(item, code);
    p->waiting--;
    p->first_waiting = next_waiting(item->next);
  }
}

static void wait_and_send(struct session_publishing *p, struct item *item) {
  if (p->waiting++ == 0)
    p->first_waiting = item;
  send_waiting(p);
}

/* ---- from the client ---- */

/* Whether it may be sent to the hub; else *e says why not. */
static int permit(struct session *s, struct cws_error *e) {
  int retry_after_s = 0;
  if (!grants_may_publish(s->grants, stream_request_id(s->stream)))
    return err_set(e, CWS_EFORBIDDEN, "this token may not publish to the request");
  if (s->settings->quota != NULL &&
      quota_publish(s->settings->quota, s->grants->sub, 1, &retry_after_s) != 0)
    return err_set(e, CWS_ERATELIMITED, "too many events; try again in %d s", retry_after_s);
  return 0;
}

void session_publish(struct session *s, struct client_message *m, const struct cws_error *refused) {
  struct session_publishing *p = publishing_of(s);
  struct item *item = p != NULL ? item_new(s, m) : NULL;
  if (item == NULL) {
    session_fail(s);
    return;
  }
  push(p, item);
  struct cws_error e = {0};
  if (refused == NULL && permit(s, &e) != 0)
    refused = &e;
  if (refused != NULL)
    item_refuse(item, refused);
  else
    wait_and_send(p, item);
  flush_when_due(p);
  session_update_reading(s);
}

/* ---- the end ---- */

/* What the hub has keeps its item until the answer; the rest was never promised. */
void session_publish_abandon(struct session *s) {
  struct session_publishing *p = s->publishing;
  if (p == NULL)
    return;
  timer_cancel(loop_wheel(s->loop), &p->retry);
  for (struct item *item = p->head; item != NULL; item = item->next) {
    if (item->state == ITEM_WAITING)
      item_set_answered(item);
  }
  p->waiting = 0;
  drop_answered(p);
}

void session_publish_free(struct session *s) {
  struct session_publishing *p = s->publishing;
  if (p == NULL)
    return;
  while (p->head != NULL)
    pop(p);
  free(p);
}
