/*
 * hub: the requests in use, on all workers. It brings publishes to the store and commits to the
 * watchers. It knows no socket and no SQL.
 *
 * Threads: a call with a worker index is made on that worker's loop, and its callback comes on that
 * loop, never from inside the call. Commits arrive on the store's writer thread; each touches the
 * streams' tails under their locks and wakes every worker with watchers once a batch.
 *
 * Where several hubs share the store, each is told what the others commit, by the store, and what
 * subscribers acknowledge there; so a stream's events, owner and positions are the same on all of
 * them. Watchers are each hub's own, but are counted on all.
 */
#ifndef CWS_HUB_HUB_H
#define CWS_HUB_HUB_H

#include "lib/core/buf.h"
#include "lib/core/log.h"
#include "server/base/clock.h"
#include "server/base/mail.h"
#include "server/hub/frame.h"
#include "server/store/store.h"
#include <councilws/error.h>
#include <councilws/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct hub;
struct stream;

struct hub_options {
  const char *store_uri;
  struct store_options store; /* listener and clock are filled in by the hub */
  int workers;
  /* Posts mail to a worker; any thread. */
  void (*post)(int worker, struct mail *mail, void *user);
  void *user;
  /* As of cws_server_options. Or NULL. */
  void (*on_failed)(const struct cws_error *why, void *user);
  void *failed_user;
  const struct clock *clock;
  struct log *log;
  size_t tail_events, tail_bytes; /* per stream; 0: 1,024 events and 1 MiB */
  int64_t linger_ms;              /* a stream nobody uses stays in memory this long; 0: 60 s */
  size_t idle_tail_bytes;         /* tails of all streams without watchers together; 0: 64 MiB */
};

int hub_new(const struct hub_options *options, struct hub **out, struct cws_error *err);
/* No mail is posted any more once this returns; any thread. Call it before the mailboxes go. */
void hub_silence(struct hub *hub);
/* When no worker uses it any more: finishes what is under way, calling each `done` that is still
 * due on this thread, saves, closes the store, frees. Mail it posted is not to be run afterwards.
 * NULL is fine. */
void hub_free(struct hub *hub);
struct store *hub_store(struct hub *hub);
/* Once a second on worker 0: saves summaries that changed, lets go of idle streams, tells other
 * hubs of watchers. Quick: the work is done on a reader thread. */
void hub_tick(struct hub *hub);
/* Saves all summaries and waits for the store. Blocks: not on a loop. */
int hub_flush(struct hub *hub);

struct hub_totals {
  int64_t streams, watchers; /* in memory; attached; of this hub */
  /* Since start: events stored that were published here; bytes of events handed to watchers, as
   * batches (one for each watcher woken), from tails and in pages. */
  int64_t published, delivered_bytes;
};
void hub_totals(struct hub *hub, struct hub_totals *out);

/* ---- streams ---- */

/* One asynchronous open: finds or loads the request, and the position of a subscriber in it. */
struct hub_open {
  /* `code` 0: `s` is a reference for the callee; `acked` the subscriber's position (0 without one).
   */
  void (*done)(struct hub_open *open, int code, struct stream *s, int64_t acked);
  void *user;
  struct hub_open_state *state; /* the hub's */
  struct cws_error error;
};
/* A request without events is opened, too: it begins with its first event. `subscriber` may be
 * NULL. Strings are copied. 0: done will come, on the worker's loop, never from inside this call.
 * Else (CWS_ENOMEM) it will not. */
int hub_open_stream(struct hub *hub, int worker, const char *request_id, const char *subscriber,
                    struct hub_open *open);
/* The same at once, where memory has both the stream and the position: true, and *out is a
 * reference for the caller. Else false: hub_open_stream finds them. Any thread. */
bool hub_open_now(struct hub *hub, const char *request_id, const char *subscriber,
                  struct stream **out, int64_t *acked);

struct stream *stream_ref(struct stream *s);
void stream_unref(struct stream *s); /* any thread; NULL is fine */
const char *stream_request_id(const struct stream *s);

