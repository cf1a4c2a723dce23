/*
 * store_entry: see the header. Numbers are LEB128, strings have their length before and a NUL
 * behind them, so that what is read can be used where it lies.
 */
#include "server/store/store_entry.h"

#include "lib/core/err.h"
#include <stdlib.h>
#include <string.h>

static const unsigned char magic[4] = {'c', 'w', 's', 1}; /* and the version */

enum event_parts { HAS_EVENT_ID = 1 };
#define EVENT_BYTES_MIN 7 /* its parts, and three strings without characters */

/* ---- writing ---- */

static void add_number(struct buf *b, uint64_t v) {
  unsigned char bytes[10];
  size_t n = 0;
  for (; v >= 0x80; v >>= 7)
    bytes[n++] = (unsigned char)(v | 0x80);
  bytes[n++] = (unsigned char)v;
  buf_add(b, bytes, n);
}

static void add_bytes(struct buf *b, const void *bytes, size_t len) {
  add_number(b, len);
  buf_add(b, bytes, len);
  buf_add_char(b, '\0');
}

static void add_string(struct buf *b, const char *text) {
  add_bytes(b, text, strlen(text));
}

static void add_kind(struct buf *b, enum store_item_kind kind) {
  buf_add_char(b, (char)kind);
}

void store_entry_begin(struct buf *b, const struct store_entry_head *head) {
  buf_add(b, magic, sizeof(magic));
  buf_add(b, head->writer.bytes, sizeof(head->writer.bytes));
  add_number(b, head->number);
  add_number(b, (uint64_t)head->time_ms);
  add_number(b, (uint64_t)head->max_request_events);
  add_number(b, (uint64_t)head->max_request_bytes);
  add_number(b, head->place);
  add_number(b, head->hash);
}

static void add_event(struct buf *b, const struct store_event *ev) {
  add_number(b, ev->event_id != NULL ? HAS_EVENT_ID : 0);
  add_string(b, ev->type);
  add_string(b, ev->timestamp);
  if (ev->event_id != NULL) {
    add_string(b, ev->event_id);
    add_number(b, ev->fingerprint);
  }
  add_bytes(b, ev->data_len > 0 ? ev->data : "", ev->data_len);
}

void store_entry_add_append(struct buf *b, const struct store_append *append) {
  add_kind(b, STORE_ITEM_APPEND);
  add_string(b, append->request_id);
  add_string(b, append->owner != NULL ? append->owner : "");
  add_number(b, append->count);
  for (size_t i = 0; i < append->count; i++)
    add_event(b, &append->events[i]);
}

void store_entry_add_position(struct buf *b, const char *request_id, const char *epoch,
                              const char *subscriber, int64_t message_id) {
  add_kind(b, STORE_ITEM_POSITION);
  add_string(b, request_id);
  add_string(b, epoch);
  add_string(b, subscriber);
  add_number(b, (uint64_t)message_id);
}

void store_entry_add_remove(struct buf *b, const char *request_id) {
  add_kind(b, STORE_ITEM_REMOVE);
  add_string(b, request_id);
}

void store_entry_add_expiry(struct buf *b, const char *request_id, const char *epoch,
                            int64_t last_id) {
  add_kind(b, STORE_ITEM_EXPIRY);
  add_string(b, request_id);
  add_string(b, epoch);
  add_number(b, (uint64_t)last_id);
}

void store_entry_add_renewal(struct buf *b, const char *request_id, const char *epoch,
                             int64_t first_id) {
  add_kind(b, STORE_ITEM_RENEWAL);
  add_string(b, request_id);
  add_string(b, epoch);
  add_number(b, (uint64_t)first_id);
}

void store_entry_add_base(struct buf *b, const char *base_id) {
  add_kind(b, STORE_ITEM_BASE);
  add_string(b, base_id);
}

void store_entry_end(struct buf *b) {
  add_kind(b, STORE_ITEM_END);
}

/* ---- reading; once failed, everything read is 0 or "" ---- */

static uint64_t fail(struct store_entry_reader *r) {
  r->failed = true;
  r->at = r->end;
  return 0;
}

static uint64_t read_number(struct store_entry_reader *r) {
  uint64_t v = 0;
  for (unsigned shift = 0; r->at < r->end && shift < 64; shift += 7) {
    unsigned char byte = *r->at++;
    v |= (uint64_t)(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0)
      return v;
  }
  return fail(r);
}

static int64_t read_signed(struct store_entry_reader *r) {
  uint64_t v = read_number(r);
  return v <= INT64_MAX ? (int64_t)v : (int64_t)fail(r);
}

static const char *read_bytes(struct store_entry_reader *r, size_t *len) {
  uint64_t size = read_number(r);
  size_t left = (size_t)(r->end - r->at);
  *len = 0;
  if (r->failed || size >= left || r->at[size] != '\0') {
    fail(r);
    return "";
  }
  const char *text = (const char *)r->at;
  r->at += size + 1;
  *len = (size_t)size;
  return text;
}

