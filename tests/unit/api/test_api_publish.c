/* route_publish: POST /api/v1/requests/{id}/events. */
#include "tests/unit/api/desk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/support/temp_folder.h"

static int64_t count_of(struct desk *d, const char *request_id) {
  char path[128];
  snprintf(path, sizeof path, "/api/v1/requests/%s", request_id);
  ask(d, NULL, path, d->ann);
  return d->reply.status == 404 ? 0 : raw_int(&d->reply, "count");
}

/* ---- what is taken ---- */

static void one_event_is_answered_with_its_message_id(void **state) {
  struct desk *d = *state;
  post(d, "one", NULL, "{\"type\":\"t\",\"data\":{\"x\":1}}");
  expect_json(d, 201,
              "{\"request_id\":\"one\",\"first_message_id\":1,\"last_message_id\":1,\"count\":1,"
              "\"duplicate\":false}");
  post(d, "one", "Content-Type: application/json; charset=utf-8\r\n", "{\"type\":\"t\"}");
  expect_published(d, 2, 2, false);
}

static void lines_are_one_batch_in_their_order(void **state) {
  struct desk *d = *state;
  post(d, "batch", NDJSON, "{\"type\":\"a\"}\n\n  \r\n{\"type\":\"b\"}\r\n{\"type\":\"c\"}");
  expect_published(d, 1, 3, false);
  ask(d, NULL, "/api/v1/requests/batch/events", d->ann);
  for (size_t i = 0; i < 3; i++) {
    const json_t *event = json_array_get(d->reply.json, i);
    const char type[] = {(char)('a' + i), '\0'};
    assert_string_equal(json_string_value(json_object_get(event, "type")), type);
    assert_int_equal(json_integer_value(json_object_get(event, "message_id")), i + 1);
  }
}

/* As nc does, and some proxies. */
static void who_shuts_down_its_side_after_a_publish_is_answered(void **state) {
  struct desk *d = *state;
  int fd = raw_connect(d->port);
  raw_reply_free(&d->reply);
  raw_sendf(fd,
            "POST /api/v1/requests/half/events HTTP/1.1\r\nHost: hub\r\n"
            "Authorization: Bearer %s\r\nContent-Length: 12\r\n\r\n{\"type\":\"t\"}",
            d->ann);
  shutdown(fd, SHUT_WR);
  raw_read_reply(fd, false, &d->reply);
  expect_published(d, 1, 1, false);
  raw_read_end(fd);
  close(fd);
}

static void data_comes_out_byte_for_byte(void **state) {
  struct desk *d = *state;
  static const char *const DATA[] = {"{\"b\":0.0012,  \"a\":12345678901234567890}", "null", "1e400",
                                     "\"\\u00e9 \xc3\xa9\"", "[ ]"};
  for (size_t i = 0; i < sizeof DATA / sizeof DATA[0]; i++) {
    char body[128], wanted[128];
    snprintf(body, sizeof body, "{\"type\":\"t\",\"data\":%s}", DATA[i]);
    snprintf(wanted, sizeof wanted, "\"data\":%s}", DATA[i]);
    post(d, "bytes", NULL, body);
    assert_int_equal(d->reply.status, 201);
    char path[96];
    snprintf(path, sizeof path, "/api/v1/requests/bytes/events?after=%zu", i);
    ask(d, NULL, path, d->ann);
    assert_non_null(strstr(d->reply.body, wanted));
  }
}

static void a_valid_timestamp_is_kept_and_another_replaced(void **state) {
  struct desk *d = *state;
  post(d, "times", NDJSON,
       "{\"type\":\"t\",\"timestamp\":\"2020-01-02T03:04:05Z\"}\n"
       "{\"type\":\"t\",\"timestamp\":\"yesterday\"}\n");
  assert_int_equal(d->reply.status, 201);
  ask(d, NULL, "/api/v1/requests/times/events", d->ann);
  const char *kept =
      json_string_value(json_object_get(json_array_get(d->reply.json, 0), "timestamp"));
  const char *ours =
      json_string_value(json_object_get(json_array_get(d->reply.json, 1), "timestamp"));
  assert_string_equal(kept, "2020-01-02T03:04:05Z");
  assert_int_equal(strlen(ours), strlen("2020-01-02T03:04:05.678Z"));
}

/* ---- all or nothing ---- */

static void a_bad_line_is_named_and_nothing_of_its_batch_is_stored(void **state) {
  struct desk *d = *state;
  post(d, "whole", NDJSON, "{\"type\":\"t\"}\n\n{\"type\":\"t\"\n{\"type\":\"t\"}\n");
  expect_error(d, 400, "bad_json", "line 3: ");
  post(d, "whole", NDJSON, "{\"type\":\"t\"}\n{\"type\":\"no blanks\"}\n");
  expect_error(d, 422, "bad_event", "line 2: type");
  assert_int_equal(count_of(d, "whole"), 0);
}

