/* exit_code: what the command's status says; the table of docs and `help` is drawn from EXIT_TABLE.
 */
#ifndef CLI_EXIT_CODE_H
#define CLI_EXIT_CODE_H

#define EXIT_TABLE(X)                                                                              \
  X(EXIT_DONE, 0, "done, ended well")                                                              \
  X(EXIT_FAILED, 1, "the watched request failed")                                                  \
  X(EXIT_USAGE, 64, "usage")                                                                       \
  X(EXIT_DATA, 65, "bad input data")                                                               \
  X(EXIT_NOINPUT, 66, "unknown request, or no such file")                                          \
  X(EXIT_NOHOST, 68, "host not found")                                                             \
  X(EXIT_NOCONNECT, 69, "cannot connect")                                                          \
  X(EXIT_INTERNAL, 70, "internal error")                                                           \
  X(EXIT_OS, 71, "operating system error")                                                         \
  X(EXIT_CANTCREATE, 73, "cannot create")                                                          \
  X(EXIT_IO, 74, "input or output error")                                                          \
  X(EXIT_TRYAGAIN, 75, "try again: hub draining or unavailable, quota, spool kept")                \
  X(EXIT_PROTOCOL, 76, "protocol or TLS failure")                                                  \
  X(EXIT_NOTALLOWED, 77, "not allowed (401, 403, 45xx)")                                           \
  X(EXIT_CONFIG, 78, "configuration")                                                              \
  X(EXIT_ENDED, 80, "the stream ended without --until")                                            \
  X(EXIT_GAP, 81, "gap")                                                                           \
  X(EXIT_STALLED, 82, "stalled: --idle passed without an event")                                   \
  X(EXIT_TIMEOUT, 124, "--timeout passed")

enum exit_code {
#define EXIT_ENUM(symbol, value, text) symbol = (value),
  EXIT_TABLE(EXIT_ENUM)
#undef EXIT_ENUM
};

#define EXIT_SIGNAL(n) (128 + (n))

/* The exit code for a failure of the library (one of its CWS_E codes). */
int exit_code_of(int error);

#endif
