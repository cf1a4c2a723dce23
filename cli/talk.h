/*
 * talk: what the command says to people, on stderr. Data goes to stdout through out.h and never
 * through here. -q silences talk but not errors of its own making; -v adds to it.
 */
#ifndef CLI_TALK_H
#define CLI_TALK_H

#include <councilws/error.h>
#include <councilws/server.h>
#include <stdbool.h>

enum talk_level { TALK_QUIET = -1, TALK_NORMAL = 0, TALK_VERBOSE = 1 };

void talk_set_level(enum talk_level level);
bool talk_is_verbose(void);

/* From now on lines go there instead of to stderr, with the level of a log: a hub's talk is part of
 * its log. NULL: stderr again. */
void talk_set_log(cws_log_fn *log);

/* "councilws: …" and a newline; always shown. */
void talk_error(const char *fmt, ...) CWS_PRINTF(1, 2);
/* The same, silenced by -q. */
void talk(const char *fmt, ...) CWS_PRINTF(1, 2);
/* Only with -v. */
void talk_more(const char *fmt, ...) CWS_PRINTF(1, 2);

#endif
