/*
 * store_writer: the one thread that writes. It takes a batch, has it applied, and between batches
 * does what else is due, a slice at a time: coalesced writes, retention, the engine's upkeep.
 */
#include "server/store/store_shared.h"

/* All that is pending now: the round under way, and one more. */
static int coalesce_all(struct store *s) {
  int code = 0;
  for (int round = 0; code == 0 && round < 2; round++) {
    bool more;
    do
      code = store_coalesce(s, &more);
    while (code == 0 && more);
  }
  return code;
}

static void do_coalesced(struct store *s) {
  bool more;
  if (s->coalescing != NULL || store_queue_take_due(&s->queue))
    store_coalesce(s, &more);
  uint64_t ticket = store_queue_wished(&s->queue, &s->queue.flush);
  if (ticket != 0)
    store_queue_grant(&s->queue, &s->queue.flush, ticket, coalesce_all(s));
}

static void do_sweep(struct store *s) {
  struct store_sweeper *w = &s->sweeper;
  if (w->ticket == 0)
    w->ticket = store_queue_wished(&s->queue, &s->queue.sweep);
  if ((w->ticket != 0 && !w->is_asked) || store_mono_ms() >= w->next_ms) {
    w->expiring = w->collecting = true;
    w->is_asked = w->ticket != 0;
    w->next_ms = store_mono_ms() + STORE_SWEEP_MS;
  }
  bool more = false;
  int code = 0;
  if (w->expiring || w->collecting)
    code = store_sweep_slice(s, &more);
  if (w->is_asked && !more) {
    store_queue_grant(&s->queue, &s->queue.sweep, w->ticket, code);
    w->ticket = 0;
    w->is_asked = false;
  }
}

/* When to wake without work; 0: at once. */
static int64_t wake_ms(const struct store *s) {
  if (s->coalescing != NULL || s->sweeper.expiring || s->sweeper.collecting)
    return 0;
  int64_t wake = s->sweeper.next_ms;
  if (!atomic_load(&s->health.is_writable) && s->health.next_probe_ms < wake)
    wake = s->health.next_probe_ms;
  return wake;
}

static void do_batch(struct store *s, const struct store_batch *batch) {
  if (batch->appends != NULL)
    store_apply_appends(s, batch->appends);
  if (batch->removes != NULL)
    store_apply_removes(s, batch->removes);
  store_queue_release(&s->queue, batch);
}

static void *writer_main(void *arg) {
  struct store *s = arg;
  struct store_batch batch;
  while (store_queue_take(&s->queue, wake_ms(s), &batch)) {
    do_batch(s, &batch);
    store_health_check(s, NULL);
    do_coalesced(s);
    do_sweep(s);
    s->engine->ops->tidy(s->engine);
    store_streams_shrink(&s->streams);
  }
  coalesce_all(s); /* a failure was logged; there is nobody left to tell */
  return NULL;
}

int store_writer_start(struct store *s) {
  s->sweeper =
      (struct store_sweeper){.collecting = true, .next_ms = store_mono_ms() + STORE_SWEEP_MS};
  void *(*run)(void *) = s->shared != NULL ? store_shared_main : writer_main;
  return pthread_create(&s->writer, NULL, run, s) == 0 ? 0 : CWS_ESYSTEM;
}

void store_writer_join(struct store *s) {
  store_queue_close(&s->queue);
  pthread_join(s->writer, NULL);
}
