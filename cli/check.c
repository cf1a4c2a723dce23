/* check: see check.h. The worst finding is the line; all measures stand behind it. */
#include "cli/check.h"

#include <councilws/units.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/talk.h"

#define CHECK_TIMEOUT_MS 10000

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_CRITICAL, VERDICT_UNKNOWN };

enum measure_name { MEASURE_TIME, MEASURE_LAG, MEASURE_AGE, MEASURES };

static const struct {
  const char *name, *unit;
  bool is_duration; /* in ms here, in s on the line */
} NAMES[MEASURES] = {{"time", "s", true}, {"lag", "", false}, {"age", "s", true}};

#define NONE (-1)

struct measure {
  int64_t value, limits[2]; /* of warning and critical; NONE where there is none */
};

struct check {
  struct ask ask;
  struct measure measures[MEASURES];
  enum verdict worst;
  char text[512];
};

static void CWS_PRINTF(3, 4) find(struct check *c, enum verdict verdict, const char *fmt, ...) {
  if (verdict <= c->worst && c->text[0] != '\0')
    return; /* of the same weight the first counts */
  va_list args;
  va_start(args, fmt);
  vsnprintf(c->text, sizeof c->text, fmt, args);
  va_end(args);
  c->worst = verdict;
}

/* ---- limits ---- */

static bool set_limit(struct check *c, int which, const char *text) {
  for (size_t i = 0; i < MEASURES; i++) {
    size_t n = strlen(NAMES[i].name);
    if (strncmp(text, NAMES[i].name, n) != 0 || text[n] != '=')
      continue;
    int64_t *limit = &c->measures[i].limits[which];
    return NAMES[i].is_duration ? cws_duration_parse(text + n + 1, limit, NULL) == 0
                                : cws_int_parse(text + n + 1, 0, INT64_MAX, limit, NULL) == 0;
  }
  return false;
}

static bool read_limits(struct check *c, const struct options *o) {
  static const char *const OPTIONS[] = {"warning", "critical"};
  for (size_t i = 0; i < MEASURES; i++)
    c->measures[i] = (struct measure){NONE, {NONE, NONE}};
  for (int which = 0; which < 2; which++) {
    for (const char *const *text = options_list(o, OPTIONS[which]); *text != NULL; text++) {
      if (set_limit(c, which, *text))
        continue;
      find(c, VERDICT_UNKNOWN, "--%s %s: not time=D, lag=N or age=D", OPTIONS[which], *text);
      return false;
    }
  }
  return true;
}

static void compare(struct check *c, enum measure_name name) {
  const struct measure *m = &c->measures[name];
  if (m->value == NONE)
    return;
  for (int which = 1; which >= 0; which--) {
    int64_t limit = m->limits[which];
    if (limit == NONE || m->value <= limit)
      continue;
    enum verdict verdict = which == 1 ? VERDICT_CRITICAL : VERDICT_WARNING;
    if (NAMES[name].is_duration)
      find(c, verdict, "%s %.3f s, more than %.3f s", NAMES[name].name, (double)m->value / 1000,
           (double)limit / 1000);
    else
      find(c, verdict, "%s %lld, more than %lld", NAMES[name].name, (long long)m->value,
           (long long)limit);
    return;
  }
}

/* ---- the line ---- */

static void print_number(enum measure_name name, int64_t value) {
  if (value == NONE)
    return;
  if (NAMES[name].is_duration)
    out_printf("%.3f", (double)value / 1000);
  else
    out_printf("%lld", (long long)value);
}

