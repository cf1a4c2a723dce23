/*
 * route_stream: GET /requests/{id}/events with Accept: text/event-stream: checks what the handshake
 * of a WebSocket checks, then hands over to a session. It knows nothing of what a session does.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/core/err.h"
#include "lib/core/subscriber.h"
#include "server/api/route.h"
#include "server/ws/handshake_parts.h"
#include "server/ws/sse.h"

/* One stream that is being opened. */
struct opening {
  struct call *call;
  struct hub_open open;
  struct position_wish wish;
  char *subscriber, *types;
};

static void opening_free(struct opening *o) {
  free(o->subscriber);
  free(o->types);
  free(o);
}

static void fail(struct opening *o, const struct cws_error *e) {
  call_fail_with(o->call, e);
  opening_free(o);
}

/* ---- the answer, once the stream is open ---- */

static int make_session(struct opening *o, struct stream *s, int64_t acked, struct session **out,
                        struct cws_error *err) {
  struct call *call = o->call;
  struct session_start start = {
      .hub = call->api->hub,
      .loop = http_loop(call->request),
      .settings = call->api->handshake.settings,
      .stream = s,
      .grants = call->grants,
      .subscriber = o->subscriber,
      .can_watch = true,
      .is_sse = true,
      .types = o->types,
      .acked = acked,
      .wish = o->wish,
  };
  struct stream_info info;
  stream_info(s, &info);
  if (!grants_may_watch(call->grants, call->request_id, info.owner))
    return err_set(err, CWS_EFORBIDDEN, "this token may not watch '%s'", call->request_id);
  if (session_is_draining(start.settings, start.loop))
    return err_set(err, CWS_EDRAINING, NULL);
  int code = quota_take_user(start.settings->quota, call->grants->sub, &start.hold);
  if (code != 0)
    return err_set(err, code, "too many connections of this user");
  code = session_new(&start, out);
  if (code != 0) {
    quota_release(&start.hold);
    return err_set(err, code, NULL);
  }
  call->grants = NULL;
  o->subscriber = o->types = NULL;
  return 0;
}

/* Proxies that gather an answer before they pass it on (nginx) are told not to. */
static void begin(struct opening *o, struct session *session) {
  struct http_request *r = o->call->request;
  http_add_header(r, "X-Accel-Buffering", "no");
  call_free(o->call);
  opening_free(o);
  session_begin(session, http_stream(r, "text/event-stream", session_handlers(), session));
}

static void on_open(struct hub_open *open, int code, struct stream *s, int64_t acked) {
  struct opening *o = open->user;
  struct session *session;
  struct cws_error e = {0};
  if (code == 0 && http_is_gone(o->call->request)) { /* its loop may be gone as well */
    stream_unref(s);
    code = CWS_EDISCONNECTED;
  }
  if (code != 0) {
    err_set(&open->error, code, NULL);
    e = open->error;
    fail(o, &e);
    return;
  }
  if (make_session(o, s, acked, &session, &e) != 0) {
    stream_unref(s);
    fail(o, &e);
    return;
  }
  begin(o, session);
}

/* ---- the request ---- */

/* Last-Event-ID beats the query, with which a browser comes back unchanged. Without either it
 * starts where the stored events would. */
static int read_wish(const struct http_request *r, struct position_wish *wish,
                     struct cws_error *err) {
  const char *last_id = http_header(r, "last-event-id");
  int code = handshake_read_wish(r, wish, err);
  if (code == 0 && last_id != NULL && last_id[0] != '\0')
    code = sse_id_parse(last_id, wish->epoch, &wish->after, err);
  if (http_query(r, "from") == NULL)
    wish->from = POSITION_FROM_START;
  return code;
}

static int copy_types(const char *types, char **out, struct cws_error *err) {
  if (types == NULL)
    return 0;
  for (const char *at = types;; at++) {
    size_t len = strcspn(at, ",");
    struct cws_error why = {0};
    if (cws_event_type_check(at, len, &why) != 0)
      return err_set(err, CWS_EBADREQUEST, "%s", why.message);
    at += len;
    if (*at == '\0')
      break;
  }
  *out = strdup(types);
  return *out != NULL ? 0 : err_set(err, CWS_ENOMEM, NULL);
}

static int read_parts(struct opening *o, struct cws_error *err) {
  const struct http_request *r = o->call->request;
  const char *name;
  int code = read_wish(r, &o->wish, err);
  if (code == 0)
    code = copy_types(http_query(r, "type"), &o->types, err);
  if (code == 0)
    code = handshake_read_name(r, &name, err);
  if (code == 0)
    code = subscriber_format(o->call->grants->sub, name, &o->subscriber, err);
  return code;
}

static void open_stream(struct opening *o) {
  struct call *call = o->call;
  struct cws_error e = {0};
  int code = 0;
  if (session_is_draining(call->api->handshake.settings, http_loop(call->request)))
    code = err_set(&e, CWS_EDRAINING, NULL);
  if (code == 0)
    code = read_parts(o, &e);
  o->open = (struct hub_open){.done = on_open, .user = o};
  if (code == 0)
    code = hub_open_stream(call->api->hub, call->worker, call->request_id, o->subscriber, &o->open);
  if (code == 0)
    return;
  err_set(&e, code, NULL);
  fail(o, &e);
}

void route_stream(struct call *call) {
  static const char *const NAMES[] = {"after",      "epoch", "from", "type",
                                      "subscriber", "token", NULL};
  if (!call_check_query(call, NAMES))
    return;
  struct opening *o = calloc(1, sizeof *o);
  if (o == NULL) {
    call_fail(call, CWS_ENOMEM, "%s", cws_error_text(CWS_ENOMEM));
    return;
  }
  o->call = call;
  open_stream(o);
}
