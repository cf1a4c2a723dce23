/* route_request: GET and DELETE /api/v1/requests/{id}, GET /api/v1/requests. */
#include "tests/unit/api/desk.h"

#include <stdio.h>
#include <time.h>

/* ---- one request ---- */

static void a_request_tells_how_far_it_is(void **state) {
  struct desk *d = *state;
  post(d, "run", NDJSON,
       "{\"type\":\"processing_started\"}\n"
       "{\"type\":\"execution_progress\",\"data\":{\"subtaskId\":\"s\",\"status\":\"completed\","
       "\"cost\":0.25,\"tokens\":{\"prompt_tokens\":3,\"completion_tokens\":4}}}\n"
       "{\"type\":\"final_response\",\"data\":{\"success\":true}}\n");
  ask(d, NULL, "/api/v1/requests/run", d->ann);
  assert_int_equal(d->reply.status, 200);
  assert_string_equal(raw_str(&d->reply, "request_id"), "run");
  assert_string_equal(raw_str(&d->reply, "status"), "completed");
  assert_string_equal(raw_str(&d->reply, "stage"), "complete");
  assert_int_equal(raw_int(&d->reply, "progress"), 100);
  assert_int_equal(raw_int(&d->reply, "tokens"), 7);
  assert_true(json_number_value(json_object_get(d->reply.json, "cost")) == 0.25);
  assert_int_equal(raw_int(&d->reply, "first_message_id"), 1);
  assert_int_equal(raw_int(&d->reply, "last_message_id"), 3);
  assert_int_equal(raw_int(&d->reply, "count"), 3);
  assert_in_range(raw_int(&d->reply, "bytes"), 50, 500);
  assert_int_equal(strlen(raw_str(&d->reply, "created_at")), 24);
  assert_true(json_is_null(json_object_get(d->reply.json, "owner")));
  assert_int_equal(raw_int(&d->reply, "watcher_count"), 0);
}

static const json_t *wait_for_ack(struct desk *d, const char *path, const char *token,
                                  int64_t message_id) {
  time_t deadline = time(NULL) + RAW_DEADLINE_S;
  do {
    ask(d, NULL, path, token);
    const json_t *watcher = json_array_get(json_object_get(d->reply.json, "watchers"), 0);
    if (json_integer_value(json_object_get(watcher, "last_ack")) == message_id)
      return watcher;
  } while (time(NULL) < deadline);
  fail_msg("not acknowledged: %s", d->reply.body);
  return NULL;
}

static void its_watchers_are_shown_to_whose_it_is(void **state) {
  struct desk *d = *state;
  post_to(d, "/api/v1/requests/watched/events?owner=vic", d->ann, NDJSON,
          "{\"type\":\"t\"}\n{\"type\":\"t\"}\n");
  expect_published(d, 1, 2, false);
  struct raw_ws *ws = raw_ws_open(d->port, "watched", d->reader, "subscriber=desk");
  raw_ws_next(ws, "connection_established");
  raw_ws_next(ws, "t");
  raw_ws_say(ws, "{\"type\":\"ack\",\"message_id\":1}");
  const char *const of_them[] = {d->ann, d->admin, d->visitor};
  for (size_t i = 0; i < 3; i++) {
    const json_t *w = wait_for_ack(d, "/api/v1/requests/watched", of_them[i], 1);
    assert_string_equal(json_string_value(json_object_get(w, "user_id")), "rea");
    assert_string_equal(json_string_value(json_object_get(w, "subscriber")), "rea/desk");
    assert_int_equal(json_integer_value(json_object_get(w, "lag")), 1);
    assert_int_equal(json_integer_value(json_object_get(w, "reconnection_count")), 0);
    assert_string_equal(json_string_value(json_object_get(w, "address")), "127.0.0.1");
    assert_non_null(json_string_value(json_object_get(w, "connected_at")));
    assert_non_null(json_string_value(json_object_get(w, "last_heartbeat")));
    assert_int_equal(raw_int(&d->reply, "watcher_count"), 1);
  }
  ask(d, NULL, "/api/v1/requests/watched", d->reader); /* may watch it, and it is not its own */
  assert_int_equal(raw_int(&d->reply, "watcher_count"), 1);
  assert_null(json_object_get(d->reply.json, "watchers"));
  assert_null(json_object_get(d->reply.json, "subscribers"));
  raw_ws_free(ws);
}

static void a_request_that_is_watched_before_it_begins_is_pending(void **state) {
  struct desk *d = *state;
  struct raw_ws *ws = raw_ws_open(d->port, "early", d->reader, NULL);
  raw_ws_next(ws, "connection_established");
  ask(d, NULL, "/api/v1/requests/early", d->ann);
  assert_int_equal(d->reply.status, 200);
  assert_string_equal(raw_str(&d->reply, "status"), "pending");
  assert_int_equal(raw_int(&d->reply, "count"), 0);
  ask(d, NULL, "/api/v1/requests/early/events", d->ann);
  expect_json(d, 200, "[]");
  raw_ws_free(ws);
}

