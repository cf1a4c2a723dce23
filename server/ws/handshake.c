/*
 * handshake: from a GET to a session: reads the parts of the request, asks who it is, opens the
 * stream, and answers with 101 or with the reason why not. It knows nothing of what a session does.
 */
#include "server/ws/handshake.h"

#include "lib/core/err.h"
#include "lib/core/subscriber.h"
#include "lib/core/ws_deflate.h"
#include "server/auth/auth.h"
#include "server/ws/handshake_parts.h"
#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER_S 5 /* told with 429 and 503 */

/* One handshake under way, while the stream is opened. */
struct handshake {
  const struct handshake_context *context;
  struct http_request *r;
  struct hub_open open;
  struct grants *grants;
  char *subscriber;
  struct position_wish wish;
  bool wants_subprotocol, is_deflated;
  char accept[29];
};

static void handshake_free(struct handshake *h) {
  grants_free(h->grants);
  free(h->subscriber);
  free(h);
}

/* ---- refusals ---- */

/* 426 has no error code of its own: the body is that of bad_request. */
static void refuse_upgrade(struct http_request *r, const struct cws_error *e) {
  struct buf body;
  buf_init(&body);
  buf_add_str(&body, "{\"error\":{\"code\":\"bad_request\",\"message\":");
  buf_add_json_str(&body, e->message, strlen(e->message));
  buf_add_str(&body, ",\"temporary\":false}}");
  const struct http_response response = {
      .status = HANDSHAKE_UPGRADE_REQUIRED,
      .body = body.data,
      .body_len = body.failed ? 0 : body.len,
      .extra_headers = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
  };
  http_reply(r, &response);
  buf_finish(&body);
}

static void refuse(struct http_request *r, const struct cws_error *e) {
  http_reply_error(r, e, cws_error_is_temporary(e->code) ? RETRY_AFTER_S : 0,
                   e->code == CWS_EMETHOD ? "GET" : NULL);
}

/* Ends it: the request is answered, the handshake freed. */
static void fail(struct handshake *h, const struct cws_error *e) {
  refuse(h->r, e);
  handshake_free(h);
}

/* ---- the answer, once the stream is open ---- */

/* Who may not watch may still publish. The owner may forbid what the token would allow. */
static int check_rights(const struct grants *g, struct stream *s, bool *can_watch,
                        struct cws_error *err) {
  struct stream_info info;
  stream_info(s, &info);
  *can_watch = grants_may_watch(g, stream_request_id(s), info.owner);
  if (*can_watch || grants_may_publish(g, stream_request_id(s)))
    return 0;
  return err_set(err, CWS_EFORBIDDEN, "this token may neither watch nor publish to the request");
}

/* The 101 and what the session says first go in one write. */
static void upgrade(struct handshake *h, struct session *session) {
  struct connection *c = http_connection(h->r);
  char headers[300];
  snprintf(headers, sizeof(headers), "Sec-WebSocket-Accept: %s\r\n%s%s", h->accept,
           h->wants_subprotocol ? "Sec-WebSocket-Protocol: councilws.v1\r\n" : "",
           h->is_deflated ? "Sec-WebSocket-Extensions: " WS_DEFLATE_ANSWER "\r\n" : "");
  connection_gather(c);
  session_begin(session, http_upgrade(h->r, headers, session_handlers(), session));
  connection_send_gathered(c);
}

static int make_session(struct handshake *h, struct session_start *start, struct session **out,
                        struct cws_error *err) {
  int code = check_rights(h->grants, start->stream, &start->can_watch, err);
  if (code != 0)
    return code;
  if (session_is_draining(start->settings, start->loop))
    return err_set(err, CWS_EDRAINING, NULL);
  code = quota_take_user(start->settings->quota, h->grants->sub, &start->hold);
  if (code != 0)
    return err_set(err, code, "too many connections of this user");
  start->grants = h->grants;
  start->subscriber = h->subscriber;
  code = session_new(start, out);
  if (code != 0) {
    quota_release(&start->hold);
    return err_set(err, code, NULL);
  }
  h->grants = NULL;
  h->subscriber = NULL;
  return 0;
}

