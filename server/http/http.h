/*
 * http: HTTP/1.1 on a connection. http_parser reads; around it are limits,
 * deadlines, keep-alive, Expect, pipelining (one request at a time, the rest
 * waits unread) and the replies. A handler answers at once or later, exactly
 * once.
 */
#ifndef CWS_HTTP_HTTP_H
#define CWS_HTTP_HTTP_H

#include "lib/core/buf.h"
#include "server/net/connection.h"
#include <councilws/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_verb {
  HTTP_M_GET,
  HTTP_M_HEAD,
  HTTP_M_POST,
  HTTP_M_DELETE,
  HTTP_M_OPTIONS,
  HTTP_M_OTHER
};

struct http_request;
struct http_server;

struct http_limits {
  size_t max_header_bytes;   /* request line and headers; 16 KiB → 431 */
  size_t max_body_bytes;     /* 413 */
  size_t max_bodies_bytes;   /* of all requests whose body has begun and that are not answered
                                yet, on every loop together; 128 MiB → 503 */
  size_t small_body_bytes;   /* so much of each does not count there, so that a few large ones that
                                never end keep no small ones out; 64 KiB */
  int64_t header_timeout_ms; /* from the first byte to the last header; 10 s →
                                408 */
  int64_t body_timeout_ms;   /* from there to the last body byte; 60 s → 408 */
  int64_t idle_timeout_ms;   /* between requests, and before the first; 60 s */
  int linger_ms;             /* for the client to read the end of its connection; 2 s */
};
void http_limits_init(struct http_limits *limits);

struct http_handlers {
  /* The headers are whole, a body is still to come. True: it may, and on_request follows; what was
   * added for the answer is forgotten. False: the request was, or will be, answered without its
   * body, and the connection ends. NULL: every body is read. A body that came along with the
   * headers goes to on_request at once, so that one is to check everything again. */
  bool (*on_headers)(struct http_request *r, void *user);
  /* A whole request. The handler, or whoever it hands the request to, ends it
   * with one of http_reply*, http_upgrade; on the loop's thread. */
  void (*on_request)(struct http_request *r, void *user);
  /* An answer was sent; for counting. May be NULL. */
  void (*on_reply)(int status, void *user);
};

/* What serves HTTP on every worker's loop. limits and handlers are copied. NULL
 * when memory is out. */
struct http_server *http_server_new(int workers, const struct http_limits *limits,
                                    const struct http_handlers *handlers, void *user);
/* After every connection has closed and every request is answered; NULL is fine. */
void http_server_free(struct http_server *server);

/* Serves an accepted socket. Takes fd. On success *out is its connection; who wants to hear of its
 * end owns it (connection_set_owner). */
int http_serve(struct http_server *server, struct loop *loop, int fd, bool tls,
               struct connection **out);

/* Of every HTTP connection of `loop`: idle ones end now, busy ones after their
 * answer. */
void http_drain(struct http_server *server, struct loop *loop);
size_t http_connection_count(struct http_server *server, struct loop *loop);

/* ---- reading a request; everything is borrowed until it is answered ---- */
enum http_verb http_method(const struct http_request *r);
const char *http_method_name(const struct http_request *r);
/* Path segment i, percent-decoded, or NULL past the last; "/a/b" has "a", "b".
 */
const char *http_segment(const struct http_request *r, size_t i);
size_t http_segment_count(const struct http_request *r);
const char *http_path(const struct http_request *r); /* as it came, without the query */
/* Query parameter, percent-decoded, or NULL. The first of several. */
const char *http_query(const struct http_request *r, const char *name);
/* The name of query parameter i as it came, or NULL past the last: to refuse
 * unknown ones. */
const char *http_query_name(const struct http_request *r, size_t i);
/* Header by lower-case name, or NULL. Several of one name are joined with ", ".
 */
const char *http_header(const struct http_request *r, const char *name);
const char *http_body(const struct http_request *r, size_t *len);
bool http_wants_upgrade(const struct http_request *r); /* a GET with HTTP/1.1, Connection: Upgrade
                                                            and an Upgrade header */
struct connection *http_connection(const struct http_request *r);
struct loop *http_loop(const struct http_request *r);
const struct connection_peer *http_peer(const struct http_request *r); /* not once it is gone */

/* A place for the handler's own state of this request. on_gone runs if the
 * connection ends before the answer (then a later http_reply is still to be
 * called, and only frees). */
void http_set_user(struct http_request *r, void *user, void (*on_gone)(struct http_request *r));
void *http_user(const struct http_request *r);
bool http_is_gone(const struct http_request *r);

/* ---- answering ---- */
struct http_response {
  int status;
  const char *content_type; /* NULL: application/json */
  const void *body;
  size_t body_len;
  const char *cache_control; /* NULL: no-store */
  const char *page_policy;   /* Content-Security-Policy of a page; NULL: nothing is allowed */
  const char *extra_headers; /* whole lines with CRLF, or NULL */
  bool close;                /* end the connection after it */
};
/* A header line of the answer to come, whichever it is. `value` is copied. */
void http_add_header(struct http_request *r, const char *name, const char *value);
/* Whatever the answer, the connection ends after it. */
void http_close_after(struct http_request *r);
void http_reply(struct http_request *r, const struct http_response *response);
void http_reply_json(struct http_request *r, int status, const char *json, size_t len);
/* The error body of PROTOCOL "Errors" with the code's status; Retry-After where
 * retry_after_s > 0; Allow where `allow` is given; WWW-Authenticate on 401. */
void http_reply_error(struct http_request *r, const struct cws_error *e, int retry_after_s,
                      const char *allow);
/* Sends 101 with extra header lines and lets go of the connection: the new
 * handlers take over, and get any bytes that came behind the request first
 * (before this returns). The request is freed. Returns the connection, or NULL
 * if it is gone (the request is freed all the same). */
struct connection *http_upgrade(struct http_request *r, const char *extra_headers,
                                const struct connection_handlers *handlers, void *user);
/* Sends the head of a 200 whose body has no length and ends with the connection, and lets go of the
 * connection as http_upgrade does: the body is what its new handlers write. */
struct connection *http_stream(struct http_request *r, const char *content_type,
                               const struct connection_handlers *handlers, void *user);

#endif
