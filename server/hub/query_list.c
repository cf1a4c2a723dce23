/*
 * query_list: owns the list of requests: pages of the store, filtered, until enough are found or
 * enough were looked at.
 */
#include "lib/core/err.h"
#include "server/hub/query.h"
#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 50, LIST_MAX = 1000, LIST_LOOKED_AT_MAX = 5000, LIST_CALLS_MAX = 200 };

struct list {
  struct hub_query_state *st;
  struct buf *b;
  bool has_filter;
  enum summary_status wanted;
  size_t limit, found, looked_at, calls;
  char *cursor; /* where the next page of the store begins; NULL: from the newest, or at the end */
};

static bool may_see(const struct list *l, const struct store_info *info) {
  const struct hub_query *q = l->st->query;
  return !q->may_see || q->may_see(info->request_id, info->owner, q->may_see_user);
}

static void drop_from(struct buf *b, size_t len) {
  if (b->failed || b->len <= len)
    return;
  b->len = len;
  b->data[len] = '\0';
}

static int append_row(struct list *l, const struct store_info *info, struct cws_error *err) {
  struct buf *b = l->b;
  size_t start = b->len;
  struct query_summary what = {.with_subtasks = false};
  buf_add_str(b, l->found > 0 ? ",{\"request_id\":" : "{\"request_id\":");
  buf_add_json_str(b, info->request_id, strlen(info->request_id));
  buf_add_char(b, ',');
  int code = query_append_summary(l->st->hub, info, &what, b, err);
  if (code || (l->has_filter && what.status != l->wanted)) {
    drop_from(b, start);
    return code;
  }
  query_member_text(b, "owner", info->owner);
  query_member_i64(b, "count", info->count);
  query_member_i64(b, "bytes", info->bytes);
  query_member_time(b, "created_at", info->created_ms);
  query_member_time(b, "updated_at", info->updated_ms);
  query_member_i64(b, "watcher_count", what.watchers);
  buf_add_char(b, '}');
  l->found++;
  return 0;
}

static int append_rows(struct list *l, const struct store_info *infos, size_t count,
                       struct cws_error *err) {
  int code = 0;
  for (size_t i = 0; i < count && code == 0; i++) {
    if (may_see(l, &infos[i]))
      code = append_row(l, &infos[i], err);
  }
  return code;
}

/* One page of the store, of as many as are still wanted, so that its cursor is where the answer
 * ends, too. */
static int next_page(struct list *l, struct cws_error *err) {
  struct store_info *infos = NULL;
  size_t count = 0;
  char *next = NULL;
  int code =
      store_list(l->st->hub->store, l->cursor, l->limit - l->found, &infos, &count, &next, err);
  if (code)
    return code;
  code = append_rows(l, infos, count, err);
  for (size_t i = 0; i < count; i++)
    store_info_finish(&infos[i]);
  free(infos);
  free(l->cursor);
  l->cursor = next;
  l->looked_at += count;
  l->calls++;
  return code;
}

static int all_pages(struct list *l, struct cws_error *err) {
  int code;
  do
    code = next_page(l, err);
  while (code == 0 && l->cursor && l->found < l->limit && l->looked_at < LIST_LOOKED_AT_MAX &&
         l->calls < LIST_CALLS_MAX);
  return code;
}

static int list_init(struct list *l, struct hub_query_state *st, struct cws_error *err) {
  int64_t limit = st->query->limit;
  *l = (struct list){.st = st, .b = &st->query->json, .has_filter = st->status != NULL};
  l->limit = limit <= 0 ? LIST_DEFAULT : limit > LIST_MAX ? LIST_MAX : (size_t)limit;
  if (st->status && !summary_status_from_name(st->status, &l->wanted))
    return err_set(err, CWS_EBADREQUEST,
                   "status '%s' is none of pending, processing, completed, failed", st->status);
  l->cursor = st->cursor;
  st->cursor = NULL;
  return 0;
}

int query_list(struct hub_query_state *st, struct cws_error *err) {
  struct list l;
  int code = list_init(&l, st, err);
  if (code)
    return code;
  buf_add_str(l.b, "{\"requests\":[");
  code = all_pages(&l, err);
  buf_add_char(l.b, ']');
  query_member_text(l.b, "next_cursor", l.cursor);
  buf_add_char(l.b, '}');
  if (code)
    free(l.cursor);
  else
    st->query->next_cursor = l.cursor;
  return code;
}
