/* router: from method and path to a route, and what every route has in front of it: origin, token,
 * request_id. */
#include <stdlib.h>
#include <string.h>

#include "lib/core/err.h"
#include "server/api/route.h"
#include "server/web/web.h"
#include "server/ws/handshake_parts.h"

#define DEPTH 5

struct route {
  enum http_verb method;
  const char *path[DEPTH + 1]; /* segments; "*" is the request_id */
  bool needs_token;
  route_fn *fn; /* NULL: the WebSocket's handshake */
  /* Whether the body that is still to come is worth reading; false: the call has failed. NULL: the
   * route takes none. */
  bool (*admits_body)(struct call *call);
};

static const struct route ROUTES[] = {
    {HTTP_M_GET, {"api", "v1", "ws", "status"}, false, route_status, NULL},
    {HTTP_M_GET, {"api", "v1", "ws", "*"}, false, NULL, NULL},
    {HTTP_M_POST,
     {"api", "v1", "requests", "*", "events"},
     true,
     route_publish,
     route_publish_admits},
    {HTTP_M_GET, {"api", "v1", "requests", "*", "events"}, true, route_events, NULL},
    {HTTP_M_GET, {"api", "v1", "requests", "*"}, true, route_request, NULL},
    {HTTP_M_DELETE, {"api", "v1", "requests", "*"}, true, route_delete, NULL},
    {HTTP_M_GET, {"api", "v1", "requests"}, true, route_list, NULL},
    {HTTP_M_GET, {"healthz", "live"}, false, route_live, NULL},
    {HTTP_M_GET, {"healthz", "ready"}, false, route_ready, NULL},
    {HTTP_M_GET, {"metrics"}, false, route_metrics, NULL},
    {HTTP_M_GET, {NULL}, false, route_web, NULL}, /* the path of any file that is built in */
};

#define ROUTE_COUNT (sizeof ROUTES / sizeof ROUTES[0])

static const char *const METHOD_NAMES[] = {[HTTP_M_GET] = "GET",
                                           [HTTP_M_HEAD] = "HEAD",
                                           [HTTP_M_POST] = "POST",
                                           [HTTP_M_DELETE] = "DELETE"};

static bool path_fits(const struct route *route, const struct http_request *r) {
  size_t i = 0;
  if (route->fn == route_web)
    return web_file_find(http_path(r)) != NULL;
  for (; route->path[i] != NULL; i++) {
    const char *segment = http_segment(r, i);
    if (segment == NULL ||
        (strcmp(route->path[i], "*") != 0 && strcmp(route->path[i], segment) != 0))
      return false;
  }
  return http_segment_count(r) == i;
}

static const char *request_id_of(const struct route *route, const struct http_request *r) {
  for (size_t i = 0; route->path[i] != NULL; i++) {
    if (strcmp(route->path[i], "*") == 0)
      return http_segment(r, i);
  }
  return NULL;
}

/* The first of the table whose path fits, and whose method does, too, unless none does. */
static const struct route *find(const struct http_request *r, bool *is_other_method) {
  enum http_verb method = http_method(r) == HTTP_M_HEAD ? HTTP_M_GET : http_method(r);
  const struct route *fits = NULL;
  for (size_t i = 0; i < ROUTE_COUNT; i++) {
    if (!path_fits(&ROUTES[i], r) || (fits != NULL && fits->fn != NULL && ROUTES[i].fn == NULL))
      continue;
    if (ROUTES[i].method == method) {
      *is_other_method = false;
      return &ROUTES[i];
    }
    fits = &ROUTES[i];
  }
  *is_other_method = fits != NULL;
  return fits;
}

/* "GET, HEAD, DELETE" for the path of r. */
static void allowed_methods(const struct http_request *r, struct buf *b) {
  for (size_t i = 0; i < ROUTE_COUNT; i++) {
    if (!path_fits(&ROUTES[i], r))
      continue;
    const char *name = METHOD_NAMES[ROUTES[i].method];
    if (b->len > 0 && strstr(b->data, name) != NULL)
      continue;
    buf_addf(b, "%s%s", b->len > 0 ? ", " : "", name);
    if (ROUTES[i].method == HTTP_M_GET)
      buf_add_str(b, ", HEAD");
  }
}

static void refuse(struct http_request *r, int code, const char *message, const char *allow) {
  struct cws_error e = {0};
  err_set(&e, code, "%s", message);
  http_reply_error(r, &e, 0, allow);
}

static void refuse_method(struct http_request *r) {
  struct buf allow;
  buf_init(&allow);
  allowed_methods(r, &allow);
  if (allow.failed)
    refuse(r, CWS_ENOMEM, "out of memory", NULL);
  else
    refuse(r, CWS_EMETHOD, "method not allowed", allow.data);
  buf_finish(&allow);
}

