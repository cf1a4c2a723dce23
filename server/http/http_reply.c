/* http_reply: answers, with the headers that every one of them has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/http/http_internal.h"

static const char *reason_of(int status) {
  switch (status) {
#define REASON(number, name, text)                                                                 \
  case number:                                                                                     \
    return #text;
    HTTP_STATUS_MAP(REASON)
#undef REASON
  default:
    return "Unknown";
  }
}

#define HEAD_BYTES 512 /* of most answers; more is found room for */

/* Each thread formats the second once. */
static void add_date(struct buf *b) {
  static _Thread_local char text[48];
  static _Thread_local time_t formatted = -1;
  time_t now = time(NULL);
  if (now != formatted) {
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    formatted = now;
  }
  buf_add_str(b, text);
}

static void add_content(struct buf *b, const struct http_response *a) {
  buf_add_str(b, "Content-Type: ");
  buf_add_str(b, a->content_type != NULL ? a->content_type : "application/json");
  buf_add_str(b, "\r\nContent-Length: ");
  buf_add_i64(b, (int64_t)a->body_len);
  buf_add_str(b, "\r\n");
}

/* What is no page is not to be guessed at, framed, kept, or to run anything. */
static void add_security(struct buf *b, const struct http_response *a) {
  buf_addf(b,
           "X-Content-Type-Options: nosniff\r\n"
           "Cache-Control: %s\r\n"
           "Referrer-Policy: no-referrer\r\n"
           "Content-Security-Policy: %s\r\n",
           a->cache_control != NULL ? a->cache_control : "no-store",
           a->page_policy != NULL ? a->page_policy : "default-src 'none'; frame-ancestors 'none'");
}

static void add_head(struct buf *b, const struct http_request *r, const struct http_response *a,
                     bool closes) {
  bool has_body = a->status != 204 && a->status != 304;
  buf_add_str(b, "HTTP/1.1 ");
  buf_add_i64(b, a->status);
  buf_add_char(b, ' ');
  buf_add_str(b, reason_of(a->status));
  buf_add_str(b, "\r\n");
  add_date(b);
  if (has_body)
    add_content(b, a);
  add_security(b, a);
  buf_add(b, r->answer_headers.data, r->answer_headers.len);
  if (a->extra_headers != NULL)
    buf_add_str(b, a->extra_headers);
  if (closes)
    buf_add_str(b, "Connection: close\r\n");
  else if (r->parser.http_minor == 0)
    buf_add_str(b, "Connection: keep-alive\r\n");
  buf_add_str(b, "\r\n");
}

void http_stream_head(struct buf *b, const struct http_request *r, const char *content_type) {
  buf_add_str(b, "HTTP/1.1 200 OK\r\n");
  add_date(b);
  buf_addf(b, "Content-Type: %s\r\n", content_type);
  add_security(b, &(struct http_response){.status = 200});
  buf_add(b, r->answer_headers.data, r->answer_headers.len);
  buf_add_str(b, "Connection: close\r\n\r\n");
}

void http_add_header(struct http_request *r, const char *name, const char *value) {
  buf_addf(&r->answer_headers, "%s: %s\r\n", name, value);
}

void http_close_after(struct http_request *r) {
  r->keep_alive = false;
}

void http_reply(struct http_request *r, const struct http_response *response) {
  struct http_conn *conn = r->conn;
  if (conn == NULL) {
    http_request_free(r);
    return;
  }
  bool closes = response->close || !r->keep_alive || conn->is_draining;
  struct buf b;
  buf_init(&b);
  buf_reserve(&b, HEAD_BYTES + response->body_len);
  add_head(&b, r, response, closes);
  if (http_method(r) != HTTP_M_HEAD)
    buf_add(&b, response->body, response->body_len);
  if (conn->server->handlers.on_reply != NULL)
    conn->server->handlers.on_reply(response->status, conn->server->user);
  bool failed = b.failed || connection_write(conn->c, b.data, b.len) == CONNECTION_DEAD;
  buf_finish(&b);
  http_conn_answered(conn, closes || failed);
}

void http_reply_json(struct http_request *r, int status, const char *json, size_t len) {
  http_reply(r, &(struct http_response){.status = status, .body = json, .body_len = len});
}

static void add_error_body(struct buf *b, const struct cws_error *e) {
  const char *message = e->message[0] != '\0' ? e->message : cws_error_text(e->code);
  buf_addf(b, "{\"error\":{\"code\":\"%s\",\"message\":", cws_error_name(e->code));
  buf_add_json_str(b, message, strlen(message));
  buf_addf(b, ",\"temporary\":%s}}", cws_error_is_temporary(e->code) ? "true" : "false");
}

void http_reply_error(struct http_request *r, const struct cws_error *e, int retry_after_s,
                      const char *allow) {
  struct buf body, headers;
  int status = cws_error_http_status(e->code);
  buf_init(&body);
  buf_init(&headers);
  add_error_body(&body, e);
  if (retry_after_s > 0)
    buf_addf(&headers, "Retry-After: %d\r\n", retry_after_s);
  if (allow != NULL)
    buf_addf(&headers, "Allow: %s\r\n", allow);
  if (status == 401)
    buf_add_str(&headers, "WWW-Authenticate: Bearer\r\n");
  http_reply(r, &(struct http_response){.status = status,
                                        .body = body.data,
                                        .body_len = body.len,
                                        .extra_headers = headers.data,
                                        .close = body.failed || headers.failed});
  buf_finish(&body);
  buf_finish(&headers);
}
