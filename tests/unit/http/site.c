/* site: see site.h. */
#define _GNU_SOURCE /* memmem, strcasestr */
#include "tests/unit/http/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the server ---- */

static void answer_with_what_came(struct http_request *r) {
  struct buf b;
  size_t len;
  const char *body = http_body(r, &len);
  buf_init(&b);
  buf_addf(&b, "%s %s ", http_method_name(r), http_path(r));
  buf_add(&b, body, len);
  http_reply_json(r, 200, b.data, b.len);
  buf_finish(&b);
}

static void on_request(struct http_request *r, void *user) {
  struct site *s = user;
  s->requests++;
  if (s->on_request != NULL)
    s->on_request(s, r);
  else
    answer_with_what_came(r);
}

static bool on_headers(struct http_request *r, void *user) {
  struct site *s = user;
  return s->on_headers == NULL || s->on_headers(s, r);
}

static void on_closed(void *owner) {
  struct site *s = owner;
  s->closes++;
  s->c = NULL;
}

static void on_reply(int status, void *user) {
  struct site *s = user;
  s->replies++;
  s->last_reply = status;
}

static void on_gone(struct http_request *r) {
  struct site *s = http_user(r);
  assert_true(http_is_gone(r));
  s->gone++;
}

void site_hold(struct site *s, struct http_request *r) {
  assert_in_range(s->holding, 0, HELD_MAX - 1);
  http_set_user(r, s, on_gone);
  s->held[s->holding++] = r;
}

void site_release(struct site *s, const char *text) {
  struct http_request *r = s->held[0];
  memmove(s->held, s->held + 1, sizeof s->held - sizeof s->held[0]);
  s->holding--;
  http_reply_json(r, 200, text, strlen(text));
}

void site_connect(struct site *s) {
  int fd;
  site_hang_up(s);
  far_pair(FAR_V4, &fd, &s->far);
  assert_int_equal(http_serve(s->server, s->rig.loop, fd, false, &s->c), 0);
  connection_set_owner(s->c, on_closed, s);
}

void site_hang_up(struct site *s) {
  if (s->c != NULL) /* one that is being answered would not see the client go */
    connection_abort(s->c);
  far_free(&s->far);
  WAIT_FOR(&s->rig, http_connection_count(s->server, s->rig.loop) == 0);
}

void site_restart(struct site *s) {
  static const struct http_handlers handlers = {
      .on_headers = on_headers, .on_request = on_request, .on_reply = on_reply};
  if (s->server != NULL)
    site_hang_up(s);
  http_server_free(s->server);
  s->server = http_server_new(1, &s->limits, &handlers, s);
  assert_non_null(s->server);
  site_connect(s);
}

int site_set_up(void **state) {
  struct site *s = calloc(1, sizeof *s);
  s->far.fd = -1;
  buf_init(&s->head);
  buf_init(&s->body);
  http_limits_init(&s->limits);
  rig_open(&s->rig, NULL);
  site_restart(s);
  *state = s;
  return 0;
}

int site_tear_down(void **state) {
  struct site *s = *state;
  site_hang_up(s);
  while (s->holding > 0)
    site_release(s, "late");
  rig_close(&s->rig);
  http_server_free(s->server);
  buf_finish(&s->head);
  buf_finish(&s->body);
  free(s);
  return 0;
}

/* ---- the client ---- */

void say_bytes(struct site *s, const void *bytes, size_t len) {
  for (size_t done = 0; done < len && s->far.failed == 0;) {
    size_t n = 0;
    WAIT_FOR(&s->rig, (n = far_send_some(&s->far, (const char *)bytes + done, len - done)) > 0 ||
                          s->far.failed != 0);
    done += n;
  }
}

void say(struct site *s, const char *text) {
  say_bytes(s, text, strlen(text));
}

static bool has_head(struct site *s) {
  return far_has_text(&s->far, "\r\n\r\n") || s->far.ended;
}

static void take(struct site *s, bool has_body) {
  WAIT_FOR(&s->rig, has_head(s));
  assert_true(far_has_text(&s->far, "\r\n\r\n"));
  const char *end = memmem(s->far.in.data, s->far.in.len, "\r\n\r\n", 4);
  size_t head = (size_t)(end - s->far.in.data) + 2;
  buf_reset(&s->head);
  buf_reset(&s->body);
  buf_add(&s->head, s->far.in.data, head);
  buf_consume(&s->far.in, head + 2);
  assert_int_equal(sscanf(s->head.data, "HTTP/1.1 %d ", &s->status), 1);
  const char *length = strstr(s->head.data, "\r\nContent-Length: ");
  size_t len = length != NULL && has_body ? (size_t)atol(length + 18) : 0;
  WAIT_FOR(&s->rig, far_has(&s->far) >= len);
  buf_add(&s->body, s->far.in.data, len);
  buf_consume(&s->far.in, len);
}

void take_answer(struct site *s) {
  take(s, true);
}

void take_answer_to_head(struct site *s) {
  take(s, false);
}

int ask(struct site *s, const char *text) {
  say(s, text);
  take_answer(s);
  return s->status;
}

void assert_body(struct site *s, const char *text) {
  assert_int_equal(s->status, 200);
  assert_string_equal(s->body.data, text);
}

bool has_header(struct site *s, const char *line) {
  char whole[256];
  snprintf(whole, sizeof whole, "\r\n%s\r\n", line);
  return strstr(s->head.data, whole) != NULL;
}

void assert_error(struct site *s, int status, const char *code) {
  char start[96];
  if (s->status != status)
    fail_msg("%d instead of %d: %s", s->status, status, s->body.data);
  snprintf(start, sizeof start, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
  if (strncmp(s->body.data, start, strlen(start)) != 0)
    fail_msg("not %s: %s", code, s->body.data);
  assert_true(has_header(s, "Content-Type: application/json"));
}

void assert_ends(struct site *s) {
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_int_equal(s->far.failed, 0);
  assert_int_equal(s->far.in.len, 0);
}

void assert_goes_on(struct site *s) {
  assert_int_equal(ask(s, GET("/next")), 200);
  assert_body(s, "GET /next ");
}

void site_settle(struct site *s) {
  for (int i = 0; i < 20; i++)
    rig_turn(&s->rig);
}
