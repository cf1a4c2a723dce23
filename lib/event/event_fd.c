/* event_fd: see event_fd.h. */
#include "lib/event/event_fd.h"

#include <fcntl.h>
#include <unistd.h>

/* Handles are visited in the order in which they were made: the last one stays. */
static void visit(uv_handle_t *handle, void *arg) {
  uv_os_fd_t fd;
  if (uv_handle_get_type(handle) == UV_POLL && uv_fileno(handle, &fd) == 0)
    *(int *)arg = fd;
}

int event_fd_find(uv_loop_t *loop) {
  int fd = -1;
  uv_walk(loop, visit, &fd);
  return fd;
}

void event_fd_hold(uv_loop_t *loop, int fd) {
  if (fd < 0)
    return;
  int held = fcntl(uv_backend_fd(loop), F_DUPFD_CLOEXEC, fd); /* any descriptor would do */
  if (held >= 0 && held != fd)
    close(held);
}
