/* raw_http: see raw_http.h. */
#include "tests/unit/support/raw_http.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/core/buf.h"

/* ---- sockets ---- */

static int try_connect(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const struct timeval deadline = {.tv_sec = RAW_DEADLINE_S};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  close(fd);
  return -1;
}

int raw_connect(int port) {
  int fd = try_connect(port);
  assert_true(fd >= 0);
  return fd;
}

bool raw_is_open(int port) {
  int fd = try_connect(port);
  if (fd >= 0)
    close(fd);
  return fd >= 0;
}

/* A peer that has gone is found by the reader. */
void raw_send(int fd, const void *bytes, size_t len) {
  const char *at = bytes;
  while (len > 0) {
    ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
    if (n < 0) {
      assert_true(errno == EPIPE || errno == ECONNRESET);
      return;
    }
    at += n;
    len -= (size_t)n;
  }
}

void raw_sendf(int fd, const char *fmt, ...) {
  char text[4096];
  va_list args;
  va_start(args, fmt);
  int len = vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  assert_true(len >= 0 && (size_t)len < sizeof text);
  raw_send(fd, text, (size_t)len);
}

/* At most `max` bytes; 0 at the end. */
static size_t read_some(int fd, char *to, size_t max) {
  ssize_t n = recv(fd, to, max, 0);
  if (n < 0 && errno != ECONNRESET)
    fail_msg("nothing came within %d s", RAW_DEADLINE_S);
  return n > 0 ? (size_t)n : 0;
}

void raw_read_end(int fd) {
  char bytes[4096];
  while (read_some(fd, bytes, sizeof bytes) > 0)
    continue;
}

/* ---- replies ---- */

/* Byte by byte, so that what follows the head stays in the socket. */
static char *read_head(int fd) {
  struct buf head;
  char c;
  buf_init(&head);
  while (head.len < 4 || memcmp(head.data + head.len - 4, "\r\n\r\n", 4) != 0) {
    if (read_some(fd, &c, 1) == 0)
      fail_msg("the hub ended the connection instead of answering");
    buf_add_char(&head, c);
  }
  head.data[head.len - 4] = '\0';
  return buf_take(&head, NULL);
}

void raw_read_reply(int fd, bool is_head, struct raw_reply *out) {
  memset(out, 0, sizeof *out);
  out->head = read_head(fd);
  assert_int_equal(sscanf(out->head, "HTTP/1.1 %d ", &out->status), 1);
  const char *length = raw_header(out, "content-length");
  size_t len = length != NULL && !is_head ? strtoul(length, NULL, 10) : 0;
  out->body = calloc(1, len + 1);
  while (out->len < len) {
    size_t n = read_some(fd, out->body + out->len, len - out->len);
    if (n == 0)
      fail_msg("the answer ends after %zu of %zu bytes", out->len, len);
    out->len += n;
  }
  out->json = json_loadb(out->body, out->len, JSON_DECODE_ANY, NULL);
}

void raw_reply_free(struct raw_reply *r) {
  free(r->head);
  free(r->body);
  json_decref(r->json);
  memset(r, 0, sizeof *r);
}

void raw_ask(int port, const struct raw_request *request, struct raw_reply *out) {
  const char *method = request->method;
  if (method == NULL)
    method = request->body != NULL ? "POST" : "GET";
  int fd = raw_connect(port);
  raw_sendf(fd, "%s %s HTTP/1.1\r\nHost: hub\r\n", method, request->path);
  if (request->token != NULL)
    raw_sendf(fd, "Authorization: Bearer %s\r\n", request->token);
  if (request->headers != NULL)
    raw_send(fd, request->headers, strlen(request->headers));
  if (request->body != NULL)
    raw_sendf(fd, "Content-Length: %zu\r\n", strlen(request->body));
  raw_sendf(fd, "\r\n");
  if (request->body != NULL)
    raw_send(fd, request->body, strlen(request->body));
  raw_read_reply(fd, strcmp(method, "HEAD") == 0, out);
  close(fd);
}

const char *raw_header(const struct raw_reply *r, const char *name) {
  static char value[1024];
  size_t len = strlen(name);
  for (const char *line = strstr(r->head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
    line += 2;
    if (strncasecmp(line, name, len) != 0 || line[len] != ':')
      continue;
    const char *from = line + len + 1 + strspn(line + len + 1, " ");
    snprintf(value, sizeof value, "%.*s", (int)strcspn(from, "\r"), from);
    return value;
  }
  return NULL;
}

void raw_assert_error(const struct raw_reply *r, int status, const char *code, const char *part) {
  const char *got = NULL, *message = NULL;
  int temporary = -1;
  if (json_unpack(r->json, "{s:{s:s,s:s,s:b!}!}", "error", "code", &got, "message", &message,
                  "temporary", &temporary) != 0)
    fail_msg("no error body: %d %s", r->status, r->body);
  if (r->status != status || strcmp(got, code) != 0 || strstr(message, part) == NULL)
    fail_msg("expected %d %s '%s': %d %s", status, code, part, r->status, r->body);
  assert_int_equal(temporary, status == 429 || status == 503);
  assert_int_equal(raw_header(r, "retry-after") != NULL, status == 429 || status == 503);
  assert_int_equal(raw_header(r, "www-authenticate") != NULL, status == 401);
}

void raw_assert_json(const struct raw_reply *r, int status, const char *json) {
  json_t *expected = json_loads(json, JSON_DECODE_ANY, NULL);
  assert_non_null(expected);
  if (r->status != status || !json_equal(expected, r->json))
    fail_msg("expected %d %s: %d %s", status, json, r->status, r->body);
  json_decref(expected);
}

static const json_t *member(const struct raw_reply *r, const char *name) {
  const json_t *value = json_object_get(r->json, name);
  if (value == NULL)
    fail_msg("no '%s' in %s", name, r->body);
  return value;
}

int64_t raw_int(const struct raw_reply *r, const char *name) {
  assert_true(json_is_integer(member(r, name)));
  return json_integer_value(member(r, name));
}

const char *raw_str(const struct raw_reply *r, const char *name) {
  assert_true(json_is_string(member(r, name)));
  return json_string_value(member(r, name));
}
