/*
 * http_request: one request as it arrives. http_parser reads, http_guard holds it to the letter;
 * this file collects, within the limits, and refuses what must not be guessed at: two lengths, a
 * length beside chunks, a missing Host, %00.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/core/err.h"
#include "server/http/http_internal.h"

/* ---- collecting ---- */

static int refuse(struct http_request *r, int code, const char *message) {
  err_set(&r->refusal, code, "%s", message);
  return 1; /* ends http_parser_execute */
}

static int count_header(struct http_request *r, size_t len) {
  r->header_bytes += len;
  if (r->header_bytes > r->conn->server->limits.max_header_bytes)
    return refuse(r, CWS_EHEADERSTOOLARGE, "the request line and headers are too large");
  return 0;
}

static int on_url(http_parser *parser, const char *at, size_t len) {
  struct http_request *r = parser->data;
  if (!http_guard_target(at, len))
    return refuse(r, CWS_EBADREQUEST, "a byte in the request target that has to be escaped");
  buf_add(&r->target, at, len);
  return count_header(r, len);
}

/* The parser gives names and values in pieces; each is ended with a NUL when
 * the next kind begins. Trailers are counted, and passed over (RFC 9110, section 6.5.1). */
static int on_header_field(http_parser *parser, const char *at, size_t len) {
  struct http_request *r = parser->data;
  if (!http_guard_name(at, len))
    return refuse(r, CWS_EBADREQUEST, "a blank in a header's name");
  if (r->is_in_trailers)
    return count_header(r, len);
  if (r->is_in_value) {
    buf_add_char(&r->headers, '\0');
    r->is_in_value = false;
    if (++r->field_count >= HEADERS_MAX)
      return refuse(r, CWS_EHEADERSTOOLARGE, "too many headers");
  }
  for (size_t i = 0; i < len; i++)
    buf_add_char(&r->headers, at[i] >= 'A' && at[i] <= 'Z' ? (char)(at[i] + 32) : at[i]);
  return count_header(r, len);
}

static int on_header_value(http_parser *parser, const char *at, size_t len) {
  struct http_request *r = parser->data;
  if (!http_guard_value(at, len)) /* a NUL would end the value, and begin another header */
    return refuse(r, CWS_EBADREQUEST, "a control byte in a header's value");
  if (r->is_in_trailers)
    return count_header(r, len);
  if (!r->is_in_value) {
    buf_add_char(&r->headers, '\0');
    r->is_in_value = true;
  }
  buf_add(&r->headers, at, len);
  return count_header(r, len);
}

/* Blanks behind a value do not belong to it (RFC 9112, section 5.1). */
static void trim(char *value) {
  size_t len = strlen(value);
  while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
    value[--len] = '\0';
}

/* Points `fields` into the collected text. */
static void split_fields(struct http_request *r) {
  if (r->is_in_value) {
    buf_add_char(&r->headers, '\0');
    r->field_count++;
  }
  char *p = r->headers.data;
  for (size_t i = 0; i < r->field_count && !r->headers.failed; i++) {
    r->fields[i].name = p;
    p += strlen(p) + 1;
    r->fields[i].value = p;
    p += strlen(p) + 1;
    trim(r->fields[i].value);
  }
}

static size_t count_of(const struct http_request *r, const char *name) {
  size_t n = 0;
  for (size_t i = 0; i < r->field_count; i++)
    n += strcmp(r->fields[i].name, name) == 0;
  return n;
}

static bool is_1_1(const http_parser *parser) {
  return parser->http_major == 1 && parser->http_minor >= 1;
}

/* RFC 9110, section 10.1.1; HTTP/1.0 knows no expectations. */
static bool is_expectation_known(const struct http_request *r) {
  const char *expect = http_header(r, "expect");
  return expect == NULL || expect[0] == '\0' || strcasecmp(expect, "100-continue") == 0 ||
         !is_1_1(&r->parser);
}

static int check_headers(struct http_request *r) {
  if (r->target.failed || r->headers.failed)
    return refuse(r, CWS_ENOMEM, "out of memory");
  size_t lengths = count_of(r, "content-length"), encodings = count_of(r, "transfer-encoding");
  if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0))
    return refuse(r, CWS_EBADREQUEST, "conflicting lengths of the body");
  if (encodings > 0 && strcasecmp(http_header(r, "transfer-encoding"), "chunked") != 0)
    return refuse(r, CWS_EBADREQUEST, "transfer-encoding: only chunked is understood");
  if (encodings > 0 && !is_1_1(&r->parser))
    return refuse(r, CWS_EBADREQUEST, "transfer-encoding: not in HTTP/1.0");
  if (count_of(r, "host") > 1 || (is_1_1(&r->parser) && count_of(r, "host") == 0))
    return refuse(r, CWS_EBADREQUEST, "host: one is required");
  if (r->parser.http_major != 1)
    return refuse(r, CWS_EBADREQUEST, "only HTTP/1.0 and HTTP/1.1 are spoken");
  if (!is_expectation_known(r))
    return refuse(r, CWS_EEXPECTATION, "expect: only 100-continue is understood");
  if (lengths > 0 && r->parser.content_length > r->conn->server->limits.max_body_bytes)
    return refuse(r, CWS_ETOOLARGE, "the body is too large");
  return 0;
}

