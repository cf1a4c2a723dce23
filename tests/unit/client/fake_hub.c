/* fake_hub: see fake_hub.h. */
#define _GNU_SOURCE
#include "tests/unit/client/fake_hub.h"

#include "lib/core/ws_frame.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TEXTS_MAX 8192 /* messages of one read of the socket */

struct fake_hub {
  int listener;
  pthread_t thread;
  pthread_mutex_t mutex;
  int current; /* socket of the connection being served, -1 for none */
  bool stopping;
  atomic_int connections;
  char url[160];
  char *unix_path;
  SSL_CTX *tls;
  fake_script *script;
  void *user;
};

struct fake_conn {
  int fd;
  SSL *ssl;
  struct buf in; /* bytes read and not used */
  struct buf head, body;
  struct ws_parser parser;
  char *texts[TEXTS_MAX]; /* messages parsed and not yet taken */
  size_t first, count;
  int close_code, pongs;
  bool limited, cut, upgraded;
  size_t limit;
};

/* ---- bytes ---- */

static void reset_connection(struct fake_conn *c) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
  shutdown(c->fd, SHUT_RDWR);
  c->cut = true;
}

void fake_raw(struct fake_conn *c, const void *bytes, size_t len) {
  size_t n = c->limited && len > c->limit ? c->limit : len, done = 0;
  while (!c->cut && done < n) {
    const char *p = (const char *)bytes + done;
    ssize_t got = c->ssl != NULL ? SSL_write(c->ssl, p, (int)(n - done))
                                 : send(c->fd, p, n - done, MSG_NOSIGNAL);
    if (got <= 0)
      c->cut = true;
    else
      done += (size_t)got;
  }
  if (c->limited) {
    c->limit -= n;
    if (n < len)
      reset_connection(c);
  }
}

static bool read_more(struct fake_conn *c) {
  char bytes[65536];
  ssize_t n = c->cut           ? 0
              : c->ssl != NULL ? SSL_read(c->ssl, bytes, sizeof(bytes))
                               : recv(c->fd, bytes, sizeof(bytes), 0);
  if (n <= 0)
    return false;
  buf_add(&c->in, bytes, (size_t)n);
  return true;
}

void fake_cut_after(struct fake_conn *c, size_t bytes) {
  c->limited = true;
  c->limit = bytes;
}

bool fake_is_cut(const struct fake_conn *c) {
  return c->cut;
}

/* ---- HTTP ---- */

static size_t content_length(const char *head) {
  const char *p = strcasestr(head, "\r\ncontent-length:");
  return p == NULL ? 0 : strtoul(p + 17, NULL, 10);
}

bool fake_next_request(struct fake_conn *c) {
  const char *end;
  while (c->in.len == 0 || (end = memmem(c->in.data, c->in.len, "\r\n\r\n", 4)) == NULL) {
    if (!read_more(c))
      return false;
  }
  size_t n = (size_t)(end - c->in.data) + 4;
  buf_reset(&c->head);
  buf_add(&c->head, c->in.data, n);
  buf_consume(&c->in, n);
  size_t length = content_length(c->head.data);
  while (c->in.len < length) {
    if (!read_more(c))
      return false;
  }
  buf_reset(&c->body);
  buf_add(&c->body, c->in.len > 0 ? c->in.data : "", length);
  buf_consume(&c->in, length);
  return true;
}

const char *fake_head(const struct fake_conn *c) {
  return c->head.data;
}

const char *fake_body(const struct fake_conn *c) {
  return c->body.data;
}

bool fake_has(const struct fake_conn *c, const char *text) {
  return strstr(c->head.data, text) != NULL;
}

int64_t fake_query(const struct fake_conn *c, const char *name, int64_t fallback) {
  char key[64];
  const char *line_end = strstr(c->head.data, "\r\n");
  for (int i = 0; i < 2; i++) {
    snprintf(key, sizeof(key), "%c%s=", i == 0 ? '?' : '&', name);
    const char *p = strstr(c->head.data, key);
    if (p != NULL && p < line_end)
      return strtoll(p + strlen(key), NULL, 10);
  }
  return fallback;
}

void fake_reply(struct fake_conn *c, int status, const char *extra_headers, const char *body) {
  struct buf b;
  buf_init(&b);
  buf_addf(&b,
           "HTTP/1.1 %d Some Reason\r\nContent-Type: application/json\r\nContent-Length: "
           "%zu\r\n%s\r\n%s",
           status, strlen(body), extra_headers, body);
  fake_raw(c, b.data, b.len);
  buf_finish(&b);
}

/* ---- WebSocket ---- */

static void on_message(enum ws_opcode opcode, const char *bytes, size_t len, void *user) {
  struct fake_conn *c = user;
  (void)opcode;
  if (c->count == TEXTS_MAX)
    abort();
  c->texts[(c->first + c->count++) % TEXTS_MAX] = strndup(bytes, len);
}

