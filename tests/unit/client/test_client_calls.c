/* read, status, list, delete: the calls over HTTP. */
#include "tests/unit/client/harness.h"

#include "tests/unit/client/fake_hub.h"
#include <stdio.h>

struct seen {
  int64_t ids[2000];
  size_t count, cancel_at;
  int dones, code;
  char json[256], message[512];
  struct cws_call *call;
};

static void on_event(const struct cws_event *event, void *user) {
  struct seen *s = user;
  s->ids[s->count++] = event->message_id;
  if (s->count == s->cancel_at)
    cws_call_cancel(s->call);
}

static void on_done(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct seen *s = user;
  s->dones++;
  s->code = why == NULL ? 0 : why->code;
  snprintf(s->message, sizeof(s->message), "%s", why == NULL ? "" : why->message);
  assert_true(why == NULL || json == NULL);
  snprintf(s->json, sizeof(s->json), "%.*s", (int)len, json == NULL ? "" : json);
}

static void read_with(fake_script *script, void *user, struct cws_read_options *o, struct seen *s) {
  struct fake_hub *hub = fake_hub_start(NULL, script, user);
  struct cws_client *client = harness_client(fake_hub_url(hub));
  o->request_id = "r";
  assert_int_equal(cws_read(client, o, on_event, on_done, s, &s->call, NULL), 0);
  harness_run(client);
  assert_int_equal(s->dones, 1);
  cws_client_free(client);
  fake_hub_stop(hub);
}

static size_t page(char *out, int64_t after, int64_t to, const char *tail) {
  size_t n = 0;
  for (int64_t id = after + 1; id <= to; id++)
    n += (size_t)sprintf(
        out + n,
        "{\"type\":\"step\",\"timestamp\":\"2026-01-02T03:04:05Z\",\"message_id\":%lld,"
        "\"data\":{}}%s",
        (long long)id, id < to ? "\n" : tail);
  return n;
}

/* 1,000 events; the Link names another host and path, which must not matter. */
static void paging_script(struct fake_conn *c, int index, void *user) {
  char *body = malloc(200000);
  const int64_t cut = *(const int64_t *)user;
  if (index % 3 == 0 && cut > 0)
    fake_cut_after(c, 1000 + (size_t)index * 1777);
  do {
    int64_t after = fake_query(c, "after", -1), limit = fake_query(c, "limit", -1);
    int64_t to = after + limit < 1000 ? after + limit : 1000;
    char link[200] = "";
    assert_true(fake_has(c, "GET /api/v1/requests/r/events?"));
    assert_true(fake_has(c, "Accept: application/x-ndjson\r\n"));
    page(body, after, to, index % 2 == 0 ? "\n" : "");
    if (to < 1000)
      snprintf(link, sizeof(link),
               "link: <http://evil.example/x?after=%lld&limit=%lld>; rel=\"next\"\r\n",
               (long long)to, (long long)limit);
    fake_reply(c, 200, link, body);
  } while (!fake_is_cut(c) && fake_next_request(c));
  free(body);
}

static void assert_ids(const struct seen *s, int64_t first, int64_t last) {
  assert_int_equal(s->count, last - first + 1);
  for (size_t i = 0; i < s->count; i++)
    assert_int_equal(s->ids[i], first + (int64_t)i);
}

static void a_range_is_read_page_by_page(void **state) {
  (void)state;
  struct seen s = {0};
  struct cws_read_options o;
  int64_t cut = 0;
  cws_read_options_init(&o);
  o.page = 300;
  read_with(paging_script, &cut, &o, &s);
  assert_int_equal(s.code, 0);
  assert_ids(&s, 1, 1000);
}

static void a_range_is_read_once_over_cuts(void **state) {
  (void)state;
  struct seen s = {0};
  struct cws_read_options o;
  int64_t cut = 1;
  cws_read_options_init(&o);
  o.after = 10;
  o.page = 200;
  read_with(paging_script, &cut, &o, &s);
  assert_int_equal(s.code, 0);
  assert_ids(&s, 11, 1000);
}

static void a_read_can_be_canceled_inside_its_callback(void **state) {
  (void)state;
  struct seen s = {.cancel_at = 5};
  struct cws_read_options o;
  int64_t cut = 0;
  cws_read_options_init(&o);
  read_with(paging_script, &cut, &o, &s);
  assert_int_equal(s.code, CWS_ECANCELED);
  assert_ids(&s, 1, 5);
}

static void query_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  snprintf(user, 512, "%.*s", (int)strcspn(fake_head(c), "\r"), fake_head(c));
  fake_reply(c, 200, "", "");
  fake_wait_end(c);
}

static void a_read_says_what_it_wants(void **state) {
  (void)state;
  struct seen s = {0};
  struct cws_read_options o;
  char line[512];
  cws_read_options_init(&o);
  o.after = 3;
  o.to = 9;
  o.types = "error,final_response";
  read_with(query_script, line, &o, &s);
  assert_string_equal(
      line,
      "GET /api/v1/requests/r/events?after=3&to=9&type=error%2Cfinal_response&limit=1000 HTTP/1.1");
  assert_int_equal(s.code, 0);
}

