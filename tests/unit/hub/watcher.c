#include "tests/unit/hub/watcher.h"

#include <stdlib.h>
#include <string.h>

enum { COPY_BYTES = 600 }; /* small, so that the tail and pages come in pieces */

/* ---- frames ---- */

static size_t frame_payload(const uint8_t *frame, size_t len, const char **payload) {
  assert_true(len >= 2);
  assert_int_equal(frame[0] & ~WS_RSV1, 0x81); /* FIN, text */
  size_t size = frame[1], header = 2;
  assert_true(size <= 127); /* not masked */
  if (size == 126) {
    assert_true(len >= 4);
    size = (size_t)frame[2] << 8 | frame[3];
    header = 4;
  } else if (size == 127) {
    assert_true(len >= 10);
    size = 0;
    for (int i = 2; i < 10; i++)
      size = size << 8 | frame[i];
    header = 10;
  }
  assert_true(header + size <= len);
  *payload = (const char *)frame + header;
  return size;
}

static int64_t payload_message_id(const char *payload, size_t len) {
  json_error_t err;
  json_t *json = json_loadb(payload, len, 0, &err);
  assert_non_null(json);
  int64_t id = json_integer_value(json_object_get(json, "message_id"));
  json_decref(json);
  return id;
}

static int64_t message_id_of(struct watcher *w, const uint8_t *frame, const char *payload,
                             size_t size) {
  if ((frame[0] & WS_RSV1) == 0)
    return payload_message_id(payload, size);
  char *text;
  size_t len;
  assert_true(w->takes_deflated);
  w->deflated++;
  assert_int_equal(ws_inflate(payload, size, 1 << 20, &text, &len, NULL), 0);
  assert_true(len > size);
  int64_t id = payload_message_id(text, len);
  free(text);
  return id;
}

static void take_frames(struct watcher *w, const void *bytes, size_t len) {
  const uint8_t *at = bytes, *end = at + len;
  while (at < end) {
    const char *payload;
    size_t size = frame_payload(at, (size_t)(end - at), &payload);
    assert_int_equal(message_id_of(w, at, payload, size), w->position + 1);
    w->position++;
    at = (const uint8_t *)payload + size;
  }
  w->bytes += (int64_t)len;
}

/* ---- following ---- */

static void pump(struct watcher *w);

static bool check(struct watcher *w) {
  struct stream_info info;
  stream_info(w->stream, &info);
  w->is_deleted = info.deleted;
  if (info.deleted)
    return false;
  if (strcmp(info.epoch, w->epoch) != 0) {
    memcpy(w->epoch, info.epoch, sizeof w->epoch);
    w->position = 0;
    w->epoch_changes++;
    w->is_stale = w->is_reading;
  }
  if (w->position < info.first_id - 1 &&
      !w->is_reading) /* the page may have been read before the trim */
    w->position = info.first_id - 1;
  return true;
}

static void take_page(struct watcher *w, const struct hub_page *page) {
  assert_int_equal(page->code, 0);
  if (page->last_id == page->after) { /* trimmed, or gone: then a wake will come */
    if (check(w) && w->position != page->after)
      pump(w);
    return;
  }
  assert_string_equal(page->epoch, w->epoch);
  if (page->first_id > w->position + 1)
    w->position = page->first_id - 1;
  take_frames(w, page->frames.data, page->frames.len);
  assert_int_equal(page->last_id, w->position);
  pump(w);
}

static void on_page(struct hub_page *done) {
  struct watcher *w = done->user;
  struct hub_page page = *done; /* the next one may be asked for before this one is through */
  w->pages++;
  bool goes_on = w->is_attached && check(w); /* may find the page stale */
  bool is_stale = w->is_stale;
  w->is_reading = w->is_stale = false;
  if (goes_on && is_stale)
    pump(w);
  else if (goes_on)
    take_page(w, &page);
  buf_finish(&page.frames);
}

static void read_page(struct watcher *w) {
  w->page = (struct hub_page){.done = on_page,
                              .user = w,
                              .after = w->position,
                              .max_bytes = COPY_BYTES,
                              .is_deflated = w->takes_deflated};
  w->is_reading = true;
  assert_int_equal(hub_read_page(w->f->hub, w->worker, w->stream, &w->page), 0);
}

static void pump_tail(struct watcher *w, struct buf *out) {
  while (!w->is_reading) {
    buf_reset(out);
    int64_t last =
        w->takes_deflated
            ? stream_tail_deflate(w->stream, w->worker, w->epoch, w->position, COPY_BYTES, out)
            : stream_tail_copy(w->stream, w->epoch, w->position, COPY_BYTES, out);
    if (last < 0) {
      if (check(w))
        read_page(w);
      return;
    }
    if (last == w->position)
      return;
    w->tails++;
    take_frames(w, out->data, out->len);
    assert_int_equal(last, w->position);
  }
}

static void pump(struct watcher *w) {
  struct buf out;
  buf_init(&out);
  pump_tail(w, &out);
  buf_finish(&out);
  if (w->on_reached && !w->is_reading && w->position >= w->wanted_id) {
    void (*on_reached)(struct watcher *) = w->on_reached;
    w->on_reached = NULL;
    on_reached(w);
  }
}

static void on_wake(struct stream_watch *watch, const struct stream_batch *batch) {
  struct watcher *w = (struct watcher *)((char *)watch - offsetof(struct watcher, watch));
  w->wakes++;
  if (w->on_wake)
    w->on_wake(w, batch);
  if (!w->is_attached)
    return;
  if (batch && !w->is_reading && strcmp(batch->epoch, w->epoch) == 0 &&
      batch->after_id == w->position) {
    w->batches++;
    if (w->takes_deflated)
      take_frames(w, batch->deflated, batch->deflated_len);
    else
      take_frames(w, batch->bytes, batch->len);
    assert_int_equal(batch->last_id, w->position);
  }
  if (check(w))
    pump(w);
}

void watcher_start(struct watcher *w, struct fixture *f, int worker, struct stream *s,
                   const char *subscriber) {
  struct stream_info info;
  w->f = f;
  w->worker = worker;
  w->stream = stream_ref(s);
  w->watch =
      (struct stream_watch){.wake = on_wake, .view = &w->view, .takes_deflated = w->takes_deflated};
  w->is_attached = true;
  w->connects_before = stream_attach(s, worker, &w->watch, subscriber);
  stream_info(s, &info);
  memcpy(w->epoch, info.epoch, sizeof w->epoch);
  if (check(w))
    pump(w);
}

void watcher_stop(struct watcher *w) {
  if (!w->is_attached)
    return;
  w->is_attached = false;
  stream_detach(&w->watch);
  stream_unref(w->stream);
}
