#include "tests/unit/store/fake_log.h"

#include "lib/core/err.h"
#include "tests/unit/store/support.h"
#include <errno.h>
#include <time.h>

#define READERS_MAX 8
#define LATE_MAX 64

struct bytes {
  unsigned char *at;
  size_t len;
};

struct outcome {
  struct outcome *next;
  struct store_log_outcome outcome;
};

struct reader {          /* one store */
  struct store_log base; /* first */
  struct fake_log *log;
  struct store_log_options options;
  bool is_following;
  uint64_t at; /* the last entry taken */
  struct outcome *outcomes, **outcomes_end;
  struct store_log_entry *told, **told_end;
};

struct fake_log {
  pthread_mutex_t lock;
  pthread_cond_t attempted;
  char id[STORE_LOG_ID_MAX + 1];
  struct bytes *entries; /* [first_seq - 1, last_seq) */
  size_t cap;
  uint64_t first_seq, last_seq;
  size_t max_entry_bytes;
  enum fake_log_mood mood;
  int attempts, trouble;
  bool is_held, is_dumb;
  const struct store *misled; /* gets `other` as entry misled_at */
  uint64_t misled_at;
  struct bytes other;
  struct bytes late[LATE_MAX];
  int late_count;
  struct reader *readers[READERS_MAX];
};

static struct fake_log *in_use;

/* ---- under the lock ---- */

static void wake_all(struct fake_log *log) {
  for (int i = 0; i < READERS_MAX; i++)
    if (log->readers[i] != NULL)
      log->readers[i]->options.wake(log->readers[i]->options.user);
}

static struct bytes copy_of(const void *bytes, size_t len) {
  struct bytes copy = {malloc(len + 1), len};
  memcpy(copy.at, bytes, len);
  return copy;
}

static void add(struct fake_log *log, const void *bytes, size_t len) {
  if (log->last_seq == log->cap) {
    log->cap = log->cap ? 2 * log->cap : 64;
    log->entries = realloc(log->entries, log->cap * sizeof(*log->entries));
  }
  log->entries[log->last_seq++] = copy_of(bytes, len);
}

static void answer(struct reader *r, uint64_t ticket, int code) {
  struct outcome *o = calloc(1, sizeof(*o));
  o->outcome.ticket = ticket;
  o->outcome.code = code;
  if (code != 0)
    err_set(&o->outcome.error, code, "the log does so on demand");
  *r->outcomes_end = o;
  r->outcomes_end = &o->next;
}

/* ---- for tests ---- */

struct fake_log *fake_log_new(const char *id) {
  struct fake_log *log = calloc(1, sizeof(*log));
  snprintf(log->id, sizeof(log->id), "%s", id);
  log->first_seq = 1;
  log->max_entry_bytes = 1 << 20;
  pthread_mutex_init(&log->lock, NULL);
  pthread_cond_init(&log->attempted, NULL);
  return log;
}

void fake_log_free(struct fake_log *log) {
  for (uint64_t i = 0; i < log->last_seq; i++)
    free(log->entries[i].at);
  free(log->entries);
  free(log->other.at);
  pthread_mutex_destroy(&log->lock);
  pthread_cond_destroy(&log->attempted);
  free(log);
}

void fake_log_use(struct fake_log *log) {
  in_use = log;
}

void fake_log_set_mood(struct fake_log *log, enum fake_log_mood mood) {
  pthread_mutex_lock(&log->lock);
  for (int i = 0; i < log->late_count; i++) {
    add(log, log->late[i].at, log->late[i].len);
    free(log->late[i].at);
  }
  log->late_count = 0;
  log->mood = mood;
  log->attempts = 0;
  wake_all(log);
  pthread_mutex_unlock(&log->lock);
}

void fake_log_set_trouble(struct fake_log *log, int code) {
  pthread_mutex_lock(&log->lock);
  log->trouble = code;
  wake_all(log);
  pthread_mutex_unlock(&log->lock);
}

int fake_log_attempts(struct fake_log *log) {
  pthread_mutex_lock(&log->lock);
  int attempts = log->attempts;
  pthread_mutex_unlock(&log->lock);
  return attempts;
}

void fake_log_wait_attempts(struct fake_log *log, int attempts) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 60;
  pthread_mutex_lock(&log->lock);
  int rc = 0;
  while (log->attempts < attempts && rc == 0)
    rc = pthread_cond_timedwait(&log->attempted, &log->lock, &until);
  bool came = log->attempts >= attempts;
  pthread_mutex_unlock(&log->lock);
  assert_true(came);
}

void fake_log_hold(struct fake_log *log, bool on) {
  pthread_mutex_lock(&log->lock);
  log->is_held = on;
  wake_all(log);
  pthread_mutex_unlock(&log->lock);
}

uint64_t fake_log_last(struct fake_log *log) {
  pthread_mutex_lock(&log->lock);
  uint64_t last = log->last_seq;
  pthread_mutex_unlock(&log->lock);
  return last;
}

