/*
 * query_json: owns how the answers name things, and where a summary comes from when one is asked
 * for. It must not know who asks.
 */
#include "lib/core/timestamp.h"
#include "server/hub/load.h"
#include "server/hub/query.h"
#include <string.h>

static void member_name(struct buf *b, const char *name) {
  buf_addf(b, ",\"%s\":", name);
}

void query_member_text(struct buf *b, const char *name, const char *value) {
  member_name(b, name);
  if (value && *value)
    buf_add_json_str(b, value, strlen(value));
  else
    buf_add_str(b, "null");
}

void query_member_i64(struct buf *b, const char *name, int64_t value) {
  member_name(b, name);
  buf_add_i64(b, value);
}

void query_member_time(struct buf *b, const char *name, int64_t ms) {
  char text[TIMESTAMP_BUF];
  query_member_text(b, name, ms > 0 ? timestamp_format(ms, text) : NULL);
}

void query_append_watcher(struct buf *b, const struct watcher_view *view, int64_t acked,
                          int64_t last_id) {
  buf_add_str(b, b->len > 0 ? ",{\"connection_id\":" : "{\"connection_id\":");
  buf_add_json_str(b, view->connection_id, strlen(view->connection_id));
  query_member_text(b, "subscriber", view->subscriber);
  query_member_text(b, "user_id", view->user_id);
  if (view->address)
    query_member_text(b, "address", view->address);
  query_member_time(b, "connected_at", view->connected_at_ms);
  query_member_time(b, "last_heartbeat", view->last_heartbeat_ms);
  query_member_i64(b, "reconnection_count", view->reconnection_count);
  query_member_i64(b, "last_ack", acked);
  query_member_i64(b, "lag", last_id > acked ? last_id - acked : 0);
  buf_add_char(b, '}');
}

static void append_parts(const struct summary *s, struct query_summary *what, struct buf *b) {
  what->status = summary_status(s);
  summary_append_members(s, b);
  if (what->with_subtasks) {
    buf_add_char(b, ',');
    summary_append_subtasks(s, b);
  }
}

/* False where the stream in memory is not the one that `info` tells of, or its summary is behind.
 */
static bool append_from_memory(struct hub *hub, const struct store_info *info,
                               struct query_summary *what, struct buf *b) {
  struct stream *s = stream_table_find(&hub->table, info->request_id);
  if (!s)
    return false;
  pthread_mutex_lock(&s->lock);
  bool is_it = s->state == STREAM_LIVE && strcmp(s->epoch, info->epoch) == 0;
  bool has_all = is_it && !stream_summary_is_behind(s);
  if (is_it)
    what->watchers += s->watchers;
  if (has_all)
    append_parts(s->summary, what, b);
  pthread_mutex_unlock(&s->lock);
  stream_unref(s);
  return has_all;
}

/* So that the next one who asks need not fold the same events again. */
static void keep(struct hub *hub, const struct store_info *info, const struct summary *s) {
  struct buf json;
  buf_init(&json);
  summary_append_state(s, &json);
  if (!json.failed)
    store_set_summary(hub->store, info->request_id, info->epoch, summary_message_id(s), json.data);
  buf_finish(&json);
}

int query_append_summary(struct hub *hub, const struct store_info *info, struct query_summary *what,
                         struct buf *b, struct cws_error *err) {
  what->watchers = tell_watchers_elsewhere(hub, info->request_id);
  if (append_from_memory(hub, info, what, b))
    return 0;
  struct summary *s;
  int code = load_summary(hub->store, info, &s, err);
  if (code)
    return code;
  append_parts(s, what, b);
  if (summary_message_id(s) > info->summary_id)
    keep(hub, info, s);
  summary_free(s);
  return 0;
}
