/* page: offsets while the text grows, pointers once it stands still. It owns the layout of a page.
 */
#include "server/store/page.h"

#include <stdlib.h>

/* A range without any limit is still cut here; `more` says so. */
#define PAGE_EVENTS_CAP 65536
#define PAGE_BYTES_CAP ((size_t)64 * 1024 * 1024)

struct page_entry {
  size_t type, timestamp, event_id, data; /* offsets into the text */
  size_t data_len;
  int64_t message_id;
  bool has_event_id;
};

struct page {
  struct store_page view; /* first: what the caller holds */
  char *text;
};

void page_builder_init(struct page_builder *b, const struct store_range *range) {
  *b = (struct page_builder){.range = range};
  buf_init(&b->text);
}

void page_builder_finish(struct page_builder *b) {
  buf_finish(&b->text);
  free(b->entries);
  b->entries = NULL;
}

static size_t limit_or(size_t limit, size_t cap) {
  return limit != 0 && limit < cap ? limit : cap;
}

bool page_builder_fits(const struct page_builder *b, size_t data_len) {
  if (b->count == 0)
    return true;
  size_t max_bytes = limit_or(b->range->max_bytes, PAGE_BYTES_CAP);
  return b->count < limit_or(b->range->max_events, PAGE_EVENTS_CAP) && data_len <= max_bytes &&
         b->bytes <= max_bytes - data_len;
}

static int grow(struct page_builder *b) {
  if (b->count < b->cap)
    return 0;
  size_t cap = b->cap == 0 ? 64 : b->cap * 2;
  struct page_entry *entries = realloc(b->entries, cap * sizeof(*entries));
  if (entries == NULL)
    return CWS_ENOMEM;
  b->entries = entries;
  b->cap = cap;
  return 0;
}

/* Copies with a NUL behind; returns where. */
static size_t add_text(struct buf *b, const char *text, size_t len) {
  size_t at = b->len;
  buf_add(b, text, len);
  buf_add_char(b, '\0');
  return at;
}

int page_builder_add(struct page_builder *b, const struct page_event *event) {
  if (grow(b) != 0)
    return CWS_ENOMEM;
  struct page_entry *e = &b->entries[b->count];
  e->type = add_text(&b->text, event->type, event->type_len);
  e->timestamp = add_text(&b->text, event->timestamp, event->timestamp_len);
  e->has_event_id = event->event_id != NULL;
  e->event_id = e->has_event_id ? add_text(&b->text, event->event_id, event->event_id_len) : 0;
  e->data = add_text(&b->text, event->data, event->data_len);
  e->data_len = event->data_len;
  e->message_id = event->message_id;
  if (b->text.failed)
    return CWS_ENOMEM;
  b->count++;
  b->bytes += event->data_len;
  return 0;
}

static void fill(struct cws_event *out, const struct page_entry *e, char *text) {
  *out = (struct cws_event){
      .type = text + e->type,
      .timestamp = text + e->timestamp,
      .message_id = e->message_id,
      .data = text + e->data,
      .data_len = e->data_len,
      .event_id = e->has_event_id ? text + e->event_id : NULL,
  };
}

int page_builder_take(struct page_builder *b, bool more, struct store_page **out) {
  struct page *page = calloc(1, sizeof(*page));
  if (page == NULL)
    return CWS_ENOMEM;
  if (b->count > 0) {
    size_t len;
    page->view.events = calloc(b->count, sizeof(*page->view.events));
    page->text = buf_take(&b->text, &len);
    if (page->view.events == NULL || page->text == NULL) {
      store_page_free(&page->view);
      return CWS_ENOMEM;
    }
  }
  for (size_t i = 0; i < b->count; i++)
    fill(&page->view.events[i], &b->entries[i], page->text);
  page->view.count = b->count;
  page->view.more = more;
  b->count = 0;
  *out = &page->view;
  return 0;
}

void store_page_free(struct store_page *view) {
  struct page *page = (struct page *)view;
  if (page == NULL)
    return;
  free(page->view.events);
  free(page->text);
  free(page);
}