void fake_log_trim(struct fake_log *log, uint64_t upto) {
  pthread_mutex_lock(&log->lock);
  log->first_seq = upto + 1;
  pthread_mutex_unlock(&log->lock);
}

void fake_log_cut(struct fake_log *log, uint64_t last) {
  pthread_mutex_lock(&log->lock);
  while (log->last_seq > last)
    free(log->entries[--log->last_seq].at);
  pthread_mutex_unlock(&log->lock);
}

void fake_log_add(struct fake_log *log, const void *bytes, size_t len) {
  pthread_mutex_lock(&log->lock);
  add(log, bytes, len);
  wake_all(log);
  pthread_mutex_unlock(&log->lock);
}

void *fake_log_copy(struct fake_log *log, uint64_t seq, size_t *len) {
  pthread_mutex_lock(&log->lock);
  struct bytes copy = copy_of(log->entries[seq - 1].at, log->entries[seq - 1].len);
  pthread_mutex_unlock(&log->lock);
  *len = copy.len;
  return copy.at;
}

void fake_log_mislead(struct fake_log *log, const struct store *s, const void *bytes, size_t len) {
  pthread_mutex_lock(&log->lock);
  free(log->other.at);
  log->other = copy_of(bytes, len);
  log->misled = s;
  log->misled_at = log->last_seq + 1;
  pthread_mutex_unlock(&log->lock);
}

void fake_log_set_dumb(struct fake_log *log, bool on) {
  pthread_mutex_lock(&log->lock);
  log->is_dumb = on;
  pthread_mutex_unlock(&log->lock);
}

void fake_log_set_max_entry(struct fake_log *log, size_t bytes) {
  log->max_entry_bytes = bytes;
}

/* ---- the operations ---- */

static struct reader *reader_of(struct store_log *base) {
  return (struct reader *)base;
}

static int fake_open(const struct store_log_options *options, struct store_log **out,
                     struct cws_error *err) {
  (void)err;
  struct reader *r = calloc(1, sizeof(*r));
  r->base.ops = &fake_log_ops;
  r->log = in_use;
  r->options = *options;
  r->outcomes_end = &r->outcomes;
  r->told_end = &r->told;
  pthread_mutex_lock(&r->log->lock);
  int i = 0;
  while (r->log->readers[i] != NULL)
    i++;
  r->log->readers[i] = r;
  pthread_mutex_unlock(&r->log->lock);
  *out = &r->base;
  return 0;
}

static void fake_close(struct store_log *base) {
  struct reader *r = reader_of(base);
  pthread_mutex_lock(&r->log->lock);
  for (int i = 0; i < READERS_MAX; i++)
    if (r->log->readers[i] == r)
      r->log->readers[i] = NULL;
  pthread_mutex_unlock(&r->log->lock);
  for (struct outcome *o = r->outcomes, *next; o != NULL; o = next) {
    next = o->next;
    free(o);
  }
  for (struct store_log_entry *e = r->told, *next; e != NULL; e = next) {
    next = e->next;
    free(e);
  }
  free(r);
}

static int fake_state(struct store_log *base, struct store_log_state *out, struct cws_error *err) {
  struct fake_log *log = reader_of(base)->log;
  (void)err;
  pthread_mutex_lock(&log->lock);
  *out = (struct store_log_state){.first_seq = log->first_seq,
                                  .last_seq = log->last_seq,
                                  .max_entry_bytes = log->max_entry_bytes,
                                  .replicas = 1,
                                  .is_in_memory = true};
  snprintf(out->id, sizeof(out->id), "%s", log->id);
  pthread_mutex_unlock(&log->lock);
  return 0;
}

static int fake_follow(struct store_log *base, uint64_t after, struct cws_error *err) {
  struct reader *r = reader_of(base);
  (void)err;
  pthread_mutex_lock(&r->log->lock);
  r->is_following = true;
  r->at = after;
  pthread_mutex_unlock(&r->log->lock);
  return 0;
}

static struct store_log_entry *entry_of(uint64_t seq, const void *bytes, size_t len) {
  struct store_log_entry *e = malloc(sizeof(*e) + len);
  *e = (struct store_log_entry){.seq = seq, .len = len};
  memcpy(e->bytes, bytes, len);
  return e;
}

static struct store_log_entry *fake_take(struct store_log *base, size_t max_bytes) {
  struct reader *r = reader_of(base);
  struct fake_log *log = r->log;
  struct store_log_entry *first = NULL, **end = &first;
  size_t bytes = 0;
  pthread_mutex_lock(&log->lock);
  while (r->is_following && !log->is_held && r->at < log->last_seq && bytes < max_bytes) {
    const struct bytes *entry = &log->entries[r->at];
    if (r->options.user == log->misled && r->at + 1 == log->misled_at) {
      entry = &log->other;
      log->misled = NULL; /* another store may come to have its address */
    }
    *end = entry_of(++r->at, entry->at, entry->len);
    end = &(*end)->next;
    bytes += entry->len;
  }
  pthread_mutex_unlock(&log->lock);
  return first;
}

