/* wire: frames and HTTP messages are taken whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/wire.h"
#include <string.h>

static void a_frame_of_any_length_comes_back(void **state) {
  (void)state;
  static const size_t lengths[] = {0, 1, 125, 126, 300, 65535, 65536, 70000};
  static uint8_t bytes[70000 + WIRE_HEADER_MAX];
  for (size_t i = 0; i < 2 * sizeof lengths / sizeof *lengths; i++) {
    size_t length = lengths[i / 2];
    int masked = i % 2;
    struct wire_frame frame;
    size_t head = wire_header_write(bytes, WIRE_TEXT, length, masked);
    memset(bytes + head, 'x', length);
    if (masked)
      wire_mask(bytes + head, length, WIRE_MASK);
    assert_int_equal(wire_frame_read(bytes, head + length - 1, &frame), 0);
    assert_int_equal(wire_frame_read(bytes, head + length, &frame), head + length);
    assert_int_equal(frame.opcode, WIRE_TEXT);
    assert_int_equal(frame.length, length);
    for (size_t at = 0; at < length; at++)
      assert_int_equal(frame.payload[at], 'x');
  }
}

static void an_http_message_is_its_head_and_its_body(void **state) {
  (void)state;
  static const char text[] = "HTTP/1.1 201 Created\r\nX: y\r\ncontent-length: 5\r\n\r\nhello";
  size_t head, size = sizeof text - 1;
  for (size_t part = 0; part < size; part++)
    assert_int_equal(wire_http_read(text, part, &head), 0);
  assert_int_equal(wire_http_read(text, size, &head), size);
  assert_int_equal(head, size - 5);
  assert_int_equal(wire_http_read("GET / HTTP/1.1\r\n\r\nmore", 22, &head), 18);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_frame_of_any_length_comes_back),
      cmocka_unit_test(an_http_message_is_its_head_and_its_body),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