static void refuse_body(struct http_request *r) {
  refuse(r, CWS_ETOOLARGE, "this route takes no body", NULL);
}

/* ---- origins ---- */

/* A page of another origin that may: it gets to read the answer. False: refused. */
static bool check_origin(const struct api *api, struct http_request *r) {
  const char *origin = http_header(r, "origin");
  if (origin == NULL)
    return true;
  if (!auth_origin_allowed(api->auth, origin, http_header(r, "host"))) {
    refuse(r, CWS_EBADORIGIN, "pages of this origin are not allowed; see --allow-origin", NULL);
    return false;
  }
  http_add_header(r, "Access-Control-Allow-Origin", origin);
  http_add_header(r, "Access-Control-Expose-Headers", "Link, Retry-After");
  http_add_header(r, "Vary", "Origin");
  return true;
}

/* The question a browser asks before it sends anything unusual. */
static void answer_preflight(struct http_request *r) {
  struct buf allow;
  buf_init(&allow);
  allowed_methods(r, &allow);
  http_add_header(r, "Access-Control-Allow-Methods", allow.failed ? "GET" : allow.data);
  http_add_header(r, "Access-Control-Allow-Headers",
                  "Authorization, Content-Type, Idempotency-Key, Last-Event-ID");
  http_add_header(r, "Access-Control-Max-Age", "600");
  http_reply(r, &(struct http_response){.status = 204});
  buf_finish(&allow);
}

/* ---- handing over ---- */

static struct call *call_new(struct api *api, struct http_request *r, const char *request_id) {
  struct call *call = calloc(1, sizeof *call);
  if (call == NULL) {
    refuse(r, CWS_ENOMEM, "out of memory", NULL);
    return NULL;
  }
  call->api = api;
  call->request = r;
  call->request_id = request_id;
  call->worker = loop_index(http_loop(r));
  return call;
}

/* Pages cannot give EventSource a header, so a stream takes its token as a WebSocket does. */
static int check_stream_token(struct call *call, struct cws_error *err) {
  char *token;
  bool has_subprotocol;
  int code = handshake_read_token(call->request, &token, &has_subprotocol, err);
  if (code == 0)
    code = auth_check(call->api->auth, token, &call->grants, err);
  free(token);
  return code;
}

static int check_token(const struct route *route, struct call *call, struct cws_error *err) {
  if (!route->needs_token)
    return 0;
  if (route->fn == route_events && call_wants_stream(call))
    return check_stream_token(call, err);
  return auth_check(call->api->auth, bearer_of(call->request), &call->grants, err);
}

/* Token and request_id. False: the call has failed. */
static bool check(const struct route *route, struct call *call) {
  struct cws_error e = {0};
  if (check_token(route, call, &e) == 0 &&
      (call->request_id == NULL ||
       cws_request_id_check(call->request_id, strlen(call->request_id), &e) == 0))
    return true;
  call_fail_with(call, &e);
  return false;
}

/* Origin, path, method. NULL: r has been answered. */
static const struct route *enter(struct api *api, struct http_request *r) {
  bool is_other_method;
  const struct route *route = find(r, &is_other_method);
  bool is_api = http_segment(r, 0) != NULL && strcmp(http_segment(r, 0), "api") == 0;
  if (is_api && (route == NULL || route->fn != NULL) && !check_origin(api, r))
    return NULL;
  if (route == NULL)
    refuse(r, CWS_EUNKNOWNROUTE, "no such route", NULL);
  else if (is_other_method && http_method(r) == HTTP_M_OPTIONS && is_api)
    answer_preflight(r);
  else if (is_other_method)
    refuse_method(r);
  else
    return route;
  return NULL;
}

bool api_on_headers(struct http_request *r, void *user) {
  const struct route *route = enter(user, r);
  if (route == NULL)
    return false;
  if (route->admits_body == NULL) {
    refuse_body(r);
    return false;
  }
  struct call *call = call_new(user, r, request_id_of(route, r));
  if (call == NULL || !check(route, call) || !route->admits_body(call))
    return false;
  call_free(call);
  return true;
}

void api_on_request(struct http_request *r, void *user) {
  struct api *api = user;
  const struct route *route = enter(api, r);
  size_t body_len;
  if (route == NULL)
    return;
  http_body(r, &body_len);
  if (route->admits_body == NULL && body_len > 0) {
    refuse_body(r);
    return;
  }
  if (route->fn == NULL) {
    handshake_start(&api->handshake, r, request_id_of(route, r));
    return;
  }
  struct call *call = call_new(api, r, request_id_of(route, r));
  if (call != NULL && check(route, call))
    route->fn(call);
}
