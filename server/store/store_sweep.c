/*
 * store_sweep: retention by age. Whole requests go when their last event is old enough; then what
 * removes and trims left behind is freed. In slices of a few milliseconds between batches. For the
 * writer's thread.
 */
#include "lib/core/err.h"
#include "server/store/store_shared.h"

#define SWEEP_SLICE_REMOVES 32

struct expired {
  char ids[SWEEP_SLICE_REMOVES][CWS_REQUEST_ID_MAX + 1];
  char epochs[SWEEP_SLICE_REMOVES][CWS_EPOCH_MAX + 1];
  size_t count;
};

static int list_expired(struct store *s, struct expired *x, bool *more, struct cws_error *err) {
  int64_t cutoff_ms = clock_wall_ms(s->options.clock) - s->options.retention_ms;
  return s->engine->ops->list_expired(s->engine, cutoff_ms, SWEEP_SLICE_REMOVES, x->ids, &x->count,
                                      more, err);
}

/* Within the open transaction. */
static int remove_expired(struct store *s, struct expired *x, struct cws_error *err) {
  int code = 0;
  for (size_t i = 0; code == 0 && i < x->count; i++) {
    struct store_stream *st;
    code = store_streams_find(&s->streams, s->engine, x->ids[i], &st, err);
    if (code == 0)
      code = store_apply_remove(s, st, x->epochs[i], err);
  }
  return code;
}

static int expire_slice(struct store *s, bool *more, struct cws_error *err) {
  struct store_engine *e = s->engine;
  const struct store_listener *l = &s->options.listener;
  struct expired gone;
  int code = e->ops->begin(e, err);
  if (code != 0)
    return code;
  code = list_expired(s, &gone, more, err);
  if (code == 0 && s->shared == NULL)
    code = remove_expired(s, &gone, err);
  if (code != 0) {
    e->ops->rollback(e);
    return code;
  }
  code = e->ops->commit(e, err);
  if (code != 0 || gone.count == 0)
    return code;
  if (s->shared != NULL) { /* by the log, so that all hubs do */
    store_flight_start_expiries(s, gone.ids, gone.count);
    return 0;
  }
  s->sweeper.collecting = true;
  for (size_t i = 0; i < gone.count && l->on_remove != NULL; i++)
    l->on_remove(gone.ids[i], gone.epochs[i], STORE_EXPIRED, l->user);
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
