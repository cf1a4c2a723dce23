/* serve: runs a hub in the foreground until a signal ends it. */
#include <councilws/server.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/nats_options.h"
#include "cli/notify.h"
#include "cli/out.h"
#include "cli/secret.h"
#include "cli/sign_in_link.h"
#include "cli/store_path.h"
#include "cli/talk.h"

static const struct option_spec OPTIONS[] = {
    {"listen", 0, OPTION_LIST, "ADDR", "127.0.0.1:8765", NULL, true,
     "ADDR:PORT, [v6]:PORT, :PORT, unix:PATH or fd:N; port 0 takes a free one (may be given "
     "again); else the sockets that systemd hands over, if any"},
    STORE_OPTION,
    {"check-store", 0, OPTION_FLAG, NULL, NULL, NULL, false,
     "look through the store, say what was found, and end"},
    {"durability", 0, OPTION_CHOICE, "LEVEL", "full", "full|normal", true,
     "whether an answer waits for the disk (fsync)"},
    {"compression", 0, OPTION_CHOICE, "WHETHER", "off", "off|on", true,
     "compress what clients can decompress: less traffic, more work"},
    {"secret-file", 0, OPTION_LIST, "FILE", NULL, NULL, true,
     "an HMAC secret of at least 32 bytes (may be given again, for rotation)"},
    {"public-key", 0, OPTION_LIST, "FILE", NULL, NULL, true, "a public key (PEM)"},
    {"jwks", 0, OPTION_LIST, "FILE-or-URL", NULL, NULL, true, "a JWK set"},
    {"issuer", 0, OPTION_STRING, "S", NULL, NULL, true, "tokens must have this iss"},
    {"audience", 0, OPTION_STRING, "S", NULL, NULL, true, "tokens must have this aud"},
    {"tls-cert", 0, OPTION_STRING, "FILE", NULL, NULL, true, "certificate chain (PEM): serve TLS"},
    {"tls-key", 0, OPTION_STRING, "FILE", NULL, NULL, true, "its private key (PEM)"},
    {"tls-client-ca", 0, OPTION_STRING, "FILE", NULL, NULL, true,
     "clients must show a certificate signed by one of these"},
    {"heartbeat-interval", 0, OPTION_DURATION, "D", "30s", NULL, true, "0 turns it off"},
    {"inactivity-timeout", 0, OPTION_DURATION, "D", "5m", NULL, true, "0 turns it off"},
    {"retention", 0, OPTION_DURATION, "D", "24h", NULL, true,
     "erase a request this long after its last event; 0 keeps all"},
    {"max-request-events", 0, OPTION_INT, "N", "0", NULL, true,
     "keep the newest N events of a request; 0: no limit"},
    {"max-request-bytes", 0, OPTION_SIZE, "S", "0", NULL, true,
     "keep the newest events of a request up to this size; 0: no limit"},
    {"max-event-bytes", 0, OPTION_SIZE, "S", "256k", NULL, true, "refuse larger events"},
    {"max-connections", 0, OPTION_INT, "N", "0", NULL, true,
     "in all; 0: what the descriptor limit allows"},
    {"max-connections-per-user", 0, OPTION_INT, "N", "100", NULL, true,
     "WebSockets of one user; 0: no limit"},
    {"max-connections-per-address", 0, OPTION_INT, "N", "0", NULL, true, "0: no limit"},
    {"max-publish-rate", 0, OPTION_INT, "N", "0", NULL, true,
     "events per second of one user; 0: no limit"},
    {"allow-origin", 0, OPTION_LIST, "ORIGIN", NULL, NULL, true,
     "pages of this origin may connect, too (may be given again)"},
    {"workers", 0, OPTION_INT, "N", "0", NULL, true, "threads; 0: one a core"},
    {"drain-timeout", 0, OPTION_DURATION, "D", "10s", NULL, true,
     "how long ending may take after SIGTERM"},
    {"log-format", 0, OPTION_CHOICE, "FORMAT", "text", "text|json", true,
     "of the log on standard error"},
    {"log-level", 0, OPTION_CHOICE, "LEVEL", "info", "error|warn|info|debug", true, "what to log"},
    {0},
};

/* ---- log ---- */

static const char *const LEVELS[] = {"error", "warn", "info", "debug"};

static void log_text(enum cws_log_level level, const char *message, void *user) {
  (void)user;
  char stamp[32];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct tm tm;
  gmtime_r(&now.tv_sec, &tm);
  strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
  fprintf(stderr, "%s.%03ldZ %-5s %s\n", stamp, now.tv_nsec / 1000000, LEVELS[level], message);
}

