/*
 * doctor: the whole way to a hub and back, step by step, each with a verdict and what to do. The
 * first failure decides the exit code; what depends on it is skipped.
 */
#include <councilws/token.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cli/command.h"
#include "cli/doctor_net.h"
#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/runner.h"
#include "cli/talk.h"

#define TIMEOUT_MS 20000 /* of upgrade and round trip together */
#define EXPIRY_DAYS 14   /* a certificate is to be renewed by then */
#define SKEW_WARN_S 5
#define SKEW_MAX_S 60 /* what a hub overlooks, PROTOCOL "Tokens" */

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_FAILED, VERDICT_SKIPPED };

/* What comes over a WebSocket, in this order. */
enum step { STEP_UPGRADE, STEP_PUBLISH, STEP_WATCH, STEP_DONE };

struct doctor {
  struct runner runner;
  const struct options *options;
  bool is_json;
  int exit_code; /* of the first failure */
  char request_id[CWS_REQUEST_ID_MAX + 1];
  bool has_own_request; /* of our making: erased at the end */
  bool may_publish, may_watch;
  size_t reported; /* of CHECKS */
  enum step step;
  struct cws_follow *follow;
  struct cws_publisher *publisher;
  int64_t sent_at_ms, message_id;
};

/* In the order of the report. */
static const char *const CHECKS[] = {"name",  "tcp",     "tls",     "hub",       "clock",
                                     "token", "upgrade", "publish", "round trip"};
#define CHECKS_COUNT (sizeof CHECKS / sizeof CHECKS[0])

/* ---- verdicts ---- */

static void print_json(const char *check, const char *verdict, const char *said,
                       const char *advice) {
  json_t *line = json_pack("{s:s, s:s, s:s}", "check", check, "verdict", verdict, "message", said);
  if (line != NULL && advice != NULL)
    json_object_set_new(line, "advice", json_string(advice));
  char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
  out_printf("%s\n", text != NULL ? text : "{}");
  free(text);
  json_decref(line);
}

static void print_text(const char *check, enum verdict verdict, const char *word, const char *said,
                       const char *advice) {
  static const enum out_style STYLES[] = {OUT_GREEN, OUT_YELLOW, OUT_RED, OUT_DIM};
  out_style(STYLES[verdict]);
  out_printf("%-8s", word);
  out_style(OUT_PLAIN);
  out_printf(" %-11s ", check);
  out_escaped(said, 0);
  if (advice != NULL) {
    out_printf("\n%-21s", "");
    out_escaped(advice, 0);
  }
  out_write("\n", 1);
}

/* `advice` may be NULL; `code` counts for failures only. */
static void report(struct doctor *d, const char *check, enum verdict verdict, int code,
                   const char *said, const char *advice) {
  static const char *const WORDS[] = {"ok", "warning", "failed", "skipped"};
  if (verdict == VERDICT_OK || verdict == VERDICT_SKIPPED)
    advice = NULL;
  if (verdict == VERDICT_FAILED && d->exit_code == 0)
    d->exit_code = code;
  d->reported++;
  if (d->is_json)
    print_json(check, WORDS[verdict], said, advice);
  else
    print_text(check, verdict, WORDS[verdict], said, advice);
  out_flush(); /* a failure is kept, and seen at the end */
}

static void skip_rest(struct doctor *d, const char *why) {
  while (d->reported < CHECKS_COUNT)
    report(d, CHECKS[d->reported], VERDICT_SKIPPED, 0, why, NULL);
}

/* ---- the network ---- */

static void judge_clock(struct doctor *d, bool has_date, int64_t skew_s) {
  char said[DOCTOR_SAID];
  long long off = skew_s < 0 ? -skew_s : skew_s;
  if (!has_date) {
    report(d, "clock", VERDICT_SKIPPED, 0, "the hub does not tell its time", NULL);
    return;
  }
  snprintf(said, sizeof said, "the hub's clock is %lld s %s", off,
           skew_s < 0 ? "behind this machine's" : "ahead of this machine's");
  report(d, "clock", off > SKEW_WARN_S ? VERDICT_WARNING : VERDICT_OK, 0, said,
         off > SKEW_MAX_S
             ? "tokens may be refused as expired or not yet valid: set both clocks by NTP"
             : "set both clocks by NTP");
}

