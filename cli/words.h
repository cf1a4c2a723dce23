/* words: what a word of a command line stands for, read from the tables: what a completion offers
 * there. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "cli/command.h"

enum word_kind {
  WORD_NONE,
  WORD_REQUEST, /* a request's id */
  WORD_TYPE,    /* an event's type */
  WORD_FILE,
  WORD_DIRECTORY,
  WORD_COMMAND, /* one of COMMANDS */
  WORD_PROGRAM, /* a command line of its own */
  WORD_CHOICE,  /* one of the option's choices */
};

/* request, type, file, directory, command, program, choice; none. */
const char *word_kind_name(enum word_kind kind);
enum word_kind word_kind_of_value(const struct option_spec *s);
/* Of positional `index` (from 0), by the first line of the command's usage. */
enum word_kind word_kind_of_argument(const struct command *c, size_t index);
/* How many positionals differ: from there on they are all as the last one. */
size_t word_argument_count(const struct command *c);

/* The types of AI Council's own events, NULL behind them. */
extern const char *const WORD_TYPES[];

#endif
