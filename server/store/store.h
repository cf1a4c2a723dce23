/*
 * store: what the hub calls. A store keeps requests as ordered streams of events, and the
 * acknowledged positions of their subscribers. It knows no socket, no loop and no session.
 *
 * Writes are asynchronous: one writer takes whatever is pending as one batch, makes it durable,
 * then reports, in commit order. Reads are synchronous, thread-safe and may block on a disk:
 * store_submit runs them on the store's reader threads.
 */
#ifndef CWS_STORE_STORE_H
#define CWS_STORE_STORE_H

#include "lib/core/log.h"
#include "server/base/clock.h"
#include <councilws/error.h>
#include <councilws/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* One event to be stored. Strings are borrowed until the append's done. */
struct store_event {
  const char *type;
  const char *timestamp; /* never NULL here: the hub fills it in */
  const char *data;
  size_t data_len;
  const char *event_id; /* or NULL */
  uint64_t fingerprint; /* of the content, where event_id is set */
  int64_t message_id; /* out: 1, 2, 3 …, or that of the event stored earlier under this event_id */
  bool duplicate;     /* out: stored earlier; nothing was stored now */
  void *facts;        /* the hub's: carried along, for its listener */
};

/* One publish: all or nothing. Owned by the caller, untouched by it until `done`. */
struct store_append {
  const char *request_id;
  const char *owner; /* sets the owner if the stream begins with it; or NULL */
  struct store_event *events;
  size_t count; /* ≥ 1 */

  /* out */
  int code; /* 0, CWS_EEVENTIDREUSED, CWS_ESTORE (surely not stored), CWS_ECORRUPT (the
               request is damaged; not stored), CWS_EUNKNOWNOUTCOME (may be) */
  struct cws_error error;
  char epoch[CWS_EPOCH_MAX + 1];
  bool is_new_stream;
  size_t stored;   /* how many of `events` were new */
  bool is_foreign; /* another hub's: its events have no facts, and it is the store's own */

  /* On the writer's thread, once, after the listener's on_commit. */
  void (*done)(struct store_append *append);
  struct store_append *next; /* the store's */
  int64_t bytes;             /* the store's */
  uint64_t ticket;           /* the store's: its place among all that was queued */
};

enum store_remove_reason { STORE_DELETED, STORE_EXPIRED };

struct store_remove {
  const char *request_id;
  int code; /* out: 0, CWS_EUNKNOWNREQUEST, CWS_ESTORE */
  struct cws_error error;
  void (*done)(struct store_remove *remove); /* on the writer's thread, once, after on_remove */
  struct store_remove *next;                 /* the store's */
  uint64_t ticket;                           /* the store's */
};

/* Called on the writer's thread, in commit order; must be quick. */
struct store_listener {
  /* A request begins with an append that is being applied: which epoch is it to have? Where the
   * transaction fails, the request has not begun, and is asked for again. The store changes an
   * epoch that the request had lately. Never NULL. */
  void (*choose_epoch)(const char *request_id, char epoch[CWS_EPOCH_MAX + 1], void *user);
  /* An append stands (code 0, stored > 0 or not); before its done. */
  void (*on_commit)(struct store_append *append, void *user);
  /* A request is gone; before its done. */
  void (*on_remove)(const char *request_id, const char *epoch, enum store_remove_reason reason,
                    void *user);
  /* Events up to and including last_gone were trimmed; `count` and `bytes` are what is left. */
  void (*on_trim)(const char *request_id, int64_t last_gone, int64_t count, int64_t bytes,
                  void *user);
  /* A request has a new epoch, and its events as before: from `first_id` on, a hub that was wrong
   * told other ones under the old epoch. Or NULL. */
  void (*on_renew)(const char *request_id, const char *old_epoch, const char *epoch,
                   int64_t first_id, void *user);
  /* A subscriber's position moved on another hub, or on this one. Or NULL. */
  void (*on_position)(const char *request_id, const char *epoch, const char *subscriber,
                      int64_t message_id, void *user);
  /* Its state is not what the log says, for good: it is to be closed and opened again, to begin
   * anew. Or NULL. */
  void (*on_parted)(const struct cws_error *why, void *user);
  /* Another hub told something: store_tell. Or NULL. */
  void (*on_told)(const void *bytes, size_t len, void *user);
  /* After the callbacks of one batch: the place to wake whoever waits. */
  void (*on_batch_end)(void *user);
  void *user;
};

