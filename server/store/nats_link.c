/*
 * nats_link: the connection while the log is open. A server that answers, but is parted from the
 * others, is left: libnats 3.4 cannot be told to, so a second connection takes the place of the
 * first.
 */
#include "lib/core/err.h"
#include "server/store/nats_log.h"
#include <stdio.h>
#include <string.h>

/* ---- what happens to the connection; on threads of libnats ---- */

/* Not of one that was left, or is not used yet. */
static bool is_used(struct nats_log *log, const natsConnection *nc) {
  pthread_rwlock_rdlock(&log->moving);
  bool is = log->link.nc == nc;
  pthread_rwlock_unlock(&log->moving);
  return is;
}

static void notice(struct nats_log *log, bool is_new) {
  pthread_mutex_lock(&log->mutex);
  if (is_new)
    log->connections++;
  pthread_cond_broadcast(&log->changed);
  pthread_mutex_unlock(&log->mutex);
  log->wake(log->user);
}

static void on_disconnected(natsConnection *nc, void *user) {
  struct nats_log *log = user;
  if (!is_used(log, nc))
    return;
  log_warn(log->log, "the connection to NATS at %s was lost", log->servers);
  notice(log, false);
}

static void on_reconnected(natsConnection *nc, void *user) {
  struct nats_log *log = user;
  char url[256] = "";
  if (!is_used(log, nc))
    return;
  natsConnection_GetConnectedUrl(nc, url, sizeof url);
  log_info(log->log, "connected to NATS again, at %s", url);
  notice(log, true);
}

/* The last of a connection's: what it says lets the log be freed. */
static void on_closed(natsConnection *nc, void *user) {
  (void)nc;
  struct nats_log *log = user;
  log->wake(log->user);
  pthread_mutex_lock(&log->mutex);
  log->links--;
  pthread_cond_broadcast(&log->changed);
  pthread_mutex_unlock(&log->mutex);
}

static void on_unsubscribed(void *user) {
  struct nats_log *log = user;
  pthread_mutex_lock(&log->mutex);
  log->callbacks--;
  pthread_cond_broadcast(&log->changed);
  pthread_mutex_unlock(&log->mutex);
}

/* Missed heartbeats and slow consumers are none of ours; what is left is what a server refused. */
static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *user) {
  (void)sub;
  struct nats_log *log = user;
  const char *text = NULL;
  natsConnection_GetLastError(nc, &text);
  log_warn(log->log, "NATS: %s",
           text != NULL && text[0] != '\0' ? text : natsStatus_GetText(status));
}

natsStatus nats_link_set_callbacks(natsOptions *o, struct nats_log *log) {
  natsStatus s = natsOptions_SetDisconnectedCB(o, on_disconnected, log);
  if (s == NATS_OK)
    s = natsOptions_SetReconnectedCB(o, on_reconnected, log);
  if (s == NATS_OK)
    s = natsOptions_SetClosedCB(o, on_closed, log);
  if (s == NATS_OK)
    s = natsOptions_SetErrorHandler(o, on_error, log);
  return s;
}

/* ---- its life ---- */

static natsStatus subscribe(struct nats_log *log, natsConnection *nc, natsSubscription **out,
                            const char *subject, natsMsgHandler on_message) {
  natsStatus s = natsConnection_Subscribe(out, nc, subject, on_message, log);
  if (s != NATS_OK)
    return s;
  natsSubscription_SetOnCompleteCB(*out, on_unsubscribed, log);
  pthread_mutex_lock(&log->mutex);
  log->callbacks++;
  pthread_mutex_unlock(&log->mutex);
  return s;
}

void nats_link_close(struct nats_log *log, struct nats_link *link, int others) {
  natsConnection_Close(link->nc);
  pthread_mutex_lock(&log->mutex);
  while (log->links > others || log->callbacks > others * NATS_LINK_CALLBACKS)
    pthread_cond_wait(&log->changed, &log->mutex);
  pthread_mutex_unlock(&log->mutex);
  natsSubscription_Destroy(link->acks);
  natsSubscription_Destroy(link->told);
  natsSubscription_Destroy(link->copy_asks);
  natsSubscription_Destroy(link->copies);
  jsCtx_Destroy(link->js);
  natsConnection_Destroy(link->nc);
  *link = (struct nats_link){0};
}

