/* raw_ws: the WebSocket part of raw_http.h. */
#include "tests/unit/support/raw_http.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/ws_frame.h"

#define MASK_KEY 0x12345678
#define CLOSE_DEADLINE_S 10

struct raw_ws {
  int fd;
  struct ws_parser parser;
  json_t *queue; /* an array: messages that came and were not asked for yet */
  json_t *current;
  int close_code; /* 0: none yet */
  bool is_at_end;
};

/* ---- frames ---- */

static void send_frame(const struct raw_ws *ws, enum ws_opcode opcode, const void *bytes,
                       size_t len) {
  struct buf b;
  buf_init(&b);
  ws_frame_append_masked(&b, opcode, bytes, len, MASK_KEY);
  raw_send(ws->fd, b.data, b.len);
  buf_finish(&b);
}

static void on_message(enum ws_opcode opcode, const char *bytes, size_t len, void *user) {
  struct raw_ws *ws = user;
  json_t *message = json_loadb(bytes, len, 0, NULL);
  assert_int_equal(opcode, WS_TEXT);
  assert_non_null(message);
  json_array_append_new(ws->queue, message);
}

static void on_ping(const char *bytes, size_t len, void *user) {
  send_frame(user, WS_PONG, bytes, len);
}

static void on_pong(const char *bytes, size_t len, void *user) {
  (void)bytes;
  (void)len;
  (void)user;
}

static void on_close(int code, const char *reason, size_t len, void *user) {
  (void)reason;
  (void)len;
  struct raw_ws *ws = user;
  const unsigned char echo[2] = {(unsigned char)(code >> 8), (unsigned char)code};
  ws->close_code = code;
  send_frame(ws, WS_CLOSE, echo, sizeof echo);
}

static const struct ws_frame_handlers HANDLERS = {
    .on_message = on_message, .on_ping = on_ping, .on_pong = on_pong, .on_close = on_close};

static void read_frames(struct raw_ws *ws) {
  char bytes[65536];
  const char *reason = "";
  ssize_t n = recv(ws->fd, bytes, sizeof bytes, 0);
  ws->is_at_end = n <= 0;
  if (n > 0 && ws->close_code == 0)
    assert_int_equal(ws_parser_feed(&ws->parser, bytes, (size_t)n, &reason), 0);
}

/* ---- opening ---- */

struct raw_ws *raw_ws_try(int port, const char *request_id, const char *token, const char *query,
                          struct raw_reply *out) {
  int fd = raw_connect(port);
  raw_sendf(fd,
            "GET /api/v1/ws/%s%s%s HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            request_id, query != NULL ? "?" : "", query != NULL ? query : "");
  if (token != NULL)
    raw_sendf(fd, "Authorization: Bearer %s\r\n", token);
  raw_sendf(fd, "\r\n");
  raw_read_reply(fd, false, out);
  if (out->status != 101) {
    close(fd);
    return NULL;
  }
  struct raw_ws *ws = calloc(1, sizeof *ws);
  ws->fd = fd;
  ws->queue = json_array();
  ws_parser_init(&ws->parser, WS_CLIENT, 1 << 26, &HANDLERS, ws);
  return ws;
}

struct raw_ws *raw_ws_open(int port, const char *request_id, const char *token, const char *query) {
  struct raw_reply reply;
  struct raw_ws *ws = raw_ws_try(port, request_id, token, query, &reply);
  if (ws == NULL)
    fail_msg("no WebSocket: %d %s", reply.status, reply.body);
  raw_reply_free(&reply);
  return ws;
}

void raw_ws_free(struct raw_ws *ws) {
  if (ws == NULL)
    return;
  close(ws->fd);
  ws_parser_finish(&ws->parser);
  json_decref(ws->queue);
  json_decref(ws->current);
  free(ws);
}

int raw_ws_fd(const struct raw_ws *ws) {
  return ws->fd;
}

/* ---- messages ---- */

static const char *take_message(struct raw_ws *ws) {
  while (json_array_size(ws->queue) == 0 && !ws->is_at_end)
    read_frames(ws);
  json_decref(ws->current);
  ws->current = json_incref(json_array_get(ws->queue, 0));
  json_array_remove(ws->queue, 0);
  return json_string_value(json_object_get(ws->current, "type"));
}

json_t *raw_ws_next(struct raw_ws *ws, const char *type) {
  time_t deadline = time(NULL) + RAW_DEADLINE_S; /* heartbeats would go on for ever */
  const char *got = take_message(ws);
  while (got != NULL && strcmp(got, type) != 0 && strcmp(got, "heartbeat") == 0 &&
         time(NULL) < deadline)
    got = take_message(ws);
  if (got == NULL || strcmp(got, type) != 0)
    fail_msg("expected %s: %s", type, got != NULL ? got : "the end");
  return ws->current;
}

void raw_ws_say(struct raw_ws *ws, const char *json) {
  send_frame(ws, WS_TEXT, json, strlen(json));
}

/* Heartbeats go on where a session does not end, so each read alone would never be late. */
int raw_ws_close_code(struct raw_ws *ws) {
  time_t until = time(NULL) + CLOSE_DEADLINE_S;
  while (!ws->is_at_end) {
    struct pollfd p = {.fd = ws->fd, .events = POLLIN};
    time_t left = until - time(NULL);
    if (left <= 0 || poll(&p, 1, (int)left * 1000) == 0)
      return 0;
    read_frames(ws);
  }
  return ws->close_code != 0 ? ws->close_code : WS_CLOSE_ABNORMAL;
}
