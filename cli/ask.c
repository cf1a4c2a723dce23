/* ask: see ask.h. */
#include "cli/ask.h"

#include <stdlib.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/talk.h"

void ask_done(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct ask *a = user;
  if (why != NULL) {
    a->error = *why;
    return;
  }
  a->text = malloc(len + 1);
  if (a->text == NULL)
    return;
  memcpy(a->text, json, len);
  a->text[len] = '\0';
  a->len = len;
  a->json = json_loadb(json, len, 0, NULL);
}

int ask_run(struct ask *a, int rc, const char *subject) {
  if (rc != 0)
    return runner_report(&a->runner, subject, &a->error);
  int code = runner_run(&a->runner);
  if (code != 0)
    return code;
  if (a->error.code != 0)
    return runner_report(&a->runner, subject, &a->error);
  if (a->json != NULL)
    return 0;
  talk_error("the hub's answer is not JSON");
  return EXIT_PROTOCOL;
}

void ask_clear(struct ask *a) {
  free(a->text);
  json_decref(a->json);
  a->text = NULL;
  a->json = NULL;
}

void ask_close(struct ask *a) {
  ask_clear(a);
  runner_close(&a->runner);
}
