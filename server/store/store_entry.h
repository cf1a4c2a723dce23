/*
 * store_entry: an entry of the log that hubs share, as bytes: who wrote it, when, and what is to be
 * done, item by item. Pure. What it reads may come from anyone who can write to the log: it is
 * checked, and strings lie in the entry's own bytes, with a NUL behind each.
 */
#ifndef CWS_STORE_STORE_ENTRY_H
#define CWS_STORE_STORE_ENTRY_H

#include "lib/core/buf.h"
#include "server/store/store.h"

#define STORE_WRITER_ID_BYTES 16
#define STORE_BASE_ID_MAX 63

struct store_writer_id {
  unsigned char bytes[STORE_WRITER_ID_BYTES]; /* random; of one run of one hub */
};

struct store_entry_head {
  struct store_writer_id writer;
  uint64_t number; /* counts this writer's entries; an entry that comes again has it, too */
  int64_t time_ms; /* wall clock of the writer */
  int64_t max_request_events, max_request_bytes; /* limits that hold with this entry; 0: none */
  /* The newest entry that the writer had applied, and the hash of all up to it; see store_chain.c.
   */
  uint64_t place, hash;
};

enum store_item_kind {
  STORE_ITEM_END,
  STORE_ITEM_APPEND,
  STORE_ITEM_POSITION,
  STORE_ITEM_REMOVE,
  STORE_ITEM_EXPIRY, /* removes a request, unless it has moved on meanwhile */
  STORE_ITEM_BASE,   /* all that follows builds on a state that was not made from this log */
  /* gives a request a new epoch, unless it has another one: from a message on, a hub that is wrong
   * has told other events */
  STORE_ITEM_RENEWAL,
};

struct store_item {
  enum store_item_kind kind;
  const char *request_id;
  const char *epoch;      /* position, expiry, renewal */
  const char *subscriber; /* position */
  int64_t message_id;  /* position; expiry: the last one it had; renewal: the first that differs */
  const char *base_id; /* base */
  /* append: to be freed with free(); borrows from the entry */
  struct store_append *append;
};

/* ---- writing; a failed allocation shows in b->failed ---- */

void store_entry_begin(struct buf *b, const struct store_entry_head *head);
void store_entry_add_append(struct buf *b, const struct store_append *append);
void store_entry_add_position(struct buf *b, const char *request_id, const char *epoch,
                              const char *subscriber, int64_t message_id);
void store_entry_add_remove(struct buf *b, const char *request_id);
void store_entry_add_expiry(struct buf *b, const char *request_id, const char *epoch,
                            int64_t last_id);
void store_entry_add_renewal(struct buf *b, const char *request_id, const char *epoch,
                             int64_t first_id);
void store_entry_add_base(struct buf *b, const char *base_id);
void store_entry_end(struct buf *b);

/* ---- reading ---- */

struct store_entry_reader {
  const unsigned char *at, *end;
  bool failed;
};

/* CWS_EPROTOCOL: it is none, or of a newer version, or damaged. */
int store_entry_read_head(struct store_entry_reader *r, const void *bytes, size_t len,
                          struct store_entry_head *head, struct cws_error *err);
/* The next item; kind END after the last. CWS_EPROTOCOL, CWS_ENOMEM. */
int store_entry_read_item(struct store_entry_reader *r, struct store_item *item,
                          struct cws_error *err);

#endif
