/* list_view: requests as a hub lists them. */
#ifndef CLI_LIST_VIEW_H
#define CLI_LIST_VIEW_H

#include <jansson.h>

enum list_view_as { LIST_VIEW_LINES, LIST_VIEW_TABLE, LIST_VIEW_JSON };

void list_view(const json_t *requests, enum list_view_as as);

#endif
