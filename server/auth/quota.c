/*
 * quota: two tables of names under one mutex. The entry of an address lives while it has
 * connections; that of a user also while its bucket is not full. See quota.h.
 */
#include "server/auth/quota.h"

#include "server/auth/name_table.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX 1000000000 /* events per second; keeps the arithmetic far from overflow */
#define DEBT_MAX_MS 3600000 /* a batch is paid off within an hour, whatever its size */
#define SWEEP_MIN 64        /* names of users before the first sweep */

struct quota {
  pthread_mutex_t mutex;
  struct quota_limits limits;
  const struct clock *clock;
  int64_t rate; /* events per second, which is thousandths of an event per millisecond */
  int64_t connections;
  struct name_table users, addresses;
  size_t sweep_at; /* names of users at which those at rest are looked for */
};

struct quota *quota_new(const struct quota_limits *limits, const struct clock *clock) {
  struct quota *q = calloc(1, sizeof *q);
  if (q == NULL)
    return NULL;
  if (pthread_mutex_init(&q->mutex, NULL) != 0) {
    free(q);
    return NULL;
  }
  q->clock = clock;
  q->sweep_at = SWEEP_MIN;
  quota_set_limits(q, limits);
  return q;
}

void quota_set_limits(struct quota *q, const struct quota_limits *limits) {
  pthread_mutex_lock(&q->mutex);
  q->limits = *limits;
  q->rate = limits->max_publish_rate < RATE_MAX ? limits->max_publish_rate : RATE_MAX;
  pthread_mutex_unlock(&q->mutex);
}

void quota_free(struct quota *q) {
  if (q == NULL)
    return;
  name_table_finish(&q->users);
  name_table_finish(&q->addresses);
  pthread_mutex_destroy(&q->mutex);
  free(q);
}

/* ---- buckets ---- */

static int64_t bucket_size(const struct quota *q) {
  return q->rate * 1000;
}

static void bucket_fill(const struct quota *q, struct name_entry *e) {
  int64_t now_ms = clock_mono_ms(q->clock);
  int64_t missing = bucket_size(q) - e->spare_milli;
  int64_t passed_ms = now_ms - e->filled_ms;
  if (q->rate > 0 && passed_ms < missing / q->rate + 1)
    e->spare_milli += passed_ms * q->rate;
  else
    e->spare_milli = bucket_size(q);
  if (e->spare_milli > bucket_size(q)) /* the limit was lowered */
    e->spare_milli = bucket_size(q);
  e->filled_ms = now_ms;
}

static bool user_is_idle(struct name_entry *e, void *user) {
  const struct quota *q = user;
  if (e->connections > 0)
    return false;
  bucket_fill(q, e);
  return e->spare_milli == bucket_size(q);
}

/* Users that published and left would stay for ever otherwise. */
static void sweep_users(struct quota *q) {
  if (q->users.count < q->sweep_at)
    return;
  name_table_sweep(&q->users, user_is_idle, q);
  q->sweep_at = q->users.count * 2 > SWEEP_MIN ? q->users.count * 2 : SWEEP_MIN;
}

static struct name_entry *user_entry(struct quota *q, const char *user) {
  struct name_entry *e = name_table_find(&q->users, user);
  if (e != NULL)
    return e;
  sweep_users(q);
  e = name_table_add(&q->users, user);
  if (e != NULL) {
    e->spare_milli = bucket_size(q);
    e->filled_ms = clock_mono_ms(q->clock);
  }
  return e;
}

static int64_t milli_of(const struct quota *q, int64_t n) {
  int64_t max = q->rate * DEBT_MAX_MS;
  return n < max / 1000 ? n * 1000 : max;
}

static int take_from_bucket(const struct quota *q, struct name_entry *e, int64_t n,
                            int *retry_after_s) {
  bucket_fill(q, e);
  int64_t price = milli_of(q, n);
  int64_t needed = price < bucket_size(q) ? price : bucket_size(q);
  if (e->spare_milli >= needed) {
    e->spare_milli -= price;
    return 0;
  }
  int64_t wait_s = (needed - e->spare_milli + bucket_size(q) - 1) / bucket_size(q);
  *retry_after_s = (int)wait_s;
  return CWS_ERATELIMITED;
}

int quota_publish(struct quota *q, const char *user, int64_t n, int *retry_after_s) {
  int code = 0;
  pthread_mutex_lock(&q->mutex);
  if (q->rate > 0 && n > 0) {
    struct name_entry *e = user_entry(q, user);
    code = e != NULL ? take_from_bucket(q, e, n, retry_after_s) : CWS_ENOMEM;
  }
  pthread_mutex_unlock(&q->mutex);
  return code;
}

/* ---- connections ---- */

static bool is_over(int64_t connections, int64_t limit) {
  return limit > 0 && connections >= limit;
}

/* "unix" is counted like an address, which tells held connections from none, but without limit. */
static int take_address(struct quota *q, const char *address, struct name_entry **out) {
  bool is_address = strcmp(address, "unix") != 0;
  struct name_entry *e = name_table_find(&q->addresses, address);
  if (e != NULL && is_address && is_over(e->connections, q->limits.max_connections_per_address))
    return CWS_ETOOMANYCONNECTIONS;
  if (e == NULL)
    e = name_table_add(&q->addresses, address);
  *out = e;
  return e != NULL ? 0 : CWS_ENOMEM;
}

int quota_take_connection(struct quota *q, const char *address, struct quota_hold *hold) {
  struct name_entry *e = NULL;
  pthread_mutex_lock(&q->mutex);
  int code = is_over(q->connections, q->limits.max_connections) ? CWS_ETOOMANYCONNECTIONS : 0;
  if (code == 0)
    code = take_address(q, address, &e);
  if (code == 0) {
    q->connections++;
    e->connections++;
    hold->quota = q;
    hold->address = e;
  }
  pthread_mutex_unlock(&q->mutex);
  return code;
}

int quota_take_user(struct quota *q, const char *user, struct quota_hold *hold) {
  int code = 0;
  pthread_mutex_lock(&q->mutex);
  struct name_entry *e = user_entry(q, user);
  if (e == NULL) {
    code = CWS_ENOMEM;
  } else if (is_over(e->connections, q->limits.max_connections_per_user)) {
    code = CWS_ETOOMANYCONNECTIONS;
  } else {
    e->connections++;
    hold->quota = q;
    hold->user = e;
  }
  pthread_mutex_unlock(&q->mutex);
  return code;
}

static void release_user(struct quota *q, struct name_entry *e) {
  e->connections--;
  if (user_is_idle(e, q))
    name_table_remove(e);
}

static void release_address(struct quota *q, struct name_entry *e) {
  q->connections--;
  e->connections--;
  if (e->connections == 0)
    name_table_remove(e);
}

void quota_release(struct quota_hold *hold) {
  struct quota *q = hold->quota;
  if (q == NULL)
    return;
  pthread_mutex_lock(&q->mutex);
  if (hold->user != NULL)
    release_user(q, hold->user);
  if (hold->address != NULL)
    release_address(q, hold->address);
  pthread_mutex_unlock(&q->mutex);
  *hold = (struct quota_hold){0};
}

int64_t quota_connections(struct quota *q) {
  pthread_mutex_lock(&q->mutex);
  int64_t connections = q->connections;
  pthread_mutex_unlock(&q->mutex);
  return connections;
}
