/* memory_read: reads of the memory engine, each under the lock for as long as it copies. */
#include "lib/core/err.h"
#include "server/store/memory.h"
#include "server/store/page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Locks for reading and finds the stream; unlocked again where there is none. */
static int lock_stream(struct store_engine *base, const char *request_id,
                       struct memory_stream **out, struct cws_error *err) {
  struct memory_engine *e = (struct memory_engine *)base;
  pthread_rwlock_rdlock(&e->lock);
  *out = memory_find(e, request_id);
  if (*out != NULL)
    return 0;
  pthread_rwlock_unlock(&e->lock);
  return err_set(err, CWS_EUNKNOWNREQUEST, NULL);
}

static void unlock(struct store_engine *base) {
  pthread_rwlock_unlock(&((struct memory_engine *)base)->lock);
}

static int fill_info(const struct memory_stream *st, struct store_info *out) {
  *out = (struct store_info){
      .first_id = st->base_id + 1,
      .last_id = st->base_id + (int64_t)st->count,
      .count = (int64_t)st->count,
      .bytes = st->bytes,
      .created_ms = st->created_ms,
      .updated_ms = st->updated_ms,
      .summary_id = st->summary_id,
  };
  snprintf(out->request_id, sizeof(out->request_id), "%s", st->request_id);
  snprintf(out->epoch, sizeof(out->epoch), "%s", st->epoch);
  snprintf(out->owner, sizeof(out->owner), "%s", st->owner != NULL ? st->owner : "");
  if (st->summary == NULL)
    return 0;
  out->summary = strdup(st->summary);
  return out->summary != NULL ? 0 : CWS_ENOMEM;
}

int memory_info(struct store_engine *base, const char *request_id, struct store_info *out,
                struct cws_error *err) {
  struct memory_stream *st;
  int code = lock_stream(base, request_id, &st, err);
  if (code != 0)
    return code;
  code = fill_info(st, out);
  unlock(base);
  return code == 0 ? 0 : err_set(err, code, NULL);
}

static int add_event(struct page_builder *b, const struct memory_event *ev, int64_t message_id) {
  const char *p = ev->text;
  struct page_event out = {
      .type = p,
      .type_len = ev->type_len,
      .timestamp = p + ev->type_len,
      .timestamp_len = ev->timestamp_len,
      .event_id = ev->event_id_len > 0 ? p + ev->type_len + ev->timestamp_len : NULL,
      .event_id_len = ev->event_id_len,
      .data = p + ev->type_len + ev->timestamp_len + ev->event_id_len,
      .data_len = ev->data_len,
      .message_id = message_id,
  };
  return page_builder_add(b, &out);
}

static int fill_page(const struct memory_stream *st, const struct store_range *range,
                     struct page_builder *b, bool *more) {
  int64_t last = st->base_id + (int64_t)st->count;
  int64_t to = range->to > 0 && range->to < last ? range->to : last;
  int64_t id = (range->after > st->base_id ? range->after : st->base_id) + 1;
  *more = false;
  for (; id <= to; id++) {
    const struct memory_event *ev = st->events[st->first + (size_t)(id - st->base_id - 1)];
    if (!page_builder_fits(b, ev->data_len)) {
      *more = true;
      return 0;
    }
    if (add_event(b, ev, id) != 0)
      return CWS_ENOMEM;
  }
  return 0;
}

int memory_read(struct store_engine *base, const char *request_id, const struct store_range *range,
                struct store_page **out, struct cws_error *err) {
  struct memory_stream *st;
  int code = lock_stream(base, request_id, &st, err);
  if (code != 0)
    return code;
  struct page_builder b;
  bool more;
  char epoch[CWS_EPOCH_MAX + 1];
  page_builder_init(&b, range);
  code = fill_page(st, range, &b, &more);
  memcpy(epoch, st->epoch, sizeof(epoch));
  unlock(base);
  if (code == 0)
    code = page_builder_take(&b, more, out);
  if (code == 0)
    memcpy((*out)->epoch, epoch, sizeof(epoch));
  page_builder_finish(&b);
  return code == 0 ? 0 : err_set(err, code, NULL);
}

int memory_position(struct store_engine *base, const char *request_id, const char *subscriber,
                    char epoch[CWS_EPOCH_MAX + 1], int64_t *message_id, struct cws_error *err) {
  struct memory_stream *st;
  int code = lock_stream(base, request_id, &st, err);
  if (code != 0)
    return code;
  bool found;
  size_t at = memory_position_at(st, subscriber, &found);
  *message_id = found ? st->positions[at].message_id : 0;
  memcpy(epoch, st->epoch, sizeof(st->epoch));
  unlock(base);
  return 0;
}

int memory_positions(struct store_engine *base, const char *request_id,
                     char epoch[CWS_EPOCH_MAX + 1], struct store_position **out, size_t *count,
                     struct cws_error *err) {
  struct memory_stream *st;
  int code = lock_stream(base, request_id, &st, err);
  if (code != 0)
    return code;
  *count = st->position_count;
  *out = NULL;
  memcpy(epoch, st->epoch, sizeof(st->epoch));
  if (*count > 0) {
    *out = malloc(*count * sizeof(**out));
    if (*out != NULL)
      memcpy(*out, st->positions, *count * sizeof(**out));
    else
      code = CWS_ENOMEM;
  }
  unlock(base);
  return code == 0 ? 0 : err_set(err, code, NULL);
}

int memory_list(struct store_engine *base, int64_t before_ms, const char *before_id, size_t limit,
                struct store_info *out, size_t *count, struct cws_error *err) {
  struct memory_engine *e = (struct memory_engine *)base;
  int code = 0;
  *count = 0;
  pthread_rwlock_rdlock(&e->lock);
  size_t i = before_id != NULL ? memory_by_age(e, before_ms, before_id) : e->count;
  while (code == 0 && i > 0 && *count < limit) {
    code = fill_info(e->by_age[--i], &out[*count]);
    *count += code == 0;
  }
  pthread_rwlock_unlock(&e->lock);
  return code == 0 ? 0 : err_set(err, code, NULL);
}
