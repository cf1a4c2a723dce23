/*
 * session_registry: the sessions of each worker, so that all of them can be drained, checked again
 * or counted. A worker's part is touched on its loop only.
 */
#include "server/auth/auth.h"
#include "server/ws/session_internal.h"
#include <stdlib.h>
#include <unistd.h>

struct session_registry {
  int count;
  struct worker_sessions workers[];
};

static void worker_init(struct worker_sessions *w) {
  buf_init(&w->json);
  buf_init(&w->out);
  buf_init(&w->text);
  if (getentropy(&w->random, sizeof(w->random)) != 0)
    w->random = (uint64_t)(uintptr_t)w; /* it only spreads things in time */
}

struct session_registry *session_registry_new(int workers) {
  if (workers < 1)
    return NULL;
  struct session_registry *r = calloc(1, sizeof(*r) + (size_t)workers * sizeof(r->workers[0]));
  if (r == NULL)
    return NULL;
  r->count = workers;
  for (int i = 0; i < workers; i++)
    worker_init(&r->workers[i]);
  return r;
}

void session_registry_free(struct session_registry *registry) {
  if (registry == NULL)
    return;
  for (int i = 0; i < registry->count; i++) {
    buf_finish(&registry->workers[i].json);
    buf_finish(&registry->workers[i].out);
    buf_finish(&registry->workers[i].text);
  }
  free(registry);
}

struct worker_sessions *session_registry_worker(struct session_registry *r, int index) {
  return &r->workers[index];
}

void session_registry_add(struct session *s) {
  struct worker_sessions *w = s->worker;
  s->prev = NULL;
  s->next = w->head;
  if (w->head != NULL)
    w->head->prev = s;
  w->head = s;
  w->count++;
  metrics_add(&s->settings->metrics->watchers, 1);
  metrics_add(&s->settings->metrics->sessions_started, 1);
}

void session_registry_remove(struct session *s) {
  struct worker_sessions *w = s->worker;
  if (s->next != NULL)
    s->next->prev = s->prev;
  if (s->prev != NULL)
    s->prev->next = s->next;
  else
    w->head = s->next;
  s->next = s->prev = NULL;
  w->count--;
  metrics_add(&s->settings->metrics->watchers, -1);
}

/* splitmix64 */
uint64_t session_random(struct session *s) {
  uint64_t z = (s->worker->random += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static struct worker_sessions *worker_of(const struct session_settings *settings,
                                         struct loop *loop) {
  return session_registry_worker(settings->registry, loop_index(loop));
}

void session_drain_all(const struct session_settings *settings, struct loop *loop,
                       int64_t spread_ms) {
  struct worker_sessions *w = worker_of(settings, loop);
  w->is_draining = true;
  for (struct session *s = w->head; s != NULL; s = s->next) {
    uint64_t wait = spread_ms > 0 ? session_random(s) % (uint64_t)spread_ms : 0;
    session_close_retry(s, WS_CLOSE_RESTART, "the hub is shutting down", (int64_t)wait);
  }
}

bool session_is_draining(const struct session_settings *settings, struct loop *loop) {
  return worker_of(settings, loop)->is_draining;
}

size_t session_count(const struct session_settings *settings, struct loop *loop) {
  return worker_of(settings, loop)->count;
}

static void recheck(struct session *s, struct auth *auth) {
  struct grants *grants = NULL;
  switch (auth_check(auth, s->grants->token, &grants, NULL)) {
  case CWS_EBADTOKEN:
    session_close(s, WS_CLOSE_REVOKED, "the token is no longer valid");
    break;
  case CWS_ETOKENEXPIRED:
    session_close(s, WS_CLOSE_TOKEN_EXPIRED, "the token has expired");
    break;
  default: /* good, or it cannot be told now */
    break;
  }
  grants_free(grants);
}

void session_recheck_all(const struct session_settings *settings, struct loop *loop,
                         struct auth *auth) {
  for (struct session *s = worker_of(settings, loop)->head; s != NULL; s = s->next)
    recheck(s, auth);
}
