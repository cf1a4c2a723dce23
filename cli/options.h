/*
 * options: one table of options a command, from which come parsing, settings from the environment
 * and the configuration file, help, and the completions. A value is the option's, else the
 * COUNCILWS_* variable's, else the configuration file's, else the table's default.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
  OPTION_FLAG,
  OPTION_STRING,
  OPTION_LIST,     /* may be given more than once; a variable separates with commas */
  OPTION_DURATION, /* checked, read with options_duration */
  OPTION_SIZE,
  OPTION_INT,
  OPTION_CHOICE,
};

struct option_spec {
  const char *name; /* long name, without "--"; NULL ends a table */
  char letter;      /* short name or 0 */
  enum option_kind kind;
  const char *arg;      /* what help calls the value */
  const char *fallback; /* the default, as the user would write it; NULL for none */
  const char *choices;  /* OPTION_CHOICE: "text|json" */
  bool is_setting;      /* also a variable and a configuration key */
  const char *help;
};

struct command;
struct options;

/*
 * Parses argv[1…] for `command` (its own table and the common one), then fills in settings. On
 * success *out is the caller's. On failure says what is wrong and returns the exit code (64, or 78
 * for the configuration file).
 */
int options_parse(const struct command *command, int argc, char **argv, struct options **out);
void options_free(struct options *o);
/* The same once more: the configuration file and what it says may have changed. */
int options_parse_again(const struct options *o, struct options **out);

size_t options_argc(const struct options *o);
const char *options_arg(const struct options *o, size_t i); /* positional i, or NULL */

bool options_flag(const struct options *o, const char *name);
const char *options_string(const struct options *o,
                           const char *name); /* NULL where there is none */
/* NULL-terminated, never NULL; valid until options_free. */
const char *const *options_list(const struct options *o, const char *name);
int64_t options_duration(const struct options *o, const char *name, int64_t if_absent); /* ms */
int64_t options_size(const struct options *o, const char *name, int64_t if_absent);
int64_t options_int(const struct options *o, const char *name, int64_t if_absent);
bool options_is_given(const struct options *o, const char *name); /* by anyone but the default */

/* The options every command has. */
extern const struct option_spec OPTIONS_COMMON[];
/* Those of every command that talks to a hub. */
extern const struct option_spec OPTIONS_CLIENT[];
/* Those of every command that opens a log which hubs share; see nats_options.h. */
extern const struct option_spec OPTIONS_NATS[];

/* The first of them, in the table of a command that only has to do with a hub's own state. */
#define NATS_STATE_OPTION                                                                          \
  {                                                                                                \
    "nats-state", 0, OPTION_STRING, "FILE", NULL, NULL, true,                                      \
        "this hub's own state, a file of its own [state.db in the state directory]"                \
  }

/* The tables of a command, its own first; written to tables, NULL behind them, and returned. */
#define OPTIONS_TABLES 5
const struct option_spec *const *options_tables(const struct command *command,
                                                const struct option_spec *tables[OPTIONS_TABLES]);

#endif
