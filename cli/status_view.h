/* status_view: a hub's answers about itself and about one request, for people. */
#ifndef CLI_STATUS_VIEW_H
#define CLI_STATUS_VIEW_H

#include <jansson.h>
#include <stdbool.h>

/* is_table: tables, as on a terminal; else lines. */
void status_view_request(const json_t *answer, bool is_table);
void status_view_hub(const json_t *answer, const char *url, bool is_table);

#endif
