/* stream_table: the streams in memory by request_id. Any thread. */
#ifndef CWS_HUB_STREAM_TABLE_H
#define CWS_HUB_STREAM_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream;

struct stream_table {
  pthread_mutex_t lock;
  struct stream **buckets;
  size_t cap, count;
  uint64_t seed; /* so that nobody can choose ids that meet in one bucket */
};

int stream_table_init(struct stream_table *t, uint64_t seed);
/* Lets go of all streams. */
void stream_table_finish(struct stream_table *t);
/* A reference, or NULL. */
struct stream *stream_table_find(struct stream_table *t, const char *request_id);
/* Puts `s` in, with a reference of the table's, unless there is one of that name: then a reference
 * to that one. NULL: nothing there, `s` is in. */
struct stream *stream_table_add(struct stream_table *t, struct stream *s);
/* Takes out this very stream, if it is still in. */
void stream_table_remove(struct stream_table *t, struct stream *s);
/* The same, but only if nobody has a reference except the table and the caller. */
bool stream_table_remove_unused(struct stream_table *t, struct stream *s);
size_t stream_table_count(struct stream_table *t);
/* References to all of them; *out to be freed after each was let go of. False when memory is out.
 */
bool stream_table_snapshot(struct stream_table *t, struct stream ***out, size_t *count);

#endif
