/*
 * page: owns a watcher's read from the store: frames for one that has fallen behind the tail. It
 * must not know who reads, or what for.
 */
#include "lib/core/err.h"
#include "lib/core/event.h"
#include "lib/core/ws_deflate.h"
#include "lib/core/ws_frame.h"
#include "server/hub/hub_inside.h"
#include <stdlib.h>
#include <string.h>

enum { PAGE_EVENTS = 1024 }; /* small ones are mostly what is around them */

struct hub_page_state {
  struct mail mail;
  struct hub_job job;
  struct hub_page *page;
  struct stream *stream; /* a reference */
  int worker;
};

static void page_deliver(struct mail *mail) {
  struct hub_page_state *st = CONTAINER_OF(mail, struct hub_page_state, mail);
  struct hub_page *page = st->page;
  stream_unref(st->stream);
  free(st);
  page->state = NULL;
  page->done(page);
}

static int append_frames(struct hub_page *page, const struct store_page *events) {
  struct ws_deflater *d = page->is_deflated ? ws_deflater_new() : NULL;
  struct buf payload;
  buf_init(&payload);
  for (size_t i = 0; i < events->count; i++) {
    buf_reset(&payload);
    event_append(&payload, &events->events[i], false);
    if (d)
      ws_deflate_append_frame(d, &page->frames, payload.data, payload.len);
    else
      ws_frame_append(&page->frames, WS_TEXT, payload.data, payload.len);
    page->frames.failed = page->frames.failed || payload.failed;
  }
  buf_finish(&payload);
  ws_deflater_free(d);
  if (page->frames.failed)
    return err_set(&page->error, CWS_ENOMEM, NULL);
  if (events->count > 0) {
    page->first_id = events->events[0].message_id;
    page->last_id = events->events[events->count - 1].message_id;
  }
  return 0;
}

/*
 * The store names streams by request_id alone: what was read may be of one that began since, and
 * then it is of no use. `to`: not beyond what the stream has shown, so that a reader and the tail
 * agree on what is the newest. A stream that was removed just now gives an empty page; the writer's
 * thread is about to tell its watchers.
 */
static int read_frames(struct hub_page_state *st, int64_t to) {
  struct hub_page *page = st->page;
  struct hub *hub = st->stream->hub;
  struct store_range range = {
      .after = page->after, .to = to, .max_events = PAGE_EVENTS, .max_bytes = page->max_bytes};
  struct store_page *events = NULL;
  struct cws_error reason = {0};
  int code = store_read(hub->store, st->stream->request_id, &range, &events, &reason);
  if (code == CWS_EUNKNOWNREQUEST)
    return 0;
  if (code)
    return err_set(&page->error, code, "%s", reason.message);
  if (strcmp(events->epoch, page->epoch) == 0)
    code = append_frames(page, events);
  store_page_free(events);
  atomic_fetch_add_explicit(&hub->delivered_bytes, (int64_t)page->frames.len, memory_order_relaxed);
  return code;
}

static void page_run(struct hub_job *job) {
  struct hub_page_state *st = CONTAINER_OF(job, struct hub_page_state, job);
  struct hub_page *page = st->page;
  struct stream *s = st->stream;
  pthread_mutex_lock(&s->lock);
  memcpy(page->epoch, s->epoch, sizeof page->epoch);
  bool is_gone = s->state == STREAM_GONE;
  int64_t last_id = s->last_id;
  pthread_mutex_unlock(&s->lock);
  if (is_gone)
    page->code = err_set(&page->error, CWS_EDELETED, NULL);
  else if (page->after < last_id)
    page->code = read_frames(st, last_id);
  if (page->code) {
    buf_reset(&page->frames);
    page->last_id = page->after;
  }
  worker_send(s->hub, st->worker, &st->mail);
}

int hub_read_page(struct hub *hub, int worker, struct stream *s, struct hub_page *page) {
  struct hub_page_state *st = calloc(1, sizeof *st);
  if (!st)
    return CWS_ENOMEM;
  st->mail.run = page_deliver;
  st->job = (struct hub_job){.hub = hub, .run = page_run};
  st->page = page;
  st->stream = stream_ref(s);
  st->worker = worker;
  page->code = 0;
  page->error = (struct cws_error){0};
  page->first_id = page->after + 1;
  page->last_id = page->after;
  buf_init(&page->frames);
  page->state = st;
  hub_submit(hub, &st->job);
  return 0;
}
