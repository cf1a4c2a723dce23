/* Entries of the shared log, as bytes: what is written is read again; what is cut or damaged is
 * refused.
 */
#include "server/store/store_entry.h"
#include "tests/unit/store/support.h"

static struct store_entry_head head_of(uint64_t number) {
  struct store_entry_head head = {.number = number,
                                  .time_ms = 1700000000123,
                                  .max_request_events = 500,
                                  .max_request_bytes = INT64_MAX,
                                  .place = 7,
                                  .hash = UINT64_MAX};
  memset(&head.writer, 0xa5, sizeof(head.writer));
  return head;
}

/* One of everything. */
static void write_all(struct buf *b) {
  struct store_entry_head head = head_of(UINT64_MAX);
  struct store_event events[] = {event_of("{\"a\":\"\\u0000\"}"), event_with_id("\"x\"", " key#1")};
  struct store_append append = {
      .request_id = "run-1", .owner = "ada", .events = events, .count = 2};
  struct store_append plain = {.request_id = "run-2", .events = events, .count = 1};
  buf_init(b);
  store_entry_begin(b, &head);
  store_entry_add_position(b, "run-0", "epoch", "ada/phone", 41);
  store_entry_add_append(b, &append);
  store_entry_add_append(b, &plain);
  store_entry_add_remove(b, "run-3");
  store_entry_add_expiry(b, "run-4", "epoch", INT64_MAX);
  store_entry_add_renewal(b, "run-5", "epoch", 17);
  store_entry_add_base(b, "base");
  store_entry_end(b);
  assert_false(b->failed);
}

static struct store_item next(struct store_entry_reader *r, enum store_item_kind kind) {
  struct store_item item;
  assert_int_equal(store_entry_read_item(r, &item, NULL), 0);
  assert_int_equal(item.kind, kind);
  return item;
}

static void expect_event(const struct store_event *got, const struct store_event *wanted) {
  assert_string_equal(got->type, wanted->type);
  assert_string_equal(got->timestamp, wanted->timestamp);
  assert_int_equal(got->data_len, wanted->data_len);
  assert_memory_equal(got->data, wanted->data, wanted->data_len);
  assert_int_equal(got->fingerprint, wanted->event_id != NULL ? wanted->fingerprint : 0);
  if (wanted->event_id != NULL)
    assert_string_equal(got->event_id, wanted->event_id);
  else
    assert_null(got->event_id);
}

static void expect_appends(struct store_entry_reader *r) {
  struct store_event first = event_of("{\"a\":\"\\u0000\"}");
  struct store_event second = event_with_id("\"x\"", " key#1");
  struct store_append *a = next(r, STORE_ITEM_APPEND).append;
  assert_string_equal(a->request_id, "run-1");
  assert_string_equal(a->owner, "ada");
  assert_true(a->is_foreign);
  assert_int_equal(a->count, 2);
  expect_event(&a->events[0], &first);
  expect_event(&a->events[1], &second);
  free(a);
  a = next(r, STORE_ITEM_APPEND).append;
  assert_string_equal(a->request_id, "run-2");
  assert_null(a->owner);
  assert_int_equal(a->count, 1);
  free(a);
}

static void test_what_is_written_is_read_again(void **state) {
  (void)state;
  struct buf b;
  struct store_entry_reader r;
  struct store_entry_head head, wanted = head_of(UINT64_MAX);
  write_all(&b);
  assert_int_equal(store_entry_read_head(&r, b.data, b.len, &head, NULL), 0);
  assert_memory_equal(&head.writer, &wanted.writer, sizeof(head.writer));
  assert_true(head.number == UINT64_MAX);
  assert_int_equal(head.time_ms, wanted.time_ms);
  assert_int_equal(head.max_request_events, 500);
  assert_int_equal(head.max_request_bytes, INT64_MAX);
  struct store_item item = next(&r, STORE_ITEM_POSITION);
  assert_string_equal(item.request_id, "run-0");
  assert_string_equal(item.epoch, "epoch");
  assert_string_equal(item.subscriber, "ada/phone");
  assert_int_equal(item.message_id, 41);
  expect_appends(&r);
  assert_string_equal(next(&r, STORE_ITEM_REMOVE).request_id, "run-3");
  item = next(&r, STORE_ITEM_EXPIRY);
  assert_string_equal(item.request_id, "run-4");
  assert_int_equal(item.message_id, INT64_MAX);
  item = next(&r, STORE_ITEM_RENEWAL);
  assert_string_equal(item.request_id, "run-5");
  assert_string_equal(item.epoch, "epoch");
  assert_int_equal(item.message_id, 17);
  assert_string_equal(next(&r, STORE_ITEM_BASE).base_id, "base");
  next(&r, STORE_ITEM_END);
  buf_finish(&b);
}

/* Reads all of it, on memory of exactly its size; its code. */
static int read_all(const void *bytes, size_t len) {
  void *copy = malloc(len > 0 ? len : 1);
  struct store_entry_reader r;
  struct store_entry_head head;
  struct store_item item = {.kind = STORE_ITEM_BASE};
  if (len > 0)
    memcpy(copy, bytes, len);
  int code = store_entry_read_head(&r, copy, len, &head, NULL);
  while (code == 0 && item.kind != STORE_ITEM_END) {
    code = store_entry_read_item(&r, &item, NULL);
    free(item.append);
  }
  free(copy);
  return code;
}

static void test_an_entry_that_is_cut_anywhere_is_refused(void **state) {
  (void)state;
  struct buf b;
  write_all(&b);
  assert_int_equal(read_all(b.data, b.len), 0);
  for (size_t len = 0; len < b.len; len++)
    assert_int_equal(read_all(b.data, len), CWS_EPROTOCOL);
  buf_finish(&b);
}

/* Any outcome but one beyond its bytes, which the sanitizer would see. */
static void test_no_damage_leads_astray(void **state) {
  (void)state;
  struct buf b;
  write_all(&b);
  for (size_t i = 0; i < b.len; i++) {
    char was = b.data[i];
    for (int bit = 0; bit < 8; bit++) {
      b.data[i] = (char)(was ^ (1 << bit));
      int code = read_all(b.data, b.len);
      assert_true(code == 0 || code == CWS_EPROTOCOL);
    }
    b.data[i] = was;
  }
  buf_finish(&b);
}

static void test_what_others_wrote_and_newer_versions_are_told_apart(void **state) {
  (void)state;
  struct store_entry_reader r;
  struct store_entry_head head;
  struct cws_error err = {0};
  const char text[] = "{\"this\": \"is no entry of a hub\"}";
  assert_int_equal(store_entry_read_head(&r, text, sizeof(text), &head, &err), CWS_EPROTOCOL);
  assert_non_null(strstr(err.message, "no hub wrote"));
  struct buf b;
  write_all(&b);
  b.data[3] = 2;
  err = (struct cws_error){0};
  assert_int_equal(store_entry_read_head(&r, b.data, b.len, &head, &err), CWS_EPROTOCOL);
  assert_non_null(strstr(err.message, "version 2, and this hub knows version 1"));
  buf_finish(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_written_is_read_again),
      cmocka_unit_test(test_an_entry_that_is_cut_anywhere_is_refused),
      cmocka_unit_test(test_no_damage_leads_astray),
      cmocka_unit_test(test_what_others_wrote_and_newer_versions_are_told_apart),
  };
  return cmocka_run_group_tests_name("entries of a shared log", tests, NULL, NULL);
}
