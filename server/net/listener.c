/* listener: opens sockets and accepts from them on every worker; see listener.h. */
#define _GNU_SOURCE /* accept4 */
#include "server/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/core/err.h"
#include "server/net/listener_internal.h"

#define BACKLOG 4096
#define ACCEPT_BURST 64 /* a turn, so that a storm of connects does not starve those who are in */
#define RETRY_MS 100    /* after the descriptor limit */
#define TELL_MS 60000   /* between two words about it */

/*
 * IDLE       not started, or stopped.
 * ACCEPTING  polling the socket.
 * PAUSED     the callee said no, or descriptors ran out; until listener_resume or the retry timer.
 */
enum accept_state { ACCEPT_IDLE, ACCEPT_ACCEPTING, ACCEPT_PAUSED };

/* One worker's share; it closes on that worker's loop, and the memory goes with listener_free. */
struct acceptor {
  uv_poll_t poll;
  uv_timer_t retry;
  struct listener *listener;
  struct loop *loop;
  int fd;
  enum accept_state state;
  uint64_t told_ms; /* about the descriptor limit, by the loop's clock; 0: never */
  listener_accept_fn *fn;
  void *user;
};

struct listener {
  struct listener_socket socket;
  char bound[160];
  bool is_bound;
  int workers;
  struct acceptor acceptors[];
};

/* ---- opening ---- */

static int set_options(int fd, const struct listener_socket *s) {
  int on = 1, v6_only = !s->is_dual_stack;
  if (s->address.ss_family == AF_UNIX)
    return 0;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
    return -1;
  if (s->address.ss_family == AF_INET6 &&
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only) != 0)
    return -1;
  return 0;
}

