/* render: one event as a line for people or for programs. */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include <councilws/event.h>

/* "   12  09:35:52  execution_progress  1-DemandAnalysis started  agent=…": known fields first, the
 * rest shortened. `request_id` in front where it is not NULL. On a terminal cut to its width. */
void render_text(const char *request_id, const struct cws_event *event);
/* The event's bytes as the hub holds them; {"request_id":…,"event":…} where request_id is not NULL.
 */
void render_json(const char *request_id, const struct cws_event *event);

#endif
