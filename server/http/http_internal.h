/* http_internal: what the files of this folder share: a connection that speaks
 * HTTP, and the request it is at. */
#ifndef CWS_HTTP_HTTP_INTERNAL_H
#define CWS_HTTP_HTTP_INTERNAL_H

#include <http_parser.h>
#include <stdatomic.h>

#include "server/http/http.h"

#define HEADERS_MAX 100
#define SEGMENTS_MAX 8
#define QUERY_MAX 24
#define JOINED_MAX (HEADERS_MAX / 2) /* no more names can come more than once */

struct field {
  char *name, *value;
};

/*
 * IDLE      between requests; nothing of the next one has come.
 * HEADERS   its first byte has come.
 * BODY      its headers are whole.
 * ANSWERING it is with the handler; bytes that come are kept, the socket is not
 * read. CLOSING   the last answer is on its way out, or the connection has gone
 * over to WebSocket or is dead.
 */
enum http_state { HTTP_IDLE, HTTP_HEADERS, HTTP_BODY, HTTP_ANSWERING, HTTP_CLOSING };

struct http_conn;

/* http_guard.c: where in the lines of a head, or of trailers, the next byte is. */
enum http_guard {
  GUARD_START,
  GUARD_LINE,
  GUARD_CR,
  GUARD_LINE_START,
  GUARD_EMPTY_CR,
  GUARD_OVER, /* the empty line has come */
  GUARD_BAD
};
/* What the parser has just come behind, in a chunked body. */
enum http_chunk_edge { CHUNK_NONE, CHUNK_SIZE_OVER, CHUNK_DATA_OVER };

/* One request; on the heap only while it is under way. */
struct http_request {
  struct http_conn *conn; /* NULL once the connection is gone */
  struct http_server *server;
  struct loop *loop;
  http_parser parser;
  struct buf target;  /* as it came */
  struct buf headers; /* NUL-separated name, value, name, value … */
  struct buf body;
  struct buf answer_headers; /* lines for the answer, whichever it will be */
  char *path;                /* target without the query */
  char *decoded;             /* what `segments` and `query` point into */
  const char *segments[SEGMENTS_MAX];
  size_t segment_count;
  struct field query[QUERY_MAX];
  size_t query_count;
  struct field fields[HEADERS_MAX];
  size_t field_count;
  size_t header_bytes;
  char *joined[JOINED_MAX];
  size_t joined_count;
  bool is_in_value; /* the parser is inside a header's value */
  enum http_guard guard;
  enum http_chunk_edge edge; /* at which the parser has paused */
  char last[2];              /* bytes that it took, newest last */
  bool is_in_trailers;
  bool is_whole, keep_alive, wants_upgrade;
  struct cws_error refusal; /* why it cannot be served; code 0 for none */
  void *user;
  void (*on_gone)(struct http_request *r);
};

struct http_conn {
  struct connection *c; /* NULL once it is gone, or has gone over to another protocol */
  struct http_server *server;
  struct http_conn *next, *prev; /* of the server's list for this loop */
  struct http_request *request;  /* NULL when idle */
  struct timer deadline;
  struct buf pending; /* bytes behind the request being answered */
  enum http_state state;
  bool is_draining;
  bool is_feeding; /* on_data or feed_pending is at it: they free it, should it be left meanwhile */
};

struct http_server {
  struct http_limits limits;
  struct http_handlers handlers;
  void *user;
  int workers;
  _Atomic size_t bodies_bytes; /* of every `body` there is, see max_bodies_bytes */
  struct http_list {
    struct http_conn *first;
    size_t count;
  } lists[]; /* one a worker, touched on its loop only */
};

/* http_request.c: the parser side. */
struct http_request *http_request_new(struct http_conn *conn);
void http_request_free(struct http_request *r);
/* Feeds bytes; returns how many were taken. r->refusal says when it is not to
 * be served, r->is_whole when all of it is here. */
size_t http_request_feed(struct http_request *r, const char *bytes, size_t len);
bool http_request_has_headers(const struct http_request *r);
/* Splits path and query. */
int http_request_target(struct http_request *r);

/* http_guard.c: false for what is to be refused. */
bool http_guard_lines(enum http_guard *guard, const char *bytes, size_t len);
bool http_guard_name(const char *name, size_t len);
bool http_guard_value(const char *value, size_t len);
bool http_guard_target(const char *target, size_t len);
bool http_guard_chunk(enum http_chunk_edge edge, char last_but_one, char last);

/* http_reply.c: of a 200 whose body ends with the connection. */
void http_stream_head(struct buf *b, const struct http_request *r, const char *content_type);

/* http.c: the answer's bytes are written; goes on to the next request or ends.
 * Frees the request. */
void http_conn_answered(struct http_conn *conn, bool close);

#endif
