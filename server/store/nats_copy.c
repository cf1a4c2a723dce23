/*
 * nats_copy: a hub's state on its way to another hub that needs one, beside the log: messages that
 * are not kept, between subjects of their own.
 *
 *   PREFIX.copy          "ask", by one who needs a state
 *   PREFIX.copy.ID       to one hub, whose messages have it as the subject for answers:
 *     "offer"            by those who could give one; the first is taken
 *     "make"             makes a copy: "made SIZE"
 *     "read OFFSET"      "data OFFSET" and a newline, and a piece of it
 *     "end"              it is not needed any more
 *     "busy"             not now: another one is being given a copy
 *     "no REASON"        instead of any answer
 *
 * The copy is a file without a name at the giver's, so a giver that is killed leaves nothing. One
 * copy at a time.
 */
#include "lib/core/err.h"
#include "server/base/clock.h"
#include "server/store/nats_log.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)256 * 1024) /* a server takes 1 MB unless told otherwise */
#define HEAD_MAX 48
#define WAITING_MAX 64 /* messages that were not taken; the oldest go */
#define IDLE_MS 30000  /* a copy that nobody reads goes */

static int64_t now_ms(void) {
  return clock_mono_ms(clock_system());
}

/* ---- what comes ---- */

static void take_in(struct nats_log *log, natsMsg *msg) {
  size_t len = (size_t)natsMsg_GetDataLength(msg);
  const char *from = natsMsg_GetReply(msg);
  struct nats_copy_msg *m = malloc(sizeof(*m) + len + 1);
  if (m != NULL) {
    *m = (struct nats_copy_msg){.len = len};
    snprintf(m->from, sizeof m->from, "%s", from != NULL ? from : "");
    memcpy(m->bytes, natsMsg_GetData(msg), len);
    m->bytes[len] = '\0';
  }
  natsMsg_Destroy(msg);
  if (m == NULL)
    return;
  pthread_mutex_lock(&log->mutex);
  struct nats_copy_msg **link = &log->copying.first;
  size_t count = 0;
  for (; *link != NULL; link = &(*link)->next)
    count++;
  *link = m;
  if (count >= WAITING_MAX) {
    m = log->copying.first;
    log->copying.first = m->next;
    free(m);
  }
  pthread_cond_signal(&log->copying.came);
  pthread_mutex_unlock(&log->mutex);
}

/* On a thread of libnats. */
void nats_on_copy(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *log) {
  (void)nc, (void)sub;
  take_in(log, msg);
}

struct nats_copy_msg *nats_copy_next(struct nats_log *log, int64_t ms) {
  int64_t end = now_ms() + ms;
  pthread_mutex_lock(&log->mutex);
  for (int64_t left; !log->is_closing && log->copying.first == NULL && (left = end - now_ms()) > 0;)
    nats_wait_for(log, &log->copying.came, left);
  struct nats_copy_msg *m = log->is_closing ? NULL : log->copying.first;
  if (m != NULL)
    log->copying.first = m->next;
  pthread_mutex_unlock(&log->mutex);
  return m;
}

static void send_bytes(struct nats_log *log, const char *to, const void *bytes, size_t len) {
  pthread_rwlock_rdlock(&log->moving);
  natsConnection_PublishRequest(log->link.nc, to, log->copying.subject, bytes, (int)len);
  pthread_rwlock_unlock(&log->moving);
}

void nats_copy_send(struct nats_log *log, const char *to, const char *text) {
  send_bytes(log, to, text, strlen(text));
}

/* ---- giving ---- */

/* On a thread of libnats, so that whoever asks need not wait for a copy that is being made. */
void nats_on_copy_ask(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *user) {
  struct nats_log *log = user;
  const char *from = natsMsg_GetReply(msg);
  (void)nc, (void)sub;
  pthread_mutex_lock(&log->mutex);
  bool gives = log->copying.has_thread && !log->is_closing;
  pthread_mutex_unlock(&log->mutex);
  if (gives && from != NULL && log->copying.copy_state(NULL, log->user, NULL) == 0)
    nats_copy_send(log, from, "offer");
  natsMsg_Destroy(msg);
}

static void let_go(struct nats_copying *c) {
  if (c->fd >= 0)
    close(c->fd);
  c->fd = -1;
}

static int make_file(struct nats_log *log, struct cws_error *err) {
  struct nats_copying *c = &log->copying;
  unlink(c->path); /* of one who was killed */
  int code = c->copy_state(c->path, log->user, err);
  if (code != 0)
    return code;
  c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
  if (c->fd < 0)
    code = err_set_sys(err, CWS_ESYSTEM, errno, "cannot open '%s'", c->path);
  unlink(c->path);
  return code;
}

