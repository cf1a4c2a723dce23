/* route_request: GET and DELETE /requests/{id}, GET /requests, GET /requests/{id}/events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/err.h"
#include "server/api/route.h"

#define EVENTS_LIMIT_MAX 10000
#define EVENTS_LIMIT_DEFAULT 1000
#define LIST_LIMIT_MAX 1000
#define LIST_LIMIT_DEFAULT 50

/* False: refused. */
static bool check_may_watch(struct call *call, struct stream *s, struct stream_info *info) {
  stream_info(s, info);
  if (grants_may_watch(call->grants, call->request_id, info->owner))
    return true;
  call_fail(call, CWS_EFORBIDDEN, "this token may not watch '%s'", call->request_id);
  return false;
}

/* ---- one request ---- */

static void on_request_stream(struct call *call, struct stream *s) {
  struct stream_info info;
  if (!check_may_watch(call, s, &info))
    return;
  call->query.kind = HUB_GET_REQUEST;
  /* Who else is watching is for those whose request it is. */
  call->query.with_watchers = grants_is_admin(call->grants) ||
                              grants_may_publish(call->grants, call->request_id) ||
                              (info.owner[0] != '\0' && strcmp(info.owner, call->grants->sub) == 0);
  call_query(call);
}

void route_request(struct call *call) {
  static const char *const NAMES[] = {NULL};
  if (call_check_query(call, NAMES))
    call_open(call, on_request_stream);
}

void route_delete(struct call *call) {
  static const char *const NAMES[] = {NULL};
  if (!call_check_query(call, NAMES))
    return;
  if (!grants_may_publish(call->grants, call->request_id)) {
    call_fail(call, CWS_EFORBIDDEN, "this token may not delete '%s'", call->request_id);
    return;
  }
  call->query.kind = HUB_DELETE;
  call_query(call);
}

/* ---- the list ---- */

static bool may_see(const char *request_id, const char *owner, void *user) {
  return grants_may_watch(user, request_id, owner);
}

void route_list(struct call *call) {
  static const char *const NAMES[] = {"status", "limit", "cursor", NULL};
  int64_t limit;
  if (!call_check_query(call, NAMES) ||
      !call_int(call, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &limit))
    return;
  call->query.kind = HUB_LIST;
  call->query.status = http_query(call->request, "status");
  call->query.cursor = http_query(call->request, "cursor");
  call->query.limit = limit;
  call->query.may_see = may_see;
  call->query.may_see_user = call->grants;
  call_query(call);
}

/* ---- events ---- */

static void add_link(struct call *call) {
  struct buf link;
  buf_init(&link);
  buf_addf(&link, "<%s?after=%lld&limit=%lld", http_path(call->request),
           (long long)call->query.next_after, (long long)call->query.limit);
  if (call->query.to > 0)
    buf_addf(&link, "&to=%lld", (long long)call->query.to);
  if (call->query.types != NULL)
    buf_addf(&link, "&type=%s", call->query.types);
  if (call->query.epoch != NULL)
    buf_addf(&link, "&epoch=%s", call->query.epoch);
  buf_add_str(&link, ">; rel=\"next\"");
  if (!link.failed)
    http_add_header(call->request, "Link", link.data);
  buf_finish(&link);
}

static void on_events(struct hub_query *q) {
  struct call *call = q->user;
  if (q->code != 0) {
    call_fail(call, q->code, "%s",
              q->error.message[0] != '\0' ? q->error.message : cws_error_text(q->code));
    return;
  }
  if (q->next_after > 0)
    add_link(call);
  call_reply_as(call, q->ndjson ? "application/x-ndjson" : "application/json", &q->json);
}

static void on_events_stream(struct call *call, struct stream *s) {
  struct stream_info info;
  if (check_may_watch(call, s, &info))
    call_query_then(call, on_events);
}

/* Types go back out in the Link header: only what a type or an epoch can be made of. */
static bool is_plain(const char *s, const char *also) {
  for (; s != NULL && *s != '\0'; s++) {
    bool is_word = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
    if (!is_word && strchr(also, *s) == NULL)
      return false;
  }
  return true;
}

void route_events(struct call *call) {
  static const char *const NAMES[] = {"after", "to", "type", "limit", "epoch", NULL};
  struct hub_query *q = &call->query;
  if (call_wants_stream(call)) {
    route_stream(call);
    return;
  }
  if (!call_check_query(call, NAMES) ||
      !call_int(call, "after", 0, CWS_MESSAGE_ID_MAX, 0, &q->after) ||
      !call_int(call, "to", 0, CWS_MESSAGE_ID_MAX, 0, &q->to) ||
      !call_int(call, "limit", 1, EVENTS_LIMIT_MAX, EVENTS_LIMIT_DEFAULT, &q->limit))
    return;
  q->ndjson = call_accepts(call, "application/x-ndjson") || call_accepts(call, "application/jsonl");
  q->types = http_query(call->request, "type");
  q->epoch = http_query(call->request, "epoch");
  if (!is_plain(q->types, "._-,") || !is_plain(q->epoch, "")) {
    call_fail(call, CWS_EBADREQUEST, "%s: has a character that cannot be in it",
              is_plain(q->types, "._-,") ? "epoch" : "type");
    return;
  }
  q->kind = HUB_EVENTS;
  call_open(call, on_events_stream);
}
