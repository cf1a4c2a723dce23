/* proxy: see proxy.h. */
#include "tests/fault/proxy.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BACKLOG 128
#define PIECES_A_TURN 16 /* of a segmented way; the rest goes a millisecond later */
#define HANDLES 3        /* of a tunnel: two ends and a timer */

/* Bytes on their way, in order. len 0: the end of the stream. */
struct chunk {
  struct chunk *next;
  int64_t due_ms;
  size_t len, done;
  char bytes[];
};

/* One direction of a tunnel. */
struct way {
  struct chunk *first, **last;
  size_t passed;
  int64_t not_before_ms; /* while it stalls */
};

/*
 * WAITING  the hub is not connected to yet; the client is not read.
 * OPEN     bytes go both ways.
 * DEAF     half-open: what comes is swallowed.
 * CLOSING  its handles close; then it is freed.
 */
enum tunnel_state { TUNNEL_WAITING, TUNNEL_OPEN, TUNNEL_DEAF, TUNNEL_CLOSING };

struct tunnel {
  struct proxy *proxy;
  struct tunnel *next, *prev;
  struct fault fault;
  enum tunnel_state state;
  uv_tcp_t ends[2]; /* by the way that leads to it: the hub's, the client's */
  uv_timer_t timer;
  uv_connect_t connect;
  struct way ways[2];
  int open_handles;
};

struct proxy {
  uv_loop_t *loop;
  uv_tcp_t listener;
  struct sockaddr_in hub;
  int port;
  fault_draw_fn *draw;
  void *user;
  struct tunnel *tunnels;
  int counts[FAULT_KINDS];
  bool is_closing, is_closed;
};

struct write {
  uv_write_t request;
  char bytes[];
};

static int64_t now_ms(const struct tunnel *t) {
  return (int64_t)uv_now(t->proxy->loop);
}

/* ---- ends ---- */

static void proxy_free_when_over(struct proxy *p) {
  if (p->is_closed && p->tunnels == NULL)
    free(p);
}

static void drop_chunks(struct way *w) {
  while (w->first != NULL) {
    struct chunk *c = w->first;
    w->first = c->next;
    free(c);
  }
  w->last = &w->first;
}

static void on_handle_closed(uv_handle_t *handle) {
  struct tunnel *t = handle->data;
  struct proxy *p = t->proxy;
  if (--t->open_handles > 0)
    return;
  drop_chunks(&t->ways[0]);
  drop_chunks(&t->ways[1]);
  if (t->prev != NULL)
    t->prev->next = t->next;
  else
    p->tunnels = t->next;
  if (t->next != NULL)
    t->next->prev = t->prev;
  free(t);
  if (p->is_closing)
    proxy_free_when_over(p);
}

static void close_end(uv_tcp_t *end, bool hard) {
  if (!hard || uv_tcp_close_reset(end, on_handle_closed) != 0)
    uv_close((uv_handle_t *)end, on_handle_closed);
}

static void tunnel_close(struct tunnel *t, bool hard) {
  if (t->state == TUNNEL_CLOSING)
    return;
  t->state = TUNNEL_CLOSING;
  close_end(&t->ends[0], hard);
  close_end(&t->ends[1], hard);
  uv_close((uv_handle_t *)&t->timer, on_handle_closed);
}

/* ---- bytes ---- */

static void on_written(uv_write_t *request, int status) {
  (void)status; /* a lost end is seen where it is read */
  free(request);
}

static void pass(struct tunnel *t, int way, const char *bytes, size_t len) {
  struct write *w = malloc(sizeof *w + len);
  if (w == NULL)
    abort();
  memcpy(w->bytes, bytes, len);
  uv_buf_t buf = uv_buf_init(w->bytes, (unsigned)len);
  if (uv_write(&w->request, (uv_stream_t *)&t->ends[way], &buf, 1, on_written) != 0)
    free(w);
  t->ways[way].passed += len;
}

