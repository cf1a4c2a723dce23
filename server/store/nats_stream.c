/*
 * nats_stream: the stream of JetStream that is the log. It is made where it is missing; where it is
 * there, it is held against the settings that are given and never changed: many hubs share it, and
 * the one that starts last is not to decide.
 *
 * How it is made, and what a user has to know of it:
 *   - one stream PREFIX with one subject PREFIX.log; nothing else may write to that subject.
 *   - replicas: as many as servers are given, 3 at most (nats-replicas); in files (nats-storage).
 *   - entries are kept for 7 days (nats-max-age), and however many bytes (nats-max-bytes). What is
 *     beyond goes, the oldest first ("discard old"): a hub that was away for longer than that finds
 *     its next entry gone, says so and does not start; it needs a copy of another hub's state. The
 *     other way, "discard new", would stop all hubs for one that is away. A stream of one's own may
 *     have it.
 *   - entries cannot be deleted and the stream not purged ("deny"): that would part the hubs.
 *   - no deduplication by the server: it costs it memory for each entry, and hubs skip retries
 *     themselves.
 *
 * Its id is in its description. The time of its creation would do if it were one: nats-server
 * 2.9.10 takes two creations at the same moment for one, answers with the first one's time, and
 * after a restart has the second one's.
 */
#include "lib/core/err.h"
#include "server/base/clock.h"
#include "server/store/nats_log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MAX_AGE_MS (7 * 24 * 3600 * INT64_C(1000))
#define REPLICAS_MAX 3
#define DUPLICATES_MS 1000 /* the server insists on a window */
#define ID_BYTES 16
#define HEADROOM 1024 /* of an entry below what a server takes: subject, inbox */

/* In a cluster, a creation that comes while another is under way changes the description of what
 * that one made; it takes milliseconds. */
#define SETTLE_MS 500
#define YOUNG_MS 10000
/* A cluster that was just started has no leader for some seconds. */
#define PATIENCE_MS 8000
#define RETRY_MS 200

static void pause_ms(int64_t ms) {
  nats_Sleep(ms);
}

/* ---- asking ---- */

/* Whether asking again may help. */
static bool is_passing(natsStatus s, jsErrCode code) {
  switch ((int)code) {
  case 0:
    return s == NATS_TIMEOUT || s == NATS_CONNECTION_DISCONNECTED || s == NATS_INSUFFICIENT_BUFFER;
  case JSClusterNoPeersErr:
  case JSClusterNotAvailErr:
  case JSClusterNotLeaderErr:
  case JSClusterIncompleteErr:
  case JSRaftGeneralErr:
  case JSNotEnabledErr: /* also "no responders": JetStream is not up yet */
  case JSStreamNameExistErr:
  case JSStreamOfflineErr:
    return true;
  default:
    return false;
  }
}

static int explain(const struct nats_log *log, natsStatus s, jsErrCode code,
                   struct cws_error *err) {
  switch ((int)code) {
  case JSNotEnabledErr:
    return err_set(err, CWS_ESTORE,
                   "JetStream does not answer at %s: it is off (start nats-server with -js), or "
                   "has no leader",
                   log->servers);
  case JSNotEnabledForAccountErr:
    return err_set(err, CWS_ECONFIG, "JetStream at %s is not enabled for this account",
                   log->servers);
  case JSStreamReplicasNotSupportedErr:
    return err_set(err, CWS_ECONFIG,
                   "NATS at %s is no cluster, which more than one replica needs: set "
                   "nats-replicas to 1",
                   log->servers);
  case JSClusterNoPeersErr:
    return err_set(err, CWS_ESTORE,
                   "the NATS cluster at %s has fewer servers up than the stream '%s' is to have "
                   "replicas: start them, or set nats-replicas",
                   log->servers, log->name);
  case JSStreamSubjectOverlapErr:
    return err_set(err, CWS_ECONFIG,
                   "another stream at %s already has the subject '%s': give another nats-prefix",
                   log->servers, log->subject);
  case 0:
    if (s == NATS_NO_MEMORY)
      return err_set(err, CWS_ENOMEM, NULL);
    return err_set(err, CWS_ESTORE, "the stream '%s' at %s does not answer: %s", log->name,
                   log->servers, nats_reason(s));
  default:
    return err_set(err, is_passing(s, code) ? CWS_ESTORE : CWS_ECONFIG, "the stream '%s' at %s: %s",
                   log->name, log->servers, nats_reason(s));
  }
}

