/* load: a stream's way from the store into memory, and what is committed meanwhile. */
#ifndef CWS_HUB_LOAD_H
#define CWS_HUB_LOAD_H

#include "server/hub/hub_inside.h"

/* An event committed while the stream is LOADING. */
struct pending_event {
  int64_t message_id;
  size_t data_len;
  struct facts *facts;
};

/* Under the stream's lock but for `job`. */
struct loading {
  struct hub_job job;
  struct stream *stream; /* a reference */
  struct hub_open_state *waiters, **waiters_end;
  bool is_stale;   /* removed meanwhile: what is being read is of the past */
  bool has_begun;  /* the stream began, or a commit told its epoch, while it was loading */
  bool is_counted; /* a trim told count and bytes; commits since then were added */
  struct pending_event *pending;
  size_t count, cap;
};

/* For a stream that is LOADING and in the table. CWS_ENOMEM. */
int loading_new(struct stream *s);
void loading_start(struct stream *s); /* runs it on a reader thread */
void loading_free(struct loading *l);
/* Under the lock: takes the event's facts. When memory is out, for this or for the facts, what was
 * read is thrown away and read again. */
void loading_add(struct loading *l, struct store_event *event);
/* Under the lock: forget everything, read again. */
void loading_restart(struct loading *l);

/* The facts of an event, from its text; NULL when memory is out. */
struct facts *load_facts(const char *type, const char *data, size_t len);

/* Reads from the store and folds what the kept summary does not have yet. On success *out is the
 * caller's. */
int load_summary(struct store *store, const struct store_info *info, struct summary **out,
                 struct cws_error *err);

#endif
