/*
 * handshake_token: the token of a handshake, wherever it came: the query, Authorization, or the
 * offered subprotocols, which is the one place where a page can put it and that no access log
 * shows.
 */
#include "lib/core/err.h"
#include "lib/core/protocol.h"
#include "server/ws/handshake_parts.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct found {
  char *token;
  int code; /* of the first thing wrong */
};

static void found_add(struct found *f, const char *token, size_t len) {
  if (len == 0 || f->code != 0)
    return;
  if (f->token != NULL) {
    if (strlen(f->token) != len || memcmp(f->token, token, len) != 0)
      f->code = CWS_EBADREQUEST;
    return;
  }
  f->token = strndup(token, len);
  if (f->token == NULL)
    f->code = CWS_ENOMEM;
}

struct offered {
  struct found *found;
  bool has_councilws;
};

static void take_subprotocol(const char *element, size_t len, void *user) {
  struct offered *offered = user;
  static const char bearer[] = "bearer.";
  if (len > strlen(bearer) && memcmp(element, bearer, strlen(bearer)) == 0)
    found_add(offered->found, element + strlen(bearer), len - strlen(bearer));
  else if (len == strlen(PROTOCOL_SUBPROTOCOL) && memcmp(element, PROTOCOL_SUBPROTOCOL, len) == 0)
    offered->has_councilws = true;
}

/* Another scheme than Bearer is not for the hub: a proxy's own, say. */
static void take_authorization(struct found *f, const char *header) {
  static const char bearer[] = "Bearer ";
  if (header == NULL || strncasecmp(header, bearer, strlen(bearer)) != 0)
    return;
  const char *token = header + strlen(bearer);
  token += strspn(token, " ");
  found_add(f, token, strlen(token));
}

int handshake_read_token(const struct http_request *r, char **token, bool *wants_subprotocol,
                         struct cws_error *err) {
  struct found f = {0};
  struct offered offered = {.found = &f};
  const char *query = http_query(r, "token");
  *token = NULL;
  if (query != NULL)
    found_add(&f, query, strlen(query));
  take_authorization(&f, http_header(r, "authorization"));
  handshake_each_element(http_header(r, "sec-websocket-protocol"), take_subprotocol, &offered);
  *wants_subprotocol = offered.has_councilws;
  if (f.code == 0) {
    *token = f.token;
    return 0;
  }
  free(f.token);
  return err_set(err, f.code, f.code == CWS_EBADREQUEST ? "two different tokens were given" : NULL);
}
