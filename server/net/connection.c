/*
 * connection: libwebsockets' raw role behind connection.h. Its rules, from measurements of 4.1.6:
 * bytes are written at once and it buffers what the kernel does not take; a raw connection that is
 * closed with bytes pending loses them, so a graceful end waits for WRITEABLE; nothing is closed
 * from inside a call of ours, only by its own loop a turn later.
 */
#include "server/net/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/net/loop_internal.h"

#define GATHER_MAX ((size_t)8192) /* bytes that wait for more to go with them */

/*
 * ADOPTING   inside connection_adopt; a close by libwebsockets is told to the caller as a failure.
 * OPEN       reads and writes.
 * FLUSHING   connection_close was called; what is buffered goes out, nothing is read to the owner;
 * to LINGERING. LINGERING  FIN sent; what still comes is thrown away; ends when the peer closes or
 * the time is over. DEAD       will be closed as the loop turns; on_close follows.
 */
enum state { STATE_ADOPTING, STATE_OPEN, STATE_FLUSHING, STATE_LINGERING, STATE_DEAD };

struct connection {
  struct lws *wsi; /* NULL once libwebsockets has closed it */
  struct loop *loop;
  const struct connection_handlers *handlers;
  void *user;
  void (*on_gone)(void *owner);
  void *owner;
  struct connection *next, *prev; /* of the loop */
  struct timer linger;
  size_t buffered; /* bytes given to libwebsockets since it last had none left */
  enum state state;
  bool is_paused; /* by the owner */
  bool is_heard;  /* bytes came, so a TLS handshake is over */
  bool is_held;   /* not read while bytes wait to be sent, see hold() */
  bool outlives_eof;
  struct connection_peer peer;
};

static struct connection *of_linger(struct timer *timer) {
  return (struct connection *)((char *)timer - offsetof(struct connection, linger));
}

static void set_state(struct connection *c, enum state state) {
  log_debug(c->loop->log, "connection %p: state %d to %d", (void *)c, (int)c->state, (int)state);
  c->state = state;
}

/* ---- adopting ---- */

static void find_peer(int fd, bool tls, struct connection_peer *peer) {
  struct sockaddr_storage address;
  socklen_t len = sizeof address;
  memset(peer, 0, sizeof *peer);
  peer->is_tls = tls;
  strcpy(peer->address, "unknown");
  if (getpeername(fd, (struct sockaddr *)&address, &len) != 0)
    return;
  if (address.ss_family == AF_UNIX) {
    peer->is_unix = true;
    strcpy(peer->address, "unix");
  } else if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, peer->address,
              sizeof peer->address);
  } else if (address.ss_family == AF_INET6) {
    const struct in6_addr *a = &((struct sockaddr_in6 *)&address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(a)) /* one person, one address, on a dual-stack socket, too */
      inet_ntop(AF_INET, a->s6_addr + 12, peer->address, sizeof peer->address);
    else
      inet_ntop(AF_INET6, a, peer->address, sizeof peer->address);
  }
}

static void link_in(struct connection *c) {
  c->next = c->loop->connections;
  if (c->next != NULL)
    c->next->prev = c;
  c->loop->connections = c;
}

static void unlink_it(struct connection *c) {
  if (c->prev != NULL)
    c->prev->next = c->next;
  else
    c->loop->connections = c->next;
  if (c->next != NULL)
    c->next->prev = c->prev;
}

/* NULL: it has closed fd. */
static struct lws *give_to_lws(struct connection *c, int fd) {
  bool tls = c->peer.is_tls;
  lws_adopt_desc_t desc = {
      .vh = tls ? c->loop->tls : c->loop->plain,
      .type = tls ? LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL : LWS_ADOPT_SOCKET,
      .fd = {.sockfd = fd},
      .vh_prot_name = "raw",
      .opaque = c,
  };
  return lws_adopt_descriptor_vhost_via_info(&desc);
}

int connection_adopt(struct loop *loop, int fd, bool tls,
                     const struct connection_handlers *handlers, void *user,
                     struct connection **out) {
  struct connection *c = calloc(1, sizeof *c);
  if (c == NULL) {
    close(fd);
    return CWS_ENOMEM;
  }
  c->loop = loop;
  c->handlers = handlers;
  c->user = user;
  c->state = STATE_ADOPTING;
  find_peer(fd, tls, &c->peer);
  c->wsi = give_to_lws(c, fd);
  if (c->wsi == NULL || c->state != STATE_ADOPTING) {
    free(c);
    return CWS_ESYSTEM;
  }
  link_in(c);
  set_state(c, STATE_OPEN);
  *out = c;
  return 0;
}

void connection_set_handlers(struct connection *c, const struct connection_handlers *handlers,
                             void *user) {
  c->handlers = handlers;
  c->user = user;
}

