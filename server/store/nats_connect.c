/*
 * nats_connect: servers, user and TLS, as they were given. One connection to whichever of the
 * servers answers; libnats finds another one when it breaks. It buffers nothing while there is
 * none: what it would send later, when the hub has long been told that it failed, is refused at
 * once.
 */
#include "lib/core/err.h"
#include "server/store/nats_log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int urls_parse(struct nats_urls *u, const char *uri, struct cws_error *err) {
  static const char scheme[] = "nats://";
  if (strncmp(uri, "//", 2) != 0 || uri[2] == '\0')
    return err_set(err, CWS_ECONFIG, "the store 'nats:%s' needs servers: nats://HOST:PORT", uri);
  if (strchr(uri, '@') != NULL)
    return err_set(err, CWS_ECONFIG,
                   "the store nats://…: a server's address has no user in it: give nats-user");
  size_t commas = 0;
  for (const char *at = uri; *at != '\0'; at++)
    commas += *at == ',';
  char *to = u->text = malloc(strlen(uri) + 1 + (commas + 1) * sizeof scheme);
  if (to == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  for (const char *at = uri + 2; *at != '\0'; at += strspn(at, ",")) {
    int len = (int)strcspn(at, ",");
    if (len > 0 && u->count == NATS_SERVERS_MAX)
      return err_set(err, CWS_ECONFIG, "the store 'nats:%s' has more than %d servers", uri,
                     NATS_SERVERS_MAX);
    if (len > 0) {
      u->of[u->count++] = to;
      to += sprintf(to, "%s%.*s", scheme, len, at) + 1;
    }
    at += len;
  }
  return u->count > 0 ? 0 : err_set(err, CWS_ECONFIG, "the store 'nats:%s' names no server", uri);
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

static natsStatus set_rest(natsOptions *o, struct nats_log *log) {
  natsStatus s = nats_link_set_servers(log);
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
  SET(nats_link_set_callbacks(o, log));
#undef SET
  return s;
}

/* ---- connecting ---- */

static int explain(const struct nats_log *log, const struct store_nats_options *given,
                   natsStatus status, struct cws_error *err) {
  const char *detail = nats_reason(status);
  /* With TLS 1.3 that is said when the handshake is over. */
  if (status == NATS_PROTOCOL_ERROR && given->tls_ca != NULL && given->tls_cert == NULL)
    return err_set(err, CWS_ECONFIG,
                   "NATS at %s ends the connection behind the TLS handshake; it may want to see a "
                   "certificate: give nats-tls-cert and nats-tls-key",
                   log->servers);
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

static natsStatus make_inbox(struct nats_log *log) {
  natsInbox *inbox = NULL;
  natsStatus s = natsInbox_Create(&inbox);
  if (s == NATS_OK)
    snprintf(log->ack_inbox, sizeof log->ack_inbox, "%s", inbox);
  natsInbox_Destroy(inbox);
  return s;
}

int nats_connect(struct nats_log *log, const struct store_log_options *options,
                 struct cws_error *err) {
  const struct store_nats_options *given = options->nats;
  int code = urls_parse(&log->urls, options->servers, err);
  if (code == 0 && (log->servers = strdup(options->servers + 2)) == NULL)
    code = err_set(err, CWS_ENOMEM, NULL);
  if (code != 0)
    return code;
  natsStatus status = natsOptions_Create(&log->options);
  if (status == NATS_OK)
    status = set_rest(log->options, log);
  if (status == NATS_OK)
    code = set_identity(log->options, given, err);
  if (status == NATS_OK && code == 0)
    code = set_tls(log->options, given, err);
  if (status == NATS_OK && code == 0)
    status = make_inbox(log);
  if (status == NATS_OK && code == 0)
    status = nats_link_open(log, &log->link, 0);
  return code != 0 || status == NATS_OK ? code : explain(log, given, status, err);
}

void nats_disconnect(struct nats_log *log) {
  nats_link_close(log, &log->link, 0);
  natsOptions_Destroy(log->options);
  free(log->urls.text);
  free(log->servers);
}
