/* hub_read_page: frames from the store, for a watcher that fell behind. */
#include "tests/unit/hub/watcher.h"
#include <string.h>

static struct fixture f;
static struct stream *s;

struct reading {
  struct hub_page page;
  bool is_done;
};

static void on_page(struct hub_page *page) {
  ((struct reading *)page->user)->is_done = true;
}

static void read_page(struct reading *r, int64_t after, size_t max_bytes) {
  *r = (struct reading){
      .page = {.done = on_page, .user = r, .after = after, .max_bytes = max_bytes}};
  assert_int_equal(hub_read_page(f.hub, 1, s, &r->page), 0);
  assert_false(r->is_done);
  fixture_pump_until(&f, 1, &r->is_done);
}

static void open_with(int64_t max_request_events) {
  fixture_init(&f);
  f.options.store.max_request_events = max_request_events;
  f.options.store.retention_ms = 1000;
  fixture_open(&f);
  s = open_stream(&f, 1, "r");
}

static int begin(void **state) {
  (void)state;
  open_with(0);
  return 0;
}

static int end(void **state) {
  (void)state;
  stream_unref(s);
  fixture_close(&f);
  return 0;
}

static void a_page_has_what_follows_as_ready_frames(void **state) {
  (void)state;
  struct reading r;
  struct stream_info info;
  struct buf tail;
  buf_init(&tail);
  publish_many(&f, s, 10);
  stream_info(s, &info);
  read_page(&r, 4, 1 << 20);
  assert_int_equal(r.page.code, 0);
  assert_int_equal(r.page.first_id, 5);
  assert_int_equal(r.page.last_id, 10);
  assert_string_equal(r.page.epoch, info.epoch);
  assert_int_equal(stream_tail_copy(s, info.epoch, 4, 1 << 20, &tail), 10);
  assert_int_equal(r.page.frames.len, tail.len);
  assert_memory_equal(r.page.frames.data, tail.data, tail.len);
  buf_finish(&r.page.frames);
  buf_finish(&tail);
}

static void a_page_ends_at_its_limit_but_has_at_least_one(void **state) {
  (void)state;
  struct reading r;
  publish_many(&f, s, 10);
  read_page(&r, 0, 1);
  assert_int_equal(r.page.first_id, 1);
  assert_int_equal(r.page.last_id, 1);
  buf_finish(&r.page.frames);
}

static void with_nothing_new_a_page_is_empty(void **state) {
  (void)state;
  struct reading r;
  read_page(&r, 0, 1000); /* a request without events */
  assert_int_equal(r.page.code, 0);
  assert_int_equal(r.page.last_id, 0);
  assert_int_equal(r.page.frames.len, 0);
  publish_many(&f, s, 3);
  read_page(&r, 3, 1000);
  assert_int_equal(r.page.code, 0);
  assert_int_equal(r.page.last_id, 3);
  read_page(&r, 77, 1000);
  assert_int_equal(r.page.last_id, 77);
  assert_int_equal(r.page.frames.len, 0);
}

static void a_page_shows_what_was_trimmed_by_where_it_begins(void **state) {
  (void)state;
  struct reading r;
  struct stream_info info;
  open_with(4);
  publish_many(&f, s, 10);
  fixture_settle(&f);
  stream_info(s, &info);
  assert_int_equal(info.first_id, 7);
  assert_int_equal(info.count, 4);
  assert_int_equal(info.bytes, 3 * 7 + 8);
  read_page(&r, 2, 1 << 20);
  assert_int_equal(r.page.first_id, 7);
  assert_int_equal(r.page.last_id, 10);
  buf_finish(&r.page.frames);
  assert_int_equal(stream_tail_copy(s, info.epoch, 5, 1000, NULL), -1); /* nor in the tail */
  end(NULL);
}

static void a_deleted_request_has_no_pages(void **state) {
  (void)state;
  struct reading r;
  publish_many(&f, s, 3);
  assert_int_equal(delete_request(&f, "r"), 0);
  read_page(&r, 0, 1000);
  assert_int_equal(r.page.code, CWS_EDELETED);
  assert_int_equal(r.page.error.code, CWS_EDELETED);
  assert_int_equal(r.page.frames.len, 0);
  buf_finish(&r.page.frames);
}

static void after_expiry_a_page_is_empty(void **state) {
  (void)state;
  struct reading r;
  publish_many(&f, s, 3);
  fixture_advance(&f, 2000);
  assert_int_equal(store_sweep(hub_store(f.hub)), 0);
  read_page(&r, 1, 1000);
  assert_int_equal(r.page.code, 0);
  assert_int_equal(r.page.last_id, 1);
  assert_int_equal(r.page.frames.len, 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      test(a_page_has_what_follows_as_ready_frames),
      test(a_page_ends_at_its_limit_but_has_at_least_one),
      test(with_nothing_new_a_page_is_empty),
      cmocka_unit_test(a_page_shows_what_was_trimmed_by_where_it_begins),
      test(a_deleted_request_has_no_pages),
      test(after_expiry_a_page_is_empty),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
