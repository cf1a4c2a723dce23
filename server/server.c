/*
 * server: the server role: owns every part of a hub, in the order in which they need each other,
 * and its life: start, reload, drain, stop.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/core/err.h"
#include "server/net/tls_files.h"
#include "server/server_internal.h"

#define TICK_MS 1000 /* see hub_tick */
#define PING_DEFAULT_MS 30000
#define BODIES_AT_ONCE 8 /* of the largest size, before a publish is told to come again */
#define BYE_SPREAD_MS                                                                              \
  5000 /* watchers come back at random within this, so that the next hub is not                    \
          met by all of them at once */

static void set_state(struct cws_server *server, enum server_state state) {
  static const char *const NAMES[] = {"new", "running", "draining", "ended"};
  log_debug(server->log, "server: %s to %s", NAMES[server->state], NAMES[state]);
  server->state = state;
}

/* ---- making it ---- */

static int init_locks(struct cws_server *server) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  int rc = pthread_cond_init(&server->changed, &attr);
  pthread_condattr_destroy(&attr);
  if (rc != 0)
    return CWS_ENOMEM;
  pthread_mutex_init(&server->mutex, NULL); /* cannot fail with default attributes */
  pthread_mutex_init(&server->life, NULL);
  return 0;
}

static int make_parts(struct cws_server *server, const struct cws_server_options *options,
                      struct cws_error *err) {
  int rc = server_config_init(&server->config, options, err);
  if (rc != 0)
    return rc;
  const struct quota_limits limits = server_config_quota(&server->config.numbers);
  server->log = log_new(options->log_level, options->log, options->log_user);
  server->quota = quota_new(&limits, server->clock);
  server->listeners = calloc(server->config.address_count, sizeof(struct listener *));
  server->urls = calloc(server->config.address_count, sizeof *server->urls);
  server->workers = calloc((size_t)server->config.numbers.workers, sizeof *server->workers);
  if (server->log == NULL || server->quota == NULL || server->listeners == NULL ||
      server->urls == NULL || server->workers == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  return auth_new(options, server->clock, server->log, &server->auth, err);
}

int cws_server_new(const struct cws_server_options *options, struct cws_server **out,
                   struct cws_error *err) {
  struct cws_server_options wide;
  int rc = server_config_widen(options, &wide, err);
  if (rc != 0)
    return rc;
  struct cws_server *server = calloc(1, sizeof *server);
  if (server == NULL || init_locks(server) != 0) {
    free(server);
    return err_set(err, CWS_ENOMEM, NULL);
  }
  server->clock = clock_system();
  rc = make_parts(server, &wide, err);
  if (rc != 0) {
    cws_server_free(server);
    return rc;
  }
  *out = server;
  return 0;
}

/* ---- starting it ---- */

/* The caller's own secret is known to everyone who can read the caller's files: it is for this
 * machine only. */
static int check_reach(const struct cws_server *server, struct cws_error *err) {
  if (!auth_is_local_only(server->auth))
    return 0;
  for (size_t i = 0; i < server->config.address_count; i++) {
    const struct listener_address *a = &server->config.addresses[i];
    if (!a->is_loopback)
      return err_set(err, CWS_ECONFIG,
                     "listen '%s' is reachable from other machines: give a key of its own with "
                     "--secret-file, --public-key or --jwks",
                     a->text);
  }
  return 0;
}

static void post_to_worker(int worker, struct mail *mail, void *user) {
  struct cws_server *server = user;
  loop_post(server->workers[worker].loop, mail);
}

static int open_hub(struct cws_server *server, struct cws_error *err) {
  const struct cws_server_options *n = &server->config.numbers;
  const struct hub_options options = {
      .store_uri = server->config.store,
      .store = {.nats = server->config.nats.options,
                .durability_normal = n->durability_normal,
                .retention_ms = n->retention_ms,
                .max_request_events = n->max_request_events,
                .max_request_bytes = n->max_request_bytes},
      .workers = n->workers,
      .post = post_to_worker,
      .user = server,
      .on_failed = n->on_failed,
      .failed_user = n->failed_user,
      .clock = server->clock,
      .log = server->log,
  };
  return hub_new(&options, &server->hub, err);
}

static int open_workers(struct cws_server *server, struct cws_error *err) {
  int rc = 0;
  while (server->worker_count < server->config.numbers.workers && rc == 0) {
    rc = server_worker_open(&server->workers[server->worker_count], server, server->worker_count,
                            err);
    if (rc == 0)
      server->worker_count++;
  }
  return rc;
}

static int open_sessions(struct cws_server *server) {
  const struct cws_server_options *n = &server->config.numbers;
  server->sessions = (struct session_settings){
      .registry = session_registry_new(n->workers),
      .heartbeat_interval_ms = n->heartbeat_interval_ms,
      .inactivity_timeout_ms = n->inactivity_timeout_ms,
      .ping_interval_ms = n->heartbeat_interval_ms > 0 ? n->heartbeat_interval_ms : PING_DEFAULT_MS,
      .max_event_bytes = (size_t)n->max_event_bytes,
      .compression = n->compression,
      .clock = server->clock,
      .log = server->log,
      .metrics = &server->metrics,
      .quota = server->quota,
  };
  return server->sessions.registry != NULL ? 0 : CWS_ENOMEM;
}

static int open_http(struct cws_server *server) {
  const struct cws_server_options *n = &server->config.numbers;
  static const struct http_handlers HANDLERS = {.on_headers = server_on_headers,
                                                .on_request = server_on_request,
                                                .on_reply = server_on_reply};
  struct http_limits limits;
  http_limits_init(&limits);
  limits.max_body_bytes = (size_t)n->max_body_bytes;
  limits.max_bodies_bytes = limits.max_body_bytes * BODIES_AT_ONCE;
  server->api = (struct api){
      .hub = server->hub,
      .auth = server->auth,
      .quota = server->quota,
      .metrics = &server->metrics,
      .handshake = {.hub = server->hub, .auth = server->auth, .settings = &server->sessions},
      .clock = server->clock,
      .max_event_bytes = (size_t)n->max_event_bytes,
      .max_batch_events = (size_t)n->max_batch_events,
      .started_ms = clock_wall_ms(server->clock),
      .workers = n->workers,
  };
  server->http = http_server_new(n->workers, &limits, &HANDLERS, server);
  return server->http != NULL ? 0 : CWS_ENOMEM;
}

static int open_listeners(struct cws_server *server, struct cws_error *err) {
  const struct server_config *c = &server->config;
  for (size_t i = 0; i < c->address_count; i++) {
    int rc = listener_open(&c->addresses[i], c->numbers.workers, &server->listeners[i], err);
    if (rc != 0)
      return rc;
    const struct listener *l = server->listeners[i];
    const char *scheme = !listener_is_tcp(l) ? "" : c->tls_cert_file ? "https://" : "http://";
    snprintf(server->urls[i], sizeof server->urls[i], "%s%s", scheme, listener_bound(l));
    server->url_count++;
  }
  return 0;
}

static void on_tick(struct timer *timer) {
  struct cws_server *server =
      (struct cws_server *)((char *)timer - offsetof(struct cws_server, tick));
  hub_tick(server->hub);
  timer_arm(loop_wheel(server->workers[0].loop), &server->tick, TICK_MS, on_tick);
}

static int begin_ticking(struct server_worker *w, void *unused) {
  (void)unused;
  timer_arm(loop_wheel(w->loop), &w->server->tick, TICK_MS, on_tick);
  return 0;
}

static int start_workers(struct cws_server *server, struct cws_error *err) {
  int rc = 0;
  for (int i = 0; i < server->worker_count && rc == 0; i++)
    rc = server_worker_start(&server->workers[i], err);
  if (rc == 0)
    rc = server_worker_ask(&server->workers[0], begin_ticking, NULL);
  for (int i = 0; i < server->worker_count && rc == 0; i++)
    rc = server_worker_ask(&server->workers[i], server_worker_listen, NULL);
  return rc;
}

static int start_all(struct cws_server *server, struct cws_error *err) {
  int rc = check_reach(server, err);
  if (rc == 0)
    rc = open_listeners(server, err); /* before the store: a second hub is told of its port first */
  if (rc == 0)
    rc = open_hub(server, err);
  if (rc == 0)
    rc = open_workers(server, err);
  if (rc == 0)
    rc = open_sessions(server);
  if (rc == 0)
    rc = open_http(server);
  if (rc == 0)
    rc = start_workers(server, err);
  return rc != 0 ? err_set(err, rc, NULL) : 0;
}

static void end_all(struct cws_server *server);

int cws_server_start(struct cws_server *server, struct cws_error *err) {
  pthread_mutex_lock(&server->life);
  int rc = CWS_EINVAL;
  if (server->state != SERVER_NEW) {
    err_set(err, rc, "a server can be started once");
  } else {
    rc = start_all(server, err);
    if (rc == 0) {
      set_state(server, SERVER_RUNNING);
    } else {
      end_all(server);
      server->url_count = 0; /* nothing is to be found there */
    }
  }
  pthread_mutex_unlock(&server->life);
  for (size_t i = 0; rc == 0 && i < server->url_count; i++)
    log_info(server->log, "listening on %s", server->urls[i]);
  return rc;
}

const char *cws_server_url(const struct cws_server *server, size_t i) {
  return i < server->url_count ? server->urls[i] : NULL;
}

/* ---- reload ---- */

static int reload_tls(struct server_worker *w, void *arg) {
  return loop_reload_tls(w->loop, arg);
}

static int recheck_sessions(struct server_worker *w, void *unused) {
  (void)unused;
  session_recheck_all(&w->server->sessions, w->loop, w->server->auth);
  return 0;
}

static void recheck_all(struct cws_server *server) {
  for (int i = 0; i < server->worker_count; i++)
    server_worker_ask(&server->workers[i], recheck_sessions, NULL);
}

/* What can fail comes first, so that either everything is new or nothing is. */
static int reload_all(struct cws_server *server, const struct cws_server_options *options,
                      struct cws_error *err) {
  const struct server_config *c = &server->config;
  struct cws_server_options numbers = c->numbers;
  int rc = options == NULL ? 0 : server_config_take_limits(&numbers, options, err);
  if (rc == 0 && c->tls_cert_file != NULL)
    rc = tls_files_check(c->tls_cert_file, c->tls_key_file, c->tls_client_ca_file, err);
  if (rc == 0)
    rc = auth_reload(server->auth, options, err);
  for (int i = 0; i < server->worker_count && rc == 0; i++)
    rc = server_worker_ask(&server->workers[i], reload_tls, err);
  if (rc != 0)
    return rc;
  const struct quota_limits limits = server_config_quota(&numbers);
  server->config.numbers = numbers;
  quota_set_limits(server->quota, &limits);
  recheck_all(server);
  return 0;
}

int cws_server_reload(struct cws_server *server, const struct cws_server_options *options,
                      struct cws_error *err) {
  struct cws_server_options wide;
  int rc = options == NULL ? 0 : server_config_widen(options, &wide, err);
  if (rc != 0)
    return rc;
  pthread_mutex_lock(&server->life);
  rc = server->state == SERVER_RUNNING ? reload_all(server, options == NULL ? NULL : &wide, err)
                                       : err_set(err, CWS_EINVAL, "the server is not running");
  pthread_mutex_unlock(&server->life);
  return rc;
}

/* ---- the end ---- */

static int drain_worker(struct server_worker *w, void *unused) {
  (void)unused;
  session_drain_all(&w->server->sessions, w->loop, BYE_SPREAD_MS);
  http_drain(w->server->http, w->loop);
  return 0;
}

static struct timespec deadline_after(int64_t ms) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_sec += (time_t)(ms / 1000);
  at.tv_nsec += (long)(ms % 1000) * 1000000;
  if (at.tv_nsec >= 1000000000) {
    at.tv_sec++;
    at.tv_nsec -= 1000000000;
  }
  return at;
}

