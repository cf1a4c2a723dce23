/*
 * session_feed: a session's place in its stream, and how events get from there to the connection:
 * the batch of a wake when it stands in step, the tail when it is near, pages of the store when it
 * fell behind; one of them at a time, and none while the connection keeps bytes. It has no queue,
 * only a position.
 *
 * Before anything of a stream is written the owner must be known, since the first publisher may
 * give the request to somebody else: until then, and on every wake that is more than the next
 * events, the stream is asked (check).
 */
#include "lib/core/err.h"
#include "server/ws/session_internal.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_BYTES (64 * 1024) /* of one write from the tail */
#define PAGE_BYTES                                                                                 \
  (96 * 1024) /* of data; one page is on its way to the socket while the next is read */
#define BATCH_BYTES_MAX                                                                            \
  (256 * 1024) /* a longer batch goes in pieces, so that a slow socket keeps little */

#define STORE_RETRY_MS 1000 /* told to a client when a page cannot be read */

static void pump(struct session *s, struct buf *out);

static struct session *of_watch(struct stream_watch *watch) {
  return (struct session *)((char *)watch - offsetof(struct session, feed.watch));
}

/* ---- the position ---- */

/* Events up to last_id have been written, or are told to be gone. */
static void advance(struct session *s, int64_t last_id) {
  s->feed.view.delivered_id = last_id;
  if (s->feed.ackable_id < last_id)
    s->feed.ackable_id = last_id;
}

static void count_delivered(struct session *s, int64_t last_id, size_t len) {
  metrics_add(&s->settings->metrics->events_delivered, last_id - s->feed.view.delivered_id);
  metrics_add(&s->settings->metrics->bytes_delivered, (int64_t)len);
}

static void put_replay_complete_once(struct session *s, struct buf *out) {
  if (!s->feed.is_replaying || s->feed.view.delivered_id < s->feed.replay_to)
    return;
  s->feed.is_replaying = false;
  session_put_replay_complete(s, out);
}

/* Retention has trimmed what comes next: says exactly what, and goes on behind it. */
static void skip_expired(struct session *s, struct buf *out, int64_t first_id) {
  int64_t next = s->feed.view.delivered_id + 1;
  if (next >= first_id)
    return;
  session_put_gap(s, out, next, first_id - 1, "expired", s->feed.epoch);
  advance(s, first_id - 1);
}

static void start_from(struct session *s, struct buf *out, const struct stream_info *info,
                       int64_t position) {
  s->feed.is_replaying = true;
  s->feed.replay_to = info->last_id;
  s->feed.view.delivered_id = position;
  s->feed.is_page_stale = s->feed.page != NULL;
  skip_expired(s, out, info->first_id);
}

static void set_epoch(struct session *s, const struct stream_info *info) {
  memcpy(s->feed.epoch, info->epoch, sizeof(s->feed.epoch));
  s->feed.ackable_id = s->feed.ack_floor = 0;
}

/* What had not begun had nothing to miss, but the epoch is to be known. */
static void begin_anew(struct session *s, struct buf *out, const struct stream_info *info) {
  int64_t delivered = s->feed.view.delivered_id;
  bool had_begun = s->feed.is_settled || s->feed.replay_to > 0;
  session_put_gap(s, out, delivered + 1, had_begun ? -1 : delivered, "epoch", info->epoch);
  set_epoch(s, info);
  s->feed.view.acked_id = 0;
  start_from(s, out, info, 0);
}

/* ---- what the stream has become ---- */

/* What was to be said before goes first. */
static bool end(struct session *s, struct buf *out, int code, const char *reason) {
  if (session_send(s, out))
    session_close(s, code, reason);
  return false;
}

/* False when the session has ended by it. What is to be said goes to `out`. */
static bool check(struct session *s, struct buf *out) {
  struct stream_info info;
  stream_info(s->stream, &info);
  if (info.deleted)
    return end(s, out, WS_CLOSE_DELETED, "the request was deleted");
  if (!grants_may_watch(s->grants, stream_request_id(s->stream), info.owner))
    return end(s, out, WS_CLOSE_REVOKED, "the request belongs to somebody else");
  if (strcmp(info.epoch, s->feed.epoch) != 0)
    begin_anew(s, out, &info);
  s->feed.is_settled = info.last_id > 0;
  return true;
}

/* ---- pages ---- */

static void on_page(struct hub_page *page);

static void page_free(struct hub_page *page) {
  buf_finish(&page->frames);
  free(page);
}