static void refusing_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  if (index < 2)
    fake_reply(c, 503, "", "{\"error\":{\"code\":\"store_unavailable\",\"message\":\"later\"}}");
  else
    fake_reply(c, 404, "",
               "{\"error\":{\"code\":\"unknown_request\",\"message\":\"no request 'r'\"}}");
}

static void a_read_waits_for_a_busy_hub_and_ends_with_its_refusal(void **state) {
  (void)state;
  struct seen s = {0};
  struct cws_read_options o;
  cws_read_options_init(&o);
  read_with(refusing_script, NULL, &o, &s);
  assert_int_equal(s.code, CWS_EUNKNOWNREQUEST);
  assert_string_equal(s.message, "no request 'r'");
}

enum { LOST = 9 };

/* Nobody is answered but the last. */
static void losing_script(struct fake_conn *c, int index, void *user) {
  (void)user;
  if (index == LOST)
    fake_reply(c, 200, "", "");
}

static int read_after_losses(int64_t max_attempts) {
  struct seen s = {0};
  struct cws_read_options o;
  cws_read_options_init(&o);
  o.max_attempts = max_attempts;
  read_with(losing_script, NULL, &o, &s);
  return s.code;
}

static void a_read_ends_after_as_many_attempts_as_it_may_take(void **state) {
  (void)state;
  assert_int_equal(read_after_losses(LOST), CWS_EDISCONNECTED);
  assert_int_equal(read_after_losses(LOST + 1), 0);
  assert_int_equal(read_after_losses(0), 0);
}

static void garbage_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  fake_reply(c, 200, "", "{\"type\":\"step\"}\nnonsense\n");
  fake_wait_end(c);
}

static void a_page_that_is_no_events_ends_it(void **state) {
  (void)state;
  struct seen s = {0};
  struct cws_read_options o;
  cws_read_options_init(&o);
  read_with(garbage_script, NULL, &o, &s);
  assert_int_equal(s.code, CWS_EPROTOCOL);
}

static void a_read_without_a_hub_ends_after_some_attempts(void **state) {
  (void)state;
  struct seen s = {0};
  struct cws_read_options o;
  struct cws_client *client = harness_client("http://127.0.0.1:1");
  cws_read_options_init(&o);
  o.request_id = "r";
  assert_int_equal(cws_read(client, &o, on_event, on_done, &s, &s.call, NULL), 0);
  harness_run(client);
  assert_int_equal(s.code, CWS_ECONNECT);
  cws_client_free(client);
}

/* ---- the others ---- */

static void asking_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  do {
    char body[300];
    snprintf(body, sizeof(body), "{\"asked\":\"%.*s\"}", (int)strcspn(fake_head(c), "\r"),
             fake_head(c));
    fake_reply(c, 200, "", body);
  } while (fake_next_request(c));
}

static void each_call_asks_its_route(void **state) {
  (void)state;
  struct fake_hub *hub = fake_hub_start(NULL, asking_script, NULL);
  struct cws_client *client = harness_client(fake_hub_url(hub));
  struct seen s[5] = {{.count = 0}};
  assert_int_equal(cws_status(client, NULL, on_done, &s[0], NULL, NULL), 0);
  harness_run(client);
  assert_int_equal(cws_status(client, "r-1", on_done, &s[1], NULL, NULL), 0);
  harness_run(client);
  assert_int_equal(cws_list(client, NULL, 50, NULL, on_done, &s[2], NULL, NULL), 0);
  harness_run(client);
  assert_int_equal(cws_list(client, "failed", 50, "a+b", on_done, &s[3], NULL, NULL), 0);
  harness_run(client);
  assert_int_equal(cws_delete(client, "r-1", on_done, &s[4], NULL, NULL), 0);
  harness_run(client);
  assert_string_equal(s[0].json, "{\"asked\":\"GET /api/v1/ws/status HTTP/1.1\"}");
  assert_string_equal(s[1].json, "{\"asked\":\"GET /api/v1/requests/r-1 HTTP/1.1\"}");
  assert_string_equal(s[2].json, "{\"asked\":\"GET /api/v1/requests?limit=50 HTTP/1.1\"}");
  assert_string_equal(
      s[3].json,
      "{\"asked\":\"GET /api/v1/requests?limit=50&status=failed&cursor=a%2Bb HTTP/1.1\"}");
  assert_string_equal(s[4].json, "{\"asked\":\"DELETE /api/v1/requests/r-1 HTTP/1.1\"}");
  for (int i = 0; i < 5; i++)
    assert_int_equal(s[i].dones, 1);
  cws_client_free(client);
  fake_hub_stop(hub);
}

