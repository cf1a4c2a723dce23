/*
 * hub_process: `councilws serve` as a process of its own, so that it can be killed. $COUNCILWS is
 * the binary. What it says goes to a log, which is printed when it ends unasked.
 */
#ifndef CWS_TEST_HUB_PROCESS_H
#define CWS_TEST_HUB_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct hub_process {
  pid_t pid; /* 0: there is none */
  char log[256];
};

/* `options`: of `councilws serve`, NULL-terminated. Returns at once; it may not listen yet. */
void hub_process_start(struct hub_process *hub, const char *log, const char *const options[]);
/* Fails the test where it has ended by itself. */
void hub_process_check(struct hub_process *hub);
/* Whether it has ended by itself with that exit status; with another one, the test fails. */
bool hub_process_has_ended(struct hub_process *hub, int status);
/* As hub_process_check, and waits a second for it: sockets of a process that dies close before it
 * is gone. */
void hub_process_check_soon(struct hub_process *hub);
/* SIGKILL; fails the test where it had ended before. */
void hub_process_kill(struct hub_process *hub);
/* SIGTERM; returns the exit status. */
int hub_process_end(struct hub_process *hub);
void hub_process_print_log(const struct hub_process *hub);

#endif
