/*
 * raw_http: HTTP/1.1 and WebSocket over a plain blocking socket to a port on loopback, for what a
 * well-behaved client does not do or does not show. Fails the test where nothing comes in time.
 */
#ifndef CWS_TEST_RAW_HTTP_H
#define CWS_TEST_RAW_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_DEADLINE_S 30

/* ---- HTTP ---- */

struct raw_reply {
  int status;
  char *head; /* status line and headers, without the blank line */
  char *body; /* NUL behind it; never NULL */
  size_t len;
  json_t *json; /* the body, or NULL where it is not JSON */
};

int raw_connect(int port);
/* Whether anyone accepts there. */
bool raw_is_open(int port);
void raw_send(int fd, const void *bytes, size_t len);
void raw_sendf(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The next answer; `is_head`: it has no body, whatever its length says. */
void raw_read_reply(int fd, bool is_head, struct raw_reply *out);
/* Reads until the peer has ended, or has reset it. */
void raw_read_end(int fd);

/* One request on a connection of its own. `headers`: whole lines with CRLF, or NULL. The rest may
 * be NULL, too. The reply is the caller's to free. */
struct raw_request {
  const char *method; /* NULL: GET, or POST with a body */
  const char *path;
  const char *token;
  const char *headers;
  const char *body;
};
void raw_ask(int port, const struct raw_request *request, struct raw_reply *out);
void raw_reply_free(struct raw_reply *r);

/* Value of a header by its name, or NULL; in a buffer that the next call uses again. */
const char *raw_header(const struct raw_reply *r, const char *name);
/* The error body: its code, and that its message has `part` in it. */
void raw_assert_error(const struct raw_reply *r, int status, const char *code, const char *part);
void raw_assert_json(const struct raw_reply *r, int status, const char *json);
/* A member of the JSON body. */
int64_t raw_int(const struct raw_reply *r, const char *name);
const char *raw_str(const struct raw_reply *r, const char *name);

/* ---- WebSocket ---- */

struct raw_ws;

/* `query`: "from=start" or NULL. The token goes in Authorization. */
struct raw_ws *raw_ws_open(int port, const char *request_id, const char *token, const char *query);
/* The same with `out` for a refusal: then NULL. `out` is the caller's to free in both cases. */
struct raw_ws *raw_ws_try(int port, const char *request_id, const char *token, const char *query,
                          struct raw_reply *out);
/* The next message, which is to be of that type; borrowed until the next call. Heartbeats, which
 * come when they will, are passed over where another is asked for. */
json_t *raw_ws_next(struct raw_ws *ws, const char *type);
void raw_ws_say(struct raw_ws *ws, const char *json);
/* Reads to the end; the hub's close code, 1006 where there was none, 0 where the session goes on
 * for 10 s. Messages on the way are passed over. */
int raw_ws_close_code(struct raw_ws *ws);
int raw_ws_fd(const struct raw_ws *ws);
void raw_ws_free(struct raw_ws *ws); /* cuts it; NULL is fine */

#endif
