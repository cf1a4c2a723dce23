/*
 * load: owns the way of a stream from the store into memory. A reader thread reads while the
 * writer's thread goes on committing; what is committed meanwhile waits here and is put on top, so
 * that the summary has every event once. A removal meanwhile means: read again.
 */
#include "server/hub/load.h"

#include "lib/core/err.h"
#include "lib/core/event.h"
#include "server/hub/open.h"
#include <stdlib.h>
#include <string.h>

enum { FOLD_EVENTS = 1000, FOLD_BYTES = 1024 * 1024 }; /* of a page, while catching up */

static void loading_run(struct hub_job *job);

int loading_new(struct stream *s) {
  struct loading *l = calloc(1, sizeof *l);
  if (!l)
    return CWS_ENOMEM;
  l->job = (struct hub_job){.hub = s->hub, .run = loading_run};
  l->waiters_end = &l->waiters;
  l->stream = s;
  s->loading = l;
  return 0;
}

static void drop_pending(struct loading *l) {
  for (size_t i = 0; i < l->count; i++)
    facts_free(l->pending[i].facts);
  l->count = 0;
}

void loading_free(struct loading *l) {
  if (!l)
    return;
  drop_pending(l);
  free(l->pending);
  free(l);
}

void loading_start(struct stream *s) {
  stream_ref(s);
  hub_submit(s->hub, &s->loading->job);
}

/* ---- what is committed meanwhile; under the stream's lock ---- */

void loading_restart(struct loading *l) {
  drop_pending(l);
  l->is_stale = true;
  l->has_begun = l->is_counted = false;
  stream_begin_empty(l->stream);
}

static bool reserve(struct loading *l) {
  if (l->count < l->cap)
    return true;
  size_t cap = l->cap ? l->cap * 2 : 16;
  struct pending_event *pending = realloc(l->pending, cap * sizeof *pending);
  if (!pending)
    return false;
  l->pending = pending;
  l->cap = cap;
  return true;
}

void loading_add(struct loading *l, struct store_event *event) {
  if (!event->facts || !reserve(l)) {
    loading_restart(l);
    return;
  }
  l->pending[l->count++] = (struct pending_event){
      .message_id = event->message_id, .data_len = event->data_len, .facts = event->facts};
  event->facts = NULL;
}

/* ---- the summary, from the store ---- */

struct facts *load_facts(const char *type, const char *data, size_t len) {
  struct cws_error why = {0};
  json_t *json = event_json_load(data, len, &why);
  if (!json && why.code == CWS_ENOMEM)
    return NULL;
  struct facts *facts = facts_new(type, json);
  json_decref(json);
  return facts;
}

static int fold_event(struct summary *s, const struct cws_event *event) {
  struct facts *facts = load_facts(event->type, event->data, event->data_len);
  if (!facts)
    return CWS_ENOMEM;
  summary_fold(s, facts, event->message_id);
  facts_free(facts);
  return 0;
}

static int fold_page(struct summary *s, const struct store_page *page) {
  int code = 0;
  for (size_t i = 0; i < page->count && code == 0; i++)
    code = fold_event(s, &page->events[i]);
  return code;
}

static int fold_rest(struct store *store, const char *request_id, struct summary *s,
                     struct cws_error *err) {
  bool more = true;
  while (more) {
    struct store_range range = {
        .after = summary_message_id(s), .max_events = FOLD_EVENTS, .max_bytes = FOLD_BYTES};
    struct store_page *page = NULL;
    int code = store_read(store, request_id, &range, &page, err);
    if (code == CWS_EUNKNOWNREQUEST)
      return 0; /* removed just now: whoever needs to know is told by the writer */
    if (code == 0 && fold_page(s, page))
      code = err_set(err, CWS_ENOMEM, NULL);
    more = code == 0 && page->more;
    store_page_free(page);
    if (code)
      return code;
  }
  return 0;
}

