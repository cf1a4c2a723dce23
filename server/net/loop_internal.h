/* loop_internal: what loop.c and connection.c share: the libwebsockets context and the list of
 * connections. */
#ifndef CWS_NET_LOOP_INTERNAL_H
#define CWS_NET_LOOP_INTERNAL_H

#include <libwebsockets.h>

#include "lib/core/buf.h"
#include "server/net/connection.h"
#include "server/net/loop.h"

struct loop {
  uv_loop_t uv;
  uv_prepare_t prepare; /* sets `tick` to the wheel's next time */
  uv_check_t check;     /* advances the wheel */
  uv_timer_t tick;
  uv_async_t stop;
  struct lws_context *context;
  int event_fd;                  /* of the context */
  struct lws_vhost *plain, *tls; /* tls NULL where there is none */
  struct ssl_ctx_st *tls_ctx;    /* libwebsockets', of tls */
  struct ssl_ctx_st *no_client;  /* an empty SSL_CTX, with tls only: see make_no_client */
  struct mailbox *mailbox;
  struct timer_wheel *wheel;
  struct log *log;
  int index;
  char *tls_cert_file, *tls_key_file, *tls_client_ca_file;
  struct connection *connections; /* all open ones */
  struct connection *gathering;   /* its writes wait in `gathered`, or NULL */
  struct buf gathered;
};

/* The one libwebsockets callback of the raw protocol; in connection.c. */
int connection_lws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session,
                            void *in, size_t len);

/* Aborts every connection of the loop; in connection.c. */
void connection_abort_all(struct loop *loop);

#endif
