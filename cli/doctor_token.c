/* doctor_token: what the token says, and which request can be tried with it. */
#include <councilws/token.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "cli/doctor.h"
#include "cli/doctor_net.h"
#include "cli/exit_code.h"

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
    doctor_report(d, "token", VERDICT_FAILED, EXIT_NOTALLOWED, "it has no sub, or no exp",
                  "make one with 'councilws token'");
  else
    doctor_report(d, "token", left < 0 ? VERDICT_FAILED : VERDICT_OK, EXIT_NOTALLOWED, said,
                  "get a new one; if it should still be good, this machine's clock is wrong");
  return is_whole && left >= 0;
}

bool doctor_check_token(struct doctor *d) {
  char *token = runner_token(&d->runner), *header = NULL, *claims = NULL;
  struct cws_error err = {0};
  bool is_good = false;
  if (token == NULL || token[0] == '\0')
    doctor_report(
        d, "token", VERDICT_FAILED, EXIT_NOTALLOWED, "there is none",
        "give --token-file or COUNCILWS_TOKEN; for a hub of this user on this machine none is "
        "needed");
  else if (cws_token_inspect(token, strlen(token), &header, &claims, &err) != 0)
    doctor_report(d, "token", VERDICT_FAILED, EXIT_NOTALLOWED, err.message,
                  "the file or COUNCILWS_TOKEN has something else in it");
  else
    is_good = judge_token(d, claims);
  free(header);
  free(claims);
  free(token);
  return is_good;
}
