/*
 * store_ops: what an engine implements. Its users are the files of this folder; the hub sees
 * store.h.
 *
 * The front (store.c and store_*.c) queues, batches, gives ids, finds duplicates, makes epochs,
 * decides what is trimmed or has expired, and calls back. An engine keeps streams: it loads one,
 * applies what the front decided within a transaction, and answers reads. It knows no queue and no
 * listener.
 *
 * "Append, then apply in commit order" is the one path: what store_apply.c does with a batch
 * depends on nothing but the batch, its time and the stored state, so a replicated log can stand
 * before it.
 *
 * Every operation that can fail returns 0 or a CWS_E… code and fills err (which may be NULL).
 */
#ifndef CWS_STORE_STORE_OPS_H
#define CWS_STORE_STORE_OPS_H

#include "server/store/siphash.h"
#include "server/store/store.h"
#include <stdbool.h>
#include <stdint.h>

/* The first member of every engine's own struct. */
struct store_engine {
  const struct store_ops *ops;
};

/* What the writer needs of a stream, and what an engine can always tell from what it stored. */
struct store_row {
  int64_t key; /* the engine's own handle of it; never reused while anything of it is left */
  char epoch[CWS_EPOCH_MAX + 1];
  int64_t base_id;    /* last id that was trimmed; 0 for none */
  int64_t last_id;    /* ids never restart: ≥ base_id */
  int64_t bytes;      /* of the data of events base_id + 1 … last_id */
  int64_t updated_ms; /* the last event's commit */
};

/* A stream to be created. */
struct store_birth {
  const char *request_id, *epoch, *owner; /* owner may be NULL */
  int64_t created_ms;
};

typedef int store_event_id_fn(const char *event_id, size_t len, uint64_t fingerprint,
                              int64_t message_id, void *user); /* not 0: stop and return it */

typedef int store_note_fn(const char *name, int64_t value, int64_t at,
                          void *user); /* not 0: stop and return it */

struct store_ops {
  const char *name; /* also the kind in the uri, "NAME:…" */

  /* Opens what options->path names (NULL or "" where the uri ends at the colon). Blocks. Everything
   * that was committed before is there again. CWS_ECONFIG, CWS_ESTORE, CWS_ECORRUPT. */
  int (*open)(const struct store_options *options, struct store_engine **out,
              struct cws_error *err);

  /* No transaction is open and no read under way. What was committed is durable. */
  void (*close)(struct store_engine *e);

  /* ---- the writer: one thread at a time ---- */

  /* Finds a stream, within a transaction (then it sees what that wrote) or outside.
   * CWS_EUNKNOWNREQUEST; CWS_ECORRUPT for this stream only. */
  int (*find)(struct store_engine *e, const char *request_id, struct store_row *out,
              struct cws_error *err);

  /* Calls fn for each event of the stream that has an event_id and is not trimmed, in order. */
  int (*each_event_id)(struct store_engine *e, const struct store_row *row, store_event_id_fn *fn,
                       void *user, struct cws_error *err);

  /* All that follows happens between begin and commit or rollback. */
  int (*begin)(struct store_engine *e, struct cws_error *err);

  /* Makes it durable (as far as options->durability_normal asks) and visible to reads. On failure
   * the transaction is over: CWS_ESTORE means that it surely left nothing, CWS_EUNKNOWNOUTCOME that
   * it may still appear, now or when the store is next opened. */
  int (*commit)(struct store_engine *e, struct cws_error *err);

  /* Undoes the transaction; cannot fail. Positions and summaries may stay, as they are only ever
   * moved forward. */
  void (*rollback)(struct store_engine *e);

  /* Makes a stream without events; fills *row. The front has seen that there is none. */
  int (*create)(struct store_engine *e, const struct store_birth *birth, struct store_row *row,
                struct cws_error *err);

  /* Stores event->message_id, which is the stream's last stored id + 1; copies what it needs. */
  int (*add)(struct store_engine *e, const struct store_row *row, const struct store_event *event,
             int64_t now_ms, struct cws_error *err);

  /* Takes away oldest events: at least `count` of them and `bytes` bytes of data, never the newest.
   * All events up to row->last_id were added. Moves row->base_id and row->bytes. */
  int (*trim)(struct store_engine *e, struct store_row *row, int64_t count, int64_t bytes,
              struct cws_error *err);

  /* Takes away the stream with all its events and positions. They are gone for find and every read
   * once committed; what they occupied may be freed by `collect`. */
  int (*remove)(struct store_engine *e, const struct store_row *row, struct cws_error *err);

  /* Keeps a summary, unless a newer one is kept. */
  int (*set_summary)(struct store_engine *e, const struct store_row *row, int64_t message_id,
                     const char *json, struct cws_error *err);

  /* Moves a position forward; one that is not ahead changes nothing. */
  int (*set_position)(struct store_engine *e, const struct store_row *row, const char *subscriber,
                      int64_t message_id, int64_t now_ms, struct cws_error *err);

