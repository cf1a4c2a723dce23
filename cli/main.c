/* main: the table of commands, and the way into one of them. */
#include <councilws/version.h>
#include <signal.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/talk.h"

const struct command *const COMMANDS[] = {
    &COMMAND_SERVE, &COMMAND_PUBLISH, &COMMAND_WATCH, &COMMAND_REPLAY, &COMMAND_STATUS,
    &COMMAND_LIST,  &COMMAND_DELETE,  &COMMAND_TOKEN, &COMMAND_HELP,   NULL,
};

const struct command *command_find(const char *name) {
  for (const struct command *const *c = COMMANDS; *c != NULL; c++) {
    if (strcmp((*c)->name, name) == 0)
      return *c;
  }
  return NULL;
}

static int print_version(void) {
  out_printf("councilws %s\n", cws_version());
  return out_flush();
}

static void apply_common(const struct options *o) {
  if (options_flag(o, "quiet"))
    talk_set_level(TALK_QUIET);
  else if (options_flag(o, "verbose"))
    talk_set_level(TALK_VERBOSE);
  const char *color = options_string(o, "color");
  out_set_color(strcmp(color, "always") == 0  ? OUT_COLOR_ALWAYS
                : strcmp(color, "never") == 0 ? OUT_COLOR_NEVER
                                              : OUT_COLOR_AUTO);
}

static int run_command(const struct command *command, int argc, char **argv) {
  struct options *options = NULL;
  int code = options_parse(command, argc, argv, &options);
  if (code != 0)
    return code;
  apply_common(options);
  if (options_flag(options, "help")) {
    help_command(command);
    code = out_flush();
  } else if (options_flag(options, "version")) {
    code = print_version();
  } else {
    code = command->run(options);
  }
  options_free(options);
  return code;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); /* a closed pipe is seen as EPIPE, where it can be told apart */
  if (argc < 2) {
    talk_error("a command is missing; 'councilws help' lists them");
    return EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    help_overview();
    return out_flush();
  }
  if (strcmp(argv[1], "--version") == 0)
    return print_version();
  const struct command *command = command_find(argv[1]);
  if (command == NULL) {
    talk_error("no such command '%s'; 'councilws help' lists them", argv[1]);
    return EXIT_USAGE;
  }
  return run_command(command, argc - 1, argv + 1);
}
