/* nats_fetch: has another hub give its state, by the messages that nats_copy.c tells of. */
#include "lib/core/err.h"
#include "server/base/clock.h"
#include "server/store/nats_log.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 48
#define OFFER_MS 1000    /* for somebody to offer one */
#define BUSY_MS 500      /* until it is asked again */
#define MAKE_MS 600000   /* for one to be made: it is as long as a backup */
#define ANSWER_MS 5000   /* for a piece */
#define ATTEMPTS 5       /* at a piece: a connection may be lost and found */
#define PROGRESS_MS 5000 /* between lines of the log */

static int64_t now_ms(void) {
  return clock_mono_ms(clock_system());
}

/* ---- what is answered ---- */

static bool begins_with(const struct nats_copy_msg *m, const char *word) {
  return strncmp(m->bytes, word, strlen(word)) == 0;
}

/* What that one (anyone, where it is NULL) answers with this word, "busy" or "no"; all else is let
 * go. NULL: nothing in time. */
static struct nats_copy_msg *answer(struct nats_log *log, const char *from, const char *word,
                                    int64_t ms) {
  int64_t end = now_ms() + ms;
  for (int64_t left; (left = end - now_ms()) > 0;) {
    struct nats_copy_msg *m = nats_copy_next(log, left);
    bool is_it = m != NULL && (from == NULL || strcmp(m->from, from) == 0) &&
                 (begins_with(m, word) || begins_with(m, "busy") || begins_with(m, "no "));
    if (is_it)
      return m;
    free(m);
    if (m == NULL && nats_is_closing(log))
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
  nats_copy_send(f->log, f->log->copying.ask_subject, "ask");
  struct nats_copy_msg *m = answer(f->log, NULL, "offer", OFFER_MS);
  bool is_one = m != NULL && begins_with(m, "offer");
  if (is_one)
    snprintf(f->from, sizeof f->from, "%s", m->from);
  free(m);
  return is_one ? 0 : err_set(err, CWS_ENOTFOUND, "no other hub that is ready offers one");
}

static struct nats_copy_msg *ask_for_it(struct fetching *f) {
  int64_t end = now_ms() + MAKE_MS;
  for (;;) {
    nats_copy_send(f->log, f->from, "make");
    struct nats_copy_msg *m = answer(f->log, f->from, "made ", end - now_ms());
    if (m == NULL || !begins_with(m, "busy"))
      return m;
    free(m);
    nats_rest(f->log, BUSY_MS);
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
  char text[TEXT_MAX];
  bool is_it = false;
  int code = 0;
  snprintf(text, sizeof text, "read %" PRId64, f->at);
  for (int attempt = 0; code == 0 && !is_it; attempt++) {
    if (attempt == ATTEMPTS)
      return refused(f->log, NULL, err);
    nats_copy_send(f->log, f->from, text);
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
    nats_copy_send(f->log, f->from, "end");
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
