/* talk: lines on stderr, each written at once so that they never mix. */
#include "cli/talk.h"

#include <stdarg.h>
#include <stdio.h>

static enum talk_level current_level = TALK_NORMAL;
static cws_log_fn *current_log;

void talk_set_log(cws_log_fn *log) {
  current_log = log;
}

void talk_set_level(enum talk_level level) {
  current_level = level;
}

bool talk_is_verbose(void) {
  return current_level >= TALK_VERBOSE;
}

static void CWS_PRINTF(2, 0) say(enum cws_log_level level, const char *fmt, va_list args) {
  char line[1024];
  vsnprintf(line, sizeof line, fmt, args);
  if (current_log != NULL)
    current_log(level, line, NULL);
  else
    fprintf(stderr, "councilws: %s\n", line);
}

void talk_error(const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  say(CWS_LOG_ERROR, fmt, args);
  va_end(args);
}

void talk(const char *fmt, ...) {
  if (current_level < TALK_NORMAL)
    return;
  va_list args;
  va_start(args, fmt);
  say(CWS_LOG_INFO, fmt, args);
  va_end(args);
}

void talk_more(const char *fmt, ...) {
  if (current_level < TALK_VERBOSE)
    return;
  va_list args;
  va_start(args, fmt);
  say(CWS_LOG_DEBUG, fmt, args);
  va_end(args);
}
