/* command: the table of commands. Adding one is a file cmd_x.c and a line in main.c. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/options.h"

struct command {
  const char *name;
  const char *usage; /* after the name: "REQUEST TYPE [k=v | k:=JSON …]"; lines separated by \n */
  const char *summary;                       /* one line */
  const char *details;                       /* paragraphs for --help, or NULL */
  const struct option_spec *options;         /* its own, or NULL */
  bool is_client;                            /* has OPTIONS_CLIENT, too */
  bool has_log;                              /* has OPTIONS_NATS, too */
  bool is_of_shell;                          /* a command of the console, and no other */
  int min_args, max_args;                    /* positionals; -1: any number */
  int (*run)(const struct options *options); /* returns the exit code */
};

extern const struct command COMMAND_SERVE, COMMAND_PUBLISH, COMMAND_WATCH, COMMAND_STATUS,
    COMMAND_REPLAY, COMMAND_RUN, COMMAND_LIST, COMMAND_DELETE, COMMAND_TOKEN, COMMAND_DOCTOR,
    COMMAND_BACKUP, COMMAND_MIGRATE, COMMAND_SHELL, COMMAND_HELP;

/* All of them, NULL-terminated, in the order of help. */
extern const struct command *const COMMANDS[];
const struct command *command_find(const char *name); /* NULL if there is none */

/* What `councilws NAME --help` and `councilws help NAME` print. */
void help_command(const struct command *command);
void help_overview(void);

#endif
