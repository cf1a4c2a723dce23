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
#define WAITING_MAX 64   /* messages that were not taken; the oldest go */
#define IDLE_MS 30000    /* a copy that nobody reads goes */
#define BUSY_MS 500      /* until it is asked again */
#define OFFER_MS 1000    /* for somebody to offer one */
#define MAKE_MS 600000   /* for one to be made: it is as long as a backup */
#define ANSWER_MS 5000   /* for a piece */
#define ATTEMPTS 5       /* at a piece: a connection may be lost and found */
#define PROGRESS_MS 5000 /* between lines of the log */

static int64_t now_ms(void) {
  return clock_mono_ms(clock_system());
}

/* ---- what comes ---- */

struct nats_copy_msg {
  struct nats_copy_msg *next;
  char from[NATS_COPY_SUBJECT_MAX];
  size_t len;
  char bytes[]; /* with a NUL behind */
};

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

/* The next one, at most that long waited for; NULL: none, or the log is being closed. */
static struct nats_copy_msg *next_msg(struct nats_log *log, int64_t ms) {
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

static void send_text(struct nats_log *log, const char *to, const char *text) {
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
    send_text(log, from, "offer");
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
    send_text(log, m->from, "busy");
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
  send_text(log, m->from, text);
}

static void give_piece(struct nats_log *log, const struct nats_copy_msg *m, int64_t offset) {
  struct nats_copying *c = &log->copying;
  if (c->fd < 0 || strcmp(c->to, m->from) != 0) {
    send_text(log, m->from, "no it has none any more");
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
    send_text(log, m->from, "no it cannot read the copy");
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

static bool is_closing(struct nats_log *log) {
  pthread_mutex_lock(&log->mutex);
  bool is = log->is_closing;
  pthread_mutex_unlock(&log->mutex);
  return is;
}

static void *copy_main(void *user) {
  struct nats_log *log = user;
  struct nats_copying *c = &log->copying;
  while (!is_closing(log)) {
    struct nats_copy_msg *m = next_msg(log, IDLE_MS);
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

/* ---- taking ---- */

static bool begins_with(const struct nats_copy_msg *m, const char *word) {
  return strncmp(m->bytes, word, strlen(word)) == 0;
}

/* What that one (anyone, where it is NULL) answers with this word, "busy" or "no"; all else is let
 * go. NULL: nothing in time. */
static struct nats_copy_msg *answer(struct nats_log *log, const char *from, const char *word,
                                    int64_t ms) {
  int64_t end = now_ms() + ms;
  for (int64_t left; (left = end - now_ms()) > 0;) {
    struct nats_copy_msg *m = next_msg(log, left);
    bool is_it = m != NULL && (from == NULL || strcmp(m->from, from) == 0) &&
                 (begins_with(m, word) || begins_with(m, "busy") || begins_with(m, "no "));
    if (is_it)
      return m;
    free(m);
    if (m == NULL && is_closing(log))
      return NULL;
  }
  return NULL;
}

static int refused(const struct nats_log *log, const struct nats_copy_msg *m,
                   struct cws_error *err) {
  if (m == NULL)
    return err_set(err, CWS_ESTORE, "the hub at NATS (%s) that was to give a copy does not answer",
                   log->servers);
  return err_set(err, CWS_ESTORE, "another hub gives no copy of its state: %s",
                 begins_with(m, "no ") ? m->bytes + 3 : m->bytes);
}

struct fetching {
  struct nats_log *log;
  char from[NATS_COPY_SUBJECT_MAX];
  int fd;
  int64_t size, at, told_ms;
};

static int find_giver(struct fetching *f, struct cws_error *err) {
  send_text(f->log, f->log->copying.ask_subject, "ask");
  struct nats_copy_msg *m = answer(f->log, NULL, "offer", OFFER_MS);
  bool is_one = m != NULL && begins_with(m, "offer");
  if (is_one)
    snprintf(f->from, sizeof f->from, "%s", m->from);
  free(m);
  return is_one ? 0 : err_set(err, CWS_ENOTFOUND, "no other hub that is ready offers one");
}

static void rest(struct nats_log *log, int64_t ms) {
  int64_t end = now_ms() + ms;
  pthread_mutex_lock(&log->mutex);
  for (int64_t left; !log->is_closing && (left = end - now_ms()) > 0;)
    nats_wait(log, left);
  pthread_mutex_unlock(&log->mutex);
}

static struct nats_copy_msg *ask_for_it(struct fetching *f) {
  int64_t end = now_ms() + MAKE_MS;
  for (;;) {
    send_text(f->log, f->from, "make");
    struct nats_copy_msg *m = answer(f->log, f->from, "made ", end - now_ms());
    if (m == NULL || !begins_with(m, "busy"))
      return m;
    free(m);
    rest(f->log, BUSY_MS);
  }
}

static int have_it_made(struct fetching *f, struct cws_error *err) {
  struct nats_copy_msg *m = ask_for_it(f);
  bool is_made = m != NULL && sscanf(m->bytes, "made %" SCNd64, &f->size) == 1;
  int code = is_made ? 0 : refused(f->log, m, err);
  free(m);
  return code;
}

static int write_all(int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t n = write(fd, bytes, len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return -1;
    bytes += n;
    len -= (size_t)n;
  }
  return 0;
}

/* The piece at f->at, where m is one; *is_it says so. */
static int take_piece(struct fetching *f, const struct nats_copy_msg *m, bool *is_it,
                      struct cws_error *err) {
  int64_t offset;
  int head = 0;
  *is_it = false;
  if (sscanf(m->bytes, "data %" SCNd64 "%n", &offset, &head) != 1)
    return refused(f->log, m, err);
  size_t skip = (size_t)head + 1;
  if (offset != f->at || skip >= m->len)
    return 0;
  if (write_all(f->fd, m->bytes + skip, m->len - skip) != 0)
    return err_set_sys(err, CWS_ESYSTEM, errno, "cannot write the copy of another hub's state");
  f->at += (int64_t)(m->len - skip);
  *is_it = true;
  return 0;
}

static int fetch_piece(struct fetching *f, struct cws_error *err) {
  char text[HEAD_MAX];
  bool is_it = false;
  int code = 0;
  snprintf(text, sizeof text, "read %" PRId64, f->at);
  for (int attempt = 0; code == 0 && !is_it; attempt++) {
    if (attempt == ATTEMPTS)
      return refused(f->log, NULL, err);
    send_text(f->log, f->from, text);
    struct nats_copy_msg *m = answer(f->log, f->from, "data ", ANSWER_MS);
    if (m != NULL)
      code = take_piece(f, m, &is_it, err);
    free(m);
  }
  return code;
}

static void tell_progress(struct fetching *f) {
  if (f->told_ms != 0 && now_ms() - f->told_ms < PROGRESS_MS)
    return;
  f->told_ms = now_ms();
  log_info(f->log->log, "store: copying another hub's state: %lld of %lld bytes", (long long)f->at,
           (long long)f->size);
}

static int fetch_all(struct fetching *f, struct cws_error *err) {
  int code = find_giver(f, err);
  if (code == 0)
    code = have_it_made(f, err);
  while (code == 0 && f->at < f->size) {
    tell_progress(f);
    code = fetch_piece(f, err);
  }
  if (f->from[0] != '\0')
    send_text(f->log, f->from, "end");
  if (code == 0 && fsync(f->fd) != 0)
    code = err_set_sys(err, CWS_ESYSTEM, errno, "cannot write the copy of another hub's state");
  return code;
}

int nats_fetch(struct store_log *base, const char *file, struct cws_error *err) {
  struct fetching f = {.log = (struct nats_log *)base};
  f.fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (f.fd < 0)
    return err_set_sys(err, CWS_ESYSTEM, errno, "cannot make '%s'", file);
  int code = fetch_all(&f, err);
  close(f.fd);
  if (code != 0)
    unlink(file);
  return code;
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
