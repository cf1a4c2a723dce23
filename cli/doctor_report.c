/* doctor_report: a line or an object for each step of doctor. */
#include <jansson.h>
#include <stdlib.h>

#include "cli/doctor.h"
#include "cli/out.h"

/* In the order of the report. */
static const char *const CHECKS[] = {"name",  "tcp",     "tls",     "hub",       "clock",
                                     "token", "upgrade", "publish", "round trip"};
#define CHECKS_COUNT (sizeof CHECKS / sizeof CHECKS[0])

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

void doctor_report(struct doctor *d, const char *check, enum verdict verdict, int code,
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

void doctor_skip_rest(struct doctor *d, const char *why) {
  while (d->reported < CHECKS_COUNT)
    doctor_report(d, CHECKS[d->reported], VERDICT_SKIPPED, 0, why, NULL);
}
