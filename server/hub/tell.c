/*
 * tell: owns what this hub tells others of its watchers, and what they told this one; only where
 * hubs share the store. What changed is told within a second, and all is told anew in
 * PEERS_TOLD_EVERY_S, a part each second, since what is told may be lost. It must not know how it
 * goes there.
 */
#include "server/hub/hub_inside.h"
#include "server/hub/peers_message.h"

int tell_init(struct tell *t, uint64_t self) {
  if (pthread_mutex_init(&t->lock, NULL))
    return CWS_ENOMEM;
  peers_init(&t->peers, self);
  return 0;
}

void tell_finish(struct tell *t) {
  peers_finish(&t->peers);
  pthread_mutex_destroy(&t->lock);
}

/* ---- telling; on upkeep's thread ---- */

static void send_one(const void *bytes, size_t len, void *user) {
  struct hub *hub = user;
  store_tell(hub->store, bytes, len);
}

/* One that is deleted has left the table of every hub, and its count with it. */
static void tell_of(struct stream *s, unsigned turn, struct peers_writer *w) {
  pthread_mutex_lock(&s->lock);
  bool is_gone = s->state == STREAM_GONE;
  int watchers = s->watchers;
  pthread_mutex_unlock(&s->lock);
  bool is_its_turn = watchers > 0 && s->hash % PEERS_TOLD_EVERY_S == turn;
  if (is_gone || (watchers == s->watchers_told && !is_its_turn))
    return;
  s->watchers_told = watchers;
  peers_writer_add(w, s->request_id, (uint32_t)watchers);
}

void tell_watchers(struct hub *hub, struct stream **streams, size_t count) {
  struct tell *t = &hub->tell;
  struct peers_writer w;
  if (!store_is_shared(hub->store))
    return;
  t->turn = (t->turn + 1) % PEERS_TOLD_EVERY_S;
  peers_writer_init(&w, t->peers.self, send_one, hub);
  for (size_t i = 0; i < count; i++)
    tell_of(streams[i], t->turn, &w);
  peers_writer_finish(&w);
  pthread_mutex_lock(&t->lock);
  peers_sweep(&t->peers, hub_mono_ms(hub));
  pthread_mutex_unlock(&t->lock);
}

void tell_leave(struct hub *hub) {
  struct peers_writer w;
  if (!store_is_shared(hub->store))
    return;
  peers_writer_init(&w, hub->tell.peers.self, send_one, hub);
  peers_writer_leave(&w);
  peers_writer_finish(&w);
}

/* ---- being told, and asked ---- */

void tell_take(struct hub *hub, const void *bytes, size_t len) {
  struct tell *t = &hub->tell;
  pthread_mutex_lock(&t->lock);
  bool is_message = peers_take(&t->peers, bytes, len, hub_mono_ms(hub));
  pthread_mutex_unlock(&t->lock);
  if (!is_message)
    log_debug(hub->options.log, "another hub told something that this one cannot read");
}

int64_t tell_watchers_elsewhere(struct hub *hub, const char *request_id) {
  struct tell *t = &hub->tell;
  if (!store_is_shared(hub->store))
    return 0;
  pthread_mutex_lock(&t->lock);
  int64_t watchers = peers_watchers(&t->peers, request_id, hub_mono_ms(hub));
  pthread_mutex_unlock(&t->lock);
  return watchers;
}

void tell_forget(struct hub *hub, const char *request_id) {
  struct tell *t = &hub->tell;
  pthread_mutex_lock(&t->lock);
  peers_forget_request(&t->peers, request_id);
  pthread_mutex_unlock(&t->lock);
}
