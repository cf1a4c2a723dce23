/*
 * query_events: owns the stored events as an answer: a range, filtered by types, in wire form, as
 * an array or as lines.
 */
#include "lib/core/err.h"
#include "lib/core/event.h"
#include "server/hub/query.h"
#include <string.h>

enum {
  EVENTS_DEFAULT = 1000,
  EVENTS_MAX = 10000,
  EVENTS_BYTES = 4 * 1024 * 1024, /* of one answer */
  EVENTS_LOOKED_AT_MAX = 100000,  /* for one answer, where the types leave most out */
  PAGE_EVENTS = 1000,
  PAGE_BYTES = 1024 * 1024,
};

struct events {
  struct hub_query_state *st;
  struct buf *b;
  size_t limit, found, looked_at;
  int64_t after; /* looked at up to here */
  bool more;     /* there may be more behind `after` */
};

static bool is_listed(const char *list, const char *type) {
  size_t len = strlen(type);
  while (list) {
    if (strncmp(list, type, len) == 0 && (list[len] == ',' || list[len] == '\0'))
      return true;
    list = strchr(list, ',');
    list = list ? list + 1 : NULL;
  }
  return false;
}

static bool is_full(const struct events *e) {
  return e->found >= e->limit || e->b->len >= EVENTS_BYTES || e->looked_at >= EVENTS_LOOKED_AT_MAX;
}

static void append_one(struct events *e, const struct cws_event *event) {
  bool is_ndjson = e->st->query->ndjson;
  if (!is_ndjson && e->found > 0)
    buf_add_char(e->b, ',');
  event_append(e->b, event, false);
  if (is_ndjson)
    buf_add_char(e->b, '\n');
  e->found++;
}

/* True: all of the page was looked at. */
static bool append_page(struct events *e, const struct store_page *page) {
  for (size_t i = 0; i < page->count; i++) {
    const struct cws_event *event = &page->events[i];
    if (is_full(e))
      return false;
    if (!e->st->types || is_listed(e->st->types, event->type))
      append_one(e, event);
    e->after = event->message_id;
    e->looked_at++;
  }
  return true;
}

static int next_page(struct events *e, struct cws_error *err) {
  struct store_range range = {.after = e->after,
                              .to = e->st->query->to,
                              .max_events = PAGE_EVENTS,
                              .max_bytes = PAGE_BYTES};
  struct store_page *page = NULL;
  int code = store_read(e->st->hub->store, e->st->request_id, &range, &page, err);
  if (code)
    return code;
  e->more = !append_page(e, page) || page->more;
  store_page_free(page);
  return 0;
}

/* The stream's epoch, before and after reading: "" for a request that is watched and has no event
 * yet. */
static int ask_epoch(struct hub_query_state *st, char epoch[CWS_EPOCH_MAX + 1],
                     struct cws_error *err) {
  struct store_info info = {0};
  struct cws_error reason = {0};
  int64_t watchers;
  int code = store_info(st->hub->store, st->request_id, &info, &reason);
  memcpy(epoch, info.epoch, sizeof info.epoch);
  store_info_finish(&info);
  if (code != CWS_EUNKNOWNREQUEST)
    return code ? err_set(err, code, "%s", reason.message) : 0;
  code = query_pending(st, epoch, &watchers, err);
  epoch[0] = '\0';
  return code;
}

static int read_all(struct events *e, struct cws_error *err) {
  int code = 0;
  e->more = true;
  while (code == 0 && e->more && !is_full(e))
    code = next_page(e, err);
  return code;
}

static int append_events(struct events *e, const char *epoch, struct cws_error *err) {
  char epoch_after[CWS_EPOCH_MAX + 1] = "";
  if (epoch[0] == '\0')
    return 0;
  struct cws_error reason = {0};
  int code = read_all(e, &reason);
  if (code == 0)
    code = ask_epoch(e->st, epoch_after, &reason);
  if (code == CWS_EUNKNOWNREQUEST || (code == 0 && strcmp(epoch, epoch_after) != 0))
    return err_set(err, CWS_EEPOCHCHANGED, NULL);
  return code ? err_set(err, code, "%s", reason.message) : 0;
}

int query_events(struct hub_query_state *st, struct cws_error *err) {
  struct hub_query *q = st->query;
  char epoch[CWS_EPOCH_MAX + 1];
  struct events e = {.st = st, .b = &q->json, .after = q->after > 0 ? q->after : 0};
  e.limit = q->limit <= 0 ? EVENTS_DEFAULT : q->limit > EVENTS_MAX ? EVENTS_MAX : (size_t)q->limit;
  int code = ask_epoch(st, epoch, err);
  if (code)
    return code;
  if (st->epoch && epoch[0] != '\0' && strcmp(st->epoch, epoch) != 0)
    return err_set(err, CWS_EEPOCHCHANGED, "epoch '%s' is over, the stream's is '%s'", st->epoch,
                   epoch);
  if (!q->ndjson)
    buf_add_char(e.b, '[');
  code = append_events(&e, epoch, err);
  if (!q->ndjson)
    buf_add_char(e.b, ']');
  q->next_after = code == 0 && e.more ? e.after : 0;
  return code;
}
