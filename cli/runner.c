/* runner: see runner.h. */
#include "cli/runner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <councilws/token.h>
#include <councilws/units.h>

#include "cli/exit_code.h"
#include "cli/paths.h"
#include "cli/secret.h"
#include "cli/talk.h"

/* ---- the token ---- */

static int read_token_file(struct runner *r) {
  char *text = NULL;
  size_t len = 0;
  int failed = paths_read_file(r->token_file, CWS_TOKEN_MAX + 2, &text, &len);
  if (failed != 0) {
    talk_error("cannot read the token file '%s': %s", r->token_file, strerror(failed));
    return failed == ENOENT ? EXIT_NOINPUT : EXIT_IO;
  }
  text[strcspn(text, " \t\r\n")] = '\0';
  free(r->token);
  r->token = text;
  return 0;
}

static int find_token(struct runner *r, const struct options *o) {
  r->token_file = options_string(o, "token-file");
  const char *variable = getenv("COUNCILWS_TOKEN");
  if (r->token_file != NULL)
    return read_token_file(r);
  if (variable != NULL && variable[0] != '\0') {
    r->token = strdup(variable);
    return r->token != NULL ? 0 : EXIT_OS;
  }
  r->signs_itself = true; /* for a hub on this machine, see give_token */
  return 0;
}

/* A token of one's own making is for a hub of this machine, and good only if that hub is one's own.
 * Where there is none the hub is asked without, so that it is said what it is that fails. */
static char *sign_token(const struct runner *r) {
  char *token = cws_client_is_loopback(r->client) ? secret_sign_token(SECRET_TOKEN_TTL_S) : NULL;
  return token != NULL ? token : strdup("");
}

static char *give_token(bool expired, void *user) {
  struct runner *r = user;
  if (r->signs_itself)
    return sign_token(r);
  if (expired && r->token_file != NULL && strcmp(r->token_file, "-") != 0)
    read_token_file(r); /* someone may have renewed it */
  return r->token != NULL ? strdup(r->token) : NULL;
}

char *runner_token(struct runner *r) {
  char *token = give_token(false, r);
  return token != NULL ? token : strdup("");
}

/* ---- life ---- */

static void on_log(enum cws_log_level level, const char *message, void *user) {
  (void)level;
  (void)user;
  talk_more("%s", message);
}

static int check_file(const char *what, const char *path) {
  if (path == NULL || access(path, R_OK) == 0)
    return 0;
  int failed = errno;
  talk_error("cannot read the %s file '%s': %s", what, path, strerror(failed));
  return failed == ENOENT ? EXIT_NOINPUT : EXIT_IO;
}

static int open_client(struct runner *r, const struct options *o) {
  struct cws_client_options c;
  cws_client_options_init(&c);
  c.url = options_string(o, "url");
  c.ca_file = options_string(o, "cacert");
  c.cert_file = options_string(o, "cert");
  c.key_file = options_string(o, "key");
  c.token_fn = give_token;
  c.token_user = r;
  c.user_agent = "councilws";
  if (talk_is_verbose()) {
    c.log = on_log;
    c.log_level = CWS_LOG_DEBUG;
  }
  int code = check_file("CA", c.ca_file);
  if (code == 0)
    code = check_file("certificate", c.cert_file);
  if (code == 0)
    code = check_file("key", c.key_file);
  if (code != 0)
    return code;
  struct cws_error err = {0};
  if (cws_client_new(&c, &r->client, &err) == 0)
    return 0;
  talk_error("%s", err.message);
  return exit_code_of(err.code);
}

static void on_signal(uv_signal_t *handle, int number) {
  struct runner *r = handle->data;
  if (r->signals++ > 0) {
    cws_client_stop(r->client);
    return;
  }
  runner_finish(r, EXIT_SIGNAL(number));
}

static void on_deadline(uv_timer_t *timer) {
  struct runner *r = timer->data;
  talk("timed out");
  runner_finish(r, EXIT_TIMEOUT);
}

