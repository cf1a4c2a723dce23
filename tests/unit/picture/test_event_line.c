/* event_line: an event of any type and any data as one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/picture/event_line.h"
#include "support.h"

static void check(const char *type, const char *data, const char *wanted) {
  struct cws_event event = {.type = type,
                            .timestamp = "2026-03-02T09:08:07.123Z",
                            .message_id = 1,
                            .data = data,
                            .data_len = strlen(data)};
  struct line l;
  line_init(&l, 0);
  json_t *value = event_line_data(&event);
  event_line_add(&l, &event, value);
  json_decref(value);
  char *shown = plain(l.bytes);
  assert_string_equal(shown, wanted);
  free(shown);
  line_finish(&l);
}

static void fields_that_are_known_come_first_wherever_they_stand(void **state) {
  (void)state;
  check("weird", "{\"z\":1,\"cost\":0.5,\"message\":\"m\",\"agent\":\"A\",\"subtaskId\":\"s\"}",
        "09:08:07  weird                 s m  agent=A  cost=0.5  z=1");
}

static void data_may_be_any_json(void **state) {
  (void)state;
  check("log", "null", "09:08:07  log                   null");
  check("log", "[1,{\"a\":null}]", "09:08:07  log                   [1,{\"a\":null}]");
  check("log", "\"x\\ny\"", "09:08:07  log                   x\\ny");
  check("log", "{\"n\":1e999}", "09:08:07  log                   {\"n\":1e999}");
  check("log", "{}", "09:08:07  log                 ");
  check("log", "{\"message\":\"a\\u0000b\"}", "09:08:07  log                   \"a\\u0000b\"");
}

static void keys_and_values_are_escaped(void **state) {
  (void)state;
  check("log", "{\"\\u001bk\":\"\\u001b]0;x\\u0007\\u202e\"}",
        "09:08:07  log                   \\x1bk=\\x1b]0;x\\x07\\u202e");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_that_are_known_come_first_wherever_they_stand),
      cmocka_unit_test(data_may_be_any_json),
      cmocka_unit_test(keys_and_values_are_escaped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
