/* shell: an interactive console: commands typed at a prompt, or line by line from a pipe. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/formats.h"
#include "cli/out.h"
#include "cli/paths.h"
#include "cli/shell.h"
#include "cli/split.h"
#include "cli/talk.h"

static struct shell *current; /* for the hook of talk, which knows no user */

static void run_line(struct shell *s, const char *line);

/* ---- writing ---- */

void shell_above(struct shell *s) {
  console_above(s->console);
}

void shell_flush(struct shell *s) {
  int failed = out_flush();
  if (failed != 0)
    runner_finish(&s->runner, failed);
}

static void on_talk(enum cws_log_level level, const char *message, void *user) {
  (void)level;
  (void)user;
  shell_above(current);
  fprintf(stderr, "councilws: %s\n", message);
}

int shell_report(const struct shell *s, const char *request_id, const struct cws_error *why) {
  return why->code == CWS_ECANCELED ? 0 : runner_report(&s->runner, request_id, why);
}

/* ---- commands that go on behind their line ---- */

static void finish_if_over(struct shell *s) {
  if (s->is_at_end && (s->busy == 0 || console_has_prompt(s->console)))
    runner_finish(&s->runner, s->failed);
}

static void note_failure(struct shell *s, int code) {
  if (code != 0 && s->failed == 0 && !console_has_prompt(s->console))
    s->failed = code;
}

void shell_begin(struct shell *s) {
  s->busy++;
}

void shell_end(struct shell *s, int code) {
  s->busy--;
  if (s->console == NULL)
    return; /* it is closed: the last ones end */
  note_failure(s, code);
  if (s->busy > 0)
    return;
  if (s->held != NULL) {
    char *line = s->held;
    s->held = NULL;
    run_line(s, line);
    free(line);
  }
  finish_if_over(s);
  if (s->busy == 0 && s->runner.exit_code < 0 && !s->is_at_end)
    console_resume(s->console);
}

/* ---- help, quit ---- */

static void help_option(const struct option_spec *o) {
  char head[64], text[FORMATS_TEXT];
  snprintf(head, sizeof head, "--%s%s%s", o->name, o->arg != NULL ? " " : "",
           o->arg != NULL ? o->arg : "");
  formats_text(o, text);
  out_printf("  %-18s  %s\n", head, text);
}

static int run_help(struct shell *s, const struct options *o) {
  const char *name = options_arg(o, 0);
  const struct shell_command *c = name != NULL ? shell_command_find(name) : NULL;
  if (name != NULL && c == NULL) {
    talk_error("no such command '%s'", name);
    return EXIT_USAGE;
  }
  shell_above(s);
  if (c == NULL) {
    for (c = SHELL_COMMANDS; c->command.name != NULL; c++)
      out_printf("%-8s  %s\n", c->command.name, c->command.summary);
  } else {
    out_printf("%s %s\n%s\n", c->command.name, c->command.usage, c->command.summary);
    for (const struct option_spec *p = c->command.options; p != NULL && p->name != NULL; p++)
      help_option(p);
  }
  shell_flush(s);
  return 0;
}

static int run_quit(struct shell *s, const struct options *o) {
  (void)o;
  s->is_at_end = true;
  return 0;
}

const struct shell_command SHELL_COMMANDS[] = {
    {{.name = "watch",
      .is_of_shell = true,
      .usage = "REQUEST...",
      .summary = "shows the events of requests as they come",
      .options = SHELL_WATCH_OPTIONS,
      .min_args = 1,
      .max_args = -1},
     shell_watch},
    {{.name = "unwatch",
      .is_of_shell = true,
      .usage = "REQUEST...",
      .summary = "shows them no more",
      .min_args = 1,
      .max_args = -1},
     shell_unwatch},
    {{.name = "publish",
      .is_of_shell = true,
      .usage = "REQUEST TYPE [k=v | k:=JSON ...]",
      .summary = "publishes an event and prints its message_id once it is durable",
      .options = SHELL_PUBLISH_OPTIONS,
      .min_args = 2,
      .max_args = -1},
     shell_publish},
    {{.name = "ack",
      .is_of_shell = true,
      .usage = "REQUEST [N]",
      .summary = "acknowledges the events of a watched request up to N, or all that were shown",
      .min_args = 1,
      .max_args = 2},
     shell_ack},
    {{.name = "status",
      .is_of_shell = true,
      .usage = "[REQUEST]",
      .summary = "tells how the hub is, or one request",
      .max_args = 1},
     shell_status},
    {{.name = "replay",
      .is_of_shell = true,
      .usage = "REQUEST",
      .summary = "shows stored events again",
      .options = SHELL_REPLAY_OPTIONS,
      .min_args = 1,
      .max_args = 1},
     shell_replay},
    {{.name = "list",
      .is_of_shell = true,
      .usage = "",
      .summary = "lists requests, newest first",
      .options = SHELL_LIST_OPTIONS},
     shell_list},
    {{.name = "help",
      .is_of_shell = true,
      .usage = "[COMMAND]",
      .summary = "explains the commands",
      .max_args = 1},
     run_help},
    {{.name = "quit", .is_of_shell = true, .usage = "", .summary = "ends, as ctrl-D does"},
     run_quit},
    {{0}, NULL},
};

