/* log: one line at a time to the embedder's sink; see log.h. */
#include "lib/core/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct log {
  pthread_mutex_t mutex;
  enum cws_log_level level;
  cws_log_fn *sink;
  void *user;
};

struct log *log_new(enum cws_log_level level, cws_log_fn *sink, void *user) {
  struct log *log = calloc(1, sizeof *log);
  if (log == NULL)
    return NULL;
  if (pthread_mutex_init(&log->mutex, NULL) != 0) {
    free(log);
    return NULL;
  }
  log->level = level;
  log->sink = sink;
  log->user = user;
  return log;
}

void log_free(struct log *log) {
  if (log == NULL)
    return;
  pthread_mutex_destroy(&log->mutex);
  free(log);
}

bool log_enabled(const struct log *log, enum cws_log_level level) {
  return log != NULL && log->sink != NULL && level <= log->level;
}

void log_write(struct log *log, enum cws_log_level level, const char *fmt, ...) {
  if (!log_enabled(log, level))
    return;
  char line[1024];
  va_list args;
  va_start(args, fmt);
  vsnprintf(line, sizeof line, fmt, args);
  va_end(args);
  for (char *p = line; *p != '\0'; p++) {
    if ((unsigned char)*p < 0x20)
      *p = ' '; /* one line, whatever a peer managed to get into it */
  }
  pthread_mutex_lock(&log->mutex);
  log->sink(level, line, log->user);
  pthread_mutex_unlock(&log->mutex);
}
