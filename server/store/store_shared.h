/*
 * store_shared: the inside of a store that several hubs share, for the files store_shared*.c,
 * store_flight.c, store_replay.c and store_writers.c. The log is what is true: a batch is written
 * to it as one entry, and is applied when it comes back in the log's order, as are the entries of
 * all others. The engine holds the state that follows from the log up to one entry, whose sequence
 * it notes in the same transaction.
 *
 * Applying depends on the entries and the stored state only: times and limits come with an entry,
 * and what fails here only (a full disk) is tried again until it succeeds. So all hubs come to the
 * same ids, epochs, duplicates and removals. Summaries are each hub's own.
 *
 * All of it is the writer's thread's, but for store_first_epoch and store_tell.
 */
#ifndef CWS_STORE_STORE_SHARED_H
#define CWS_STORE_STORE_SHARED_H

#include "server/store/store_entry.h"
#include "server/store/store_front.h"
#include "server/store/store_log.h"

/* research: 512 events and 512 KiB an entry are enough for 200 k events/s */
#define SHARED_BATCH_EVENTS 512
#define SHARED_BATCH_BYTES (512 * 1024)
#define SHARED_ENTRY_POSITIONS 1000
#define SHARED_TAKE_BYTES ((size_t)4 * 1024 * 1024) /* of entries in one transaction */

/* The loss of the log's leader stalls it for 4 to 10 s (research); what is longer is an outage. */
#define SHARED_PATIENCE_MS 15000
#define SHARED_RETRY_MS 250
#define SHARED_PROBE_MS 1000      /* during an outage */
#define SHARED_HEARTBEAT_MS 10000 /* an entry at least this often, so that an outage is noticed */

/* Kinds of notes in the state. */
#define SHARED_NOTE_LOG "log"     /* name: its id; value: the sequence applied; at: its time */
#define SHARED_NOTE_CHAIN "chain" /* name: the log's id; value: the hash; at: the sequence */
/* name: a sequence; value: the hash of all entries up to it; at: its time. So that it can be told
 * later where two states parted. */
#define SHARED_NOTE_MARK "mark"
#define SHARED_MARK_MS 10000
#define SHARED_MARKS_KEPT_MS ((int64_t)7 * 24 * 60 * 60 * 1000) /* 2 MB of them */
#define SHARED_NOTE_PARTED "parted" /* name: the log's id: the state is not what the log says */
#define SHARED_NOTE_WRITER                                                                         \
  "writer"                      /* name: its id; value: its last number; at: that one's time       \
                                 */
#define SHARED_NOTE_GONE "gone" /* name: request; value: times removed on a day; at: that day */
#define SHARED_NOTE_BASE "base" /* name: what the state was made from, beside the log */

/* ---- store_writers.c: the last number of each hub that wrote to the log ---- */

/* An entry may come again for as long as its writer tries (research: up to half a minute late). A
 * writer that was silent for longer, by the log's times, is forgotten. */
#define SHARED_WRITER_KEPT_MS ((int64_t)60 * 60 * 1000)

struct store_writer {
  struct store_writer_id id;
  uint64_t number;
  int64_t time_ms;
  bool is_touched; /* its note is to be written */
};

struct store_writers {
  struct store_writer *list;
  size_t count, cap;
};

void store_writers_finish(struct store_writers *w);
/* What the state notes. */
int store_writers_load(struct store_writers *w, struct store_engine *e, struct cws_error *err);
/* Whether the entry is new, which it is not again afterwards. CWS_ENOMEM. */
int store_writers_take(struct store_writers *w, const struct store_entry_head *head,
                       int64_t time_ms, bool *is_new);
/* Notes what was taken, and forgets who was silent; within a transaction. */
int store_writers_save(struct store_writers *w, struct store_engine *e, int64_t time_ms,
                       struct cws_error *err);

/* ---- store_flight.c: the one entry that is on its way to the log ---- */

struct store_flight {
  bool is_under_way;
  struct buf bytes;
  uint64_t number;
  /* What is in it, in this order. */
  const struct store_pending_entry *positions, *positions_end;
  struct store_batch batch; /* with the callers who wait; empty once they were told */
  int64_t begun_ms, retry_ms;
  uint64_t first_ticket, ticket; /* of the attempts; the last one's is 0 when it has its outcome */
  bool is_acked;                 /* the log says that it stands */
  bool is_held;                  /* it came back before that */
  bool may_stand;                /* an attempt may have been stored, now or later */
  bool is_given_up;              /* nobody waits any more, but it may stand */
  struct cws_error why;
};

/* Sends a batch (which it takes), what is due of positions, or nothing but a sign of life. */
void store_flight_start(struct store *s, const struct store_batch *batch);
void store_flight_start_expiries(struct store *s, char ids[][CWS_REQUEST_ID_MAX + 1], size_t count);
/* During an outage: an entry that nobody waits for, sent until it comes back. */
void store_flight_start_probe(struct store *s);
/* These items, which nobody waits for. */
void store_flight_start_items(struct store *s, const struct buf *items);
/* Outcomes that have come, and what is due: another attempt, giving up. */
void store_flight_look(struct store *s);
/* It came back and was applied, and its callers were told. */
void store_flight_arrived(struct store *s);
/* Whether that entry is the one that is out, and somebody waits for it. */
bool store_flight_is_waited_for(const struct store_shared *r, const struct store_entry_head *head);
/* It came back, and the log has not said that it stands. */
void store_flight_hold(struct store_shared *r);
/* Tells all who wait for a batch why it is not stored. */
void store_flight_fail(struct store *s, const struct store_batch *batch,
                       const struct cws_error *why);
