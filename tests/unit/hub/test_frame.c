/* frame: one event, as the bytes every watcher gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "server/hub/frame.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void check(size_t text_len, size_t header_len) {
  char *data = malloc(text_len + 3);
  assert_non_null(data);
  memset(data, 'x', text_len + 2);
  data[0] = data[text_len + 1] = '"';
  data[text_len + 2] = '\0';
  struct cws_event event = {.type = "log",
                            .timestamp = "2026-01-02T03:04:05.678Z",
                            .message_id = 7,
                            .data = data,
                            .data_len = text_len + 2,
                            .event_id = "e1"};
  size_t payload_len;
  char *payload = cws_event_format(&event, false, &payload_len);
  struct frame *f = frame_new(&event);
  assert_non_null(f);
  assert_int_equal(f->message_id, 7);
  assert_int_equal(f->len, header_len + payload_len);
  assert_int_equal(f->bytes[0], 0x81);
  assert_true(f->bytes[1] < 0x80); /* a hub does not mask */
  assert_memory_equal(f->bytes + header_len, payload, payload_len);
  frame_unref(f);
  free(payload);
  free(data);
}

static void a_frame_is_one_unmasked_text_message_in_wire_form(void **state) {
  (void)state;
  check(1, 2);
  check(1000, 4);
  check(100000, 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_frame_is_one_unmasked_text_message_in_wire_form),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
