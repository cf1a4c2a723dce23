/*
 * nats_connect: one connection to whichever of the servers answers; libnats finds another one when
 * it breaks. It buffers nothing while there is none: what it would send later, when the hub has
 * long been told that it failed, is refused at once.
 */
#include "lib/core/err.h"
#include "server/store/nats_log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVERS_MAX 16
#define CONNECT_MS 2000
#define WRITE_MS 2000 /* a server that was stopped reads nothing */
#define PING_MS 1500  /* two without an answer: the connection is dead */
#define RECONNECT_MS 250
#define RECONNECT_JITTER_MS 100

const char *nats_reason(natsStatus status) {
  const char *text = nats_GetLastError(NULL);
  return text != NULL && text[0] != '\0' ? text : natsStatus_GetText(status);
}

/* ---- the servers ---- */

struct servers {
  char *text; /* "host:port\0host:port\0…" */
  char *urls[SERVERS_MAX];
  size_t count;
};

static void servers_finish(struct servers *s) {
  for (size_t i = 0; i < s->count; i++)
    free(s->urls[i]);
  free(s->text);
}

static int servers_parse(struct servers *s, const char *uri, struct cws_error *err) {
  *s = (struct servers){0};
  if (strncmp(uri, "//", 2) != 0 || uri[2] == '\0')
    return err_set(err, CWS_ECONFIG, "the store 'nats:%s' needs servers: nats://HOST:PORT", uri);
  if (strchr(uri, '@') != NULL)
    return err_set(err, CWS_ECONFIG,
                   "the store nats://…: a server's address has no user in it: give nats-user");
  if ((s->text = strdup(uri + 2)) == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  char *rest = NULL;
  for (char *at = strtok_r(s->text, ",", &rest); at != NULL; at = strtok_r(NULL, ",", &rest)) {
    if (s->count == SERVERS_MAX)
      return err_set(err, CWS_ECONFIG, "the store 'nats:%s' has more than %d servers", uri,
                     SERVERS_MAX);
    size_t size = strlen(at) + sizeof("nats://");
    char *url = malloc(size);
    if (url == NULL)
      return err_set(err, CWS_ENOMEM, NULL);
    snprintf(url, size, "nats://%s", at);
    s->urls[s->count++] = url;
  }
  return s->count > 0 ? 0 : err_set(err, CWS_ECONFIG, "the store 'nats:%s' names no server", uri);
}

/* ---- what happens to the connection; on threads of libnats ---- */

static void notice(struct nats_log *log, bool is_new) {
  pthread_mutex_lock(&log->mutex);
  if (is_new)
    log->connections++;
  pthread_cond_broadcast(&log->changed);
  pthread_mutex_unlock(&log->mutex);
  log->wake(log->user);
}

static void on_disconnected(natsConnection *nc, void *user) {
  (void)nc;
  struct nats_log *log = user;
  log_warn(log->log, "the connection to NATS at %s was lost", log->servers);
  notice(log, false);
}

static void on_reconnected(natsConnection *nc, void *user) {
  struct nats_log *log = user;
  char url[256] = "";
  natsConnection_GetConnectedUrl(nc, url, sizeof url);
  log_info(log->log, "connected to NATS again, at %s", url);
  notice(log, true);
}

/* The last of them: what it says lets the log be freed. */
static void on_closed(natsConnection *nc, void *user) {
  (void)nc;
  struct nats_log *log = user;
  log->wake(log->user);
  pthread_mutex_lock(&log->mutex);
  log->is_closed = true;
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

/* ---- options ---- */

static int set_identity(natsOptions *o, const struct store_nats_options *given,
                        struct cws_error *err) {
  natsStatus s = NATS_OK;
  if (given->user != NULL)
    s = natsOptions_SetUserInfo(o, given->user, given->password != NULL ? given->password : "");
  if (given->credentials != NULL && access(given->credentials, R_OK) != 0)
    return err_set_sys(err, CWS_ECONFIG, errno, "nats-credentials: cannot read '%s'",
                       given->credentials);
  if (s == NATS_OK && given->credentials != NULL)
    s = natsOptions_SetUserCredentialsFromFiles(o, given->credentials, NULL);
  return s == NATS_OK ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

/* Where the server asks for TLS, libnats uses it, with the system's CAs. */
static int set_tls(natsOptions *o, const struct store_nats_options *given, struct cws_error *err) {
  natsStatus s = NATS_OK;
  if (given->tls_ca != NULL &&
      (s = natsOptions_LoadCATrustedCertificates(o, given->tls_ca)) != NATS_OK)
    return err_set(err, CWS_ECONFIG, "nats-tls-ca: cannot use '%s': %s", given->tls_ca,
                   nats_reason(s));
  if (given->tls_cert != NULL &&
      (s = natsOptions_LoadCertificatesChain(o, given->tls_cert, given->tls_key)) != NATS_OK)
    return err_set(err, CWS_ECONFIG, "nats-tls-cert: cannot use '%s' with '%s': %s",
                   given->tls_cert, given->tls_key != NULL ? given->tls_key : "no key",
                   nats_reason(s));
  if ((given->tls_ca != NULL || given->tls_cert != NULL) &&
      (s = natsOptions_SetSecure(o, true)) != NATS_OK)
    return err_set(err, CWS_ECONFIG, "cannot use TLS: %s", nats_reason(s));
  return 0;
}

static natsStatus set_rest(natsOptions *o, struct nats_log *log, struct servers *servers) {
  natsStatus s = natsOptions_SetServers(o, (const char **)servers->urls, (int)servers->count);
#define SET(call)                                                                                  \
  if (s == NATS_OK)                                                                                \
  s = call
  SET(natsOptions_SetName(o, "councilws"));
  SET(natsOptions_SetSendAsap(o, true)); /* else a flusher's thread adds a millisecond */
  SET(natsOptions_SetNoEcho(o, true));   /* what this one tells */
  SET(natsOptions_SetTimeout(o, CONNECT_MS));
  SET(natsOptions_SetWriteDeadline(o, WRITE_MS));
  SET(natsOptions_SetPingInterval(o, PING_MS));
  SET(natsOptions_SetMaxPingsOut(o, 2));
  SET(natsOptions_SetMaxReconnect(o, -1));
  SET(natsOptions_SetReconnectWait(o, RECONNECT_MS));
  SET(natsOptions_SetReconnectJitter(o, RECONNECT_JITTER_MS, RECONNECT_JITTER_MS));
  SET(natsOptions_SetReconnectBufSize(o, 0)); /* see the file's head */
  SET(natsOptions_SetFailRequestsOnDisconnect(o, true));
  SET(natsOptions_SetDisconnectedCB(o, on_disconnected, log));
  SET(natsOptions_SetReconnectedCB(o, on_reconnected, log));
  SET(natsOptions_SetClosedCB(o, on_closed, log));
  SET(natsOptions_SetErrorHandler(o, on_error, log));
#undef SET
  return s;
}

/* ---- connecting ---- */

static int explain(const struct nats_log *log, const struct store_nats_options *given,
                   natsStatus status, struct cws_error *err) {
  const char *detail = nats_reason(status);
  switch (status) {
  case NATS_CONNECTION_AUTH_FAILED:
    if (given->user == NULL && given->credentials == NULL)
      return err_set(err, CWS_ECONFIG,
                     "NATS at %s wants to know who this is: give nats-user and "
                     "nats-password-file, or nats-credentials",
                     log->servers);
    return err_set(err, CWS_ECONFIG, "NATS at %s refuses %s%s", log->servers,
                   given->user != NULL ? "the user " : "the credentials of ",
                   given->user != NULL ? given->user : given->credentials);
  case NATS_SECURE_CONNECTION_WANTED:
    return err_set(err, CWS_ECONFIG, "NATS at %s has no TLS: leave out nats-tls-…", log->servers);
  case NATS_SSL_ERROR:
    return err_set(err, CWS_ECONFIG, "TLS with NATS at %s fails: %s", log->servers, detail);
  case NATS_ADDRESS_MISSING:
  case NATS_INVALID_ARG:
    return err_set(err, CWS_ECONFIG, "the store nats://%s: %s", log->servers, detail);
  case NATS_NO_MEMORY:
    return err_set(err, CWS_ENOMEM, NULL);
  default:
    return err_set(err, CWS_ESTORE, "no NATS server answers at %s: %s", log->servers, detail);
  }
}

int nats_connect(struct nats_log *log, const struct store_log_options *options,
                 struct cws_error *err) {
  struct servers servers;
  const struct store_nats_options *given = options->nats;
  natsOptions *o = NULL;
  natsStatus status = NATS_OK;
  int code = servers_parse(&servers, options->servers, err);
  if (code == 0 && (log->servers = strdup(options->servers + 2)) == NULL)
    code = err_set(err, CWS_ENOMEM, NULL);
  if (code == 0) {
    log->server_count = servers.count;
    status = natsOptions_Create(&o);
    if (status == NATS_OK)
      status = set_rest(o, log, &servers);
    if (status == NATS_OK)
      code = set_identity(o, given, err);
    if (status == NATS_OK && code == 0)
      code = set_tls(o, given, err);
    if (status == NATS_OK && code == 0)
      status = natsConnection_Connect(&log->nc, o);
    natsOptions_Destroy(o);
  }
  if (code == 0 && status != NATS_OK)
    code = explain(log, given, status, err);
  servers_finish(&servers);
  return code;
}
