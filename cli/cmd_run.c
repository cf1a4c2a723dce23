/*
 * run: a command whose start, output, use of resources and end are events. The command comes first:
 * nothing that happens to the hub or to the spool changes what it does or the status that it ends
 * with.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/line_event.h"
#include "cli/output_tap.h"
#include "cli/paths.h"
#include "cli/run_events.h"
#include "cli/sender.h"
#include "cli/talk.h"

#define CHECK_MS 50
#define QUIET_MS 500   /* what the command has left behind is not waited for any longer */
#define BEHIND_MS 2000 /* nor where it goes on writing */

enum run_state {
  RUN_RUNNING,  /* until the command has ended */
  RUN_DRAINING, /* until its output is through, or only others hold it open */
  RUN_SENDING,  /* until the hub has everything, or --linger has passed without it */
};

struct run {
  struct runner runner;
  struct sender sender;
  struct spool *spool;
  struct child_signals signals;
  struct child child;
  struct output_tap out, err;
  uv_timer_t check; /* while draining */
  const char *request_id;
  char **argv;
  enum run_state state;
  uint64_t began_ms, exited_ms;
  struct run_result result;
  bool has_told, has_told_success; /* the command told its end itself: a final_response */
  bool is_unkept_said;
};

static void drain_step(struct run *r);

/* ---- events ---- */

static void on_unkept(int failed, void *user) {
  struct run *r = user;
  if (!r->is_unkept_said)
    talk_error("events cannot be kept, and are lost: %s", strerror(failed));
  r->is_unkept_said = true;
}

static void add(struct run *r, struct cws_event_owned *event) {
  int failed = event != NULL ? spool_add(r->spool, cws_event_view(event)) : ENOMEM;
  if (failed != 0)
    on_unkept(failed, r);
  cws_event_free(event);
}

static void note_end(struct run *r, const struct cws_event *event) {
  if (strcmp(event->type, "final_response") != 0)
    return;
  json_t *data = json_loadb(event->data, event->data_len, JSON_DECODE_ANY, NULL);
  r->has_told = true;
  r->has_told_success = !json_is_false(json_object_get(data, "success"));
  json_decref(data);
}

static void on_line(const char *stream, const char *line, size_t len, bool continues, void *user) {
  struct run *r = user;
  struct cws_event_owned *event = line_event(stream, line, len, continues);
  if (event != NULL)
    note_end(r, cws_event_view(event));
  add(r, event);
}

/* ---- the end ---- */

static void finish(struct run *r) {
  int code = r->result.exit_code;
  int failed = r->out.failed != 0 ? r->out.failed : r->err.failed;
  if (code == 0 && failed != 0 && failed != EPIPE) {
    talk_error("cannot pass on the output: %s", strerror(failed));
    code = EXIT_IO;
  }
  runner_finish(&r->runner, code);
}

/* A success that the command has told and that its status belies is followed by the truth. */
static void tell_end(struct run *r) {
  bool is_told = r->has_told && (r->result.exit_code == 0 || !r->has_told_success);
  r->result.elapsed_ms = (int64_t)(uv_now(r->runner.loop) - r->began_ms);
  add(r, run_events_end(&r->result, is_told));
  r->state = RUN_SENDING;
  if (r->sender.state == SENDER_ENDED)
    finish(r);
  else
    sender_end(&r->sender);
}

static bool is_worth_waiting(const struct run *r, const struct output_tap *t) {
  if (t->state != TAP_READING)
    return t->state == TAP_BLOCKED;
  uint64_t now = uv_now(r->runner.loop);
  uint64_t last = t->last_read_ms > r->exited_ms ? t->last_read_ms : r->exited_ms;
  return now - last < QUIET_MS && now - r->exited_ms < BEHIND_MS;
}

static void drain_step(struct run *r) {
  if (r->state != RUN_DRAINING)
    return;
  struct output_tap *taps[] = {&r->out, &r->err};
  for (size_t i = 0; i < 2; i++) {
    if (taps[i]->state == TAP_READING && !is_worth_waiting(r, taps[i])) {
      talk_more("something that '%s' has left behind holds its %s open", r->argv[0],
                taps[i]->stream);
      output_tap_end(taps[i]);
    }
  }
  if (r->state == RUN_DRAINING && r->out.state == TAP_ENDED && r->err.state == TAP_ENDED) {
    uv_timer_stop(&r->check);
    tell_end(r);
  }
}

static void on_check(uv_timer_t *timer) {
  drain_step(timer->data);
}