static void a_batch_has_a_limit_of_events(void **state) {
  struct desk *d = *state;
  post(d, "many", NDJSON,
       "{\"type\":\"t\"}\n{\"type\":\"t\"}\n{\"type\":\"t\"}\n{\"type\":\"t\"}\n{\"type\":\"t\"}\n"
       "\n{\"type\":\"t\"}\n");
  expect_error(d, 413, "too_large", "line 7: ");
  assert_int_equal(count_of(d, "many"), 0);
  post(d, "many", NDJSON,
       "{\"type\":\"t\"}\n{\"type\":\"t\"}\n{\"type\":\"t\"}\n{\"type\":\"t\"}\n{\"type\":\"t\"}"
       "\n\n");
  expect_published(d, 1, 5, false);
}

/* ---- again ---- */

static void an_event_id_makes_a_retry_the_same_answer(void **state) {
  struct desk *d = *state;
  static const char BODY[] = "{\"type\":\"t\",\"data\":[1],\"event_id\":\"e-1\"}";
  post(d, "again", NULL, "{\"type\":\"first\"}");
  post(d, "again", NULL, BODY);
  expect_published(d, 2, 2, false);
  post(d, "again", NULL, BODY);
  expect_published(d, 2, 2, true);
  assert_int_equal(count_of(d, "again"), 2);
}

static void an_event_id_with_other_content_is_a_conflict(void **state) {
  struct desk *d = *state;
  post(d, "conflict", NULL, "{\"type\":\"t\",\"data\":1,\"event_id\":\"e\"}");
  expect_published(d, 1, 1, false);
  post(d, "conflict", NULL, "{\"type\":\"t\",\"data\":2,\"event_id\":\"e\"}");
  expect_error(d, 409, "event_id_reused", "e");
  post(d, "conflict", NULL, "{\"type\":\"u\",\"data\":1,\"event_id\":\"e\"}");
  expect_error(d, 409, "event_id_reused", "");
  assert_int_equal(count_of(d, "conflict"), 1);
}

static void an_idempotency_key_stands_for_the_whole_batch(void **state) {
  struct desk *d = *state;
  static const char KEY[] = NDJSON "Idempotency-Key: k-1\r\n";
  static const char BODY[] = "{\"type\":\"t\",\"data\":1}\n{\"type\":\"t\",\"data\":2}\n";
  post(d, "key", KEY, BODY);
  expect_published(d, 1, 2, false);
  post(d, "key", KEY, BODY);
  expect_published(d, 1, 2, true);
  post(d, "key", KEY, "{\"type\":\"t\",\"data\":3}\n{\"type\":\"t\",\"data\":2}\n");
  expect_error(d, 409, "event_id_reused", "Idempotency-Key");
  post(d, "key", KEY, "{\"type\":\"t\",\"data\":1}\n");
  expect_error(d, 409, "event_id_reused", "");
  post(d, "key", NDJSON "Idempotency-Key: k-2\r\n", BODY);
  expect_published(d, 3, 4, false);
}

static void a_bad_idempotency_key_is_refused(void **state) {
  struct desk *d = *state;
  char header[200];
  snprintf(header, sizeof header, "Idempotency-Key: %0*d\r\n", 129, 0);
  post(d, "bad-key", header, "{\"type\":\"t\"}");
  expect_error(d, 400, "bad_request", "idempotency-key");
  post(d, "bad-key", "Idempotency-Key: two words\r\n", "{\"type\":\"t\"}");
  expect_error(d, 400, "bad_request", "idempotency-key");
  post(d, "bad-key", "Idempotency-Key:\r\n", "{\"type\":\"t\"}");
  expect_error(d, 400, "bad_request", "idempotency-key");
  assert_int_equal(count_of(d, "bad-key"), 0);
}

/* ---- what is refused ---- */

