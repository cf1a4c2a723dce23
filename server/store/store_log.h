/*
 * store_log: a log that several hubs share: entries in one total order, the same for all, kept by
 * others than the hub. store_shared.c writes a hub's batches to it and applies what comes back.
 * nats_log.c is the one that is used; tests have one in memory.
 *
 * An entry is bytes that the log does not look at. Its place is its sequence: 1, 2, 3 …, without
 * holes but for entries that the log has let go of at its beginning.
 *
 * Threads: all calls come from one thread, the store's writer, but for `tell`. `wake` and
 * `copy_state` come on any thread of the log's own.
 */
#ifndef CWS_STORE_STORE_LOG_H
#define CWS_STORE_STORE_LOG_H

#include "lib/core/log.h"
#include "server/store/store.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define STORE_LOG_ID_MAX 63 /* bytes */

struct store_log_entry {
  struct store_log_entry *next;
  uint64_t seq;
  size_t len;
  unsigned char bytes[];
};

static inline void store_log_free(struct store_log_entry *first) {
  while (first != NULL) {
    struct store_log_entry *next = first->next;
    free(first);
    first = next;
  }
}

/* What became of an entry that was published, as far as the log tells. One that stands also arrives
 * as an entry, before or after. */
struct store_log_outcome {
  uint64_t ticket; /* the publish's */
  int code; /* 0; CWS_ESTORE: surely not stored; CWS_EUNKNOWNOUTCOME: it may be, now or later */
  struct cws_error error;
};

/* What the log is now. */
struct store_log_state {
  char id[STORE_LOG_ID_MAX + 1]; /* of this log: another one made under the same name has another */
  uint64_t first_seq; /* the oldest entry that is kept; last_seq + 1 where there is none */
  uint64_t last_seq;
  size_t max_entry_bytes; /* larger ones are refused */
  int replicas;           /* of each entry, on as many servers */
  bool is_in_memory;      /* there, and not in files */
};

struct store_log_options {
  const char *servers; /* the part behind "nats:" of the store's uri, "//host:port[,host:port…]" */
  const struct store_nats_options *nats;
  struct log *log;
  bool must_exist; /* CWS_ECONFIG where it is not there, rather than make it */
  /* Makes a copy of this hub's state, for another hub that needs one; with NULL, says whether it
   * could. Not 0: not now. On a thread of the log's, between follow and close. NULL: never. */
  int (*copy_state)(const char *file, void *user, struct cws_error *err);
  /* There is something to take, or the state of the connection changed. Must be quick. */
  void (*wake)(void *user);
  void *user;
};

struct store_log {
  const struct store_log_ops *ops;
};

struct store_log_ops {
  /* Connects, finds the log or makes it, and asks for its state. Blocks, for some seconds at most.
   * CWS_ECONFIG: what is there is not what the options ask for, or cannot be used (the message says
   * what differs and what to do; nothing is changed); CWS_ESTORE: it does not answer; CWS_ESYSTEM,
   * CWS_ENOMEM. */
  int (*open)(const struct store_log_options *options, struct store_log **out,
              struct cws_error *err);
  void (*close)(struct store_log *log);

  /* As of now; blocks for some seconds at most. CWS_ESTORE: it does not answer. */
  int (*state)(struct store_log *log, struct store_log_state *out, struct cws_error *err);

  /* Has the entries after this sequence come, without end: once, after open. Whatever happens to
   * connections and servers, they come in order, each once. */
  int (*follow)(struct store_log *log, uint64_t after, struct cws_error *err);
  /* The entries that have come, oldest first, about max_bytes of them (at least one if there is
   * one); each is to be freed with free(). The log holds a bounded number of bytes that were not
   * taken, and lets the rest wait where it is. */
  struct store_log_entry *(*take)(struct store_log *log, size_t max_bytes);

  /* Has another hub that shares the log copy its state to a new file here: whole, or not there.
   * Before follow. Blocks, for as long as that takes. CWS_ENOTFOUND: there is none that could now;
   * CWS_ESTORE: it did not come to its end; CWS_ESYSTEM names the file. */
  int (*fetch)(struct store_log *log, const char *file, struct cws_error *err);

  /* One entry, as the log has it now, whatever came before; for a comparison. Blocks, for some
   * seconds at most; *out is to be freed with free(). CWS_ENOTFOUND: it is gone, or not there yet;
   * CWS_ESTORE: the log does not answer; CWS_ENOMEM. */
  int (*get)(struct store_log *log, uint64_t seq, struct store_log_entry **out,
             struct cws_error *err);

  /* Writes an entry. Copies bytes. Its outcome comes as `ticket` from take_outcome, within
   * STORE_LOG_OUTCOME_MS. Not 0 (CWS_ESTORE, CWS_ETOOLARGE, CWS_ENOMEM): it was surely not written,
   * and no outcome comes. */
  int (*publish)(struct store_log *log, uint64_t ticket, const void *bytes, size_t len,
                 struct cws_error *err);
  bool (*take_outcome)(struct store_log *log, struct store_log_outcome *out);

  /* Tells the other hubs something that is not kept and may be lost. Any thread. */
  void (*tell)(struct store_log *log, const void *bytes, size_t len);
  /* What others told, as entries with seq 0; not what this one did. */
  struct store_log_entry *(*take_told)(struct store_log *log);

  /* False, and why, while entries cannot be written, as far as is known. CWS_ECORRUPT: what is
   * there is no longer the log that was opened, or lacks entries that are to come: nothing may be
   * written to it. */
  bool (*is_up)(struct store_log *log, struct cws_error *why);
};

#define STORE_LOG_OUTCOME_MS 5000 /* research: an election takes 4 to 10 s, a good answer 1 ms */

#ifdef CWS_WITH_NATS
extern const struct store_log_ops nats_log_ops;
#endif

#endif