static void a_request_nobody_knows_is_unknown(void **state) {
  struct desk *d = *state;
  ask(d, NULL, "/api/v1/requests/never", d->ann);
  expect_error(d, 404, "unknown_request", "");
  ask(d, "DELETE", "/api/v1/requests/never", d->ann);
  expect_error(d, 404, "unknown_request", "");
}

static void who_may_not_watch_is_not_told_either(void **state) {
  struct desk *d = *state;
  char *some = live_token(&(struct live_token){.sub = "sam", .subscribe = "req-*"});
  post_to(d, "/api/v1/requests/secret/events?owner=ann", d->ann, NULL, "{\"type\":\"t\"}");
  ask(d, NULL, "/api/v1/requests/secret", some);
  expect_error(d, 403, "forbidden", "'secret'");
  ask(d, NULL, "/api/v1/requests/secret", d->visitor);
  expect_error(d, 403, "forbidden", "'secret'");
  ask(d, NULL, "/api/v1/requests/secret", d->admin);
  assert_int_equal(d->reply.status, 200);
  free(some);
}

static void one_request_takes_no_parameters(void **state) {
  struct desk *d = *state;
  post(d, "plain", NULL, "{\"type\":\"t\"}");
  ask(d, NULL, "/api/v1/requests/plain?verbose=1", d->ann);
  expect_error(d, 400, "bad_request", "'verbose'");
  ask(d, "DELETE", "/api/v1/requests/plain?force", d->ann);
  expect_error(d, 400, "bad_request", "'force'");
}

/* ---- deleting ---- */

static void a_deleted_request_is_gone_and_begins_anew(void **state) {
  struct desk *d = *state;
  char epoch[32];
  post(d, "doomed", NULL, "{\"type\":\"t\",\"event_id\":\"e\"}");
  ask(d, NULL, "/api/v1/requests/doomed", d->ann);
  snprintf(epoch, sizeof epoch, "%s", raw_str(&d->reply, "epoch"));
  struct raw_ws *ws = raw_ws_open(d->port, "doomed", d->reader, NULL);
  raw_ws_next(ws, "connection_established");
  ask(d, "DELETE", "/api/v1/requests/doomed", d->ann);
  expect_json(d, 200, "{\"request_id\":\"doomed\",\"deleted\":true}");
  assert_int_equal(raw_ws_close_code(ws), 4510);
  raw_ws_free(ws);
  ask(d, NULL, "/api/v1/requests/doomed", d->ann);
  expect_error(d, 404, "unknown_request", "");
  post(d, "doomed", NULL, "{\"type\":\"other\",\"event_id\":\"e\"}");
  expect_published(d, 1, 1, false); /* event ids went with it */
  ask(d, NULL, "/api/v1/requests/doomed", d->ann);
  assert_string_not_equal(raw_str(&d->reply, "epoch"), epoch);
  char path[96];
  snprintf(path, sizeof path, "/api/v1/requests/doomed/events?epoch=%s", epoch);
  ask(d, NULL, path, d->ann);
  expect_error(d, 410, "epoch_changed", "");
}

static void only_who_may_publish_there_deletes(void **state) {
  struct desk *d = *state;
  post_to(d, "/api/v1/requests/kept/events?owner=vic", d->ann, NULL, "{\"type\":\"t\"}");
  ask(d, "DELETE", "/api/v1/requests/kept", d->reader);
  expect_error(d, 403, "forbidden", "'kept'");
  ask(d, "DELETE", "/api/v1/requests/kept", d->visitor); /* even its owner */
  expect_error(d, 403, "forbidden", "'kept'");
  ask(d, "DELETE", "/api/v1/requests/kept", d->admin);
  assert_int_equal(d->reply.status, 200);
}

/* ---- the list ---- */

static void expect_newest_first(const struct desk *d) {
  size_t i;
  const json_t *row;
  const char *newer = "9999";
  json_array_foreach(json_object_get(d->reply.json, "requests"), i, row) {
    const char *created = json_string_value(json_object_get(row, "created_at"));
    assert_true(strcmp(created, newer) <= 0); /* RFC 3339 sorts as text */
    newer = created;
  }
  assert_in_range(i, 5, 100);
}

/* The ids that came and begin with "list-", without that, as "c b a". */
static void add_listed(const struct desk *d, char *got, size_t size) {
  size_t i;
  const json_t *row;
  json_array_foreach(json_object_get(d->reply.json, "requests"), i, row) {
    const char *id = json_string_value(json_object_get(row, "request_id"));
    size_t len = strlen(got);
    if (strncmp(id, "list-", 5) == 0)
      snprintf(got + len, size - len, len > 0 ? " %s" : "%s", id + 5);
  }
}

static void expect_listed(const struct desk *d, const char *wanted) {
  char got[256] = "";
  if (d->reply.status != 200)
    fail_msg("no list: %d %s", d->reply.status, d->reply.body);
  add_listed(d, got, sizeof got);
  assert_string_equal(got, wanted);
}

