/* store_pending: two sets of entries, what waits and what is being written. It knows no engine. */
#include "server/store/store_pending.h"

#include <councilws/error.h>
#include <stdlib.h>
#include <string.h>

#define PENDING_BUCKETS_MIN 64

static int set_init(struct store_pending_set *set) {
  *set = (struct store_pending_set){.cap = PENDING_BUCKETS_MIN};
  set->buckets = calloc(set->cap, sizeof(struct store_pending_entry *));
  set->end = &set->first;
  return set->buckets != NULL ? 0 : CWS_ENOMEM;
}

static void entry_free(struct store_pending_entry *entry) {
  free(entry->json);
  free(entry);
}

static void set_clear(struct store_pending_set *set) {
  while (set->first != NULL) {
    struct store_pending_entry *entry = set->first;
    set->first = entry->next;
    entry_free(entry);
  }
  if (set->buckets != NULL)
    memset(set->buckets, 0, set->cap * sizeof(struct store_pending_entry *));
  set->end = &set->first;
  set->count = 0;
}

int store_pending_init(struct store_pending *p) {
  siphash_key_init(&p->key);
  atomic_init(&p->rounds, 0);
  int first = set_init(&p->waiting), second = set_init(&p->taken);
  if (first == 0 && second == 0 && pthread_mutex_init(&p->lock, NULL) == 0)
    return 0;
  free(p->waiting.buckets);
  free(p->taken.buckets);
  return CWS_ENOMEM;
}

void store_pending_finish(struct store_pending *p) {
  set_clear(&p->waiting);
  set_clear(&p->taken);
  free(p->waiting.buckets);
  free(p->taken.buckets);
  pthread_mutex_destroy(&p->lock);
}

/* ---- one set ---- */

static uint64_t hash_of(const struct store_pending *p, const struct store_pending_item *item) {
  struct siphash request = siphash_of(&p->key, item->request_id, strlen(item->request_id));
  struct siphash subscriber = siphash_of(&p->key, item->subscriber, strlen(item->subscriber));
  return request.word[0] * 3 + subscriber.word[0] + (item->json != NULL);
}

static bool is_same(const struct store_pending_entry *entry,
                    const struct store_pending_item *item) {
  return (entry->json == NULL) == (item->json == NULL) &&
         strcmp(entry->request_id, item->request_id) == 0 &&
         strcmp(entry->subscriber, item->subscriber) == 0 && strcmp(entry->epoch, item->epoch) == 0;
}

static struct store_pending_entry *set_find(const struct store_pending_set *set, uint64_t hash,
                                            const struct store_pending_item *item) {
  struct store_pending_entry *entry = set->buckets[hash & (set->cap - 1)];
  while (entry != NULL && (entry->hash != hash || !is_same(entry, item)))
    entry = entry->chain;
  return entry;
}

static void chain(struct store_pending_entry **buckets, size_t cap,
                  struct store_pending_entry *entry) {
  struct store_pending_entry **bucket = &buckets[entry->hash & (cap - 1)];
  entry->chain = *bucket;
  *bucket = entry;
}

/* Fuller buckets are slower, nothing else; so a failed allocation is no error. */
static void set_grow(struct store_pending_set *set) {
  size_t cap = set->cap * 2;
  struct store_pending_entry **buckets = calloc(cap, sizeof(struct store_pending_entry *));
  if (buckets == NULL)
    return;
  for (struct store_pending_entry *entry = set->first; entry != NULL; entry = entry->next)
    chain(buckets, cap, entry);
  free(set->buckets);
  set->buckets = buckets;
  set->cap = cap;
}

static void set_add(struct store_pending_set *set, struct store_pending_entry *entry) {
  if (set->count >= set->cap)
    set_grow(set);
  chain(set->buckets, set->cap, entry);
  entry->next = NULL;
  *set->end = entry;
  set->end = &entry->next;
  set->count++;
}

static struct store_pending_entry *entry_new(const struct store_pending_item *item, uint64_t hash) {
  size_t request = strlen(item->request_id) + 1, epoch = strlen(item->epoch) + 1;
  size_t subscriber = strlen(item->subscriber) + 1;
  struct store_pending_entry *entry = calloc(1, sizeof(*entry) + request + epoch + subscriber);
  if (entry == NULL)
    return NULL;
  entry->request_id = memcpy(entry->text, item->request_id, request);
  entry->epoch = memcpy(entry->text + request, item->epoch, epoch);
  entry->subscriber = memcpy(entry->text + request + epoch, item->subscriber, subscriber);
  entry->hash = hash;
  entry->message_id = item->message_id;
  if (item->json != NULL && (entry->json = strdup(item->json)) == NULL) {
    free(entry);
    return NULL;
  }
  return entry;
}

/* Moves it on to what `item` says, if that is ahead. */
static int entry_advance(struct store_pending_entry *entry, const struct store_pending_item *item) {
  if (item->message_id < entry->message_id)
    return 0;
  if (item->json != NULL) {
    char *json = strdup(item->json);
    if (json == NULL)
      return CWS_ENOMEM;
    free(entry->json);
    entry->json = json;
  }
  entry->message_id = item->message_id;
  return 0;
}