static void an_event_that_is_none_is_refused_by_its_field(void **state) {
  struct desk *d = *state;
  static const struct {
    const char *body, *part;
  } CASES[] = {
      {"{\"data\":1}", "type"},
      {"{\"type\":7}", "type"},
      {"{\"type\":\"\"}", "type"},
      {"{\"type\":\"a b\"}", "type"},
      {"{\"type\":\"heartbeat\"}", "type"},
      {"{\"type\":\"t\",\"timestamp\":7}", "timestamp"},
      {"{\"type\":\"t\",\"event_id\":7}", "event_id"},
      {"{\"type\":\"t\",\"event_id\":\"\"}", "event_id"},
      {"{\"type\":\"t\",\"message_id\":\"1\"}", "message_id"},
      {"{\"type\":\"t\",\"dta\":1}", "dta"},
      {"[]", "object"},
      {"\"t\"", "object"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    post(d, "fields", NULL, CASES[i].body);
    expect_error(d, 422, "bad_event", CASES[i].part);
  }
  assert_int_equal(count_of(d, "fields"), 0);
}

static void json_that_is_none_is_refused_by_its_place(void **state) {
  struct desk *d = *state;
  static const char *const BODIES[] = {
      "{\"type\":\"t\"",
      "{\"type\":\"t\"} x",
      "{\"type\":\"t\",\"type\":\"u\"}",
      "{\"type\":\"t\",\"data\":{\"a\":1,\"a\":2}}",
      "{\"type\":\"t\",\"data\":01}",
      "{\"type\":\"t\",\"data\":\"\xff\"}",
      "\xef\xbb\xbf{}",
      "nope",
  };
  for (size_t i = 0; i < sizeof BODIES / sizeof BODIES[0]; i++) {
    post(d, "json", NULL, BODIES[i]);
    expect_error(d, 400, "bad_json", "line 1 column ");
  }
  assert_int_equal(count_of(d, "json"), 0);
}

static void a_body_without_an_event_is_refused(void **state) {
  struct desk *d = *state;
  post(d, "empty", NULL, "");
  expect_error(d, 400, "bad_request", "no event");
  post(d, "empty", NDJSON, "\n \n");
  expect_error(d, 400, "bad_request", "no event");
}

static void another_content_type_is_refused(void **state) {
  struct desk *d = *state;
  static const char *const TYPES[] = {"text/plain", "application/jsonx", "application/jso", "json",
                                      "application/x-www-form-urlencoded"};
  for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
    char header[80];
    snprintf(header, sizeof header, "Content-Type: %s\r\n", TYPES[i]);
    post(d, "media", header, "{\"type\":\"t\"}");
    expect_error(d, 415, "unsupported_media_type", "application/x-ndjson");
  }
}

static void an_event_or_a_body_beyond_its_limit_is_too_large(void **state) {
  struct desk *d = *state;
  char *large = malloc(20000);
  const int around = (int)strlen("{\"type\":\"t\",\"data\":\"\"}");
  snprintf(large, 20000, "{\"type\":\"t\",\"data\":\"%0*d\"}", 4096 - around, 0);
  post(d, "large", NULL, large);
  expect_published(d, 1, 1, false);
  snprintf(large, 20000, "{\"type\":\"t\",\"data\":\"%0*d\"}", 4097 - around, 0);
  post(d, "large", NULL, large);
  expect_error(d, 413, "too_large", "4096");
  snprintf(large, 20000, "{\"type\":\"t\"}\n{\"type\":\"t\",\"data\":\"%0*d\"}", 4096, 0);
  post(d, "large", NDJSON, large);
  expect_error(d, 413, "too_large", "line 2: ");
  snprintf(large, 20000, "{\"type\":\"t\",\"data\":\"%0*d\"}", 17000, 0);
  post(d, "large", NULL, large);
  expect_error(d, 413, "too_large", "body");
  assert_int_equal(count_of(d, "large"), 1);
  free(large);
}

/* ---- who may ---- */

static void only_who_may_publish_there_does(void **state) {
  struct desk *d = *state;
  char *some = live_token(&(struct live_token){.sub = "sam", .publish = "req-*"});
  static const char EVENT[] = "{\"type\":\"t\"}";
  post_to(d, "/api/v1/requests/req-1/events", some, NULL, EVENT);
  expect_published(d, 1, 1, false);
  post_to(d, "/api/v1/requests/other/events", some, NULL, EVENT);
  expect_error(d, 403, "forbidden", "'other'");
  post_to(d, "/api/v1/requests/req-1/events", d->reader, NULL, EVENT);
  expect_error(d, 403, "forbidden", "'req-1'");
  post_to(d, "/api/v1/requests/req-1/events", d->visitor, NULL, EVENT);
  expect_error(d, 403, "forbidden", "");
  post_to(d, "/api/v1/requests/req-1/events", d->admin, NULL, EVENT);
  expect_published(d, 2, 2, false);
  free(some);
}