/* A log that hubs share; for a store "nats://…". Strings are borrowed until store_open returns. */
struct store_nats_options {
  const char *state_path; /* the file of this hub's own state; needed */
  const char *prefix;     /* of the names of stream and subjects; NULL: "councilws" */
  /* How the stream is made where it is missing, and what it has to be where it is there; 0 and
   * NULL: whatever it is. Made with as many replicas as servers are given, 3 at most; in files. */
  int replicas;                            /* 1 … 5 */
  const char *storage;                     /* "file" or "memory" */
  int64_t max_age_ms;                      /* entries are kept this long; made with 7 days */
  int64_t max_bytes;                       /* of all entries; made without */
  const char *user, *password;             /* or NULL */
  const char *credentials;                 /* a file with a JWT and a seed, or NULL */
  int64_t patience_ms;                     /* a publish waits this long for the log; 0: 15,000 */
  const char *tls_ca, *tls_cert, *tls_key; /* files, or NULL; TLS is used where one is given or a
                                              server asks for it */
};

struct store_options {
  const char *path; /* the part behind "sqlite:" or "nats:"; NULL for memory */
  struct store_nats_options nats;
  bool durability_normal;
  int64_t retention_ms; /* a request goes this long after its last event; 0: never */
  int64_t max_request_events, max_request_bytes; /* 0: none; the newest event always stays */
  int64_t max_pending_events,
      max_pending_bytes;     /* append says CWS_EBUSY beyond; 0: 100,000 and 64 MiB */
  const struct clock *clock; /* wall clock for ages */
  struct log *log;
  struct store_listener listener;
};

/* What is known of one request. */
struct store_info {
  char request_id[CWS_REQUEST_ID_MAX + 1];
  char epoch[CWS_EPOCH_MAX + 1];
  char owner[CWS_SUBSCRIBER_MAX + 1]; /* "" where it has none */
  int64_t first_id; /* of the oldest event that is left; last_id + 1 when none is */
  int64_t last_id;
  int64_t count, bytes;           /* events left and the bytes of their data */
  int64_t created_ms, updated_ms; /* wall clock; updated: the last event's commit */
  char *summary;      /* what store_set_summary kept (JSON), or NULL; free with store_info_finish */
  int64_t summary_id; /* the message_id it is good for */
};
void store_info_finish(struct store_info *info);

/* A page of events, in order. Each event's strings lie in the page. */
struct store_page {
  struct cws_event *events;
  size_t count;
  bool more;                     /* stopped by a limit, not by the end */
  char epoch[CWS_EPOCH_MAX + 1]; /* the stream's that they are of */
};
void store_page_free(struct store_page *page); /* NULL is fine */

struct store_range {
  int64_t after;                /* exclusive */
  int64_t to;                   /* inclusive; 0: to the end */
  size_t max_events, max_bytes; /* bytes of data; 0: no limit of that kind but the store's own. A
                                   page always has at least one event if there is one */
};

struct store_position {
  char subscriber[CWS_SUBSCRIBER_MAX + 1];
  int64_t message_id;
  int64_t updated_ms;
};

/* Whether there is a store of that kind: CWS_ECONFIG. Opens nothing. NULL is none. */
int store_uri_check(const char *uri, struct cws_error *err);
/* Opens "memory:" or "sqlite:PATH". CWS_ECONFIG (unknown kind), CWS_ESTORE, CWS_ECORRUPT (names
 * the file and what to do; nothing is overwritten). */
int store_open(const char *uri, const struct store_options *options, struct store **out,
               struct cws_error *err);
/* Commits what is pending (done is called for each), ends the threads, frees. NULL is fine. */
void store_close(struct store *s);
const char *store_name(const struct store *s);

/* Queues an append; any thread. 0: done will be called. CWS_EBUSY: refused, done will not be
 * called. */
int store_append(struct store *s, struct store_append *append);
int store_remove(struct store *s, struct store_remove *remove);

/* Moves a subscriber's position forward (never back); any thread, never blocks. Durable within
 * STORE_POSITION_MS; many calls cost one write. Ignored when `epoch` is no longer the stream's. */
#define STORE_POSITION_MS 500
void store_set_position(struct store *s, const char *request_id, const char *epoch,
                        const char *subscriber, int64_t message_id);
