/* ask: one question to the hub and its answer: what status, list and delete share. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <councilws/client.h>
#include <jansson.h>

#include "cli/runner.h"

struct ask {
  struct runner runner;
  char *text; /* the hub's answer as it came, NUL-terminated */
  size_t len;
  json_t *json;
  struct cws_error error; /* code 0 when it went well */
};

/* For the cws_call_done_fn parameter; `user` is the struct ask. */
void ask_done(const struct cws_error *why, const char *json, size_t len, void *user);
/* After the call was started (`rc`): runs it. 0 or an exit code, after saying why. */
int ask_run(struct ask *a, int rc, const char *subject);
/* Forgets the last answer, so that the next question can be put. */
void ask_clear(struct ask *a);
void ask_close(struct ask *a);

#endif