static bool check_tls(struct doctor *d, struct doctor_net *n) {
  char said[DOCTOR_SAID];
  const char *advice = NULL;
  int64_t left_s = 0;
  if (!n->is_tls) {
    report(d, "tls", VERDICT_SKIPPED, 0, "the URL is without TLS", NULL);
    return true;
  }
  bool is_good = doctor_net_tls(n, said, &advice, &left_s);
  bool is_late = is_good && left_s < EXPIRY_DAYS * 86400;
  if (is_late)
    advice = "renew it soon; SIGHUP makes the hub read it again";
  report(d, "tls",
         is_late   ? VERDICT_WARNING
         : is_good ? VERDICT_OK
                   : VERDICT_FAILED,
         EXIT_PROTOCOL, said, advice);
  return is_good;
}

static bool check_connection(struct doctor *d, struct doctor_net *n) {
  char said[DOCTOR_SAID];
  const char *advice = NULL;
  bool is_good = n->is_unix || doctor_net_resolve(n, said, &advice);
  if (n->is_unix)
    report(d, "name", VERDICT_SKIPPED, 0, "a unix socket has none", NULL);
  else
    report(d, "name", is_good ? VERDICT_OK : VERDICT_FAILED, EXIT_NOHOST, said, advice);
  if (!is_good)
    return false;
  is_good = doctor_net_connect(n, said, &advice);
  report(d, "tcp", is_good ? VERDICT_OK : VERDICT_FAILED, EXIT_NOCONNECT, said, advice);
  return is_good;
}

static bool check_http(struct doctor *d, struct doctor_net *n) {
  char said[DOCTOR_SAID];
  const char *advice = NULL;
  bool has_date;
  int64_t skew_s = 0;
  bool is_good = doctor_net_http(n, said, &advice, &has_date, &skew_s);
  bool is_unready = strstr(said, "503") != NULL;
  report(d, "hub", is_good ? VERDICT_OK : VERDICT_FAILED,
         is_unready ? EXIT_TRYAGAIN : EXIT_PROTOCOL, said, advice);
  judge_clock(d, has_date, skew_s);
  return is_good;
}

static bool check_network(struct doctor *d) {
  struct doctor_net n;
  doctor_net_init(&n, options_string(d->options, "url"));
  n.ca_file = options_string(d->options, "cacert");
  n.cert_file = options_string(d->options, "cert");
  n.key_file = options_string(d->options, "key");
  bool is_good = check_connection(d, &n) && check_tls(d, &n) && check_http(d, &n);
  doctor_net_finish(&n);
  return is_good;
}

/* ---- the token ---- */

/* A request_id that the glob matches, with a name of ours where it leaves room for one. */
static void name_by_glob(struct doctor *d, const char *glob, const char *own) {
  size_t n = 0;
  for (; *glob != '\0'; glob++) {
    const char *piece = *glob == '*' ? own : *glob == '?' ? "x" : NULL;
    n += (size_t)snprintf(d->request_id + n, sizeof d->request_id - n,
                          piece != NULL ? "%s" : "%.1s", piece != NULL ? piece : glob);
    if (n >= sizeof d->request_id)
      return;
    own = *glob == '*' ? "" : own;
  }
  d->has_own_request = strstr(d->request_id, "doctor-") != NULL;
}

static bool has_match(const json_t *globs, const char *request_id) {
  size_t i;
  json_t *glob;
  json_array_foreach(globs, i, glob) {
    if (json_is_string(glob) && cws_glob_match(json_string_value(glob), request_id))
      return true;
  }
  return false;
}

