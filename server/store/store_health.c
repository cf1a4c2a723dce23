/*
 * store_health: whether appends can succeed. A failed transaction says no; the engine is asked
 * again at most once a second, so that service comes back by itself. Readable from any thread.
 */
#include "lib/core/err.h"
#include "server/store/store_front.h"

int store_health_init(struct store_health *h) {
  h->why = (struct cws_error){0};
  h->next_probe_ms = 0;
  atomic_init(&h->is_writable, true);
  return pthread_mutex_init(&h->lock, NULL) == 0 ? 0 : CWS_ENOMEM;
}

void store_health_finish(struct store_health *h) {
  pthread_mutex_destroy(&h->lock);
}

/* True: it was writable until now. */
static bool note(struct store_health *h, const struct cws_error *why) {
  pthread_mutex_lock(&h->lock);
  h->why = *why;
  pthread_mutex_unlock(&h->lock);
  return atomic_exchange(&h->is_writable, false);
}

void store_health_failed(struct store *s, const struct cws_error *why) {
  struct store_health *h = &s->health;
  if (why->code == CWS_ENOMEM || why->code == CWS_ECORRUPT)
    return;
  h->next_probe_ms = store_mono_ms() + STORE_PROBE_MS;
  if (note(h, why)) {
    s->sweeper.expiring = s->sweeper.collecting = true; /* may make room */
    log_error(s->options.log, "store: not writable: %s", why->message);
  }
}

void store_health_waits(struct store *s, const struct cws_error *why) {
  if (note(&s->health, why))
    log_info(s->options.log, "store: %s", why->message);
}

void store_health_mended(struct store *s) {
  if (!atomic_exchange(&s->health.is_writable, true))
    log_info(s->options.log, "store: writable again");
}

bool store_health_check(struct store *s, struct cws_error *err) {
  struct store_health *h = &s->health;
  if (atomic_load(&h->is_writable))
    return true;
  if (store_mono_ms() >= h->next_probe_ms) {
    h->next_probe_ms = store_mono_ms() + STORE_PROBE_MS;
    struct cws_error why = {0};
    if (s->engine->ops->probe(s->engine, &why) == 0) {
      store_health_mended(s);
      return true;
    }
    store_health_failed(s, &why);
  }
  err_set(err, CWS_ESTORE, "%s", h->why.message);
  return false;
}

bool store_is_writable(struct store *s, struct cws_error *why) {
  struct store_health *h = &s->health;
  if (atomic_load(&h->is_writable))
    return true;
  pthread_mutex_lock(&h->lock);
  err_set(why, CWS_ESTORE, "%s", h->why.message);
  pthread_mutex_unlock(&h->lock);
  return false;
}
