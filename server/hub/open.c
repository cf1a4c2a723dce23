/*
 * open: owns the steps of hub_open_stream: find or make the stream, wait for its load, find the
 * subscriber's position, answer on the worker's loop. It must not know how a stream is loaded.
 */
#include "server/hub/open.h"

#include "lib/core/err.h"
#include "server/hub/load.h"
#include <stdlib.h>
#include <string.h>

static void open_free(struct hub_open_state *st) {
  free(st->subscriber);
  free(st);
}

static void open_deliver(struct mail *mail) {
  struct hub_open_state *st = CONTAINER_OF(mail, struct hub_open_state, mail);
  struct hub_open *open = st->open;
  struct stream *s = st->stream;
  int code = st->code;
  int64_t acked = st->acked;
  open_free(st);
  open->state = NULL;
  if (code) {
    stream_unref(s);
    s = NULL;
  }
  open->done(open, code, s, acked);
}

static void open_answer(struct hub_open_state *st, int code) {
  st->code = code;
  st->mail.run = open_deliver;
  worker_send(st->hub, st->worker, &st->mail);
}

/* ---- the subscriber's position ---- */

static int open_route(struct hub_open_state *st);

/* What is known of the stream when its position is asked for; false: it is gone. */
static bool note_generation(struct stream *s, uint32_t *generation) {
  pthread_mutex_lock(&s->lock);
  bool is_there = s->state != STREAM_GONE;
  *generation = s->generation;
  pthread_mutex_unlock(&s->lock);
  return is_there;
}

/* False where the stream is gone or began anew since: then the position is of the past. */
static bool keep_position(struct hub_open_state *st, uint32_t generation, int64_t acked) {
  struct stream *s = st->stream;
  pthread_mutex_lock(&s->lock);
  bool is_same = s->generation == generation && s->state != STREAM_GONE;
  if (is_same) {
    struct subscriber *entry =
        positions_put(&s->positions, st->subscriber, acked < s->last_id ? acked : s->last_id);
    st->acked = entry ? entry->acked : acked;
  }
  pthread_mutex_unlock(&s->lock);
  return is_same;
}

static void reopen(struct hub_open_state *st) {
  stream_unref(st->stream);
  st->stream = NULL;
  int code = open_route(st);
  if (code)
    open_answer(st, err_set(&st->open->error, code, NULL));
}

static void open_position(struct hub_job *job) {
  struct hub_open_state *st = CONTAINER_OF(job, struct hub_open_state, job);
  struct stream *s = st->stream;
  uint32_t generation;
  int64_t acked;
  int code;
  do {
    if (!note_generation(s, &generation)) {
      reopen(st);
      return;
    }
    acked = 0;
    code =
        store_get_position(st->hub->store, s->request_id, st->subscriber, &acked, &st->open->error);
    if (code == CWS_EUNKNOWNREQUEST) {
      st->open->error = (struct cws_error){0};
      code = 0;
    }
  } while (code == 0 && !keep_position(st, generation, acked));
  open_answer(st, code);
}

/* ---- the stream ---- */

/* A reference to the stream of that name; *is_new: the caller is to start its load. */
static struct stream *find_or_add(struct hub *hub, const char *request_id, bool *is_new) {
  *is_new = false;
  struct stream *s = stream_table_find(&hub->table, request_id);
  if (s)
    return s;
  struct stream *fresh = stream_new(hub, request_id);
  if (!fresh || loading_new(fresh)) {
    stream_unref(fresh);
    return NULL;
  }
  struct stream *other = stream_table_add(&hub->table, fresh);
  *is_new = !other;
  if (!other)
    return fresh;
  stream_unref(fresh);
  return other;
}

/* Under the lock: false where the store has to be asked. */
static bool find_position(struct stream *s, const char *subscriber, int64_t *acked) {
  struct subscriber *entry = subscriber ? positions_find(&s->positions, subscriber) : NULL;
  *acked = entry ? entry->acked : 0;
  return entry || !subscriber || s->positions.is_complete;
}

bool hub_open_now(struct hub *hub, const char *request_id, const char *subscriber,
                  struct stream **out, int64_t *acked) {
  struct stream *s = stream_table_find(&hub->table, request_id);
  if (!s)
    return false;
  pthread_mutex_lock(&s->lock);
  bool is_known =
      (s->state == STREAM_EMPTY || s->state == STREAM_LIVE) && find_position(s, subscriber, acked);
  pthread_mutex_unlock(&s->lock);
  if (!is_known)
    stream_unref(s);
  *out = is_known ? s : NULL;
  return is_known;
}

enum open_step { OPEN_WAIT, OPEN_ANSWER, OPEN_ASK_POSITION, OPEN_AGAIN };

static enum open_step next_step(struct hub_open_state *st) {
  struct stream *s = st->stream;
  enum open_step step = OPEN_ANSWER;
  pthread_mutex_lock(&s->lock);
  if (s->state == STREAM_LOADING) {
    st->next = NULL;
    *s->loading->waiters_end = st;
    s->loading->waiters_end = &st->next;
    step = OPEN_WAIT;
  } else if (s->state == STREAM_GONE) {
    step = OPEN_AGAIN;
  } else if (!find_position(s, st->subscriber, &st->acked)) {
    step = OPEN_ASK_POSITION;
  }
  pthread_mutex_unlock(&s->lock);
  return step;
}

static int open_route(struct hub_open_state *st) {
  for (;;) {
    bool is_new;
    struct stream *s = find_or_add(st->hub, st->request_id, &is_new);
    if (!s)
      return CWS_ENOMEM;
    st->stream = s;
    switch (next_step(st)) {
    case OPEN_WAIT: /* st belongs to the load from here on */
      if (is_new)
        loading_start(s);
      return 0;
    case OPEN_ANSWER:
      open_answer(st, 0);
      return 0;
    case OPEN_ASK_POSITION:
      hub_submit(st->hub, &st->job);
      return 0;
    case OPEN_AGAIN: /* it is just leaving the table */
      stream_table_remove(&st->hub->table, s);
      stream_unref(s);
      st->stream = NULL;
      break;
    }
  }
}

void open_resume(struct hub_open_state *waiters, int code, const struct cws_error *error) {
  while (waiters) {
    struct hub_open_state *st = waiters;
    waiters = st->next;
    if (code) {
      st->open->error = *error;
      open_answer(st, code);
    } else if (st->subscriber) {
      open_position(&st->job);
    } else {
      open_answer(st, 0);
    }
  }
}

int hub_open_stream(struct hub *hub, int worker, const char *request_id, const char *subscriber,
                    struct hub_open *open) {
  size_t len = strlen(request_id) + 1;
  struct hub_open_state *st = calloc(1, sizeof *st + len);
  if (!st)
    return CWS_ENOMEM;
  memcpy(st->request_id, request_id, len);
  st->hub = hub;
  st->open = open;
  st->worker = worker;
  st->job = (struct hub_job){.hub = hub, .run = open_position};
  open->error = (struct cws_error){0};
  open->state = st;
  int code = CWS_ENOMEM;
  st->subscriber = subscriber ? strdup(subscriber) : NULL;
  if (!subscriber || st->subscriber)
    code = open_route(st);
  if (code) {
    open->state = NULL;
    open_free(st);
  }
  return code;
}
