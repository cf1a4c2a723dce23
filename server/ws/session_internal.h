/*
 * session_internal: what the files of a session share; not for others. session.c owns its life,
 * session_close.c its end, session_output.c its bytes, session_input.c what the client says,
 * session_feed.c its place in the stream, session_timers.c its clocks, session_publish.c its
 * publishes, session_registry.c where it is listed.
 *
 * A watcher by SSE is a session like the others: what it is told is made as frames, and sse.c turns
 * them into text on their way out (session_write). It hears nothing, so it is not pinged, is never
 * inactive, and acknowledges nothing.
 */
#ifndef CWS_WS_SESSION_INTERNAL_H
#define CWS_WS_SESSION_INTERNAL_H

#include "lib/core/protocol.h"
#include "lib/core/ws_frame.h"
#include "server/ws/session.h"
#include "server/ws/session_position.h"

#define SESSION_ID_LEN 16              /* hex characters of a connection_id */
#define SESSION_CLOSE_DEADLINE_MS 5000 /* for the peer's close after ours */
#define SESSION_LINGER_MS 5000         /* for the last bytes, once both have closed */
#define SESSION_OUTPUT_MAX                                                                         \
  (1024 * 1024) /* bytes kept for a client that sends and does not read; then it is not read */

/*
 * NEW      made by the handshake; waits for its connection. Ends by session_begin.
 * OPEN     says and hears everything. Ends by a close of either side, or a dead socket.
 * CLOSING  has said bye and close; hears only the peer's close, until a deadline.
 * ENDED    nothing more is said or heard; waits for the connection's on_close.
 * GONE     has no connection; waits for what the hub still owes it, then is freed.
 */
enum session_state { SESSION_NEW, SESSION_OPEN, SESSION_CLOSING, SESSION_ENDED, SESSION_GONE };

/* Its place in the stream. The position itself is view.delivered_id: written to the connection up
 * to there. */
struct session_feed {
  struct stream_watch watch;
  struct watcher_view view;
  char epoch[CWS_EPOCH_MAX + 1];
  bool is_attached;
  bool is_settled;   /* the stream has begun in `epoch`, so its owner is known and may not change */
  bool is_blocked;   /* the connection keeps bytes: wait for on_drain */
  bool is_replaying; /* replay_complete is still to be said, once replay_to is delivered */
  int64_t replay_to;
  int64_t ackable_id;    /* the newest id that may be acknowledged */
  int64_t ack_floor;     /* acks up to here say nothing new */
  struct hub_page *page; /* being read, or NULL */
  bool is_page_read;     /* it is, and waits for the socket */
  bool is_page_stale;    /* it was asked for before a restart: its events are not wanted */
};

struct session_liveness {
  struct timer heartbeat, check;
  int64_t heard_ms;  /* last message, pong or close; monotonic, as all here */
  int64_t alive_ms;  /* the same, or when the socket last took all output */
  int64_t pinged_ms; /* last ping that is unanswered */
  int pings;         /* unanswered ones */
  int messages;      /* since window_ms; see max_messages_per_second */
  int64_t window_ms;
};

struct session_publishing;
struct worker_sessions;

struct session {
  struct session *next, *prev; /* of worker->head */
  enum session_state state;
  int protocol_errors;
  int owed; /* callbacks that the hub or the mailbox still owes it */
  bool can_watch;
  bool is_paused; /* the socket is not read */
  bool is_sse;
  char *types; /* with is_sse: see sse_append */
  char connection_id[SESSION_ID_LEN + 1];
  const struct session_settings *settings;
  struct worker_sessions *worker;
  struct hub *hub;
  struct loop *loop;
  struct connection *c; /* NULL in NEW and GONE */
  struct stream *stream;
  struct grants *grants;
  char *subscriber;
  struct quota_hold hold;
  struct position_wish wish; /* until it has begun */
  struct ws_parser parser;
  struct session_feed feed;
  struct session_liveness liveness;
  struct session_publishing *publishing; /* NULL while it has nothing to answer */
};

/* What the sessions of one worker share; on its loop only. */
struct worker_sessions {
  struct session *head;
  size_t count;
  bool is_draining;
  uint64_t random;      /* state of session_random */
  struct buf json, out; /* scratch: one message; the frames of one write */
  struct buf text;      /* the same as text, for SSE */
};