static void readiness_script(struct fake_conn *c, int index, void *user) {
  static const char *const bodies[] = {"{\"status\":\"ready\"}", "{\"status\":\"draining\"}",
                                       "{\"from\":\"a proxy\"}", "no JSON"};
  int *next = user;
  (void)index;
  do {
    int i = (*next)++;
    fake_reply(c, fake_has(c, "GET /healthz/ready HTTP/1.1") ? (i == 0 ? 200 : 503) : 404, "",
               bodies[i]);
  } while (fake_next_request(c));
}

/* A hub that is not ready has answered; a 503 of whatever stands in between is none. */
static void that_a_hub_is_not_ready_is_an_answer(void **state) {
  (void)state;
  int next = 0;
  struct fake_hub *hub = fake_hub_start(NULL, readiness_script, &next);
  struct cws_client *client = harness_client(fake_hub_url(hub));
  struct seen s[4] = {{.count = 0}};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(cws_ready(client, on_done, &s[i], NULL, NULL), 0);
    harness_run(client);
    assert_int_equal(s[i].dones, 1);
  }
  assert_int_equal(s[0].code, 0);
  assert_string_equal(s[0].json, "{\"status\":\"ready\"}");
  assert_int_equal(s[1].code, 0);
  assert_string_equal(s[1].json, "{\"status\":\"draining\"}");
  assert_int_equal(s[2].code, CWS_EBUSY);
  assert_int_equal(s[3].code, CWS_EBUSY);
  cws_client_free(client);
  fake_hub_stop(hub);
}

static void wrong_arguments_are_refused_at_once(void **state) {
  (void)state;
  struct cws_client *client = harness_client("http://127.0.0.1:1");
  assert_int_equal(cws_delete(client, NULL, on_done, NULL, NULL, NULL), CWS_EBADREQUEST);
  assert_int_equal(cws_status(client, "a/b", on_done, NULL, NULL, NULL), CWS_EBADREQUEST);
  assert_int_equal(cws_list(client, NULL, 0, NULL, on_done, NULL, NULL, NULL), CWS_EINVAL);
  cws_client_free(client);
}

/* ---- tokens ---- */

static char *token_fn(bool expired, void *user) {
  int *asked = user;
  (*asked)++;
  return *asked > 2 ? NULL : strdup(expired ? "new" : "old");
}

static void token_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  (void)user;
  do {
    if (fake_has(c, "Bearer new\r\n"))
      fake_reply(c, 200, "", "{}");
    else
      fake_reply(c, 401, "", "{\"error\":{\"code\":\"token_expired\",\"message\":\"old\"}}");
  } while (fake_next_request(c));
}

static void an_expired_token_is_replaced_once(void **state) {
  (void)state;
  struct fake_hub *hub = fake_hub_start(NULL, token_script, NULL);
  struct cws_client_options co;
  struct seen s = {0}, t = {0};
  int asked = 0;
  harness_options(&co, fake_hub_url(hub));
  co.token_fn = token_fn;
  co.token_user = &asked;
  struct cws_client *client = harness_new(&co);
  assert_int_equal(cws_status(client, "r", on_done, &s, NULL, NULL), 0);
  harness_run(client);
  assert_int_equal(s.code, 0);
  assert_int_equal(asked, 2);
  assert_int_equal(cws_status(client, "r", on_done, &t, NULL, NULL), 0);
  harness_run(client);
  assert_int_equal(t.code, CWS_ENOTOKEN);
  cws_client_free(client);
  fake_hub_stop(hub);
}

static char *bad_token_fn(bool expired, void *user) {
  (void)expired;
  return strdup(user);
}

static void a_token_never_breaks_out_of_its_header(void **state) {
  (void)state;
  static const char *const bad[] = {"a\r\nX-Evil: 1", "a b", "caf\xc3\xa9"};
  for (size_t i = 0; i < 3; i++) {
    struct cws_client_options co;
    struct seen s = {0};
    harness_options(&co, "http://127.0.0.1:1");
    co.token_fn = bad_token_fn;
    co.token_user = (void *)bad[i];
    struct cws_client *client = harness_new(&co);
    assert_int_equal(cws_status(client, "r", on_done, &s, NULL, NULL), 0);
    harness_run(client);
    assert_int_equal(s.code, CWS_EINVAL);
    cws_client_free(client);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_range_is_read_page_by_page),
      cmocka_unit_test(a_range_is_read_once_over_cuts),
      cmocka_unit_test(a_read_can_be_canceled_inside_its_callback),
      cmocka_unit_test(a_read_says_what_it_wants),
      cmocka_unit_test(a_read_waits_for_a_busy_hub_and_ends_with_its_refusal),
      cmocka_unit_test(a_page_that_is_no_events_ends_it),
      cmocka_unit_test(a_read_without_a_hub_ends_after_some_attempts),
      cmocka_unit_test(a_read_ends_after_as_many_attempts_as_it_may_take),
      cmocka_unit_test(each_call_asks_its_route),
      cmocka_unit_test(that_a_hub_is_not_ready_is_an_answer),
      cmocka_unit_test(wrong_arguments_are_refused_at_once),
      cmocka_unit_test(an_expired_token_is_replaced_once),
      cmocka_unit_test(a_token_never_breaks_out_of_its_header),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
