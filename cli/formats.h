/*
 * formats: the tables of commands and options for readers other than help's: man pages, shells'
 * completions, a configuration file, the list of settings. A command that is added to COMMANDS
 * appears in all of them.
 */
#ifndef CLI_FORMATS_H
#define CLI_FORMATS_H

#include "cli/command.h"

#define FORMATS "text|man|bash|zsh|fish|config|settings|md|names"

/* Prints one of FORMATS but text, through out.h. `c` is for man: the command's page, NULL: the
 * overview. */
void formats_print(const char *format, const struct command *c);

/* ---- one file each ---- */
void format_man(const struct command *c);
void format_man_settings(void); /* the list for councilws-config(5) */
void format_bash(void);
void format_zsh(void);
void format_fish(void);
void format_config(void);
void format_markdown(void); /* the list for docs/configuration.md */

/* Each setting of any command once, in the order of COMMANDS, then the log's, the hub's and the
 * common ones. `group` is what it belongs to: a command's name, "nats", "hub" or "common". */
typedef void formats_setting_fn(const char *group, const struct option_spec *s);
void formats_settings(formats_setting_fn *fn);

/* The help text of an option with its choices and its default behind it. */
#define FORMATS_TEXT 700
void formats_text(const struct option_spec *s, char out[FORMATS_TEXT]);

/* Writes s, with a backslash before each of its bytes that is in `special`. */
void formats_escaped(const char *s, const char *special);

#endif
