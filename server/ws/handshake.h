/* handshake: GET /api/v1/ws/{request_id} with Upgrade: checks everything before the 101, then hands
 * over to a session. */
#ifndef CWS_WS_HANDSHAKE_H
#define CWS_WS_HANDSHAKE_H

#include "server/http/http.h"
#include "server/ws/session.h"

struct auth;
struct handshake_context {
  struct hub *hub;
  struct auth *auth;
  const struct session_settings *settings;
};

/* Takes the request: answers it with 101 or a JSON refusal (400, 401, 403, 405, 426, 429, 503). */
void handshake_start(const struct handshake_context *context, struct http_request *r,
                     const char *request_id);

#endif