/* Keeps a summary good up to message_id; coalesced likewise. */
void store_set_summary(struct store *s, const char *request_id, const char *epoch,
                       int64_t message_id, const char *json);

/* Waits until everything queued before is durable; for drain and tests. Any thread but the
 * writer's. */
int store_flush(struct store *s);
/* Runs retention now (it also runs by itself, once a minute); blocks; for tests. */
int store_sweep(struct store *s);

/* Reads: synchronous, any thread. */
int store_info(struct store *s, const char *request_id, struct store_info *out,
               struct cws_error *err); /* CWS_EUNKNOWNREQUEST */
/* Events of the range; fewer than asked at the end. CWS_EUNKNOWNREQUEST. */
int store_read(struct store *s, const char *request_id, const struct store_range *range,
               struct store_page **out, struct cws_error *err);
/* 0 where it has none; sees positions that are not yet durable. */
int store_get_position(struct store *s, const char *request_id, const char *subscriber,
                       int64_t *message_id, struct cws_error *err);
int store_positions(struct store *s, const char *request_id, struct store_position **out,
                    size_t *count, struct cws_error *err); /* free(*out) */
/* Newest first (by created_ms, then request_id), at most `limit`, beyond `cursor` (NULL: from the
 * newest). *next_cursor is free()d by the caller, NULL at the end. Each info is to be finished;
 * free(*out). */
int store_list(struct store *s, const char *cursor, size_t limit, struct store_info **out,
               size_t *count, char **next_cursor, struct cws_error *err);

/* Whether appends can succeed now; false with the reason while the disk is full, say. Any thread,
 * quick. */
bool store_is_writable(struct store *s, struct cws_error *why);

/* ---- a store that several hubs share ---- */

/* Whether others may append to it, too. */
bool store_is_shared(const struct store *s);
/* How its log keeps entries, as far as it tells: as it was when the store was opened. Whether files
 * are synced before it acknowledges, it does not. Any thread. False: not shared. */
struct store_log_kept {
  int replicas; /* on as many servers */
  bool is_in_memory;
};
bool store_log_kept(const struct store *s, struct store_log_kept *out);
/* The epoch that a request would have if it began now: all hubs find the same one. Any thread,
 * quick. False: not shared; the listener chooses. */
bool store_first_epoch(struct store *s, const char *request_id, char out[CWS_EPOCH_MAX + 1]);
/* Tells the other hubs something that is not kept and may be lost; copies it. Any thread. Nothing
 * where it is not shared. */
void store_tell(struct store *s, const void *bytes, size_t len);

/* ---- a store that may be in use by a hub ---- */

struct store_report {
  int64_t requests, events, bytes; /* that were found good; bytes of data */
};
/* Looks through all of it: pages, ids without holes, checksums. Changes nothing, blocks.
 * CWS_ENOTFOUND, CWS_ECORRUPT says what is damaged, CWS_ESTORE, CWS_ECONFIG (a kind that has no
 * file). */
int store_verify(const char *uri, struct store_report *report, struct cws_error *err);
/* Copies it as it is now to a new file, that a hub can be started on. It is whole, or not there.
 * CWS_ESYSTEM names the file; else as above. */
int store_backup(const char *uri, const char *file, struct cws_error *err);

struct store_place {      /* in a log that hubs share */
  int64_t entry, time_ms; /* the newest one that is in a state, and its time */
};
/* Moves a store that no hub has open: from "sqlite:PATH" to a new log "nats://…", of which
 * nats->state_path becomes a state; from there, that state, to a new "sqlite:PATH"; or from the
 * "sqlite:PATH" of a state to a new "sqlite:PATH" without its log: then requests get new epochs.
 * The source stays as it is; what is made is whole, or not there. `out` may be NULL. CWS_ECONFIG:
 * log and state do not fit; CWS_ENOTFOUND, CWS_ESTORE, CWS_EUNKNOWNOUTCOME, CWS_ECORRUPT,
 * CWS_ESYSTEM (names the file, also where it is there already), CWS_ENOMEM. */
int store_migrate(const char *from, const char *to, const struct store_nats_options *nats,
                  struct store_place *out, struct cws_error *err);

/* Runs job->run on a reader thread; the job belongs to the store until then. */
struct store_job {
  void (*run)(struct store *s, struct store_job *job);
  struct store_job *next;
};
void store_submit(struct store *s, struct store_job *job);

#endif