static void on_ping(const char *bytes, size_t len, void *user) {
  struct buf b;
  buf_init(&b);
  ws_frame_append(&b, WS_PONG, bytes, len);
  fake_raw(user, b.data, b.len);
  buf_finish(&b);
}

static void on_pong(const char *bytes, size_t len, void *user) {
  (void)bytes;
  (void)len;
  ((struct fake_conn *)user)->pongs++;
}

static void on_close(int code, const char *reason, size_t len, void *user) {
  struct fake_conn *c = user;
  (void)reason;
  (void)len;
  c->close_code = code;
}

static const struct ws_frame_handlers frame_handlers = {on_message, on_ping, on_pong, on_close};

static void finish_head(struct fake_conn *c) {
  char key[25] = "", accept[29];
  const char *p = strcasestr(c->head.data, "\r\nsec-websocket-key: ");
  if (p != NULL)
    snprintf(key, sizeof(key), "%.24s", p + 21);
  ws_accept_key(key, strlen(key), accept);
  char head[256];
  int n =
      snprintf(head, sizeof(head),
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: councilws.v1\r\n\r\n",
               accept);
  fake_raw(c, head, (size_t)n);
}

void fake_upgrade(struct fake_conn *c) {
  finish_head(c);
  c->upgraded = true;
  ws_parser_init(&c->parser, WS_SERVER, 1u << 20, &frame_handlers, c);
}

void fake_text(struct fake_conn *c, const char *fmt, ...) {
  char text[8192];
  struct buf b;
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(text, sizeof(text), fmt, args);
  va_end(args);
  buf_init(&b);
  ws_frame_append(&b, WS_TEXT, text, (size_t)n);
  fake_raw(c, b.data, b.len);
  buf_finish(&b);
}

#define STAMP "\"timestamp\":\"2026-01-02T03:04:05.678Z\""

void fake_hello(struct fake_conn *c, const char *epoch, int64_t resume_from, int heartbeat_s) {
  fake_text(
      c,
      "{\"type\":\"connection_established\"," STAMP ",\"message_id\":%lld,\"data\":{"
      "\"request_id\":\"r\",\"connection_id\":\"c1\",\"subscriber\":\"alice\",\"epoch\":\"%s\","
      "\"first_message_id\":1,\"last_message_id\":1000000,\"resume_from\":%lld,"
      "\"heartbeat_interval\":%d,\"inactivity_timeout\":300,\"message\":\"hello\"}}",
      (long long)resume_from, epoch, (long long)resume_from, heartbeat_s);
}

void fake_event(struct fake_conn *c, int64_t id) {
  fake_text(c, "{\"type\":\"step\"," STAMP ",\"message_id\":%lld,\"data\":{\"n\":%lld}}",
            (long long)id, (long long)id);
}

void fake_replay_complete(struct fake_conn *c, int64_t last) {
  fake_text(c, "{\"type\":\"replay_complete\"," STAMP ",\"data\":{\"last_message_id\":%lld}}",
            (long long)last);
}

void fake_bye(struct fake_conn *c, int code, bool reconnect, int64_t retry_after_ms) {
  fake_text(c,
            "{\"type\":\"bye\"," STAMP
            ",\"data\":{\"code\":%d,\"reason\":\"because\",\"reconnect\":%s,"
            "\"retry_after_ms\":%lld,\"resume_from\":0}}",
            code, reconnect ? "true" : "false", (long long)retry_after_ms);
}

void fake_close(struct fake_conn *c, int code) {
  struct buf b;
  buf_init(&b);
  ws_frame_append_close(&b, code, "because");
  fake_raw(c, b.data, b.len);
  buf_finish(&b);
}

void fake_ping(struct fake_conn *c) {
  struct buf b;
  buf_init(&b);
  ws_frame_append(&b, WS_PING, "p", 1);
  fake_raw(c, b.data, b.len);
  buf_finish(&b);
}

char *fake_next_text(struct fake_conn *c) {
  const char *reason;
  while (c->count == 0) {
    if (c->close_code != 0 || (c->in.len == 0 && !read_more(c)))
      return NULL;
    int rc = ws_parser_feed(&c->parser, c->in.data, c->in.len, &reason);
    buf_reset(&c->in);
    if (rc != 0)
      c->close_code = -rc;
  }
  char *text = c->texts[c->first];
  c->first = (c->first + 1) % TEXTS_MAX;
  c->count--;
  return text;
}

int fake_close_code(const struct fake_conn *c) {
  return c->close_code;
}

int fake_pongs(const struct fake_conn *c) {
  return c->pongs;
}

void fake_wait_end(struct fake_conn *c) {
  char *text;
  while (c->upgraded && (text = fake_next_text(c)) != NULL)
    free(text);
  if (c->close_code != 0)
    fake_close(c, c->close_code);
  do
    buf_reset(&c->in);
  while (read_more(c));
}

