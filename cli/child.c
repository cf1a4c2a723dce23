/*
 * child: see child.h. The command stays in our process group, so that a terminal's signals reach it
 * without us; those are told apart by their origin and not sent a second time.
 */
#define _GNU_SOURCE /* pipe2 */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sent on to the command. SIGPIPE is not ours to send on, but is ignored by us and not by it. */
static const int FORWARDED[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};
#define FORWARDED_COUNT (sizeof FORWARDED / sizeof FORWARDED[0])

/* As by nohup, or in the background of a script: ignored by us and by the command. */
static bool is_ignored(const struct child_signals *s, int number) {
  for (size_t i = 0; i < FORWARDED_COUNT; i++) {
    if (FORWARDED[i] == number)
      return s->actions[i].sa_handler == SIG_IGN && number != SIGCONT;
  }
  return true;
}

int child_signals_take(struct child_signals *s) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  for (size_t i = 0; i < FORWARDED_COUNT; i++) {
    sigaction(FORWARDED[i], NULL, &s->actions[i]);
    sigaddset(&set, FORWARDED[i]);
  }
  signal(SIGCHLD, SIG_DFL); /* where it is ignored, nobody's status can be had */
  if (sigprocmask(SIG_BLOCK, &set, &s->before) != 0)
    return errno;
  s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return s->fd >= 0 ? 0 : errno;
}

/* ---- signals ---- */

/* The command was stopped by what stops a job: so are we, or the shell would not take over. */
static void stop_too(int number) {
  if (number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
    raise(SIGSTOP);
}

static void reap(struct child *c) {
  int status;
  while (c->pid > 0 && waitpid(c->pid, &status, WNOHANG | WUNTRACED) == c->pid) {
    if (WIFSTOPPED(status)) {
      stop_too(WSTOPSIG(status));
      continue;
    }
    c->pid = 0;
    c->handlers->on_exit(status, c->user);
  }
}

static void forward(struct child *c, const struct signalfd_siginfo *info) {
  int number = (int)info->ssi_signo;
  bool is_from_terminal = info->ssi_code == SI_KERNEL;
  if (is_ignored(c->signals, number))
    return;
  if (c->pid > 0 && !is_from_terminal)
    kill(c->pid, number);
  else if (c->pid == 0 && number != SIGCONT && number != SIGTSTP)
    c->handlers->on_interrupt(number, c->user);
}

static void on_signal(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct child *c = poll->data;
  struct signalfd_siginfo info;
  while (read(c->signals->fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo != SIGCHLD)
      forward(c, &info);
  }
  reap(c);
}

/* ---- starting ---- */

static void restore_signals(const struct child_signals *s) {
  for (size_t i = 0; i < FORWARDED_COUNT; i++)
    sigaction(FORWARDED[i], &s->actions[i], NULL);
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &s->before, NULL);
}

/* In the child: only what is safe after a fork. */
static void become(const struct child_signals *s, char *const *argv, const int pipes[3][2]) {
  if (dup2(pipes[0][1], STDOUT_FILENO) >= 0 && dup2(pipes[1][1], STDERR_FILENO) >= 0) {
    restore_signals(s);
    execvp(argv[0], argv);
  }
  int failed = errno;
  if (write(pipes[2][1], &failed, sizeof failed) < 0)
    _exit(126);
  _exit(failed == ENOENT ? 127 : 126);
}

static void close_pipes(int pipes[3][2]) {
  for (size_t i = 0; i < 3; i++) {
    for (size_t j = 0; j < 2; j++) {
      if (pipes[i][j] >= 0)
        close(pipes[i][j]);
      pipes[i][j] = -1;
    }
  }
}

/* 0 once the exec has happened, which closes the pipe; else why it did not. */
static int exec_error(int fd) {
  int failed = 0;
  ssize_t n;
  do
    n = read(fd, &failed, sizeof failed);
  while (n < 0 && errno == EINTR);
  return n == (ssize_t)sizeof failed ? failed : 0;
}

static int spawn(struct child *c, char *const *argv, int pipes[3][2], bool *is_exec) {
  c->pid = fork();
  if (c->pid < 0)
    return errno;
  if (c->pid == 0)
    become(c->signals, argv, (const int(*)[2])pipes);
  close(pipes[2][1]);
  pipes[2][1] = -1;
  int failed = exec_error(pipes[2][0]);
  if (failed == 0)
    return 0;
  *is_exec = true;
  waitpid(c->pid, NULL, 0);
  c->pid = 0;
  return failed;
}

int child_start(struct child *c, uv_loop_t *loop, char *const *argv, bool *is_exec) {
  int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
  int failed = 0;
  *is_exec = false;
  for (size_t i = 0; failed == 0 && i < 3; i++)
    failed = pipe2(pipes[i], O_CLOEXEC) != 0 ? errno : 0;
  if (failed == 0)
    failed = -uv_poll_init(loop, &c->poll, c->signals->fd);
  if (failed == 0) {
    c->poll.data = c;
    uv_poll_start(&c->poll, UV_READABLE, on_signal);
    failed = spawn(c, argv, pipes, is_exec);
  }
  if (failed == 0) {
    c->out = pipes[0][0];
    c->err = pipes[1][0];
    pipes[0][0] = pipes[1][0] = -1;
  }
  close_pipes(pipes);
  return failed;
}

void child_finish(struct child *c) {
  if (c->poll.data != NULL)
    uv_close((uv_handle_t *)&c->poll, NULL);
}