static int on_headers_complete(http_parser *parser) {
  struct http_request *r = parser->data;
  split_fields(r);
  r->keep_alive = http_should_keep_alive(parser);
  r->wants_upgrade = parser->upgrade != 0 && is_1_1(parser);
  if (check_headers(r) != 0 || http_request_target(r) != 0)
    return -1;
  if (r->wants_upgrade && parser->method != HTTP_GET)
    r->wants_upgrade = false;
  return 0;
}

/* Bodies of all connections share one budget: what one request may hold times the connections there
 * may be is more than a machine has. This is what a body of `len` bytes takes of it. */
static size_t price(const struct http_request *r, size_t len) {
  size_t small = r->server->limits.small_body_bytes;
  return len > small ? len - small : 0;
}

/* For `len` bytes more. False: it is used up. */
static bool take_from_budget(struct http_request *r, size_t len) {
  size_t more = price(r, r->body.len + len) - price(r, r->body.len);
  size_t before = atomic_fetch_add(&r->server->bodies_bytes, more);
  if (more == 0 || before + more <= r->server->limits.max_bodies_bytes)
    return true;
  atomic_fetch_sub(&r->server->bodies_bytes, more);
  return false;
}

static void give_back(struct http_request *r, size_t from, size_t to) {
  atomic_fetch_sub(&r->server->bodies_bytes, price(r, from) - price(r, to));
}

static int on_body(http_parser *parser, const char *at, size_t len) {
  struct http_request *r = parser->data;
  if (len > r->server->limits.max_body_bytes - r->body.len)
    return refuse(r, CWS_ETOOLARGE, "the body is too large");
  if (!take_from_budget(r, len))
    return refuse(r, CWS_EBUSY, "too many bodies are under way");
  buf_add(&r->body, at, len);
  if (!r->body.failed)
    return 0;
  give_back(r, r->body.len + len, r->body.len);
  return refuse(r, CWS_ENOMEM, "out of memory");
}

/* At the edges of chunks the parser pauses, so that the guard sees the bytes they end with. */
static int on_chunk_header(http_parser *parser) {
  struct http_request *r = parser->data;
  r->edge = CHUNK_SIZE_OVER;
  r->is_in_trailers = parser->content_length == 0;
  http_parser_pause(parser, 1);
  return 0;
}

static int on_chunk_complete(http_parser *parser) {
  struct http_request *r = parser->data;
  if (r->is_in_trailers)
    return 0;
  r->edge = CHUNK_DATA_OVER;
  http_parser_pause(parser, 1);
  return 0;
}

static int on_message_complete(http_parser *parser) {
  struct http_request *r = parser->data;
  r->is_whole = true;
  http_parser_pause(parser, 1); /* what follows is the next request's */
  return 0;
}

static const http_parser_settings SETTINGS = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_message_complete = on_message_complete,
};

/* ---- life ---- */

struct http_request *http_request_new(struct http_conn *conn) {
  struct http_request *r = calloc(1, sizeof *r);
  if (r == NULL)
    return NULL;
  r->conn = conn;
  r->server = conn->server;
  r->loop = connection_loop(conn->c);
  http_parser_init(&r->parser, HTTP_REQUEST);
  r->parser.data = r;
  return r;
}

void http_request_free(struct http_request *r) {
  if (r == NULL)
    return;
  buf_finish(&r->target);
  buf_finish(&r->headers);
  give_back(r, r->body.len, 0);
  buf_finish(&r->body);
  buf_finish(&r->answer_headers);
  for (size_t i = 0; i < r->joined_count; i++)
    free(r->joined[i]);
  free(r->path);
  free(r->decoded);
  free(r);
}

bool http_request_has_headers(const struct http_request *r) {
  return r->path != NULL;
}

/* Looks at the n > 0 bytes that the parser has just taken. */
static void guard(struct http_request *r, const char *bytes, size_t n) {
  r->last[0] = n > 1 ? bytes[n - 2] : r->last[1];
  r->last[1] = bytes[n - 1];
  if (!http_guard_lines(&r->guard, bytes, n))
    refuse(r, CWS_EBADREQUEST, "a folded or broken line in the headers");
  if (r->edge != CHUNK_NONE && !http_guard_chunk(r->edge, r->last[0], r->last[1]))
    refuse(r, CWS_EBADREQUEST, "a chunk of the body does not end as it has to");
  if (r->edge == CHUNK_SIZE_OVER && r->is_in_trailers)
    r->guard = GUARD_LINE_START;
  r->edge = CHUNK_NONE;
}

/* One run of the parser, up to its next pause. */
static size_t parse(struct http_request *r, const char *bytes, size_t len) {
  size_t n = http_parser_execute(&r->parser, &SETTINGS, bytes, len);
  enum http_errno error = HTTP_PARSER_ERRNO(&r->parser);
  if (error == HPE_PAUSED)
    http_parser_pause(&r->parser, 0);
  else if (error == HPE_HEADER_OVERFLOW)
    refuse(r, CWS_EHEADERSTOOLARGE, "the request line and headers are too large");
  else if (error != HPE_OK)
    err_set(&r->refusal, CWS_EBADREQUEST, "not a valid HTTP request: %s",
            http_errno_description(error));
  if (n > 0)
    guard(r, bytes, n);
  return n;
}

size_t http_request_feed(struct http_request *r, const char *bytes, size_t len) {
  size_t done = 0;
  while (done < len && !r->is_whole && r->refusal.code == 0)
    done += parse(r, bytes + done, len - done);
  return done;
}