/* ---- the id ---- */

#define ID_MARK "councilws log, id "

static int make_description(char *out, size_t size, struct cws_error *err) {
  unsigned char random[ID_BYTES];
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
    return err_set(err, CWS_ESYSTEM, "cannot get random bytes");
  size_t at = (size_t)snprintf(out, size, ID_MARK);
  for (size_t i = 0; i < sizeof random; i++)
    at += (size_t)snprintf(out + at, size - at, "%02x", random[i]);
  snprintf(out + at, size - at, ": hubs know it by that, leave it as it is");
  return 0;
}

/* A stream that was made by hand has the time of its creation. */
static void read_id(const jsStreamInfo *si, char id[STORE_LOG_ID_MAX + 1]) {
  const char *text = si->Config->Description;
  const char *mark = text != NULL ? strstr(text, ID_MARK) : NULL;
  if (mark != NULL) {
    mark += strlen(ID_MARK);
    if (strspn(mark, "0123456789abcdef") == (size_t)2 * ID_BYTES) {
      snprintf(id, STORE_LOG_ID_MAX + 1, "%.*s", 2 * ID_BYTES, mark);
      return;
    }
  }
  snprintf(id, STORE_LOG_ID_MAX + 1, "created-%lld", (long long)si->Created);
}

/* ---- making it ---- */

static bool is_memory(const struct store_nats_options *o) {
  return o->storage != NULL && strcmp(o->storage, "memory") == 0;
}

static natsStatus create(struct nats_log *log, const struct store_nats_options *o,
                         const char *description, jsErrCode *code) {
  const char *subjects[] = {log->subject};
  int64_t servers = log->urls.count < REPLICAS_MAX ? (int64_t)log->urls.count : REPLICAS_MAX;
  int64_t max_age_ms = o->max_age_ms != 0 ? o->max_age_ms : MAX_AGE_MS;
  jsStreamConfig c;
  jsStreamConfig_Init(&c);
  c.Name = log->name;
  c.Description = description;
  c.Subjects = subjects;
  c.SubjectsLen = 1;
  c.Replicas = o->replicas != 0 ? o->replicas : servers;
  c.Storage = is_memory(o) ? js_MemoryStorage : js_FileStorage;
  c.MaxAge = max_age_ms * NATS_NS_PER_MS;
  if (o->max_bytes != 0)
    c.MaxBytes = o->max_bytes;
  c.Duplicates = (max_age_ms < DUPLICATES_MS ? max_age_ms : DUPLICATES_MS) * NATS_NS_PER_MS;
  c.DenyDelete = true;
  c.DenyPurge = true;
  natsStatus s = js_AddStream(NULL, log->link.js, &c, NULL, code);
  if (s == NATS_OK)
    log_info(log->log, "made the stream '%s' at %s: %lld replicas, in %s, entries kept for %lld s",
             log->name, log->servers, (long long)c.Replicas, is_memory(o) ? "memory" : "files",
             (long long)(max_age_ms / 1000));
  return s;
}

/* Its info, and the stream where there was none. */
static int find_or_create(struct nats_log *log, const struct store_nats_options *o,
                          jsStreamInfo **out, struct cws_error *err) {
  char description[160];
  int code = make_description(description, sizeof description, err);
  if (code != 0)
    return code;
  const struct clock *clock = clock_system();
  int64_t end = clock_mono_ms(clock) + PATIENCE_MS;
  bool is_settled = false;
  for (;;) {
    jsErrCode js = 0;
    natsStatus s = js_GetStreamInfo(out, log->link.js, log->name, NULL, &js);
    if (s == NATS_OK) {
      if (is_settled || (*out)->Cluster == NULL ||
          (*out)->Created / NATS_NS_PER_MS + YOUNG_MS < clock_wall_ms(clock))
        return 0;
      jsStreamInfo_Destroy(*out);
      *out = NULL;
      pause_ms(SETTLE_MS);
      is_settled = true;
      continue;
    }
    if (s == NATS_NOT_FOUND && log->must_exist)
      return err_set(err, CWS_ECONFIG, "there is no stream '%s' at %s", log->name, log->servers);
    if (s == NATS_NOT_FOUND) {
      is_settled = false;
      s = create(log, o, description, &js);
      if (s == NATS_OK)
        continue;
    }
    if (!is_passing(s, js) || clock_mono_ms(clock) >= end)
      return explain(log, s, js, err);
    pause_ms(RETRY_MS);
  }
}

