/*
 * settings_rig: what the drivers of the command line and of the configuration file share: a command
 * with an option of each kind, its talk kept instead of printed, and values compared and counted.
 */
#ifndef TESTS_FUZZ_SETTINGS_RIG_H
#define TESTS_FUZZ_SETTINGS_RIG_H

#include "cli/command.h"
#include "cli/options_values.h"
#include "lib/core/buf.h"

extern const struct command RIG_COMMAND;

/* No variable of the environment counts but COUNCILWS_CONFIG, which becomes `config`. */
void rig_init(const char *config);
/* options_parse; what it said is in rig_said, and it said something if and only if it failed. */
int rig_parse(int argc, char **argv, struct options **out);
extern struct buf rig_said;

/* Each value is one that its option may have. */
void rig_check_values(const struct options *o);
/* The same values, from the same kind of source, and the same positionals. */
void rig_check_same(const struct options *a, const struct options *b);

#endif
