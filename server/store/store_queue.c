/*
 * store_queue: what waits for the writer, in order of arrival, within limits; and who waits for the
 * writer. It owns the tickets: one is drawn for everything that is queued or wished for. It knows
 * nothing of streams and engines.
 */
#include "server/store/store_front.h"

#include <time.h>

#define PENDING_EVENTS_DEFAULT 100000
#define PENDING_BYTES_DEFAULT ((int64_t)64 * 1024 * 1024)

int64_t store_mono_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int cond_init(pthread_cond_t *cond) {
  pthread_condattr_t attr;
  if (pthread_condattr_init(&attr) != 0)
    return CWS_ENOMEM;
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  int sys = pthread_cond_init(cond, &attr);
  pthread_condattr_destroy(&attr);
  return sys == 0 ? 0 : CWS_ENOMEM;
}

int store_queue_init(struct store_queue *q, const struct store_options *options) {
  *q = (struct store_queue){
      .pending_at_ms = INT64_MAX,
      .batch_events = STORE_BATCH_EVENTS,
      .batch_bytes = STORE_BATCH_BYTES,
  };
  q->appends_end = &q->appends;
  q->removes_end = &q->removes;
  q->max_events =
      options->max_pending_events > 0 ? options->max_pending_events : PENDING_EVENTS_DEFAULT;
  q->max_bytes =
      options->max_pending_bytes > 0 ? options->max_pending_bytes : PENDING_BYTES_DEFAULT;
  if (pthread_mutex_init(&q->lock, NULL) != 0)
    return CWS_ENOMEM;
  if (cond_init(&q->work) != 0)
    goto no_work;
  if (cond_init(&q->progress) != 0)
    goto no_progress;
  return 0;

no_progress:
  pthread_cond_destroy(&q->work);
no_work:
  pthread_mutex_destroy(&q->lock);
  return CWS_ENOMEM;
}

void store_queue_finish(struct store_queue *q) {
  pthread_cond_destroy(&q->progress);
  pthread_cond_destroy(&q->work);
  pthread_mutex_destroy(&q->lock);
}

static int64_t append_bytes(const struct store_append *append) {
  int64_t bytes = 0;
  for (size_t i = 0; i < append->count; i++)
    bytes += (int64_t)append->events[i].data_len;
  return bytes;
}

/* An append that is beyond the limits by itself still goes when nothing else waits. */
static bool has_room(const struct store_queue *q, const struct store_append *append) {
  return q->events == 0 || (q->events + (int64_t)append->count <= q->max_events &&
                            q->bytes + append->bytes <= q->max_bytes);
}

int store_queue_append(struct store_queue *q, struct store_append *append) {
  append->bytes = append_bytes(append);
  append->next = NULL;
  pthread_mutex_lock(&q->lock);
  bool takes = !q->closing && has_room(q, append);
  if (takes) {
    append->ticket = ++q->last_ticket;
    *q->appends_end = append;
    q->appends_end = &append->next;
    q->events += (int64_t)append->count;
    q->bytes += append->bytes;
  }
  pthread_mutex_unlock(&q->lock);
  if (takes) /* not under the lock: the writer would wake only to wait for it */
    pthread_cond_signal(&q->work);
  return takes ? 0 : CWS_EBUSY;
}

int store_queue_remove(struct store_queue *q, struct store_remove *remove) {
  remove->next = NULL;
  pthread_mutex_lock(&q->lock);
  bool takes = !q->closing;
  if (takes) {
    remove->ticket = ++q->last_ticket;
    *q->removes_end = remove;
    q->removes_end = &remove->next;
    pthread_cond_signal(&q->work);
  }
  pthread_mutex_unlock(&q->lock);
  return takes ? 0 : CWS_EBUSY;
}

void store_queue_close(struct store_queue *q) {
  pthread_mutex_lock(&q->lock);
  q->closing = true;
  pthread_cond_signal(&q->work);
  pthread_mutex_unlock(&q->lock);
}

void store_queue_nudge(struct store_queue *q, int64_t at_ms) {
  pthread_mutex_lock(&q->lock);
  if (at_ms < q->pending_at_ms) {
    q->pending_at_ms = at_ms;
    pthread_cond_signal(&q->work);
  }
  pthread_mutex_unlock(&q->lock);
}

bool store_queue_take_due(struct store_queue *q) {
  pthread_mutex_lock(&q->lock);
  bool due = q->pending_at_ms <= store_mono_ms();
  if (due)
    q->pending_at_ms = INT64_MAX;
  pthread_mutex_unlock(&q->lock);
  return due;
}

/* ---- taking a batch ---- */

