/* url: where a hub is, as the user writes it, and the URLs made from it. Pure. */
#ifndef CWS_CLIENT_URL_H
#define CWS_CLIENT_URL_H

#include "lib/core/buf.h"
#include <councilws/error.h>

struct url {
  bool tls;
  int port;
  char *host;      /* name or address, without brackets; "localhost" for a unix socket */
  char *host_port; /* as a Host header: brackets for IPv6, the port where it is not the usual one */
  char *prefix;    /* "" or "/some/path", no slash at its end */
  char *unix_path; /* NULL for TCP */
};

/* "http://host[:port][/prefix]", "https://…", "unix:/path". CWS_EINVAL says what is wrong. On
 * failure there is nothing to finish. */
int url_parse(const char *text, struct url *url, struct cws_error *err);
void url_finish(struct url *url);

/* Whether it leads to this machine only: a unix socket, "localhost", 127.0.0.0/8 or ::1. */
bool url_is_loopback(const struct url *url);

/* Appends "PREFIX" and `path`, for what lies outside of /api/v1. */
void url_add_outer_path(struct buf *b, const struct url *url, const char *path);
/* Appends "PREFIX/api/v1" and `path`. */
void url_add_path(struct buf *b, const struct url *url, const char *path);
/* Appends "http(s)://HOST:PORT", what libcurl is given in front of a path. */
void url_add_origin(struct buf *b, const struct url *url);
/* Appends "&name=value", or "?name=value" where `b` has no '?' yet; the value percent-encoded. */
void url_add_query(struct buf *b, const char *name, const char *value);
void url_add_query_i64(struct buf *b, const char *name, int64_t value);

#endif