/* ---- session.c ---- */
/* The one place where the state changes. Leaving OPEN ends the feed and the heartbeat. */
void session_set_state(struct session *s, enum session_state state);
/* One of the callbacks it is owed has come: frees it if that was the last, and it is gone. */
void session_settle(struct session *s);
/* Reads or stops reading the socket, as the unanswered publishes and the unsent output want it. */
void session_update_reading(struct session *s);

/* ---- session_close.c ---- */
/* bye, the close frame, then the wait for the peer's. retry_after_ms 0: none. */
void session_close(struct session *s, int code, const char *reason);
void session_close_retry(struct session *s, int code, const char *reason, int64_t retry_after_ms);
/* The same for a peer that seems to be gone: nothing is waited for. */
void session_close_and_cut(struct session *s, int code, const char *reason);
/* The peer's frames cannot be read any more: bye and close without waiting for an answer. */
void session_close_broken(struct session *s, int code, const char *reason);
void session_answer_close(struct session *s, int code);
/* Nothing can be said (memory, a dead socket): ends at once. */
void session_fail(struct session *s);

/* ---- session_output.c: each `put` appends one frame to `out`; session_send writes them ---- */
struct buf *session_out(
    struct session *s); /* the worker's, emptied: valid until control goes back to the loop */
void session_put_hello(struct session *s, struct buf *out, const struct stream_info *info,
                       int64_t resume_from);
void session_put_heartbeat(struct session *s, struct buf *out);
void session_put_gap(struct session *s, struct buf *out, int64_t from, int64_t to,
                     const char *reason, const char *epoch);
void session_put_replay_complete(struct session *s, struct buf *out);
void session_put_published(struct session *s, struct buf *out, const struct hub_publish *p,
                           const char *ref);
void session_put_error(struct session *s, struct buf *out, const struct cws_error *e,
                       const char *ref);
void session_put_bye(struct session *s, struct buf *out, int code, const char *reason,
                     int64_t retry_after_ms);
/* Writes and empties `out`. False when the session has ended by it. */
bool session_send(struct session *s, struct buf *out);
bool session_write(struct session *s, const void *bytes, size_t len);

/* ---- session_input.c ---- */
extern const struct ws_frame_handlers session_frame_handlers;
/* Tells a broken rule and counts it; beyond max_protocol_errors 4509 follows. */
void session_protocol_error(struct session *s, const struct cws_error *e);
void session_count_error(struct session *s);

/* ---- session_feed.c ---- */
/* Where it starts, by its wish; hello goes first. Attaches and starts feeding. */
void session_feed_begin(struct session *s, struct buf *out);
void session_feed_end(struct session *s);
void session_feed_drained(struct session *s);
void session_feed_ack(struct session *s, int64_t message_id, bool *is_news);
void session_feed_restart(struct session *s, int64_t last_message_id);
/* The subscriber's position, whoever moved it. */
int64_t session_feed_acked(struct session *s);

/* ---- session_timers.c ---- */
void session_timers_begin(struct session *s);
void session_timers_end(struct session *s);
void session_timers_close_deadline(struct session *s);
void session_heard(struct session *s);
void session_drained(struct session *s);
/* Counts a message against the rate. False when it was one too many. */
bool session_count_message(struct session *s);
int64_t session_now_ms(const struct session *s);
int64_t session_wall_ms(const struct session *s);

/* ---- session_publish.c ---- */
/* Takes the event, its data and the ref out of *m. `refused`: what was wrong with it already, or
 * NULL. */
void session_publish(struct session *s, struct client_message *m, const struct cws_error *refused);
bool session_publish_is_full(const struct session *s);
/* Appends the answers that stand, before the last words. */
void session_publish_put_answers(struct session *s, struct buf *out);
/* The connection has gone: what is stored is stored, its answers are dropped. */
void session_publish_abandon(struct session *s);
void session_publish_free(struct session *s);

/* ---- session_registry.c ---- */
struct worker_sessions *session_registry_worker(struct session_registry *r, int index);
void session_registry_add(struct session *s);
void session_registry_remove(struct session *s);
/* Random bits for spreading things in time; not for secrets. */
uint64_t session_random(struct session *s);

#endif