static void on_tap_end(void *user) {
  drain_step(user);
}

static const struct output_tap_handlers TAP = {.on_line = on_line, .on_end = on_tap_end};

static void on_child_exit(int wait_status, void *user) {
  struct run *r = user;
  if (WIFSIGNALED(wait_status))
    r->result.signal = WTERMSIG(wait_status);
  r->result.exit_code =
      WIFSIGNALED(wait_status) ? EXIT_SIGNAL(r->result.signal) : WEXITSTATUS(wait_status);
  uv_update_time(r->runner.loop);
  r->exited_ms = uv_now(r->runner.loop);
  r->state = RUN_DRAINING;
  uv_timer_start(&r->check, on_check, CHECK_MS, CHECK_MS);
  drain_step(r);
}

/* Who interrupts us now has no command to interrupt: what is not sent yet is kept. */
static void on_interrupt(int number, void *user) {
  struct run *r = user;
  (void)number;
  if (r->state == RUN_DRAINING) {
    output_tap_end(&r->out);
    output_tap_end(&r->err);
  }
  finish(r);
}

static const struct child_handlers CHILD = {.on_interrupt = on_interrupt, .on_exit = on_child_exit};

/* ---- the hub ---- */

static void on_refused(uint64_t number, const struct cws_error *why, void *user) {
  struct run *r = user;
  talk_error("%s: event %llu: %s", r->request_id, (unsigned long long)number, why->message);
}

static void on_sender_end(const struct cws_error *why, void *user) {
  struct run *r = user;
  if (why != NULL)
    runner_report(&r->runner, r->request_id, why);
  if (r->state == RUN_SENDING)
    finish(r);
}

static const struct sender_handlers SENDER = {
    .on_refused = on_refused,
    .on_unkept = on_unkept,
    .on_end = on_sender_end,
};

/* ---- the spool ---- */

/* Runs of one request at the same time have a file each. */
static int open_slot(struct run *r, const char *dir) {
  int code = EXIT_TRYAGAIN;
  for (int slot = 1; code == EXIT_TRYAGAIN && slot <= SPOOL_SLOTS; slot++)
    code = spool_open(dir, r->request_id, slot, &r->spool);
  if (code == EXIT_TRYAGAIN)
    talk_error("'%s': all files for '%s' are in use", dir, r->request_id);
  return code;
}

static int open_spool(struct run *r, const char *given) {
  char path[PATH_BUF];
  if (given != NULL)
    return open_slot(r, given);
  if (paths_state("spool", path) && open_slot(r, path) == 0)
    return 0;
  talk("without a spool: what the hub does not take while the command runs is lost");
  return spool_open(NULL, r->request_id, 1, &r->spool);
}

static void close_spool(struct run *r) {
  int failed = spool_sync(r->spool);
  if (failed != 0)
    on_unkept(failed, r);
  unsigned long long pending = spool_count_pending(r->spool);
  const char *path = spool_path(r->spool);
  if (pending == 0) {
    spool_remove(r->spool);
    return;
  }
  if (path[0] == '\0') {
    talk_error("%llu events of '%s' are lost", pending, r->request_id);
  } else {
    const char *slash = strrchr(path, '/');
    talk_error("%llu events of '%s' are kept in '%s'; 'councilws publish %s --spool %.*s' sends "
               "them",
               pending, r->request_id, path, r->request_id, (int)(slash - path), path);
  }
  spool_close(r->spool);
}

/* ---- starting ---- */

static int start_taps(struct run *r) {
  r->out = (struct output_tap){
      .stream = "stdout", .from = r->child.out, .to = STDOUT_FILENO, .handlers = &TAP, .user = r};
  r->err = (struct output_tap){
      .stream = "stderr", .from = r->child.err, .to = STDERR_FILENO, .handlers = &TAP, .user = r};
  int failed = output_tap_start(&r->out, r->runner.loop);
  return failed != 0 ? failed : output_tap_start(&r->err, r->runner.loop);
}

/* As a shell has it: 127 for a command that is not there, 126 for one that cannot be run. */
static void not_run(struct run *r, int failed) {
  r->result.message = strerror(failed);
  r->result.exit_code = failed == ENOENT ? 127 : 126;
  talk_error("cannot run '%s': %s", r->argv[0], r->result.message);
  add(r, run_events_start(r->argv, 0));
  tell_end(r);
}

