/*
 * Every allocation of the readers and writers fails once: the call says so, nothing half made comes
 * out, and (a sanitizer sees it) nothing is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above */
#include "lib/core/event.h"
#include "lib/core/json_read.h"
#include "lib/core/protocol.h"
#include "lib/core/ws_frame.h"
#include "tests/unit/core/cases.h"
#include "tests/unit/core/failing_memory.h"
#include "tests/unit/core/tokens.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 10000 }; /* allocations that one call may make */

static int init(void **state) {
  (void)state;
  failing_memory_init();
  return 0;
}

/* One call with its n-th allocation failing: its result, with everything freed again. */
typedef int call_fn(const struct test_case *c, struct cws_error *err);

static void fail_each(const struct test_case *c, call_fn *call) {
  for (size_t n = 0; n < MOST; n++) {
    struct cws_error err = {0};
    failing_memory_arm(n);
    int rc = call(c, &err);
    if (!failing_memory_disarm()) {
      assert_int_equal(rc, 0);
      return;
    }
    if (rc != CWS_ENOMEM)
      fail_msg("%s: allocation %zu failed, and the answer was %d: %s", c->path, n, rc, err.message);
    assert_int_equal(err.code, rc);
  }
  fail_msg("%s: never succeeds", c->path);
}

static int call_json(const struct test_case *c, struct cws_error *err) {
  json_t *value = json_read(c->text, c->len, err);
  int rc = value != NULL ? 0 : err->code;
  json_decref(value);
  return rc;
}

static void each_json(const struct test_case *c) {
  fail_each(c, call_json);
}

static int call_event(const struct test_case *c, struct cws_error *err) {
  struct cws_event_owned *event = NULL;
  json_t *data = NULL;
  int rc = event_parse(c->text, c->len, 0, &event, &data, err);
  assert_int_equal(event != NULL, rc == 0);
  assert_int_equal(data != NULL, rc == 0);
  cws_event_free(event);
  json_decref(data);
  return rc;
}

static void each_event(const struct test_case *c) {
  fail_each(c, call_event);
}

static int call_client(const struct test_case *c, struct cws_error *err) {
  struct client_message m;
  int rc = client_message_parse(c->text, c->len, 0, &m, err);
  client_message_finish(&m);
  return rc;
}

static void each_client(const struct test_case *c) {
  fail_each(c, call_client);
}

static int call_hub(const struct test_case *c, struct cws_error *err) {
  struct hub_message m;
  int rc = hub_message_parse(c->text, c->len, &m, err);
  hub_message_finish(&m);
  return rc;
}

static void each_hub(const struct test_case *c) {
  fail_each(c, call_hub);
}

static void readers_of_json_say_that_memory_ran_out(void **state) {
  (void)state;
  each_case("json/valid", "json", 20, each_json);
  each_case("event/valid", "json", 20, each_event);
  each_case("client_message/valid", "json", 15, each_client);
  each_case("hub_message/valid", "json", 15, each_hub);
}

/* ---- writing ---- */

static const struct cws_event EVENT = {.type = "t",
                                       .timestamp = "2026-11-23T08:18:52Z",
                                       .message_id = 7,
                                       .event_id = "e",
                                       .data = "{\"a\":[1,2,3]}",
                                       .data_len = 13};

static int call_format(const struct test_case *c, struct cws_error *err) {
  size_t len;
  char *text = cws_event_format(&EVENT, true, &len);
  (void)c;
  err->code = text != NULL ? 0 : CWS_ENOMEM;
  free(text);
  return err->code;
}

static int call_new(const struct test_case *c, struct cws_error *err) {
  struct cws_event_owned *event = NULL;
  (void)c;
  int rc = event_new(&EVENT, &event, err);
  cws_event_free(event);
  return rc;
}

static int call_hello(const struct test_case *c, struct cws_error *err) {
  struct hub_hello h = {"req-1", "c1", "ann", "k3", 1, 9, 3, 30000, 300250, true};
  struct buf b;
  (void)c;
  buf_init(&b);
  hub_format_hello(&b, &h, 0);
  err->code = b.failed ? CWS_ENOMEM : 0;
  buf_finish(&b);
  return err->code;
}

static int call_frame(const struct test_case *c, struct cws_error *err) {
  char payload[1000] = "";
  struct buf b;
  (void)c;
  buf_init(&b);
  ws_frame_append(&b, WS_TEXT, "a", 1);
  ws_frame_append_masked(&b, WS_TEXT, payload, sizeof payload, 7);
  err->code = b.failed ? CWS_ENOMEM : 0;
  buf_finish(&b);
  return err->code;
}

