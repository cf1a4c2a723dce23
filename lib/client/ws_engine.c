/*
 * ws_engine: what is to be known of libwebsockets 4.1.6 as a guest on a libuv loop:
 * a destroyed context closes its handles over the next turns of the loop and wants a
 * second lws_context_destroy then; its log is global and goes to stderr by default, which a
 * library must not; its proxies come from the environment for WebSockets over TCP but not by TLS,
 * so they are off. The context takes tens of milliseconds with TLS, hence is made only when needed.
 */
#include "lib/client/ws_engine.h"

#include "lib/client/client.h"
#include "lib/client/timer.h"
#include "lib/client/ws.h"
#include "lib/core/err.h"
#include "lib/core/protocol.h"
#include "lib/event/event_fd.h"
#include <stdlib.h>

#define ENGINE_RX_BYTES 65536
#define ENGINE_TX_BYTES 65536
#define ENGINE_SERV_BYTES 32768 /* also bounds the request's header: a token has up to 8 KiB */
#define ENGINE_NEVER_S 86400    /* ours are the deadlines */
#define ENGINE_END_TURNS 4      /* of the loop: closing a handle takes one, a wsi two */

static const struct lws_protocols protocols[] = {
    {PROTOCOL_SUBPROTOCOL, ws_lws_callback, 0, ENGINE_RX_BYTES, 0, NULL, ENGINE_TX_BYTES},
    {0},
};

/* Its pings are off: the hub's heartbeat tells whether it is alive. */
static const lws_retry_bo_t no_pings = {.secs_since_valid_ping = 0, .secs_since_valid_hangup = 0};

/* A hub in the same process has set the log already; then it is left alone. */
static void silence_log(void) {
  if (lwsl_visible(LLL_NOTICE))
    lws_set_log_level(0, NULL);
}

static struct lws_context *create_context(struct ws_engine *engine) {
  struct cws_client *client = engine->client;
  void *loops[] = {client->loop};
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN,
      .protocols = protocols,
      .gid = (gid_t)-1,
      .uid = (uid_t)-1,
      .options = LWS_SERVER_OPTION_LIBUV,
      .foreign_loops = loops,
      .pcontext = &engine->context,
      .user = engine,
      .http_proxy_address = ":0", /* port 0 is none; an empty address would be logged as an error */
      .pt_serv_buf_size = ENGINE_SERV_BYTES,
      .timeout_secs = ENGINE_NEVER_S,
      .connect_timeout_secs = ENGINE_NEVER_S,
      .retry_and_idle_policy = &no_pings,
      .alpn = "http/1.1",
      .ka_time = 60, /* TCP keep-alive, for hubs whose heartbeat is off */
      .ka_interval = 20,
      .ka_probes = 3,
  };
  if (client->url.tls)
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  return lws_create_context(&info);
}

void ws_engine_kill(struct ws_engine *engine, struct lws *wsi) {
  /* At once unless libwebsockets is on the stack; "soon" is noticed only after a callback of its
   * own. */
  lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE,
                  engine->depth > 0 ? LWS_TO_KILL_ASYNC : LWS_TO_KILL_SYNC);
}

static void engine_on_turn(void *arg) {
  struct ws_engine *engine = arg;
  struct cws_client *client = engine->client;
  if (engine->end_turns == ENGINE_END_TURNS) {
    lws_context_destroy(engine->context);
    event_fd_hold(client->loop, engine->event_fd);
  }
  if (engine->end_turns-- > 0) {
    timer_start(engine->end_timer, 1); /* 0 would run in this same turn */
    return;
  }
  if (engine->context != NULL)
    lws_context_destroy(engine->context);
  timer_free(engine->end_timer);
  free(engine);
  client_release(client);
}

/* The caller may stand inside a callback of libwebsockets: the end begins in the next turn. */
void ws_engine_free(struct ws_engine *engine) {
  if (engine == NULL)
    return;
  engine->end_turns = ENGINE_END_TURNS;
  timer_start(engine->end_timer, 0);
}

static struct ws_engine *engine_new(struct cws_client *client, struct cws_error *err) {
  struct ws_engine *engine = calloc(1, sizeof(*engine));
  if (engine != NULL)
    engine->end_timer = timer_new(client, engine_on_turn, engine);
  if (engine == NULL || engine->end_timer == NULL) {
    free(engine);
    err_set(err, CWS_ENOMEM, NULL);
    return NULL;
  }
  engine->client = client;
  engine->context = create_context(engine);
  if (engine->context == NULL) {
    timer_free(engine->end_timer);
    free(engine);
    err_set(err, CWS_ESYSTEM, "libwebsockets cannot start; is its libuv plugin installed");
    return NULL;
  }
  engine->event_fd = event_fd_find(client->loop);
  client_hold(client);
  return engine;
}

int ws_engine_get(struct cws_client *client, struct ws_engine **out, struct cws_error *err) {
  if (client->ws == NULL) {
    struct cws_error why = {0};
    silence_log();
    struct ws_engine *engine = engine_new(client, &why);
    if (engine == NULL)
      return err_set(err, why.code, "%s", why.message);
    if (engine->ca_failed) {
      ws_engine_free(engine);
      return err_set(err, CWS_ETLS, "no certificate in the CA file '%s'", client->options.ca_file);
    }
    if (engine->cert_failed) {
      ws_engine_free(engine);
      return err_set(err, CWS_ETLS, "no certificate with its key in '%s'",
                     client->options.cert_file);
    }
    client->ws = engine;
  }
  *out = client->ws;
  return 0;
}