static void choose_request(struct doctor *d, const json_t *rights) {
  char own[32];
  unsigned char random[6] = {0};
  if (getrandom(random, sizeof random, 0) < 0)
    random[0] = (unsigned char)time(NULL);
  int n = snprintf(own, sizeof own, "doctor-");
  for (size_t i = 0; i < sizeof random; i++)
    n += snprintf(own + n, sizeof own - (size_t)n, "%02x", random[i]);
  const char *given = options_string(d->options, "request");
  const json_t *publish = json_object_get(rights, "publish");
  const json_t *subscribe = json_object_get(rights, "subscribe");
  const char *glob = json_string_value(json_array_get(publish, 0));
  if (glob == NULL)
    glob = json_string_value(json_array_get(subscribe, 0));
  bool is_admin = json_is_true(json_object_get(rights, "admin"));
  if (given != NULL)
    snprintf(d->request_id, sizeof d->request_id, "%s", given);
  else
    name_by_glob(d, glob != NULL && !is_admin ? glob : "*", own);
  d->may_publish = is_admin || json_array_size(publish) > 0;
  d->may_watch = rights == NULL || is_admin || has_match(subscribe, d->request_id);
}

static void tell_globs(char *said, const char *what, const json_t *globs) {
  size_t n = strlen(said), i;
  json_t *glob;
  if (json_array_size(globs) == 0)
    return;
  n += (size_t)snprintf(said + n, DOCTOR_SAID - n, "; may %s", what);
  json_array_foreach(globs, i, glob) {
    if (n + 140 < DOCTOR_SAID && json_is_string(glob))
      n += (size_t)snprintf(said + n, DOCTOR_SAID - n, "%s %.128s", i > 0 ? "," : "",
                            json_string_value(glob));
  }
}

static void tell_token(const json_t *claims, char said[DOCTOR_SAID]) {
  const json_t *rights = json_object_get(claims, "councilws");
  const char *sub = json_string_value(json_object_get(claims, "sub"));
  double left = json_number_value(json_object_get(claims, "exp")) - (double)time(NULL);
  snprintf(said, DOCTOR_SAID, "of '%.128s', %s %.0f s%s", sub != NULL ? sub : "",
           left >= 0 ? "good for" : "expired for", left >= 0 ? left : -left,
           json_is_true(json_object_get(rights, "admin")) ? "; may do everything"
           : rights == NULL ? "; a login token: may watch what has no owner or is its own"
                            : "");
  if (!json_is_true(json_object_get(rights, "admin"))) {
    tell_globs(said, "watch", json_object_get(rights, "subscribe"));
    tell_globs(said, "publish to", json_object_get(rights, "publish"));
  }
}

static bool judge_token(struct doctor *d, const char *claims_text) {
  char said[DOCTOR_SAID];
  json_t *claims = json_loads(claims_text, 0, NULL);
  double left = json_number_value(json_object_get(claims, "exp")) - (double)time(NULL);
  bool is_whole = json_is_number(json_object_get(claims, "exp")) &&
                  json_is_string(json_object_get(claims, "sub"));
  tell_token(claims, said);
  choose_request(d, json_object_get(claims, "councilws"));
  json_decref(claims);
  if (!is_whole)
    report(d, "token", VERDICT_FAILED, EXIT_NOTALLOWED, "it has no sub, or no exp",
           "make one with 'councilws token'");
  else
    report(d, "token", left < 0 ? VERDICT_FAILED : VERDICT_OK, EXIT_NOTALLOWED, said,
           "get a new one; if it should still be good, this machine's clock is wrong");
  return is_whole && left >= 0;
}

static bool check_token(struct doctor *d) {
  char *token = runner_token(&d->runner), *header = NULL, *claims = NULL;
  struct cws_error err = {0};
  bool is_good = false;
  if (token == NULL || token[0] == '\0')
    report(d, "token", VERDICT_FAILED, EXIT_NOTALLOWED, "there is none",
           "give --token-file or COUNCILWS_TOKEN; for a hub of this user on this machine none is "
           "needed");
  else if (cws_token_inspect(token, strlen(token), &header, &claims, &err) != 0)
    report(d, "token", VERDICT_FAILED, EXIT_NOTALLOWED, err.message,
           "the file or COUNCILWS_TOKEN has something else in it");
  else
    is_good = judge_token(d, claims);
  free(header);
  free(claims);
  free(token);
  return is_good;
}

/* ---- upgrade and round trip ---- */

static const char *const STEPS[] = {
    [STEP_UPGRADE] = "upgrade", [STEP_PUBLISH] = "publish", [STEP_WATCH] = "round trip"};