static void on_open(struct hub_open *open, int code, struct stream *s, int64_t acked) {
  struct handshake *h = open->user;
  struct cws_error e = {0};
  if (code == 0 && http_is_gone(h->r)) { /* its loop may be gone as well, when the server ends */
    stream_unref(s);
    code = CWS_EDISCONNECTED;
  }
  if (code != 0) {
    err_set(&open->error, code, NULL);
    fail(h, &open->error);
    return;
  }
  struct session_start start = {
      .hub = h->context->hub,
      .loop = http_loop(h->r),
      .settings = h->context->settings,
      .stream = s,
      .is_deflated = h->is_deflated,
      .acked = acked,
      .wish = h->wish,
  };
  struct session *session;
  if (make_session(h, &start, &session, &e) != 0) {
    stream_unref(s);
    fail(h, &e);
    return;
  }
  upgrade(h, session);
  handshake_free(h);
}

/* ---- the request ---- */

static int check_token(struct handshake *h, struct cws_error *err) {
  char *token;
  int code = handshake_read_token(h->r, &token, &h->wants_subprotocol, err);
  if (code == 0)
    code = auth_check(h->context->auth, token, &h->grants, err);
  free(token);
  return code;
}

static int read_parts(struct handshake *h, const char *request_id, struct cws_error *err) {
  const char *name;
  int code = cws_request_id_check(request_id, strlen(request_id), err);
  if (code == 0 && !auth_origin_allowed(h->context->auth, http_header(h->r, "origin"),
                                        http_header(h->r, "host")))
    code = err_set(err, CWS_EBADORIGIN, NULL);
  if (code == 0)
    code = check_token(h, err);
  if (code == 0)
    code = handshake_read_wish(h->r, &h->wish, err);
  if (code == 0)
    code = handshake_read_name(h->r, &name, err);
  if (code == 0)
    code = subscriber_format(h->grants->sub, name, &h->subscriber, err);
  return code;
}

static void open_stream(struct handshake *h, const char *request_id) {
  struct cws_error e = {0};
  h->open.done = on_open;
  h->open.user = h;
  struct hub *hub = h->context->hub;
  struct stream *s;
  int64_t acked;
  int code = read_parts(h, request_id, &e);
  if (code == 0 && hub_open_now(hub, request_id, h->subscriber, &s, &acked)) {
    on_open(&h->open, 0, s, acked);
    return;
  }
  if (code == 0)
    code = hub_open_stream(hub, loop_index(http_loop(h->r)), request_id, h->subscriber, &h->open);
  if (code != 0) {
    err_set(&e, code, NULL);
    fail(h, &e);
  }
}

static struct handshake *handshake_new(const struct handshake_context *context,
                                       struct http_request *r) {
  struct handshake *h = calloc(1, sizeof(*h));
  if (h == NULL)
    return NULL;
  h->context = context;
  h->r = r;
  return h;
}

void handshake_start(const struct handshake_context *context, struct http_request *r,
                     const char *request_id) {
  struct cws_error e = {0};
  char accept[29];
  int status;
  if (handshake_read_upgrade(r, accept, &status, &e) != 0) {
    if (status == HANDSHAKE_UPGRADE_REQUIRED)
      refuse_upgrade(r, &e);
    else
      refuse(r, &e);
    return;
  }
  struct handshake *h = NULL;
  if (session_is_draining(context->settings, http_loop(r)))
    err_set(&e, CWS_EDRAINING, NULL);
  else if ((h = handshake_new(context, r)) == NULL)
    err_set(&e, CWS_ENOMEM, NULL);
  if (h == NULL) {
    refuse(r, &e);
    return;
  }
  memcpy(h->accept, accept, sizeof(accept));
  h->is_deflated = context->settings->compression &&
                   ws_deflate_is_offered(http_header(r, "sec-websocket-extensions"));
  open_stream(h, request_id);
}
