/*
 * worker: owns what goes from other threads to a worker's loop: tasks, and the wakes of watchers.
 * However many there are, one mail is under way to a worker at a time; answers come before the
 * wakes of the same commit.
 */
#include "server/hub/hub_inside.h"

#include <stdlib.h>
#include <string.h>

enum {
  BYTES_KEPT = 256 * 1024, /* of the room for a batch, between batches */
  FANOUT_LARGE = 64        /* watchers of a stream on a worker; chosen, not measured */
};

static void worker_mail(struct mail *mail) {
  worker_run(CONTAINER_OF(mail, struct worker, mail));
}

int worker_init(struct worker *w, struct hub *hub, int index) {
  *w = (struct worker){.hub = hub, .index = index, .mail.run = worker_mail};
  w->tasks_end = &w->tasks;
  w->dirty_end = &w->dirty;
  w->touched_end = &w->touched;
  buf_init(&w->bytes);
  buf_init(&w->deflated);
  return pthread_mutex_init(&w->lock, NULL) ? CWS_ENOMEM : 0;
}

void worker_finish(struct worker *w) {
  pthread_mutex_destroy(&w->lock);
  free(w->frames);
  buf_finish(&w->bytes);
  buf_finish(&w->deflated);
  ws_deflater_free(w->deflater);
}

struct ws_deflater *worker_deflater(struct worker *w) {
  if (!w->deflater)
    w->deflater = ws_deflater_new();
  return w->deflater;
}

/* Under the worker's lock, so that silence means that no post is under way. */
static void post(struct worker *w) {
  struct hub *hub = w->hub;
  if (w->is_posted || atomic_load(&hub->is_silent))
    return;
  w->is_posted = true;
  hub->options.post(w->index, &w->mail, hub->options.user);
}

void worker_send(struct hub *hub, int worker, struct mail *mail) {
  struct worker *w = &hub->workers[worker];
  mail->next = NULL;
  pthread_mutex_lock(&w->lock);
  *w->tasks_end = mail;
  w->tasks_end = &mail->next;
  post(w);
  pthread_mutex_unlock(&w->lock);
}

void worker_silence(struct worker *w) {
  pthread_mutex_lock(&w->lock);
  pthread_mutex_unlock(&w->lock);
}

/* ---- who is to be woken; on the writer's thread ---- */

static void seat_touch(struct worker *w, struct seat *seat) {
  if (seat->is_touched)
    return;
  seat->is_touched = true;
  seat->next_touched = NULL;
  stream_ref(seat->stream);
  *w->touched_end = seat;
  w->touched_end = &seat->next_touched;
}

void worker_touch(struct stream *s) {
  struct hub *hub = s->hub;
  pthread_mutex_lock(&s->lock);
  for (int i = 0; i < hub->worker_count && s->watchers > 0; i++) {
    if (s->seats[i].watchers > 0)
      seat_touch(&hub->workers[i], &s->seats[i]);
  }
  pthread_mutex_unlock(&s->lock);
}

/* Under the worker's lock. Takes the reference. */
static void seat_soil(struct worker *w, struct seat *seat) {
  if (seat->is_dirty) {
    stream_unref(seat->stream);
    return;
  }
  seat->is_dirty = true;
  seat->next_dirty = NULL;
  *w->dirty_end = seat;
  w->dirty_end = &seat->next_dirty;
}

static void end_batch(struct worker *w) {
  struct seat *seat = w->touched;
  if (!seat)
    return;
  w->touched = NULL;
  w->touched_end = &w->touched;
  pthread_mutex_lock(&w->lock);
  while (seat) {
    struct seat *next = seat->next_touched;
    seat->is_touched = false;
    seat_soil(w, seat);
    seat = next;
  }
  post(w);
  pthread_mutex_unlock(&w->lock);
}

void worker_end_batch(struct hub *hub) {
  for (int i = 0; i < hub->worker_count; i++)
    end_batch(&hub->workers[i]);
}

/* ---- waking; on the worker's loop ---- */

static bool frames_reserve(struct worker *w, size_t n) {
  if (n <= w->frames_cap)
    return true;
  struct frame **frames = realloc(w->frames, n * sizeof(struct frame *));
  if (!frames)
    return false;
  w->frames = frames;
  w->frames_cap = n;
  return true;
}

/* Under the stream's lock: references to the frames that came since the last wake. Returns how
 * many; 0 where a batch would be of no use to anybody: another epoch, not in the tail any more, no
 * memory. */
static size_t collect(struct worker *w, struct seat *seat, struct stream_batch *batch) {
  struct stream *s = seat->stream;
  bool is_same = seat->woken_generation == s->generation && s->state == STREAM_LIVE;
  size_t n = 0;
  batch->after_id = seat->woken_id;
  if (is_same && tail_follows(&s->tail, seat->woken_id)) {
    n = tail_span(&s->tail, seat->woken_id, SIZE_MAX, &batch->len);
    if (!frames_reserve(w, n))
      n = 0;
  }
  for (size_t i = 0; i < n; i++)
    w->frames[i] = frame_ref(tail_at(&s->tail, seat->woken_id, i));
  seat->woken_id = n > 0 ? seat->woken_id + (int64_t)n : s->last_id;
  seat->woken_generation = s->generation;
  batch->last_id = seat->woken_id;
  return n;
}

