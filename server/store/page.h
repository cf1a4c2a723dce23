/*
 * page: builds a struct store_page, for the engines. All strings of a page lie in one piece of
 * memory; the limits of a range are applied here, the same for every engine.
 */
#ifndef CWS_STORE_PAGE_H
#define CWS_STORE_PAGE_H

#include "lib/core/buf.h"
#include "server/store/store.h"

struct page_entry;

struct page_builder {
  const struct store_range *range;
  struct buf text;
  struct page_entry *entries;
  size_t count, cap;
  size_t bytes; /* that count against range->max_bytes */
};

/* What is added, borrowed. event_id may be NULL. */
struct page_event {
  const char *type, *timestamp, *event_id, *data;
  size_t type_len, timestamp_len, event_id_len, data_len;
  int64_t message_id;
};

void page_builder_init(struct page_builder *b, const struct store_range *range);
void page_builder_finish(struct page_builder *b);

/* Whether one more event of `data_len` bytes of data fits into the range's limits. The first always
 * does. */
bool page_builder_fits(const struct page_builder *b, size_t data_len);
int page_builder_add(struct page_builder *b, const struct page_event *event);

/* Makes the page; the builder is then empty and still to be finished. 0 or CWS_ENOMEM. */
int page_builder_take(struct page_builder *b, bool more, struct store_page **out);

#endif
