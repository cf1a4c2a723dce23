/* rescue_diff: see rescue_diff.h. */
#include "server/store/rescue_diff.h"

#include "lib/core/buf.h"
#include "lib/core/err.h"
#include "server/store/page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES ((size_t)1 << 20)

/* ---- what an event is known by ---- */

static const struct siphash_key no_secret;

static struct siphash content_of(const struct cws_event *ev, struct buf *room) {
  buf_reset(room);
  buf_add(room, ev->type, strlen(ev->type) + 1);
  buf_add(room, ev->timestamp, strlen(ev->timestamp) + 1);
  buf_add(room, ev->data, ev->data_len);
  return siphash_of(&no_secret, room->data, room->len);
}

/* A retry may have got another timestamp, and is the same event. */
static struct siphash id_of(const char *event_id, const struct cws_event *ev, struct buf *room) {
  buf_reset(room);
  buf_add(room, event_id, strlen(event_id) + 1);
  buf_add(room, ev->type, strlen(ev->type) + 1);
  buf_add(room, ev->data, ev->data_len);
  return siphash_of(&no_secret, room->data, room->len);
}

/* No publisher's has a blank in it at its beginning. The same event gets the same one, whichever
 * hub had it. */
static void make_id(const struct rescue_diff *d, int64_t message_id, struct siphash content,
                    char out[CWS_EVENT_ID_MAX + 1]) {
  snprintf(out, CWS_EVENT_ID_MAX + 1, " %s %lld %016llx", d->info->epoch, (long long)message_id,
           (unsigned long long)content.word[0]);
}

static bool is_equal(struct siphash a, struct siphash b) {
  return a.word[0] == b.word[0] && a.word[1] == b.word[1];
}

static bool is_same(const struct rescue_diff *d, const struct cws_event *kept,
                    const struct cws_event *other, struct buf *room) {
  struct siphash content = content_of(kept, room);
  if (!is_equal(content, content_of(other, room)))
    return false;
  if (kept->event_id == NULL && other->event_id != NULL) {
    char id[CWS_EVENT_ID_MAX + 1];
    make_id(d, kept->message_id, content, id);
    return strcmp(id, other->event_id) == 0;
  }
  return kept->event_id == NULL ||
         (other->event_id != NULL && strcmp(kept->event_id, other->event_id) == 0);
}

/* ---- the first that is not the same ---- */

static int make_empty(const struct store_range *range, struct store_page **out,
                      struct cws_error *err) {
  struct page_builder b;
  page_builder_init(&b, range);
  int code = page_builder_take(&b, false, out);
  page_builder_finish(&b);
  return code == 0 ? 0 : err_set(err, code, NULL);
}

/* An empty page where there is no such request. */
static int read_page(struct store_engine *e, const char *request_id, int64_t after, int64_t to,
                     struct store_page **out, struct cws_error *err) {
  struct store_range range = {.after = after, .to = to, .max_bytes = PAGE_BYTES};
  struct cws_error why = {0};
  int code = e->ops->read(e, request_id, &range, out, &why);
  if (code == CWS_EUNKNOWNREQUEST)
    return make_empty(&range, out, err);
  return code == 0 ? 0 : err_set(err, code, "%s", why.message);
}

static bool begins_later(const struct store_page *page, int64_t first) {
  return page->count > 0 && page->events[0].message_id > first;
}

/* How many at the beginning of both are the same. */
static size_t common(const struct rescue_diff *d, const struct store_page *kept,
                     const struct store_page *other, struct buf *room) {
  size_t n = 0;
  while (n < kept->count && n < other->count &&
         is_same(d, &kept->events[n], &other->events[n], room))
    n++;
  return n;
}

