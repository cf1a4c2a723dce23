/* key_server: a fake hub that only replies; see key_server.h. */
#include "tests/unit/auth/key_server.h"

#include "tests/unit/client/fake_hub.h"
#include <stdio.h>

static void reply(struct fake_conn *c, int index, void *user) {
  struct key_server *s = user;
  (void)index;
  pthread_mutex_lock(&s->mutex);
  int status = s->status;
  const char *body = s->body;
  pthread_mutex_unlock(&s->mutex);
  fake_reply(c, status, "", body);
}

void key_server_start(struct key_server *s, const char *body) {
  pthread_mutex_init(&s->mutex, NULL);
  s->status = 200;
  s->body = body;
  s->hub = fake_hub_start(NULL, reply, s);
  snprintf(s->url, sizeof s->url, "%s/keys", fake_hub_url(s->hub));
}

void key_server_set(struct key_server *s, int status, const char *body) {
  pthread_mutex_lock(&s->mutex);
  s->status = status;
  s->body = body;
  pthread_mutex_unlock(&s->mutex);
}

int key_server_requests(struct key_server *s) {
  return fake_hub_connections(s->hub);
}

void key_server_stop(struct key_server *s) {
  fake_hub_stop(s->hub);
  pthread_mutex_destroy(&s->mutex);
}
