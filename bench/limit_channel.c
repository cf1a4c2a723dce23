/* Channels of the limit: frames made once for all, and the batches that bring them. */
#include "bench/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/wire.h"

#define TABLE 65536
#define BEHIND_MAX (512u << 20) /* bytes of one channel */

uint8_t *bytes_room(struct bytes *bytes, size_t more) {
  if (bytes->size + more > bytes->room) {
    bytes->room = 2 * (bytes->size + more);
    bytes->data = realloc(bytes->data, bytes->room);
    if (!bytes->data)
      abort();
  }
  return bytes->data + bytes->size;
}

void bytes_add(struct bytes *bytes, const void *data, size_t size) {
  memcpy(bytes_room(bytes, size), data, size);
  bytes->size += size;
}

struct channel *channel_find(const char *id, size_t size) {
  static struct channel *table[TABLE];
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ (uint8_t)id[i]) * 16777619u;
  struct channel **at = &table[hash % TABLE];
  for (; *at; at = &(*at)->next)
    if (strlen((*at)->id) == size && !memcmp((*at)->id, id, size))
      return *at;
  *at = calloc(1, sizeof **at);
  if (!*at || !((*at)->id = strndup(id, size)))
    abort();
  return *at;
}

/* The event's object, with as much between its first bracket and the rest as the hub puts in. */
void batch_add(struct batch *batch, struct session *from, struct channel *to, const uint8_t *event,
               size_t size) {
  static const char stamp[] = "{\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"message_id\":1234567,";
  if (!size)
    return;
  struct entry entry = {.from = from, .to = to, .frame = batch->frames.size};
  size_t payload = sizeof stamp - 1 + size - 1;
  bytes_room(&batch->frames, WIRE_HEADER_MAX + payload);
  batch->frames.size +=
      wire_header_write(batch->frames.data + batch->frames.size, WIRE_TEXT, payload, 0);
  bytes_add(&batch->frames, stamp, sizeof stamp - 1);
  bytes_add(&batch->frames, event + 1, size - 1);
  entry.size = batch->frames.size - entry.frame;
  bytes_add(&batch->entries, &entry, sizeof entry);
}

static void answer_http(struct session *session) {
  static const char answer[] =
      "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 96\r\n\r\n"
      "{\"request_id\":\"r0\",\"first_message_id\":1234567,\"last_message_id\":1234567,\"count\":1,"
      "\"duplicate\":0}";
  if (!session->closed)
    send(session->fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
}

static void channel_deliver(struct limit *limit, struct channel *channel) {
  channel->touched = false;
  for (struct session *session = channel->sessions; session; session = session->next)
    session_deliver(limit, session);
  if (channel->waiting == 0 && !limit->keep) {
    channel->base += channel->frames.size;
    channel->frames.size = 0;
  } else if (channel->frames.size > BEHIND_MAX) {
    fputs("limit: a watcher is too far behind\n", stderr);
    exit(1);
  }
}

void batch_commit(struct limit *limit, struct batch *batch) {
  struct channel *touched = NULL;
  const struct entry *entries = (const struct entry *)(const void *)batch->entries.data;
  for (size_t i = 0; i < batch->entries.size / sizeof *entries; i++) {
    const struct entry *entry = &entries[i];
    if (entry->from->websocket)
      entry->from->acks++;
    else
      answer_http(entry->from);
    bytes_add(&entry->to->frames, batch->frames.data + entry->frame, entry->size);
    if (!entry->to->touched) {
      entry->to->touched = true;
      entry->to->next_touched = touched;
      touched = entry->to;
    }
  }
  batch->frames.size = batch->entries.size = 0;
  for (struct channel *channel = touched; channel; channel = channel->next_touched)
    channel_deliver(limit, channel);
}
