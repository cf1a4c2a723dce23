/* ending: which event ends the watching of a request, and with which exit code. */
#ifndef CLI_ENDING_H
#define CLI_ENDING_H

#include <councilws/event.h>
#include <stdbool.h>

struct ending {
  const char *const *until; /* types; empty: final_response and error */
  const char *exit_from;    /* path into the data of the ending event, or NULL */
};

void ending_init(struct ending *e, const char *const *until, const char *exit_from);
/* Whether `event` ends it; then *exit_code. */
bool ending_reached(const struct ending *e, const struct cws_event *event, int *exit_code);
/* Whether for such a request the ending event itself has to be read: --exit-from asks for its data.
 */
bool ending_needs_event(const struct ending *e);
/* For a request whose end was acknowledged earlier: status "completed" or "failed". */
int ending_of_status(const struct ending *e, const char *status);
/* For events that are through without an end. */
int ending_without(const struct ending *e);

#endif
