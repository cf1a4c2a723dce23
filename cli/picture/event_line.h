/* event_line: one event in one line for people: fields that are known first, the rest shortened. */
#ifndef CLI_PICTURE_EVENT_LINE_H
#define CLI_PICTURE_EVENT_LINE_H

#include <councilws/event.h>
#include <jansson.h>

#include "cli/picture/line.h"

/* The event's data, to be freed; NULL only where it holds a number beyond any double, or memory is
 * out. An integer beyond 64 bits becomes a real; all others stay integers. */
json_t *event_line_data(const struct cws_event *event);
/* Adds "12:31:04  execution_progress  costs running  agent=…". `data` may be NULL. */
void event_line_add(struct line *l, const struct cws_event *event, const json_t *data);

#endif
