/*
 * store_sweep: retention by age. Whole requests go when their last event is old enough; then what
 * removes and trims left behind is freed. In slices of a few milliseconds between batches. For the
 * writer's thread.
 */
#include "lib/core/err.h"
#include "server/store/store_front.h"

#define SWEEP_SLICE_REMOVES 32

struct expired {
  char request_id[CWS_REQUEST_ID_MAX + 1];
  char epoch[CWS_EPOCH_MAX + 1];
};

/* Removes some expired streams within the open transaction; notes them in gone[]. */
static int remove_expired(struct store *s, struct expired gone[SWEEP_SLICE_REMOVES], size_t *count,
                          bool *more, struct cws_error *err) {
  int64_t cutoff_ms = clock_wall_ms(s->options.clock) - s->options.retention_ms;
  int code = 0;
  while (*count < SWEEP_SLICE_REMOVES) {
    struct expired *x = &gone[*count];
    struct store_stream *st;
    *more = false;
    code = s->engine->ops->find_expired(s->engine, cutoff_ms, x->request_id, more, err);
    if (code != 0 || x->request_id[0] == '\0')
      return code;
    code = store_streams_find(&s->streams, s->engine, x->request_id, &st, err);
    if (code == 0)
      code = store_apply_remove(s, st, x->epoch, err);
    if (code != 0)
      return code;
    ++*count;
  }
  *more = true;
  return code;
}

static int expire_slice(struct store *s, bool *more, struct cws_error *err) {
  struct store_engine *e = s->engine;
  const struct store_listener *l = &s->options.listener;
  struct expired gone[SWEEP_SLICE_REMOVES];
  size_t count = 0;
  int code = e->ops->begin(e, err);
  if (code != 0)
    return code;
  code = remove_expired(s, gone, &count, more, err);
  if (code != 0) {
    e->ops->rollback(e);
    return code;
  }
  code = e->ops->commit(e, err);
  if (code != 0 || count == 0)
    return code;
  s->sweeper.collecting = true;
  for (size_t i = 0; i < count && l->on_remove != NULL; i++)
    l->on_remove(gone[i].request_id, gone[i].epoch, STORE_EXPIRED, l->user);
  if (l->on_batch_end != NULL)
    l->on_batch_end(l->user);
  return 0;
}

static int collect_slice(struct store *s, bool *more, struct cws_error *err) {
  struct store_engine *e = s->engine;
  int code = e->ops->begin(e, err);
  if (code != 0)
    return code;
  code = e->ops->collect(e, more, err);
  if (code == 0)
    return e->ops->commit(e, err);
  e->ops->rollback(e);
  return code;
}

int store_sweep_slice(struct store *s, bool *more) {
  struct store_sweeper *w = &s->sweeper;
  struct cws_error err = {0};
  bool again = false;
  int code = 0;
  if (w->expiring && s->options.retention_ms > 0) {
    code = expire_slice(s, &again, &err);
    w->expiring = again;
  } else if (w->collecting) {
    w->expiring = false;
    code = collect_slice(s, &again, &err);
    w->collecting = again;
  } else {
    w->expiring = false;
  }
  if (code != 0) { /* not at once again: with the next sweep */
    w->expiring = w->collecting = false;
    err_set(&err, code, NULL);
    log_warn(s->options.log, "store: sweep: %s", err.message);
  }
  *more = w->expiring || w->collecting;
  return code;
}
