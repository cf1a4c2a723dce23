/*
 * child: a command that is run with its output in our hands, and the signals that concern both of
 * us, which are taken from a descriptor with who sent them.
 */
#ifndef CLI_CHILD_H
#define CLI_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct child_signals {
  int fd; /* a signalfd */
  sigset_t before;
  struct sigaction actions[8]; /* as they were, in the order of child.c's list */
};

/* Holds back the signals; before anything else that handles one. 0 or errno. */
int child_signals_take(struct child_signals *s);

struct child_handlers {
  /* A signal that asks us to end came once the command was gone. */
  void (*on_interrupt)(int number, void *user);
  /* The command has ended, with its status as of waitpid. */
  void (*on_exit)(int wait_status, void *user);
};

struct child {
  pid_t pid; /* 0 once it has ended */
  int out, err;
  uv_poll_t poll;
  struct child_signals *signals;
  const struct child_handlers *handlers;
  void *user;
};

/* Runs argv, found by PATH, with its standard output and error in two pipes, whose reading ends
 * (out, err) are the caller's. 0, or the errno of what failed; *is_exec says that it was the exec
 * itself. */
int child_start(struct child *c, uv_loop_t *loop, char *const *argv, bool *is_exec);
/* Closes its handles; the loop has to turn once more. */
void child_finish(struct child *c);

#endif
