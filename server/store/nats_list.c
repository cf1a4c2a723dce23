/* nats_list: see nats_log.h. */
#include "server/store/nats_log.h"
#include <stdlib.h>
#include <string.h>

struct store_log_entry *nats_entry_new(uint64_t seq, const void *bytes, size_t len) {
  struct store_log_entry *entry = malloc(sizeof(*entry) + len);
  if (entry == NULL)
    return NULL;
  entry->next = NULL;
  entry->seq = seq;
  entry->len = len;
  if (len > 0)
    memcpy(entry->bytes, bytes, len);
  return entry;
}

static size_t size_of(const struct store_log_entry *entry) {
  return sizeof(*entry) + entry->len;
}

void nats_list_put(struct nats_list *list, struct store_log_entry *entry) {
  if (list->last != NULL)
    list->last->next = entry;
  else
    list->first = entry;
  list->last = entry;
  list->bytes += size_of(entry);
  list->count++;
}

struct store_log_entry *nats_list_take(struct nats_list *list, size_t max_bytes) {
  struct store_log_entry *first = list->first, *last = NULL;
  size_t taken = 0;
  while (list->first != NULL && (last == NULL || taken + list->first->len <= max_bytes)) {
    last = list->first;
    taken += last->len;
    list->first = last->next;
    list->bytes -= size_of(last);
    list->count--;
  }
  if (last != NULL)
    last->next = NULL;
  if (list->first == NULL)
    list->last = NULL;
  return first;
}

void nats_list_clear(struct nats_list *list) {
  struct store_log_entry *entry;
  while ((entry = nats_list_take(list, 0)) != NULL)
    free(entry);
}
