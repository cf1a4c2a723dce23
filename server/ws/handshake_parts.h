/*
 * handshake_parts: what a WebSocket handshake is made of, each read from the request by itself: the
 * upgrade, the query, the token. Nothing here answers, waits or knows a session. What is read lasts
 * as long as the request.
 */
#ifndef CWS_WS_HANDSHAKE_PARTS_H
#define CWS_WS_HANDSHAKE_PARTS_H

#include "server/http/http.h"
#include "server/ws/session_position.h"
#include <stdbool.h>

#define HANDSHAKE_UPGRADE_REQUIRED 426 /* RFC 9110, 15.5.22; RFC 6455, 4.4 */

/* The headers of RFC 6455, 4.2.1. 0 with `accept` filled in, or an error; *status is 426 where that
 * says more than the error's own status, else 0. */
int handshake_read_upgrade(const struct http_request *r, char accept[29], int *status,
                           struct cws_error *err);

/* after, epoch, from. Unknown parameters are nobody's business: proxies add their own.
 * CWS_EBADREQUEST names the parameter. */
int handshake_read_wish(const struct http_request *r, struct position_wish *wish,
                        struct cws_error *err);
/* subscriber, or NULL where it is not given. */
int handshake_read_name(const struct http_request *r, const char **name, struct cws_error *err);

/* The token, from the query, Authorization or the subprotocols, as a copy for free(); NULL where
 * there is none. *wants_subprotocol: whether councilws.v1 was offered. CWS_EBADREQUEST: two
 * different tokens; CWS_ENOMEM. */
int handshake_read_token(const struct http_request *r, char **token, bool *wants_subprotocol,
                         struct cws_error *err);

/* Calls fn for each element of a comma-separated header, without the blanks around it. */
typedef void handshake_element_fn(const char *element, size_t len, void *user);
void handshake_each_element(const char *header, handshake_element_fn *fn, void *user);

#endif
