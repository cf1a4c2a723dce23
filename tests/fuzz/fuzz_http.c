/*
 * HTTP as a hub's socket meets it. The first byte says how: bit 0, the answer comes later; bit 1,
 * an upgrade is granted; the rest is the size of the pieces. However the bytes are cut, the same
 * requests come out, within the limits; each, written anew, reads as the same request, so what a
 * proxy in front would understand is what was served; and each is answered once.
 */
#include "server/http/http_internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/ws/fake_net.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 700, BODY_MAX = 300, REQUESTS_MAX = 256, LATER = 1, UPGRADE = 2, AGAIN = 256 };

struct trace {
  int mode;
  struct buf said[REQUESTS_MAX];  /* what each request was understood as */
  struct buf again[REQUESTS_MAX]; /* each, written anew */
  size_t count;
  size_t replies, errors;
  struct http_request *held;
  struct buf upgraded; /* the bytes behind the handshake */
  bool is_upgraded;
};

static void add_escaped(struct buf *b, const char *text) {
  for (; *text != '\0'; text++) {
    if (isalnum((unsigned char)*text))
      buf_add_char(b, *text);
    else
      buf_addf(b, "%%%02X", (unsigned char)*text);
  }
}

/* The target from its decoded parts. */
static void add_target(struct buf *b, const struct http_request *r) {
  for (size_t i = 0; i < r->segment_count; i++) {
    buf_add_char(b, '/');
    add_escaped(b, r->segments[i]);
  }
  if (r->segment_count == 0 || r->segments[r->segment_count - 1][0] == '\0')
    buf_add_char(b, '/');
  for (size_t i = 0; i < r->query_count; i++) {
    buf_add_char(b, i == 0 ? '?' : '&');
    add_escaped(b, r->query[i].name);
    buf_add_char(b, '=');
    add_escaped(b, r->query[i].value);
  }
}

static bool is_framing(const char *name) {
  return strcmp(name, "content-length") == 0 || strcmp(name, "transfer-encoding") == 0;
}

static void check_limits(const struct http_request *r) {
  CHECK(r->header_bytes <= HEADER_MAX && r->body.len <= BODY_MAX);
  CHECK(r->field_count <= HEADERS_MAX && r->query_count <= QUERY_MAX);
  CHECK(r->segment_count <= SEGMENTS_MAX);
  CHECK(r->path[0] == '/' && strpbrk(r->path, "?# \r\n\t") == NULL);
  CHECK(r->parser.http_major == 1);
  for (size_t i = 0; i < r->field_count; i++) {
    CHECK(strpbrk(r->fields[i].name, " \t\r\n:") == NULL);
    CHECK(strpbrk(r->fields[i].value, "\r\n") == NULL);
  }
}

/* Headers of one name become one; what is left of the others has no name. */
static void join_all(const struct http_request *r) {
  for (size_t i = 0; i < r->field_count; i++)
    CHECK(r->fields[i].name[0] == '\0' || http_header(r, r->fields[i].name) != NULL);
}

static void note(struct trace *t, const struct http_request *r) {
  struct buf *said = &t->said[t->count], *again = &t->again[t->count];
  CHECK(t->count++ < REQUESTS_MAX);
  buf_addf(said, "%s 1.%d ", http_method_name(r), r->parser.http_minor);
  add_target(said, r);
  buf_addf(again, "%s ", http_method_name(r));
  add_target(again, r);
  buf_addf(again, " HTTP/1.%d\r\n", r->parser.http_minor);
  for (size_t i = 0; i < r->field_count; i++) {
    if (r->fields[i].name[0] == '\0' || is_framing(r->fields[i].name))
      continue;
    buf_addf(said, "\n%s: %s", r->fields[i].name, r->fields[i].value);
    while (strchr(" \t", said->data[said->len - 1]) !=
           NULL) /* joined, an empty last one leaves one */
      said->len--;
    buf_addf(again, "%s: %s\r\n", r->fields[i].name, r->fields[i].value);
  }
  if (r->body.len > 0)
    buf_addf(again, "Content-Length: %zu\r\n", r->body.len);
  buf_add_str(again, "\r\n");
  buf_add_char(said, '\n');
  buf_add(said, r->body.data, r->body.len);
  buf_add(again, r->body.data, r->body.len);
}

/* ---- a server ---- */

static void on_upgraded_data(struct connection *c, const char *bytes, size_t len, void *user) {
  (void)c;
  buf_add(&((struct trace *)user)->upgraded, bytes, len);
}

static void answer(struct trace *t, struct http_request *r) {
  static const struct connection_handlers upgraded = {.on_data = on_upgraded_data};
  t->held = NULL;
  if (r->wants_upgrade && (t->mode & UPGRADE) != 0 && !http_is_gone(r)) {
    t->is_upgraded = true;
    http_upgrade(r, "", &upgraded, t);
  } else {
    http_reply_json(r, 200, "{}", 2);
  }
}