static void take_appends(struct store_queue *q, struct store_batch *out) {
  uint64_t before = q->removes != NULL ? q->removes->ticket : UINT64_MAX;
  struct store_append **end = &out->appends;
  while (q->appends != NULL && q->appends->ticket < before) {
    struct store_append *append = q->appends;
    if (out->appends != NULL && (out->events + (int64_t)append->count > q->batch_events ||
                                 out->bytes + append->bytes > q->batch_bytes))
      break;
    out->events += (int64_t)append->count;
    out->bytes += append->bytes;
    q->appends = append->next;
    *end = append;
    end = &append->next;
    *end = NULL;
  }
  if (q->appends == NULL)
    q->appends_end = &q->appends;
}

static void take_removes(struct store_queue *q, struct store_batch *out) {
  uint64_t before = q->appends != NULL ? q->appends->ticket : UINT64_MAX;
  struct store_remove **end = &out->removes;
  for (int n = 0; n < STORE_BATCH_REMOVES && q->removes != NULL && q->removes->ticket < before;
       n++) {
    struct store_remove *remove = q->removes;
    q->removes = remove->next;
    *end = remove;
    end = &remove->next;
    *end = NULL;
  }
  if (q->removes == NULL)
    q->removes_end = &q->removes;
}

static bool is_empty(const struct store_queue *q) {
  return q->appends == NULL && q->removes == NULL;
}

static bool has_wishes(const struct store_queue *q) {
  return q->flush.wanted > q->flush.done || q->sweep.wanted > q->sweep.done;
}

/* Or until woken. */
static void sleep_until(struct store_queue *q, int64_t ms) {
  struct timespec at = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  pthread_cond_timedwait(&q->work, &q->lock, &at);
}

/* Sleeps until there is something to do or it is wake_ms. */
static void wait_for_work(struct store_queue *q, int64_t wake_ms) {
  while (is_empty(q) && !has_wishes(q) && !q->closing && !q->is_rung) {
    int64_t until = wake_ms < q->pending_at_ms ? wake_ms : q->pending_at_ms;
    if (until <= store_mono_ms())
      break;
    sleep_until(q, until);
  }
  q->is_rung = false;
}

void store_queue_wait(struct store_queue *q, int64_t wake_ms) {
  pthread_mutex_lock(&q->lock);
  while (!q->is_rung && wake_ms > store_mono_ms())
    sleep_until(q, wake_ms);
  q->is_rung = false;
  pthread_mutex_unlock(&q->lock);
}

void store_queue_ring(struct store_queue *q) {
  pthread_mutex_lock(&q->lock);
  q->is_rung = true;
  pthread_cond_signal(&q->work);
  pthread_mutex_unlock(&q->lock);
}

bool store_queue_take(struct store_queue *q, int64_t wake_ms, struct store_batch *out) {
  *out = (struct store_batch){0};
  pthread_mutex_lock(&q->lock);
  wait_for_work(q, wake_ms);
  bool goes_on = !q->closing || !is_empty(q);
  if (q->appends != NULL && (q->removes == NULL || q->appends->ticket < q->removes->ticket))
    take_appends(q, out);
  else
    take_removes(q, out);
  pthread_mutex_unlock(&q->lock);
  return goes_on;
}

void store_queue_release(struct store_queue *q, const struct store_batch *batch) {
  pthread_mutex_lock(&q->lock);
  q->events -= batch->events;
  q->bytes -= batch->bytes;
  pthread_mutex_unlock(&q->lock);
}

/* ---- wishes ---- */

int store_queue_wish(struct store_queue *q, struct store_wish *wish) {
  pthread_mutex_lock(&q->lock);
  uint64_t ticket = ++q->last_ticket;
  wish->wanted = ticket;
  pthread_cond_signal(&q->work);
  while (wish->done < ticket)
    pthread_cond_wait(&q->progress, &q->lock);
  int code = wish->code;
  pthread_mutex_unlock(&q->lock);
  return code;
}

uint64_t store_queue_wished(struct store_queue *q, const struct store_wish *wish) {
  pthread_mutex_lock(&q->lock);
  uint64_t ticket = wish->wanted;
  if (ticket == wish->done || (q->appends != NULL && q->appends->ticket < ticket) ||
      (q->removes != NULL && q->removes->ticket < ticket))
    ticket = 0;
  pthread_mutex_unlock(&q->lock);
  return ticket;
}

void store_queue_grant(struct store_queue *q, struct store_wish *wish, uint64_t ticket, int code) {
  pthread_mutex_lock(&q->lock);
  wish->done = ticket;
  wish->code = code;
  pthread_cond_broadcast(&q->progress);
  pthread_mutex_unlock(&q->lock);
}
