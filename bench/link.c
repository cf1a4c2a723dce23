/* Connections of the load generator: non-blocking, level-triggered, one read a turn. */
#include "bench/load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/wire.h"

#define READ_BYTES (256 * 1024)
#define TURN_EVENTS 512
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static void interest_set(struct link *link, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = link};
  epoll_ctl(link->load->epoll, operation, link->fd, &event);
}

/* Each source address has ports of its own: 16 of them are enough for any number of descriptors. */
static void bind_source(int fd) {
  static unsigned next;
  struct sockaddr_in source = {.sin_family = AF_INET};
  source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + next++ % 16);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
  if (bind(fd, (struct sockaddr *)&source, sizeof source))
    perror("bind");
}

int link_open(struct link *link) {
  static unsigned turn;
  const struct load_options *options = &link->load->options;
  const struct sockaddr_in *address = &options->addresses[turn++ % (unsigned)options->servers];
  link->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (link->fd < 0) {
    perror("socket");
    return -1;
  }
  bind_source(link->fd);
  setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  /* Ends with a reset, so that no port stays behind in TIME_WAIT. */
  setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
             sizeof(struct linger));
  link->state = LINK_CONNECTING;
  if (connect(link->fd, (const struct sockaddr *)address, sizeof *address) &&
      errno != EINPROGRESS) {
    perror("connect");
    close(link->fd);
    return -1;
  }
  interest_set(link, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
  return 0;
}

void link_close(struct link *link) {
  if (link->state == LINK_CLOSED)
    return;
  close(link->fd);
  link->state = LINK_CLOSED;
  free(link->in);
  free(link->out);
  link->in = link->out = NULL;
}

static void link_fail(struct link *link, const char *why) {
  if (!link->load->errors++)
    fprintf(stderr, "load: a connection ended: %s\n", why);
  link_close(link);
}

static void keep(uint8_t **kept, size_t *kept_size, const void *bytes, size_t size) {
  uint8_t *more = realloc(*kept, *kept_size + size);
  if (!more)
    abort();
  memcpy(more + *kept_size, bytes, size);
  *kept = more;
  *kept_size += size;
}

void link_send(struct link *link, const void *bytes, size_t size) {
  ssize_t sent = link->out_size ? 0 : send(link->fd, bytes, size, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    link_fail(link, strerror(errno));
    return;
  }
  size_t done = sent < 0 ? 0 : (size_t)sent;
  if (done == size)
    return;
  if (!link->out_size)
    interest_set(link, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
  keep(&link->out, &link->out_size, (const uint8_t *)bytes + done, size - done);
}

static void link_flush(struct link *link) {
  ssize_t sent = send(link->fd, link->out, link->out_size, MSG_NOSIGNAL);
  if (sent < 0)
    return;
  link->out_size -= (size_t)sent;
  memmove(link->out, link->out + sent, link->out_size);
  if (!link->out_size)
    interest_set(link, EPOLL_CTL_MOD, EPOLLIN);
}

static void link_connected(struct link *link) {
  int error = 0;
  getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
  if (error) {
    link_fail(link, strerror(error));
    return;
  }
  interest_set(link, EPOLL_CTL_MOD, EPOLLIN);
  bool is_nats = link->load->options.dialect == LOAD_NATS;
  if (is_nats || link->path) {
    char text[4096];
    size_t size =
        is_nats ? nats_greeting(link, text, sizeof text) : watcher_upgrade(link, text, sizeof text);
    link->state = LINK_UPGRADING;
    link_send(link, text, size);
  } else {
    link->state = LINK_OPEN;
    link->load->connected++;
  }
}

static void link_receive(struct link *link) {
  static uint8_t bytes[2 * READ_BYTES];
  size_t kept = link->in_size;
  if (kept > READ_BYTES) {
    link_fail(link, "a message is too large for this generator");
    return;
  }
  if (kept)
    memcpy(bytes, link->in, kept);
  ssize_t got = recv(link->fd, bytes + kept, READ_BYTES, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN)
      link_fail(link, got ? strerror(errno) : "by the server");
    return;
  }
  link->load->turn_ns = usage_now_ns();
  size_t size = kept + (size_t)got;
  size_t done = link->take(link, bytes, size);
  if (link->state == LINK_CLOSED)
    return;
  link->in_size = 0;
  if (done < size) {
    keep(&link->in, &link->in_size, bytes + done, size - done);
  } else if (kept) {
    free(link->in);
    link->in = NULL;
  }
}

void load_turn(struct load *load, int timeout_ms) {
  struct epoll_event events[TURN_EVENTS];
  int count = epoll_wait(load->epoll, events, TURN_EVENTS, timeout_ms);
  for (int i = 0; i < count; i++) {
    struct link *link = events[i].data.ptr;
    if (link->state == LINK_CLOSED)
      continue;
    if (link->state == LINK_CONNECTING)
      link_connected(link);
    else if (events[i].events & EPOLLOUT)
      link_flush(link);
    if (link->state != LINK_CLOSED && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
      link_receive(link);
  }
}