static void writers_say_that_memory_ran_out(void **state) {
  (void)state;
  struct test_case c = {.path = "writing"};
  fail_each(&c, call_format);
  fail_each(&c, call_new);
  fail_each(&c, call_hello);
  fail_each(&c, call_frame);
}

/* ---- frames ---- */

static void ignore_message(enum ws_opcode opcode, const char *bytes, size_t len, void *user) {
  (void)opcode, (void)bytes, (void)len, (void)user;
}

static void ignore(const char *bytes, size_t len, void *user) {
  (void)bytes, (void)len, (void)user;
}

static void ignore_close(int code, const char *bytes, size_t len, void *user) {
  (void)code, (void)bytes, (void)len, (void)user;
}

static void a_parser_without_memory_ends_with_1011(void **state) {
  (void)state;
  static const struct ws_frame_handlers handlers = {ignore_message, ignore, ignore, ignore_close};
  struct ws_parser p;
  const char *reason = NULL;
  ws_parser_init(&p, WS_CLIENT, 5000, &handlers, NULL);
  assert_int_equal(ws_parser_feed(&p,
                                  "\x01\x01"
                                  "a",
                                  3, NULL),
                   0);
  char fragment[1004] = "\x00\x7e\x03\xe8"; /* 1,000 bytes: more than the first allocation */
  failing_memory_arm(0);
  assert_int_equal(ws_parser_feed(&p, fragment, sizeof fragment, &reason), WS_CLOSE_INTERNAL);
  failing_memory_disarm();
  assert_string_equal(reason, "out of memory");
  assert_null(p.message);
  ws_parser_finish(&p);
}

/* ---- tokens ---- */

static int sign_and_verify(struct cws_keys *keys) {
  struct cws_sign_options options = signing(NULL);
  struct cws_verify_options asked = {.size = sizeof asked, .now_s = NOW_S};
  struct cws_claims_owned *claims = NULL;
  char *token = NULL;
  options.with_rights = true;
  int rc = cws_keys_add_secret(keys, "a secret of thirty-two bytes, or", 32, NULL);
  if (rc == 0)
    rc = cws_token_sign(keys, &options, &token, NULL);
  if (rc == 0)
    rc = cws_token_verify(keys, token, strlen(token), &asked, &claims, NULL);
  assert_int_equal(claims != NULL, rc == 0);
  if (rc == 0) {
    assert_string_equal(cws_claims_view(claims)->sub, "ann");
    assert_true(cws_claims_view(claims)->has_rights);
  }
  cws_claims_free(claims);
  free(token);
  return rc;
}

/* libjose passes over some failures and hides others; whatever it does, a token says the same. */
static void without_memory_a_token_is_right_or_refused(void **state) {
  (void)state;
  size_t n = 0, refused = 0;
  do {
    failing_memory_arm(n);
    struct cws_keys *keys = cws_keys_new();
    refused += keys == NULL || sign_and_verify(keys) != 0;
    cws_keys_free(keys);
    assert_true(++n < MOST);
  } while (failing_memory_disarm());
  assert_true(refused > n / 2);
}

static void without_memory_no_forged_token_is_taken(void **state) {
  (void)state;
  static const char *const files[] = {"another_secret", "another_rsa_key", "another_p256_key"};
  struct cws_keys *keys = keys_of_case_files();
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char name[100];
    size_t n = 0;
    snprintf(name, sizeof name, "tokens/jwt/invalid/%s.jwt", files[i]);
    char *token = data_file(name, NULL);
    do {
      failing_memory_arm(n);
      assert_int_not_equal(verify(keys, token, NULL, NULL), 0);
      assert_true(++n < MOST);
    } while (failing_memory_disarm());
    free(token);
  }
  cws_keys_free(keys);
}

static int call_inspect(const struct test_case *c, struct cws_error *err) {
  char *header = NULL, *claims = NULL;
  int rc = cws_token_inspect(c->text, c->len, &header, &claims, err);
  free(header);
  free(claims);
  return rc;
}

static void each_inspected(const struct test_case *c) {
  fail_each(c, call_inspect);
}

static void inspecting_says_that_memory_ran_out(void **state) {
  (void)state;
  each_case("tokens/jwt/valid", "jwt", 20, each_inspected);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_of_json_say_that_memory_ran_out),
      cmocka_unit_test(writers_say_that_memory_ran_out),
      cmocka_unit_test(a_parser_without_memory_ends_with_1011),
      cmocka_unit_test(without_memory_a_token_is_right_or_refused),
      cmocka_unit_test(without_memory_no_forged_token_is_taken),
      cmocka_unit_test(inspecting_says_that_memory_ran_out),
  };
  return cmocka_run_group_tests(tests, init, NULL);
}