static void log_json(enum cws_log_level level, const char *message, void *user) {
  (void)user;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  json_t *line = json_pack("{s:f,s:s,s:s}", "time", (double)now.tv_sec + (double)now.tv_nsec / 1e9,
                           "level", LEVELS[level], "message", message);
  char *text = line != NULL ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(14)) : NULL;
  if (text != NULL)
    fprintf(stderr, "%s\n", text);
  free(text);
  json_decref(line);
}

static enum cws_log_level level_of(const char *name) {
  for (int i = CWS_LOG_ERROR; i <= CWS_LOG_DEBUG; i++) {
    if (strcmp(LEVELS[i], name) == 0)
      return (enum cws_log_level)i;
  }
  return CWS_LOG_INFO;
}

/* ---- options ---- */

struct serve {
  struct cws_server_options server;
  struct nats_choice nats;
  char store[STORE_PATH_BUF];
  char secret[SECRET_BYTES + 1];
};

static bool has_keys(const struct options *o) {
  return options_list(o, "secret-file")[0] != NULL || options_list(o, "public-key")[0] != NULL ||
         options_list(o, "jwks")[0] != NULL;
}

static int choose_keys(struct serve *s, const struct options *o) {
  s->server.secret_files = options_list(o, "secret-file");
  s->server.public_key_files = options_list(o, "public-key");
  s->server.jwks = options_list(o, "jwks");
  if (has_keys(o))
    return 0;
  int code = secret_load_or_make(s->secret);
  s->server.local_secret = s->secret;
  s->server.local_secret_len = SECRET_BYTES;
  return code;
}

/* On a thread of the server's: the main one drains, as after SIGTERM. */
static atomic_bool has_failed;

static void on_failed(const struct cws_error *why, void *user) {
  (void)why, (void)user; /* it was logged */
  atomic_store(&has_failed, true);
  kill(getpid(), SIGTERM);
}

static int read_options(struct serve *s, const struct options *o) {
  struct cws_server_options *c = &s->server;
  cws_server_options_init(c);
  c->listen = options_list(o, "listen");
  if (!options_is_given(o, "listen") && notify_inherited() != NULL)
    c->listen = notify_inherited();
  c->durability_normal = strcmp(options_string(o, "durability"), "normal") == 0;
  c->compression = strcmp(options_string(o, "compression"), "on") == 0;
  c->issuer = options_string(o, "issuer");
  c->audience = options_string(o, "audience");
  c->tls_cert_file = options_string(o, "tls-cert");
  c->tls_key_file = options_string(o, "tls-key");
  c->tls_client_ca_file = options_string(o, "tls-client-ca");
  c->heartbeat_interval_ms = options_duration(o, "heartbeat-interval", c->heartbeat_interval_ms);
  c->inactivity_timeout_ms = options_duration(o, "inactivity-timeout", c->inactivity_timeout_ms);
  c->retention_ms = options_duration(o, "retention", c->retention_ms);
  c->max_request_events = options_int(o, "max-request-events", 0);
  c->max_request_bytes = options_size(o, "max-request-bytes", 0);
  c->max_event_bytes = options_size(o, "max-event-bytes", c->max_event_bytes);
  c->max_connections = options_int(o, "max-connections", 0);
  c->max_connections_per_user = options_int(o, "max-connections-per-user", 0);
  c->max_connections_per_address = options_int(o, "max-connections-per-address", 0);
  c->max_publish_rate = options_int(o, "max-publish-rate", 0);
  c->allow_origins = options_list(o, "allow-origin");
  int64_t workers = options_int(o, "workers", 0);
  c->workers = workers > 1024 ? 1024 : (int)workers;
  c->drain_timeout_ms = options_duration(o, "drain-timeout", c->drain_timeout_ms);
  c->log = strcmp(options_string(o, "log-format"), "json") == 0 ? log_json : log_text;
  c->log_level = level_of(options_string(o, "log-level"));
  c->nats = &s->nats.options;
  c->on_failed = on_failed;
  int code = store_path_choose(o, true, s->store, &c->store);
  if (code == 0)
    code = nats_options_read(o, c->store, true, &s->nats);
  return code != 0 ? code : choose_keys(s, o);
}

/* ---- signals: blocked everywhere, taken by sigwait on the main thread ---- */