static void the_first_publisher_sets_the_owner(void **state) {
  struct desk *d = *state;
  char *eve = live_token(&(struct live_token){.sub = "eve", .is_plain = true});
  post_to(d, "/api/v1/requests/owned/events?owner=vic", d->ann, NULL, "{\"type\":\"t\"}");
  expect_published(d, 1, 1, false);
  post_to(d, "/api/v1/requests/owned/events?owner=eve", d->ann, NULL, "{\"type\":\"t\"}");
  expect_published(d, 2, 2, false); /* too late: it stays vic's */
  ask(d, NULL, "/api/v1/requests/owned", d->visitor);
  assert_int_equal(d->reply.status, 200);
  assert_string_equal(raw_str(&d->reply, "owner"), "vic");
  ask(d, NULL, "/api/v1/requests/owned", eve);
  expect_error(d, 403, "forbidden", "'owned'");
  free(eve);
}

static void a_bad_owner_or_an_unknown_parameter_is_refused(void **state) {
  struct desk *d = *state;
  char path[256];
  post_to(d, "/api/v1/requests/q/events?owner=", d->ann, NULL, "{\"type\":\"t\"}");
  expect_error(d, 400, "bad_request", "owner");
  snprintf(path, sizeof path, "/api/v1/requests/q/events?owner=%0*d", 129, 0);
  post_to(d, path, d->ann, NULL, "{\"type\":\"t\"}");
  expect_error(d, 400, "bad_request", "owner");
  static const char *const bad[] = {"a%0ab", "%1b[2J", "%7f", "a%c2%85", "%ff", "a%e2%80%a8b"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(path, sizeof path, "/api/v1/requests/q/events?owner=%s", bad[i]);
    post_to(d, path, d->ann, NULL, "{\"type\":\"t\"}");
    expect_error(d, 400, "bad_request", "owner");
  }
  post_to(d, "/api/v1/requests/q/events?ownr=vic", d->ann, NULL, "{\"type\":\"t\"}");
  expect_error(d, 400, "bad_request", "'ownr'");
  assert_int_equal(count_of(d, "q"), 0);
}

/* ---- a damaged store ---- */

static void damage(const char *db_path) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(db_path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "UPDATE events SET type='other'", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(
      sqlite3_exec(db, "UPDATE streams SET summary=NULL, summary_id=0", NULL, NULL, NULL),
      SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_request_that_cannot_be_opened_takes_no_events(void **state) {
  struct desk *shared = *state;
  struct temp_folder folder;
  struct cws_server_options o;
  temp_folder_make(&folder);
  live_hub_options(&o);
  o.store = folder.store;
  struct desk d = {.hub = live_hub_start(&o), .ann = shared->ann};
  d.port = live_hub_port(d.hub);
  post(&d, "r", NULL, "{\"type\":\"t\"}");
  expect_published(&d, 1, 1, false);
  cws_server_free(d.hub);
  damage(folder.db);
  d.hub = live_hub_start(&o);
  d.port = live_hub_port(d.hub);
  post(&d, "r", NDJSON, "{\"type\":\"t\"}\n{\"type\":\"t\"}");
  expect_error(&d, 500, "corrupt", "'r'");
  post(&d, "another", NULL, "{\"type\":\"t\"}");
  expect_published(&d, 1, 1, false);
  cws_server_free(d.hub);
  raw_reply_free(&d.reply);
  temp_folder_remove(&folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_event_is_answered_with_its_message_id),
      cmocka_unit_test(lines_are_one_batch_in_their_order),
      cmocka_unit_test(who_shuts_down_its_side_after_a_publish_is_answered),
      cmocka_unit_test(data_comes_out_byte_for_byte),
      cmocka_unit_test(a_valid_timestamp_is_kept_and_another_replaced),
      cmocka_unit_test(a_bad_line_is_named_and_nothing_of_its_batch_is_stored),
      cmocka_unit_test(a_batch_has_a_limit_of_events),
      cmocka_unit_test(an_event_id_makes_a_retry_the_same_answer),
      cmocka_unit_test(an_event_id_with_other_content_is_a_conflict),
      cmocka_unit_test(an_idempotency_key_stands_for_the_whole_batch),
      cmocka_unit_test(a_bad_idempotency_key_is_refused),
      cmocka_unit_test(an_event_that_is_none_is_refused_by_its_field),
      cmocka_unit_test(json_that_is_none_is_refused_by_its_place),
      cmocka_unit_test(a_body_without_an_event_is_refused),
      cmocka_unit_test(another_content_type_is_refused),
      cmocka_unit_test(an_event_or_a_body_beyond_its_limit_is_too_large),
      cmocka_unit_test(only_who_may_publish_there_does),
      cmocka_unit_test(the_first_publisher_sets_the_owner),
      cmocka_unit_test(a_bad_owner_or_an_unknown_parameter_is_refused),
      cmocka_unit_test(a_request_that_cannot_be_opened_takes_no_events),
  };
  return cmocka_run_group_tests(tests, desk_open, desk_close);
}
