/*
 * server_internal: what the files that put the server role together share: the options as they were
 * given, the workers, and the one struct that owns every part.
 */
#ifndef CWS_SERVER_SERVER_INTERNAL_H
#define CWS_SERVER_SERVER_INTERNAL_H

#include <councilws/server.h>
#include <pthread.h>

#include "server/api/api.h"
#include "server/nats_config.h"
#include "server/net/listener.h"
#include "server/ws/session.h"

/* ---- server_config.c: the options, checked, in memory of their own ---- */

struct server_config {
  struct listener_address *addresses;
  size_t address_count;
  char *store;
  struct nats_config nats;
  char *tls_cert_file, *tls_key_file, *tls_client_ca_file; /* NULL without TLS */
  struct cws_server_options numbers; /* what is no pointer in it, with its defaults worked out */
};

/* The options as the caller's version of the struct has them, the rest by default. CWS_EINVAL. */
int server_config_widen(const struct cws_server_options *options, struct cws_server_options *out,
                        struct cws_error *err);
/* CWS_ECONFIG names the option. */
int server_config_init(struct server_config *c, const struct cws_server_options *options,
                       struct cws_error *err);
void server_config_finish(struct server_config *c);
/* The limits of a hub that already runs: its `old` options with those of `from`. CWS_ECONFIG. */
int server_config_take_limits(struct cws_server_options *old, const struct cws_server_options *from,
                              struct cws_error *err);
struct quota_limits server_config_quota(const struct cws_server_options *numbers);

/* ---- server_worker.c: a thread with a loop, and what it accepts ---- */

struct server_worker {
  struct cws_server *server;
  struct loop *loop;
  pthread_t thread;
  bool is_running;
  int refused; /* connections beyond a limit that still wait for their answer */
  int cut;     /* and those that get none, until they have closed */
};

int server_worker_open(struct server_worker *w, struct cws_server *server, int index,
                       struct cws_error *err);
int server_worker_start(struct server_worker *w, struct cws_error *err);
void server_worker_join(struct server_worker *w);  /* ends its thread; fine where there is none */
void server_worker_close(struct server_worker *w); /* after join */

/* Runs `fn` on the worker's loop and waits for it; not from a loop. Returns what it returned. */
typedef int server_errand_fn(struct server_worker *w, void *arg);
int server_worker_ask(struct server_worker *w, server_errand_fn *fn, void *arg);

int server_worker_listen(struct server_worker *w, void *unused); /* errands */
int server_worker_unlisten(struct server_worker *w, void *unused);

/* For struct http_handlers; `user` is the server. */
bool server_on_headers(struct http_request *r, void *user);
void server_on_request(struct http_request *r, void *user);
void server_on_reply(int status, void *user);

/* ---- server.c ---- */

/*
 * NEW      made, nothing runs; to RUNNING by start, to ENDED by a start that failed.
 * RUNNING  accepts; to DRAINING by drain, to ENDED by stop.
 * DRAINING accepts no more; to ENDED by stop.
 * ENDED    nothing runs any more.
 */
enum server_state { SERVER_NEW, SERVER_RUNNING, SERVER_DRAINING, SERVER_ENDED };

struct cws_server {
  struct server_config config;
  const struct clock *clock;
  struct log *log;
  struct metrics metrics;
  struct auth *auth;
  struct quota *quota;
  struct hub *hub;
  struct session_settings sessions;
  struct api api;
  struct http_server *http;
  struct listener **listeners; /* address_count of them */
  char (*urls)[192];
  size_t url_count;
  struct server_worker *workers;
  int worker_count;
  struct timer tick; /* on worker 0 */

  pthread_mutex_t life; /* one of start, reload, drain, stop at a time */
  enum server_state state;

  pthread_mutex_t mutex; /* the rest, and errands */
  pthread_cond_t changed;
  int64_t open_connections;
};

#endif
