/*
 * http: HTTP calls by libcurl's multi interface on the client's loop. The only
 * file that sees libcurl is http.c. It knows HTTP, not what the hub's JSON says.
 */
#ifndef CWS_CLIENT_HTTP_H
#define CWS_CLIENT_HTTP_H

#include "lib/core/buf.h"
#include <councilws/error.h>
#include <stddef.h>
#include <stdint.h>

struct cws_client;
struct http;
struct http_call;

struct http_request {
  const char *method;                /* "GET", "POST", "DELETE" */
  const char *path;                  /* from the first '/' on */
  const char *token;                 /* or NULL */
  const char *accept, *content_type; /* or NULL */
  const char *body;                  /* borrowed until the call has ended; NULL for none */
  size_t body_len;
};

struct http_answer {
  int status; /* 0: no answer, `error` says why */
  struct cws_error error;
  const char *body; /* what http_body_fn was not given */
  size_t body_len;
  int64_t retry_after_ms; /* 0 for none */
  const char *next_query; /* behind the '?' of a Link with rel="next", or NULL */
};

/* Part of the body of a 200 answer as it arrives. May cancel the call. */
typedef void http_body_fn(struct http_call *call, const char *bytes, size_t len, void *user);
/* Last call; frees the call after it. */
typedef void http_done_fn(struct http_call *call, const struct http_answer *answer, void *user);

/* Starts a call; its callbacks come later, never from inside. on_body may be NULL. */
int http_start(struct cws_client *client, const struct http_request *request, http_body_fn *on_body,
               http_done_fn *on_done, void *user, struct http_call **out, struct cws_error *err);
/* No callback any more; safe in its callbacks. NULL is fine. */
void http_cancel(struct http_call *call);

/* NULL is fine. No call may be left. */
void http_free(struct http *http);

#endif
