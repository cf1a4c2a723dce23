/*
 * nats_log: what the files of the log in NATS JetStream share; only they know of libnats. Pitfalls
 * of the library and of the server (2.9.10) that shaped it are told where they matter.
 *
 *   nats_log.c      its life; what is told; whether it is up
 *   nats_connect.c  the connection: servers, user, TLS
 *   nats_link.c     while it is open; to another server
 *   nats_stream.c   the stream that is the log: made, or checked
 *   nats_publish.c  writing, and what becomes of it
 *   nats_follow.c   a thread that reads
 *   nats_consumer.c what it reads from
 *   nats_copy.c     a state for another hub
 *   nats_fetch.c    a state of another hub
 *   nats_list.c     lists of entries
 */
#ifndef CWS_STORE_NATS_LOG_H
#define CWS_STORE_NATS_LOG_H

#include "server/store/store_log.h"
#include <nats/nats.h>
#include <pthread.h>

#define NATS_PREFIX_MAX 32
#define NATS_SERVERS_MAX 16
#define NATS_SERVER_MAX 128 /* of a server's name; longer ones are cut */
#define NATS_NS_PER_MS INT64_C(1000000)
#define NATS_WAIT_MS 2000 /* for the answer to one question to JetStream */
/* A hub's entries have some 512 KiB; one more event may have what an event may have. */
#define NATS_ENTRY_MAX ((size_t)3 << 20)

/* Entries, oldest first. */
struct nats_list {
  struct store_log_entry *first, *last;
  size_t bytes, count;
};
struct store_log_entry *nats_entry_new(uint64_t seq, const void *bytes, size_t len);
void nats_list_put(struct nats_list *list, struct store_log_entry *entry);
/* Takes about max_bytes of them, at least one if there is one. */
struct store_log_entry *nats_list_take(struct nats_list *list, size_t max_bytes);
void nats_list_clear(struct nats_list *list);

struct nats_urls {
  char *text; /* "nats://host:port\0nats://host:port\0…" */
  char *of[NATS_SERVERS_MAX];
  size_t count;
};

/* A publish that has no outcome yet, or one that was not taken. */
struct nats_publish {
  struct nats_publish *next;
  uint64_t number; /* in the subject that its answer comes to */
  int64_t deadline_ms;
  struct store_log_outcome outcome;
};
struct nats_publishes {
  struct nats_publish *first, *last;
};

/* A connection, and what comes by it. */
struct nats_link {
  natsConnection *nc;
  jsCtx *js;
  natsSubscription *acks, *told, *copy_asks, *copies;
};
#define NATS_LINK_CALLBACKS 4 /* its subscriptions that have callbacks */

enum nats_follow_trouble {
  NATS_NO_TROUBLE,
  NATS_CANNOT_START,  /* over when a consumer was made */
  NATS_CANNOT_READ,   /* over when it is heard of */
  NATS_ENTRY_MISSING, /* over when the next entry comes */
};

/* What the follower's thread has; no other touches it but what is said. */
struct nats_follower {
  pthread_t thread;
  bool is_asked;         /* under the mutex: follow was called */
  uint64_t last;         /* the last entry that came; follow sets it under the mutex */
  unsigned connection;   /* the count of connections that the consumer was made on */
  natsSubscription *sub; /* NULL: there is no consumer */
  char inbox[NATS_PREFIX_MAX + 64];
  char consumer[64];
  char server[NATS_SERVER_MAX]; /* that has the consumer; "": not said */
  char leader[NATS_SERVER_MAX]; /* of the stream, when it was last asked; "": there is none */
  int64_t placed_ms;            /* when it was last looked whether they are the same */
  unsigned asked;               /* how often entries were asked for; names the last one's inbox */
  int left;                     /* entries that may still come for it; 0: none is asked for */
  bool is_fresh;                /* no entry came since the consumer was made */
  int64_t made_ms;              /* when it was made */
  int64_t heard_ms;             /* when something last came from it */
  int64_t entry_ms;             /* when an entry came, or it was looked whether one should have */
  bool is_behind;               /* one should have, last time */
  int64_t checked_ms;
  int64_t unanswered_ms; /* since when the stream's leader does not answer; 0: it does */
  int64_t move_ms;       /* how long it may not, before another server is tried */
  enum nats_follow_trouble trouble;
};

/* States on their way; nats_copy.c. */
#define NATS_COPY_SUBJECT_MAX (NATS_PREFIX_MAX + 32)
struct nats_copying {
  char ask_subject[NATS_PREFIX_MAX + 8], subject[NATS_COPY_SUBJECT_MAX];
  int (*copy_state)(const char *file, void *user, struct cws_error *err); /* NULL: gives none */
  char *path;                                                             /* of a copy */
  pthread_t thread;
  bool has_thread;             /* under the mutex */
  struct nats_copy_msg *first; /* that came; under the mutex */
  pthread_cond_t came;
  /* The thread's: the copy that is given, to whom, and when it was last asked for. */
  int fd;
  char to[NATS_COPY_SUBJECT_MAX];
  int64_t used_ms;
};

struct nats_log {
  struct store_log base;
  struct log *log;
  bool must_exist;
  void (*wake)(void *user);
  void *user;
  char *servers;         /* "host:port,host:port", for messages */
  struct nats_urls urls; /* of the same; their order is the mover's */
  natsOptions *options;
  char name[NATS_PREFIX_MAX + 1]; /* of the stream */
  char subject[NATS_PREFIX_MAX + 8], told_subject[NATS_PREFIX_MAX + 8];
  char id[STORE_LOG_ID_MAX + 1];
  size_t max_entry_bytes;
  bool is_replicated;

