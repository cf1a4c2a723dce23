#include "tests/unit/hub/share.h"

#include "server/hub/hub_inside.h"
#include <stdio.h>
#include <string.h>

enum { HUBS_MAX = 4, EVENTS_MAX = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  struct hub *hubs[HUBS_MAX];
  size_t count, told;
  char first_epoch[CWS_EPOCH_MAX + 1];
  bool is_lossy;
} shared;

void share_begin(void) {
  pthread_mutex_lock(&lock);
  memset(&shared, 0, sizeof shared);
  pthread_mutex_unlock(&lock);
  share_set_first_epoch("first");
}

void share_join(struct fixture *f) {
  pthread_mutex_lock(&lock);
  assert_true(shared.count < HUBS_MAX);
  shared.hubs[shared.count++] = f->hub;
  pthread_mutex_unlock(&lock);
}

void share_set_first_epoch(const char *epoch) {
  pthread_mutex_lock(&lock);
  snprintf(shared.first_epoch, sizeof shared.first_epoch, "%s", epoch);
  pthread_mutex_unlock(&lock);
}

void share_lose(bool is_lossy) {
  pthread_mutex_lock(&lock);
  shared.is_lossy = is_lossy;
  pthread_mutex_unlock(&lock);
}

size_t share_told(void) {
  pthread_mutex_lock(&lock);
  size_t told = shared.told;
  pthread_mutex_unlock(&lock);
  return told;
}

const struct store_listener *share_listener(const struct fixture *f) {
  return &f->hub->options.store.listener;
}

static void on_stored(struct store_append *append) {
  (void)append;
}

void share_append(struct fixture *f, const char *request_id, const char *owner, size_t count) {
  static const char data[] = "{\"cost\":1}";
  struct store_event events[EVENTS_MAX];
  struct store_append append = {.request_id = request_id,
                                .owner = owner,
                                .events = events,
                                .count = count,
                                .is_foreign = true,
                                .done = on_stored};
  assert_true(count <= EVENTS_MAX);
  for (size_t i = 0; i < count; i++)
    events[i] = (struct store_event){.type = "execution_progress",
                                     .timestamp = "2026-01-01T00:00:00Z",
                                     .data = data,
                                     .data_len = sizeof data - 1};
  assert_int_equal(store_append(hub_store(f->hub), &append), 0);
  assert_int_equal(store_flush(hub_store(f->hub)), 0);
  assert_int_equal(append.code, 0);
  for (size_t i = 0; i < count; i++)
    assert_null(events[i].facts);
}

/* ---- instead of the store's ---- */

bool __wrap_store_is_shared(const struct store *s);
bool __wrap_store_first_epoch(struct store *s, const char *request_id, char out[CWS_EPOCH_MAX + 1]);
void __wrap_store_tell(struct store *s, const void *bytes, size_t len);
void __real_store_close(struct store *s);
void __wrap_store_close(struct store *s);

bool __wrap_store_is_shared(const struct store *s) {
  bool is_shared = false;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < shared.count; i++)
    is_shared = is_shared || shared.hubs[i]->store == s;
  pthread_mutex_unlock(&lock);
  return is_shared;
}

bool __wrap_store_first_epoch(struct store *s, const char *request_id,
                              char out[CWS_EPOCH_MAX + 1]) {
  (void)request_id;
  if (!__wrap_store_is_shared(s))
    return false;
  pthread_mutex_lock(&lock);
  memcpy(out, shared.first_epoch, sizeof shared.first_epoch);
  pthread_mutex_unlock(&lock);
  return true;
}

void __wrap_store_tell(struct store *s, const void *bytes, size_t len) {
  struct hub *others[HUBS_MAX];
  size_t count = 0;
  pthread_mutex_lock(&lock);
  shared.told++;
  for (size_t i = 0; i < shared.count && !shared.is_lossy; i++) {
    if (shared.hubs[i]->store != s)
      others[count++] = shared.hubs[i];
  }
  pthread_mutex_unlock(&lock);
  for (size_t i = 0; i < count; i++) {
    const struct store_listener *l = &others[i]->options.store.listener;
    l->on_told(bytes, len, l->user);
  }
}

void __wrap_store_close(struct store *s) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < shared.count; i++) {
    if (shared.hubs[i]->store == s)
      shared.hubs[i--] = shared.hubs[--shared.count];
  }
  pthread_mutex_unlock(&lock);
  __real_store_close(s);
}
