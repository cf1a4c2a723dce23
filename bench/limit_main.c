/* limit [--log FILE] [--keep]: prints http://127.0.0.1:PORT once it listens. */
#include "bench/limit.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_EVENTS 512

static int listen_on_any_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 4096) ||
      getsockname(fd, (struct sockaddr *)&address, &size))
    return -1;
  printf("http://127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void turn(struct limit *limit) {
  struct epoll_event events[TURN_EVENTS];
  int count = epoll_wait(limit->epoll, events, TURN_EVENTS, -1);
  bool committed = false;
  for (int i = 0; i < count; i++) {
    void *what = events[i].data.ptr;
    if (what == limit)
      session_accept(limit);
    else if (what == limit->log)
      committed = true;
    else
      session_event(limit, what, events[i].events);
  }
  if (committed)
    log_done(limit);
  if (limit->log)
    log_submit(limit);
  else
    batch_commit(limit, limit->forming);
}

int main(int argc, char **argv) {
  static struct batch batch;
  static struct limit limit = {.forming = &batch};
  struct rlimit descriptors;
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  signal(SIGPIPE, SIG_IGN);
  limit.epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--keep"))
      limit.keep = true;
    else if (!strcmp(argv[i], "--log") && i + 1 < argc)
      limit.log = log_open(argv[++i], limit.epoll);
    else
      return fputs("usage: limit [--log FILE] [--keep]\n", stderr), 2;
  }
  limit.listener = listen_on_any_port();
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = &limit};
  if (limit.listener < 0 || epoll_ctl(limit.epoll, EPOLL_CTL_ADD, limit.listener, &event)) {
    perror("limit");
    return 1;
  }
  for (;;)
    turn(&limit);
}