static void read_page(struct session *s) {
  struct hub_page *page = calloc(1, sizeof(*page));
  if (page == NULL) {
    session_fail(s);
    return;
  }
  buf_init(&page->frames);
  page->done = on_page;
  page->user = s;
  page->after = s->feed.view.delivered_id;
  page->max_bytes = PAGE_BYTES;
  page->is_deflated = s->feed.watch.takes_deflated;
  if (hub_read_page(s->hub, loop_index(s->loop), s->stream, page) != 0) {
    page_free(page);
    session_close_retry(s, WS_CLOSE_TRY_LATER, "the store cannot be read now", STORE_RETRY_MS);
    return;
  }
  s->feed.page = page;
  s->owed++;
  metrics_add(&s->settings->metrics->pages_read, 1);
}

static void write_page(struct session *s, struct buf *out, struct hub_page *page) {
  skip_expired(s, out, page->first_id);
  if (!session_send(s, out))
    return;
  count_delivered(s, page->last_id, page->frames.len);
  advance(s, page->last_id);
  if (stream_is_before_tail(s->stream, s->feed.epoch, page->last_id))
    read_page(s); /* the next one, while this one is written */
  if (s->state != SESSION_OPEN || !session_write(s, page->frames.data, page->frames.len))
    return;
  put_replay_complete_once(s, out);
  pump(s, out);
}

/* A page without events: all that came next was trimmed, or the stream is no longer the one it was,
 * and a wake is about to say so. */
static void take_empty_page(struct session *s, struct buf *out) {
  struct stream_info info;
  stream_info(s->stream, &info);
  int64_t before = s->feed.view.delivered_id;
  skip_expired(s, out, info.first_id);
  if (s->feed.view.delivered_id != before)
    pump(s, out);
  else
    session_send(s, out);
}

static void take_page(struct session *s, struct buf *out, struct hub_page *page) {
  if (page->code != 0 && page->code != CWS_EEPOCHCHANGED) {
    if (session_send(s, out))
      session_close_retry(s, WS_CLOSE_TRY_LATER, "the store cannot be read now", STORE_RETRY_MS);
    return;
  }
  if (page->code != 0 || page->last_id <= page->after)
    take_empty_page(s, out);
  else
    write_page(s, out, page);
}

static void drop_page(struct session *s) {
  if (s->feed.is_page_read)
    page_free(s->feed.page);
  s->feed.page = NULL;
  s->feed.is_page_read = s->feed.is_page_stale = false;
}

/* A page is stale when the session has started elsewhere since it was asked for; check may find
 * that, too. */
static void use_page(struct session *s, struct buf *out) {
  struct hub_page *page = s->feed.page;
  bool goes_on = check(s, out);
  bool is_stale = s->feed.is_page_stale || strcmp(page->epoch, s->feed.epoch) != 0;
  s->feed.page = NULL;
  s->feed.is_page_read = s->feed.is_page_stale = false;
  if (goes_on && is_stale)
    pump(s, out);
  else if (goes_on)
    take_page(s, out, page);
  page_free(page);
}

/* It waits where the socket still has the one before it. */
static void on_page(struct hub_page *page) {
  struct session *s = page->user;
  s->feed.is_page_read = true;
  if (s->state != SESSION_OPEN)
    drop_page(s);
  else if (!s->feed.is_blocked)
    use_page(s, session_out(s));
  session_settle(s);
}

/* ---- the tail ---- */

static int64_t copy_tail(struct session *s, struct buf *out) {
  struct session_feed *f = &s->feed;
  if (f->watch.takes_deflated)
    return stream_tail_deflate(s->stream, loop_index(s->loop), f->epoch, f->view.delivered_id,
                               WRITE_BYTES, out);
  return stream_tail_copy(s->stream, f->epoch, f->view.delivered_id, WRITE_BYTES, out);
}

/* Writes `out`, then whatever comes next, until the socket is full, a page has to be read, or
 * nothing is left. */
static void pump(struct session *s, struct buf *out) {
  struct session_feed *f = &s->feed;
  if (!f->is_settled && !check(s, out))
    return;
  while (f->is_settled && !f->is_blocked && f->page == NULL) {
    size_t before = out->len;
    int64_t last = copy_tail(s, out);
    if (last < 0) { /* before the tail, or the stream is no longer the one it was */
      if (check(s, out) && session_send(s, out))
        read_page(s);
      return;
    }
    if (last == f->view.delivered_id)
      break;
    count_delivered(s, last, out->len - before);
    advance(s, last);
    put_replay_complete_once(s, out);
    if (!session_send(s, out))
      return;
  }
  put_replay_complete_once(s, out);
  session_send(s, out);
}

static bool is_next(const struct session *s, const struct stream_batch *batch) {
  return batch->after_id == s->feed.view.delivered_id && batch->len <= BATCH_BYTES_MAX &&
         (batch->deflated != NULL || !s->feed.watch.takes_deflated);
}