/* How many are left when the time is over. */
static int64_t wait_for_connections(struct cws_server *server) {
  const struct timespec deadline = deadline_after(server->config.numbers.drain_timeout_ms);
  pthread_mutex_lock(&server->mutex);
  while (server->open_connections > 0 &&
         pthread_cond_timedwait(&server->changed, &server->mutex, &deadline) != ETIMEDOUT)
    continue;
  int64_t left = server->open_connections;
  pthread_mutex_unlock(&server->mutex);
  return left;
}

static int drain_all(struct cws_server *server, struct cws_error *err) {
  log_info(server->log, "draining");
  atomic_store(&server->api.is_draining, true);
  for (int i = 0; i < server->worker_count; i++)
    server_worker_ask(&server->workers[i], server_worker_unlisten, NULL);
  for (int i = 0; i < server->worker_count; i++)
    server_worker_ask(&server->workers[i], drain_worker, NULL);
  for (size_t i = 0; i < server->config.address_count; i++)
    listener_close(server->listeners[i]); /* whoever sees it closed finds a hub that drains */
  int64_t left = wait_for_connections(server);
  hub_flush(server->hub);
  if (left == 0)
    return 0;
  return err_set(err, CWS_ETIMEOUT, "%lld connections did not end in time and are cut",
                 (long long)left);
}

