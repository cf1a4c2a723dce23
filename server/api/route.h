/* route: what the router hands to a route, and what routes share. */
#ifndef CWS_API_ROUTE_H
#define CWS_API_ROUTE_H

#include "server/api/api.h"

/* One request being answered. A route ends it with one of call_*. */
struct call {
  struct api *api;
  struct http_request *request;
  struct grants *grants;  /* NULL on routes without a token */
  const char *request_id; /* of the path, checked; NULL where the route has none */
  int worker;
  struct hub_open open;
  struct hub_query query;
  struct hub_publish publish; /* its events are the call's until the hub takes them */
  void (*then)(struct call *call, struct stream *s); /* after call_open */
  struct stream *stream;                             /* held until the call ends */
};

typedef void route_fn(struct call *call);

route_fn route_publish, route_events, route_request, route_list, route_delete, route_status,
    route_live, route_ready, route_metrics, route_web;

/* route_events where the answer is to be an event stream. */
route_fn route_stream;

/* What can be said of a publish before its body is there. False: the call has failed. */
bool route_publish_admits(struct call *call);

void call_free(struct call *call); /* without an answer */
/* Answers, and frees the call. */
void call_reply(struct call *call, int status, const struct buf *body);
/* The same with 200 and another content type. */
void call_reply_as(struct call *call, const char *content_type, const struct buf *body);
void call_fail(struct call *call, int code, const char *fmt, ...) CWS_PRINTF(3, 4);
void call_fail_with(struct call *call, const struct cws_error *e);
/* 429 and 503 say when to come back; 0: soon. */
void call_fail_after(struct call *call, const struct cws_error *e, int retry_after_s);

/* Opens the request's stream, then calls `then` on the worker's loop. */
void call_open(struct call *call, void (*then)(struct call *call, struct stream *s));
/* Runs call->query; its answer becomes the reply, with 200. */
void call_query(struct call *call);
/* Puts the query together; `done` is called on the worker's loop. */
void call_query_then(struct call *call, void (*done)(struct hub_query *q));

/* Whether every query parameter is one of `names` (NULL-terminated); else the call has failed. */
bool call_check_query(struct call *call, const char *const *names);
/* An integer parameter within [min, max]; `if_absent` where it is not given. False: the call has
 * failed. */
bool call_int(struct call *call, const char *name, int64_t min, int64_t max, int64_t if_absent,
              int64_t *out);

/* Whether the Accept header names the media type. */
bool call_accepts(const struct call *call, const char *media_type);
/* Whether events are to come as an event stream (SSE). */
bool call_wants_stream(const struct call *call);

/* The token of "Authorization: Bearer …", or NULL. */
const char *bearer_of(const struct http_request *r);

#endif
