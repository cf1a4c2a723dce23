/* summary_json: a summary as JSON: kept beside the stream, so that the fold never needs the whole
 * history again, and shown to clients. */
#ifndef CWS_HUB_SUMMARY_JSON_H
#define CWS_HUB_SUMMARY_JSON_H

#include "lib/core/buf.h"
#include "lib/summary/summary.h"

/* From the JSON that summary_append_state wrote; NULL if it cannot be read (then fold from the
 * start). */
struct summary *summary_from_json(const char *json);
/* State to keep. */
void summary_append_state(const struct summary *s, struct buf *b);
/* Members, without braces: "status":…,"stage":…,"progress":…,"cost":…,"tokens":… . stage is null
 * before the first event that has one. */
void summary_append_members(const struct summary *s, struct buf *b);
/* Member for GET /requests/{id}:
 * "subtasks":{"total":…,"done":…,"running":…,"failed":…,"items":[{"id","status","model",
 * "agent","cost","tokens"}…]}; model and agent are left out where they are not known. */
void summary_append_subtasks(const struct summary *s, struct buf *b);

#endif
