/*
 * watcher: a session as the hub knows it, without a socket: it follows a stream from a position by
 * batches, the tail and pages, and fails the test on any hole, duplicate or reordering.
 */
#ifndef CWS_TEST_HUB_WATCHER_H
#define CWS_TEST_HUB_WATCHER_H

#include "tests/unit/hub/fixture.h"

struct watcher {
  struct fixture *f;
  int worker;
  struct stream_watch watch;
  struct watcher_view view;
  struct stream *stream; /* a reference */
  char epoch[CWS_EPOCH_MAX + 1];
  int64_t position;
  struct hub_page page;
  bool is_reading, is_stale, is_attached, is_deleted;
  bool takes_deflated; /* set before watcher_start */
  int wakes, batches, pages, tails, epoch_changes, connects_before;
  int deflated; /* frames that were compressed */
  int64_t bytes;
  int64_t wanted_id; /* on_reached is called once the position is there and no page is being read */
  void (*on_reached)(struct watcher *w);
  void (*on_wake)(struct watcher *w, const struct stream_batch *batch); /* before it is handled */
};

/* Attaches on worker's loop and catches up. The stream's reference stays the caller's. */
void watcher_start(struct watcher *w, struct fixture *f, int worker, struct stream *s,
                   const char *subscriber);
void watcher_stop(struct watcher *w);

#endif