static bool is_fault_near(const struct tunnel *t, int way) {
  return t->fault.kind != FAULT_NONE && (int)t->fault.way == way;
}

/* How much of `len` goes as one piece. */
static size_t piece(const struct tunnel *t, int way, size_t len) {
  if (t->fault.segment > 0 && len > t->fault.segment)
    len = t->fault.segment;
  if (is_fault_near(t, way) && len > t->fault.at_byte - t->ways[way].passed)
    len = t->fault.at_byte - t->ways[way].passed;
  return len;
}

static void strike(struct tunnel *t) {
  enum fault_kind kind = t->fault.kind;
  t->fault.kind = FAULT_NONE;
  t->proxy->counts[kind]++;
  if (kind == FAULT_STALL)
    t->ways[t->fault.way].not_before_ms = now_ms(t) + t->fault.stall_ms;
  else if (kind == FAULT_HALF_OPEN)
    t->state = TUNNEL_DEAF;
  else
    tunnel_close(t, kind == FAULT_RESET);
}

/* Sends one piece of the first chunk, or strikes. */
static void step(struct tunnel *t, int way) {
  struct way *w = &t->ways[way];
  struct chunk *c = w->first;
  if (c->len == 0) {
    tunnel_close(t, false);
    return;
  }
  if (is_fault_near(t, way) && w->passed >= t->fault.at_byte) {
    strike(t);
    return;
  }
  size_t n = piece(t, way, c->len - c->done);
  pass(t, way, c->bytes + c->done, n);
  c->done += n;
  if (c->done < c->len)
    return;
  w->first = c->next;
  if (w->first == NULL)
    w->last = &w->first;
  free(c);
}

/* When the first chunk may go, or -1 without one. */
static int64_t due_ms(const struct way *w) {
  if (w->first == NULL)
    return -1;
  return w->first->due_ms > w->not_before_ms ? w->first->due_ms : w->not_before_ms;
}

static void pump(struct tunnel *t);

static void on_timer(uv_timer_t *timer) {
  pump(timer->data);
}

static void sleep_until_due(struct tunnel *t) {
  int64_t next = -1;
  for (int way = 0; way < 2; way++) {
    int64_t due = due_ms(&t->ways[way]);
    if (due >= 0 && (next < 0 || due < next))
      next = due;
  }
  if (next >= 0)
    uv_timer_start(&t->timer, on_timer, next > now_ms(t) ? (uint64_t)(next - now_ms(t)) : 1, 0);
}

static void pump_way(struct tunnel *t, int way) {
  struct way *w = &t->ways[way];
  for (int i = 0; t->state == TUNNEL_OPEN && w->first != NULL && due_ms(w) <= now_ms(t); i++) {
    if (t->fault.segment > 0 && i == PIECES_A_TURN)
      return;
    step(t, way);
  }
}

static void pump(struct tunnel *t) {
  pump_way(t, FAULT_TO_HUB);
  pump_way(t, FAULT_TO_CLIENT);
  if (t->state == TUNNEL_OPEN)
    sleep_until_due(t);
}

static void keep(struct tunnel *t, int way, const char *bytes, size_t len) {
  struct chunk *c = malloc(sizeof *c + len);
  if (c == NULL)
    abort();
  *c = (struct chunk){.due_ms = now_ms(t) + t->fault.latency_ms, .len = len};
  if (len > 0)
    memcpy(c->bytes, bytes, len);
  *t->ways[way].last = c;
  t->ways[way].last = &c->next;
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf) {
  (void)handle;
  buf->base = malloc(size);
  buf->len = buf->base != NULL ? size : 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  struct tunnel *t = stream->data;
  int way = stream == (uv_stream_t *)&t->ends[FAULT_TO_HUB] ? FAULT_TO_CLIENT : FAULT_TO_HUB;
  if (n < 0)
    uv_read_stop(stream);
  if (t->state == TUNNEL_OPEN && n != 0) {
    keep(t, way, buf->base, n > 0 ? (size_t)n : 0);
    pump(t);
  }
  free(buf->base);
}

