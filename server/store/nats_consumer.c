/*
 * nats_consumer: the stream's reader on a server, from its making to its end: a pull consumer
 * without acknowledgements, since with a push consumer how much may come (32 MiB) is the server's
 * to say. It is an ephemeral one with a single replica in memory: it goes with its server, is
 * missed after a while by its heartbeats, and made anew on another.
 *
 * It is made until it is on the server that leads the stream: what that one has is the log, and
 * others of 2.9.10 may have something else in a place for good, after an election.
 */
#include "lib/core/err.h"
#include "server/base/clock.h"
#include "server/store/nats_log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INACTIVE_MS 30000 /* the server removes a consumer that nobody asks */
#define PLACE_MS 5000     /* between looks whether it is where the stream's leader is */
#define PLACE_TRIES 8     /* each is there by chance, with one of three servers, say */

static int64_t now_ms(void) {
  return clock_mono_ms(clock_system());
}

/* ---- its making ---- */

/* The answer is of no interest: it goes by itself, too. */
static void remove_consumer(struct nats_log *log) {
  struct nats_follower *f = &log->follower;
  char subject[160];
  if (f->consumer[0] == '\0')
    return;
  snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.%s.%s", log->name, f->consumer);
  natsConnection_Publish(log->link.nc, subject, NULL, 0);
  f->consumer[0] = '\0';
}

void nats_consumer_drop(struct nats_log *log) {
  struct nats_follower *f = &log->follower;
  remove_consumer(log);
  natsSubscription_Destroy(f->sub);
  f->sub = NULL;
  f->left = 0;
}

/* Whether the log still is the one that was opened, and has what comes next. */
static int check_log(struct nats_log *log, uint64_t last, struct cws_error *err) {
  struct store_log_state state;
  int code = nats_ask_state(log, &state, err);
  if (code != 0)
    return code;
  if (strcmp(state.id, log->id) != 0)
    return err_set(err, CWS_ECORRUPT,
                   "the stream '%s' at %s is another one than when this hub started: another was "
                   "made under that name",
                   log->name, log->servers);
  if (state.first_seq > last + 1)
    return err_set(err, CWS_ECORRUPT,
                   "the stream '%s' at %s has let go of the entries from %" PRIu64 " to %" PRIu64
                   ", which this hub needs: start it on a copy of another hub's state",
                   log->name, log->servers, last + 1, state.first_seq - 1);
  if (state.last_seq < last)
    return err_set(err, CWS_ECORRUPT,
                   "the stream '%s' at %s ends at entry %" PRIu64 ", and this hub has had %" PRIu64
                   ": its servers lost what they had acknowledged",
                   log->name, log->servers, state.last_seq, last);
  return 0;
}

/* On some server that has the stream. */
static natsStatus add_consumer(struct nats_log *log, uint64_t first) {
  struct nats_follower *f = &log->follower;
  jsConsumerConfig c;
  jsConsumerConfig_Init(&c);
  c.DeliverPolicy = js_DeliverByStartSequence;
  c.OptStartSeq = first;
  c.AckPolicy = js_AckNone;
  c.InactiveThreshold = INACTIVE_MS * NATS_NS_PER_MS;
  c.Replicas = 1;
  c.MemoryStorage = true;
  jsConsumerInfo *info = NULL;
  natsStatus s = js_AddConsumer(&info, log->link.js, log->name, &c, NULL, NULL);
  if (s == NATS_OK) {
    snprintf(f->consumer, sizeof f->consumer, "%s", info->Name);
    snprintf(f->server, sizeof f->server, "%s", nats_leader_of(info->Cluster));
  }
  jsConsumerInfo_Destroy(info);
  return s;
}

static bool is_at_leader(const struct nats_follower *f) {
  return f->leader[0] == '\0' || f->server[0] == '\0' || strcmp(f->leader, f->server) == 0;
}

static natsStatus place_consumer(struct nats_log *log, uint64_t first) {
  natsStatus s = add_consumer(log, first);
  for (int i = 1; s == NATS_OK && i < PLACE_TRIES && !is_at_leader(&log->follower); i++) {
    remove_consumer(log);
    s = add_consumer(log, first);
  }
  log->follower.placed_ms = now_ms();
  return s;
}

static natsStatus subscribe_and_place(struct nats_log *log, uint64_t first) {
  struct nats_follower *f = &log->follower;
  char subject[sizeof(f->inbox) + 2];
  natsInbox *inbox = NULL;
  natsStatus s = natsInbox_Create(&inbox);
  if (s == NATS_OK) {
    snprintf(f->inbox, sizeof f->inbox, "%s", inbox);
    snprintf(subject, sizeof subject, "%s.*", inbox);
    s = natsConnection_SubscribeSync(&f->sub, log->link.nc, subject);
  }
  natsInbox_Destroy(inbox);
  if (s == NATS_OK) /* what was asked for is the limit; libnats would drop what is beyond its own */
    s = natsSubscription_SetPendingLimits(f->sub, -1, -1);
  return s == NATS_OK ? place_consumer(log, first) : s;
}

int nats_consumer_make(struct nats_log *log, struct cws_error *err) {
  uint64_t last = log->follower.last;
  int code = check_log(log, last, err);
  if (code != 0)
    return code;
  natsStatus s = subscribe_and_place(log, last + 1);
  if (s == NATS_OK)
    return 0;
  return err_set(err, CWS_ESTORE, "cannot read the stream '%s' at %s: %s", log->name, log->servers,
                 nats_reason(s));
}

/* ---- its place ---- */

bool nats_consumer_is_out_of_place(struct nats_log *log) {
  struct nats_follower *f = &log->follower;
  struct store_log_state state;
  if (f->server[0] == '\0' || now_ms() - f->placed_ms < PLACE_MS)
    return false;
  f->placed_ms = now_ms();
  return nats_ask_state(log, &state, NULL) == 0 && !is_at_leader(f);
}