void fake_hang_up(struct fake_conn *c) {
  shutdown(c->fd, SHUT_WR);
  do
    buf_reset(&c->in);
  while (read_more(c));
}

/* ---- the thread ---- */

static void conn_finish(struct fake_conn *c) {
  while (c->count > 0) {
    free(c->texts[c->first]);
    c->first = (c->first + 1) % TEXTS_MAX;
    c->count--;
  }
  ws_parser_finish(&c->parser);
  buf_finish(&c->in);
  buf_finish(&c->head);
  buf_finish(&c->body);
  if (c->ssl != NULL && !c->cut)
    SSL_shutdown(c->ssl);
  SSL_free(c->ssl);
}

/* As a hub does: to close on unread bytes is to reset, and the alert may be lost with it. */
static void read_off(int fd) {
  char bytes[4096];
  shutdown(fd, SHUT_WR);
  while (recv(fd, bytes, sizeof(bytes), 0) > 0)
    continue;
}

static void serve(struct fake_hub *hub, int fd, int index) {
  static const struct fake_conn empty;
  struct fake_conn *c = malloc(sizeof(*c));
  *c = empty;
  c->fd = fd;
  if (hub->tls != NULL) {
    c->ssl = SSL_new(hub->tls);
    SSL_set_fd(c->ssl, fd);
    if (SSL_accept(c->ssl) != 1) {
      c->cut = true;
      read_off(fd);
    }
  }
  if (!c->cut && fake_next_request(c))
    hub->script(c, index, hub->user);
  conn_finish(c);
  free(c);
}

static bool set_current(struct fake_hub *hub, int fd) {
  pthread_mutex_lock(&hub->mutex);
  hub->current = fd;
  bool go_on = !hub->stopping;
  pthread_mutex_unlock(&hub->mutex);
  return go_on;
}

static void *run(void *arg) {
  struct fake_hub *hub = arg;
  for (int index = 0;; index++) {
    int fd = accept4(hub->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
      return NULL;
    atomic_fetch_add(&hub->connections, 1);
    if (set_current(hub, fd))
      serve(hub, fd, index);
    set_current(hub, -1);
    close(fd);
  }
}

static int listen_tcp(struct fake_hub *hub) {
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof(sa);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 16) != 0)
    abort();
  getsockname(fd, (struct sockaddr *)&sa, &len);
  snprintf(hub->url, sizeof(hub->url), "%s://127.0.0.1:%d", hub->tls != NULL ? "https" : "http",
           ntohs(sa.sin_port));
  return fd;
}

static int listen_unix(struct fake_hub *hub) {
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", hub->unix_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  unlink(sa.sun_path);
  if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 16) != 0)
    abort();
  snprintf(hub->url, sizeof(hub->url), "unix:%s", sa.sun_path);
  return fd;
}

static SSL_CTX *tls_new(const struct fake_options *o) {
  if (o->cert_file == NULL)
    return NULL;
  SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(tls, o->cert_file) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls, o->key_file, SSL_FILETYPE_PEM) != 1)
    abort();
  if (o->client_ca_file != NULL) {
    if (SSL_CTX_load_verify_locations(tls, o->client_ca_file, NULL) != 1)
      abort();
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  return tls;
}

struct fake_hub *fake_hub_start(const struct fake_options *options, fake_script *script,
                                void *user) {
  static const struct fake_options none;
  struct fake_hub *hub = calloc(1, sizeof(*hub));
  const struct fake_options *o = options != NULL ? options : &none;
  hub->script = script;
  hub->user = user;
  hub->current = -1;
  hub->tls = tls_new(o);
  hub->unix_path = o->unix_path == NULL ? NULL : strdup(o->unix_path);
  hub->listener = hub->unix_path != NULL ? listen_unix(hub) : listen_tcp(hub);
  pthread_mutex_init(&hub->mutex, NULL);
  pthread_create(&hub->thread, NULL, run, hub);
  return hub;
}

const char *fake_hub_url(const struct fake_hub *hub) {
  return hub->url;
}

int fake_hub_connections(struct fake_hub *hub) {
  return atomic_load(&hub->connections);
}

void fake_hub_stop(struct fake_hub *hub) {
  pthread_mutex_lock(&hub->mutex);
  hub->stopping = true;
  if (hub->current >= 0)
    shutdown(hub->current, SHUT_RDWR);
  pthread_mutex_unlock(&hub->mutex);
  shutdown(hub->listener, SHUT_RDWR);
  pthread_join(hub->thread, NULL);
  close(hub->listener);
  if (hub->unix_path != NULL)
    unlink(hub->unix_path);
  SSL_CTX_free(hub->tls);
  free(hub->unix_path);
  pthread_mutex_destroy(&hub->mutex);
  free(hub);
}
