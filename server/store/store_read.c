/*
 * store_read: reads, which go to the engine, with what is pending laid over. A round of pending
 * writes that ends between the look at the engine and the look at what is pending would be seen by
 * neither, so such a read is made again. Any thread.
 */
#include "lib/core/err.h"
#include "server/store/store_front.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_info_finish(struct store_info *info) {
  if (info == NULL)
    return;
  free(info->summary);
  info->summary = NULL;
}

static uint64_t rounds(struct store *s) {
  return atomic_load(&s->pending.rounds);
}

static void lay_summary_over(struct store *s, struct store_info *info) {
  char *json = store_pending_summary(&s->pending, info->request_id, info->epoch, &info->summary_id);
  if (json == NULL)
    return;
  free(info->summary);
  info->summary = json;
}

int store_info(struct store *s, const char *request_id, struct store_info *out,
               struct cws_error *err) {
  for (;;) {
    uint64_t round = rounds(s);
    *out = (struct store_info){0};
    int code = s->engine->ops->info(s->engine, request_id, out, err);
    if (code != 0)
      return code;
    lay_summary_over(s, out);
    if (rounds(s) == round)
      return 0;
    store_info_finish(out);
  }
}

int store_read(struct store *s, const char *request_id, const struct store_range *range,
               struct store_page **out, struct cws_error *err) {
  return s->engine->ops->read(s->engine, request_id, range, out, err);
}

/* ---- positions ---- */

int store_get_position(struct store *s, const char *request_id, const char *subscriber,
                       int64_t *message_id, struct cws_error *err) {
  for (;;) {
    uint64_t round = rounds(s);
    char epoch[CWS_EPOCH_MAX + 1];
    int code = s->engine->ops->position(s->engine, request_id, subscriber, epoch, message_id, err);
    if (code != 0)
      return code;
    int64_t pending = store_pending_position(&s->pending, request_id, epoch, subscriber);
    if (pending > *message_id)
      *message_id = pending;
    if (rounds(s) == round)
      return 0;
  }
}

struct positions {
  struct store_position *list;
  size_t count, cap;
  int64_t now_ms;
  bool failed;
};

static void position_add(const struct store_pending_entry *entry, void *user) {
  struct positions *p = user;
  if (p->count == p->cap) {
    size_t cap = p->cap * 2 + 8;
    struct store_position *list = realloc(p->list, cap * sizeof(*list));
    p->failed = p->failed || list == NULL;
    if (list == NULL)
      return;
    p->list = list;
    p->cap = cap;
  }
  struct store_position *pos = &p->list[p->count++];
  *pos = (struct store_position){.message_id = entry->message_id, .updated_ms = p->now_ms};
  snprintf(pos->subscriber, sizeof(pos->subscriber), "%s", entry->subscriber);
}

/* By name; of one name the furthest first, and of equals what is stored. */
static int position_order(const void *a, const void *b) {
  const struct store_position *left = a, *right = b;
  int order = strcmp(left->subscriber, right->subscriber);
  if (order != 0)
    return order;
  if (left->message_id != right->message_id)
    return left->message_id > right->message_id ? -1 : 1;
  return (left->updated_ms > right->updated_ms) - (left->updated_ms < right->updated_ms);
}

static void positions_unite(struct positions *p) {
  if (p->count < 2)
    return;
  qsort(p->list, p->count, sizeof(*p->list), position_order);
  size_t kept = 1;
  for (size_t i = 1; i < p->count; i++)
    if (strcmp(p->list[i].subscriber, p->list[kept - 1].subscriber) != 0)
      p->list[kept++] = p->list[i];
  p->count = kept;
}

static int positions_once(struct store *s, const char *request_id, struct positions *p,
                          struct cws_error *err) {
  char epoch[CWS_EPOCH_MAX + 1];
  *p = (struct positions){.now_ms = clock_wall_ms(s->options.clock)};
  int code = s->engine->ops->positions(s->engine, request_id, epoch, &p->list, &p->count, err);
  if (code != 0)
    return code;
  p->cap = p->count;
  store_pending_each(&s->pending, request_id, epoch, position_add, p);
  if (!p->failed)
    return 0;
  free(p->list);
  return err_set(err, CWS_ENOMEM, NULL);
}

int store_positions(struct store *s, const char *request_id, struct store_position **out,
                    size_t *count, struct cws_error *err) {
  for (;;) {
    uint64_t round = rounds(s);
    struct positions p;
    int code = positions_once(s, request_id, &p, err);
    if (code != 0)
      return code;
    if (rounds(s) == round) {
      positions_unite(&p);
      *out = p.list;
      *count = p.count;
      return 0;
    }
    free(p.list);
  }
}

/* ---- the list ---- */

/* A cursor is "CREATED_MS:REQUEST_ID" of the last request of a page. */
static int parse_cursor(const char *cursor, int64_t *ms, const char **id, struct cws_error *err) {
  char *colon;
  errno = 0;
  *ms = strtoll(cursor, &colon, 10);
  if (errno != 0 || colon == cursor || *colon != ':' || colon[1] == '\0' ||
      strlen(colon + 1) > CWS_REQUEST_ID_MAX)
    return err_set(err, CWS_EBADREQUEST, "bad cursor: give the one of the page before");
  *id = colon + 1;
  return 0;
}

static char *format_cursor(const struct store_info *info) {
  size_t size = sizeof(info->request_id) + 24;
  char *cursor = malloc(size);
  if (cursor != NULL)
    snprintf(cursor, size, "%lld:%s", (long long)info->created_ms, info->request_id);
  return cursor;
}

static void infos_free(struct store_info *infos, size_t count) {
  for (size_t i = 0; i < count; i++)
    store_info_finish(&infos[i]);
  free(infos);
}

/* One page and, where there is one, the request after it. */
static int list_once(struct store *s, const char *cursor, size_t limit, struct store_info **out,
                     size_t *count, struct cws_error *err) {
  int64_t before_ms = 0;
  const char *before_id = NULL;
  if (cursor != NULL && parse_cursor(cursor, &before_ms, &before_id, err) != 0)
    return CWS_EBADREQUEST;
  *count = 0;
  *out = calloc(limit + 1, sizeof(**out));
  if (*out == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  int code = s->engine->ops->list(s->engine, before_ms, before_id, limit + 1, *out, count, err);
  if (code != 0) {
    infos_free(*out, *count);
    return code;
  }
  for (size_t i = 0; i < *count; i++)
    lay_summary_over(s, &(*out)[i]);
  return 0;
}

int store_list(struct store *s, const char *cursor, size_t limit, struct store_info **out,
               size_t *count, char **next_cursor, struct cws_error *err) {
  if (limit == 0)
    return err_set(err, CWS_EINVAL, "a list needs a limit");
  *next_cursor = NULL;
  for (;;) {
    uint64_t round = rounds(s);
    int code = list_once(s, cursor, limit, out, count, err);
    if (code != 0)
      return code;
    if (rounds(s) == round)
      break;
    infos_free(*out, *count);
  }
  if (*count <= limit)
    return 0;
  store_info_finish(&(*out)[--*count]);
  *next_cursor = format_cursor(&(*out)[*count - 1]);
  if (*next_cursor != NULL)
    return 0;
  infos_free(*out, *count);
  return err_set(err, CWS_ENOMEM, NULL);
}
