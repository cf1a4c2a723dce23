/*
 * peers: how many watchers other hubs have, request by request, where hubs share the store. It is
 * what they told (peers_message.h) and may be lost, so each word is good for a while only: the
 * watchers of a hub that has gone without a word are forgotten. A pure table: it takes no lock and
 * is told the time.
 */
#ifndef CWS_HUB_PEERS_H
#define CWS_HUB_PEERS_H

#include "server/store/siphash.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEERS_TOLD_EVERY_S 5 /* each hub tells of each request that it has watchers of */
/* Not heard of three times: forgotten. */
#define PEERS_FORGET_MS ((3 * PEERS_TOLD_EVERY_S + 1) * INT64_C(1000))
/* Words that are kept, one for each hub and request; about 20 MiB with ids as long as they may be.
 * Beyond it new ones are not taken, and counts are too low. */
#define PEERS_MAX 100000

struct peer_word;

struct peers {
  uint64_t self; /* this hub's own id: what bears it is not counted */
  struct peer_word **buckets;
  size_t cap, count;
  size_t sweeps;
  struct siphash_key key;
};

void peers_init(struct peers *p, uint64_t self);
void peers_finish(struct peers *p);
/* A message of another hub. False: it is none, and changed nothing. */
bool peers_take(struct peers *p, const void *bytes, size_t len, int64_t now_ms);
/* Of all other hubs together. */
int64_t peers_watchers(const struct peers *p, const char *request_id, int64_t now_ms);
/* The request was deleted: nobody watches it any more, on any hub. */
void peers_forget_request(struct peers *p, const char *request_id);
/* Once a second: lets go of some of what is not good any more, and in PEERS_TOLD_EVERY_S of all. */
void peers_sweep(struct peers *p, int64_t now_ms);

#endif
