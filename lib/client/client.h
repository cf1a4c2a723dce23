/*
 * client: what the files of the client role share: one client on one loop, and
 * the operations (follow, publisher, call) that run on it.
 *
 * Life of the memory: a client is freed only after every handle it opened on the
 * loop has closed (client_hold, client_release) and no callback of an operation is on the
 * stack (op_ref, op_unref). All of it belongs to the loop's thread.
 */
#ifndef CWS_CLIENT_CLIENT_H
#define CWS_CLIENT_CLIENT_H

#include "lib/client/url.h"
#include "lib/core/log.h"
#include <councilws/client.h>
#include <stdatomic.h>
#include <uv.h>

/* One thing under way that the caller started and that will end exactly once. */
struct op {
  struct cws_client *client;
  struct op *prev, *next;
  int refs;
  void (*cancel)(struct op *op);  /* ends it now with CWS_ECANCELED */
  void (*destroy)(struct op *op); /* frees it: ended, and nobody refers to it */
};

struct cws_client {
  struct cws_client_options options; /* its strings are owned; NULL members have their default */
  struct url url;
  uv_loop_t *loop;
  uv_loop_t own_loop;
  struct log *log;
  struct ws_engine *ws; /* libwebsockets, made at the first WebSocket; or NULL */
  struct http *http;    /* libcurl, made at the first call; or NULL */
  struct op ops;        /* head of the ring of operations */
  uv_async_t wake;
  atomic_bool stop;
  bool running; /* inside cws_client_run */
  bool freeing; /* cws_client_free was called */
  int holds;    /* handles and requests on the loop that still refer to the client */
};

static inline bool client_has_own_loop(const struct cws_client *client) {
  return client->loop == &client->own_loop;
}

/* While held, the client's memory stays. The last release after cws_client_free frees it. */
void client_hold(struct cws_client *client);
void client_release(struct cws_client *client);

/* The token for the next connection or call, from malloc, in *token (NULL: the client has none).
 * CWS_ENOTOKEN when the callback gives none; CWS_EINVAL for one that cannot be sent in a header. */
int client_token(struct cws_client *client, bool expired, char **token, struct cws_error *err);

/* Copies a versioned struct of the caller (its first member is its size) over `dst`, whose size
 * and defaults are set already: what the caller's version does not know keeps its default. */
void client_take_struct(void *dst, const void *src);

/* Nothing more is started on a client that is being freed: CWS_ECANCELED. */
int client_check_open(const struct cws_client *client, struct cws_error *err);

void op_start(struct op *op, struct cws_client *client, void (*cancel)(struct op *),
              void (*destroy)(struct op *));
void op_ref(struct op *op);
void op_unref(struct op *op);
/* It has ended: the client no longer counts it, nor cancels it. Before on_end is called, since that
 * may free the client; op_unref behind on_end gives back the reference of op_start. */
void op_end(struct op *op);

#endif
