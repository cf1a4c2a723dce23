/*
 * peers: owns the table of what other hubs told, a word for each hub and request; by request, since
 * that is asked for. It must not know streams, locks or clocks.
 */
#include "server/hub/peers.h"

#include "server/hub/peers_message.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

struct peer_word {
  struct peer_word *next; /* in its bucket */
  uint64_t hash, hub;
  int64_t heard_ms;
  uint32_t watchers;
  char request_id[];
};

void peers_init(struct peers *p, uint64_t self) {
  *p = (struct peers){.self = self};
  siphash_key_init(&p->key);
}

static void remove_at(struct peers *p, struct peer_word **link) {
  struct peer_word *word = *link;
  *link = word->next;
  free(word);
  p->count--;
}

void peers_finish(struct peers *p) {
  for (size_t i = 0; i < p->cap; i++) {
    while (p->buckets[i])
      remove_at(p, &p->buckets[i]);
  }
  free(p->buckets);
  p->buckets = NULL;
  p->cap = 0;
}

/* ---- the table ---- */

static uint64_t hash_of(const struct peers *p, const char *request_id) {
  return siphash_of(&p->key, request_id, strlen(request_id)).word[0];
}

static bool is_of(const struct peer_word *word, uint64_t hash, const char *request_id) {
  return word->hash == hash && strcmp(word->request_id, request_id) == 0;
}

/* A table that cannot grow works on with longer chains, except for the first. */
static bool grow(struct peers *p) {
  size_t cap = p->cap ? p->cap * 2 : FIRST_CAP;
  struct peer_word **buckets = calloc(cap, sizeof *buckets);
  if (!buckets)
    return p->cap > 0;
  for (size_t i = 0; i < p->cap; i++) {
    for (struct peer_word *word = p->buckets[i], *next; word; word = next) {
      next = word->next;
      word->next = buckets[word->hash & (cap - 1)];
      buckets[word->hash & (cap - 1)] = word;
    }
  }
  free(p->buckets);
  p->buckets = buckets;
  p->cap = cap;
  return true;
}

/* NULL when it is full, or memory is out. */
static struct peer_word *add(struct peers *p, uint64_t hash, const char *request_id) {
  if (p->count >= PEERS_MAX || (p->count >= p->cap && !grow(p)))
    return NULL;
  size_t size = strlen(request_id) + 1;
  struct peer_word *word = calloc(1, sizeof *word + size);
  if (!word)
    return NULL;
  memcpy(word->request_id, request_id, size);
  word->hash = hash;
  word->next = p->buckets[hash & (p->cap - 1)];
  p->buckets[hash & (p->cap - 1)] = word;
  p->count++;
  return word;
}

/* NULL: there is none. */
static struct peer_word **find(struct peers *p, uint64_t hash, uint64_t hub,
                               const char *request_id) {
  if (p->cap == 0)
    return NULL;
  struct peer_word **link = &p->buckets[hash & (p->cap - 1)];
  while (*link && ((*link)->hub != hub || !is_of(*link, hash, request_id)))
    link = &(*link)->next;
  return *link ? link : NULL;
}

/* ---- what is told ---- */

static void put(struct peers *p, uint64_t hub, const char *request_id, uint32_t watchers,
                int64_t now_ms) {
  uint64_t hash = hash_of(p, request_id);
  struct peer_word **link = find(p, hash, hub, request_id);
  if (link && watchers == 0) {
    remove_at(p, link);
    return;
  }
  struct peer_word *word = link ? *link : NULL;
  if (!word && watchers > 0)
    word = add(p, hash, request_id);
  if (!word)
    return;
  word->hub = hub;
  word->watchers = watchers;
  word->heard_ms = now_ms;
}

static void forget_hub(struct peers *p, uint64_t hub) {
  for (size_t i = 0; i < p->cap; i++) {
    for (struct peer_word **link = &p->buckets[i]; *link;) {
      if ((*link)->hub == hub)
        remove_at(p, link);
      else
        link = &(*link)->next;
    }
  }
}

bool peers_take(struct peers *p, const void *bytes, size_t len, int64_t now_ms) {
  struct peers_reader r;
  char request_id[CWS_REQUEST_ID_MAX + 1];
  uint32_t watchers;
  if (!peers_reader_init(&r, bytes, len))
    return false;
  if (r.hub == p->self)
    return true;
  if (r.is_leaving)
    forget_hub(p, r.hub);
  while (peers_reader_next(&r, request_id, &watchers))
    put(p, r.hub, request_id, watchers, now_ms);
  return true;
}

/* ---- what is asked, and forgotten ---- */

static bool is_good(const struct peer_word *word, int64_t now_ms) {
  return now_ms - word->heard_ms < PEERS_FORGET_MS;
}

int64_t peers_watchers(const struct peers *p, const char *request_id, int64_t now_ms) {
  int64_t sum = 0;
  if (p->count == 0)
    return 0;
  uint64_t hash = hash_of(p, request_id);
  for (const struct peer_word *word = p->buckets[hash & (p->cap - 1)]; word; word = word->next) {
    if (is_of(word, hash, request_id) && is_good(word, now_ms))
      sum += word->watchers;
  }
  return sum;
}

void peers_forget_request(struct peers *p, const char *request_id) {
  if (p->count == 0)
    return;
  uint64_t hash = hash_of(p, request_id);
  for (struct peer_word **link = &p->buckets[hash & (p->cap - 1)]; *link;) {
    if (is_of(*link, hash, request_id))
      remove_at(p, link);
    else
      link = &(*link)->next;
  }
}

void peers_sweep(struct peers *p, int64_t now_ms) {
  size_t first = p->sweeps++ % PEERS_TOLD_EVERY_S;
  for (size_t i = first; i < p->cap; i += PEERS_TOLD_EVERY_S) {
    for (struct peer_word **link = &p->buckets[i]; *link;) {
      if (is_good(*link, now_ms))
        link = &(*link)->next;
      else
        remove_at(p, link);
    }
  }
}