/* ---- holding it against what is wanted ---- */

/* What no setting can make right. */
static int check_kind(const struct nats_log *log, const jsStreamConfig *c, struct cws_error *err) {
  const char *what = NULL;
  if (c->Mirror != NULL || c->SourcesLen > 0)
    what = "it gets entries from other streams";
  else if (c->SubjectsLen != 1 || strcmp(c->Subjects[0], log->subject) != 0)
    what = "it has other subjects";
  else if (c->Retention != js_LimitsPolicy)
    what = "its retention is not 'limits'";
  else if (c->MaxMsgsPerSubject > 0)
    what = "it has a limit of messages per subject";
  else if (c->Sealed)
    what = "it is sealed";
  else if (c->NoAck)
    what = "it acknowledges nothing";
  else if (c->AllowRollup)
    what = "it allows rollups";
  if (what == NULL)
    return 0;
  return err_set(err, CWS_ECONFIG,
                 "the stream '%s' at %s cannot be the log: %s; the log has the one subject '%s' "
                 "and is best made by the hub: give another nats-prefix, or remove that stream",
                 log->name, log->servers, what, log->subject);
}

static int differs(const struct nats_log *log, const char *setting, const char *is,
                   const char *wanted, const char *remedy, struct cws_error *err) {
  return err_set(err, CWS_ECONFIG,
                 "the stream '%s' at %s has %s, and %s is %s: leave out the setting, or %s",
                 log->name, log->servers, is, setting, wanted, remedy);
}

static int check_settings(const struct nats_log *log, const struct store_nats_options *o,
                          const jsStreamConfig *c, struct cws_error *err) {
  char is[64], wanted[64], remedy[128];
  if (o->replicas != 0 && o->replicas != c->Replicas) {
    snprintf(is, sizeof is, "%lld replicas", (long long)c->Replicas);
    snprintf(wanted, sizeof wanted, "%d", o->replicas);
    snprintf(remedy, sizeof remedy, "run: nats stream edit %s --replicas %d", log->name,
             o->replicas);
    return differs(log, "nats-replicas", is, wanted, remedy, err);
  }
  if (o->storage != NULL && is_memory(o) != (c->Storage == js_MemoryStorage))
    return differs(log, "nats-storage",
                   c->Storage == js_MemoryStorage ? "its entries in memory"
                                                  : "its entries in files",
                   o->storage, "give another nats-prefix (this cannot be changed later)", err);
  if (o->max_age_ms != 0 && o->max_age_ms * NATS_NS_PER_MS != c->MaxAge) {
    if (c->MaxAge > 0)
      snprintf(is, sizeof is, "a greatest age of %lld s",
               (long long)(c->MaxAge / NATS_NS_PER_MS / 1000));
    else
      snprintf(is, sizeof is, "no greatest age");
    snprintf(wanted, sizeof wanted, "%lld s", (long long)(o->max_age_ms / 1000));
    snprintf(remedy, sizeof remedy, "run: nats stream edit %s --max-age %llds", log->name,
             (long long)(o->max_age_ms / 1000));
    return differs(log, "nats-max-age", is, wanted, remedy, err);
  }
  if (o->max_bytes != 0 && o->max_bytes != c->MaxBytes) {
    if (c->MaxBytes > 0)
      snprintf(is, sizeof is, "room for %lld bytes", (long long)c->MaxBytes);
    else
      snprintf(is, sizeof is, "no limit of bytes");
    snprintf(wanted, sizeof wanted, "%lld", (long long)o->max_bytes);
    snprintf(remedy, sizeof remedy, "run: nats stream edit %s --max-bytes %lld", log->name,
             (long long)o->max_bytes);
    return differs(log, "nats-max-bytes", is, wanted, remedy, err);
  }
  return 0;
}

