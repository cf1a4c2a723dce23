/*
 * nats_follow: a thread that has the stream's entries come, in order, each once. It asks the
 * consumer for some, and looks at the sequence of each. Whatever is off (silence, a gap, another
 * connection), it has a new one made there: entries that come again are skipped.
 *
 * What is asked for bounds what may come, and while the store takes nothing, nothing is asked for.
 */
#include "lib/core/err.h"
#include "server/base/clock.h"
#include "server/store/nats_log.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* At most ASK_BYTES beyond KEEP_BYTES lie here untaken, and ASK_COUNT beyond KEEP_COUNT. */
#define KEEP_BYTES ((size_t)8 << 20)
#define KEEP_COUNT 16384
#define ASK_BYTES (4 << 20)
#define ASK_COUNT 2048

#define ASK_MS 20000      /* the server forgets what was asked for after that */
#define HEARTBEAT_MS 1000 /* while it has nothing to send */
#define SILENCE_MS 3000   /* three heartbeats */
#define WAIT_MS 500
#define RETRY_MS 500
#define CHECK_MS 1000 /* between looks whether entries can be written again */
#define IDLE_MS 5000  /* without an entry: is there really none? */
/* Without an answer of the stream's leader: another server may be near it. Twice as long each time
 * that it was not. */
#define MOVE_MS 8000
#define MOVE_MAX_MS 64000

static int64_t now_ms(void) {
  return clock_mono_ms(clock_system());
}

/* ---- what stands in the way ---- */

static void tell_trouble(struct nats_log *log, const struct cws_error *error) {
  pthread_mutex_lock(&log->mutex);
  bool is_news = strcmp(log->follow_trouble.message, error->message) != 0;
  log->follow_trouble = *error;
  pthread_mutex_unlock(&log->mutex);
  if (!is_news)
    return;
  if (error->code == 0)
    log_info(log->log, "the stream '%s' is followed again", log->name);
  else if (error->code == CWS_ESTORE)
    log_warn(log->log, "%s", error->message);
  else
    log_error(log->log, "%s", error->message);
  log->wake(log->user);
}

static void set_trouble(struct nats_log *log, enum nats_follow_trouble trouble,
                        const struct cws_error *error) {
  log->follower.trouble = trouble;
  tell_trouble(log, error);
}

/* What has just happened ends troubles up to that one. */
static void end_trouble(struct nats_log *log, enum nats_follow_trouble most) {
  if (log->follower.trouble != NATS_NO_TROUBLE && log->follower.trouble <= most)
    set_trouble(log, NATS_NO_TROUBLE, &(struct cws_error){0});
}

/* Of the stream's leader. */
static void note_answer(struct nats_follower *f) {
  f->unanswered_ms = 0;
  f->move_ms = MOVE_MS;
}

/* What the stream's leader says of it. That it does not is noted. */
int nats_ask_state(struct nats_log *log, struct store_log_state *out, struct cws_error *err) {
  struct nats_follower *f = &log->follower;
  int code = nats_stream_state(log, out, f->leader, err);
  if (code == 0)
    note_answer(f);
  else if (f->unanswered_ms == 0)
    f->unanswered_ms = now_ms();
  return code;
}

/* A failed write leaves the log "down"; whoever was refused meanwhile does not try. So this looks
 * whether the stream answers again. */
static void check_publishing(struct nats_log *log) {
  struct nats_follower *f = &log->follower;
  pthread_mutex_lock(&log->mutex);
  bool is_troubled = log->publish_trouble.code != 0;
  uint64_t published = log->published;
  pthread_mutex_unlock(&log->mutex);
  if (!is_troubled || now_ms() - f->checked_ms < CHECK_MS)
    return;
  f->checked_ms = now_ms();
  struct store_log_state state;
  if (nats_ask_state(log, &state, NULL) != 0)
    return;
  pthread_mutex_lock(&log->mutex);
  bool is_over = log->publish_trouble.code != 0 && log->published == published;
  if (is_over)
    log->publish_trouble = (struct cws_error){0};
  pthread_mutex_unlock(&log->mutex);
  if (is_over)
    log->wake(log->user);
}

