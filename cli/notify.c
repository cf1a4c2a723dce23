/* notify: see notify.h. One datagram a message; a path that begins with '@' is an abstract one. */
#include "cli/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/talk.h"

#define FIRST_INHERITED 3 /* SD_LISTEN_FDS_START */
#define INHERITED_MAX 16

static int send_to(const char *path, const char *text) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t len = strlen(path);
  if ((path[0] != '/' && path[0] != '@') || len >= sizeof to.sun_path)
    return EINVAL;
  memcpy(to.sun_path, path, len);
  if (path[0] == '@')
    to.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return errno;
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
  ssize_t n = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, size);
  int failed = n < 0 ? errno : 0;
  close(fd);
  return failed;
}

static void tell(const char *text) {
  const char *path = getenv("NOTIFY_SOCKET");
  if (path == NULL || path[0] == '\0')
    return;
  int failed = send_to(path, text);
  if (failed != 0)
    talk("cannot tell the service manager (NOTIFY_SOCKET '%s'): %s", path, strerror(failed));
}

void notify_ready(void) {
  tell("READY=1\nSTATUS=accepts connections");
}

void notify_reloading(void) { /* the time is for Type=notify-reload */
  char text[100];
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reads its settings again",
           (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
  tell(text);
}

void notify_stopping(void) {
  tell("STOPPING=1\nSTATUS=drains");
}

const char *const *notify_inherited(void) {
  static char texts[INHERITED_MAX][16];
  static const char *list[INHERITED_MAX + 1];
  const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
  if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid())
    return NULL;
  long n = strtol(count, NULL, 10);
  if (n < 1 || n > INHERITED_MAX)
    return NULL;
  for (int i = 0; i < n; i++) {
    snprintf(texts[i], sizeof texts[i], "fd:%d", FIRST_INHERITED + i);
    list[i] = texts[i];
  }
  return list;
}