  /* Streams whose last event is not younger than cutoff_ms: the names of some of them. *more: there
   * may be others; none may be among those that were looked at. A few milliseconds at most. */
  int (*list_expired)(struct store_engine *e, int64_t cutoff_ms, size_t limit,
                      char request_ids[][CWS_REQUEST_ID_MAX + 1], size_t *count, bool *more,
                      struct cws_error *err);

  /* Frees some of what trim and remove left behind, about 2 ms' worth. *more: there is more. */
  int (*collect)(struct store_engine *e, bool *more, struct cws_error *err);

  /* Gives a stream another epoch; of each position, what is above `first_id` - 1 is taken back.
   * NULL as below. */
  int (*renew)(struct store_engine *e, const struct store_row *row, const char *epoch,
               int64_t first_id, struct cws_error *err);

  /* Small facts that the front keeps with the state: a value and a time under a kind and a name.
   * Setting and dropping: within a transaction. NULL for an engine that several hubs cannot share.
   */
  int (*set_note)(struct store_engine *e, const char *kind, const char *name, int64_t value,
                  int64_t at, struct cws_error *err);
  /* CWS_ENOTFOUND leaves err alone. */
  int (*get_note)(struct store_engine *e, const char *kind, const char *name, int64_t *value,
                  int64_t *at, struct cws_error *err);
  /* Those of a kind, in the order of their names as text. */
  int (*each_note)(struct store_engine *e, const char *kind, store_note_fn *fn, void *user,
                   struct cws_error *err);
  /* Those of a kind with a time before `before`. */
  int (*drop_notes)(struct store_engine *e, const char *kind, int64_t before,
                    struct cws_error *err);
  /* Whether there is no stream. */
  int (*is_empty)(struct store_engine *e, bool *out, struct cws_error *err);

  /* Between transactions, after the answers to the last one went out: upkeep that may wait. */
  void (*tidy)(struct store_engine *e);

  /* Between transactions, after one failed: whether appends may be tried again. */
  int (*probe)(struct store_engine *e, struct cws_error *err);

  /* ---- reads: any thread, each sees one committed state ---- */

  /* CWS_EUNKNOWNREQUEST. */
  int (*info)(struct store_engine *e, const char *request_id, struct store_info *out,
              struct cws_error *err);
  /* CWS_EUNKNOWNREQUEST; CWS_ECORRUPT names the event. */
  int (*read)(struct store_engine *e, const char *request_id, const struct store_range *range,
              struct store_page **out, struct cws_error *err);
  /* The epoch it holds in, too. *message_id 0 where there is none. CWS_EUNKNOWNREQUEST. */
  int (*position)(struct store_engine *e, const char *request_id, const char *subscriber,
                  char epoch[CWS_EPOCH_MAX + 1], int64_t *message_id, struct cws_error *err);
  /* In the order of the subscribers' names. *out is free()d by the caller, NULL when empty. */
  int (*positions)(struct store_engine *e, const char *request_id, char epoch[CWS_EPOCH_MAX + 1],
                   struct store_position **out, size_t *count, struct cws_error *err);
  /* Newest first, those before (before_ms, before_id) in that order; before_id NULL: from the
   * newest. Fills at most `limit` of out[]. */
  int (*list)(struct store_engine *e, int64_t before_ms, const char *before_id, size_t limit,
              struct store_info *out, size_t *count, struct cws_error *err);

  /* As each_note. NULL as that. */
  int (*read_notes)(struct store_engine *e, const char *kind, store_note_fn *fn, void *user,
                    struct cws_error *err);

  /* ---- without opening it; `path` as in open; NULL for an engine that has no file ---- */

  /* As store_verify and store_backup. */
  int (*verify)(const char *path, struct store_report *report, struct cws_error *err);
  int (*backup)(const char *path, const char *file, struct cws_error *err);

  /* ---- a state that another one takes the place of ---- */

  /* Gives one that is not what the log says a name of its own beside its place, where the next one
   * can be made. Nobody has it open. CWS_ESTORE: it is in use; CWS_ESYSTEM names the file. */
  int (*set_aside)(const char *path, struct cws_error *err);
  /* The path of one that was; *out is free()d by the caller, NULL where there is none. CWS_ENOMEM.
   */
  int (*find_aside)(const char *path, char **out, struct cws_error *err);
  /* Puts a file that `backup` made in its place, and removes what was there. As set_aside. */
  int (*replace)(const char *path, const char *file, struct cws_error *err);
  /* Removes it, by the path that find_aside gave. */
  void (*drop_aside)(const char *aside);
};

extern const struct store_ops store_memory_ops;
extern const struct store_ops store_sqlite_ops;

/* As store_open, on a given table; options->path is what the engine opens. For store.c and for
 * tests that put an engine of their own behind the front. */
int store_open_engine(const struct store_ops *ops, const struct store_options *options,
                      struct store **out, struct cws_error *err);
/* The same behind a log that is shared (store_log.h): `servers` is for log_ops->open. */
struct store_log_ops;
int store_open_parts(const struct store_ops *ops, const struct store_log_ops *log_ops,
                     const char *servers, const struct store_options *options, struct store **out,
                     struct cws_error *err);

#endif