static void block_signals(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGTERM);
  sigaddset(set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void reload(struct cws_server *server, const struct options *before) {
  struct cws_error err = {0};
  struct options *now = NULL;
  struct serve s = {0};
  int code = options_parse_again(before, &now);
  if (code == 0)
    code = read_options(&s, now);
  if (code != 0)
    talk_error("reload failed, what was loaded before stays"); /* the reason was told above */
  else if (cws_server_reload(server, &s.server, &err) == 0)
    talk("keys, certificates and limits were read again");
  else
    talk_error("reload failed, what was loaded before stays: %s", err.message);
  options_free(now);
}

static void *end_at_second_signal(void *arg) {
  sigset_t set = *(const sigset_t *)arg;
  sigdelset(&set, SIGHUP);
  int number;
  while (sigwait(&set, &number) != 0)
    continue;
  _exit(EXIT_SIGNAL(number)); /* what was acknowledged is on disk; the user asked twice */
}

static void drain(struct cws_server *server, sigset_t *set) {
  pthread_t second;
  notify_stopping();
  bool is_watched = pthread_create(&second, NULL, end_at_second_signal, set) == 0;
  struct cws_error err = {0};
  int rc = cws_server_drain(server, &err);
  if (is_watched) {
    pthread_cancel(second);
    pthread_join(second, NULL);
  }
  if (rc != 0)
    talk("draining: %s", err.message);
}

static int serve_until_signal(struct cws_server *server, const struct options *o, sigset_t *set) {
  for (;;) {
    int number = 0;
    if (sigwait(set, &number) != 0)
      continue;
    if (number == SIGHUP) {
      notify_reloading();
      reload(server, o);
      notify_ready();
    } else {
      drain(server, set);
      return atomic_load(&has_failed) ? EXIT_TRYAGAIN : 0;
    }
  }
}

static int print_urls(const struct cws_server *server) {
  const char *url;
  for (size_t i = 0; (url = cws_server_url(server, i)) != NULL; i++)
    out_printf("%s\n", url);
  return out_flush();
}

/* The one place where a token is shown to somebody who has not asked for it: on the terminal of the
 * user whose own secret signs it, and for a hub that nobody else can reach. Never in a log. */
static void offer_sign_in(const struct cws_server *server, const struct options *o) {
  const char *url = NULL;
  if (has_keys(o) || !isatty(STDERR_FILENO) || strcmp(options_string(o, "log-format"), "text") != 0)
    return;
  for (size_t i = 0; (url = cws_server_url(server, i)) != NULL && !sign_in_link_takes(url);)
    i++;
  char *token = url != NULL ? secret_sign_token(SIGN_IN_LINK_TTL_S) : NULL;
  char *link = token != NULL ? sign_in_link_new(url, token) : NULL;
  if (link != NULL)
    talk("dashboard, signed in for 12 hours: %s", link);
  free(link);
  free(token);
}

static int failure_of(const struct cws_error *err) {
  talk_error("%s", err->message);
  return err->code == CWS_ESTORE     ? EXIT_CANTCREATE
         : err->code == CWS_ECORRUPT ? EXIT_DATA
                                     : exit_code_of(err->code);
}

static int check_store(const struct options *o) {
  char buf[STORE_PATH_BUF];
  const char *store;
  int code = store_path_file(o, buf, &store);
  if (code != 0)
    return code;
  struct cws_error err = {0};
  struct cws_store_report found = {.size = sizeof found};
  if (cws_store_check(store, &found, &err) != 0)
    return failure_of(&err);
  out_printf("%s is good: %lld requests, %lld events, %lld bytes of data\n", store,
             (long long)found.requests, (long long)found.events, (long long)found.bytes);
  return out_flush();
}

/* Each connection takes a descriptor; what the system lets this user have is not too many. */
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static int run_serve(const struct options *o) {
  struct serve s = {0};
  if (options_flag(o, "check-store"))
    return check_store(o);
  int code = read_options(&s, o);
  if (code != 0)
    return code;
  sigset_t set;
  block_signals(&set);
  raise_descriptor_limit();
  struct cws_server *server = NULL;
  struct cws_error err = {0};
  if (cws_server_new(&s.server, &server, &err) != 0 || cws_server_start(server, &err) != 0) {
    code = failure_of(&err);
  } else {
    code = print_urls(server);
    offer_sign_in(server, o);
    talk_set_log(s.server.log);
    if (code == 0) {
      notify_ready();
      code = serve_until_signal(server, o, &set);
    }
    talk_set_log(NULL);
  }
  cws_server_free(server);
  return code;
}

const struct command COMMAND_SERVE = {
    .name = "serve",
    .usage = "",
    .summary = "runs a hub in the foreground",
    .details =
        "Prints the URL of each listener once it accepts connections. SIGTERM and SIGINT "
        "end it gracefully, a second one at once; SIGHUP reads keys and certificates again. "
        "Without key options it makes a secret of its own for this user, which is good on "
        "loopback only; when standard error is a terminal, it then prints a link that signs "
        "in to the dashboard. A hub whose state is not what the log says that it shares with "
        "others ends with 75; started again, it begins anew.",
    .options = OPTIONS,
    .has_log = true,
    .max_args = 0,
    .run = run_serve,
};
