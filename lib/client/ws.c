/*
 * ws: a WebSocket by libwebsockets' client role. Its raw role would show more (bodies of
 * refusals, all close codes), but in 4.1.6 it starts TLS before there is a socket, so every wss
 * fails. What the ws role hides is made up for here: a refusal's body is read in the callback
 * before the upgrade is judged; frames are written ready-made (lws_write loses a frame's header
 * while an earlier write is pending); WSI_DESTROY before ESTABLISHED is a failure; deadlines are
 * our own.
 */
#include "lib/client/ws.h"

#include "lib/client/address.h"
#include "lib/client/client.h"
#include "lib/client/random.h"
#include "lib/client/reply.h"
#include "lib/client/timer.h"
#include "lib/client/tls_peer.h"
#include "lib/client/ws_engine.h"
#include "lib/client/ws_tls.h"
#include "lib/core/err.h"
#include "lib/core/protocol.h"
#include "lib/core/ws_frame.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WS_MESSAGE_MAX                                                                             \
  (8u << 20)                  /* bytes of one message of the hub; an event has 256 KiB by default */
#define WS_REFUSAL_MAX 16384  /* bytes of a refusal's body that are read */
#define WS_CLOSE_WAIT_MS 2000 /* for the peer's close frame */

enum ws_state {
  WS_RESOLVING, /* the host is being looked up → CONNECTING, CLOSED */
  WS_CONNECTING, /* TCP; on failure the next address, CLOSED after the last → TLS, UPGRADING, CLOSED
                  */
  WS_SECURING,   /* TLS → UPGRADING, CONNECTING (next address), CLOSED */
  WS_UPGRADING, /* the request is out → OPEN, CLOSED */
  WS_OPEN,      /* messages both ways → CLOSING, CLOSED */
  WS_CLOSING,   /* our close frame is queued or out; nothing is delivered any more → CLOSED */
  WS_CLOSED,    /* on_closed was called, or the owner has let go */
};

struct ws {
  int refs; /* the owner's, the wsi's, one for each callback on the stack */
  enum ws_state state;
  struct cws_client *client;
  struct ws_engine *engine;
  const struct ws_handlers *handlers;
  void *user;
  char *path, *token;
  struct address_query *query;
  struct address_list addresses;
  size_t next_address;
  int64_t deadline; /* of all of connecting, on the loop's clock */
  struct timer *timer;
  struct lws *wsi;
  bool holds_wsi;  /* one of `refs` is the wsi's, until its WSI_DESTROY */
  bool in_connect; /* libwebsockets' connect call is on the stack: its result tells, not a callback
                    */
  bool paused;
  struct buf out; /* masked frames */
  struct buf in;  /* the message being joined; the refusal's body while upgrading */
  struct ws_end end;
  int verify_code; /* X509_V_ERR of the attempt, 0 for none */
};

static void ws_set_state(struct ws *ws, enum ws_state state) {
  static const char *const names[] = {"resolving", "connecting", "securing", "upgrading",
                                      "open",      "closing",    "closed"};
  log_debug(ws->client->log, "websocket %s: %s, then %s", ws->client->url.host_port,
            names[ws->state], names[state]);
  ws->state = state;
}

/* Not inlined: gcc 12 would warn of a use after free that the count rules out. */
static __attribute__((noinline)) void ws_unref(struct ws *ws) {
  if (--ws->refs > 0)
    return;
  buf_finish(&ws->out);
  buf_finish(&ws->in);
  free(ws->path);
  free(ws->token);
  free(ws);
}

/* ---- ending ---- */

static void ws_forget_wsi(struct ws *ws) {
  ws->wsi = NULL;
  if (ws->holds_wsi) {
    ws->holds_wsi = false;
    ws_unref(ws);
  }
}

static void ws_drop_wsi(struct ws *ws) {
  struct lws *wsi = ws->wsi;
  if (wsi == NULL)
    return;
  lws_set_opaque_user_data(wsi, NULL);
  ws_engine_kill(ws->engine, wsi);
  ws_forget_wsi(ws);
}

/* Lets go of everything outside; the memory may live on while a callback is on the stack. */
static void ws_release(struct ws *ws) {
  ws_set_state(ws, WS_CLOSED);
  address_cancel(ws->query);
  ws->query = NULL;
  timer_free(ws->timer);
  ws->timer = NULL;
  ws_drop_wsi(ws);
}

static void ws_finish(struct ws *ws) {
  if (ws->state == WS_CLOSED)
    return;
  ws->refs++;
  ws_release(ws);
  ws->handlers->on_closed(ws, &ws->end, ws->user);
  ws_unref(ws);
}