void connection_set_owner(struct connection *c, void (*on_gone)(void *owner), void *owner) {
  c->on_gone = on_gone;
  c->owner = owner;
}

void *connection_owner(const struct connection *c) {
  return c->owner;
}

/* libwebsockets does not read while it has bytes to send, but would be woken all the while by what
 * it does not read. So reading is off until they are out. */
static void hold(struct connection *c) {
  if (c->is_held)
    return;
  c->is_held = true;
  lws_rx_flow_control(c->wsi, 0);
}

static void release(struct connection *c) {
  c->is_held = false;
  if (!c->is_paused)
    lws_rx_flow_control(c->wsi, 1);
}

/* ---- ending ---- */

static void kill_soon(struct connection *c) {
  if (c->state == STATE_DEAD)
    return;
  set_state(c, STATE_DEAD);
  timer_cancel(c->loop->wheel, &c->linger);
  lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
  /* It looks at its timeouts only after events of its own, which a quiet loop may never have. */
  lws_cancel_service_pt(c->wsi);
}

static void on_linger_over(struct timer *timer) {
  kill_soon(of_linger(timer));
}

/* Everything is out: FIN, and then whatever the peer still sends is thrown away, so that it can
 * read the end. */
static void begin_lingering(struct connection *c) {
  set_state(c, STATE_LINGERING);
  if (c->peer.is_tls) {
    SSL *ssl = lws_get_ssl(c->wsi);
    if (ssl != NULL && SSL_is_init_finished(ssl))
      SSL_shutdown(ssl);
  }
  shutdown(lws_get_socket_fd(c->wsi), SHUT_WR);
}

void connection_close(struct connection *c, int linger_ms) {
  connection_send_gathered(c);
  if (c->state != STATE_OPEN)
    return;
  set_state(c, STATE_FLUSHING);
  timer_arm(c->loop->wheel, &c->linger, linger_ms, on_linger_over);
  c->is_paused = false;
  if (!c->is_held)
    lws_rx_flow_control(c->wsi, 1);
  if (!lws_partial_buffered(c->wsi))
    begin_lingering(c);
}

void connection_abort(struct connection *c) {
  if (c->state == STATE_OPEN || c->state == STATE_FLUSHING || c->state == STATE_LINGERING)
    kill_soon(c);
}

void connection_abort_all(struct loop *loop) {
  for (struct connection *c = loop->connections; c != NULL; c = c->next)
    connection_abort(c);
}

/* A close on unread bytes is a reset, and with it the alert may be lost that says why there will be
 * no TLS: the client would take it for a bad network, and come back again and again. */
