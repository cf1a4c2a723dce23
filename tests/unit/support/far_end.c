/* far_end: see far_end.h. */
#define _GNU_SOURCE /* accept4, memmem */
#include "tests/unit/support/far_end.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static void need(bool is_good) {
  if (!is_good)
    abort();
}

/* ---- connecting ---- */

static socklen_t loopback(int family, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  out->ss_family = (sa_family_t)family;
  if (family == AF_INET) {
    ((struct sockaddr_in *)out)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof(struct sockaddr_in);
  }
  if (family == AF_INET6) {
    ((struct sockaddr_in6 *)out)->sin6_addr = in6addr_loopback;
    return sizeof(struct sockaddr_in6);
  }
  return sizeof(sa_family_t); /* autobind: an abstract name of the kernel's choice */
}

static void init(struct far_end *far, int fd) {
  memset(far, 0, sizeof *far);
  buf_init(&far->in);
  far->fd = fd;
}

int far_connect(struct far_end *far, const struct sockaddr *address, socklen_t len) {
  init(far, socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  need(far->fd >= 0);
  if (connect(far->fd, address, len) != 0) {
    int why = errno;
    close(far->fd);
    far->fd = -1;
    return why;
  }
  need(fcntl(far->fd, F_SETFL, O_NONBLOCK) == 0);
  return 0;
}

/* Small buffers in the kernel, so that tests reach their ends with little. */
static void narrow(int fd) {
  int size = 64 * 1024;
  need(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
  need(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0);
}

void far_pair(enum far_kind kind, int *near, struct far_end *far) {
  static const int families[] = {[FAR_V4] = AF_INET, [FAR_V6] = AF_INET6, [FAR_UNIX] = AF_UNIX};
  struct sockaddr_storage address;
  socklen_t len = loopback(families[kind], &address);
  int listening = socket(families[kind], SOCK_STREAM | SOCK_CLOEXEC, 0);
  need(listening >= 0 && bind(listening, (struct sockaddr *)&address, len) == 0 &&
       listen(listening, 1) == 0);
  len = sizeof address;
  need(getsockname(listening, (struct sockaddr *)&address, &len) == 0);
  need(far_connect(far, (struct sockaddr *)&address, len) == 0);
  *near = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  need(*near >= 0);
  narrow(*near);
  narrow(far->fd);
  close(listening);
}

void far_free(struct far_end *far) {
  SSL_free(far->ssl);
  SSL_CTX_free(far->ctx);
  far->ssl = NULL;
  far->ctx = NULL;
  if (far->fd >= 0)
    close(far->fd);
  far->fd = -1;
  buf_finish(&far->in);
}

/* ---- TLS ---- */

void far_start_tls(struct far_end *far, const struct far_tls *tls) {
  far->ctx = SSL_CTX_new(TLS_client_method());
  need(far->ctx != NULL && SSL_CTX_load_verify_locations(far->ctx, tls->ca, NULL) == 1);
  SSL_CTX_set_verify(far->ctx, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(far->ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
  if (tls->cert != NULL)
    need(SSL_CTX_use_certificate_chain_file(far->ctx, tls->cert) == 1 &&
         SSL_CTX_use_PrivateKey_file(far->ctx, tls->key, SSL_FILETYPE_PEM) == 1);
  far->ssl = SSL_new(far->ctx);
  need(far->ssl != NULL && SSL_set_fd(far->ssl, far->fd) == 1);
  if (tls->alpn != NULL) {
    unsigned char list[32];
    list[0] = (unsigned char)strlen(tls->alpn);
    memcpy(list + 1, tls->alpn, list[0]);
    need(SSL_set_alpn_protos(far->ssl, list, list[0] + 1U) == 0);
  }
}

/* Notes a failure; true if there is only nothing to do now. */
static bool would_wait(struct far_end *far, int rc) {
  int why = errno;
  if (far->ssl == NULL) {
    if (why != EAGAIN)
      far->failed = why;
    return why == EAGAIN;
  }
  int kind = SSL_get_error(far->ssl, rc);
  if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
    return true;
  if (kind == SSL_ERROR_ZERO_RETURN)
    far->ended = far->says_goodbye = true;
  else
    far->failed = kind == SSL_ERROR_SYSCALL && why != 0 ? why : -1;
  return false;
}

bool far_shakes(struct far_end *far) {
  if (far->has_tls || far->failed != 0)
    return true;
  errno = 0;
  int rc = SSL_connect(far->ssl);
  far->has_tls = rc == 1;
  return far->has_tls || !would_wait(far, rc);
}

/* ---- bytes ---- */

size_t far_send_some(struct far_end *far, const void *bytes, size_t len) {
  if (far->failed != 0)
    return 0;
  errno = 0;
  ssize_t n = far->ssl != NULL ? SSL_write(far->ssl, bytes, (int)len)
                               : send(far->fd, bytes, len, MSG_NOSIGNAL);
  if (n > 0)
    return (size_t)n;
  would_wait(far, (int)n);
  return 0;
}

bool far_read_some(struct far_end *far, size_t max) {
  char bytes[16384];
  bool has_news = false;
  while (!far->ended && far->failed == 0 && far->in.len < max) {
    size_t room = max - far->in.len < sizeof bytes ? max - far->in.len : sizeof bytes;
    errno = 0;
    ssize_t n =
        far->ssl != NULL ? SSL_read(far->ssl, bytes, (int)room) : recv(far->fd, bytes, room, 0);
    if (n > 0) {
      buf_add(&far->in, bytes, (size_t)n);
      has_news = true;
    } else if (n == 0 && far->ssl == NULL) {
      far->ended = true;
    } else if (would_wait(far, (int)n)) {
      return has_news;
    }
  }
  return has_news || far->ended || far->failed != 0;
}

bool far_read(struct far_end *far) {
  return far_read_some(far, SIZE_MAX);
}

size_t far_has(struct far_end *far) {
  far_read(far);
  return far->in.len;
}

bool far_has_ended(struct far_end *far) {
  far_read(far);
  return far->ended || far->failed != 0;
}

bool far_has_text(struct far_end *far, const char *text) {
  far_read(far);
  return far->in.len > 0 && memmem(far->in.data, far->in.len, text, strlen(text)) != NULL;
}

void far_finish(struct far_end *far) {
  if (far->ssl != NULL)
    SSL_shutdown(far->ssl);
  shutdown(far->fd, SHUT_WR);
}

void far_reset(struct far_end *far) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  setsockopt(far->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(far->fd);
  far->fd = -1;
}