int cws_server_drain(struct cws_server *server, struct cws_error *err) {
  int rc = 0;
  pthread_mutex_lock(&server->life);
  if (server->state == SERVER_RUNNING) {
    set_state(server, SERVER_DRAINING);
    rc = drain_all(server, err);
  } else if (server->state == SERVER_NEW) {
    rc = err_set(err, CWS_EINVAL, "the server is not running");
  }
  pthread_mutex_unlock(&server->life);
  return rc;
}

/* Frees what start made, in reverse; any of it may be missing. The loops end before the hub, whose
 * streams their sessions are attached to; the hub then answers what is still due, to nobody. */
static void end_all(struct cws_server *server) {
  if (server->hub != NULL)
    hub_silence(server->hub);
  for (int i = 0; i < server->worker_count; i++) {
    if (server->workers[i].is_running)
      server_worker_ask(&server->workers[i], server_worker_unlisten, NULL);
  }
  for (int i = 0; i < server->worker_count; i++)
    server_worker_join(&server->workers[i]);
  for (int i = 0; i < server->worker_count; i++)
    server_worker_close(&server->workers[i]);
  hub_free(server->hub);
  http_server_free(server->http);
  session_registry_free(server->sessions.registry);
  for (size_t i = 0; i < server->config.address_count && server->listeners != NULL; i++) {
    listener_free(server->listeners[i]);
    server->listeners[i] = NULL;
  }
  server->hub = NULL;
  server->http = NULL;
  server->sessions.registry = NULL;
  server->worker_count = 0;
  set_state(server, SERVER_ENDED);
}

void cws_server_stop(struct cws_server *server) {
  pthread_mutex_lock(&server->life);
  if (server->state != SERVER_ENDED) {
    bool was_running = server->state != SERVER_NEW;
    end_all(server);
    if (was_running)
      log_info(server->log, "stopped");
  }
  pthread_mutex_unlock(&server->life);
}

void cws_server_free(struct cws_server *server) {
  if (server == NULL)
    return;
  cws_server_stop(server);
  auth_free(server->auth);
  quota_free(server->quota);
  free(server->workers);
  free(server->urls);
  free(server->listeners);
  server_config_finish(&server->config);
  log_free(server->log);
  pthread_mutex_destroy(&server->life);
  pthread_mutex_destroy(&server->mutex);
  pthread_cond_destroy(&server->changed);
  free(server);
}
