/* Frames become the text of an event stream, byte for byte. */
#include "server/ws/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/core/protocol.h"
#include "lib/core/ws_frame.h"

static struct buf frames, text, json;

static int set_up(void **state) {
  (void)state;
  buf_init(&frames);
  buf_init(&text);
  buf_init(&json);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  buf_finish(&frames);
  buf_finish(&text);
  buf_finish(&json);
  return 0;
}

static void add_event(const char *type, int64_t id, size_t pad) {
  buf_reset(&json);
  buf_addf(&json, "{\"type\":\"%s\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"message_id\":%lld,",
           type, (long long)id);
  buf_add_str(&json, "\"data\":\"");
  for (size_t i = 0; i < pad; i++)
    buf_add_char(&json, 'x');
  buf_add_str(&json, "\"}");
  ws_frame_append(&frames, WS_TEXT, json.data, json.len);
}

static void add_json(void) {
  ws_frame_append(&frames, WS_TEXT, json.data, json.len);
  buf_reset(&json);
}

static const char *translated(const char *types) {
  buf_reset(&text);
  sse_append(&text, "e1", types, frames.data, frames.len);
  assert_false(text.failed);
  return text.len > 0 ? text.data : "";
}

#define EVENT(type, id, data)                                                                      \
  "id: e1:" id "\ndata: {\"type\":\"" type                                                         \
  "\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"message_id\":" id ",\"data\":" data "}\n\n"

static void events_have_their_position_and_no_name(void **state) {
  (void)state;
  add_event("a", 9, 1);
  add_event("b.c-d_e", 10, 0);
  assert_string_equal(translated(NULL), EVENT("a", "9", "\"x\"") EVENT("b.c-d_e", "10", "\"\""));
}

static void every_length_of_a_frame_is_read(void **state) {
  (void)state;
  static const size_t pads[] = {1, 200, 70000, 0};
  for (size_t i = 0; i < 4; i++)
    add_event("a", (int64_t)i + 1, pads[i]);
  const char *at = translated(NULL);
  for (int i = 1; i <= 4; i++) {
    char id[32];
    snprintf(id, sizeof id, "id: e1:%d\ndata: {", i);
    assert_memory_equal(at, id, strlen(id));
    at = strstr(at, "\n\n") + 2;
  }
  assert_string_equal(at, "");
}

static void of_events_that_are_not_wanted_the_last_position_is_told(void **state) {
  (void)state;
  add_event("a", 1, 0);
  add_event("b", 2, 0);
  add_event("ab", 3, 0);
  add_event("c", 4, 0);
  add_event("d", 5, 0);
  assert_string_equal(translated("b,c"),
                      EVENT("b", "2", "\"\"") EVENT("c", "4", "\"\"") "id: e1:5\n\n");
  assert_string_equal(translated("x"), "id: e1:5\n\n");
  assert_string_equal(translated("d"), EVENT("d", "5", "\"\""));
}

static void a_heartbeat_is_a_comment(void **state) {
  (void)state;
  hub_format_heartbeat(&json, 7, 0);
  add_json();
  assert_string_equal(translated("x"), ": heartbeat\n\n");
}

static void frames_without_a_message_are_nothing(void **state) {
  (void)state;
  ws_frame_append(&frames, WS_PING, NULL, 0);
  ws_frame_append_close(&frames, 1012, "bye");
  assert_string_equal(translated(NULL), "");
}

static void add_hello(int64_t resume_from) {
  const struct hub_hello hello = {.request_id = "r",
                                  .connection_id = "c",
                                  .subscriber = "s",
                                  .epoch = "e1",
                                  .first_message_id = 1,
                                  .last_message_id = 9,
                                  .resume_from = resume_from};
  hub_format_hello(&json, &hello, 0);
  add_json();
}

static bool starts_with(const char *s, const char *start) {
  return strncmp(s, start, strlen(start)) == 0;
}

static void the_hello_says_where_it_starts(void **state) {
  (void)state;
  add_hello(4);
  assert_true(starts_with(
      translated(NULL), "event: connection_established\nid: e1:4\ndata: {\"type\":\"connection_"));
}

static void a_position_moves_over_a_gap_only_with_the_gap(void **state) {
  (void)state;
  add_hello(4);
  hub_format_gap(&json, 5, 8, "expired", "e1", 0);
  add_json();
  assert_true(starts_with(translated(NULL), "event: connection_established\ndata: {"));
  assert_non_null(strstr(text.data, "\n\nevent: gap\nid: e1:8\ndata: {\"type\":\"gap\""));
}

static void a_gap_to_another_epoch_goes_to_its_beginning(void **state) {
  (void)state;
  hub_format_gap(&json, 5, -1, "epoch", "e2", 0);
  add_json();
  assert_true(starts_with(translated(NULL), "event: gap\nid: e2:0\ndata: {"));
}

static void a_bye_says_when_to_come_back(void **state) {
  (void)state;
  hub_format_bye(&json, 1012, "drain", true, 1234, 5, 0);
  add_json();
  assert_true(starts_with(translated(NULL), "event: bye\nretry: 1234\ndata: {\"type\":\"bye\""));
  buf_reset(&frames);
  hub_format_bye(&json, 4510, "deleted", false, 0, 5, 0);
  add_json();
  assert_true(starts_with(translated(NULL), "event: bye\ndata: {"));
}

static void an_id_is_read_back(void **state) {
  (void)state;
  char epoch[CWS_EPOCH_MAX + 1];
  int64_t id;
  assert_int_equal(sse_id_parse("e1:9007199254740992", epoch, &id, NULL), 0);
  assert_string_equal(epoch, "e1");
  assert_int_equal(id, CWS_MESSAGE_ID_MAX);
  assert_int_equal(sse_id_parse("0123456789abcdef:0", epoch, &id, NULL), 0);
}

static void what_is_no_id_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"5",     ":5",     "e1:",  "e1:-1",
                                    "e1:5x", "e1:1:2", "e1 5", "0123456789abcdefg:1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char epoch[CWS_EPOCH_MAX + 1];
    int64_t id;
    struct cws_error e = {0};
    assert_int_equal(sse_id_parse(bad[i], epoch, &id, &e), CWS_EBADREQUEST);
    assert_non_null(strstr(e.message, "EPOCH:N"));
  }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(events_have_their_position_and_no_name),
      TEST(every_length_of_a_frame_is_read),
      TEST(of_events_that_are_not_wanted_the_last_position_is_told),
      TEST(a_heartbeat_is_a_comment),
      TEST(frames_without_a_message_are_nothing),
      TEST(the_hello_says_where_it_starts),
      TEST(a_position_moves_over_a_gap_only_with_the_gap),
      TEST(a_gap_to_another_epoch_goes_to_its_beginning),
      TEST(a_bye_says_when_to_come_back),
      TEST(an_id_is_read_back),
      TEST(what_is_no_id_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
