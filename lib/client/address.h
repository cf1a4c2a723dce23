/*
 * address: where a hub may be reached: a host name to addresses, on libuv's
 * thread pool, since libwebsockets would block the loop on it.
 */
#ifndef CWS_CLIENT_ADDRESS_H
#define CWS_CLIENT_ADDRESS_H

#include "lib/client/url.h"
#include <councilws/error.h>
#include <netinet/in.h>
#include <stddef.h>

struct cws_client;

#define ADDRESS_MAX 16       /* of one name; more are passed over */
#define ADDRESS_TEXT_MAX 112 /* "+" and a unix path, or an IPv6 address with its scope */

/* As libwebsockets takes it: "127.0.0.1", "::1", "+/run/x.sock". */
struct address {
  char text[ADDRESS_TEXT_MAX];
};

struct address_list {
  struct address items[ADDRESS_MAX];
  size_t count;
};

/* Asks the system for the client's host. on_done is never called from inside address_find; `list`
 * is borrowed, NULL with the reason in `err` (CWS_EHOST). */
struct address_query;
typedef void address_fn(const struct address_list *list, const struct cws_error *err, void *user);
int address_find(struct cws_client *client, address_fn *on_done, void *user,
                 struct address_query **out, struct cws_error *err);
/* No callback any more. NULL is fine, an ended query is not. */
void address_cancel(struct address_query *query);

/* Whether the system knows a way to that address at all; sends nothing, though a unix socket is
 * connected to for a moment. CWS_ECONNECT says why not.
 * libwebsockets 4.1.6 leaks a loop handle for each connect(2) that fails at once, so those are
 * found before. */
int address_check(const struct address *address, int port, struct cws_error *err);

#endif
