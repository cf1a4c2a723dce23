/*
 * runner: what every command that talks to a hub shares: a client made from the options, its loop,
 * signals, a deadline, and the one exit code that comes of it.
 */
#ifndef CLI_RUNNER_H
#define CLI_RUNNER_H

#include <councilws/client.h>
#include <stdbool.h>
#include <uv.h>

#include "cli/options.h"

#define RUNNER_ATTEMPTS 5       /* at least, to reach a hub that was never reached */
#define RUNNER_PATIENCE_MS 5000 /* and for so long: a hub that restarts is back by then */

struct runner {
  struct cws_client *client;
  uv_loop_t *loop;
  uv_signal_t sigint, sigterm, sighup;
  uv_timer_t deadline;
  char *token; /* given by file or variable */
  const char *token_file;
  bool signs_itself;
  bool was_reached;       /* the hub answered once */
  uint64_t first_loss_ms; /* on the loop's clock; 0: none yet */
  int signals;
  int exit_code; /* -1: not decided */
  /* How the command ends early: flush and end what is under way. Not called twice. NULL: stop at
   * once. */
  void (*on_finish)(struct runner *r);
};

/* Makes the client. 0 or an exit code, after saying why. timeout_ms 0: no deadline. */
int runner_open(struct runner *r, const struct options *o, int64_t timeout_ms);
/* Runs until the client has nothing left to do or runner_finish was called; returns the exit code
 * (0 where none was decided). */
int runner_run(struct runner *r);
/* The same for a command with handles of its own on the loop, which has work while the client has
 * none: until runner_finish was called. */
int runner_run_to_finish(struct runner *r);
void runner_close(struct runner *r);

/* The token that the hub is shown, "" for none; free(). */
char *runner_token(struct runner *r);
/* Decides the exit code (the first one counts) and ends what is under way. */
void runner_finish(struct runner *r, int exit_code);
/* Says what went wrong, with a hint where there is one; returns its exit code. */
int runner_report(const struct runner *r, const char *subject, const struct cws_error *why);
/* For on_state callbacks: one line of talk for each loss. False when a hub that was never reached
 * has been tried RUNNER_ATTEMPTS times and for RUNNER_PATIENCE_MS: give up. */
bool runner_lost(struct runner *r, int *attempts, const char *subject, const struct cws_error *why,
                 int64_t wait_ms);

#endif