/* ---- asking for entries ---- */

static bool ask(struct nats_log *log) {
  struct nats_follower *f = &log->follower;
  char subject[160], inbox[sizeof(f->inbox) + 16], text[160];
  snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", log->name, f->consumer);
  snprintf(inbox, sizeof inbox, "%s.%u", f->inbox, ++f->asked);
  int len = snprintf(text, sizeof text,
                     "{\"batch\":%d,\"max_bytes\":%d,\"expires\":%" PRId64
                     ",\"idle_heartbeat\":%" PRId64 "}",
                     ASK_COUNT, ASK_BYTES, ASK_MS * NATS_NS_PER_MS, HEARTBEAT_MS * NATS_NS_PER_MS);
  if (natsConnection_PublishRequest(log->link.nc, subject, inbox, text, len) != NATS_OK)
    return false;
  f->left = ASK_COUNT;
  f->heard_ms = now_ms();
  return true;
}

/* ---- what comes ---- */

enum verdict { GO_ON, START_ANEW, MISSING };

/* The stream's sequence, of the subject that would acknowledge it:
 * $JS.ACK.STREAM.CONSUMER.TRIES.SEQUENCE.…, or
 * $JS.ACK.DOMAIN.ACCOUNT.STREAM.CONSUMER.TRIES.SEQUENCE.… natsMsg_GetMetaData allocates five times
 * for it. 0: it is none. */