static int print_line(const struct check *c) {
  static const char *const WORDS[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  out_printf("COUNCILWS %s - ", WORDS[c->worst]);
  for (const char *p = c->text; *p != '\0'; p++) { /* a '|' would begin the measures */
    char one[2] = {*p == '|' ? '/' : *p, '\0'};
    out_write(one, 1);
  }
  const char *lead = " |";
  for (size_t i = 0; i < MEASURES; i++) {
    const struct measure *m = &c->measures[i];
    if (m->value == NONE)
      continue;
    out_printf("%s %s=", lead, NAMES[i].name);
    print_number((enum measure_name)i, m->value);
    out_printf("%s;", NAMES[i].unit);
    print_number((enum measure_name)i, m->limits[0]);
    out_printf(";");
    print_number((enum measure_name)i, m->limits[1]);
    out_printf(";0");
    lead = "";
  }
  out_printf("\n");
  int failed = out_flush();
  return failed != 0 ? failed : (int)c->worst;
}

/* ---- asking ---- */

static int64_t now_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void no_answer(struct check *c, int rc, int code) {
  const struct cws_error *why = &c->ask.error;
  int failed = rc != 0 ? rc : why->code;
  int meaning = exit_code_of(failed);
  if (code != 0)
    find(c, VERDICT_CRITICAL, code == EXIT_TIMEOUT ? "no answer in time" : "interrupted");
  else if (failed == 0)
    find(c, VERDICT_CRITICAL, "the answer is not JSON");
  else if (meaning == EXIT_NOTALLOWED || meaning == EXIT_USAGE || meaning == EXIT_DATA)
    find(c, VERDICT_UNKNOWN, "%s", why->message);
  else
    find(c, VERDICT_CRITICAL, "%s", why->message);
}

/* Runs the call that was started (`rc`); false, with a finding, where no answer came. */
static bool ask(struct check *c, int rc) {
  int code = rc == 0 ? runner_run(&c->ask.runner) : 0;
  if (rc == 0 && code == 0 && c->ask.json != NULL)
    return true;
  no_answer(c, rc, code);
  return false;
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text != NULL ? text : "";
}

static bool check_ready(struct check *c) {
  int64_t began_ms = now_ms(CLOCK_MONOTONIC);
  if (!ask(c, cws_ready(c->ask.runner.client, ask_done, &c->ask, NULL, &c->ask.error)))
    return false;
  c->measures[MEASURE_TIME].value = now_ms(CLOCK_MONOTONIC) - began_ms;
  const char *status = text_of(c->ask.json, "status");
  if (strcmp(status, "draining") == 0)
    find(c, VERDICT_WARNING, "the hub is draining");
  else if (strcmp(status, "ready") != 0)
    find(c, VERDICT_CRITICAL, "%s: %s", status, text_of(c->ask.json, "message"));
  ask_clear(&c->ask);
  return true;
}

static int64_t greatest_lag(const json_t *answer) {
  int64_t lag = 0;
  size_t i;
  json_t *watcher;
  json_array_foreach(json_object_get(answer, "watchers"), i, watcher) {
    int64_t one = json_integer_value(json_object_get(watcher, "lag"));
    lag = one > lag ? one : lag;
  }
  return lag;
}

static void check_request(struct check *c, const char *request_id) {
  struct ask *a = &c->ask;
  if (!ask(c, cws_status(a->runner.client, request_id, ask_done, a, NULL, &a->error)))
    return;
  const char *status = text_of(a->json, "status");
  int64_t updated_ms;
  bool has_ended = strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0;
  c->measures[MEASURE_LAG].value = greatest_lag(a->json);
  if (!has_ended && cws_timestamp_parse(text_of(a->json, "updated_at"), &updated_ms) == 0) {
    int64_t age_ms = now_ms(CLOCK_REALTIME) - updated_ms;
    c->measures[MEASURE_AGE].value = age_ms > 0 ? age_ms : 0; /* the hub's clock may be ahead */
  }
  if (strcmp(status, "failed") == 0)
    find(c, VERDICT_CRITICAL, "the request failed");
  else if (strcmp(status, "pending") == 0)
    find(c, VERDICT_WARNING, "pending");
  compare(c, MEASURE_LAG);
  compare(c, MEASURE_AGE);
  find(c, VERDICT_OK, "%s", status);
}

static void check_hub(struct check *c) {
  struct ask *a = &c->ask;
  if (!ask(c, cws_status(a->runner.client, NULL, ask_done, a, NULL, &a->error)))
    return;
  find(c, VERDICT_OK, "%s, %lld watchers", text_of(a->json, "status"),
       (long long)json_integer_value(json_object_get(a->json, "active_connections")));
}

int check_run(const struct options *o, const char *request_id) {
  struct check c = {0};
  talk_set_level(TALK_QUIET);
  if (!read_limits(&c, o))
    return print_line(&c);
  if (runner_open(&c.ask.runner, o, options_duration(o, "timeout", CHECK_TIMEOUT_MS)) != 0) {
    find(&c, VERDICT_UNKNOWN, "bad options");
    return print_line(&c);
  }
  if (check_ready(&c)) {
    compare(&c, MEASURE_TIME);
    if (request_id != NULL)
      check_request(&c, request_id);
    else
      check_hub(&c);
  }
  ask_close(&c.ask);
  return print_line(&c);
}