/* Unreferenced, so that the loop ends when the work does. */
static void watch_signal(struct runner *r, uv_signal_t *handle, int number) {
  uv_signal_init(r->loop, handle);
  handle->data = r;
  uv_signal_start(handle, on_signal, number);
  uv_unref((uv_handle_t *)handle);
}

int runner_open(struct runner *r, const struct options *o, int64_t timeout_ms) {
  memset(r, 0, sizeof *r);
  r->exit_code = -1;
  int code = find_token(r, o);
  if (code == 0)
    code = open_client(r, o);
  if (code != 0) {
    free(r->token);
    return code;
  }
  r->loop = cws_client_loop(r->client);
  watch_signal(r, &r->sigint, SIGINT);
  watch_signal(r, &r->sigterm, SIGTERM);
  watch_signal(r, &r->sighup, SIGHUP);
  uv_timer_init(r->loop, &r->deadline);
  r->deadline.data = r;
  if (timeout_ms > 0)
    uv_timer_start(&r->deadline, on_deadline, (uint64_t)timeout_ms, 0);
  uv_unref((uv_handle_t *)&r->deadline);
  return 0;
}

int runner_run(struct runner *r) {
  if (r->exit_code < 0)
    cws_client_run(r->client);
  return r->exit_code < 0 ? 0 : r->exit_code;
}

int runner_run_to_finish(struct runner *r) {
  while (r->exit_code < 0 && uv_run(r->loop, UV_RUN_ONCE) != 0)
    continue;
  return r->exit_code < 0 ? 0 : r->exit_code;
}

void runner_close(struct runner *r) {
  uv_close((uv_handle_t *)&r->sigint, NULL);
  uv_close((uv_handle_t *)&r->sigterm, NULL);
  uv_close((uv_handle_t *)&r->sighup, NULL);
  uv_close((uv_handle_t *)&r->deadline, NULL);
  uv_run(r->loop, UV_RUN_NOWAIT);
  cws_client_free(r->client);
  free(r->token);
}

void runner_finish(struct runner *r, int exit_code) {
  if (r->exit_code < 0)
    r->exit_code = exit_code;
  void (*on_finish)(struct runner *) = r->on_finish;
  r->on_finish = NULL;
  if (on_finish != NULL)
    on_finish(r);
  else
    cws_client_stop(r->client);
}

/* ---- saying what went wrong ---- */

static const char *hint_of(const struct runner *r, int code) {
  switch (code) {
  case CWS_ENOTOKEN:
    return r->signs_itself && cws_client_is_loopback(r->client)
               ? "; this user has no hub of its own here: give --token-file or COUNCILWS_TOKEN"
               : "; give --token-file or COUNCILWS_TOKEN";
  case CWS_EBADTOKEN:
    return r->signs_itself ? "; the hub runs with other keys than this user's secret: give "
                             "--token-file or COUNCILWS_TOKEN"
                           : "";
  case CWS_ECONNECT:
  case CWS_EHOST:
    return "; is the hub running, and is --url right?";
  default:
    return "";
  }
}

int runner_report(const struct runner *r, const char *subject, const struct cws_error *why) {
  talk_error("%s%s%s%s", subject != NULL ? subject : "", subject != NULL ? ": " : "", why->message,
             hint_of(r, why->code));
  return exit_code_of(why->code);
}

bool runner_lost(struct runner *r, int *attempts, const char *subject, const struct cws_error *why,
                 int64_t wait_ms) {
  ++*attempts;
  /* Somebody was there: what comes and goes is worth waiting for. */
  if (why->code != CWS_ECONNECT && why->code != CWS_EHOST && why->code != CWS_ETIMEOUT)
    r->was_reached = true;
  if (r->first_loss_ms == 0)
    r->first_loss_ms = uv_now(r->loop);
  bool was_patient = uv_now(r->loop) - r->first_loss_ms >= RUNNER_PATIENCE_MS;
  if (!r->was_reached && *attempts >= RUNNER_ATTEMPTS && was_patient)
    return false;
  talk("%s: %s; next attempt in %.1f s", subject, why->message, (double)wait_ms / 1000);
  return true;
}