int load_summary(struct store *store, const struct store_info *info, struct summary **out,
                 struct cws_error *err) {
  struct summary *s = info->summary ? summary_from_json(info->summary) : NULL;
  if (!s)
    s = summary_new();
  if (!s)
    return err_set(err, CWS_ENOMEM, NULL);
  int code = 0;
  if (summary_message_id(s) < info->last_id)
    code = fold_rest(store, info->request_id, s, err);
  if (code) {
    summary_free(s);
    return code;
  }
  *out = s;
  return 0;
}

/* ---- the load ---- */

struct loaded {
  int code;
  struct cws_error error;
  struct store_info info; /* all zero where the store has no such request */
  struct summary *summary;
};

static void loaded_finish(struct loaded *r) {
  store_info_finish(&r->info);
  summary_free(r->summary);
}

static void load_read(struct store *store, struct stream *s, struct loaded *r) {
  *r = (struct loaded){0};
  r->code = store_info(store, s->request_id, &r->info, &r->error);
  if (r->code == CWS_EUNKNOWNREQUEST) {
    *r = (struct loaded){.info.first_id = 1};
    return;
  }
  if (r->code == 0)
    r->code = load_summary(store, &r->info, &r->summary, &r->error);
}

static bool load_has_found(const struct loaded *r) {
  return r->info.epoch[0] != '\0';
}

static void put_counts(struct stream *s, const struct loading *l, const struct store_info *info) {
  if (l->is_counted)
    return;
  s->count = info->count;
  s->bytes = info->bytes;
  for (size_t i = 0; i < l->count; i++) {
    if (l->pending[i].message_id > info->last_id) {
      s->count++;
      s->bytes += (int64_t)l->pending[i].data_len;
    }
  }
}

static void put_info(struct stream *s, const struct loading *l, const struct store_info *info) {
  if (!l->has_begun)
    stream_set_epoch(s, info->epoch);
  if (s->created_ms == 0) { /* it did not begin while it was loading */
    memcpy(s->owner, info->owner, sizeof s->owner);
    s->created_ms = info->created_ms;
  }
  if (info->first_id > s->first_id)
    s->first_id = info->first_id;
  if (info->last_id > s->last_id)
    s->last_id = info->last_id;
  if (info->updated_ms > s->updated_ms)
    s->updated_ms = info->updated_ms;
}

static void put_summary(struct stream *s, const struct loading *l, struct loaded *r) {
  if (r->summary) {
    summary_free(s->summary);
    s->summary = r->summary;
    r->summary = NULL;
    s->summary_saved_id = r->info.summary_id;
  }
  for (size_t i = 0; i < l->count; i++)
    summary_fold(s->summary, l->pending[i].facts, l->pending[i].message_id);
}

/* Under the lock. */
static void install(struct stream *s, struct loading *l, struct loaded *r) {
  put_counts(s, l, &r->info);
  if (load_has_found(r))
    put_info(s, l, &r->info);
  put_summary(s, l, r);
  bool is_live = load_has_found(r) || l->has_begun;
  stream_set_state(s, is_live ? STREAM_LIVE : STREAM_EMPTY);
  s->positions.is_complete = !is_live;
}

/* True: the load is over, one way or the other. */
static bool load_finish(struct stream *s, struct loaded *r) {
  struct loading *l = s->loading;
  pthread_mutex_lock(&s->lock);
  bool is_stale = l->is_stale;
  l->is_stale = false;
  bool is_over = !is_stale || r->code;
  if (is_over) {
    if (r->code)
      stream_set_state(s, STREAM_GONE);
    else
      install(s, l, r);
    s->loading = NULL;
  }
  pthread_mutex_unlock(&s->lock);
  return is_over;
}

static void loading_run(struct hub_job *job) {
  struct loading *l = CONTAINER_OF(job, struct loading, job);
  struct stream *s = l->stream;
  struct hub *hub = s->hub;
  struct loaded r;
  load_read(hub->store, s, &r);
  while (!load_finish(s, &r)) {
    loaded_finish(&r);
    load_read(hub->store, s, &r);
  }
  if (r.code) {
    log_error(hub->options.log, "request %s cannot be loaded: %s", s->request_id, r.error.message);
    stream_table_remove(&hub->table, s);
  }
  open_resume(l->waiters, r.code, &r.error);
  loaded_finish(&r);
  loading_free(l);
  stream_unref(s);
}
