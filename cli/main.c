/* main: the table of commands, and the way into one of them. */
#include <councilws/version.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/out.h"
#include "cli/talk.h"

const struct command *const COMMANDS[] = {
    &COMMAND_SERVE,  &COMMAND_PUBLISH, &COMMAND_WATCH,  &COMMAND_REPLAY, &COMMAND_RUN,
    &COMMAND_STATUS, &COMMAND_LIST,    &COMMAND_DELETE, &COMMAND_TOKEN,  &COMMAND_DOCTOR,
    &COMMAND_BACKUP, &COMMAND_MIGRATE, &COMMAND_SHELL,  &COMMAND_HELP,   NULL,
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

static void apply_color(const struct options *o) {
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
  apply_color(options);
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

/* A descriptor 0, 1 or 2 that is closed would be taken by the next file or socket, which then gets
 * what is meant for a stream. What is opened in its place fails on use, as the closed one would;
 * talk with nowhere to go is dropped. */
static void hold_standard_descriptors(void) {
  static const int FLAGS[] = {O_WRONLY, O_RDONLY, O_WRONLY};
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      open("/dev/null", FLAGS[fd]); /* the lowest free one: fd */
  }
}

int main(int argc, char **argv) {
  hold_standard_descriptors();
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
  if (command == NULL && argv[1][0] == '-') {
    talk_error("a command goes before '%s'; 'councilws help' lists them", argv[1]);
    return EXIT_USAGE;
  }
  if (command == NULL) {
    talk_error("no such command '%s'; 'councilws help' lists them", argv[1]);
    return EXIT_USAGE;
  }
  return run_command(command, argc - 1, argv + 1);
}
