/* run_events: the first and the last event of `run`. */
#ifndef CLI_RUN_EVENTS_H
#define CLI_RUN_EVENTS_H

#include <councilws/event.h>
#include <stdbool.h>
#include <stdint.h>

/* processing_started: the command, its directory, host and pid. NULL where memory is short. */
struct cws_event_owned *run_events_start(char *const *argv, long pid);

struct run_result {
  int exit_code;       /* 128 + signal where one ended it */
  int signal;          /* or 0 */
  const char *message; /* why it could not be run, or NULL */
  int64_t elapsed_ms;
};

/* The end, with the use of the processes that were waited for: final_response, or process_exited
 * where the command has told its end itself. NULL where memory is short. */
struct cws_event_owned *run_events_end(const struct run_result *result, bool is_told);

#endif