static uint64_t sequence_of(const natsMsg *msg) {
  const char *at = natsMsg_GetReply(msg);
  if (at == NULL || strncmp(at, "$JS.ACK.", 8) != 0)
    return 0;
  int dots = 0;
  for (const char *p = at; *p != '\0'; p++)
    dots += *p == '.';
  for (int skip = dots == 8 ? 5 : 7; skip > 0 && at != NULL; skip--)
    at = (at = strchr(at, '.')) != NULL ? at + 1 : NULL;
  return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static enum verdict take_entry(struct nats_log *log, const natsMsg *msg, uint64_t seq) {
  struct nats_follower *f = &log->follower;
  f->left--;
  if (seq <= f->last)
    return GO_ON;
  if (seq > f->last + 1)
    return f->is_fresh ? MISSING : START_ANEW;
  struct store_log_entry *entry =
      nats_entry_new(seq, natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
  if (entry == NULL)
    return START_ANEW;
  f->is_fresh = f->is_behind = false;
  f->entry_ms = f->heard_ms;
  f->last = seq;
  note_answer(f);
  end_trouble(log, NATS_ENTRY_MISSING);
  pthread_mutex_lock(&log->mutex);
  nats_list_put(&log->entries, entry);
  pthread_mutex_unlock(&log->mutex);
  log->wake(log->user);
  return GO_ON;
}

/* Whether it only says that what was asked for has come, or has not in time. */
static bool is_end(const char *status, const char *text) {
  static const char too_many[] = "Message Size Exceeds MaxBytes";
  return strcmp(status, "408") == 0 || strcmp(status, "404") == 0 ||
         (strcmp(status, "409") == 0 && strncmp(text, too_many, sizeof too_many - 1) == 0);
}

static const char *header(natsMsg *msg, const char *name) {
  const char *value = NULL;
  return natsMsgHeader_Get(msg, name, &value) == NATS_OK && value != NULL ? value : "";
}

static enum verdict take_status(struct nats_log *log, natsMsg *msg) {
  struct nats_follower *f = &log->follower;
  const char *status = header(msg, "Status"), *text = header(msg, "Description");
  if (strcmp(status, "100") == 0) { /* a heartbeat */
    end_trouble(log, NATS_CANNOT_READ);
    return GO_ON;
  }
  const char *dot = strrchr(natsMsg_GetSubject(msg), '.');
  if (dot == NULL || strtoul(dot + 1, NULL, 10) != f->asked)
    return GO_ON; /* of what was asked for earlier */
  if (is_end(status, text)) {
    f->left = 0;
    return GO_ON;
  }
  struct cws_error error = {0};
  err_set(&error, CWS_ESTORE, "reading the stream '%s' at %s: %s %s", log->name, log->servers,
          status, text);
  if (f->is_fresh) /* else it is gone, say */
    set_trouble(log, NATS_CANNOT_READ, &error);
  return START_ANEW;
}

static enum verdict take_message(struct nats_log *log, natsMsg *msg) {
  uint64_t seq = sequence_of(msg);
  log->follower.heard_ms = now_ms();
  return seq != 0 ? take_entry(log, msg, seq) : take_status(log, msg);
}

/* ---- the thread ---- */

/* Waits for room; false: there is none yet. */
static bool has_room(struct nats_log *log) {
  pthread_mutex_lock(&log->mutex);
  const struct nats_list *list = &log->entries;
  if (list->bytes >= KEEP_BYTES || list->count >= KEEP_COUNT)
    nats_wait(log, WAIT_MS);
  bool has = list->bytes < KEEP_BYTES && list->count < KEEP_COUNT;
  pthread_mutex_unlock(&log->mutex);
  return has;
}

static bool is_another_connection(struct nats_log *log) {
  pthread_mutex_lock(&log->mutex);
  bool is = log->connections != log->follower.connection;
  pthread_mutex_unlock(&log->mutex);
  return is;
}

/* A consumer that has no entry for long: does the stream have none? Twice, as one may be under
 * way. */
static enum verdict check_idle(struct nats_log *log) {
  struct nats_follower *f = &log->follower;
  struct store_log_state state;
  if (now_ms() - f->entry_ms < IDLE_MS)
    return GO_ON;
  f->entry_ms = now_ms();
  if (nats_ask_state(log, &state, NULL) != 0)
    return GO_ON;
  bool was_behind = f->is_behind;
  f->is_behind = state.last_seq > f->last;
  return was_behind && f->is_behind ? START_ANEW : GO_ON;
}

static enum verdict read_one(struct nats_log *log) {
  struct nats_follower *f = &log->follower;
  if (is_another_connection(log) || nats_consumer_is_out_of_place(log))
    return START_ANEW;
  if (f->left <= 0) {
    if (!has_room(log)) {
      f->entry_ms = now_ms();
      return GO_ON;
    }
    if (!ask(log))
      return START_ANEW;
  }
  natsMsg *msg = NULL;
  natsStatus s = natsSubscription_NextMsg(&msg, f->sub, WAIT_MS);
  if (s == NATS_TIMEOUT)
    return now_ms() - f->heard_ms < SILENCE_MS ? check_idle(log) : START_ANEW;
  if (s != NATS_OK) /* NATS_NO_RESPONDERS: the consumer is gone */
    return START_ANEW;
  enum verdict verdict = take_message(log, msg);
  natsMsg_Destroy(msg);
  return verdict;
}

static void cannot_start(struct nats_log *log, const struct cws_error *error) {
  nats_consumer_drop(log);
  if (nats_is_connected(log, NULL)) /* else that is the trouble */
    set_trouble(log, NATS_CANNOT_START, error);
  nats_rest(log, RETRY_MS);
}

static void start_anew(struct nats_log *log, enum verdict why) {
  struct nats_follower *f = &log->follower;
  if (why == MISSING) {
    struct cws_error error = {0};
    err_set(&error, CWS_ECORRUPT,
            "the stream '%s' at %s has no entry %" PRIu64
            ", which this hub needs, but later ones: start it on a copy of another hub's state",
            log->name, log->servers, f->last + 1);
    set_trouble(log, NATS_ENTRY_MISSING, &error);
  }
  nats_consumer_drop(log);
  if (now_ms() - f->made_ms < RETRY_MS)
    nats_rest(log, RETRY_MS);
}

static void forget_silence(struct nats_log *log) {
  log->follower.unanswered_ms = 0;
  pthread_mutex_lock(&log->mutex);
  log->stuck_ms = 0;
  pthread_mutex_unlock(&log->mutex);
}

static bool is_silent(struct nats_log *log) {
  int64_t unanswered_ms = log->follower.unanswered_ms, since_ms = now_ms() - log->follower.move_ms;
  pthread_mutex_lock(&log->mutex);
  int64_t stuck_ms = log->stuck_ms;
  pthread_mutex_unlock(&log->mutex);
  return (stuck_ms != 0 && stuck_ms < since_ms) || (unanswered_ms != 0 && unanswered_ms < since_ms);
}

/* A server that answers pings may be parted from those that have the stream's leader. One that
 * refused this hub for good may take it now. */
static void move_if_silent(struct nats_log *log) {
  natsConnStatus status = natsConnection_Status(log->link.nc);
  if (status != NATS_CONN_STATUS_CONNECTED && status != NATS_CONN_STATUS_CLOSED) {
    forget_silence(log); /* libnats is looking for a server */
    return;
  }
  if (!is_silent(log))
    return;
  if (log->urls.count > 1 || status == NATS_CONN_STATUS_CLOSED) {
    nats_consumer_drop(log);
    nats_move(log);
    if (log->follower.move_ms < MOVE_MAX_MS)
      log->follower.move_ms *= 2;
  }
  forget_silence(log);
}

static bool start(struct nats_log *log, struct cws_error *error) {
  struct nats_follower *f = &log->follower;
  pthread_mutex_lock(&log->mutex);
  f->connection = log->connections;
  pthread_mutex_unlock(&log->mutex);
  if (nats_consumer_make(log, error) != 0)
    return false;
  f->is_fresh = true;
  f->is_behind = false;
  f->made_ms = f->heard_ms = f->entry_ms = now_ms();
  end_trouble(log, NATS_CANNOT_START);
  return true;
}

static void follow_some(struct nats_log *log) {
  struct cws_error error = {0};
  if (log->follower.sub == NULL && !start(log, &error)) {
    cannot_start(log, &error);
    return;
  }
  enum verdict verdict = read_one(log);
  if (verdict != GO_ON)
    start_anew(log, verdict);
}

static void *follow_main(void *user) {
  struct nats_log *log = user;
  for (;;) {
    pthread_mutex_lock(&log->mutex);
    bool is_asked = log->follower.is_asked;
    if (!is_asked && !log->is_closing)
      nats_wait(log, WAIT_MS);
    bool is_closing = log->is_closing;
    pthread_mutex_unlock(&log->mutex);
    if (is_closing)
      break;
    check_publishing(log);
    move_if_silent(log);
    if (is_asked)
      follow_some(log);
  }
  nats_consumer_drop(log);
  nats_ReleaseThreadMemory();
  return NULL;
}

/* ---- life ---- */

int nats_follow(struct store_log *base, uint64_t after, struct cws_error *err) {
  struct nats_log *log = (struct nats_log *)base;
  pthread_mutex_lock(&log->mutex);
  bool was_asked = log->follower.is_asked;
  if (!was_asked) {
    log->follower.is_asked = true;
    log->follower.last = after;
    pthread_cond_broadcast(&log->changed);
  }
  pthread_mutex_unlock(&log->mutex);
  return was_asked ? err_set(err, CWS_EINVAL, "the log is followed already")
                   : nats_copy_start(log, err);
}

int nats_follow_start(struct nats_log *log, struct cws_error *err) {
  log->follower.move_ms = MOVE_MS;
  if (pthread_create(&log->follower.thread, NULL, follow_main, log) != 0)
    return err_set(err, CWS_ESYSTEM, "cannot start a thread");
  log->has_follower = true;
  return 0;
}

void nats_follow_stop(struct nats_log *log) {
  if (log->has_follower)
    pthread_join(log->follower.thread, NULL);
}
