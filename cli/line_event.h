/* line_event: the event that a line of a command's output becomes. */
#ifndef CLI_LINE_EVENT_H
#define CLI_LINE_EVENT_H

#include <councilws/event.h>
#include <stdio.h>

#define LINE_EVENT_MAX                                                                             \
  (32 * 1024) /* bytes; six times as many, escaped, stay within a hub's limit */

/* The event of one line without its newline. A JSON object that is a valid event is that event;
 * anything else becomes a "log" with the stream's name and the line as `message`, in which U+FFFD
 * stands for what is no UTF-8. `continues`: it is a piece of a longer line, and more comes. NULL
 * where memory is short. */
struct cws_event_owned *line_event(const char *stream, const char *line, size_t len,
                                   bool continues);

/* Writes a JSON string of any bytes. */
void line_event_string(FILE *to, const char *bytes, size_t len);

#endif