/* ---- connections ---- */

static void on_connected(uv_connect_t *connect, int status) {
  struct tunnel *t = connect->data;
  if (t->state == TUNNEL_CLOSING)
    return;
  if (status != 0) {
    tunnel_close(t, true);
    return;
  }
  t->state = TUNNEL_OPEN;
  for (int i = 0; i < 2; i++) {
    uv_tcp_nodelay(&t->ends[i], 1);
    uv_read_start((uv_stream_t *)&t->ends[i], on_alloc, on_read);
  }
}

static void on_connect_due(uv_timer_t *timer) {
  struct tunnel *t = timer->data;
  t->connect.data = t;
  if (uv_tcp_connect(&t->connect, &t->ends[FAULT_TO_HUB], (const struct sockaddr *)&t->proxy->hub,
                     on_connected) != 0)
    tunnel_close(t, true);
}

static struct tunnel *tunnel_new(struct proxy *p) {
  struct tunnel *t = calloc(1, sizeof *t);
  if (t == NULL)
    abort();
  t->proxy = p;
  t->open_handles = HANDLES;
  t->next = p->tunnels;
  if (t->next != NULL)
    t->next->prev = t;
  p->tunnels = t;
  for (int i = 0; i < 2; i++) {
    uv_tcp_init(p->loop, &t->ends[i]);
    t->ends[i].data = t;
    t->ways[i].last = &t->ways[i].first;
  }
  uv_timer_init(p->loop, &t->timer);
  t->timer.data = t;
  return t;
}

static void on_connection(uv_stream_t *listener, int status) {
  struct proxy *p = listener->data;
  if (status != 0 || p->is_closing)
    return;
  struct tunnel *t = tunnel_new(p);
  if (uv_accept(listener, (uv_stream_t *)&t->ends[FAULT_TO_CLIENT]) != 0) {
    tunnel_close(t, true);
    return;
  }
  p->draw(&t->fault, p->user);
  uv_timer_start(&t->timer, on_connect_due, (uint64_t)t->fault.connect_ms, 0);
}

/* ---- life ---- */

static int listen_on_loopback(struct proxy *p) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int len = sizeof address;
  int rc = uv_tcp_bind(&p->listener, (const struct sockaddr *)&address, 0);
  if (rc == 0)
    rc = uv_listen((uv_stream_t *)&p->listener, BACKLOG, on_connection);
  if (rc == 0)
    rc = uv_tcp_getsockname(&p->listener, (struct sockaddr *)&address, &len);
  p->port = ntohs(address.sin_port);
  return rc;
}

struct proxy *proxy_new(uv_loop_t *loop, int hub_port, fault_draw_fn *draw, void *user) {
  struct proxy *p = calloc(1, sizeof *p);
  if (p == NULL)
    return NULL;
  p->loop = loop;
  p->hub = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)hub_port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  p->draw = draw;
  p->user = user;
  uv_tcp_init(loop, &p->listener);
  p->listener.data = p;
  if (listen_on_loopback(p) != 0) {
    proxy_free(p);
    return NULL;
  }
  return p;
}

int proxy_port(const struct proxy *p) {
  return p->port;
}

int proxy_count(const struct proxy *p, enum fault_kind kind) {
  return p->counts[kind];
}

static void on_listener_closed(uv_handle_t *handle) {
  struct proxy *p = handle->data;
  p->is_closed = true;
  proxy_free_when_over(p);
}

void proxy_free(struct proxy *p) {
  if (p == NULL || p->is_closing)
    return;
  p->is_closing = true;
  for (struct tunnel *t = p->tunnels; t != NULL; t = t->next)
    tunnel_close(t, true);
  uv_close((uv_handle_t *)&p->listener, on_listener_closed);
}
