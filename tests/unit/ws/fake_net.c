/* fake_net: see fake_net.h. */
#include "fake_net.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- loops ---- */

struct loop {
  int index;
  struct timer_wheel *wheel;
  pthread_mutex_t lock;
  pthread_cond_t posted;
  struct mail *head, **tail;
};

struct loop *fake_loop_new(int index) {
  struct loop *loop = calloc(1, sizeof(*loop));
  loop->index = index;
  loop->wheel = timer_wheel_new(0);
  loop->tail = &loop->head;
  pthread_mutex_init(&loop->lock, NULL);
  pthread_cond_init(&loop->posted, NULL);
  return loop;
}

void fake_loop_free(struct loop *loop) {
  timer_wheel_free(loop->wheel);
  pthread_cond_destroy(&loop->posted);
  pthread_mutex_destroy(&loop->lock);
  free(loop);
}

int loop_index(const struct loop *loop) {
  return loop->index;
}

struct timer_wheel *loop_wheel(struct loop *loop) {
  return loop->wheel;
}

struct log *loop_log(struct loop *loop) {
  (void)loop;
  return NULL;
}

void loop_post(struct loop *loop, struct mail *mail) {
  pthread_mutex_lock(&loop->lock);
  mail->next = NULL;
  *loop->tail = mail;
  loop->tail = &mail->next;
  pthread_cond_signal(&loop->posted);
  pthread_mutex_unlock(&loop->lock);
}

static struct timespec deadline_in(int ms) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  int64_t ns = (int64_t)t.tv_nsec + (int64_t)ms * 1000000;
  t.tv_sec += (time_t)(ns / 1000000000);
  t.tv_nsec = (long)(ns % 1000000000);
  return t;
}

static struct mail *take_all(struct loop *loop, int wait_ms) {
  struct timespec deadline = deadline_in(wait_ms);
  pthread_mutex_lock(&loop->lock);
  while (loop->head == NULL && wait_ms > 0) {
    if (pthread_cond_timedwait(&loop->posted, &loop->lock, &deadline) == ETIMEDOUT)
      break;
  }
  struct mail *head = loop->head;
  loop->head = NULL;
  loop->tail = &loop->head;
  pthread_mutex_unlock(&loop->lock);
  return head;
}

int fake_loop_run(struct loop *loop, int wait_ms) {
  int n = 0;
  for (struct mail *mail = take_all(loop, wait_ms); mail != NULL;) {
    struct mail *next = mail->next;
    mail->run(mail);
    mail = next;
    n++;
  }
  return n;
}

void fake_loop_advance(struct loop *loop, int64_t now_ms) {
  timer_wheel_advance(loop->wheel, now_ms);
}

/* ---- connections ---- */

struct connection {
  struct loop *loop;
  const struct connection_handlers *handlers;
  void *user;
  struct connection_peer peer;
  struct buf received, kept;
  size_t room, kept_peak;
  int writes;
  bool is_gathering, has_gathered, owes_drain, is_paused, is_closing, was_aborted, is_dead,
      is_closed;
};

struct connection *fake_connection_new(struct loop *loop) {
  struct connection *c = calloc(1, sizeof(*c));
  c->loop = loop;
  c->room = SIZE_MAX;
  strcpy(c->peer.address, "192.0.2.7");
  buf_init(&c->received);
  buf_init(&c->kept);
  return c;
}

void fake_connection_free(struct connection *c) {
  buf_finish(&c->received);
  buf_finish(&c->kept);
  free(c);
}

int connection_adopt(struct loop *loop, int fd, bool tls,
                     const struct connection_handlers *handlers, void *user,
                     struct connection **out) {
  (void)tls;
  if (fd >= 0)
    close(fd);
  *out = fake_connection_new(loop);
  connection_set_handlers(*out, handlers, user);
  return 0;
}

void connection_set_handlers(struct connection *c, const struct connection_handlers *handlers,
                             void *user) {
  c->handlers = handlers;
  c->user = user;
}

static void deliver(struct connection *c) {
  size_t n = c->kept.len < c->room ? c->kept.len : c->room;
  buf_add(&c->received, c->kept.data, n);
  buf_consume(&c->kept, n);
  if (c->room != SIZE_MAX)
    c->room -= n;
}

int connection_write(struct connection *c, const void *bytes, size_t len) {
  c->writes += !c->has_gathered;
  c->has_gathered = c->is_gathering;
  if (c->is_dead || c->is_closed)
    return CONNECTION_DEAD;
  buf_add(&c->kept, bytes, len);
  deliver(c);
  if (c->kept.len > c->kept_peak)
    c->kept_peak = c->kept.len;
  if (c->kept.len == 0)
    return CONNECTION_SENT;
  c->owes_drain = true;
  return CONNECTION_BUFFERED;
}

void connection_gather(struct connection *c) {
  c->is_gathering = true;
}

void connection_send_gathered(struct connection *c) {
  c->is_gathering = c->has_gathered = false;
}

size_t connection_buffered_bytes(const struct connection *c) {
  return c->kept.len;
}

void connection_close(struct connection *c, int linger_ms) {
  (void)linger_ms;
  c->is_closing = true;
}

void connection_abort(struct connection *c) {
  c->is_closing = c->was_aborted = true;
}

void connection_pause(struct connection *c) {
  c->is_paused = true;
}

void connection_resume(struct connection *c) {
  c->is_paused = false;
}

void connection_outlive_eof(struct connection *c, bool on) {
  (void)c;
  (void)on;
}

void connection_set_patience(struct connection *c, int64_t ms) {
  (void)c;
  (void)ms;
}

const struct connection_peer *connection_peer(const struct connection *c) {
  return &c->peer;
}

struct loop *connection_loop(const struct connection *c) {
  return c->loop;
}

struct buf *fake_received(struct connection *c) {
  return &c->received;
}

void fake_set_room(struct connection *c, size_t bytes) {
  c->room = bytes;
  deliver(c);
  while (c->kept.len == 0 && c->owes_drain && !c->is_closed) {
    c->owes_drain = false;
    if (c->handlers->on_drain != NULL)
      c->handlers->on_drain(c, c->user);
  }
}

void fake_kill(struct connection *c) {
  c->is_dead = true;
}

void fake_send(struct connection *c, const void *bytes, size_t len) {
  if (!c->is_closing && !c->is_closed)
    c->handlers->on_data(c, bytes, len, c->user);
}

void fake_turn(struct connection *c) {
  if (c->is_closed || !(c->is_closing || c->is_dead))
    return;
  c->is_closed = true;
  if (c->handlers->on_close != NULL)
    c->handlers->on_close(c, c->user);
}

bool fake_is_paused(const struct connection *c) {
  return c->is_paused;
}

bool fake_is_closing(const struct connection *c) {
  return c->is_closing;
}

bool fake_was_aborted(const struct connection *c) {
  return c->was_aborted;
}

bool fake_is_closed(const struct connection *c) {
  return c->is_closed;
}

int fake_writes(const struct connection *c) {
  return c->writes;
}

size_t fake_buffered_peak(const struct connection *c) {
  return c->kept_peak;
}