static int start_command(struct run *r) {
  bool is_exec;
  r->began_ms = uv_now(r->runner.loop);
  r->child = (struct child){.signals = &r->signals, .handlers = &CHILD, .user = r};
  int failed = child_start(&r->child, r->runner.loop, r->argv, &is_exec);
  if (failed != 0 && is_exec) {
    not_run(r, failed);
    return 0;
  }
  if (failed == 0) {
    add(r, run_events_start(r->argv, (long)r->child.pid));
    failed = start_taps(r);
  }
  if (failed != 0)
    talk_error("cannot start the command: %s", strerror(failed));
  return failed != 0 ? EXIT_OS : 0;
}

static int run_it(struct run *r, const struct options *o) {
  r->sender = (struct sender){.runner = &r->runner,
                              .spool = r->spool,
                              .request_id = r->request_id,
                              .patience_ms = options_duration(o, "linger", 0),
                              .handlers = &SENDER,
                              .user = r};
  int code = sender_start(&r->sender, options_string(o, "owner"));
  if (code != 0)
    return code;
  uv_timer_init(r->runner.loop, &r->check);
  r->check.data = r;
  r->out.from = r->err.from = -1;
  code = start_command(r);
  if (code == 0)
    code = runner_run_to_finish(&r->runner);
  uv_close((uv_handle_t *)&r->check, NULL);
  output_tap_finish(&r->out);
  output_tap_finish(&r->err);
  child_finish(&r->child);
  sender_finish(&r->sender);
  return code;
}

static char **argv_of(const struct options *o) {
  size_t n = options_argc(o), first = 1;
  /* Where POSIXLY_CORRECT is set, "--" behind REQUEST is left for us. */
  if (n > 1 && strcmp(options_arg(o, 1), "--") == 0)
    first = 2;
  char **argv = n > first ? calloc(n - first + 1, sizeof *argv) : NULL;
  for (size_t i = first; argv != NULL && i < n; i++)
    argv[i - first] = (char *)options_arg(o, i);
  return argv;
}

static int check_arguments(struct run *r, const struct options *o) {
  struct cws_error err = {0};
  r->request_id = options_arg(o, 0);
  if (cws_request_id_check(r->request_id, strlen(r->request_id), &err) != 0) {
    talk_error("%s", err.message);
    return exit_code_of(err.code);
  }
  r->argv = argv_of(o);
  if (r->argv != NULL)
    return 0;
  talk_error("give the command behind '--'; see 'councilws run --help'");
  return EXIT_USAGE;
}

static int open_and_run(struct run *r, const struct options *o) {
  int failed = child_signals_take(&r->signals);
  if (failed != 0) {
    talk_error("cannot take signals: %s", strerror(failed));
    return EXIT_OS;
  }
  int code = runner_open(&r->runner, o, 0);
  if (code != 0)
    return code;
  code = open_spool(r, options_string(o, "spool"));
  if (code == 0) {
    spool_forget_input(r->spool);
    code = run_it(r, o);
    close_spool(r);
  }
  runner_close(&r->runner);
  return code;
}

static int run_run(const struct options *o) {
  struct run r = {0};
  int code = check_arguments(&r, o);
  if (code == 0)
    code = open_and_run(&r, o);
  free(r.argv);
  return code;
}

static const struct option_spec OPTIONS[] = {
    {"spool", 0, OPTION_STRING, "DIR", NULL, NULL, true,
     "keep in DIR what the hub has not acknowledged yet [spool in the state directory]"},
    {"linger", 0, OPTION_DURATION, "D", "5s", NULL, true,
     "how long to wait for a hub that is away once CMD has ended"},
    {"owner", 0, OPTION_STRING, "SUB", NULL, NULL, false,
     "who may watch the request with a plain login token, if this is its first event"},
    {0},
};

const struct command COMMAND_RUN = {
    .name = "run",
    .usage = "REQUEST -- CMD [ARGUMENT ...]",
    .summary = "runs a command and publishes its start, its output and its end",
    .details =
        "The output is passed on unchanged, too. Each line is an event of type log, with stream "
        "(stdout or stderr) and message; a line that is itself an event as JSON, with a type, is "
        "published as that event. Then comes final_response with success, exit_code, signal, "
        "executionTime and usage; or process_exited with the same, where CMD has published a "
        "final_response of its own that fits its status. Signals are sent on to CMD. Ends with the "
        "status of CMD (128+n after signal n, 127 and 126 where it cannot be found or run), also "
        "when the hub is away: then the events are kept, and it is said where.",
    .options = OPTIONS,
    .is_client = true,
    .min_args = 2,
    .max_args = -1,
    .run = run_run,
};
