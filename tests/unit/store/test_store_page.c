#include "tests/unit/store/support.h"

#include "server/store/page.h"

static void add(struct page_builder *b, int64_t id, const char *data, const char *event_id) {
  struct page_event ev = {
      .type = "type",
      .type_len = 4,
      .timestamp = "timestamp",
      .timestamp_len = 9,
      .event_id = event_id,
      .event_id_len = event_id != NULL ? strlen(event_id) : 0,
      .data = data,
      .data_len = strlen(data),
      .message_id = id,
  };
  assert_int_equal(page_builder_add(b, &ev), 0);
}

static void test_a_page_keeps_its_strings_apart(void **state) {
  (void)state;
  struct store_range range = {0};
  struct page_builder b;
  page_builder_init(&b, &range);
  for (int i = 1; i <= 1000; i++) {
    char data[16];
    snprintf(data, sizeof(data), "%d", i);
    add(&b, i, data, i % 2 ? data : NULL);
  }
  struct store_page *page;
  assert_int_equal(page_builder_take(&b, true, &page), 0);
  page_builder_finish(&b);
  assert_int_equal(page->count, 1000);
  assert_true(page->more);
  for (int i = 1; i <= 1000; i++) {
    const struct cws_event *ev = &page->events[i - 1];
    assert_int_equal(ev->message_id, i);
    assert_string_equal(ev->type, "type");
    assert_string_equal(ev->timestamp, "timestamp");
    assert_int_equal(atoi(ev->data), i);
    assert_int_equal(ev->data_len, strlen(ev->data));
    if (i % 2)
      assert_string_equal(ev->event_id, ev->data);
    else
      assert_null(ev->event_id);
  }
  store_page_free(page);
}

static void test_an_empty_page_is_a_page(void **state) {
  (void)state;
  struct store_range range = {0};
  struct page_builder b;
  struct store_page *page;
  page_builder_init(&b, &range);
  assert_int_equal(page_builder_take(&b, false, &page), 0);
  page_builder_finish(&b);
  assert_int_equal(page->count, 0);
  assert_false(page->more);
  store_page_free(page);
  store_page_free(NULL);
}

static void test_limits_hold_but_for_the_first_event(void **state) {
  (void)state;
  struct store_range range = {.max_events = 3, .max_bytes = 10};
  struct page_builder b;
  page_builder_init(&b, &range);
  assert_true(page_builder_fits(&b, 1000));
  add(&b, 1, "12345", NULL);
  assert_true(page_builder_fits(&b, 5));
  assert_false(page_builder_fits(&b, 6));
  assert_false(page_builder_fits(&b, SIZE_MAX));
  add(&b, 2, "1", NULL);
  assert_true(page_builder_fits(&b, 1));
  add(&b, 3, "1", NULL);
  assert_false(page_builder_fits(&b, 0));
  page_builder_finish(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_page_keeps_its_strings_apart),
      cmocka_unit_test(test_an_empty_page_is_a_page),
      cmocka_unit_test(test_limits_hold_but_for_the_first_event),
  };
  return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