static int compare_pages(const struct rescue_diff *d, int64_t *at, int64_t *first, struct buf *room,
                         struct cws_error *err) {
  struct store_page *kept, *other;
  int code = read_page(d->kept, d->info->request_id, *at, d->info->last_id, &kept, err);
  if (code != 0)
    return code;
  code = read_page(d->state, d->info->request_id, *at, d->info->last_id, &other, err);
  if (code == 0 && begins_later(other, *at + 1)) { /* trimmed just now */
    *at = other->events[0].message_id - 1;
    store_page_free(other);
  } else if (code == 0) {
    size_t n = common(d, kept, other, room);
    if (n < kept->count && (n < other->count || !other->more))
      *first = kept->events[n].message_id;
    *at = kept->count == 0 ? d->info->last_id : *at + (int64_t)n;
    store_page_free(other);
  }
  store_page_free(kept);
  if (code == 0 && room->failed)
    return err_set(err, CWS_ENOMEM, NULL);
  return code;
}

int rescue_diff_first(const struct rescue_diff *d, int64_t *first, struct cws_error *err) {
  const struct store_info *info = d->info;
  int64_t at = (info->first_id > d->state_first ? info->first_id : d->state_first) - 1;
  struct buf room;
  int code = 0;
  buf_init(&room);
  *first = 0;
  while (code == 0 && *first == 0 && at < info->last_id)
    code = compare_pages(d, &at, first, &room, err);
  buf_finish(&room);
  return code;
}

/* ---- what the other state has from there on ---- */

struct known {
  struct siphash by;
  bool is_content; /* of an event without an id; each counts once */
  bool is_used;
};

struct knowledge {
  struct known *list;
  size_t count, cap;
};

static int order(const void *a, const void *b) {
  const struct known *x = a, *y = b;
  for (int i = 0; i < 2; i++)
    if (x->by.word[i] != y->by.word[i])
      return x->by.word[i] < y->by.word[i] ? -1 : 1;
  return x->is_content - y->is_content;
}

static int know(struct knowledge *k, const struct cws_event *ev, struct buf *room) {
  if (k->count == k->cap) {
    size_t cap = k->cap > 0 ? 2 * k->cap : 256;
    struct known *list = realloc(k->list, cap * sizeof(*list));
    if (list == NULL)
      return CWS_ENOMEM;
    k->list = list;
    k->cap = cap;
  }
  bool is_content = ev->event_id == NULL;
  k->list[k->count++] =
      (struct known){.by = is_content ? content_of(ev, room) : id_of(ev->event_id, ev, room),
                     .is_content = is_content};
  return room->failed ? CWS_ENOMEM : 0;
}

static int learn(const struct rescue_diff *d, int64_t after, struct knowledge *k, struct buf *room,
                 struct cws_error *err) {
  bool more = true;
  int code = 0;
  while (code == 0 && more) {
    struct store_page *page;
    code = read_page(d->state, d->info->request_id, after, 0, &page, err);
    if (code != 0)
      return code;
    for (size_t i = 0; code == 0 && i < page->count; i++)
      code = know(k, &page->events[i], room);
    more = page->more && page->count > 0;
    if (page->count > 0)
      after = page->events[page->count - 1].message_id;
    store_page_free(page);
  }
  if (k->count > 0)
    qsort(k->list, k->count, sizeof(*k->list), order);
  return code == 0 ? 0 : err_set(err, code, NULL);
}