struct stream_info {
  char epoch[CWS_EPOCH_MAX + 1];
  char owner[CWS_SUBSCRIBER_MAX + 1];
  int64_t first_id, last_id; /* first_id = last_id + 1 when it holds no event */
  int64_t count, bytes, created_ms, updated_ms;
  int watchers;
  bool is_shared; /* other hubs have it, too, and may be further for a moment */
  bool deleted; /* by DELETE: say bye. This object never comes back; opening the request again gives
                   another */
};
/*
 * The epoch of a request without events is a provisional one, which it keeps when it begins. When
 * its events expired it is without events again, with another epoch, first_id 1 and last_id 0, and
 * its watchers are woken. Where hubs share the store, all have the same provisional one, for that
 * day: a request that is watched on one day and begins on another has another then. Nothing was
 * missed, but it is to be told.
 */
void stream_info(struct stream *s, struct stream_info *out); /* a snapshot; any thread */

/* What woken watchers share: the frames of events after_id+1 … last_id, in one piece. */
struct stream_batch {
  int64_t after_id, last_id;
  const char *epoch;
  const void *bytes;
  size_t len;
  const void
      *deflated; /* the same, compressed; NULL where none of them takes that, or memory is out
                  */
  size_t deflated_len;
};

/* A watcher's place in a stream; embedded in the session. All members are the hub's but those
 * named. */
struct stream_watch {
  struct stream_watch *next, *prev;
  struct stream *stream;
  int worker;
  /* Something happened: new events, another epoch or owner, deletion. On the worker's loop. `batch`
   * holds the frames of events after_id+1 … last_id in one piece, ready to write, for who stands at
   * after_id in `epoch`; NULL where there is none. May detach itself and others, and attach. Who
   * stands elsewhere looks at stream_info and helps itself from stream_tail_copy or a page. */
  void (*wake)(struct stream_watch *watch,
               const struct stream_batch *batch); /* set by the session */
  /* Filled in by the session for GET /requests/{id}; read on this worker's loop only. */
  const struct watcher_view *view; /* set by the session */
  bool takes_deflated;             /* set by the session, before it attaches */
  struct subscriber *subscriber;
};

struct watcher_view {
  const char *connection_id, *subscriber, *user_id, *address;
  int64_t connected_at_ms, last_heartbeat_ms; /* wall clock */
  int reconnection_count;
  int64_t delivered_id, acked_id;
};

/* Starts and ends being woken. On the watch's worker. attach returns how often this subscriber had
 * connected to the request before, since the stream was loaded; `subscriber` is copied and may be
 * NULL. The watch holds a reference to the stream. What was committed before attach may not be
 * followed by a wake: look at the stream after it. detach of a watch that is not attached does
 * nothing; zero it before its first use. */
int stream_attach(struct stream *s, int worker, struct stream_watch *watch, const char *subscriber);
void stream_detach(struct stream_watch *watch);

/* Frames of the newest events, from memory. Copies into `out` what follows `after`, up to max_bytes
 * (at least one frame). Returns the last id copied, `after` when there is nothing newer, or -1 when
 * it starts before the tail, or `epoch` is not the stream's any more, or memory is out: then look
 * at stream_info, and read a page. */
int64_t stream_tail_copy(struct stream *s, const char *epoch, int64_t after, size_t max_bytes,
                         struct buf *out);

/* The same, compressed; on the worker's loop. */
int64_t stream_tail_deflate(struct stream *s, int worker, const char *epoch, int64_t after,
                            size_t max_bytes, struct buf *out);

/* Whether what follows `after` has to be read from the store, as stream_tail_copy would find. */
bool stream_is_before_tail(struct stream *s, const char *epoch, int64_t after);

/* Frames from the store, asynchronously. */
struct hub_page {
  void (*done)(struct hub_page *page); /* on the worker's loop */
  void *user;
  /* in */
  int64_t after;
  size_t max_bytes; /* as they are before they are compressed */
  bool is_deflated; /* they are to be compressed */
  /* out */
  int code; /* CWS_EDELETED, CWS_ESTORE, CWS_ECORRUPT, CWS_ENOMEM. Expired while it was read: 0, and
               no frames */
  struct cws_error error;
  char epoch[CWS_EPOCH_MAX + 1]; /* the stream's, which the frames are of */
  /* Of the frames; last_id = after when there is none. first_id > after + 1: what lies between has
   * expired. Never beyond stream_info's last_id. */
  int64_t first_id, last_id;
  struct buf frames;            /* the caller's to finish */
  struct hub_page_state *state; /* the hub's */
};
int hub_read_page(struct hub *hub, int worker, struct stream *s, struct hub_page *page);

