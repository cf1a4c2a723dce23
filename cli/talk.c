/* talk: lines on stderr, each written at once so that they never mix. */
#include "cli/talk.h"

#include <stdarg.h>
#include <stdio.h>

static enum talk_level current_level = TALK_NORMAL;

void talk_set_level(enum talk_level level) {
  current_level = level;
}

bool talk_is_verbose(void) {
  return current_level >= TALK_VERBOSE;
}

static void CWS_PRINTF(1, 0) say(const char *fmt, va_list args) {
  char line[1024];
  vsnprintf(line, sizeof line, fmt, args);
  fprintf(stderr, "councilws: %s\n", line);
}

void talk_error(const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  say(fmt, args);
  va_end(args);
}

void talk(const char *fmt, ...) {
  if (current_level < TALK_NORMAL)
    return;
  va_list args;
  va_start(args, fmt);
  say(fmt, args);
  va_end(args);
}

void talk_more(const char *fmt, ...) {
  if (current_level < TALK_VERBOSE)
    return;
  va_list args;
  va_start(args, fmt);
  say(fmt, args);
  va_end(args);
}