static bool find(struct knowledge *k, struct siphash by, bool is_content) {
  struct known wanted = {.by = by, .is_content = is_content};
  size_t low = 0, high = k->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (order(&k->list[middle], &wanted) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  for (; low < k->count && order(&k->list[low], &wanted) == 0; low++) {
    if (is_content && k->list[low].is_used)
      continue;
    k->list[low].is_used = true;
    return true;
  }
  return false;
}

/* ---- what was kept, and is not there ---- */

struct fingerprint {
  int64_t message_id;
  uint64_t value;
};

/* Of the events with an id, which the page does not have: a retry is held against it. */
struct fingerprints {
  struct fingerprint *list;
  size_t count, cap;
  int64_t first;
};

static int note_fingerprint(const char *event_id, size_t len, uint64_t value, int64_t message_id,
                            void *user) {
  struct fingerprints *f = user;
  (void)event_id, (void)len;
  if (message_id < f->first)
    return 0;
  if (f->count == f->cap) {
    size_t cap = f->cap > 0 ? 2 * f->cap : 256;
    struct fingerprint *list = realloc(f->list, cap * sizeof(*list));
    if (list == NULL)
      return CWS_ENOMEM;
    f->list = list;
    f->cap = cap;
  }
  f->list[f->count++] = (struct fingerprint){message_id, value};
  return 0;
}

static int load_fingerprints(const struct rescue_diff *d, struct fingerprints *f,
                             struct cws_error *err) {
  struct store_row row;
  int code = d->kept->ops->find(d->kept, d->info->request_id, &row, err);
  if (code == 0)
    code = d->kept->ops->each_event_id(d->kept, &row, note_fingerprint, f, err);
  return code == 0 ? 0 : err_set(err, code, NULL);
}

static int by_message_id(const void *a, const void *b) {
  const struct fingerprint *x = a, *y = b;
  return (x->message_id > y->message_id) - (x->message_id < y->message_id);
}

static uint64_t fingerprint_of(const struct fingerprints *f, int64_t message_id) {
  struct fingerprint wanted = {.message_id = message_id};
  const struct fingerprint *found =
      f->count > 0 ? bsearch(&wanted, f->list, f->count, sizeof(wanted), by_message_id) : NULL;
  return found != NULL ? found->value : 0;
}

struct search {
  const struct rescue_diff *d;
  struct knowledge known;
  struct fingerprints fingerprints;
  struct buf room;
  rescue_lost_fn *fn;
  void *user;
};

static int look_for(struct search *x, const struct cws_event *ev, struct cws_error *err) {
  char id[CWS_EVENT_ID_MAX + 1];
  struct store_event event = {.type = ev->type,
                              .timestamp = ev->timestamp,
                              .data = ev->data,
                              .data_len = ev->data_len,
                              .event_id = ev->event_id};
  if (ev->event_id != NULL) {
    if (find(&x->known, id_of(ev->event_id, ev, &x->room), false))
      return 0;
    event.fingerprint = fingerprint_of(&x->fingerprints, ev->message_id);
  } else {
    struct siphash content = content_of(ev, &x->room);
    make_id(x->d, ev->message_id, content, id);
    if (find(&x->known, id_of(id, ev, &x->room), false) || find(&x->known, content, true))
      return 0;
    event.event_id = id;
    event.fingerprint = content.word[0];
  }
  return x->room.failed ? err_set(err, CWS_ENOMEM, NULL) : x->fn(&event, x->user, err);
}

static int look_for_all(struct search *x, int64_t after, struct cws_error *err) {
  const struct store_info *info = x->d->info;
  int code = 0;
  while (code == 0 && after < info->last_id) {
    struct store_page *page;
    code = read_page(x->d->kept, info->request_id, after, info->last_id, &page, err);
    if (code != 0)
      return code;
    for (size_t i = 0; code == 0 && i < page->count; i++)
      code = look_for(x, &page->events[i], err);
    after = page->count > 0 ? after + (int64_t)page->count : info->last_id;
    store_page_free(page);
  }
  return code;
}

int rescue_diff_lost(const struct rescue_diff *d, int64_t first, rescue_lost_fn *fn, void *user,
                     struct cws_error *err) {
  struct search x = {.d = d, .fingerprints.first = first, .fn = fn, .user = user};
  buf_init(&x.room);
  int code = learn(d, first - 1, &x.known, &x.room, err);
  if (code == 0)
    code = load_fingerprints(d, &x.fingerprints, err);
  if (code == 0)
    code = look_for_all(&x, first - 1, err);
  buf_finish(&x.room);
  free(x.known.list);
  free(x.fingerprints.list);
  return code;
}