static void on_request(struct http_request *r, void *user) {
  struct trace *t = user;
  CHECK(t->held == NULL && !t->is_upgraded); /* one at a time */
  if ((t->mode & AGAIN) == 0)
    check_limits(r);
  join_all(r);
  note(t, r);
  if ((t->mode & LATER) != 0)
    t->held = r;
  else
    answer(t, r);
}

static void on_reply(int status, void *user) {
  struct trace *t = user;
  CHECK(status >= 200 && status < 600);
  CHECK(t->errors == 0); /* a refusal is the last answer */
  t->replies++;
  t->errors += status >= 400;
}

/* ---- a client ---- */

static void answer_held(struct trace *t) {
  while (t->held != NULL)
    answer(t, t->held);
}

static void send_all(struct trace *t, struct connection *c, const char *bytes, size_t len,
                     size_t step) {
  for (size_t at = 0; at < len && !fake_is_closing(c); at += step) {
    fake_send(c, bytes + at, len - at < step ? len - at : step);
    answer_held(t);
    CHECK(fake_is_closing(c) || !fake_is_paused(c));
  }
}

/* Whole answers and nothing else, one for each reply. */
static void check_answers(const struct trace *t, const struct buf *received) {
  size_t count = 0;
  const char *p = received->data;
  while (p != NULL && (p = strstr(p, "HTTP/1.1 ")) != NULL) {
    if (!isdigit((unsigned char)p[9])) { /* in the text of an error */
      p += 9;
      continue;
    }
    const char *end = strstr(p, "\r\n\r\n");
    CHECK(end != NULL);
    count += strncmp(p + 9, "100 ", 4) != 0 && strncmp(p + 9, "101 ", 4) != 0;
    p = end;
  }
  CHECK(count == t->replies);
  CHECK(t->replies == t->count - t->is_upgraded + t->errors);
}

static void run(struct trace *t, int mode, const char *bytes, size_t len, size_t step) {
  static const struct http_handlers handlers = {.on_request = on_request, .on_reply = on_reply};
  struct http_limits limits;
  struct connection *c = NULL;
  memset(t, 0, sizeof *t);
  t->mode = mode;
  http_limits_init(&limits);
  limits.max_header_bytes = (mode & AGAIN) != 0 ? 4 * HEADER_MAX : HEADER_MAX; /* escapes */
  limits.max_body_bytes = BODY_MAX;
  struct loop *loop = fake_loop_new(0);
  struct http_server *server = http_server_new(1, &limits, &handlers, t);
  CHECK(server != NULL && http_serve(server, loop, -1, false, &c) == 0);
  send_all(t, c, bytes, len, step);
  check_answers(t, fake_received(c));
  fake_kill(c); /* the client is gone, maybe in the middle */
  fake_turn(c);
  CHECK(fake_is_closed(c) && http_connection_count(server, loop) == 0);
  fake_connection_free(c);
  http_server_free(server);
  fake_loop_free(loop);
}

static void trace_finish(struct trace *t) {
  for (size_t i = 0; i < t->count; i++) {
    buf_finish(&t->said[i]);
    buf_finish(&t->again[i]);
  }
  buf_finish(&t->upgraded);
}

static bool is_same(const struct buf *a, const struct buf *b) {
  return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void check_same(const struct trace *a, const struct trace *b) {
  CHECK(a->count == b->count && a->errors == b->errors);
  for (size_t i = 0; i < a->count; i++)
    CHECK(is_same(&a->said[i], &b->said[i]));
  CHECK(a->is_upgraded == b->is_upgraded && is_same(&a->upgraded, &b->upgraded));
}

static void check_again(const struct trace *t) {
  struct trace again;
  for (size_t i = 0; i < t->count; i++) {
    run(&again, AGAIN, t->again[i].data, t->again[i].len, SIZE_MAX / 2);
    CHECK(again.count == 1 && is_same(&again.said[0], &t->said[i]));
    trace_finish(&again);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct trace whole, bytes, pieces;
  if (size < 2 || size > 4000) /* no more than REQUESTS_MAX come of that */
    return 0;
  const char *text = (const char *)data + 1;
  run(&whole, data[0], text, size - 1, size);
  run(&bytes, data[0], text, size - 1, 1);
  run(&pieces, data[0], text, size - 1, (size_t)(data[0] >> 2) + 2);
  check_same(&whole, &bytes);
  check_same(&whole, &pieces);
  check_again(&whole);
  trace_finish(&whole);
  trace_finish(&bytes);
  trace_finish(&pieces);
  return 0;
}