const struct shell_command *shell_command_find(const char *name) {
  for (const struct shell_command *c = SHELL_COMMANDS; c->command.name != NULL; c++) {
    if (strcmp(c->command.name, name) == 0)
      return c;
  }
  return NULL;
}

/* ---- lines ---- */

static int run_words(struct shell *s, int count, char **words) {
  const struct shell_command *c = shell_command_find(words[0]);
  if (c == NULL) {
    talk_error("no such command '%s'; 'help' lists them", words[0]);
    return EXIT_USAGE;
  }
  struct options *o = NULL;
  int code = options_parse(&c->command, count, words, &o);
  if (code != 0)
    return code;
  if (options_flag(o, "help")) {
    char *help[] = {words[0], words[0], NULL};
    static const struct command HELP = {
        .name = "help", .is_of_shell = true, .usage = "COMMAND", .max_args = 1};
    struct options *of_help = NULL;
    code = options_parse(&HELP, 2, help, &of_help);
    if (code == 0)
      code = run_help(s, of_help);
    options_free(of_help);
  } else {
    code = c->run(s, o);
  }
  options_free(o);
  return code;
}

static void run_line(struct shell *s, const char *line) {
  int count;
  bool is_open;
  char **words = split_words(line, &count, &is_open);
  if (words == NULL) {
    talk_error(is_open ? "a quote is open at the end of the line" : "out of memory");
    note_failure(s, is_open ? EXIT_USAGE : EXIT_OS);
  } else if (count > 0) {
    note_failure(s, run_words(s, count, words));
  }
  split_free(words);
}

static bool on_line(const char *line, void *user) {
  struct shell *s = user;
  if (s->busy > 0 && !console_has_prompt(s->console)) { /* with what was begun by the argument */
    s->held = strdup(line);
    return false;
  }
  run_line(s, line);
  if (console_has_prompt(s->console))
    shell_look_for_requests(s);
  finish_if_over(s);
  return s->busy == 0 && !s->is_at_end;
}

static void on_input_end(void *user) {
  struct shell *s = user;
  s->is_at_end = true;
  finish_if_over(s);
}

static const struct console_handlers CONSOLE = {
    .on_line = on_line, .on_end = on_input_end, .on_complete = shell_complete};

/* ---- life ---- */

static void on_interrupt(uv_signal_t *handle, int number) {
  (void)number;
  (void)handle;
  console_clear(current->console);
}

static int open_console(struct shell *s) {
  char history[PATH_BUF];
  bool has_history = paths_make_state() == 0 && paths_state("history", history);
  s->console =
      console_open(s->runner.loop, "councilws> ", has_history ? history : NULL, &CONSOLE, s);
  if (s->console == NULL)
    return EXIT_OS;
  if (console_has_prompt(s->console)) {
    uv_signal_start(&s->runner.sigint, on_interrupt, SIGINT); /* the line, not the console */
    shell_look_for_requests(s);
  }
  return 0;
}

static void end_all(struct runner *r) {
  struct shell *s = (struct shell *)r; /* its first member */
  if (s->looking != NULL)
    cws_call_cancel(s->looking);
  shell_unwatch_all(s);
}

static int run_shell(const struct options *o) {
  struct shell s = {.is_json = strcmp(options_string(o, "output"), "json") == 0,
                    .url = options_string(o, "url")};
  int code = runner_open(&s.runner, o, 0);
  if (code != 0)
    return code;
  current = &s;
  code = open_console(&s);
  if (code == 0) {
    talk_set_log(on_talk);
    s.runner.on_finish = end_all;
    if (options_arg(o, 0) != NULL) {
      char *words[] = {"watch", (char *)options_arg(o, 0), NULL};
      note_failure(&s, run_words(&s, 2, words));
    }
    code = runner_run_to_finish(&s.runner);
  }
  console_close(s.console);
  s.console = NULL;
  cws_client_run(s.runner.client); /* acknowledges what was shown, ends what was begun */
  runner_close(&s.runner);
  talk_set_log(NULL);
  names_finish(&s.requests);
  names_finish(&s.types);
  free(s.held);
  return code;
}

static const struct option_spec OPTIONS[] = {
    {"output", 'o', OPTION_CHOICE, "FORMAT", "auto", "auto|text|tree|json", true,
     "events and answers as lines, or as JSON"},
    {0},
};

const struct command COMMAND_SHELL = {
    .name = "shell",
    .usage = "[REQUEST]",
    .summary = "an interactive console: watch, publish, ask, while events appear above the prompt",
    .details =
        "Its commands are watch, unwatch, publish, ack, status, replay, list, help and quit; help "
        "COMMAND explains one. Tab completes commands, options, request ids and types; what was "
        "typed is kept in the state directory. ctrl-C drops the line, ctrl-D ends.\n"
        "Where standard input or output is no terminal it takes commands by line, without a "
        "prompt, "
        "each once the one before it is done, a watch once the stored events are through; it ends "
        "with the exit code of the first that failed.",
    .options = OPTIONS,
    .is_client = true,
    .max_args = 1,
    .run = run_shell,
};
