/*
 * memory: the inside of the memory engine, shared by memory.c (streams and transactions) and
 * memory_read.c. One lock guards everything: a transaction holds it for writing from begin to its
 * end, a read for reading.
 */
#ifndef CWS_STORE_MEMORY_H
#define CWS_STORE_MEMORY_H

#include "server/store/store_ops.h"
#include <pthread.h>

struct memory_event { /* immutable */
  int64_t committed_ms;
  uint64_t fingerprint;
  uint32_t data_len;
  uint16_t type_len, timestamp_len, event_id_len; /* event_id_len 0: none */
  char text[]; /* type, timestamp, event_id, data; no NULs between */
};

struct memory_stream {
  struct memory_stream *chain;           /* of its bucket */
  struct memory_stream *fresher, *idler; /* by last event */
  struct memory_event **events;          /* [first, first + count): base_id + 1 … */
  size_t first, count, cap;
  int64_t base_id, bytes;
  int64_t created_ms, updated_ms;
  struct store_position *positions; /* by name */
  size_t position_count, position_cap;
  char *summary;
  int64_t summary_id;
  char epoch[CWS_EPOCH_MAX + 1];
  char *owner;
  uint64_t hash;
  char request_id[];
};

enum memory_change { MEMORY_CREATED, MEMORY_ADDED, MEMORY_TRIMMED, MEMORY_REMOVED };

/* What it takes to undo one change, or to finish it. */
struct memory_undo {
  enum memory_change change;
  struct memory_stream *stream;
  size_t count;       /* trimmed: how many events */
  int64_t bytes;      /* trimmed: how many bytes; added: of this event */
  int64_t updated_ms; /* added: before */
};

struct memory_engine {
  struct store_engine base; /* first */
  pthread_rwlock_t lock;
  struct memory_stream **buckets;
  size_t cap;
  struct memory_stream **by_age; /* by created_ms, then request_id */
  size_t count, by_age_cap;
  struct memory_stream *freshest, *idlest;
  struct memory_undo *undo; /* of the transaction under way */
  size_t undo_count, undo_cap;
  struct siphash_key key;
};

struct memory_stream *memory_find(const struct memory_engine *e, const char *request_id);
/* Where (ms, id) stands in by_age: the first that is not before it. */
size_t memory_by_age(const struct memory_engine *e, int64_t ms, const char *request_id);
/* Where a name stands, or would, in stream->positions. */
size_t memory_position_at(const struct memory_stream *st, const char *subscriber, bool *found);

int memory_info(struct store_engine *base, const char *request_id, struct store_info *out,
                struct cws_error *err);
int memory_read(struct store_engine *base, const char *request_id, const struct store_range *range,
                struct store_page **out, struct cws_error *err);
int memory_position(struct store_engine *base, const char *request_id, const char *subscriber,
                    char epoch[CWS_EPOCH_MAX + 1], int64_t *message_id, struct cws_error *err);
int memory_positions(struct store_engine *base, const char *request_id,
                     char epoch[CWS_EPOCH_MAX + 1], struct store_position **out, size_t *count,
                     struct cws_error *err);
int memory_list(struct store_engine *base, int64_t before_ms, const char *before_id, size_t limit,
                struct store_info *out, size_t *count, struct cws_error *err);

/* memory_stream.c: streams in the engine's three orders. */
int memory_stream_new(struct memory_engine *e, const struct store_birth *birth,
                      struct memory_stream **out);
void memory_stream_free(struct memory_stream *st);                         /* NULL is fine */
int memory_stream_link(struct memory_engine *e, struct memory_stream *st); /* CWS_ENOMEM */
void memory_stream_unlink(struct memory_engine *e, struct memory_stream *st);
void memory_stream_freshen(struct memory_engine *e, struct memory_stream *st);
/* Room for one more event. */
int memory_stream_reserve(struct memory_stream *st);
int memory_stream_set_position(struct memory_stream *st, const char *subscriber, int64_t message_id,
                               int64_t now_ms);

#endif
