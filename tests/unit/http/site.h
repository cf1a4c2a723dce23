/* site: an HTTP server on a real loop, one client's socket, and the last answer taken apart. */
#ifndef CWS_TEST_HTTP_SITE_H
#define CWS_TEST_HTTP_SITE_H

#include "tests/unit/support/rig.h"

#include "server/http/http.h"
#include "tests/unit/support/far_end.h"

enum { HELD_MAX = 8 };

struct site {
  struct rig rig;
  struct http_server *server;
  struct connection *c; /* NULL once it has closed */
  struct far_end far;
  struct http_limits limits;
  /* What the server does with a request; NULL: answers 200 with "METHOD target body". */
  void (*on_request)(struct site *s, struct http_request *r);
  /* What it says of a request whose body is still to come; NULL: that it is welcome. */
  bool (*on_headers)(struct site *s, struct http_request *r);
  struct http_request *held[HELD_MAX]; /* by site_hold */
  int requests, holding, closes, gone, replies, last_reply;
  /* The last answer. */
  int status;
  struct buf head, body; /* head with its status line, without the empty one */
};

/* *state becomes the site; the limits are as http_limits_init says. */
int site_set_up(void **state);
int site_tear_down(void **state);
/* A new server with s->limits, and a new connection. */
void site_restart(struct site *s);
void site_connect(struct site *s);
void site_hang_up(struct site *s);

void say(struct site *s, const char *text);
void say_bytes(struct site *s, const void *bytes, size_t len);
/* Waits for one whole answer and takes it off the front of what has come. */
void take_answer(struct site *s);
void take_answer_to_head(struct site *s);
/* say, then take_answer; the status. */
int ask(struct site *s, const char *text);
void assert_body(struct site *s, const char *text);
bool has_header(struct site *s, const char *line);
/* The last answer is an error of this status and code, as PROTOCOL "Errors" has it. */
void assert_error(struct site *s, int status, const char *code);
/* The server ends the connection, and nothing more has come before. */
void assert_ends(struct site *s);
/* A second request on the connection is answered. */
void assert_goes_on(struct site *s);
/* An on_request that keeps the request; and the late answer to the first of those held. */
void site_hold(struct site *s, struct http_request *r);
void site_release(struct site *s, const char *text);
void site_settle(struct site *s);

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"
#define SITE(f) cmocka_unit_test_setup_teardown(f, site_set_up, site_tear_down)

#endif
