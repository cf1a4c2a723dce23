/* options_values: what options.c and settings.c share: the values of one run of a command. */
#ifndef CLI_OPTIONS_VALUES_H
#define CLI_OPTIONS_VALUES_H

#include <councilws/error.h>

#include "cli/options.h"

enum option_source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_COMMAND_LINE };

struct option_value {
  const struct option_spec *spec;
  enum option_source source;
  char **items; /* NULL-terminated */
  size_t count;
};

struct options {
  const struct command *command;
  int argc;
  char **argv;
  struct option_value *values;
  size_t count;
  char **args; /* positionals, borrowed from argv */
  size_t arg_count;
};

struct option_value *option_value_find(const struct options *o, const char *name);

/* Checks `text` by the option's kind and adds it; a value from a stronger source replaces weaker
 * ones. A flag takes "true" or "false". CWS_EINVAL says what is wrong with the text, without naming
 * the option. */
int option_value_add(struct option_value *v, const char *text, enum option_source source,
                     struct cws_error *err);

/* Fills in from COUNCILWS_* variables and then from the configuration file what was not given.
 * Returns an exit code. */
int settings_apply(struct options *o);
/* The variable of an option: COUNCILWS_LOG_LEVEL of log-level. */
void settings_variable(const char *option, char *out, size_t size);

#endif
