/*
 * http: one connection that speaks HTTP: which bytes go to which request,
 * deadlines, keep-alive, the end. One request at a time: while it is being
 * answered the socket is not read, and what came along with it waits.
 */
#include "server/http/http.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "server/http/http_internal.h"

#define BUSY_RETRY_S 1 /* bodies come and go */

void http_limits_init(struct http_limits *limits) {
  *limits = (struct http_limits){.max_header_bytes = 16 * 1024,
                                 .max_body_bytes = 16 * 1024 * 1024,
                                 .max_bodies_bytes = 128 * 1024 * 1024,
                                 .small_body_bytes = 64 * 1024,
                                 .header_timeout_ms = 10000,
                                 .body_timeout_ms = 60000,
                                 .idle_timeout_ms = 60000,
                                 .linger_ms = 2000};
}

struct http_server *http_server_new(int workers, const struct http_limits *limits,
                                    const struct http_handlers *handlers, void *user) {
  struct http_server *s = calloc(1, sizeof *s + (size_t)workers * sizeof s->lists[0]);
  if (s == NULL)
    return NULL;
  s->workers = workers;
  s->limits = *limits;
  s->handlers = *handlers;
  s->user = user;
  return s;
}

void http_server_free(struct http_server *server) {
  free(server);
}

/* ---- the list of a loop ---- */

static struct http_list *list_of(struct http_server *server, const struct loop *loop) {
  return &server->lists[loop_index(loop)];
}

static void link_in(struct http_conn *conn) {
  struct http_list *list = list_of(conn->server, connection_loop(conn->c));
  conn->next = list->first;
  if (conn->next != NULL)
    conn->next->prev = conn;
  list->first = conn;
  list->count++;
}

static void unlink_it(struct http_conn *conn, const struct loop *loop) {
  struct http_list *list = list_of(conn->server, loop);
  if (conn->prev != NULL)
    conn->prev->next = conn->next;
  else
    list->first = conn->next;
  if (conn->next != NULL)
    conn->next->prev = conn->prev;
  list->count--;
}

size_t http_connection_count(struct http_server *server, struct loop *loop) {
  return list_of(server, loop)->count;
}

/* ---- states and deadlines ---- */

static void on_deadline(struct timer *timer);

static struct http_conn *of_deadline(struct timer *timer) {
  return (struct http_conn *)((char *)timer - offsetof(struct http_conn, deadline));
}

static void arm(struct http_conn *conn, int64_t ms) {
  timer_arm(loop_wheel(connection_loop(conn->c)), &conn->deadline, ms, on_deadline);
}

static void set_state(struct http_conn *conn, enum http_state state) {
  const struct http_limits *limits = &conn->server->limits;
  conn->state = state;
  switch (state) {
  case HTTP_IDLE:
    arm(conn, limits->idle_timeout_ms);
    return;
  case HTTP_HEADERS:
    arm(conn, limits->header_timeout_ms);
    return;
  case HTTP_BODY:
    arm(conn, limits->body_timeout_ms);
    return;
  case HTTP_ANSWERING:
  case HTTP_CLOSING:
    timer_cancel(loop_wheel(connection_loop(conn->c)), &conn->deadline);
    return;
  }
}

static void close_now(struct http_conn *conn) {
  timer_cancel(loop_wheel(connection_loop(conn->c)), &conn->deadline);
  connection_close(conn->c, conn->server->limits.linger_ms);
}

/* What is still on its way to a slow reader has as long as an idle connection; then comes the
 * connection's own end, which is short. */
static void end(struct http_conn *conn) {
  set_state(conn, HTTP_CLOSING);
  if (connection_buffered_bytes(conn->c) > 0)
    arm(conn, conn->server->limits.idle_timeout_ms);
  else
    close_now(conn);
}

static void refuse_request(struct http_conn *conn) {
  struct http_request *r = conn->request;
  struct cws_error e = r->refusal;
  r->keep_alive = false;
  set_state(conn, HTTP_ANSWERING);
  http_reply_error(r, &e, e.code == CWS_EBUSY ? BUSY_RETRY_S : 0, NULL);
}

static void on_deadline(struct timer *timer) {
  struct http_conn *conn = of_deadline(timer);
  if (conn->state == HTTP_CLOSING) {
    close_now(conn);
    return;
  }
  if (conn->state == HTTP_IDLE) {
    end(conn);
    return;
  }
  conn->request->refusal = (struct cws_error){.code = CWS_ETIMEOUT};
  strcpy(conn->request->refusal.message, "the request did not come in time");
  refuse_request(conn);
}

/* ---- bytes ---- */