static void make(struct nats_log *log, const struct nats_copy_msg *m) {
  struct nats_copying *c = &log->copying;
  struct cws_error why = {0};
  struct stat st = {0};
  char text[sizeof(why.message) + 16];
  if (c->fd >= 0 && strcmp(c->to, m->from) != 0) {
    nats_copy_send(log, m->from, "busy");
    return;
  }
  let_go(c);
  int code = make_file(log, &why);
  if (code == 0 && fstat(c->fd, &st) != 0)
    code = err_set_sys(&why, CWS_ESYSTEM, errno, "cannot look at the copy");
  if (code != 0) {
    let_go(c);
    snprintf(text, sizeof text, "no %s", why.message);
  } else {
    snprintf(c->to, sizeof c->to, "%s", m->from);
    c->used_ms = now_ms();
    snprintf(text, sizeof text, "made %lld", (long long)st.st_size);
    log_info(log->log, "store: another hub takes a copy of this one's state, of %lld bytes",
             (long long)st.st_size);
  }
  nats_copy_send(log, m->from, text);
}

static void give_piece(struct nats_log *log, const struct nats_copy_msg *m, int64_t offset) {
  struct nats_copying *c = &log->copying;
  if (c->fd < 0 || strcmp(c->to, m->from) != 0) {
    nats_copy_send(log, m->from, "no it has none any more");
    return;
  }
  char *piece = malloc(HEAD_MAX + PIECE_BYTES);
  if (piece == NULL)
    return; /* asked for again */
  int head = snprintf(piece, HEAD_MAX, "data %" PRId64 "\n", offset);
  ssize_t n = pread(c->fd, piece + head, PIECE_BYTES, (off_t)offset);
  if (n >= 0)
    send_bytes(log, m->from, piece, (size_t)head + (size_t)n);
  else
    nats_copy_send(log, m->from, "no it cannot read the copy");
  free(piece);
}

static void serve(struct nats_log *log, const struct nats_copy_msg *m) {
  struct nats_copying *c = &log->copying;
  int64_t offset;
  if (m->from[0] == '\0')
    return;
  if (strcmp(c->to, m->from) == 0) /* not by one that waits for its turn */
    c->used_ms = now_ms();
  if (strcmp(m->bytes, "make") == 0) {
    make(log, m);
  } else if (sscanf(m->bytes, "read %" SCNd64, &offset) == 1 && offset >= 0) {
    give_piece(log, m, offset);
  } else if (strcmp(m->bytes, "end") == 0 && strcmp(c->to, m->from) == 0) {
    let_go(c);
  }
}

static void *copy_main(void *user) {
  struct nats_log *log = user;
  struct nats_copying *c = &log->copying;
  while (!nats_is_closing(log)) {
    struct nats_copy_msg *m = nats_copy_next(log, IDLE_MS);
    if (m != NULL)
      serve(log, m);
    free(m);
    if (now_ms() - c->used_ms >= IDLE_MS)
      let_go(c);
  }
  let_go(c);
  nats_ReleaseThreadMemory();
  return NULL;
}

/* ---- life ---- */

int nats_copy_init(struct nats_log *log, const struct store_log_options *options,
                   struct cws_error *err) {
  struct nats_copying *c = &log->copying;
  uint64_t id;
  if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id)
    return err_set(err, CWS_ESYSTEM, "cannot get random bytes");
  c->fd = -1;
  snprintf(c->ask_subject, sizeof c->ask_subject, "%s.copy", log->name);
  snprintf(c->subject, sizeof c->subject, "%s.copy.%016" PRIx64, log->name, id);
  if (options->copy_state == NULL || options->nats->state_path == NULL)
    return 0;
  size_t size = strlen(options->nats->state_path) + sizeof ".copy";
  c->path = malloc(size);
  if (c->path == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  snprintf(c->path, size, "%s.copy", options->nats->state_path);
  c->copy_state = options->copy_state;
  return 0;
}

int nats_copy_start(struct nats_log *log, struct cws_error *err) {
  struct nats_copying *c = &log->copying;
  if (c->copy_state == NULL)
    return 0;
  if (pthread_create(&c->thread, NULL, copy_main, log) != 0)
    return err_set(err, CWS_ESYSTEM, "cannot start a thread");
  pthread_mutex_lock(&log->mutex);
  c->has_thread = true;
  pthread_mutex_unlock(&log->mutex);
  return 0;
}

void nats_copy_stop(struct nats_log *log) {
  struct nats_copying *c = &log->copying;
  if (c->has_thread)
    pthread_join(c->thread, NULL);
  while (c->first != NULL) {
    struct nats_copy_msg *m = c->first;
    c->first = m->next;
    free(m);
  }
  free(c->path);
}