static void write_batch(struct session *s, const struct stream_batch *batch) {
  bool is_deflated = s->feed.watch.takes_deflated;
  const void *bytes = is_deflated ? batch->deflated : batch->bytes;
  size_t len = is_deflated ? batch->deflated_len : batch->len;
  count_delivered(s, batch->last_id, len);
  advance(s, batch->last_id);
  if (session_write(s, bytes, len) && s->feed.is_replaying) {
    struct buf *out = session_out(s);
    put_replay_complete_once(s, out);
    session_send(s, out);
  }
}

static void on_wake(struct stream_watch *watch, const struct stream_batch *batch) {
  struct session *s = of_watch(watch);
  bool is_just_events =
      batch != NULL && s->feed.is_settled && strcmp(batch->epoch, s->feed.epoch) == 0;
  if (is_just_events && (s->feed.is_blocked || s->feed.page != NULL))
    return;
  if (is_just_events && is_next(s, batch)) {
    write_batch(s, batch);
    return;
  }
  struct buf *out = session_out(s);
  if (is_just_events || check(s, out))
    pump(s, out);
}

void session_feed_drained(struct session *s) {
  s->feed.is_blocked = false;
  session_update_reading(s);
  if (s->feed.is_page_read)
    use_page(s, session_out(s));
  else if (s->feed.is_attached)
    pump(s, session_out(s));
}

/* ---- begin, restart, end ---- */

static void set_view(struct session *s) {
  struct watcher_view *view = &s->feed.view;
  view->connection_id = s->connection_id;
  view->subscriber = s->subscriber;
  view->user_id = s->grants->sub;
  view->address = connection_peer(s->c)->address;
  s->feed.watch.wake = on_wake;
  s->feed.watch.view = view;
}

static void begin_publisher(struct session *s, struct buf *out) {
  struct stream_info info;
  stream_info(s->stream, &info);
  session_put_hello(s, out, &info, info.last_id);
  session_send(s, out);
}

void session_feed_begin(struct session *s, struct buf *out) {
  if (!s->can_watch) {
    begin_publisher(s, out);
    return;
  }
  set_view(s);
  s->feed.view.reconnection_count =
      stream_attach(s->stream, loop_index(s->loop), &s->feed.watch, s->subscriber);
  s->feed.is_attached = true;
  struct stream_info info;
  struct position position;
  stream_info(s->stream, &info);
  position_choose(&s->wish, s->feed.view.acked_id, &info, &position);
  session_put_hello(s, out, &info, position.resume_from);
  if (position.is_other_epoch)
    session_put_gap(s, out, s->wish.after + 1, -1, "epoch", info.epoch);
  set_epoch(s, &info);
  s->feed.ack_floor = position.ack_floor;
  s->feed.ackable_id = position.resume_from;
  start_from(s, out, &info, position.resume_from);
  pump(s, out);
}

void session_feed_end(struct session *s) {
  if (!s->feed.is_attached)
    return;
  s->feed.is_attached = false;
  if (s->feed.is_page_read)
    drop_page(s);
  stream_detach(&s->feed.watch);
}

static void refuse(struct session *s, int code, const char *message) {
  struct cws_error e = {0};
  err_set(&e, code, "%s", message);
  session_protocol_error(s, &e);
}

int64_t session_feed_acked(struct session *s) {
  if (!s->can_watch)
    return 0;
  return stream_ack(s->stream, s->feed.epoch, s->subscriber, 0);
}

void session_feed_restart(struct session *s, int64_t last_message_id) {
  struct buf *out = session_out(s);
  if (!check(s, out) || !session_send(s, out))
    return;
  struct stream_info info;
  stream_info(s->stream, &info);
  int64_t position = last_message_id >= 0 ? last_message_id : session_feed_acked(s);
  if (position > info.last_id) {
    refuse(s, CWS_EBADREQUEST, "last_message_id is beyond the last event");
    return;
  }
  if (position > s->feed.ackable_id)
    s->feed.ackable_id = s->feed.ack_floor = position;
  start_from(s, out, &info, position);
  pump(s, out);
}

void session_feed_ack(struct session *s, int64_t message_id, bool *is_news) {
  struct watcher_view *view = &s->feed.view;
  metrics_add(&s->settings->metrics->acks, 1);
  *is_news = false;
  if (message_id > s->feed.ackable_id) {
    refuse(s, CWS_EBADREQUEST, "message_id is beyond what was delivered");
    return;
  }
  if (message_id <= s->feed.ack_floor || message_id <= view->acked_id)
    return;
  *is_news = true;
  view->acked_id = stream_ack(s->stream, s->feed.epoch, s->subscriber, message_id);
}
