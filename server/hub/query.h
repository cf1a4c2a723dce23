/* query: hub_query, for the files that answer one kind each. */
#ifndef CWS_HUB_QUERY_H
#define CWS_HUB_QUERY_H

#include "server/hub/hub_inside.h"

struct hub_query_state {
  struct mail mail;
  struct hub_job job;
  struct hub *hub;
  struct hub_query *query;
  int worker;
  char *request_id, *status, *cursor, *types, *epoch; /* copies, or NULL */
  struct stream *stream; /* a reference, or NULL: the request is not in memory */
  int visits;            /* workers that were asked for their watchers */
  struct buf watchers;   /* JSON of those met so far */
  struct store_remove remove;
};

/* Each runs on a reader thread, fills query->json, and returns the query's code. */
int query_request(struct hub_query_state *st, struct cws_error *err);
int query_list(struct hub_query_state *st, struct cws_error *err);
int query_events(struct hub_query_state *st, struct cws_error *err);

/* Of a request that has no events: the epoch that it has until it begins, and how many watch it on
 * all hubs. CWS_EUNKNOWNREQUEST: nobody does. */
int query_pending(const struct hub_query_state *st, char epoch[CWS_EPOCH_MAX + 1],
                  int64_t *watchers, struct cws_error *err);

/* ---- query_json.c: members of an object, each with a comma before it ---- */
void query_member_text(struct buf *b, const char *name, const char *value); /* NULL, "": null */
void query_member_i64(struct buf *b, const char *name, int64_t value);
void query_member_time(struct buf *b, const char *name, int64_t ms); /* 0: null */
void query_append_watcher(struct buf *b, const struct watcher_view *view, int64_t acked,
                          int64_t last_id);
/* What memory knows of the summary, else the store, folded forward. Appends its members, and its
 * subtasks if asked for. *status and *watchers are filled in; the latter with how many watch it, on
 * all hubs. */
struct query_summary {
  bool with_subtasks;
  enum summary_status status;
  int64_t watchers;
};
int query_append_summary(struct hub *hub, const struct store_info *info, struct query_summary *what,
                         struct buf *b, struct cws_error *err);

#endif
