/*
 * service_manager: what systemd is to a service, for tests. Starts COMMAND and prints, a line each,
 * what it is told over the notify socket, and at READY=1 whether the service accepts; then how it
 * ended. SIGTERM and SIGHUP are passed on.
 *
 *   service_manager [-n SOCKET] [-c UNIX-PATH] [-l] COMMAND…
 *     -n  the notify socket: a path, or @NAME for an abstract one
 *     -c  where to connect to once READY=1 has come
 *     -l  hands over a listening socket as descriptor 3; its port is the first line
 */
#define _GNU_SOURCE /* asprintf */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t service;

static void must(bool holds, const char *what) {
  if (holds)
    return;
  perror(what);
  exit(99);
}

static socklen_t unix_address(struct sockaddr_un *a, const char *path) {
  size_t len = strlen(path);
  *a = (struct sockaddr_un){.sun_family = AF_UNIX};
  must(len < sizeof a->sun_path, "path");
  memcpy(a->sun_path, path, len);
  if (path[0] == '@')
    a->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int notify_socket(const char *path) {
  struct sockaddr_un a;
  socklen_t len = unix_address(&a, path);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  must(bind(fd, (struct sockaddr *)&a, len) == 0, path);
  return fd;
}

static int listening_socket(void) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 16) == 0, "listen");
  must(getsockname(fd, (struct sockaddr *)&a, &len) == 0, "getsockname");
  printf("%d\n", ntohs(a.sin_port));
  return fd;
}

static bool accepts(const char *path) {
  struct sockaddr_un a;
  socklen_t len = unix_address(&a, path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  bool is_accepted = connect(fd, (struct sockaddr *)&a, len) == 0;
  close(fd);
  return is_accepted;
}

static void start(char **command, const char *notify, int listening) {
  char *pid;
  service = fork();
  must(service >= 0, "fork");
  if (service > 0)
    return;
  must(asprintf(&pid, "%d", (int)getpid()) > 0, "asprintf");
  if (listening >= 0) {
    must(dup2(listening, 3) == 3 && fcntl(3, F_SETFD, 0) == 0, "dup2");
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
  }
  if (notify != NULL)
    setenv("NOTIFY_SOCKET", notify, 1);
  execvp(command[0], command);
  must(false, command[0]);
}

static void pass_on(int number) {
  kill(service, number);
}

static void print_message(int fd, const char *connect_to) {
  char text[1000];
  ssize_t n = recv(fd, text, sizeof text - 1, 0);
  must(n >= 0, "recv");
  text[n] = '\0';
  if (strncmp(text, "READY=1", 7) == 0 && connect_to != NULL)
    puts(accepts(connect_to) ? "accepts" : "does not accept");
  puts(text);
}

static bool has_ended(int *status) {
  return waitpid(service, status, WNOHANG) == service;
}

int main(int argc, char **argv) {
  const char *notify = NULL, *connect_to = NULL;
  int fd = -1, listening = -1, status = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int opt; (opt = getopt(argc, argv, "+n:c:l")) != -1;) {
    if (opt == 'n')
      fd = notify_socket(notify = optarg);
    else if (opt == 'c')
      connect_to = optarg;
    else if (opt == 'l')
      listening = listening_socket();
    else
      return 99;
  }
  signal(SIGTERM, pass_on);
  signal(SIGHUP, pass_on);
  start(argv + optind, notify, listening);
  if (listening >= 0)
    close(listening);
  for (bool is_over = false; !is_over;) { /* what was said before the end is read after it, too */
    is_over = has_ended(&status);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, is_over ? 0 : 50) > 0 && fd >= 0)
      print_message(fd, connect_to);
  }
  printf("exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}
