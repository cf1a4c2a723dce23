/*
 * log: where the library tells an operator what happened. A library never
 * prints: the embedder gives a sink. No message ever holds a token.
 */
#ifndef CWS_CORE_LOG_H
#define CWS_CORE_LOG_H

#include <councilws/error.h>
#include <councilws/server.h>

/* struct log is owned by whoever created the role; a NULL log drops everything.
 * The sink may be called on any thread, one call at a time (a mutex is inside). */
struct log;

struct log *log_new(enum cws_log_level level, cws_log_fn *sink, void *user);
void log_free(struct log *log);
bool log_enabled(const struct log *log, enum cws_log_level level);
void log_write(struct log *log, enum cws_log_level level, const char *fmt, ...) CWS_PRINTF(3, 4);

#define log_error(log, ...) log_write((log), CWS_LOG_ERROR, __VA_ARGS__)
#define log_warn(log, ...) log_write((log), CWS_LOG_WARN, __VA_ARGS__)
#define log_info(log, ...) log_write((log), CWS_LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_write((log), CWS_LOG_DEBUG, __VA_ARGS__)

#endif