static void ws_fail(struct ws *ws, int code, const char *text) {
  err_set(&ws->end.error, code, "%s", text);
  ws_finish(ws);
}

void ws_free(struct ws *ws) {
  if (ws == NULL)
    return;
  if (ws->state != WS_CLOSED)
    ws_release(ws);
  ws_unref(ws);
}

/* ---- connecting ---- */

static void ws_connect_next(struct ws *ws);

/* This address did not work. A certificate that is not good is the end, as is an answer. */
static void ws_attempt_failed(struct ws *ws) {
  bool last = ws->next_address >= ws->addresses.count;
  if (last || ws->state == WS_UPGRADING || ws->end.error.code == CWS_ETLS)
    ws_finish(ws);
  else
    ws_connect_next(ws);
}

static void fill_connect_info(struct ws *ws, const char *address,
                              struct lws_client_connect_info *i) {
  const struct url *url = &ws->client->url;
  *i = (struct lws_client_connect_info){
      .context = ws->engine->context,
      .address = address,
      .port = url->port,
      .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (url->tls ? LCCSCF_USE_SSL : 0),
      .path = ws->path,
      .host = url->host_port,
      .protocol = PROTOCOL_SUBPROTOCOL,
      .local_protocol_name = PROTOCOL_SUBPROTOCOL,
      .ietf_version_or_minus_one = -1,
      .opaque_user_data = ws,
      .pwsi = &ws->wsi,
  };
}

static bool ws_connect_to(struct ws *ws, const struct address *address) {
  struct lws_client_connect_info info;
  memset(&ws->end.error, 0, sizeof(ws->end.error));
  if (address_check(address, ws->client->url.port, &ws->end.error) != 0)
    return false;
  fill_connect_info(ws, address->text, &info);
  ws_set_state(ws, WS_CONNECTING);
  ws->verify_code = 0;
  ws->engine->alert = 0;
  ws->refs++;
  ws->holds_wsi = true;
  ws->in_connect = true;
  struct lws *wsi = lws_client_connect_via_info(&info);
  ws->in_connect = false;
  if (wsi != NULL)
    return true;
  ws_forget_wsi(ws);
  err_set(&ws->end.error, CWS_ECONNECT, "cannot connect to %s", address->text);
  return false;
}

/* Each address gets its share of the time that is left, so that a dead first one does not use it
 * up. */
static void ws_arm_deadline(struct ws *ws) {
  int64_t left = ws->deadline - (int64_t)uv_now(ws->client->loop);
  int64_t tries = (int64_t)(ws->addresses.count - ws->next_address) + 1;
  timer_start(ws->timer, left / tries < 1 ? 1 : left / tries);
}

static void ws_connect_next(struct ws *ws) {
  while (ws->next_address < ws->addresses.count) {
    if (ws_connect_to(ws, &ws->addresses.items[ws->next_address++])) {
      ws_arm_deadline(ws);
      return;
    }
  }
  ws_finish(ws);
}

static void ws_on_addresses(const struct address_list *list, const struct cws_error *err,
                            void *user) {
  struct ws *ws = user;
  ws->query = NULL; /* it frees itself */
  if (list == NULL) {
    ws_fail(ws, err->code, err->message);
    return;
  }
  struct cws_error why = {0};
  if (ws_engine_get(ws->client, &ws->engine, &why) != 0) {
    ws_fail(ws, why.code, why.message);
    return;
  }
  ws->addresses = *list;
  ws_connect_next(ws);
}

static void ws_on_timer(void *arg) {
  struct ws *ws = arg;
  if (ws->state == WS_CLOSING) {
    ws_finish(ws);
    return;
  }
  err_set(&ws->end.error, CWS_ETIMEOUT, "no %s from %s in time",
          ws->state == WS_UPGRADING ? "answer" : "connection", ws->client->url.host_port);
  ws_drop_wsi(ws);
  ws_attempt_failed(ws);
}

static struct ws *ws_new(struct cws_client *client, const char *path, const char *token) {
  struct ws *ws = calloc(1, sizeof(*ws));
  if (ws == NULL)
    return NULL;
  ws->refs = 1;
  ws->client = client;
  buf_init(&ws->out);
  buf_init(&ws->in);
  ws->path = strdup(path);
  ws->token = token == NULL ? NULL : strdup(token);
  ws->timer = timer_new(client, ws_on_timer, ws);
  if (ws->path != NULL && ws->timer != NULL && (token == NULL || ws->token != NULL))
    return ws;
  timer_free(ws->timer);
  ws_unref(ws);
  return NULL;
}

