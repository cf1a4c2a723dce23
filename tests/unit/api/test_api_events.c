/* route_events: GET /api/v1/requests/{id}/events. */
#include "tests/unit/api/desk.h"

#include <stdio.h>

#define EVENTS "/api/v1/requests/run/events"

/* Ten events in "run": odd ones of type a, even ones of type b. */
static int open_with_ten(void **state) {
  desk_open(state);
  struct desk *d = *state;
  for (int i = 1; i <= 10; i++) {
    char body[64];
    snprintf(body, sizeof body, "{\"type\":\"%c\",\"data\":%d}", i % 2 == 1 ? 'a' : 'b', i);
    post(d, "run", NULL, body);
    expect_published(d, i, i, false);
  }
  return 0;
}

/* The message_ids of the array that came, as "1 2 3". */
static void expect_ids(struct desk *d, const char *wanted) {
  char got[256] = "";
  size_t i;
  const json_t *event;
  if (d->reply.status != 200 || !json_is_array(d->reply.json))
    fail_msg("no events: %d %s", d->reply.status, d->reply.body);
  json_array_foreach(d->reply.json, i, event) {
    size_t len = strlen(got);
    snprintf(got + len, sizeof got - len, i > 0 ? " %d" : "%d",
             (int)json_integer_value(json_object_get(event, "message_id")));
  }
  assert_string_equal(got, wanted);
}

static void ask_for(struct desk *d, const char *query) {
  char path[256];
  snprintf(path, sizeof path, "%s%s", EVENTS, query);
  ask(d, NULL, path, d->reader);
}

static void the_events_come_as_an_array_in_wire_form(void **state) {
  struct desk *d = *state;
  ask_for(d, "");
  expect_ids(d, "1 2 3 4 5 6 7 8 9 10");
  expect_header(d, "content-type", "application/json");
  expect_header(d, "link", NULL);
  const json_t *third = json_array_get(d->reply.json, 2);
  assert_int_equal(json_object_size(third), 4);
  assert_string_equal(json_string_value(json_object_get(third, "type")), "a");
  assert_int_equal(json_integer_value(json_object_get(third, "data")), 3);
  assert_non_null(json_string_value(json_object_get(third, "timestamp")));
}

static void a_range_begins_after_one_id_and_ends_with_another(void **state) {
  struct desk *d = *state;
  ask_for(d, "?after=3&to=6");
  expect_ids(d, "4 5 6");
  ask_for(d, "?after=9");
  expect_ids(d, "10");
  ask_for(d, "?to=2");
  expect_ids(d, "1 2");
  ask_for(d, "?after=10");
  expect_ids(d, "");
  ask_for(d, "?after=9007199254740992");
  expect_ids(d, "");
  ask_for(d, "?after=6&to=3");
  expect_ids(d, "");
}

static void only_the_types_asked_for_come(void **state) {
  struct desk *d = *state;
  ask_for(d, "?type=b");
  expect_ids(d, "2 4 6 8 10");
  ask_for(d, "?type=b,a&to=3");
  expect_ids(d, "1 2 3");
  ask_for(d, "?type=none,ab");
  expect_ids(d, "");
}

/* ---- pages ---- */

/* Follows Link from page to page; what all of them had, and how many there were. */
static int follow_links(struct desk *d, const char *query, char *all, size_t size) {
  char path[512];
  int pages = 0;
  snprintf(path, sizeof path, "%s%s", EVENTS, query);
  all[0] = '\0';
  for (const char *link = ""; link != NULL && pages < 20; pages++) {
    size_t i;
    const json_t *event;
    ask(d, NULL, path, d->reader);
    assert_int_equal(d->reply.status, 200);
    json_array_foreach(d->reply.json, i, event) {
      size_t len = strlen(all);
      snprintf(all + len, size - len, "%d ",
               (int)json_integer_value(json_object_get(event, "message_id")));
    }
    link = raw_header(&d->reply, "link");
    if (link != NULL && sscanf(link, "<%500[^>]>; rel=\"next\"", path) != 1)
      fail_msg("link: %s", link);
  }
  return pages;
}