static int open_socket(const struct listener_socket *s) {
  int fd = socket(s->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -1;
  if (set_options(fd, s) == 0 && bind(fd, (const struct sockaddr *)&s->address, s->len) == 0 &&
      listen(fd, BACKLOG) == 0)
    return fd;
  int kept = errno;
  close(fd);
  errno = kept;
  return -1;
}

/* SO_REUSEPORT would let two hubs share a port in silence: a plain bind says whether it is free. */
static int check_free(const struct listener_socket *s) {
  int on = 1;
  int fd = socket(s->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  int v6_only = !s->is_dual_stack;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (s->address.ss_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  int rc = bind(fd, (const struct sockaddr *)&s->address, s->len);
  int kept = errno;
  close(fd);
  errno = kept;
  return rc;
}

/* A socket file that nobody answers behind is left over from a hub that was killed. */
static int remove_stale(const struct listener_socket *s) {
  const char *path = ((const struct sockaddr_un *)&s->address)->sun_path;
  struct stat st;
  if (lstat(path, &st) != 0)
    return errno == ENOENT ? 0 : -1;
  if (!S_ISSOCK(st.st_mode)) {
    errno = EEXIST;
    return -1;
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  bool is_alive = connect(fd, (const struct sockaddr *)&s->address, s->len) == 0;
  close(fd);
  if (is_alive) {
    errno = EADDRINUSE;
    return -1;
  }
  return unlink(path);
}

/* One socket a worker; port 0 is decided by the first. */
static int open_tcp(struct listener *l) {
  if (check_free(&l->socket) != 0)
    return -1;
  for (int i = 0; i < l->workers; i++) {
    int fd = open_socket(&l->socket);
    if (fd < 0)
      return -1;
    l->acceptors[i].fd = fd;
    if (i == 0)
      getsockname(fd, (struct sockaddr *)&l->socket.address, &l->socket.len);
  }
  return 0;
}

/* One socket that every worker has a descriptor of. */
static int share(struct listener *l, int fd) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return -1;
  l->acceptors[0].fd = fd;
  for (int i = 1; i < l->workers; i++) {
    l->acceptors[i].fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (l->acceptors[i].fd < 0)
      return -1;
  }
  return 0;
}

static int open_unix(struct listener *l) {
  if (remove_stale(&l->socket) != 0)
    return -1;
  mode_t mask = umask(0177); /* the owner only; others by a directory's rights, as one sees fit */
  int fd = open_socket(&l->socket);
  umask(mask);
  return fd < 0 ? -1 : share(l, fd);
}

static int open_all(struct listener *l) {
  if (l->socket.fd >= 0)
    return share(l, l->socket.fd);
  return l->socket.address.ss_family == AF_UNIX ? open_unix(l) : open_tcp(l);
}

int listener_open(const struct listener_address *address, int workers, struct listener **out,
                  struct cws_error *err) {
  struct listener *l = calloc(1, sizeof *l + (size_t)workers * sizeof l->acceptors[0]);
  if (l == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  l->workers = workers;
  for (int i = 0; i < workers; i++)
    l->acceptors[i].fd = -1;
  int rc = listener_socket_parse(address->text, &l->socket, err);
  if (rc == 0 && open_all(l) != 0)
    rc = err_set_sys(err, CWS_ESYSTEM, errno, "cannot listen on '%s'", address->text);
  if (rc != 0) {
    listener_free(l);
    return rc;
  }
  listener_socket_format(&l->socket.address, l->bound, sizeof l->bound);
  l->is_bound = true;
  *out = l;
  return 0;
}

const char *listener_bound(const struct listener *l) {
  return l->bound;
}

bool listener_is_tcp(const struct listener *l) {
  return l->socket.address.ss_family != AF_UNIX;
}

void listener_close(struct listener *l) {
  for (int i = 0; i < l->workers; i++) {
    if (l->acceptors[i].fd >= 0)
      close(l->acceptors[i].fd);
    l->acceptors[i].fd = -1;
  }
  bool is_own_file = l->socket.address.ss_family == AF_UNIX && l->socket.fd < 0 && l->is_bound;
  if (is_own_file)
    unlink(((const struct sockaddr_un *)&l->socket.address)->sun_path);
  l->is_bound = false;
}

void listener_free(struct listener *l) {
  if (l == NULL)
    return;
  listener_close(l);
  free(l);
}

/* ---- accepting ---- */

static void on_readable(uv_poll_t *poll, int status, int events);
static void on_retry(uv_timer_t *timer);

static void set_state(struct acceptor *a, enum accept_state state) {
  if (a->state == state)
    return;
  a->state = state;
  uv_timer_stop(&a->retry);
  if (state == ACCEPT_ACCEPTING)
    uv_poll_start(&a->poll, UV_READABLE, on_readable);
  else
    uv_poll_stop(&a->poll);
}

static void pause_at_limit(struct acceptor *a) {
  uint64_t now = uv_now(loop_uv(a->loop));
  if (a->told_ms == 0 || now - a->told_ms >= TELL_MS) {
    log_warn(loop_log(a->loop), "out of descriptors: %s stops accepting until connections end",
             a->listener->bound);
    a->told_ms = now;
  }
  log_debug(loop_log(a->loop), "%s: no descriptor, resting for %d ms", a->listener->bound,
            RETRY_MS);
  set_state(a, ACCEPT_PAUSED);
  uv_timer_start(&a->retry, on_retry, RETRY_MS, 0);
}

static void accept_one(struct acceptor *a, int fd) {
  int on = 1;
  if (listener_is_tcp(a->listener))
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!a->fn(a->loop, fd, a->listener, a->user))
    set_state(a, ACCEPT_PAUSED);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct acceptor *a = poll->data;
  for (int i = 0; i < ACCEPT_BURST && a->state == ACCEPT_ACCEPTING; i++) {
    int fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
      accept_one(a, fd);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
      pause_at_limit(a);
    else if (errno == EAGAIN)
      return;
  }
}

static void on_retry(uv_timer_t *timer) {
  set_state(timer->data, ACCEPT_ACCEPTING);
}

int listener_start(struct listener *l, struct loop *loop, listener_accept_fn *fn, void *user) {
  struct acceptor *a = &l->acceptors[loop_index(loop)];
  a->listener = l;
  a->loop = loop;
  a->fn = fn;
  a->user = user;
  if (uv_poll_init(loop_uv(loop), &a->poll, a->fd) != 0)
    return CWS_ESYSTEM;
  uv_timer_init(loop_uv(loop), &a->retry);
  a->poll.data = a->retry.data = a;
  set_state(a, ACCEPT_ACCEPTING);
  return 0;
}

void listener_stop(struct listener *l, struct loop *loop) {
  struct acceptor *a = &l->acceptors[loop_index(loop)];
  if (a->loop == NULL)
    return;
  set_state(a, ACCEPT_IDLE);
  a->loop = NULL;
  uv_close((uv_handle_t *)&a->poll, NULL);
  uv_close((uv_handle_t *)&a->retry, NULL);
}

void listener_resume(struct listener *l, struct loop *loop) {
  struct acceptor *a = &l->acceptors[loop_index(loop)];
  if (a->loop != NULL && a->state == ACCEPT_PAUSED)
    set_state(a, ACCEPT_ACCEPTING);
}
