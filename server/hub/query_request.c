/*
 * query_request: owns the answer to "what of this request?". The watchers' part was written on
 * their own loops before this runs. It must not touch a watcher.
 */
#include "lib/core/err.h"
#include "server/hub/query.h"
#include <stdlib.h>
#include <string.h>

static void append_head(struct buf *b, const char *request_id) {
  buf_add_str(b, "{\"request_id\":");
  buf_add_json_str(b, request_id, strlen(request_id));
  buf_add_char(b, ',');
}

static void append_info(struct buf *b, const struct store_info *info) {
  query_member_text(b, "epoch", info->epoch);
  query_member_text(b, "owner", info->owner);
  query_member_i64(b, "first_message_id", info->first_id);
  query_member_i64(b, "last_message_id", info->last_id);
  query_member_i64(b, "count", info->count);
  query_member_i64(b, "bytes", info->bytes);
  query_member_time(b, "created_at", info->created_ms);
  query_member_time(b, "updated_at", info->updated_ms);
}

static void append_watchers(struct hub_query_state *st, struct buf *b) {
  buf_add_str(b, ",\"watchers\":[");
  if (st->watchers.len > 0)
    buf_add(b, st->watchers.data, st->watchers.len);
  b->failed = b->failed || st->watchers.failed;
  buf_add_char(b, ']');
}

static void append_position(struct buf *b, const struct store_position *p, int64_t last_id,
                            bool is_first) {
  buf_add_str(b, is_first ? "{\"subscriber\":" : ",{\"subscriber\":");
  buf_add_json_str(b, p->subscriber, strlen(p->subscriber));
  query_member_i64(b, "last_ack", p->message_id);
  query_member_i64(b, "lag", last_id > p->message_id ? last_id - p->message_id : 0);
  buf_add_char(b, '}');
}

static int append_subscribers(struct hub_query_state *st, const struct store_info *info,
                              struct buf *b, struct cws_error *err) {
  struct store_position *positions = NULL;
  size_t count = 0;
  int code = store_positions(st->hub->store, st->request_id, &positions, &count, err);
  if (code)
    return code;
  buf_add_str(b, ",\"subscribers\":[");
  for (size_t i = 0; i < count; i++)
    append_position(b, &positions[i], info->last_id, i == 0);
  buf_add_char(b, ']');
  free(positions);
  return 0;
}

static int append_stored(struct hub_query_state *st, const struct store_info *info, struct buf *b,
                         struct cws_error *err) {
  struct query_summary what = {.with_subtasks = true};
  append_head(b, st->request_id);
  int code = query_append_summary(st->hub, info, &what, b, err);
  if (code)
    return code;
  append_info(b, info);
  query_member_i64(b, "watcher_count", what.watchers);
  if (st->query->with_watchers) {
    append_watchers(st, b);
    code = append_subscribers(st, info, b, err);
  }
  buf_add_char(b, '}');
  return code;
}

/* A request that somebody watches and that has no event yet. */
static int append_pending(struct hub_query_state *st, struct buf *b, struct cws_error *err) {
  struct store_info info = {.first_id = 1};
  int64_t watchers;
  int code = query_pending(st, info.epoch, &watchers, err);
  if (code)
    return code;
  struct summary *nothing = summary_new();
  if (!nothing)
    return err_set(err, CWS_ENOMEM, NULL);
  append_head(b, st->request_id);
  summary_append_members(nothing, b);
  buf_add_char(b, ',');
  summary_append_subtasks(nothing, b);
  append_info(b, &info);
  query_member_i64(b, "watcher_count", watchers);
  if (st->query->with_watchers) {
    append_watchers(st, b);
    buf_add_str(b, ",\"subscribers\":[]");
  }
  buf_add_char(b, '}');
  summary_free(nothing);
  return 0;
}

int query_request(struct hub_query_state *st, struct cws_error *err) {
  struct buf *b = &st->query->json;
  struct store_info info = {0};
  struct cws_error reason = {0};
  int code = store_info(st->hub->store, st->request_id, &info, &reason);
  if (code == CWS_EUNKNOWNREQUEST)
    return append_pending(st, b, err);
  if (code)
    return err_set(err, code, "%s", reason.message);
  code = append_stored(st, &info, b, err);
  store_info_finish(&info);
  return code;
}
