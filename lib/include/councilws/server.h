/*
 * The server role: a hub. It runs its own threads; every function here may be
 * called from any thread unless it says otherwise.
 */
#ifndef COUNCILWS_SERVER_H
#define COUNCILWS_SERVER_H

#include <councilws/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cws_log_level { CWS_LOG_ERROR, CWS_LOG_WARN, CWS_LOG_INFO, CWS_LOG_DEBUG };

/* One line of log, without newline. Called on any thread, one call at a time. Never holds a token.
 */
typedef void cws_log_fn(enum cws_log_level level, const char *message, void *user);

/* How hubs share a log, for a store "nats://…" (docs/scaling.md). Strings are borrowed until the
 * call that takes it returns; what is 0 or NULL has the default that is named. Set its size. */
struct cws_nats_options {
  size_t size;            /* sizeof(struct cws_nats_options) */
  const char *state_file; /* of this hub's own state, of no other's; needed */
  const char *prefix;     /* the stream's name, which its subjects begin with; "councilws" */
  /* What the stream is made with where it is missing, and what it has to have where it is there; it
   * is never changed. 0 and NULL: whatever it has. */
  int replicas;                 /* 1 to 5; made with one a server, 3 at most */
  const char *storage;          /* "file" or "memory"; made with "file" */
  int64_t max_age_ms;           /* entries are kept this long; made with 7 days */
  int64_t max_bytes;            /* of all entries, the oldest go first; made without a limit */
  const char *user;             /* to sign in with, and */
  const char *password;         /* which no message shows */
  const char *credentials_file; /* or with a JWT and a seed instead */
  const char *tls_ca_file;      /* who the servers' certificates are from; the system's CAs */
  const char *tls_cert_file, *tls_key_file; /* what is shown to the servers */
};

/* Strings are borrowed until cws_server_new returns. Start from cws_server_options_init. */
struct cws_server_options {
  size_t size; /* sizeof(struct cws_server_options) */

  /* "127.0.0.1:8765", "[::1]:0", "unix:/run/x.sock", "fd:3"; NULL-terminated. Port 0: a free one.
   */
  const char *const *listen;
  const char *store; /* "memory:", "sqlite:PATH" or "nats://HOST[:PORT][,HOST[:PORT]…]" */
  bool
      durability_normal; /* answer before fsync: faster, the last moments are lost with the power */

  bool compression; /* WebSocket messages, for clients that offer permessage-deflate: less traffic,
                       more work */

  /* Keys, all optional, all may be given together. Files are read at start and at reload. */
  const char *const *secret_files;     /* HMAC secrets; one trailing newline is not part of it */
  const char *const *public_key_files; /* PEM */
  const char *const *jwks;             /* paths or http(s) URLs */
  const char *issuer, *audience;
  /* A secret of the caller's own making that is only good for listeners on loopback or unix
   * sockets. It is used where none of the keys above is given; cws_server_start then refuses any
   * other listener. */
  const void *local_secret;
  size_t local_secret_len;

  const char *tls_cert_file, *tls_key_file; /* TLS on every TCP listener when given */
  const char *tls_client_ca_file;           /* then clients must show a certificate it signed */

  int64_t heartbeat_interval_ms;       /* 30 s (PROTOCOL "Hub to client"); 0 turns it off */
  int64_t inactivity_timeout_ms;       /* 5 min (PROTOCOL "Liveness"); 0 turns it off */
  int64_t retention_ms;                /* after a request's last event; 24 h; 0 keeps for ever */
  int64_t max_request_events;          /* oldest go first; 0: no limit */
  int64_t max_request_bytes;           /* the same */
  int64_t max_event_bytes;             /* 256 KiB */
  int64_t max_body_bytes;              /* of one publish (a batch); 16 MiB */
  int64_t max_batch_events;            /* in one publish; 10,000 */
  int64_t max_connections;             /* 0: what the descriptor limit allows */
  int64_t max_connections_per_user;    /* 100; 0: no limit */
  int64_t max_connections_per_address; /* 0: no limit */
  int64_t max_publish_rate;            /* events per second and user; 0: no limit */
  const char *const *allow_origins;    /* beyond the hub's own; NULL-terminated or NULL */
  int workers;                         /* threads; 0: one a core */
  int64_t drain_timeout_ms;            /* 10 s */

  enum cws_log_level log_level;
  cws_log_fn *log; /* NULL: silent */
  void *log_user;

  const struct cws_nats_options *nats; /* needed with a store "nats://…", and with no other */

  /* The server cannot mend itself while it runs, and `why` says what is wrong: its state is not
   * what the log of a store "nats://…" says. It refuses publishes and serves what it has until it
   * is drained or stopped, and freed; one that is then made with the same options begins anew
   * (docs/scaling.md). Called once at most, on a thread of the server's own; must be quick, and
   * call nothing of this file. NULL: only the log and /healthz/ready say so. */
  void (*on_failed)(const struct cws_error *why, void *user);
  void *failed_user;
};