  pthread_rwlock_t moving; /* read: whoever uses the link, but the follower, which changes it */
  struct nats_link link;
  char ack_inbox[64]; /* answers to publishes come to it, "." and the publish's number */
  pthread_t clock;    /* ends publishes that get no answer */
  bool has_clock, has_follower;
  struct nats_follower follower;
  struct nats_copying copying;

  pthread_mutex_t mutex; /* of all below */
  pthread_cond_t changed;
  bool is_closing;
  int links;            /* whose callbacks may run */
  int callbacks;        /* subscriptions whose callbacks may run */
  unsigned connections; /* how often it was connected */
  int64_t stuck_ms;     /* when the first publish since the last answer got none; 0: none did */
  uint64_t published;
  struct nats_publishes pending, done;
  struct nats_list entries, told;
  struct cws_error publish_trouble; /* code 0: none */
  struct cws_error follow_trouble;
};

/* ---- nats_connect.c ---- */
/* What libnats says of the call that just failed on this thread. */
const char *nats_reason(natsStatus status);
int nats_connect(struct nats_log *log, const struct store_log_options *options,
                 struct cws_error *err);
void nats_disconnect(struct nats_log *log); /* when no thread uses it any more */

/* ---- nats_link.c ---- */
natsStatus nats_link_set_callbacks(natsOptions *o, struct nats_log *log);
natsStatus nats_link_set_servers(struct nats_log *log);
/* `others`: how many are open beside it. */
natsStatus nats_link_open(struct nats_log *log, struct nats_link *link, int others);
/* Waits for callbacks of it that run. */
void nats_link_close(struct nats_log *log, struct nats_link *link, int others);
bool nats_is_connected(struct nats_log *log, struct cws_error *why);
/* Connects to another of the servers, and lets go of the connection that there was. By the
 * follower's thread. False: there is none, and all is as before. */
bool nats_move(struct nats_log *log);
/* Ends the waits of all who use it, and what comes by it. */
void nats_close(struct nats_log *log);

/* ---- nats_stream.c ---- */
/* Finds the stream or makes it; holds it against the options. */
int nats_stream_open(struct nats_log *log, const struct store_nats_options *options,
                     struct cws_error *err);
/* `leader` may be NULL. CWS_ENOTFOUND: there is no stream. */
int nats_stream_state(struct nats_log *log, struct store_log_state *out,
                      char leader[NATS_SERVER_MAX], struct cws_error *err);

/* The server that leads a stream or has a consumer; "": there is none, or no cluster. */
const char *nats_leader_of(const jsClusterInfo *cluster);

/* As of store_log_ops. */
int nats_stream_get(struct nats_log *log, uint64_t seq, struct store_log_entry **out,
                    struct cws_error *err);

/* ---- nats_publish.c ---- */
int nats_publish_start(struct nats_log *log, struct cws_error *err);
void nats_publish_stop(struct nats_log *log);
void nats_on_answer(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *log);
int nats_publish(struct store_log *base, uint64_t ticket, const void *bytes, size_t len,
                 struct cws_error *err);
bool nats_publish_take(struct store_log *base, struct store_log_outcome *out);

/* ---- nats_follow.c ---- */
int nats_follow_start(struct nats_log *log, struct cws_error *err);
void nats_follow_stop(struct nats_log *log); /* after the connection was closed */
int nats_follow(struct store_log *base, uint64_t after, struct cws_error *err);

/* What the stream's leader says of it; that it does not is noted. By the follower's thread, as all
 * of nats_consumer.c. */
int nats_ask_state(struct nats_log *log, struct store_log_state *out, struct cws_error *err);

/* ---- nats_consumer.c ---- */
/* Looks whether the log has what comes next, and makes one that begins there. */
int nats_consumer_make(struct nats_log *log, struct cws_error *err);
void nats_consumer_drop(struct nats_log *log);
/* The stream is led by another server now than the one that has it. */
bool nats_consumer_is_out_of_place(struct nats_log *log);

/* ---- nats_copy.c ---- */
int nats_copy_init(struct nats_log *log, const struct store_log_options *options,
                   struct cws_error *err); /* before there is a connection */
int nats_copy_start(struct nats_log *log, struct cws_error *err);
void nats_copy_stop(struct nats_log *log); /* after the connection was closed */
void nats_on_copy_ask(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *log);
void nats_on_copy(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *log);
struct nats_copy_msg {
  struct nats_copy_msg *next;
  char from[NATS_COPY_SUBJECT_MAX];
  size_t len;
  char bytes[]; /* with a NUL behind */
};
/* The next one that came, at most that long waited for; to be freed. NULL: none, or the log is
 * being closed. */
struct nats_copy_msg *nats_copy_next(struct nats_log *log, int64_t ms);
/* To the hub of that subject, which can answer. */
void nats_copy_send(struct nats_log *log, const char *to, const char *text);

/* ---- nats_fetch.c ---- */
/* As of store_log_ops. */
int nats_fetch(struct store_log *base, const char *file, struct cws_error *err);

/* ---- nats_log.c ---- */
void nats_on_told(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *log);
bool nats_is_closing(struct nats_log *log);
/* Waits that long, or until the log is being closed. */
void nats_rest(struct nats_log *log, int64_t ms);
/* Waits for `changed`, at most that long; with the mutex held. */
void nats_wait(struct nats_log *log, int64_t ms);
void nats_wait_for(struct nats_log *log, pthread_cond_t *what, int64_t ms);

#endif