/* One without NULs, of at most `max` bytes. */
static const char *read_string(struct store_entry_reader *r, size_t max) {
  size_t len;
  const char *text = read_bytes(r, &len);
  if (len <= max && strlen(text) == len)
    return text;
  fail(r);
  return "";
}

static const char *read_request_id(struct store_entry_reader *r) {
  const char *id = read_string(r, CWS_REQUEST_ID_MAX);
  if (id[0] == '\0')
    fail(r);
  return id;
}

int store_entry_read_head(struct store_entry_reader *r, const void *bytes, size_t len,
                          struct store_entry_head *head, struct cws_error *err) {
  *r = (struct store_entry_reader){.at = bytes, .end = (const unsigned char *)bytes + len};
  *head = (struct store_entry_head){0};
  if (len < sizeof(magic) + sizeof(head->writer.bytes) || memcmp(r->at, magic, 3) != 0)
    return err_set(err, CWS_EPROTOCOL, "an entry that no hub wrote");
  if (r->at[3] != magic[3])
    return err_set(err, CWS_EPROTOCOL, "an entry of version %d, and this hub knows version %d",
                   r->at[3], magic[3]);
  r->at += sizeof(magic);
  memcpy(head->writer.bytes, r->at, sizeof(head->writer.bytes));
  r->at += sizeof(head->writer.bytes);
  head->number = read_number(r);
  head->time_ms = read_signed(r);
  head->max_request_events = read_signed(r);
  head->max_request_bytes = read_signed(r);
  head->place = read_number(r);
  head->hash = read_number(r);
  return r->failed ? err_set(err, CWS_EPROTOCOL, "an entry that is damaged") : 0;
}

static void read_event(struct store_entry_reader *r, struct store_event *ev) {
  uint64_t parts = read_number(r);
  if (parts > HAS_EVENT_ID)
    fail(r);
  ev->type = read_string(r, SIZE_MAX);
  ev->timestamp = read_string(r, SIZE_MAX);
  if (parts & HAS_EVENT_ID) {
    ev->event_id = read_string(r, SIZE_MAX);
    ev->fingerprint = read_number(r);
  }
  ev->data = read_bytes(r, &ev->data_len);
}

static int read_append(struct store_entry_reader *r, struct store_item *item,
                       struct cws_error *err) {
  const char *owner;
  item->request_id = read_request_id(r);
  owner = read_string(r, CWS_SUBSCRIBER_MAX);
  uint64_t count = read_number(r);
  if (count == 0 || count > (size_t)(r->end - r->at) / EVENT_BYTES_MIN) {
    fail(r);
    return 0;
  }
  struct {
    struct store_append append;
    struct store_event events[];
  } *room = calloc(1, sizeof(*room) + (size_t)count * sizeof(struct store_event));
  if (room == NULL)
    return err_set(err, CWS_ENOMEM, NULL);
  for (uint64_t i = 0; i < count; i++)
    read_event(r, &room->events[i]);
  room->append = (struct store_append){
      .request_id = item->request_id,
      .owner = owner[0] != '\0' ? owner : NULL,
      .events = room->events,
      .count = (size_t)count,
      .is_foreign = true,
  };
  item->append = &room->append;
  return 0;
}

static int read_members(struct store_entry_reader *r, struct store_item *item,
                        struct cws_error *err) {
  switch (item->kind) {
  case STORE_ITEM_END:
    break;
  case STORE_ITEM_APPEND:
    return read_append(r, item, err);
  case STORE_ITEM_POSITION:
    item->request_id = read_request_id(r);
    item->epoch = read_string(r, CWS_EPOCH_MAX);
    item->subscriber = read_string(r, CWS_SUBSCRIBER_MAX);
    item->message_id = read_signed(r);
    break;
  case STORE_ITEM_REMOVE:
    item->request_id = read_request_id(r);
    break;
  case STORE_ITEM_EXPIRY:
  case STORE_ITEM_RENEWAL:
    item->request_id = read_request_id(r);
    item->epoch = read_string(r, CWS_EPOCH_MAX);
    item->message_id = read_signed(r);
    break;
  case STORE_ITEM_BASE:
    item->base_id = read_string(r, STORE_BASE_ID_MAX);
    break;
  default:
    fail(r);
  }
  return 0;
}

int store_entry_read_item(struct store_entry_reader *r, struct store_item *item,
                          struct cws_error *err) {
  *item = (struct store_item){0};
  if (r->at == r->end)
    fail(r); /* it ends without an END */
  else
    item->kind = (enum store_item_kind) * r->at++;
  int code = r->failed ? 0 : read_members(r, item, err);
  if (code != 0 || !r->failed)
    return code;
  free(item->append);
  *item = (struct store_item){0};
  return err_set(err, CWS_EPROTOCOL, "an entry that is damaged");
}