/* Acknowledges; any worker. Moves forward only, not beyond last_id, and only in `epoch`. Returns
 * the position that stands. */
int64_t stream_ack(struct stream *s, const char *epoch, const char *subscriber, int64_t message_id);

/* ---- publishing ---- */

struct hub_publish {
  void (*done)(struct hub_publish *p); /* on the worker's loop, in the order of the calls of one
                                          worker and stream */
  void *user;
  /* in: owned events (taken: the hub frees them) with the parsed data of each (taken), `count` of
   * them, ≥ 1. The two arrays themselves stay the caller's and are not used after hub_publish has
   * returned. */
  struct cws_event_owned **events;
  json_t **data_json;
  size_t count;
  const char *owner; /* whose the request is if it begins with this; or NULL; copied */
  /* Or NULL; copied. Stands in for the event_id of every event that has none: the same key with the
   * same events is a duplicate, with others or another number of them CWS_EEVENTIDREUSED. */
  const char *idempotency_key;
  /* out */
  int code;
  struct cws_error error;
  int64_t first_id, last_id; /* of all of them, whether stored now or earlier */
  bool duplicate;            /* all were stored earlier */
  size_t stored;
  struct hub_publish_state *state; /* the hub's */
};
/* 0: done will come. Else (CWS_EBUSY, CWS_ENOMEM) it will not, and the events are still the
 * caller's. */
int hub_publish(struct hub *hub, int worker, struct stream *s, struct hub_publish *p);

/* ---- asking ---- */

/*
 * One answer, as JSON text in `json`, put together off the loop where the store is read.
 *
 * HUB_GET_REQUEST:
 * {"request_id","status","stage","progress","cost","tokens","epoch","owner","first_message_id",
 *   "last_message_id","count","bytes","created_at","updated_at","subtasks":{…},"watcher_count"},
 * and with_watchers
 *   "watchers":[{"connection_id","subscriber","user_id","address"?,"connected_at","last_heartbeat",
 *   "reconnection_count","last_ack","lag"}…],"subscribers":[{"subscriber","last_ack","lag"}…], the
 * latter of all who ever acknowledged. Times are RFC 3339 or null; owner is null where there is
 * none. A request that is watched and has no event yet is "pending"; one that is not even watched
 * is CWS_EUNKNOWNREQUEST. Where hubs share the store, "watcher_count" is of all of them, as they
 * told within the last seconds, and "watchers" are this hub's. HUB_LIST:
 * {"requests":[{"request_id","status","stage","progress","cost","tokens","owner","count","bytes",
 *   "created_at","updated_at","watcher_count"}…],"next_cursor":"…"|null}, newest first; limit
 * 1–1,000, 0 for 50. Work is bounded: a page may have fewer than `limit` and still a next one.
 * CWS_EBADREQUEST: no such status, bad cursor. HUB_EVENTS: the events in wire form; limit 1–10,000,
 * 0 for 1,000; about 4 MiB at most. `after` before the first one starts at the first.
 * CWS_EEPOCHCHANGED also where the stream began anew while it was read. HUB_DELETE:
 * {"request_id","deleted":true}.
 */
struct hub_query {
  void (*done)(struct hub_query *q); /* on the worker's loop */
  void *user;
  /* in; strings are copied */
  enum { HUB_GET_REQUEST, HUB_LIST, HUB_EVENTS, HUB_DELETE } kind;
  const char *request_id;
  const char *status, *cursor; /* list */
  int64_t limit;               /* list, events */
  int64_t after, to;           /* events */
  const char *types;           /* events: comma-separated, or NULL */
  const char *epoch;  /* events: refuse with CWS_EEPOCHCHANGED when it is another; or NULL */
  bool ndjson;        /* events: lines instead of an array */
  bool with_watchers; /* request: their list and the subscribers', too, else only the count */
  bool (*may_see)(const char *request_id, const char *owner,
                  void *user); /* list: filter; may be called on any thread */
  void *may_see_user;
  /* out */
  int code;
  struct cws_error error;
  struct buf json;               /* the caller's to finish */
  int64_t next_after;            /* events: where the next page starts; 0 at the end */
  char *next_cursor;             /* list: the caller's to free, NULL at the end */
  struct hub_query_state *state; /* the hub's */
};
/* 0: done will come. Else (CWS_ENOMEM, CWS_EBUSY) it will not. */
int hub_query(struct hub *hub, int worker, struct hub_query *q);

#endif
