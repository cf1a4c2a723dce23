/*
 * doctor: the whole way to a hub and back, step by step, each with a verdict and what to do. The
 * first failure decides the exit code; what depends on it is skipped.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/doctor_net.h"
#include "cli/exit_code.h"
#include "cli/out.h"

#define TIMEOUT_MS 20000 /* of upgrade and round trip together */
#define EXPIRY_DAYS 14   /* a certificate is to be renewed by then */
#define SKEW_WARN_S 5
#define SKEW_MAX_S 60 /* what a hub overlooks, PROTOCOL "Tokens" */

/* ---- the network ---- */

static void judge_clock(struct doctor *d, bool has_date, int64_t skew_s) {
  char said[DOCTOR_SAID];
  long long off = skew_s < 0 ? -skew_s : skew_s;
  if (!has_date) {
    doctor_report(d, "clock", VERDICT_SKIPPED, 0, "the hub does not tell its time", NULL);
    return;
  }
  snprintf(said, sizeof said, "the hub's clock is %lld s %s", off,
           skew_s < 0 ? "behind this machine's" : "ahead of this machine's");
  doctor_report(d, "clock", off > SKEW_WARN_S ? VERDICT_WARNING : VERDICT_OK, 0, said,
                off > SKEW_MAX_S
                    ? "tokens may be refused as expired or not yet valid: set both clocks by NTP"
                    : "set both clocks by NTP");
}

static bool check_tls(struct doctor *d, struct doctor_net *n) {
  char said[DOCTOR_SAID];
  const char *advice = NULL;
  int64_t left_s = 0;
  if (!n->is_tls) {
    doctor_report(d, "tls", VERDICT_SKIPPED, 0, "the URL is without TLS", NULL);
    return true;
  }
  bool is_good = doctor_net_tls(n, said, &advice, &left_s);
  bool is_late = is_good && left_s < EXPIRY_DAYS * 86400;
  if (is_late)
    advice = "renew it soon; SIGHUP makes the hub read it again";
  doctor_report(d, "tls",
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
    doctor_report(d, "name", VERDICT_SKIPPED, 0, "a unix socket has none", NULL);
  else
    doctor_report(d, "name", is_good ? VERDICT_OK : VERDICT_FAILED, EXIT_NOHOST, said, advice);
  if (!is_good)
    return false;
  is_good = doctor_net_connect(n, said, &advice);
  doctor_report(d, "tcp", is_good ? VERDICT_OK : VERDICT_FAILED, EXIT_NOCONNECT, said, advice);
  return is_good;
}

static bool check_http(struct doctor *d, struct doctor_net *n) {
  char said[DOCTOR_SAID];
  const char *advice = NULL;
  bool has_date;
  int64_t skew_s = 0;
  bool is_good = doctor_net_http(n, said, &advice, &has_date, &skew_s);
  bool is_unready = strstr(said, "503") != NULL;
  doctor_report(d, "hub", is_good ? VERDICT_OK : VERDICT_FAILED,
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

/* ---- the command ---- */

static void examine(struct doctor *d) {
  bool is_reached = check_network(d);
  bool has_token = is_reached && doctor_check_token(d);
  if (has_token) {
    doctor_check_trip(d);
    doctor_erase(d);
    return;
  }
  doctor_skip_rest(d, "an earlier step failed");
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
