/* listener_address: reads an address as people write it; see listener.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/core/err.h"
#include "server/net/listener_internal.h"

static int refuse(const char *text, struct cws_error *err) {
  return err_set(err, CWS_ECONFIG,
                 "'%s' is not an address to listen on: give ADDR:PORT, [v6]:PORT, :PORT, "
                 "unix:PATH or fd:N",
                 text);
}

static bool read_port(const char *s, in_port_t *port) {
  char *end;
  unsigned long v = strtoul(s, &end, 10);
  if (*s < '0' || *s > '9' || *end != '\0' || v > 65535)
    return false;
  *port = htons((in_port_t)v);
  return true;
}

static bool read_v6(const char *host, const char *port, struct listener_socket *s) {
  struct sockaddr_in6 *a = (struct sockaddr_in6 *)&s->address;
  a->sin6_family = AF_INET6;
  s->len = sizeof *a;
  return inet_pton(AF_INET6, host, &a->sin6_addr) == 1 && read_port(port, &a->sin6_port);
}

static bool read_v4(const char *host, const char *port, struct listener_socket *s) {
  struct sockaddr_in *a = (struct sockaddr_in *)&s->address;
  a->sin_family = AF_INET;
  s->len = sizeof *a;
  const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
  return inet_pton(AF_INET, numeric, &a->sin_addr) == 1 && read_port(port, &a->sin_port);
}

/* ":PORT": every address, IPv4 through the same socket. */
static bool read_any(const char *port, struct listener_socket *s) {
  s->is_dual_stack = true;
  return read_v6("::", port, s);
}

static bool read_tcp(const char *text, struct listener_socket *s) {
  char host[64];
  const char *colon = strrchr(text, ':');
  size_t len = colon != NULL ? (size_t)(colon - text) : sizeof host;
  if (len >= sizeof host)
    return false;
  memcpy(host, text, len);
  host[len] = '\0';
  if (len == 0)
    return read_any(colon + 1, s);
  if (host[0] != '[')
    return read_v4(host, colon + 1, s);
  if (host[len - 1] != ']')
    return false;
  host[len - 1] = '\0';
  return read_v6(host + 1, colon + 1, s);
}

static bool read_unix(const char *path, struct listener_socket *s) {
  struct sockaddr_un *a = (struct sockaddr_un *)&s->address;
  if (path[0] == '\0' || strlen(path) >= sizeof a->sun_path)
    return false;
  a->sun_family = AF_UNIX;
  strcpy(a->sun_path, path);
  s->len = sizeof *a;
  return true;
}

/* An inherited descriptor: what it is bound to says the rest. */
static int read_fd(const char *text, const char *number, struct listener_socket *s,
                   struct cws_error *err) {
  char *end;
  unsigned long fd = strtoul(number, &end, 10);
  if (*number < '0' || *number > '9' || *end != '\0' || fd > 1 << 20)
    return refuse(text, err);
  s->fd = (int)fd;
  int is_listening = 0;
  socklen_t len = sizeof is_listening;
  if (getsockopt(s->fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0 || !is_listening)
    return err_set(err, CWS_ECONFIG, "'%s': descriptor %d is not a listening socket", text, s->fd);
  s->len = sizeof s->address;
  if (getsockname(s->fd, (struct sockaddr *)&s->address, &s->len) != 0)
    return err_set(err, CWS_ECONFIG, "'%s': descriptor %d has no address", text, s->fd);
  return 0;
}

static bool is_loopback(const struct listener_socket *s) {
  if (s->address.ss_family == AF_UNIX)
    return true;
  if (s->address.ss_family == AF_INET)
    return (ntohl(((const struct sockaddr_in *)&s->address)->sin_addr.s_addr) >> 24) == 127;
  return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&s->address)->sin6_addr);
}

int listener_socket_parse(const char *text, struct listener_socket *s, struct cws_error *err) {
  memset(s, 0, sizeof *s);
  s->fd = -1;
  if (strncmp(text, "fd:", 3) == 0)
    return read_fd(text, text + 3, s, err);
  bool is_good = strncmp(text, "unix:", 5) == 0 ? read_unix(text + 5, s) : read_tcp(text, s);
  return is_good ? 0 : refuse(text, err);
}

int listener_address_parse(const char *text, struct listener_address *out, struct cws_error *err) {
  struct listener_socket s;
  if (strlen(text) >= sizeof out->text)
    return refuse(text, err);
  int rc = listener_socket_parse(text, &s, err);
  if (rc != 0)
    return rc;
  strcpy(out->text, text);
  out->kind = s.fd >= 0 ? LISTEN_FD : s.address.ss_family == AF_UNIX ? LISTEN_UNIX : LISTEN_TCP;
  out->is_loopback = is_loopback(&s);
  return 0;
}

void listener_socket_format(const struct sockaddr_storage *address, char *out, size_t size) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address->ss_family == AF_UNIX) {
    snprintf(out, size, "unix:%s", ((const struct sockaddr_un *)address)->sun_path);
  } else if (address->ss_family == AF_INET) {
    const struct sockaddr_in *a = (const struct sockaddr_in *)address;
    inet_ntop(AF_INET, &a->sin_addr, host, sizeof host);
    snprintf(out, size, "%s:%d", host, ntohs(a->sin_port));
  } else {
    const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)address;
    inet_ntop(AF_INET6, &a->sin6_addr, host, sizeof host);
    snprintf(out, size, "[%s]:%d", host, ntohs(a->sin6_port));
  }
}
