/*
 * query: owns a question's way: to the loops of those who watch, to a reader thread, and back.
 * Watchers belong to their worker, so each worker is visited in turn and writes down its own.
 */
#include "server/hub/query.h"

#include "lib/core/err.h"
#include <stdlib.h>
#include <string.h>

static void query_free(struct hub_query_state *st) {
  free(st->request_id);
  free(st->status);
  free(st->cursor);
  free(st->types);
  free(st->epoch);
  buf_finish(&st->watchers);
  stream_unref(st->stream);
  free(st);
}

/* ---- the answer ---- */

static void query_deliver(struct mail *mail) {
  struct hub_query_state *st = CONTAINER_OF(mail, struct hub_query_state, mail);
  struct hub_query *q = st->query;
  query_free(st);
  q->state = NULL;
  q->done(q);
}

static void query_answer(struct hub_query_state *st, int code) {
  struct hub_query *q = st->query;
  if (code == 0 && q->json.failed)
    code = CWS_ENOMEM;
  q->code = code;
  if (code) {
    err_set(&q->error, code, NULL);
    buf_reset(&q->json);
  }
  st->mail.run = query_deliver;
  worker_send(st->hub, st->worker, &st->mail);
}

/* ---- on a reader thread ---- */

static void query_run(struct hub_job *job) {
  struct hub_query_state *st = CONTAINER_OF(job, struct hub_query_state, job);
  struct cws_error *err = &st->query->error;
  int code = CWS_EINTERNAL;
  switch (st->query->kind) {
  case HUB_GET_REQUEST:
    code = query_request(st, err);
    break;
  case HUB_LIST:
    code = query_list(st, err);
    break;
  case HUB_EVENTS:
    code = query_events(st, err);
    break;
  case HUB_DELETE: /* the writer's */
    break;
  }
  query_answer(st, code);
}

int query_pending(const struct hub_query_state *st, char epoch[CWS_EPOCH_MAX + 1],
                  int64_t *watchers, struct cws_error *err) {
  struct stream_info in_memory = {0};
  if (st->stream)
    stream_info(st->stream, &in_memory);
  *watchers = in_memory.watchers + tell_watchers_elsewhere(st->hub, st->request_id);
  if (*watchers == 0 || in_memory.deleted)
    return err_set(err, CWS_EUNKNOWNREQUEST, NULL);
  memcpy(epoch, in_memory.epoch, sizeof in_memory.epoch);
  if (!st->stream)
    store_first_epoch(st->hub->store, st->request_id, epoch);
  return 0;
}

/* ---- watchers, on their loops ---- */

static void visit_next(struct hub_query_state *st);

/* What this session acknowledged, or the same subscriber in another, on this hub or another. */
static int64_t acked_of(struct stream *s, const struct stream_watch *watch) {
  pthread_mutex_lock(&s->lock);
  int64_t acked = watch->subscriber ? watch->subscriber->acked : 0;
  pthread_mutex_unlock(&s->lock);
  return acked > watch->view->acked_id ? acked : watch->view->acked_id;
}

static void visit_run(struct mail *mail) {
  struct hub_query_state *st = CONTAINER_OF(mail, struct hub_query_state, mail);
  struct stream *s = st->stream;
  const struct seat *seat = &s->seats[st->visits++];
  struct stream_info info;
  stream_info(s, &info);
  for (const struct stream_watch *watch = seat->first; watch; watch = watch->next) {
    if (watch->view)
      query_append_watcher(&st->watchers, watch->view, acked_of(s, watch), info.last_id);
  }
  visit_next(st);
}

/* Moves on to the next worker that has watchers of the stream. */
static bool find_visit(struct hub_query_state *st) {
  struct stream *s = st->stream;
  bool found = false;
  pthread_mutex_lock(&s->lock);
  while (!found && st->visits < st->hub->worker_count) {
    found = s->seats[st->visits].watchers > 0;
    if (!found)
      st->visits++;
  }
  pthread_mutex_unlock(&s->lock);
  return found;
}

static void visit_next(struct hub_query_state *st) {
  if (st->stream && st->query->with_watchers && find_visit(st)) {
    st->mail.run = visit_run;
    worker_send(st->hub, st->visits, &st->mail);
  } else {
    hub_submit(st->hub, &st->job);
  }
}

/* ---- DELETE ---- */

/* On the writer's thread. */
static void remove_done(struct store_remove *remove) {
  struct hub_query_state *st = CONTAINER_OF(remove, struct hub_query_state, remove);
  st->query->error = remove->error;
  query_answer(st, remove->code);
}

/* The answer is written first: once the request is gone, memory must not be what is missing. */
static int query_delete(struct hub_query_state *st) {
  struct buf *b = &st->query->json;
  buf_add_str(b, "{\"request_id\":");
  buf_add_json_str(b, st->request_id, strlen(st->request_id));
  buf_add_str(b, ",\"deleted\":true}");
  if (b->failed) {
    buf_finish(b);
    return CWS_ENOMEM;
  }
  st->remove.request_id = st->request_id;
  st->remove.done = remove_done;
  int code = store_remove(st->hub->store, &st->remove);
  if (code)
    buf_finish(b);
  return code;
}

/* ---- the question ---- */

static bool copy(const char *from, char **to) {
  *to = from ? strdup(from) : NULL;
  return !from || *to;
}

static struct hub_query_state *query_new(struct hub *hub, int worker, struct hub_query *q) {
  struct hub_query_state *st = calloc(1, sizeof *st);
  if (!st)
    return NULL;
  buf_init(&st->watchers);
  st->hub = hub;
  st->query = q;
  st->worker = worker;
  st->job = (struct hub_job){.hub = hub, .run = query_run};
  if (copy(q->request_id, &st->request_id) && copy(q->status, &st->status) &&
      copy(q->cursor, &st->cursor) && copy(q->types, &st->types) && copy(q->epoch, &st->epoch))
    return st;
  query_free(st);
  return NULL;
}

int hub_query(struct hub *hub, int worker, struct hub_query *q) {
  int code = 0;
  q->code = 0;
  q->error = (struct cws_error){0};
  q->next_after = 0;
  q->next_cursor = NULL;
  buf_init(&q->json);
  struct hub_query_state *st = query_new(hub, worker, q);
  if (!st)
    return err_set(&q->error, CWS_ENOMEM, NULL);
  q->state = st;
  if (q->kind == HUB_DELETE) {
    code = query_delete(st);
  } else {
    if (q->request_id)
      st->stream = stream_table_find(&hub->table, q->request_id);
    visit_next(st);
  }
  if (code) {
    q->state = NULL;
    query_free(st);
    return err_set(&q->error, code, NULL);
  }
  return 0;
}
