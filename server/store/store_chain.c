/*
 * store_chain: whether all hubs have applied the same entries. A log should see to that, but
 * nats-server 2.9.10 does not always: a leader that was stopped while it wrote may afterwards give
 * out an entry of its own where all others have another one. So a hash runs over all entries, each
 * entry says which one its writer had where, and a hub that had another one asks the log what it
 * has there. The one that was wrong stops for good; its readers go on.
 */
#include "server/store/store_shared.h"

#include "lib/core/err.h"
#include "server/store/crc32c.h"
#include <stdlib.h>
#include <string.h>

static struct store_link *link_of(struct store_chain *c, uint64_t seq) {
  return &c->links[seq % SHARED_LINKS];
}

uint64_t store_chain_add(struct store_chain *c, uint64_t hash,
                         const struct store_log_entry *entry) {
  uint32_t crc = crc32c(0, entry->bytes, entry->len);
  const struct siphash_key key = {{hash, entry->seq}};
  uint64_t next = siphash_of(&key, &crc, sizeof(crc)).word[0];
  *link_of(c, entry->seq) = (struct store_link){.seq = entry->seq, .hash = next, .crc = crc};
  return next;
}

static bool is_wrong(const struct store_chain *c, const struct store_writer_id *writer) {
  for (size_t i = 0; i < SHARED_WRONG_MAX; i++)
    if (c->has_wrong[i] && memcmp(&c->wrong[i], writer, sizeof(*writer)) == 0)
      return true;
  return false;
}

static struct store_peer *find_peer(struct store_chain *c, const struct store_writer_id *writer) {
  for (size_t i = 0; i < SHARED_PEERS_MAX; i++)
    if (c->peers[i].agreed != 0 && memcmp(&c->peers[i].writer, writer, sizeof(*writer)) == 0)
      return &c->peers[i];
  return NULL;
}

static void note_agreement(struct store_chain *c, const struct store_entry_head *head) {
  struct store_peer *peer = find_peer(c, &head->writer);
  if (peer == NULL) {
    peer = &c->peers[c->next_peer];
    c->next_peer = (c->next_peer + 1) % SHARED_PEERS_MAX;
  }
  *peer = (struct store_peer){.writer = head->writer, .agreed = head->place};
  if (head->place > c->agreed)
    c->agreed = head->place;
}

/* What this hub shares with a third one says nothing of the two: that one may have been given the
 * same, or be further. */
static uint64_t last_agreement(struct store_chain *c, const struct store_entry_head *head) {
  const struct store_peer *peer = find_peer(c, &head->writer);
  uint64_t place = peer != NULL ? peer->agreed : c->agreed;
  return place < head->place ? place : 0;
}

void store_chain_compare(struct store_chain *c, const struct store_entry_head *head) {
  const struct store_link *link = link_of(c, head->place);
  if (link->seq != head->place || is_wrong(c, &head->writer))
    return;
  if (link->hash == head->hash) {
    note_agreement(c, head);
  } else if (c->doubt == 0) {
    c->doubt = head->place;
    c->doubt_from = last_agreement(c, head);
    c->doubter = head->writer;
  }
}

/* ---- asking the log ---- */

/* 0: it is the same, or gone. */
static int check_link(struct store *s, const struct store_link *link, struct cws_error *err) {
  struct store_log *log = s->shared->log;
  struct store_log_entry *entry;
  int code = log->ops->get(log, link->seq, &entry, err);
  if (code != 0)
    return code == CWS_ENOTFOUND ? 0 : code;
  bool is_same = crc32c(0, entry->bytes, entry->len) == link->crc;
  free(entry);
  return is_same ? 0
                 : err_set(err, CWS_ECORRUPT,
                           "this hub has applied something else than entry %llu of the log",
                           (unsigned long long)link->seq);
}

/* The newest first: that is where hubs part. */
static int check_links(struct store *s, uint64_t *seq, struct cws_error *err) {
  struct store_chain *c = &s->shared->chain;
  for (*seq = c->doubt; *seq > c->doubt_from; --*seq) {
    const struct store_link *link = link_of(c, *seq);
    if (link->seq != *seq)
      return 0;
    int code = check_link(s, link, err);
    if (code != 0)
      return code;
  }
  return 0;
}

int store_chain_check(struct store *s, struct cws_error *err) {
  struct store_chain *c = &s->shared->chain;
  uint64_t seq;
  int code = check_links(s, &seq, err);
  if (code != 0)
    return code;
  if (seq != c->doubt_from)
    return err_set(err, CWS_ECORRUPT,
                   "this hub and another have applied different entries up to %llu of the log",
                   (unsigned long long)c->doubt);
  if (s->shared->is_from_log) /* the other one has seen the log grow, and may give its state */
    return err_set(err, CWS_ECORRUPT,
                   "what this hub made of the log is not what another had up to entry %llu",
                   (unsigned long long)c->doubt);
  log_error(s->options.log,
            "store: another hub has applied something else than the log has up to entry %llu; it "
            "has to begin anew",
            (unsigned long long)c->doubt);
  c->has_wrong[c->next_wrong] = true;
  c->wrong[c->next_wrong] = c->doubter;
  c->next_wrong = (c->next_wrong + 1) % SHARED_WRONG_MAX;
  c->doubt = 0;
  return 0;
}