static void pages_hang_together_by_their_links(void **state) {
  struct desk *d = *state;
  char all[256];
  assert_in_range(follow_links(d, "?limit=3", all, sizeof all), 4, 4);
  assert_string_equal(all, "1 2 3 4 5 6 7 8 9 10 ");
  assert_in_range(follow_links(d, "?limit=2&type=b&after=2&to=8", all, sizeof all), 2, 3);
  assert_string_equal(all, "4 6 8 ");
  assert_in_range(follow_links(d, "?limit=1&to=2&type=a,b", all, sizeof all), 2, 3);
  assert_string_equal(all, "1 2 ");
  assert_int_equal(follow_links(d, "?limit=10000", all, sizeof all), 1);
}

static void a_page_keeps_to_the_epoch_it_began_in(void **state) {
  struct desk *d = *state;
  char path[160], epoch[32];
  ask(d, NULL, "/api/v1/requests/run", d->ann);
  snprintf(epoch, sizeof epoch, "%s", raw_str(&d->reply, "epoch"));
  snprintf(path, sizeof path, EVENTS "?limit=4&epoch=%s", epoch);
  ask(d, NULL, path, d->reader);
  expect_ids(d, "1 2 3 4");
  assert_non_null(strstr(raw_header(&d->reply, "link"), epoch));
  ask_for(d, "?epoch=another");
  expect_error(d, 410, "epoch_changed", "another");
}

/* ---- forms ---- */

static void lines_come_where_they_are_accepted(void **state) {
  struct desk *d = *state;
  static const char *const ACCEPT[] = {"Accept: application/x-ndjson\r\n",
                                       "Accept: text/html, application/x-ndjson;q=0.9\r\n"};
  for (size_t i = 0; i < 2; i++) {
    ask_with(d, NULL, EVENTS "?to=2&limit=2", d->reader, ACCEPT[i]);
    expect_header(d, "content-type", "application/x-ndjson");
    size_t lines = 0;
    for (const char *p = d->reply.body; (p = strchr(p, '\n')) != NULL; p++)
      lines++;
    assert_int_equal(lines, 2);
    assert_int_equal(d->reply.body[d->reply.len - 1], '\n');
    assert_int_equal(d->reply.body[0], '{');
  }
  ask_with(d, NULL, EVENTS, d->reader, "Accept: */*\r\n");
  expect_header(d, "content-type", "application/json");
}

/* ---- refusals ---- */

static void a_parameter_out_of_its_range_is_named(void **state) {
  struct desk *d = *state;
  static const struct {
    const char *query, *part;
  } CASES[] = {
      {"?after=-1", "after"},     {"?after=x", "after"},    {"?after=", "after"},
      {"?after=1.5", "after"},    {"?to=-1", "to"},         {"?limit=0", "limit"},
      {"?limit=10001", "limit"},  {"?limit=a", "limit"},    {"?type=a%20b", "type"},
      {"?type=a%0d%0ax", "type"}, {"?epoch=a-b", "epoch"},  {"?aftr=1", "'aftr'"},
      {"?after=1&x", "'x'"},      {"?after=%zz", "escape"}, {"?after=%00", "escape"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    ask_for(d, CASES[i].query);
    expect_error(d, 400, "bad_request", CASES[i].part);
  }
}

static void who_may_not_watch_reads_nothing(void **state) {
  struct desk *d = *state;
  char *some = live_token(&(struct live_token){.sub = "sam", .subscribe = "req-*"});
  ask(d, NULL, EVENTS, some);
  expect_error(d, 403, "forbidden", "'run'");
  ask(d, NULL, EVENTS,
      d->visitor); /* a request without an owner is for everyone who is logged in */
  assert_int_equal(d->reply.status, 200);
  free(some);
}

static void an_unknown_request_has_no_events(void **state) {
  struct desk *d = *state;
  ask(d, NULL, "/api/v1/requests/nobody/events", d->reader);
  expect_error(d, 404, "unknown_request", "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_events_come_as_an_array_in_wire_form),
      cmocka_unit_test(a_range_begins_after_one_id_and_ends_with_another),
      cmocka_unit_test(only_the_types_asked_for_come),
      cmocka_unit_test(pages_hang_together_by_their_links),
      cmocka_unit_test(a_page_keeps_to_the_epoch_it_began_in),
      cmocka_unit_test(lines_come_where_they_are_accepted),
      cmocka_unit_test(a_parameter_out_of_its_range_is_named),
      cmocka_unit_test(who_may_not_watch_reads_nothing),
      cmocka_unit_test(an_unknown_request_has_no_events),
  };
  return cmocka_run_group_tests(tests, open_with_ten, desk_close);
}