/* One frame goes as it is; several are put in one piece. False when memory is out. */
static bool join_frames(struct worker *w, size_t n, struct stream_batch *batch) {
  batch->bytes = w->frames[0]->bytes;
  if (n == 1)
    return true;
  buf_reset(&w->bytes);
  if (buf_reserve(&w->bytes, batch->len))
    return false;
  for (size_t i = 0; i < n; i++)
    buf_add(&w->bytes, w->frames[i]->bytes, w->frames[i]->len);
  batch->bytes = w->bytes.data;
  return !w->bytes.failed;
}

static void deflate_frames(struct worker *w, size_t n, struct stream_batch *batch) {
  struct ws_deflater *d = worker_deflater(w);
  buf_reset(&w->deflated);
  if (!d)
    return;
  for (size_t i = 0; i < n; i++) {
    const struct frame *f = frame_deflated(w->frames[i], d);
    buf_add(&w->deflated, f->bytes, f->len);
  }
  if (w->deflated.failed)
    return;
  batch->deflated = w->deflated.data;
  batch->deflated_len = w->deflated.len;
}

static void drop_large(struct buf *b) {
  if (b->cap <= BYTES_KEPT)
    return;
  buf_finish(b);
  buf_init(b);
}

static void wake_all(struct worker *w, struct seat *seat, const struct stream_batch *batch) {
  int64_t woken = 0;
  seat->cursor = seat->first;
  while (seat->cursor) {
    struct stream_watch *watch = seat->cursor;
    seat->cursor = watch->next;
    watch->wake(watch, batch);
    woken++;
  }
  if (batch)
    atomic_fetch_add_explicit(&w->hub->delivered_bytes, woken * (int64_t)batch->len,
                              memory_order_relaxed);
}

static void wake_seat(struct worker *w, struct seat *seat) {
  struct stream *s = seat->stream;
  char epoch[CWS_EPOCH_MAX + 1];
  struct stream_batch batch = {.epoch = epoch};
  if (!seat->first)
    return;
  pthread_mutex_lock(&s->lock);
  size_t n = collect(w, seat, &batch);
  memcpy(epoch, s->epoch, sizeof epoch);
  pthread_mutex_unlock(&s->lock);
  bool has_batch = n > 0 && join_frames(w, n, &batch);
  if (has_batch && seat->deflating > 0)
    deflate_frames(w, n, &batch);
  wake_all(w, seat, has_batch ? &batch : NULL);
  for (size_t i = 0; i < n; i++)
    frame_unref(w->frames[i]);
  drop_large(&w->bytes);
  drop_large(&w->deflated);
}

static void run_tasks(struct mail *task) {
  while (task) {
    struct mail *next = task->next;
    task->run(task);
    task = next;
  }
}

/*
 * A write to each of many watchers takes longer than a commit. So what is about to come shares it:
 * first the sockets have their turn, and where publishes come from them, the answer to those is
 * waited for, which brings the next wake along. No longer: each wait is one commit at most.
 */
static bool has_to_wait(struct worker *w, struct seat *seat) {
  if (seat->watchers < FANOUT_LARGE || seat->waited == SEAT_HAS_WAITED)
    return false;
  if (seat->waited == SEAT_IS_NEW) {
    seat->waited = SEAT_SOCKETS_FIRST;
    return true;
  }
  seat->waited = SEAT_HAS_WAITED;
  return w->publishing > 0;
}

/* Under the lock: back to what is dirty. */
static void put_back(struct worker *w, struct seat *seat) {
  seat->next_dirty = NULL;
  *w->dirty_end = seat;
  w->dirty_end = &seat->next_dirty;
  if (seat->waited == SEAT_SOCKETS_FIRST)
    post(w);
}

static void run_wakes(struct worker *w, struct seat *seat) {
  while (seat) {
    pthread_mutex_lock(&w->lock);
    struct seat *next = seat->next_dirty;
    bool waits = !atomic_load(&w->hub->is_silent) && has_to_wait(w, seat);
    if (waits)
      put_back(w, seat);
    else
      seat->is_dirty = false;
    pthread_mutex_unlock(&w->lock);
    if (!waits) {
      seat->waited = SEAT_IS_NEW;
      wake_seat(w, seat);
      stream_unref(seat->stream);
    }
    seat = next;
  }
}

bool worker_run(struct worker *w) {
  pthread_mutex_lock(&w->lock);
  w->is_posted = false;
  struct mail *tasks = w->tasks;
  struct seat *dirty = w->dirty;
  w->tasks = NULL;
  w->tasks_end = &w->tasks;
  w->dirty = NULL;
  w->dirty_end = &w->dirty;
  pthread_mutex_unlock(&w->lock);
  run_tasks(tasks);
  run_wakes(w, dirty);
  return tasks || dirty;
}