/* ---- all of it ---- */

static size_t max_entry_bytes(struct nats_log *log, const jsStreamConfig *c) {
  int64_t most = natsConnection_GetMaxPayload(log->link.nc);
  if (c->MaxMsgSize > 0 && c->MaxMsgSize < most)
    most = c->MaxMsgSize;
  if (most <= HEADROOM)
    return 0;
  size_t bytes = (size_t)(most - HEADROOM);
  return bytes < NATS_ENTRY_MAX ? bytes : NATS_ENTRY_MAX;
}

int nats_stream_open(struct nats_log *log, const struct store_nats_options *options,
                     struct cws_error *err) {
  jsStreamInfo *si = NULL;
  int code = find_or_create(log, options, &si, err);
  if (code != 0)
    return code;
  code = check_kind(log, si->Config, err);
  if (code == 0)
    code = check_settings(log, options, si->Config, err);
  if (code == 0) {
    read_id(si, log->id);
    log->is_replicated = si->Config->Replicas > 1;
    log->max_entry_bytes = max_entry_bytes(log, si->Config);
    if (!si->Config->DenyDelete || !si->Config->DenyPurge)
      log_warn(log->log, "the stream '%s' lets entries be deleted; hubs that miss one stop",
               log->name);
  }
  jsStreamInfo_Destroy(si);
  return code;
}

/* STREAM.MSG.GET, which the stream's leader answers: none of its other servers, nor what an old
 * leader had. */
int nats_stream_get(struct nats_log *log, uint64_t seq, struct store_log_entry **out,
                    struct cws_error *err) {
  natsMsg *msg = NULL;
  jsErrCode js = 0;
  pthread_rwlock_rdlock(&log->moving);
  natsStatus s = js_GetMsg(&msg, log->link.js, log->name, seq, NULL, &js);
  pthread_rwlock_unlock(&log->moving);
  if (s == NATS_NOT_FOUND)
    return CWS_ENOTFOUND;
  if (s != NATS_OK) {
    int code = explain(log, s, js, err);
    return code == CWS_ENOMEM ? code : CWS_ESTORE;
  }
  *out = nats_entry_new(seq, natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
  natsMsg_Destroy(msg);
  return *out != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

const char *nats_leader_of(const jsClusterInfo *cluster) {
  return cluster != NULL && cluster->Leader != NULL ? cluster->Leader : "";
}

int nats_stream_state(struct nats_log *log, struct store_log_state *out,
                      char leader[NATS_SERVER_MAX], struct cws_error *err) {
  jsStreamInfo *si = NULL;
  jsErrCode js = 0;
  pthread_rwlock_rdlock(&log->moving);
  natsStatus s = js_GetStreamInfo(&si, log->link.js, log->name, NULL, &js);
  pthread_rwlock_unlock(&log->moving);
  if (s == NATS_NOT_FOUND)
    return err_set(err, CWS_ENOTFOUND, "the stream '%s' at %s is gone", log->name, log->servers);
  if (s != NATS_OK) {
    int code = explain(log, s, js, err);
    return code == CWS_ENOMEM ? code : CWS_ESTORE;
  }
  *out = (struct store_log_state){.first_seq = si->State.FirstSeq,
                                  .last_seq = si->State.LastSeq,
                                  .max_entry_bytes = log->max_entry_bytes,
                                  .replicas = (int)si->Config->Replicas,
                                  .is_in_memory = si->Config->Storage == js_MemoryStorage};
  read_id(si, out->id);
  if (si->State.Msgs == 0)
    out->first_seq = out->last_seq + 1;
  if (leader != NULL)
    snprintf(leader, NATS_SERVER_MAX, "%s", nats_leader_of(si->Cluster));
  jsStreamInfo_Destroy(si);
  return 0;
}
