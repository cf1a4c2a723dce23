/* hub_process: see hub_process.h. */
#include "tests/fault/support/hub_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS_MAX 30

static void exec_hub(const char *log, const char *const options[]) {
  const char *argv[OPTIONS_MAX + 3] = {getenv("COUNCILWS"), "serve"};
  for (int i = 0; options[i] != NULL && i < OPTIONS_MAX; i++)
    argv[i + 2] = options[i];
  int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (argv[0] == NULL || out < 0)
    _exit(126);
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive a test that failed */
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  for (int fd = 3; fd < 64; fd++) /* the test's own sockets and pipes */
    close(fd);
  execv(argv[0], (char *const *)argv);
  _exit(127);
}

void hub_process_start(struct hub_process *hub, const char *log, const char *const options[]) {
  snprintf(hub->log, sizeof hub->log, "%s", log);
  hub->pid = fork();
  if (hub->pid == 0)
    exec_hub(log, options);
  assert_true(hub->pid > 0);
}

void hub_process_print_log(const struct hub_process *hub) {
  char line[1024];
  FILE *f = fopen(hub->log, "r");
  while (f != NULL && fgets(line, sizeof line, f) != NULL)
    print_error("hub: %s", line);
  if (f != NULL)
    fclose(f);
}

static void fail_ended(struct hub_process *hub, int status) {
  hub->pid = 0;
  hub_process_print_log(hub);
  if (WIFSIGNALED(status))
    fail_msg("the hub ended by itself, of signal %d", WTERMSIG(status));
  fail_msg("the hub ended by itself, with exit status %d", WEXITSTATUS(status));
}

void hub_process_check(struct hub_process *hub) {
  int status;
  if (waitpid(hub->pid, &status, WNOHANG) == hub->pid)
    fail_ended(hub, status);
}

bool hub_process_has_ended(struct hub_process *hub, int status) {
  int found;
  if (waitpid(hub->pid, &found, WNOHANG) != hub->pid)
    return false;
  if (!WIFEXITED(found) || WEXITSTATUS(found) != status)
    fail_ended(hub, found);
  hub->pid = 0;
  return true;
}

void hub_process_check_soon(struct hub_process *hub) {
  const struct timespec pause = {.tv_nsec = 20000000};
  for (int i = 0; i < 50; i++) {
    hub_process_check(hub);
    nanosleep(&pause, NULL);
  }
}

void hub_process_kill(struct hub_process *hub) {
  int status;
  kill(hub->pid, SIGKILL);
  assert_int_equal(waitpid(hub->pid, &status, 0), hub->pid);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    fail_ended(hub, status);
  hub->pid = 0;
}

int hub_process_end(struct hub_process *hub) {
  int status;
  kill(hub->pid, SIGTERM);
  assert_int_equal(waitpid(hub->pid, &status, 0), hub->pid);
  hub->pid = 0;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    hub_process_print_log(hub);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
