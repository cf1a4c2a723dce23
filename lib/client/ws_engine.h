/* ws_engine: the client's libwebsockets context: made once, on the client's loop, ended in steps.
 */
#ifndef CWS_CLIENT_WS_ENGINE_H
#define CWS_CLIENT_WS_ENGINE_H

#include <councilws/error.h>
#include <libwebsockets.h>

struct cws_client;

struct ws_engine {
  struct cws_client *client;
  struct lws_context *context;
  int event_fd; /* of the context */ /* libwebsockets sets it to NULL when it has really gone */
  struct timer *end_timer;
  int end_turns;
  int depth; /* of libwebsockets callbacks on the stack */
  bool ca_failed, cert_failed;
  int alert; /* the last fatal one of TLS; 0 for none */
};

/* The client's engine, made if need be. CWS_ENOMEM, CWS_ESYSTEM, CWS_ETLS (the CA file, or
 * the certificate). */
int ws_engine_get(struct cws_client *client, struct ws_engine **out, struct cws_error *err);

/* Has libwebsockets close `wsi` soon; its callbacks may still come, so it must not lead to its
 * owner any more. */
void ws_engine_kill(struct ws_engine *engine, struct lws *wsi);

/* The callback of every wsi; in ws.c. */
int ws_lws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len);

#endif