static const char *advice_for(const struct doctor *d, int code) {
  switch (code) {
  case EXIT_NOTALLOWED:
    return d->step == STEP_PUBLISH
               ? "this token may not publish here: its rights say to what it may ('--request')"
               : "the hub does not take this token, or not for this request: is it made with the "
                 "hub's key, and do its rights match ('--request')?";
  case EXIT_TRYAGAIN:
    return "the hub is busy or a quota is used up: try again later";
  case EXIT_PROTOCOL:
    return "does a proxy in between let WebSockets through (Upgrade, Connection)?";
  default:
    return "see the hub's log";
  }
}

/* Ends with the failure of the step that is under way. */
static void fail(struct doctor *d, int code, const char *said) {
  if (d->step == STEP_DONE)
    return;
  report(d, STEPS[d->step], VERDICT_FAILED, code, said, advice_for(d, code));
  skip_rest(d, "an earlier step failed");
  d->step = STEP_DONE;
  runner_finish(&d->runner, d->exit_code);
}

static void on_published(struct cws_publisher *p, int64_t seq, int64_t message_id, bool duplicate,
                         void *user) {
  (void)seq;
  (void)duplicate;
  struct doctor *d = user;
  char said[DOCTOR_SAID];
  if (d->step != STEP_PUBLISH)
    return;
  snprintf(said, sizeof said, "durable as event %lld of '%s' in %lld ms", (long long)message_id,
           d->request_id, (long long)((int64_t)uv_now(d->runner.loop) - d->sent_at_ms));
  report(d, "publish", VERDICT_OK, 0, said, NULL);
  d->message_id = message_id;
  d->step = STEP_WATCH;
  cws_publisher_end(p);
  if (d->may_watch)
    return;
  skip_rest(d, "this token is for publishing only");
  d->step = STEP_DONE;
  runner_finish(&d->runner, d->exit_code);
}

static void on_refused(struct cws_publisher *p, int64_t seq, const struct cws_error *why,
                       void *user) {
  (void)p;
  (void)seq;
  fail(user, exit_code_of(why->code), why->message);
}

static void on_publisher_end(struct cws_publisher *p, const struct cws_error *why, void *user) {
  (void)p;
  struct doctor *d = user;
  d->publisher = NULL;
  if (why != NULL && why->code != CWS_ECANCELED)
    fail(d, exit_code_of(why->code), why->message);
}

static const struct cws_publisher_handlers PUBLISHER = {
    .size = sizeof PUBLISHER,
    .on_published = on_published,
    .on_refused = on_refused,
    .on_end = on_publisher_end,
};

static void start_publisher(struct doctor *d) {
  struct cws_publisher_options p;
  cws_publisher_options_init(&p);
  p.request_id = d->request_id;
  p.max_attempts = 1;
  static const char DATA[] = "{\"message\":\"a round trip of councilws doctor\"}";
  struct cws_event event = {.type = "doctor", .data = DATA, .data_len = sizeof DATA - 1};
  struct cws_error err = {0};
  int64_t seq;
  d->sent_at_ms = (int64_t)uv_now(d->runner.loop);
  if (cws_publisher_start(d->runner.client, &p, &PUBLISHER, d, &d->publisher, &err) != 0 ||
      cws_publisher_send(d->publisher, &event, &seq, &err) != 0)
    fail(d, exit_code_of(err.code), err.message);
}

static void on_session(struct cws_follow *f, const struct cws_follow_session *session, void *user) {
  (void)f;
  struct doctor *d = user;
  char said[DOCTOR_SAID];
  if (d->step != STEP_UPGRADE)
    return;
  snprintf(said, sizeof said, "connected to '%s' as '%.128s'", d->request_id, session->subscriber);
  report(d, "upgrade", VERDICT_OK, 0, said, NULL);
  d->step = STEP_PUBLISH;
  if (d->may_publish) {
    start_publisher(d);
    return;
  }
  skip_rest(d, "this token is for watching only");
  d->step = STEP_DONE;
  runner_finish(&d->runner, d->exit_code);
}

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  (void)f;
  struct doctor *d = user;
  /* It may come before the publisher has its answer; then it is not known yet which it is. */
  if (strcmp(event->type, "doctor") != 0 || d->step == STEP_UPGRADE || d->step == STEP_DONE)
    return;
  if (d->step == STEP_PUBLISH)
    on_published(d->publisher, 0, event->message_id, false, d);
  char said[DOCTOR_SAID];
  snprintf(said, sizeof said, "seen by the watcher %lld ms after it was sent",
           (long long)((int64_t)uv_now(d->runner.loop) - d->sent_at_ms));
  report(d, "round trip", VERDICT_OK, 0, said, NULL);
  d->step = STEP_DONE;
  runner_finish(&d->runner, d->exit_code);
}

