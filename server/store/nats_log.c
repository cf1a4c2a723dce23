/*
 * nats_log: a log in NATS JetStream (nats_log.h has the files). Here: its life, what hubs tell each
 * other, and whether it is up.
 */
#include "server/store/nats_log.h"
#include "lib/core/err.h"
#include "server/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOLD_MAX 1024 /* that were not taken; the oldest go */

/* ---- whether it is up ---- */

static bool is_up(struct store_log *base, struct cws_error *why) {
  struct nats_log *log = (struct nats_log *)base;
  if (!nats_is_connected(log, why))
    return false;
  pthread_mutex_lock(&log->mutex);
  const struct cws_error *trouble =
      log->follow_trouble.code != 0 ? &log->follow_trouble : &log->publish_trouble;
  bool is_fine = trouble->code == 0;
  if (!is_fine)
    err_set(why, trouble->code == CWS_ECORRUPT ? CWS_ECORRUPT : CWS_ESTORE, "%s", trouble->message);
  pthread_mutex_unlock(&log->mutex);
  return is_fine;
}

void nats_wait_for(struct nats_log *log, pthread_cond_t *what, int64_t ms) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += (time_t)(ms / 1000);
  end.tv_nsec += (long)(ms % 1000) * 1000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec++;
    end.tv_nsec -= 1000000000;
  }
  pthread_cond_timedwait(what, &log->mutex, &end);
}

void nats_wait(struct nats_log *log, int64_t ms) {
  nats_wait_for(log, &log->changed, ms);
}

void nats_rest(struct nats_log *log, int64_t ms) {
  int64_t end = clock_mono_ms(clock_system()) + ms;
  pthread_mutex_lock(&log->mutex);
  for (int64_t left; !log->is_closing && (left = end - clock_mono_ms(clock_system())) > 0;)
    nats_wait(log, left);
  pthread_mutex_unlock(&log->mutex);
}

bool nats_is_closing(struct nats_log *log) {
  pthread_mutex_lock(&log->mutex);
  bool is = log->is_closing;
  pthread_mutex_unlock(&log->mutex);
  return is;
}

/* ---- what is told ---- */

/* On a thread of libnats. */
void nats_on_told(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *user) {
  (void)nc, (void)sub;
  struct nats_log *log = user;
  struct store_log_entry *entry =
      nats_entry_new(0, natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
  natsMsg_Destroy(msg);
  if (entry == NULL)
    return;
  pthread_mutex_lock(&log->mutex);
  if (log->told.count == TOLD_MAX)
    free(nats_list_take(&log->told, 0));
  nats_list_put(&log->told, entry);
  pthread_mutex_unlock(&log->mutex);
  log->wake(log->user);
}

/* Lost where there is no connection, or too long. */
static void tell(struct store_log *base, const void *bytes, size_t len) {
  struct nats_log *log = (struct nats_log *)base;
  if (len > log->max_entry_bytes)
    return;
  pthread_rwlock_rdlock(&log->moving);
  natsConnection_Publish(log->link.nc, log->told_subject, bytes, (int)len);
  pthread_rwlock_unlock(&log->moving);
}

static struct store_log_entry *take_list(struct nats_log *log, struct nats_list *list,
                                         size_t max_bytes) {
  pthread_mutex_lock(&log->mutex);
  struct store_log_entry *first = nats_list_take(list, max_bytes);
  pthread_cond_broadcast(&log->changed); /* there may be room again */
  pthread_mutex_unlock(&log->mutex);
  return first;
}

static struct store_log_entry *take_told(struct store_log *base) {
  struct nats_log *log = (struct nats_log *)base;
  return take_list(log, &log->told, SIZE_MAX);
}

static struct store_log_entry *take(struct store_log *base, size_t max_bytes) {
  struct nats_log *log = (struct nats_log *)base;
  return take_list(log, &log->entries, max_bytes);
}

static int get(struct store_log *base, uint64_t seq, struct store_log_entry **out,
               struct cws_error *err) {
  return nats_stream_get((struct nats_log *)base, seq, out, err);
}

static int state(struct store_log *base, struct store_log_state *out, struct cws_error *err) {
  int code = nats_stream_state((struct nats_log *)base, out, NULL, err);
  return code == CWS_ENOTFOUND ? CWS_ESTORE : code;
}

/* ---- life ---- */

static int set_names(struct nats_log *log, const char *prefix, struct cws_error *err) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (prefix == NULL)
    prefix = "councilws";
  size_t len = strlen(prefix);
  if (len == 0 || len > NATS_PREFIX_MAX || strspn(prefix, allowed) != len)
    return err_set(err, CWS_ECONFIG, "nats-prefix '%s': give 1 to %d of A-Z a-z 0-9 - _", prefix,
                   NATS_PREFIX_MAX);
  snprintf(log->name, sizeof log->name, "%s", prefix);
  snprintf(log->subject, sizeof log->subject, "%s.log", prefix);
  snprintf(log->told_subject, sizeof log->told_subject, "%s.told", prefix);
  return 0;
}

static struct nats_log *new_log(const struct store_log_options *options) {
  struct nats_log *log = calloc(1, sizeof(*log));
  if (log == NULL)
    return NULL;
  log->base.ops = &nats_log_ops;
  log->log = options->log;
  log->must_exist = options->must_exist;
  log->wake = options->wake;
  log->user = options->user;
  log->connections = 1;
  pthread_rwlock_init(&log->moving, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_mutex_init(&log->mutex, NULL);
  pthread_cond_init(&log->changed, &attr);
  pthread_cond_init(&log->copying.came, &attr);
  pthread_condattr_destroy(&attr);
  return log;
}

static void close_log(struct store_log *base) {
  struct nats_log *log = (struct nats_log *)base;
  if (log == NULL)
    return;
  nats_close(log);
  nats_follow_stop(log);
  nats_publish_stop(log);
  nats_copy_stop(log);
  nats_disconnect(log);
  nats_list_clear(&log->entries);
  nats_list_clear(&log->told);
  pthread_cond_destroy(&log->copying.came);
  pthread_cond_destroy(&log->changed);
  pthread_mutex_destroy(&log->mutex);
  pthread_rwlock_destroy(&log->moving);
  free(log);
}

static int open_log(const struct store_log_options *options, struct store_log **out,
                    struct cws_error *err) {
  struct nats_log *log = new_log(options);
  if (log == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int code = set_names(log, options->nats->prefix, err);
  if (code == 0)
    code = nats_copy_init(log, options, err);
  if (code == 0)
    code = nats_connect(log, options, err);
  if (code == 0)
    code = nats_stream_open(log, options->nats, err);
  if (code == 0)
    code = nats_publish_start(log, err);
  if (code == 0)
    code = nats_follow_start(log, err);
  if (code != 0) {
    close_log(&log->base);
    return code;
  }
  *out = &log->base;
  return 0;
}

const struct store_log_ops nats_log_ops = {
    .open = open_log,
    .close = close_log,
    .state = state,
    .follow = nats_follow,
    .take = take,
    .fetch = nats_fetch,
    .get = get,
    .publish = nats_publish,
    .take_outcome = nats_publish_take,
    .tell = tell,
    .take_told = take_told,
    .is_up = is_up,
};
