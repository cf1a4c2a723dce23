/*
 * store_coalesce: writes positions and summaries, many in one transaction, a slice at a time so
 * that appends do not wait long. A round is dropped only when all of it is written; writing an
 * entry twice changes nothing. For the writer's thread.
 */
#include "lib/core/err.h"
#include "server/store/store_front.h"
#include <string.h>

#define COALESCE_SLICE 1000 /* upserts; about 5 ms */

static int write_entry(struct store *s, const struct store_pending_entry *entry, int64_t now_ms,
                       struct cws_error *err) {
  struct store_engine *e = s->engine;
  struct store_stream *st;
  struct cws_error why = {0};
  if (entry->json == NULL && s->shared != NULL)
    return 0; /* by the log */
  int code = store_streams_find(&s->streams, e, entry->request_id, &st, &why);
  if (code == CWS_EUNKNOWNREQUEST || code == CWS_ECORRUPT)
    return 0;
  if (code != 0)
    return err_set(err, code, "%s", why.message);
  if (strcmp(st->row.epoch, entry->epoch) != 0)
    return 0;
  if (entry->json != NULL)
    return e->ops->set_summary(e, &st->row, entry->message_id, entry->json, err);
  return e->ops->set_position(e, &st->row, entry->subscriber, entry->message_id, now_ms, err);
}

int store_coalesce_slice(struct store *s, const struct store_pending_entry **entry,
                         struct cws_error *err) {
  struct store_engine *e = s->engine;
  int64_t now_ms = clock_wall_ms(s->options.clock);
  int code = e->ops->begin(e, err);
  if (code != 0)
    return code;
  for (int n = 0; code == 0 && *entry != NULL && n < COALESCE_SLICE; n++) {
    code = write_entry(s, *entry, now_ms, err);
    *entry = (*entry)->next;
  }
  if (code == 0)
    return e->ops->commit(e, err);
  e->ops->rollback(e);
  return code;
}

int store_coalesce(struct store *s, bool *more) {
  *more = false;
  if (s->coalescing == NULL)
    s->coalescing = store_pending_take(&s->pending);
  if (s->coalescing == NULL)
    return 0;
  struct cws_error err = {0};
  int code = store_coalesce_slice(s, &s->coalescing, &err);
  if (code != 0) {
    s->coalescing = NULL;
    store_pending_restore(&s->pending);
    store_queue_nudge(&s->queue, store_mono_ms() + STORE_PROBE_MS);
    err_set(&err, code, NULL);
    log_warn(s->options.log, "store: positions and summaries wait: %s", err.message);
    store_health_failed(s, &err);
  } else if (s->coalescing == NULL) {
    store_pending_drop(&s->pending);
  } else {
    *more = true;
  }
  return code;
}
