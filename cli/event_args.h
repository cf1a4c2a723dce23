/* event_args: an event's data from the command line: k=v, k:=JSON, --data. */
#ifndef CLI_EVENT_ARGS_H
#define CLI_EVENT_ARGS_H

#include <councilws/event.h>

#include "cli/options.h"

/* The data's JSON text from the positionals from index `first` on and from --data (JSON, @FILE or
 * -); raw JSON keeps its bytes. *out (*len bytes) is free()d by the caller. 0 or an exit code,
 * after saying why.
 */
int event_args_data(const struct options *o, size_t first, char **out, size_t *len);

/* The event of `REQUEST TYPE [k=v …]` with --timestamp and --event-id; *data, which it points to,
 * is free()d by the caller. 0 or an exit code, after saying why. */
int event_args_event(const struct options *o, struct cws_event *out, char **data);

#endif
