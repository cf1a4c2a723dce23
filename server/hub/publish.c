/*
 * publish: owns one publish on its way to the store and back: timestamps, event ids, fingerprints,
 * facts, the answer. It must not know what the commit does to the stream.
 */
#include "lib/core/err.h"
#include "lib/core/event.h"
#include "lib/core/timestamp.h"
#include "server/hub/hub_inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hub_publish_state {
  struct mail mail;
  struct store_append append;
  struct hub *hub;
  struct hub_publish *publish;
  struct stream *stream; /* a reference */
  int worker;
  bool is_all_keyed; /* no event has an event_id of its own */
  char now[TIMESTAMP_BUF];
  char *owner, *keys; /* copies, or NULL */
  struct cws_event_owned **owned;
  struct store_event events[];
};

static void publish_free(struct hub_publish_state *st) {
  if (!st)
    return;
  for (size_t i = 0; i < st->append.count; i++)
    facts_free(st->events[i].facts);
  stream_unref(st->stream);
  free(st->owner);
  free(st->keys);
  free(st->owned);
  free(st);
}

/* ---- the answer, on the worker's loop ---- */

static void fill_ids(struct hub_publish *p, const struct hub_publish_state *st) {
  p->first_id = p->last_id = st->events[0].message_id;
  for (size_t i = 1; i < st->append.count; i++) {
    int64_t id = st->events[i].message_id;
    if (id < p->first_id)
      p->first_id = id;
    if (id > p->last_id)
      p->last_id = id;
  }
}

static void publish_deliver(struct mail *mail) {
  struct hub_publish_state *st = CONTAINER_OF(mail, struct hub_publish_state, mail);
  struct hub_publish *p = st->publish;
  p->code = st->append.code;
  p->error = st->append.error;
  if (p->code == CWS_EEVENTIDREUSED && st->is_all_keyed) {
    p->error = (struct cws_error){0};
    err_set(&p->error, p->code, "this Idempotency-Key was used for other events");
  } else if (p->code) {
    err_set(&p->error, p->code, NULL);
  } else {
    fill_ids(p, st);
    p->stored = st->append.stored;
    p->duplicate = p->stored == 0;
  }
  for (size_t i = 0; i < st->append.count; i++)
    cws_event_free(st->owned[i]);
  p->state = NULL;
  st->hub->workers[st->worker].publishing--;
  publish_free(st);
  p->done(p);
}

/* On the writer's thread. */
static void publish_committed(struct store_append *append) {
  struct hub_publish_state *st = CONTAINER_OF(append, struct hub_publish_state, append);
  worker_send(st->hub, st->worker, &st->mail);
}

/* ---- event ids ---- */

static uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 32);
}

static uint64_t batch_fingerprint(const struct hub_publish_state *st) {
  uint64_t h = mix(0, st->append.count);
  for (size_t i = 0; i < st->append.count; i++)
    h = mix(h, event_fingerprint(cws_event_view(st->owned[i])));
  return h;
}

/*
 * An Idempotency-Key makes every event without an event_id safe to retry under " KEY#i". No
 * event_id has a blank in it, so the two kinds never meet. The first one's fingerprint is that of
 * the whole batch: another content or count under the same key is refused, not stored in part.
 */
static int use_key(struct hub_publish_state *st, const char *key) {
  size_t room = strlen(key) + sizeof " #18446744073709551615";
  bool is_first = true;
  st->is_all_keyed = true;
  st->keys = malloc(st->append.count * room);
  if (!st->keys)
    return CWS_ENOMEM;
  for (size_t i = 0; i < st->append.count; i++) {
    struct store_event *event = &st->events[i];
    if (event->event_id) {
      st->is_all_keyed = false;
      continue;
    }
    char *id = st->keys + i * room;
    snprintf(id, room, " %s#%zu", key, i);
    event->event_id = id;
    event->fingerprint =
        is_first ? batch_fingerprint(st) : event_fingerprint(cws_event_view(st->owned[i]));
    is_first = false;
  }
  return 0;
}

/* ---- preparing ---- */

/*
 * The time of an event that came without one is taken here, before the append is queued, not at the
 * commit: the store keeps the text with the event, and the writer's thread has nothing to format.
 * The commit follows within milliseconds; ids, not times, are the order.
 */
static int fill_event(struct hub_publish_state *st, size_t i, const json_t *data_json) {
  const struct cws_event *view = cws_event_view(st->owned[i]);
  struct store_event *event = &st->events[i];
  bool has_time =
      view->timestamp && timestamp_parse(view->timestamp, strlen(view->timestamp), NULL);
  *event = (struct store_event){
      .type = view->type,
      .timestamp = has_time ? view->timestamp : st->now,
      .data = view->data,
      .data_len = view->data_len,
      .event_id = view->event_id,
      .fingerprint = view->event_id ? event_fingerprint(view) : 0,
      .facts = facts_new(view->type, data_json),
  };
  return event->facts ? 0 : CWS_ENOMEM;
}

static struct hub_publish_state *publish_alloc(struct hub *hub, struct stream *s,
                                               const struct hub_publish *p) {
  struct hub_publish_state *st = calloc(1, sizeof *st + p->count * sizeof(struct store_event));
  if (!st)
    return NULL;
  st->hub = hub;
  st->stream = stream_ref(s);
  st->append.request_id = s->request_id;
  st->append.events = st->events;
  st->append.count = p->count;
  st->append.done = publish_committed;
  st->mail.run = publish_deliver;
  st->owned = malloc(p->count * sizeof(struct cws_event_owned *));
  st->owner = p->owner ? strdup(p->owner) : NULL;
  st->append.owner = st->owner;
  if (!st->owned || (p->owner && !st->owner)) {
    publish_free(st);
    return NULL;
  }
  memcpy(st->owned, p->events, p->count * sizeof(struct cws_event_owned *));
  return st;
}

static struct hub_publish_state *publish_new(struct hub *hub, int worker, struct stream *s,
                                             struct hub_publish *p) {
  struct hub_publish_state *st = publish_alloc(hub, s, p);
  if (!st)
    return NULL;
  st->worker = worker;
  st->publish = p;
  timestamp_format(hub_wall_ms(hub), st->now);
  int code = 0;
  for (size_t i = 0; i < p->count && code == 0; i++)
    code = fill_event(st, i, p->data_json[i]);
  if (code == 0 && p->idempotency_key)
    code = use_key(st, p->idempotency_key);
  if (code) {
    publish_free(st);
    return NULL;
  }
  return st;
}

int hub_publish(struct hub *hub, int worker, struct stream *s, struct hub_publish *p) {
  p->code = 0;
  p->error = (struct cws_error){0};
  p->first_id = p->last_id = 0;
  p->duplicate = false;
  p->stored = 0;
  if (p->count == 0)
    return err_set(&p->error, CWS_EINVAL, "a publish needs at least one event");
  struct hub_publish_state *st = publish_new(hub, worker, s, p);
  if (!st)
    return err_set(&p->error, CWS_ENOMEM, NULL);
  p->state = st;
  int code = store_append(hub->store, &st->append);
  if (code) {
    p->state = NULL;
    publish_free(st);
    return err_set(&p->error, code, NULL);
  }
  hub->workers[worker].publishing++;
  /* The answer comes on this loop, so `p` is still as it was. */
  for (size_t i = 0; i < p->count; i++)
    json_decref(p->data_json[i]);
  return 0;
}
