/*
 * shell: what the files of the interactive console share. cmd_shell.c owns its life, shell_words.c
 * completion and what it remembers for it, shell_watch.c and shell_calls.c the commands.
 */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include "cli/command.h"
#include "cli/console.h"
#include "cli/names.h"
#include "cli/runner.h"

struct shell_watch;

struct shell {
  struct runner runner;
  struct console *console;
  bool is_json;
  const char *url;
  int busy;       /* commands that have begun and not ended; without a prompt the next line waits */
  char *held;     /* that line */
  bool is_at_end; /* no more lines */
  int failed;     /* without a prompt: the exit code of the first command that failed */
  struct shell_watch *watches;
  struct names requests, types; /* to complete */
  struct cws_call *looking;     /* for request ids, or NULL */
};

struct shell_command {
  struct command command;                               /* its run is not used */
  int (*run)(struct shell *s, const struct options *o); /* 0 or an exit code, after saying why */
};

/* NULL-terminated by name. */
extern const struct shell_command SHELL_COMMANDS[];
const struct shell_command *shell_command_find(const char *name);

/* Before anything is written to stdout. */
void shell_above(struct shell *s);
/* After it. */
void shell_flush(struct shell *s);
/* A command goes on behind its line, and has ended with an exit code. */
void shell_begin(struct shell *s);
void shell_end(struct shell *s, int code);
/* "REQUEST: why", and its exit code; nothing when it was canceled. */
int shell_report(const struct shell *s, const char *request_id, const struct cws_error *why);

/* ---- shell_watch.c ---- */
int shell_watch(struct shell *s, const struct options *o);
int shell_unwatch(struct shell *s, const struct options *o);
int shell_ack(struct shell *s, const struct options *o);
void shell_unwatch_all(struct shell *s);
extern const struct option_spec SHELL_WATCH_OPTIONS[];

/* ---- shell_calls.c ---- */
int shell_publish(struct shell *s, const struct options *o);
int shell_status(struct shell *s, const struct options *o);
int shell_list(struct shell *s, const struct options *o);
int shell_replay(struct shell *s, const struct options *o);
extern const struct option_spec SHELL_PUBLISH_OPTIONS[], SHELL_LIST_OPTIONS[],
    SHELL_REPLAY_OPTIONS[];

/* ---- shell_words.c ---- */
bool shell_complete(const char *line, size_t start, struct console_offers *to, void *user);
void shell_look_for_requests(struct shell *s); /* asks the hub; the answer comes later */

#endif
