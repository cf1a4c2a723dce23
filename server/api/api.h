/*
 * api: the HTTP routes: what a request means, who may ask it, and the answer. It knows the hub, not
 * the store's engines and not sockets. PROTOCOL "HTTP".
 */
#ifndef CWS_API_API_H
#define CWS_API_API_H

#include <stdatomic.h>

#include "server/auth/auth.h"
#include "server/auth/quota.h"
#include "server/base/metrics.h"
#include "server/http/http.h"
#include "server/hub/hub.h"
#include "server/ws/handshake.h"

/* One a hub; outlives its requests. Filled in by whoever puts the server together. */
struct api {
  struct hub *hub;
  struct auth *auth;
  struct quota *quota;
  struct metrics *metrics;
  struct handshake_context handshake;
  const struct clock *clock;
  size_t max_event_bytes, max_batch_events;
  int64_t started_ms; /* wall clock */
  int workers;
  _Atomic bool is_draining;
};

/* For struct http_handlers; `user` is the struct api. Who may not send a body, or not there, is
 * answered before it comes. */
bool api_on_headers(struct http_request *r, void *user);
/* Answers every request. */
void api_on_request(struct http_request *r, void *user);

#endif