int ws_open(struct cws_client *client, const char *path, const char *token,
            const struct ws_handlers *handlers, void *user, struct ws **out,
            struct cws_error *err) {
  struct ws *ws = ws_new(client, path, token);
  if (ws == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  ws->handlers = handlers;
  ws->user = user;
  int rc = address_find(client, ws_on_addresses, ws, &ws->query, err);
  if (rc != 0) {
    ws_free(ws);
    return rc;
  }
  uv_update_time(client->loop);
  ws->deadline = (int64_t)uv_now(client->loop) + client->options.connect_timeout_ms;
  timer_start(ws->timer, client->options.connect_timeout_ms);
  *out = ws;
  return 0;
}

/* ---- sending ---- */

void ws_send(struct ws *ws, const char *text, size_t len) {
  if (ws->state != WS_OPEN)
    return;
  ws_frame_append_masked(&ws->out, WS_TEXT, text, len, (uint32_t)random_u64());
  lws_callback_on_writable(ws->wsi);
}

size_t ws_unsent(const struct ws *ws) {
  return ws->out.len;
}

static void append_close(struct buf *out, int code) {
  char payload[2] = {(char)(code >> 8), (char)code};
  ws_frame_append_masked(out, WS_CLOSE, payload, sizeof(payload), (uint32_t)random_u64());
}

void ws_close(struct ws *ws, int code) {
  if (ws->state == WS_CLOSED || ws->state == WS_CLOSING)
    return;
  bool open = ws->state == WS_OPEN;
  ws_set_state(ws, WS_CLOSING);
  ws->end.close_code = code;
  ws->end.error = (struct cws_error){0};
  if (open) {
    append_close(&ws->out, code);
    ws_resume(ws); /* else the peer's close would not be read */
    lws_callback_on_writable(ws->wsi);
  }
  timer_start(ws->timer, open ? WS_CLOSE_WAIT_MS : 0);
}

void ws_pause(struct ws *ws) {
  if (!ws->paused && ws->state == WS_OPEN)
    lws_rx_flow_control(ws->wsi, 0);
  ws->paused = true;
}

void ws_resume(struct ws *ws) {
  if (ws->paused && ws->state >= WS_OPEN && ws->wsi != NULL) {
    lws_rx_flow_control(ws->wsi, 1);
    lws_callback_on_writable(
        ws->wsi); /* what libwebsockets holds back is looked at after an event */
  }
  ws->paused = false;
}

static int ws_on_writeable(struct ws *ws) {
  if (ws->out.failed) {
    ws_fail(ws, CWS_ENOMEM, cws_error_text(CWS_ENOMEM));
    return -1;
  }
  if (lws_partial_buffered(ws->wsi)) {
    lws_callback_on_writable(ws->wsi);
    return 0;
  }
  if (ws->out.len > 0) {
    /* Whole frames in one piece: libwebsockets may put a pong of its own behind it. */
    if (lws_write(ws->wsi, (unsigned char *)ws->out.data, ws->out.len, LWS_WRITE_RAW) < 0) {
      ws_fail(ws, CWS_EDISCONNECTED, "the connection was lost while sending");
      return -1;
    }
    buf_reset(&ws->out);
    lws_callback_on_writable(ws->wsi);
  } else if (ws->state == WS_OPEN) {
    ws->handlers->on_drained(ws, ws->user);
  }
  return 0;
}

/* ---- receiving ---- */

static void ws_too_big(struct ws *ws) {
  ws->end.close_code = WS_CLOSE_TOO_BIG;
  ws_fail(ws, CWS_ETOOLARGE, "the hub sent a message of more than 8 MiB");
}

static int ws_on_receive(struct ws *ws, const char *bytes, size_t len) {
  size_t rest = lws_remaining_packet_payload(ws->wsi);
  if (ws->state != WS_OPEN)
    return 0;
  if (lws_frame_is_binary(ws->wsi)) {
    ws->end.close_code = WS_CLOSE_UNSUPPORTED;
    ws_fail(ws, CWS_EPROTOCOL, "the hub sent a binary message");
    return -1;
  }
  if (lws_is_first_fragment(ws->wsi))
    buf_reset(&ws->in);
  if (ws->in.len + len > WS_MESSAGE_MAX || rest > WS_MESSAGE_MAX) {
    ws_too_big(ws);
    return -1;
  }
  buf_add(&ws->in, bytes, len);
  if (rest > 0 || !lws_is_final_fragment(ws->wsi))
    return 0;
  if (ws->in.failed) {
    ws_fail(ws, CWS_ENOMEM, cws_error_text(CWS_ENOMEM));
    return -1;
  }
  ws->handlers->on_text(ws, ws->in.data != NULL ? ws->in.data : "", ws->in.len, ws->user);
  return 0;
}

/* ---- what libwebsockets says ---- */

static int ws_on_established(struct ws *ws) {
  ws_set_state(ws, WS_OPEN);
  ws->end.close_code = WS_CLOSE_ABNORMAL;
  buf_reset(&ws->in);
  timer_stop(ws->timer);
  if (ws->paused)
    lws_rx_flow_control(ws->wsi, 0);
  ws->handlers->on_open(ws, ws->user);
  return 0;
}

static int ws_on_peer_close(struct ws *ws, const unsigned char *payload, size_t len) {
  if (ws->state == WS_CLOSING) {
    ws_finish(ws);
    return -1;
  }
  ws->end.close_code = len >= 2 ? payload[0] << 8 | payload[1] : WS_CLOSE_NO_STATUS;
  return 0; /* libwebsockets answers, then says CLOSED */
}

static int ws_on_gone(struct ws *ws) {
  if (ws->state >= WS_OPEN) {
    err_set(&ws->end.error, CWS_EDISCONNECTED, "the connection to %s was lost",
            ws->client->url.host_port);
    ws_finish(ws);
  } else {
    ws_attempt_failed(ws);
  }
  return 0;
}

static int socket_error(struct lws *wsi) {
  int code = 0, fd = lws_get_socket_fd(wsi);
  socklen_t len = sizeof(code);
  if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
    return 0;
  return code;
}

static void describe_tls_failure(struct ws *ws, const char *text) {
  const char *host = ws->client->url.host_port;
  if (ws->verify_code != 0)
    err_set(&ws->end.error, CWS_ETLS, "the certificate of %s is refused: %s", host,
            ws_tls_reason(ws->verify_code));
  else if (strncmp(text, "connect SSL", 11) == 0)
    err_set(&ws->end.error, CWS_ETLS, "TLS with %s failed: it does not speak TLS, or refuses ours",
            host);
  else
    err_set(&ws->end.error, CWS_EDISCONNECTED, "the connection to %s was lost in the TLS handshake",
            host);
}

static void describe_failure(struct ws *ws, const char *text) {
  const char *host = ws->client->url.host_port;
  if (ws->state == WS_UPGRADING && ws->client->url.tls && ws->engine->alert == 0)
    tls_peer_read_last(lws_get_ssl(ws->wsi));
  const char *alert = tls_peer_reason(ws->engine->alert);
  if (alert != NULL && ws->state >= WS_SECURING) {
    err_set(&ws->end.error, CWS_ETLS, "TLS with %s failed: %s", host, alert);
  } else if (ws->state == WS_SECURING) {
    describe_tls_failure(ws, text);
  } else if (ws->state == WS_CONNECTING) {
    int sys = socket_error(ws->wsi);
    const struct address *a = &ws->addresses.items[ws->next_address - 1];
    err_set_sys(&ws->end.error, CWS_ECONNECT, sys != 0 ? sys : ECONNREFUSED,
                "cannot connect to %s (%s)", host, a->text);
  } else if (strncmp(text, "HS:", 3) == 0 || strncmp(text, "problems", 8) == 0) {
    err_set(&ws->end.error, CWS_EPROTOCOL, "%s does not answer as a hub does", host);
  } else {
    err_set(&ws->end.error, CWS_EDISCONNECTED, "%s closed the connection before it answered", host);
  }
}

static int ws_on_connection_error(struct ws *ws, const char *text, size_t len) {
  char copy[96];
  snprintf(copy, sizeof(copy), "%.*s", (int)(len < sizeof(copy) ? len : sizeof(copy) - 1),
           text != NULL ? text : "");
  if (ws->end.http_status == 0)
    describe_failure(ws, copy);
  ws_drop_wsi(ws);
  ws_attempt_failed(ws);
  return 0;
}

static int append_header(struct ws *ws, char **p, size_t room) {
  int n = snprintf(*p, room, "User-Agent: %s\r\n%s%s%s", ws->client->options.user_agent,
                   ws->token != NULL ? "Authorization: Bearer " : "",
                   ws->token != NULL ? ws->token : "", ws->token != NULL ? "\r\n" : "");
  ws_set_state(ws, WS_UPGRADING);
  if (n < 0 || (size_t)n >= room) {
    err_set(&ws->end.error, CWS_EINVAL, "the token or user agent is too long for a header");
    return -1;
  }
  *p += n;
  return 0;
}

/* The hub has answered, not with 101: what it says is read before libwebsockets drops it. */
static int ws_on_refusal(struct ws *ws, int status) {
  char text[32] = "", bytes[4096];
  buf_reset(&ws->in);
  if (lws_hdr_copy(ws->wsi, text, sizeof(text), WSI_TOKEN_HTTP_RETRY_AFTER) > 0)
    ws->end.retry_after_ms = strtoll(text, NULL, 10) * 1000;
  for (int i = 0; i < 8; i++) {
    char *p = bytes;
    int n = sizeof(bytes);
    if (lws_http_client_read(ws->wsi, &p, &n) != 0)
      break;
  }
  ws->end.http_status = status;
  reply_error(status, ws->in.data, ws->in.failed ? 0 : ws->in.len, &ws->end.error);
  return -1;
}

static int ws_on_refusal_body(struct ws *ws, const char *bytes, size_t len) {
  if (ws->in.len + len <= WS_REFUSAL_MAX)
    buf_add(&ws->in, bytes, len);
  return 0;
}

static int ws_on_answer(struct ws *ws) {
  int status = (int)lws_http_client_http_response(ws->wsi);
  return status == 101 ? 0 : ws_on_refusal(ws, status);
}

static int ws_on_destroyed(struct ws *ws) {
  ws_forget_wsi(ws); /* the callback has a reference of its own */
  if (ws->in_connect || ws->state == WS_CLOSED)
    return 0;
  err_set(&ws->end.error, CWS_EDISCONNECTED, "the connection to %s was lost",
          ws->client->url.host_port);
  return ws_on_gone(ws);
}

static int ws_on_lws(struct ws *ws, enum lws_callback_reasons reason, void *in, size_t len) {
  switch (reason) {
  case LWS_CALLBACK_WSI_CREATE: /* TCP stands */
    if (ws->client->url.tls)
      ws_set_state(ws, WS_SECURING);
    return 0;
  case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
    return append_header(ws, in, len);
  case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
    return ws_on_answer(ws);
  case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
    return ws_on_refusal_body(ws, in, len);
  case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
    return -1;
  case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    return ws_on_connection_error(ws, in, len);
  case LWS_CALLBACK_CLIENT_ESTABLISHED:
    return ws_on_established(ws);
  case LWS_CALLBACK_CLIENT_RECEIVE:
    return ws_on_receive(ws, in, len);
  case LWS_CALLBACK_CLIENT_WRITEABLE:
    return ws_on_writeable(ws);
  case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    return ws_on_peer_close(ws, in, len);
  case LWS_CALLBACK_CLIENT_CLOSED:
    return ws_on_gone(ws);
  case LWS_CALLBACK_WSI_DESTROY:
    return ws_on_destroyed(ws);
  default:
    return 0;
  }
}

/* After its owner let go of a wsi, everything it has to say is answered with "close". */
static int orphan_on_lws(enum lws_callback_reasons reason) {
  return reason == LWS_CALLBACK_CLIENT_RECEIVE || reason == LWS_CALLBACK_CLIENT_WRITEABLE ||
                 reason == LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP ||
                 reason == LWS_CALLBACK_CLIENT_ESTABLISHED ||
                 reason == LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER
             ? -1
             : 0;
}

static int engine_on_load_cas(struct ws_engine *engine, void *ssl_ctx) {
  const struct cws_client_options *o = &engine->client->options;
  if (o->ca_file != NULL && !ws_tls_add_ca_file(ssl_ctx, o->ca_file))
    engine->ca_failed = true;
  if (o->cert_file != NULL && !tls_peer_use_cert(ssl_ctx, o->cert_file, o->key_file))
    engine->cert_failed = true;
  tls_peer_watch(ssl_ctx, &engine->alert);
  return 0;
}

static int ws_on_verify(struct lws *wsi, void *store_ctx, bool preverify_ok) {
  struct ws *ws = lws_get_opaque_user_data(wsi);
  if (ws == NULL)
    return 1;
  int code = ws_tls_verify(store_ctx, preverify_ok, ws->client->url.host);
  if (code != 0 && ws->verify_code == 0)
    ws->verify_code = code;
  return code == 0 ? 0 : 1;
}

int ws_lws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len) {
  if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS)
    return engine_on_load_cas(lws_context_user(lws_get_context(wsi)), user);
  if (reason == LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION)
    return ws_on_verify(wsi, user, len != 0);
  struct ws *ws = wsi == NULL ? NULL : lws_get_opaque_user_data(wsi);
  if (ws == NULL)
    return orphan_on_lws(reason);
  ws->refs++;
  struct ws_engine *engine = ws->engine;
  engine->depth++;
  int rc = ws_on_lws(ws, reason, in, len);
  engine->depth--;
  ws_unref(ws);
  return rc;
}