/* Fills in the defaults (the values above come from PROTOCOL and CLI "Options of serve"). */
CWS_API void cws_server_options_init(struct cws_server_options *options);

struct cws_server;

/* Checks the options and makes a hub that does nothing yet. CWS_ECONFIG names the option. */
CWS_API int cws_server_new(const struct cws_server_options *options, struct cws_server **out,
                           struct cws_error *err);

/* Opens the store and the listeners and starts the threads. On return it accepts connections.
 * CWS_ECONFIG, CWS_ESTORE, CWS_ECORRUPT, CWS_ESYSTEM. May be called once. */
CWS_API int cws_server_start(struct cws_server *server, struct cws_error *err);

/* The URL of listener i in the order of options.listen ("http://127.0.0.1:40001",
 * "https://[::1]:8443", "unix:/run/x.sock"), NULL past the last. Valid until free. After start. */
CWS_API const char *cws_server_url(const struct cws_server *server, size_t i);

/* Reads keys and certificates again. With `options` (else NULL) it takes from them the sources of
 * keys, max_connections, max_connections_per_user, max_connections_per_address and
 * max_publish_rate; the rest of them is not looked at. Who is connected stays, except whose token
 * is no longer good (4503). What fails leaves everything as it was and is the error returned.
 * Blocks for file and network reads. */
CWS_API int cws_server_reload(struct cws_server *server, const struct cws_server_options *options,
                              struct cws_error *err);

/* Stops accepting, says `bye` (1012) to every watcher, waits for pending commits and output, at
 * most drain_timeout_ms. Blocks. Returns CWS_ETIMEOUT if something had to be cut. */
CWS_API int cws_server_drain(struct cws_server *server, struct cws_error *err);

/* Ends at once: connections are cut, what was acknowledged is durable. Blocks until threads ended;
 * and while another thread drains or reloads, until that is done. */
CWS_API void cws_server_stop(struct cws_server *server);

/* Stops if needed and frees. NULL is fine. Not from a callback of its own. */
CWS_API void cws_server_free(struct cws_server *server);

/* ---- a store that is not served, or that a hub of another process is serving ---- */

/* What cws_store_check found good. */
struct cws_store_report {
  size_t size;                     /* sizeof(struct cws_store_report) */
  int64_t requests, events, bytes; /* bytes of the events' data */
};

/* Looks through a store ("sqlite:PATH"): its pages, ids without holes, a checksum of each event.
 * Changes nothing; a hub that has it open goes on. Blocks, for as long as reading all of it takes.
 * CWS_ENOTFOUND, CWS_ECORRUPT says what is damaged, CWS_ESTORE, CWS_ECONFIG (no store with a file).
 * Any thread. */
CWS_API int cws_store_check(const char *store, struct cws_store_report *report,
                            struct cws_error *err);

/* Copies a store as it is at one moment to a new file, which a hub can be started on: whole, or not
 * at all. A hub that has it open goes on. Every request in the copy gets a new epoch when a hub
 * opens it, so that nobody takes its next events for others under the same ids. Blocks. CWS_ESYSTEM
 * names the file (also when it is there already); else as cws_store_check. Any thread. */
CWS_API int cws_store_backup(const char *store, const char *file, struct cws_error *err);

/* How far the state of a hub that shares a log has come in it. */
struct cws_store_place {
  size_t size;     /* sizeof(struct cws_store_place) */
  int64_t entry;   /* the newest entry of the log that is in the state: 1, 2, 3 … */
  int64_t time_ms; /* its time, wall clock */
};

/* Moves a store that no hub has open, one of three ways (docs/scaling.md):
 *   "sqlite:PATH" to "nats://…": the log, which has to be new, begins with a note of that store,
 *     and nats->state_file becomes the first state of it;
 *   "nats://…" to a new "sqlite:PATH": nats->state_file, which has to have come to the log's end;
 *   "sqlite:PATH" of a state to a new "sqlite:PATH", without asking the log: since nobody knows
 *     what came after, every request gets a new epoch when a hub opens it.
 * Otherwise requests go on as they are, with their ids, epochs and positions. The source stays as
 * it is. The file that is made is whole, or is not there; the log keeps its first entry also where
 * the file then cannot be made, which the message says. `nats` is needed with a "nats://…" and with
 * no other; `place` may be NULL, else it says what of the log is in the file. Blocks, for as long
 * as copying takes, and up to 15 s for the log. CWS_ENOTFOUND; CWS_ESTORE: the store is in use, or
 * the log does not answer; CWS_EUNKNOWNOUTCOME: the log may have its first entry, now or later;
 * CWS_ECONFIG says what does not fit; CWS_ESYSTEM names the file, also when it is there already;
 * CWS_ECORRUPT. Any thread. */
CWS_API int cws_store_migrate(const char *from, const char *to, const struct cws_nats_options *nats,
                              struct cws_store_place *place, struct cws_error *err);

#ifdef __cplusplus
}
#endif
#endif