int store_pending_put(struct store_pending *p, const struct store_pending_item *item,
                      bool *is_first) {
  uint64_t hash = hash_of(p, item);
  int code = 0;
  pthread_mutex_lock(&p->lock);
  *is_first = p->waiting.count == 0;
  struct store_pending_entry *entry = set_find(&p->waiting, hash, item);
  if (entry != NULL)
    code = entry_advance(entry, item);
  else if ((entry = entry_new(item, hash)) != NULL)
    set_add(&p->waiting, entry);
  else
    code = CWS_ENOMEM;
  pthread_mutex_unlock(&p->lock);
  return code;
}

/* ---- rounds ---- */

static void swap_sets(struct store_pending *p) {
  struct store_pending_set set = p->waiting;
  p->waiting = p->taken;
  p->taken = set;
  if (p->waiting.first == NULL)
    p->waiting.end = &p->waiting.first;
  if (p->taken.first == NULL)
    p->taken.end = &p->taken.first;
}

struct store_pending_entry *store_pending_take(struct store_pending *p) {
  pthread_mutex_lock(&p->lock);
  swap_sets(p);
  struct store_pending_entry *first = p->taken.first;
  pthread_mutex_unlock(&p->lock);
  return first;
}

void store_pending_drop(struct store_pending *p) {
  pthread_mutex_lock(&p->lock);
  set_clear(&p->taken);
  atomic_fetch_add(&p->rounds, 1);
  pthread_mutex_unlock(&p->lock);
}

/* Puts a taken entry back, or into the one that came meanwhile. */
static void put_back(struct store_pending_set *set, struct store_pending_entry *entry) {
  struct store_pending_item item = {entry->request_id, entry->epoch, entry->subscriber, entry->json,
                                    entry->message_id};
  struct store_pending_entry *newer = set_find(set, entry->hash, &item);
  if (newer == NULL) {
    set_add(set, entry);
    return;
  }
  if (newer->message_id < entry->message_id) {
    char *json = newer->json;
    newer->json = entry->json;
    newer->message_id = entry->message_id;
    entry->json = json;
  }
  entry_free(entry);
}

void store_pending_restore(struct store_pending *p) {
  pthread_mutex_lock(&p->lock);
  struct store_pending_entry *next;
  for (struct store_pending_entry *entry = p->taken.first; entry != NULL; entry = next) {
    next = entry->next;
    put_back(&p->waiting, entry);
  }
  p->taken.first = NULL;
  set_clear(&p->taken);
  pthread_mutex_unlock(&p->lock);
}

/* ---- readers ---- */

int64_t store_pending_position(struct store_pending *p, const char *request_id, const char *epoch,
                               const char *subscriber) {
  struct store_pending_item item = {request_id, epoch, subscriber, NULL, 0};
  uint64_t hash = hash_of(p, &item);
  int64_t id = 0;
  pthread_mutex_lock(&p->lock);
  const struct store_pending_entry *waiting = set_find(&p->waiting, hash, &item);
  const struct store_pending_entry *taken = set_find(&p->taken, hash, &item);
  if (waiting != NULL)
    id = waiting->message_id;
  if (taken != NULL && taken->message_id > id)
    id = taken->message_id;
  pthread_mutex_unlock(&p->lock);
  return id;
}

char *store_pending_summary(struct store_pending *p, const char *request_id, const char *epoch,
                            int64_t *message_id) {
  struct store_pending_item item = {request_id, epoch, "", "", 0};
  uint64_t hash = hash_of(p, &item);
  char *json = NULL;
  pthread_mutex_lock(&p->lock);
  const struct store_pending_entry *entry = set_find(&p->waiting, hash, &item);
  if (entry == NULL)
    entry = set_find(&p->taken, hash, &item);
  if (entry != NULL && entry->message_id >= *message_id && (json = strdup(entry->json)) != NULL)
    *message_id = entry->message_id;
  pthread_mutex_unlock(&p->lock);
  return json;
}

static void set_each(const struct store_pending_set *set, const char *request_id, const char *epoch,
                     void (*fn)(const struct store_pending_entry *entry, void *user), void *user) {
  for (const struct store_pending_entry *entry = set->first; entry != NULL; entry = entry->next)
    if (entry->json == NULL && strcmp(entry->request_id, request_id) == 0 &&
        strcmp(entry->epoch, epoch) == 0)
      fn(entry, user);
}

void store_pending_each(struct store_pending *p, const char *request_id, const char *epoch,
                        void (*fn)(const struct store_pending_entry *entry, void *user),
                        void *user) {
  pthread_mutex_lock(&p->lock);
  set_each(&p->taken, request_id, epoch, fn, user);
  set_each(&p->waiting, request_id, epoch, fn, user);
  pthread_mutex_unlock(&p->lock);
}
