/*
 * ws: one WebSocket connection to the hub: addresses tried in order, TCP, TLS,
 * upgrade, text messages both ways, close. It knows bytes, not what a message says.
 * The only files that see libwebsockets are ws.c and ws_engine.c.
 */
#ifndef CWS_CLIENT_WS_H
#define CWS_CLIENT_WS_H

#include "lib/core/buf.h"
#include <councilws/error.h>
#include <stddef.h>
#include <stdint.h>

struct cws_client;
struct ws_engine;
struct ws;

/* Why a connection ended, or never came to be. */
struct ws_end {
  struct cws_error error;
  int http_status;        /* of a refused upgrade, else 0 */
  int close_code;         /* the peer's, or WS_CLOSE_ABNORMAL; 0 while not yet open */
  int64_t retry_after_ms; /* the refusal's hint, 0 for none */
};

struct ws_handlers {
  void (*on_open)(struct ws *ws, void *user);
  /* A whole text message, NUL behind it. */
  void (*on_text)(struct ws *ws, const char *text, size_t len, void *user);
  /* What ws_send took has been handed to the system, or nearly so. */
  void (*on_drained)(struct ws *ws, void *user);
  /* Last call. The owner frees the ws, now or later. */
  void (*on_closed)(struct ws *ws, const struct ws_end *end, void *user);
};

/* `path` is the target of the GET, `token` goes into the Authorization header (or NULL); both are
 * copied. Calls back later, never from inside. */
int ws_open(struct cws_client *client, const char *path, const char *token,
            const struct ws_handlers *handlers, void *user, struct ws **out, struct cws_error *err);

/* Queues one text message; ignored unless open. Sent when the socket is writable, together with
 * what else was queued by then. */
void ws_send(struct ws *ws, const char *text, size_t len);
size_t ws_unsent(const struct ws *ws); /* bytes queued here */

/* Not read while paused: the peer waits. */
void ws_pause(struct ws *ws);
void ws_resume(struct ws *ws);

/* Sends what is queued and a close frame; on_closed follows when the peer has answered, or in 2 s.
 */
void ws_close(struct ws *ws, int code);

/* Cuts it, if need be, without a callback. NULL is fine; safe inside its callbacks. */
void ws_free(struct ws *ws);

/* Frees what ws_open made for the client as a whole. NULL is fine. No ws may be left. */
void ws_engine_free(struct ws_engine *engine);

#endif
