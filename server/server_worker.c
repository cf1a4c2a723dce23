/*
 * server_worker: one thread with its loop: what it accepts, within the limits, and what the threads
 * of the embedder ask of it. It knows no route and no session.
 */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/core/err.h"
#include "server/server_internal.h"

#define REFUSED_MAX 8   /* connections of a worker that wait for their 429; more are cut */
#define CUT_MAX 8       /* before it accepts no more until they have closed */
#define REFUSED_MS 2000 /* for such a one to say what it wants, which gets it the 429 */
#define REFUSED_RETRY_S 5

/* What is known of one accepted socket, whatever it speaks. */
struct intake {
  struct server_worker *worker;
  struct connection *c;
  struct quota_hold hold;
  struct timer patience; /* with one that is refused */
  int refusal;           /* the code of the limit it is beyond; 0: it is welcome */
  bool is_cut;           /* it is beyond a limit, and so are REFUSED_MAX before it */
};

/* ---- accepting ---- */

static void count_connection(struct cws_server *server, int n) {
  pthread_mutex_lock(&server->mutex);
  server->open_connections += n;
  if (server->open_connections == 0)
    pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->mutex);
}

/* A storm must not find more descriptors in use than the limit lets in and a few. */
static void resume_accepting(struct server_worker *w) {
  for (size_t i = 0; i < w->server->config.address_count; i++) {
    if (w->server->listeners[i] != NULL)
      listener_resume(w->server->listeners[i], w->loop);
  }
}

static void on_gone(void *owner) {
  struct intake *in = owner;
  struct server_worker *w = in->worker;
  quota_release(&in->hold);
  timer_cancel(loop_wheel(w->loop), &in->patience);
  if (in->refusal != 0)
    w->refused--;
  if (in->is_cut && w->cut-- == CUT_MAX)
    resume_accepting(w);
  free(in);
  count_connection(w->server, -1);
}

static void on_patience_over(struct timer *timer) {
  struct intake *in = (struct intake *)((char *)timer - offsetof(struct intake, patience));
  connection_abort(in->c);
}

static void admit(struct server_worker *w, struct intake *in, struct connection *c) {
  struct cws_server *server = w->server;
  in->worker = w;
  in->c = c;
  connection_set_owner(c, on_gone, in);
  count_connection(server, 1);
  in->refusal = quota_take_connection(server->quota, connection_peer(c)->address, &in->hold);
  if (in->refusal == 0) {
    metrics_add(&server->metrics.connections_accepted, 1);
    return;
  }
  metrics_add(&server->metrics.connections_refused, 1);
  in->is_cut = w->refused++ >= REFUSED_MAX;
  if (!in->is_cut) {
    timer_arm(loop_wheel(w->loop), &in->patience, REFUSED_MS, on_patience_over);
    return;
  }
  w->cut++;
  connection_abort(c);
}

static bool on_accept(struct loop *loop, int fd, const struct listener *l, void *user) {
  struct server_worker *w = user;
  struct cws_server *server = w->server;
  struct connection *c;
  bool is_tls = server->config.tls_cert_file != NULL && listener_is_tcp(l);
  if (http_serve(server->http, loop, fd, is_tls, &c) != 0)
    return true;
  struct intake *in = calloc(1, sizeof *in);
  if (in != NULL)
    admit(w, in, c);
  else
    connection_abort(c);
  return w->cut < CUT_MAX;
}

/* False: the connection is beyond a limit, and r has been answered. */
static bool is_welcome(struct http_request *r) {
  struct intake *in = connection_owner(http_connection(r));
  if (in == NULL || in->refusal == 0)
    return true;
  timer_cancel(loop_wheel(in->worker->loop), &in->patience); /* it may read the answer in peace */
  struct cws_error e = {0};
  err_set(&e, in->refusal, NULL);
  http_close_after(r);
  http_reply_error(r, &e, REFUSED_RETRY_S, NULL);
  return false;
}

bool server_on_headers(struct http_request *r, void *user) {
  struct cws_server *server = user;
  return is_welcome(r) && api_on_headers(r, &server->api);
}

void server_on_request(struct http_request *r, void *user) {
  struct cws_server *server = user;
  if (is_welcome(r))
    api_on_request(r, &server->api);
}

void server_on_reply(int status, void *user) {
  struct metrics *m = &((struct cws_server *)user)->metrics;
  metrics_add(&m->http_requests, 1);
  if (status >= 400)
    metrics_add(&m->http_errors, 1);
}

int server_worker_listen(struct server_worker *w, void *unused) {
  (void)unused;
  int rc = 0;
  for (size_t i = 0; i < w->server->config.address_count && rc == 0; i++)
    rc = listener_start(w->server->listeners[i], w->loop, on_accept, w);
  return rc;
}

int server_worker_unlisten(struct server_worker *w, void *unused) {
  (void)unused;
  for (size_t i = 0; i < w->server->config.address_count; i++) {
    if (w->server->listeners[i] != NULL)
      listener_stop(w->server->listeners[i], w->loop);
  }
  return 0;
}

/* ---- errands ---- */

struct errand {
  struct mail mail; /* first */
  struct server_worker *worker;
  server_errand_fn *fn;
  void *arg;
  int code;
  bool is_done;
};

static void run_errand(struct mail *mail) {
  struct errand *e = (struct errand *)mail;
  struct cws_server *server = e->worker->server;
  int code = e->fn(e->worker, e->arg);
  pthread_mutex_lock(&server->mutex);
  e->code = code;
  e->is_done = true;
  pthread_cond_broadcast(&server->changed);
  pthread_mutex_unlock(&server->mutex);
}

int server_worker_ask(struct server_worker *w, server_errand_fn *fn, void *arg) {
  struct cws_server *server = w->server;
  struct errand e = {.mail.run = run_errand, .worker = w, .fn = fn, .arg = arg};
  loop_post(w->loop, &e.mail);
  pthread_mutex_lock(&server->mutex);
  while (!e.is_done)
    pthread_cond_wait(&server->changed, &server->mutex);
  pthread_mutex_unlock(&server->mutex);
  return e.code;
}

/* ---- life ---- */

int server_worker_open(struct server_worker *w, struct cws_server *server, int index,
                       struct cws_error *err) {
  const struct loop_options options = {
      .index = index,
      .log = server->log,
      .tls_cert_file = server->config.tls_cert_file,
      .tls_key_file = server->config.tls_key_file,
      .tls_client_ca_file = server->config.tls_client_ca_file,
  };
  w->server = server;
  return loop_new(&options, &w->loop, err);
}

static void *run(void *arg) {
  struct server_worker *w = arg;
  loop_run(w->loop);
  return NULL;
}

/* Signals are the embedder's: none is taken by a thread of the library. */
int server_worker_start(struct server_worker *w, struct cws_error *err) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int rc = pthread_create(&w->thread, NULL, run, w);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (rc != 0)
    return err_set_sys(err, CWS_ESYSTEM, rc, "cannot start a thread");
  w->is_running = true;
  return 0;
}

void server_worker_join(struct server_worker *w) {
  if (!w->is_running)
    return;
  loop_stop(w->loop);
  pthread_join(w->thread, NULL);
  w->is_running = false;
}

void server_worker_close(struct server_worker *w) {
  loop_free(w->loop);
  w->loop = NULL;
}