static int fake_fetch(struct store_log *base, const char *file, struct cws_error *err) {
  struct fake_log *log = reader_of(base)->log;
  struct store_log_options giver = {0};
  pthread_mutex_lock(&log->lock);
  for (int i = 0; i < READERS_MAX; i++)
    if (log->readers[i] != NULL && log->readers[i]->is_following)
      giver = log->readers[i]->options;
  pthread_mutex_unlock(&log->lock);
  if (giver.copy_state == NULL || giver.copy_state(NULL, giver.user, NULL) != 0)
    return err_set(err, CWS_ENOTFOUND, "nobody has one");
  return giver.copy_state(file, giver.user, err);
}

static int fake_get(struct store_log *base, uint64_t seq, struct store_log_entry **out,
                    struct cws_error *err) {
  struct fake_log *log = reader_of(base)->log;
  int code = 0;
  pthread_mutex_lock(&log->lock);
  if (log->is_dumb)
    code = err_set(err, CWS_ESTORE, "the log does so on demand");
  else if (seq < log->first_seq || seq > log->last_seq)
    code = CWS_ENOTFOUND;
  else
    *out = entry_of(seq, log->entries[seq - 1].at, log->entries[seq - 1].len);
  pthread_mutex_unlock(&log->lock);
  return code;
}

static int fake_publish(struct store_log *base, uint64_t ticket, const void *bytes, size_t len,
                        struct cws_error *err) {
  struct reader *r = reader_of(base);
  struct fake_log *log = r->log;
  if (len > log->max_entry_bytes)
    return err_set(err, CWS_ETOOLARGE, "an entry of %zu bytes is more than the log takes", len);
  pthread_mutex_lock(&log->lock);
  enum fake_log_mood mood = log->mood;
  if (mood == FAKE_LOG_WELL || mood == FAKE_LOG_HIDES || mood == FAKE_LOG_REPEATS)
    add(log, bytes, len);
  if (mood == FAKE_LOG_REPEATS)
    add(log, bytes, len);
  if (mood == FAKE_LOG_IS_LATE && log->late_count < LATE_MAX)
    log->late[log->late_count++] = copy_of(bytes, len);
  if (mood == FAKE_LOG_WELL || mood == FAKE_LOG_REPEATS)
    answer(r, ticket, 0);
  else if (mood != FAKE_LOG_IS_SILENT)
    answer(r, ticket, mood == FAKE_LOG_REFUSES ? CWS_ESTORE : CWS_EUNKNOWNOUTCOME);
  log->attempts++;
  pthread_cond_broadcast(&log->attempted);
  wake_all(log);
  pthread_mutex_unlock(&log->lock);
  return 0;
}

static bool fake_take_outcome(struct store_log *base, struct store_log_outcome *out) {
  struct reader *r = reader_of(base);
  pthread_mutex_lock(&r->log->lock);
  struct outcome *o = r->outcomes;
  if (o != NULL) {
    r->outcomes = o->next;
    if (r->outcomes == NULL)
      r->outcomes_end = &r->outcomes;
    *out = o->outcome;
  }
  pthread_mutex_unlock(&r->log->lock);
  free(o);
  return o != NULL;
}

static void fake_tell(struct store_log *base, const void *bytes, size_t len) {
  struct reader *self = reader_of(base);
  pthread_mutex_lock(&self->log->lock);
  for (int i = 0; i < READERS_MAX; i++) {
    struct reader *r = self->log->readers[i];
    if (r == NULL || r == self)
      continue;
    *r->told_end = entry_of(0, bytes, len);
    r->told_end = &(*r->told_end)->next;
  }
  wake_all(self->log);
  pthread_mutex_unlock(&self->log->lock);
}

static struct store_log_entry *fake_take_told(struct store_log *base) {
  struct reader *r = reader_of(base);
  pthread_mutex_lock(&r->log->lock);
  struct store_log_entry *told = r->told;
  r->told = NULL;
  r->told_end = &r->told;
  pthread_mutex_unlock(&r->log->lock);
  return told;
}

static bool fake_is_up(struct store_log *base, struct cws_error *why) {
  struct fake_log *log = reader_of(base)->log;
  pthread_mutex_lock(&log->lock);
  int code = log->trouble;
  pthread_mutex_unlock(&log->lock);
  return code == 0 || (err_set(why, code, "the log is in trouble"), false);
}

const struct store_log_ops fake_log_ops = {
    .open = fake_open,
    .close = fake_close,
    .state = fake_state,
    .follow = fake_follow,
    .take = fake_take,
    .fetch = fake_fetch,
    .get = fake_get,
    .publish = fake_publish,
    .take_outcome = fake_take_outcome,
    .tell = fake_tell,
    .take_told = fake_take_told,
    .is_up = fake_is_up,
};