/* When store_flight_look is to be called again. */
int64_t store_flight_due_ms(const struct store_shared *r);

/* ---- store_replay.c: applying what comes from the log ---- */

/* Applies shared->come as one transaction, then tells. On failure it is all still to be done. */
int store_replay(struct store *s, struct cws_error *err);

/* ---- store_chain.c: whether all hubs have applied the same entries ---- */

#define SHARED_LINKS 4096                    /* some seconds of a busy log; hubs part within less */
#define SHARED_SILENT_MAX (SHARED_LINKS / 4) /* entries of others, before one says where it is */
#define SHARED_WRONG_MAX 8
#define SHARED_PEERS_MAX 16

struct store_link { /* an entry that was applied */
  uint64_t seq;     /* 0: none */
  uint64_t hash;    /* of all entries up to it */
  uint32_t crc;     /* of its bytes */
};

struct store_peer { /* another hub */
  struct store_writer_id writer;
  uint64_t agreed; /* the newest entry up to which it had the same; 0: nothing is known */
};

struct store_chain {
  uint64_t hash; /* of all entries that were applied */
  struct store_link links[SHARED_LINKS];
  uint64_t agreed;     /* the newest entry up to which another hub had the same; 0: none */
  uint64_t doubt;      /* an entry up to which another one had something else; 0: none */
  uint64_t doubt_from; /* up to there they had the same; 0: the log's beginning */
  struct store_writer_id doubter;
  struct store_peer peers[SHARED_PEERS_MAX];
  size_t next_peer;
  struct store_writer_id wrong[SHARED_WRONG_MAX]; /* hubs that are known to be */
  bool has_wrong[SHARED_WRONG_MAX];
  size_t next_wrong;
};

/* Keeps the entry; returns the hash of all up to it, `hash` being that of those before. */
uint64_t store_chain_add(struct store_chain *c, uint64_t hash, const struct store_log_entry *entry);
/* What another hub says of its own. */
void store_chain_compare(struct store_chain *c, const struct store_entry_head *head);
/* Where there is a doubt: asks the log. 0: it is another hub that is wrong; CWS_ECORRUPT: this one
 * is, or it cannot be told; CWS_ESTORE: the log does not answer. */
int store_chain_check(struct store *s, struct cws_error *err);

/* ---- store_rescue.c: what a state has that is not what the log says ---- */

struct store_rescue;

/* Where one was set aside, a thread looks through it once this hub has caught up, and has published
 * again what is only there. *out may be NULL then, where there is none. */
int store_rescue_start(struct store *s, struct store_rescue **out, struct cws_error *err);
void store_rescue_stop(struct store_rescue *rescue); /* NULL is fine */
/* By the writer, while no entry is out and one may be: sends what it has. False: nothing. */
bool store_rescue_send(struct store *s);

/* ---- store_shared_epoch.c ---- */

/* Within or outside of a transaction. */
int store_shared_note_removal(struct store *s, const char *request_id, int64_t now_ms,
                              struct cws_error *err);
/* Those of former days; within a transaction. */
int store_shared_forget_removals(struct store *s, struct cws_error *err);

/* ---- store_shared_open.c, and store_shared.c: the writer's loop ---- */

/* Nothing can be put in. Other than for one transaction that fails, that holds whatever the reason.
 */
void store_shared_is_ill(struct store *s, const struct cws_error *why);
/* The same, while it catches up with the log. */
void store_shared_is_behind(struct store *s);

struct store_shared {
  struct store_log *log;
  struct store_log_state state; /* as it was found */
  struct store_writer_id id;    /* this run of this hub */
  uint64_t number;              /* of its last entry */
  uint64_t next_ticket;
  uint64_t arrivals; /* of its entries, so far */
  int64_t patience_ms;
  struct store_writers writers;
  struct store_flight flight;
  struct store_append *rest; /* of a batch that was too much for one entry */

  uint64_t applied;             /* the state follows from the log up to here */
  int64_t time_ms;              /* of the log: that of the newest entry, never less */
  struct store_log_entry *come; /* to be applied */
  struct store_log_entry *held; /* after it, once what this hub waits for is acknowledged */
  int64_t apply_retry_ms;       /* 0: the last one went well */
  struct store_chain chain;
  bool is_from_log;            /* its state was made in this run, from the log's first entry */
  struct store_rescue *rescue; /* NULL: there is nothing to be rescued */
  /* Since when the log lacks what was applied; 0: it does not, as far as is known. */
  int64_t loss_ms;
  int64_t doubt_retry_ms; /* when the log is asked about a doubt */
  bool is_well;           /* what is put in can go to the log */
  int64_t alive_ms;       /* when an entry of this hub last came back */
  uint64_t alive_at;      /* what was applied then */
  int64_t probe_ms;       /* when the next probe may begin */

  const struct store_pending_entry *positions; /* of the round under way, still to be sent */
  bool has_round;
  uint64_t flush_ticket; /* the wish that is being served; 0: none */
  int flush_rounds;      /* rounds begun since */
  int flush_code;        /* of those that failed */

  struct cws_error outage; /* code not 0: the log takes nothing */
  struct cws_error broken; /* code not 0: for good; what is here is not what the log says */
};

/* May come to open another state in the place of the engine's, which is NULL where that failed. */
int store_shared_open(struct store *s, const struct store_log_ops *ops, const char *servers,
                      struct cws_error *err);
void store_shared_close(struct store *s); /* fine where it is not open */
void *store_shared_main(void *store);

#endif