natsStatus nats_link_open(struct nats_log *log, struct nats_link *link, int others) {
  char answers[sizeof(log->ack_inbox) + 2];
  jsOptions asking;
  jsOptions_Init(&asking);
  asking.Wait = NATS_WAIT_MS;
  snprintf(answers, sizeof answers, "%s.*", log->ack_inbox);
  *link = (struct nats_link){0};
  natsStatus s = natsConnection_Connect(&link->nc, log->options);
  if (s != NATS_OK)
    return s;
  pthread_mutex_lock(&log->mutex);
  log->links++;
  pthread_mutex_unlock(&log->mutex);
  s = natsConnection_JetStream(&link->js, link->nc, &asking);
  if (s == NATS_OK)
    s = subscribe(log, link->nc, &link->acks, answers, nats_on_answer);
  if (s == NATS_OK)
    s = subscribe(log, link->nc, &link->told, log->told_subject, nats_on_told);
  if (s == NATS_OK)
    s = subscribe(log, link->nc, &link->copy_asks, log->copying.ask_subject, nats_on_copy_ask);
  if (s == NATS_OK)
    s = subscribe(log, link->nc, &link->copies, log->copying.subject, nats_on_copy);
  if (s != NATS_OK)
    nats_link_close(log, link, others);
  return s;
}

natsStatus nats_link_set_servers(struct nats_log *log) {
  return natsOptions_SetServers(log->options, (const char **)log->urls.of, (int)log->urls.count);
}

/* Puts that one, and those before it, behind the others. */
static void urls_put_last(struct nats_urls *u, const char *url) {
  size_t at = 0;
  while (at < u->count && strcmp(u->of[at], url) != 0)
    at++;
  for (size_t i = 0; i <= at && at < u->count; i++) {
    char *first = u->of[0];
    memmove(u->of, u->of + 1, (u->count - 1) * sizeof u->of[0]);
    u->of[u->count - 1] = first;
  }
}

bool nats_is_connected(struct nats_log *log, struct cws_error *why) {
  pthread_rwlock_rdlock(&log->moving);
  natsConnStatus status = natsConnection_Status(log->link.nc);
  pthread_rwlock_unlock(&log->moving);
  if (status == NATS_CONN_STATUS_CONNECTED)
    return true;
  err_set(why, CWS_ESTORE, "no NATS server %s at %s",
          status == NATS_CONN_STATUS_CLOSED ? "takes this hub" : "answers", log->servers);
  return false;
}

/* True where it is used from now on, and `link` is what was used. */
static bool swap(struct nats_log *log, struct nats_link *link) {
  struct nats_link old = log->link;
  pthread_rwlock_wrlock(&log->moving);
  pthread_mutex_lock(&log->mutex);
  bool is = !log->is_closing;
  if (is)
    log->connections++;
  pthread_mutex_unlock(&log->mutex);
  if (is)
    log->link = *link;
  pthread_rwlock_unlock(&log->moving);
  if (is)
    *link = old;
  return is;
}

bool nats_move(struct nats_log *log) {
  struct nats_link link;
  char url[256] = "";
  natsConnection_GetConnectedUrl(log->link.nc, url, sizeof url);
  urls_put_last(&log->urls, url);
  natsStatus s = natsOptions_SetNoRandomize(log->options, true);
  if (s == NATS_OK)
    s = nats_link_set_servers(log);
  if (s == NATS_OK)
    s = nats_link_open(log, &link, 1);
  if (s != NATS_OK)
    return false;
  natsConnection_GetConnectedUrl(link.nc, url, sizeof url);
  bool is_moved = swap(log, &link);
  if (is_moved)
    log_info(log->log, "NATS took no entries there: now connected to it at %s", url);
  nats_link_close(log, &link, 1);
  log->wake(log->user);
  return is_moved;
}

void nats_close(struct nats_log *log) {
  pthread_mutex_lock(&log->mutex);
  log->is_closing = true;
  pthread_cond_broadcast(&log->changed);
  pthread_cond_broadcast(&log->copying.came);
  pthread_mutex_unlock(&log->mutex);
  pthread_rwlock_rdlock(&log->moving);
  natsConnection_Close(log->link.nc);
  pthread_rwlock_unlock(&log->moving);
}