/* a completed, b failed, c of vic, d of someone else and completed, e under way. */
static void make_list(struct desk *d) {
  static const char *const BODIES[] = {"{\"type\":\"final_response\",\"data\":{\"success\":true}}",
                                       "{\"type\":\"final_response\",\"data\":{\"success\":false}}",
                                       "{\"type\":\"t\"}", "{\"type\":\"final_response\"}",
                                       "{\"type\":\"t\"}"};
  for (int i = 0; i < 5; i++) {
    char path[96];
    snprintf(path, sizeof path, "/api/v1/requests/list-%c/events%s", 'a' + i,
             i == 2   ? "?owner=vic"
             : i == 3 ? "?owner=else"
                      : "");
    post_to(d, path, d->ann, NULL, BODIES[i]);
    expect_published(d, 1, 1, false);
  }
}

static void the_list_is_filtered_paged_and_shows_what_one_may_see(void **state) {
  struct desk *d = *state;
  char got[256] = "", path[512] = "/api/v1/requests?limit=2";
  make_list(d);
  ask(d, NULL, "/api/v1/requests?limit=1000", d->ann);
  add_listed(d, got, sizeof got);
  assert_int_equal(strlen(got), 9); /* all five */
  expect_newest_first(d);
  assert_true(json_is_null(json_object_get(d->reply.json, "next_cursor")));
  ask(d, NULL, "/api/v1/requests?status=failed", d->ann);
  expect_listed(d, "b");
  ask(d, NULL, "/api/v1/requests?status=pending", d->ann);
  expect_listed(d, "");
  char *some = live_token(&(struct live_token){.sub = "sam", .subscribe = "*-[a]"});
  ask(d, NULL, "/api/v1/requests", some);
  expect_listed(d, "");
  free(some);
  some = live_token(&(struct live_token){.sub = "sam", .subscribe = "*-a"});
  ask(d, NULL, "/api/v1/requests", some);
  expect_listed(d, "a");
  free(some);
  ask(d, NULL, "/api/v1/requests", d->visitor); /* its own, and those without an owner */
  assert_non_null(strstr(d->reply.body, "list-c"));
  assert_null(strstr(d->reply.body, "list-d"));

  char by_pages[256] = "";
  for (int pages = 0; path[0] != '\0' && pages < 100; pages++) {
    ask(d, NULL, path, d->ann);
    assert_int_equal(d->reply.status, 200);
    assert_in_range(json_array_size(json_object_get(d->reply.json, "requests")), 0, 2);
    add_listed(d, by_pages, sizeof by_pages);
    const json_t *cursor = json_object_get(d->reply.json, "next_cursor");
    path[0] = '\0';
    if (json_is_string(cursor))
      snprintf(path, sizeof path, "/api/v1/requests?limit=2&cursor=%s", json_string_value(cursor));
  }
  assert_string_equal(by_pages, got);
}

static void a_row_of_the_list_has_the_short_form(void **state) {
  struct desk *d = *state;
  static const char *const NAMES[] = {"request_id", "status",     "stage",      "progress",
                                      "cost",       "tokens",     "owner",      "count",
                                      "bytes",      "created_at", "updated_at", "watcher_count"};
  post(d, "row", NULL, "{\"type\":\"t\"}");
  ask(d, NULL, "/api/v1/requests?limit=1", d->ann);
  const json_t *row = json_array_get(json_object_get(d->reply.json, "requests"), 0);
  assert_int_equal(json_object_size(row), sizeof NAMES / sizeof NAMES[0]);
  for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
    assert_non_null(json_object_get(row, NAMES[i]));
}

static void a_bad_question_for_the_list_is_named(void **state) {
  struct desk *d = *state;
  static const struct {
    const char *query, *part;
  } CASES[] = {{"limit=0", "limit"},        {"limit=1001", "limit"}, {"limit=x", "limit"},
               {"status=done", "'done'"},   {"status=", "''"},       {"cursor=nonsense", "cursor"},
               {"stage=routing", "'stage'"}};
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    char path[96];
    snprintf(path, sizeof path, "/api/v1/requests?%s", CASES[i].query);
    ask(d, NULL, path, d->ann);
    expect_error(d, 400, "bad_request", CASES[i].part);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_tells_how_far_it_is),
      cmocka_unit_test(its_watchers_are_shown_to_whose_it_is),
      cmocka_unit_test(a_request_that_is_watched_before_it_begins_is_pending),
      cmocka_unit_test(a_request_nobody_knows_is_unknown),
      cmocka_unit_test(who_may_not_watch_is_not_told_either),
      cmocka_unit_test(one_request_takes_no_parameters),
      cmocka_unit_test(a_deleted_request_is_gone_and_begins_anew),
      cmocka_unit_test(only_who_may_publish_there_deletes),
      cmocka_unit_test(the_list_is_filtered_paged_and_shows_what_one_may_see),
      cmocka_unit_test(a_row_of_the_list_has_the_short_form),
      cmocka_unit_test(a_bad_question_for_the_list_is_named),
  };
  return cmocka_run_group_tests(tests, desk_open, desk_close);
}