static void on_follow_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  (void)f;
  struct doctor *d = user;
  d->follow = NULL;
  bool is_expected = why == NULL || why->code == CWS_ECANCELED ||
                     (why->code == CWS_EFORBIDDEN && !d->may_watch && d->step != STEP_UPGRADE);
  if (!is_expected)
    fail(d, exit_code_of(why->code), why->message);
}

static const struct cws_follow_handlers FOLLOW = {
    .size = sizeof FOLLOW,
    .on_session = on_session,
    .on_event = on_event,
    .on_end = on_follow_end,
};

static void check_round_trip(struct doctor *d) {
  struct cws_follow_options f;
  cws_follow_options_init(&f);
  f.request_id = d->request_id;
  f.from = CWS_FROM_NEW;
  f.no_ack = true;
  f.max_attempts = 1;
  struct cws_error err = {0};
  if (cws_follow_start(d->runner.client, &f, &FOLLOW, d, &d->follow, &err) != 0) {
    fail(d, exit_code_of(err.code), err.message);
    return;
  }
  int code = runner_run_to_finish(&d->runner);
  if (d->step != STEP_DONE) /* a deadline or a signal */
    fail(d, code, code == EXIT_TIMEOUT ? "no answer in time" : "interrupted");
}

/* ---- the command ---- */

static void on_erased(const struct cws_error *why, const char *json, size_t len, void *user) {
  (void)json;
  (void)len;
  struct doctor *d = user;
  if (why != NULL)
    talk_more("%s: its event stays until it expires: %s", d->request_id, why->message);
}

/* What was published for the sake of it goes, where this token may do that. */
static void erase(struct doctor *d) {
  if (!d->has_own_request || d->message_id == 0)
    return;
  if (d->follow != NULL)
    cws_follow_end(d->follow);
  if (cws_delete(d->runner.client, d->request_id, on_erased, d, NULL, NULL) == 0)
    cws_client_run(d->runner.client);
}

static void examine(struct doctor *d) {
  bool is_reached = check_network(d);
  bool has_token = is_reached && check_token(d);
  if (has_token) {
    check_round_trip(d);
    erase(d);
    return;
  }
  skip_rest(d, "an earlier step failed");
}

static int run_doctor(const struct options *o) {
  struct doctor d = {.options = o, .is_json = strcmp(options_string(o, "output"), "json") == 0};
  int code = runner_open(&d.runner, o, options_duration(o, "timeout", TIMEOUT_MS));
  if (code != 0)
    return code;
  examine(&d);
  runner_close(&d.runner);
  int failed = out_flush();
  return failed != 0 ? failed : d.exit_code;
}

static const struct option_spec OPTIONS[] = {
    {"request", 0, OPTION_STRING, "REQUEST", NULL, NULL, false,
     "try this request, and leave an event of type doctor in it [one of its own, which is erased]"},
    {"timeout", 0, OPTION_DURATION, "D", "20s", NULL, false, "give up after this time (exit 124)"},
    {"output", 'o', OPTION_CHOICE, "FORMAT", "auto", "auto|text|json", true,
     "plain lines, or an object for each step"},
    {0},
};

const struct command COMMAND_DOCTOR = {
    .name = "doctor",
    .usage = "",
    .summary = "finds out what is wrong between this machine and a hub",
    .details =
        "Goes the whole way: name, TCP, TLS and how long the certificate is good, the hub and "
        "its clock, the token and its rights, the upgrade to a WebSocket, and an event from "
        "publish to watch. Each step has a verdict (ok, warning, failed, skipped) and says what "
        "to do. Ends with 0, or with the code of the first failure.",
    .options = OPTIONS,
    .is_client = true,
    .max_args = 0,
    .run = run_doctor,
};