/* curl and others wait for this before they send a large body. */
static void say_continue(struct http_conn *conn) {
  const char *expect = http_header(conn->request, "expect");
  if (expect != NULL && strcasecmp(expect, "100-continue") == 0 &&
      conn->request->parser.http_minor >= 1)
    connection_write(conn->c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* Whether the body is to be read. If not, the answer is the handler's, and the connection ends:
 * what comes is thrown away. */
static bool is_body_welcome(struct http_conn *conn) {
  struct http_request *r = conn->request;
  const struct http_server *server = conn->server;
  if (server->handlers.on_headers == NULL)
    return true;
  bool keep_alive = r->keep_alive;
  r->keep_alive = false;
  set_state(conn, HTTP_ANSWERING);
  if (!server->handlers.on_headers(r, server->user))
    return false;
  r->keep_alive = keep_alive;
  buf_reset(&r->answer_headers);
  return true;
}

static void expect_body(struct http_conn *conn) {
  if (!is_body_welcome(conn))
    return;
  set_state(conn, HTTP_BODY);
  say_continue(conn);
}

/* While it is answered, a client that has said all and shut down its side (RFC 9112, section 9.6,
 * does not forbid it) is not to be taken for one that has gone. */
static void hand_over(struct http_conn *conn) {
  set_state(conn, HTTP_ANSWERING);
  conn->server->handlers.on_request(conn->request, conn->server->user);
  if (conn->c != NULL && conn->state == HTTP_ANSWERING)
    connection_outlive_eof(conn->c, true);
}

static void go_on_reading(struct connection *c) {
  connection_outlive_eof(c, false);
  connection_resume(c);
}

/* Feeds one request; returns how many bytes it took. */
static size_t feed_request(struct http_conn *conn, const char *bytes, size_t len) {
  if (conn->state == HTTP_IDLE) {
    conn->request = http_request_new(conn);
    if (conn->request == NULL) {
      end(conn);
      return len;
    }
    set_state(conn, HTTP_HEADERS);
  }
  size_t n = http_request_feed(conn->request, bytes, len);
  if (conn->request->refusal.code != 0) {
    refuse_request(conn);
    return n;
  }
  bool has_headers = http_request_has_headers(conn->request);
  if (conn->state == HTTP_HEADERS && has_headers && !conn->request->is_whole)
    expect_body(conn);
  return n;
}

/* Until the bytes are used up or a request is with its handler; then the rest
 * waits in `pending`. */
static void feed(struct http_conn *conn, const char *bytes, size_t len) {
  while (len > 0 && conn->state < HTTP_ANSWERING) {
    size_t n = feed_request(conn, bytes, len);
    bytes += n;
    len -= n;
    if (conn->state >= HTTP_ANSWERING || !conn->request->is_whole)
      continue;
    buf_add(&conn->pending, bytes, len);
    hand_over(conn);
    return;
  }
}

/* Ends what set is_feeding; false if an upgrade has left the connection meanwhile. */
static bool is_fed(struct http_conn *conn) {
  conn->is_feeding = false;
  if (conn->c != NULL)
    return true;
  free(conn);
  return false;
}

/* Goes on with what came behind the last request, once the answers before it have gone: who asks
 * and does not read is answered no further. */
static void feed_pending(struct http_conn *conn) {
  if (conn->is_feeding)
    return;
  conn->is_feeding = true;
  while (conn->pending.len > 0 && conn->state < HTTP_ANSWERING &&
         connection_buffered_bytes(conn->c) == 0) {
    struct buf bytes = conn->pending;
    buf_init(&conn->pending);
    feed(conn, bytes.data, bytes.len);
    buf_finish(&bytes);
  }
  if (is_fed(conn) && conn->pending.len == 0 && conn->state < HTTP_ANSWERING)
    go_on_reading(conn->c);
}

static void on_data(struct connection *c, const char *bytes, size_t len, void *user) {
  struct http_conn *conn = user;
  if (conn->state == HTTP_ANSWERING || conn->pending.len > 0) { /* one read's worth is kept, then
                                                                   the peer waits */
    buf_add(&conn->pending, bytes, len);
    connection_pause(c);
    return;
  }
  conn->is_feeding = true;
  feed(conn, bytes, len);
  if (is_fed(conn))
    feed_pending(conn);
}

static void on_drain(struct connection *c, void *user) {
  (void)c;
  struct http_conn *conn = user;
  if (conn->state == HTTP_CLOSING)
    close_now(conn);
  else
    feed_pending(conn);
}

/* ---- ends ---- */

/* It has no connection any more; who feeds it frees it, or else it is freed here. */
static void leave(struct http_conn *conn, struct loop *loop) {
  timer_cancel(loop_wheel(loop), &conn->deadline);
  unlink_it(conn, loop);
  buf_finish(&conn->pending);
  conn->c = NULL;
  conn->state = HTTP_CLOSING;
  if (!conn->is_feeding)
    free(conn);
}

/* The handler of a request that is under way keeps it until it answers; it is
 * told. */
static void let_go(struct http_conn *conn) {
  struct http_request *r = conn->request;
  conn->request = NULL;
  if (r == NULL)
    return;
  r->conn = NULL;
  if (conn->state != HTTP_ANSWERING)
    http_request_free(r);
  else if (r->on_gone != NULL)
    r->on_gone(r);
}

static void on_close(struct connection *c, void *user) {
  struct http_conn *conn = user;
  let_go(conn);
  leave(conn, connection_loop(c));
}

static const struct connection_handlers HANDLERS = {
    .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

int http_serve(struct http_server *server, struct loop *loop, int fd, bool tls,
               struct connection **out) {
  struct http_conn *conn = calloc(1, sizeof *conn);
  if (conn == NULL) {
    close(fd);
    return CWS_ENOMEM;
  }
  conn->server = server;
  int rc = connection_adopt(loop, fd, tls, &HANDLERS, conn, &conn->c);
  if (rc != 0) {
    free(conn);
    return rc;
  }
  *out = conn->c;
  link_in(conn);
  set_state(conn, HTTP_IDLE);
  return 0;
}

void http_drain(struct http_server *server, struct loop *loop) {
  struct http_conn *next;
  for (struct http_conn *conn = list_of(server, loop)->first; conn != NULL; conn = next) {
    next = conn->next;
    conn->is_draining = true;
    if (conn->state == HTTP_IDLE)
      end(conn);
  }
}

void http_conn_answered(struct http_conn *conn, bool close) {
  http_request_free(conn->request);
  conn->request = NULL;
  if (close || conn->is_draining || conn->pending.failed) {
    end(conn);
    return;
  }
  set_state(conn, HTTP_IDLE);
  feed_pending(conn);
}

/* Sends the head and lets go of the connection; frees the request. Takes `head`. */
static struct connection *hand_on(struct http_request *r, struct buf *head,
                                  const struct connection_handlers *handlers, void *user) {
  struct http_conn *conn = r->conn;
  struct connection *c = conn->c;
  struct loop *loop = connection_loop(c);
  struct buf pending = conn->pending;
  buf_init(&conn->pending);
  bool is_sent = !head->failed && !pending.failed &&
                 connection_write(c, head->data, head->len) != CONNECTION_DEAD;
  conn->request = NULL;
  http_request_free(r);
  connection_set_handlers(c, handlers, user);
  leave(conn, loop);
  if (is_sent) {
    go_on_reading(c);
    if (pending.len > 0)
      handlers->on_data(c, pending.data, pending.len, user);
  } else {
    connection_abort(c);
  }
  buf_finish(head);
  buf_finish(&pending);
  return c;
}

struct connection *http_upgrade(struct http_request *r, const char *extra_headers,
                                const struct connection_handlers *handlers, void *user) {
  if (r->conn == NULL) {
    http_request_free(r);
    return NULL;
  }
  struct buf head;
  buf_init(&head);
  buf_add_str(&head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: "
                     "websocket\r\nConnection: Upgrade\r\n");
  buf_add_str(&head, extra_headers);
  buf_add_str(&head, "\r\n");
  return hand_on(r, &head, handlers, user);
}

struct connection *http_stream(struct http_request *r, const char *content_type,
                               const struct connection_handlers *handlers, void *user) {
  if (r->conn == NULL) {
    http_request_free(r);
    return NULL;
  }
  const struct http_server *server = r->server;
  struct buf head;
  buf_init(&head);
  http_stream_head(&head, r, content_type);
  if (server->handlers.on_reply != NULL)
    server->handlers.on_reply(200, server->user);
  return hand_on(r, &head, handlers, user);
}

/* ---- of a request ---- */

bool http_wants_upgrade(const struct http_request *r) {
  return r->wants_upgrade;
}

struct connection *http_connection(const struct http_request *r) {
  return r->conn != NULL ? r->conn->c : NULL;
}

struct loop *http_loop(const struct http_request *r) {
  return r->loop;
}

const struct connection_peer *http_peer(const struct http_request *r) {
  return connection_peer(r->conn->c);
}

void http_set_user(struct http_request *r, void *user, void (*on_gone)(struct http_request *r)) {
  r->user = user;
  r->on_gone = on_gone;
}

void *http_user(const struct http_request *r) {
  return r->user;
}

bool http_is_gone(const struct http_request *r) {
  return r->conn == NULL;
}