static void read_off(struct connection *c) {
  char bytes[4096];
  const SSL *ssl = c->peer.is_tls ? lws_get_ssl(c->wsi) : NULL;
  if (ssl == NULL || SSL_is_init_finished(ssl))
    return;
  for (int i = 0; i < 4; i++) {
    if (recv(lws_get_socket_fd(c->wsi), bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
      return;
  }
}

/* FIN, and no reset: a socket that is over hangs up. */
static bool has_only_shut_down(int fd) {
  char byte;
  struct pollfd look = {.fd = fd, .events = POLLIN};
  return poll(&look, 1, 0) == 1 && (look.revents & (POLLHUP | POLLERR)) == 0 &&
         recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* libwebsockets ends a connection with the peer's FIN. Where an answer is still to come it goes on
 * as another descriptor of the same socket, which is not read. */
static bool outlive_eof(struct connection *c) {
  int fd = lws_get_socket_fd(c->wsi);
  if (!c->outlives_eof || c->state != STATE_OPEN || c->peer.is_tls ||
      lws_partial_buffered(c->wsi) || !has_only_shut_down(fd))
    return false;
  fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0)
    return false;
  lws_set_opaque_user_data(c->wsi, NULL);
  set_state(c, STATE_ADOPTING);
  struct lws *wsi = give_to_lws(c, fd);
  if (wsi == NULL || c->state != STATE_ADOPTING)
    return false;
  c->wsi = wsi;
  set_state(c, STATE_OPEN);
  c->is_paused = true;
  lws_rx_flow_control(c->wsi, 0);
  lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
  return true;
}

static void on_closed(struct connection *c) {
  if (c->state == STATE_ADOPTING) {
    c->state = STATE_DEAD; /* who adopts, and has no wsi yet, sees it */
    return;
  }
  if (outlive_eof(c))
    return;
  read_off(c);
  c->wsi = NULL;
  c->state = STATE_DEAD;
  timer_cancel(c->loop->wheel, &c->linger);
  unlink_it(c);
  if (c->handlers->on_close != NULL)
    c->handlers->on_close(c, c->user);
  if (c->on_gone != NULL)
    c->on_gone(c->owner);
  free(c);
}

/* ---- bytes ---- */

static int write_now(struct connection *c, const void *bytes, size_t len) {
  if (c->state != STATE_OPEN)
    return CONNECTION_DEAD;
  /* The raw role sends from the given bytes and copies what is left: they are not written to. */
  if (len > 0 && lws_write(c->wsi, (unsigned char *)(uintptr_t)bytes, len, LWS_WRITE_RAW) < 0) {
    kill_soon(c);
    return CONNECTION_DEAD;
  }
  if (!lws_partial_buffered(c->wsi))
    return CONNECTION_SENT;
  c->buffered += len;
  hold(c);
  return CONNECTION_BUFFERED;
}

void connection_gather(struct connection *c) {
  c->loop->gathering = c;
}

void connection_send_gathered(struct connection *c) {
  struct buf *b = &c->loop->gathered;
  if (c->loop->gathering != c)
    return;
  c->loop->gathering = NULL;
  if (b->len > 0)
    write_now(c, b->data, b->len);
  buf_reset(b);
}

int connection_write(struct connection *c, const void *bytes, size_t len) {
  struct buf *b = &c->loop->gathered;
  if (c->loop->gathering == c && c->state == STATE_OPEN && len <= GATHER_MAX - b->len &&
      buf_reserve(b, len) == 0) {
    buf_add(b, bytes, len);
    return CONNECTION_SENT;
  }
  connection_send_gathered(c);
  return write_now(c, bytes, len);
}

size_t connection_buffered_bytes(const struct connection *c) {
  return c->buffered;
}

static void on_writeable(struct connection *c) {
  if (lws_partial_buffered(c->wsi) || c->state == STATE_DEAD)
    return;
  if (c->is_held) { /* one turn for reading, before the owner writes on: who reads slowly is heard
                     */
    release(c);
    lws_callback_on_writable(c->wsi);
    return;
  }
  bool was_buffered = c->buffered > 0;
  c->buffered = 0;
  if (c->state == STATE_FLUSHING)
    begin_lingering(c);
  else if (c->state == STATE_OPEN && was_buffered && c->handlers->on_drain != NULL)
    c->handlers->on_drain(c, c->user);
}

/* When a handshake ends, libwebsockets gives the connection TLS_HANDSHAKE_S once more to become one
 * of another role, and would end it then. All times from here on are ours. */
static void end_handshake_timeout(struct connection *c) {
  if (c->is_heard || c->state == STATE_DEAD) /* dead: its timeout is what closes it */
    return;
  c->is_heard = true;
  lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
}

static void on_bytes(struct connection *c, const char *bytes, size_t len) {
  end_handshake_timeout(c);
  if (c->state == STATE_OPEN && c->handlers->on_data != NULL)
    c->handlers->on_data(c, bytes, len, c->user);
}

void connection_pause(struct connection *c) {
  if (c->state != STATE_OPEN || c->is_paused)
    return;
  c->is_paused = true;
  if (!c->is_held)
    lws_rx_flow_control(c->wsi, 0);
}

void connection_resume(struct connection *c) {
  if (c->state != STATE_OPEN || !c->is_paused)
    return;
  c->is_paused = false;
  if (!c->is_held)
    lws_rx_flow_control(c->wsi, 1);
}

void connection_outlive_eof(struct connection *c, bool on) {
  c->outlives_eof = on;
  if (c->peer.is_tls && on)
    connection_pause(c);
}

void connection_set_patience(struct connection *c, int64_t ms) {
  unsigned timeout = ms < INT_MAX ? (unsigned)ms : INT_MAX;
  if (c->state == STATE_OPEN && !c->peer.is_unix)
    setsockopt(lws_get_socket_fd(c->wsi), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}

const struct connection_peer *connection_peer(const struct connection *c) {
  return &c->peer;
}

struct loop *connection_loop(const struct connection *c) {
  return c->loop;
}

static struct loop *loop_of_context(struct lws *wsi) {
  return lws_context_user(lws_get_context(wsi));
}

int connection_lws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session,
                            void *in, size_t len) {
  (void)session;
  /* The verdict is ours to pass on: 0 would let any certificate in. `len` is OpenSSL's. */
  if (reason == LWS_CALLBACK_OPENSSL_PERFORM_CLIENT_CERT_VERIFICATION)
    return len == 0;
  if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
    loop_of_context(wsi)->tls_ctx = session; /* the tls vhost's, being made */
    return 0;
  }
  struct connection *c = wsi != NULL ? lws_get_opaque_user_data(wsi) : NULL;
  if (c == NULL)
    return 0;
  switch (reason) {
  case LWS_CALLBACK_RAW_RX:
    on_bytes(c, in, len);
    return 0;
  case LWS_CALLBACK_RAW_WRITEABLE:
    on_writeable(c);
    return 0;
  case LWS_CALLBACK_RAW_CLOSE:
    on_closed(c);
    return 0;
  default:
    return 0;
  }
}
