/* From the first byte of a request to the session, through the real HTTP side on a fake connection.
 */
#define _GNU_SOURCE /* memmem */
#include "server/auth/auth.h"
#include "server/ws/handshake.h"
#include "world.h"
#include <stdlib.h>
#include <string.h>

static const char *const all[] = {"*", NULL}, *const none[] = {NULL};

struct site {
  struct world *w;
  struct auth *auth;
  struct handshake_context context;
  struct http_server *http;
  struct connection *c;
  char *token; /* of ann, without the claim */
};

static void on_request(struct http_request *r, void *user) {
  struct site *s = user;
  handshake_start(&s->context, r, http_segment(r, 3));
}

static struct http_server *serve(struct site *s) {
  static const struct http_handlers handlers = {.on_request = on_request};
  struct http_limits limits;
  http_limits_init(&limits);
  return http_server_new(WORKERS, &limits, &handlers, s);
}

static int set_up(void **state) {
  struct site *s = calloc(1, sizeof(*s));
  s->w = world_new(NULL);
  static const char *const origins[] = {"https://app.example.org", NULL};
  const struct cws_server_options options = {.size = sizeof(options),
                                             .local_secret = SECRET,
                                             .local_secret_len = strlen(SECRET),
                                             .allow_origins = origins};
  assert_int_equal(auth_new(&options, &s->w->clock, NULL, &s->auth, NULL), 0);
  s->context =
      (struct handshake_context){.hub = s->w->hub, .auth = s->auth, .settings = &s->w->settings};
  s->token = world_token(s->w, "ann", NULL, NULL, 3600);
  s->http = serve(s);
  *state = s;
  return 0;
}

static void hang_up(struct site *s) {
  if (s->c == NULL)
    return;
  fake_kill(s->c);
  fake_turn(s->c);
  fake_connection_free(s->c);
  s->c = NULL;
}

static int tear_down(void **state) {
  struct site *s = *state;
  world_settle(s->w);
  hang_up(s);
  http_server_free(s->http);
  auth_free(s->auth);
  world_free(s->w);
  free(s->token);
  free(s);
  return 0;
}

static void connect_to(struct site *s) {
  hang_up(s);
  assert_int_equal(http_serve(s->http, s->w->loops[0], -1, false, &s->c), 0);
}

#define UPGRADE                                                                                    \
  "Host: hub.example.org\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"             \
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static bool has_answer(struct site *s) {
  const struct buf *b = fake_received(s->c);
  return b->len > 0 && strstr(b->data, "\r\n\r\n") != NULL;
}

/* Sends a request made of a line and headers; returns the answer, status first. */
static const char *ask(struct site *s, const char *line, const char *headers) {
  struct buf b;
  connect_to(s);
  buf_init(&b);
  buf_addf(&b, "%s HTTP/1.1\r\n%s\r\n", line, headers);
  fake_send(s->c, b.data, b.len);
  buf_finish(&b);
  WAIT_FOR(s->w, has_answer(s));
  return fake_received(s->c)->data;
}

static void assert_has(const char *answer, const char *part) {
  if (strstr(answer, part) == NULL)
    print_error("no \"%s\" in: %s\n", part, answer);
  assert_non_null(strstr(answer, part));
}

static void assert_refused(const char *answer, const char *status, const char *code) {
  char start[32], error[64];
  snprintf(start, sizeof(start), "HTTP/1.1 %s ", status);
  snprintf(error, sizeof(error), "\"code\":\"%s\"", code);
  if (strncmp(answer, start, strlen(start)) != 0)
    print_error("%s\n", answer);
  assert_int_equal(strncmp(answer, start, strlen(start)), 0);
  assert_has(answer, error);
}

/* A GET of request r with this query (may be "") and these headers beside the upgrade's. */
static const char *get(struct site *s, const char *query, const char *headers) {
  char line[4096], all_headers[8192];
  snprintf(line, sizeof(line), "GET /api/v1/ws/r%s", query);
  snprintf(all_headers, sizeof(all_headers), UPGRADE "%s", headers);
  return ask(s, line, all_headers);
}

static const char *get_with_token(struct site *s, const char *query, const char *headers) {
  char text[4096];
  snprintf(text, sizeof(text), "?token=%s%s", s->token, query);
  return get(s, text, headers);
}

static void assert_upgraded(struct site *s, const char *answer) {
  assert_has(answer, "HTTP/1.1 101 ");
  assert_has(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
  WAIT_FOR(s->w, session_count(&s->w->settings, s->w->loops[0]) == 1);
  WAIT_FOR(s->w, memmem(fake_received(s->c)->data, fake_received(s->c)->len,
                        "connection_established", 22) != NULL);
}

/* ---- what is let in ---- */

static void a_token_in_the_query_opens_a_session(void **state) {
  struct site *s = *state;
  const char *answer = get_with_token(s, "", "");
  assert_upgraded(s, answer);
  assert_has(answer, "Upgrade: websocket\r\n");
  assert_null(strstr(answer, "Sec-WebSocket-Protocol"));
}

static void the_answer_and_the_first_message_are_one_write(void **state) {
  struct site *s = *state;
  assert_upgraded(s, get_with_token(s, "", ""));
  assert_int_equal(fake_writes(s->c), 1);
}

static void a_token_in_authorization_opens_a_session(void **state) {
  struct site *s = *state;
  char header[2048];
  snprintf(header, sizeof(header), "Authorization: bearer %s\r\n", s->token);
  assert_upgraded(s, get(s, "", header));
}

static void a_token_in_the_subprotocols_is_never_echoed(void **state) {
  struct site *s = *state;
  char header[2048];
  snprintf(header, sizeof(header), "Sec-WebSocket-Protocol: councilws.v1, bearer.%s\r\n", s->token);
  const char *answer = get(s, "", header);
  assert_upgraded(s, answer);
  assert_has(answer, "Sec-WebSocket-Protocol: councilws.v1\r\n");
  assert_null(memmem(answer, fake_received(s->c)->len, s->token, strlen(s->token)));
}

static void other_subprotocols_are_not_answered(void **state) {
  struct site *s = *state;
  const char *answer = get_with_token(s, "", "Sec-WebSocket-Protocol: chat, superchat\r\n");
  assert_upgraded(s, answer);
  assert_null(strstr(answer, "Sec-WebSocket-Protocol"));
}

static void the_same_token_twice_is_one(void **state) {
  struct site *s = *state;
  char header[2048];
  snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", s->token);
  assert_upgraded(s, get_with_token(s, "", header));
}

static void another_scheme_in_authorization_is_a_proxys(void **state) {
  struct site *s = *state;
  assert_upgraded(s, get_with_token(s, "", "Authorization: Basic YTpi\r\n"));
}

static void unknown_parameters_are_ignored(void **state) {
  struct site *s = *state;
  assert_upgraded(s, get_with_token(s, "&utm_source=x&afterwards=y&_=17", ""));
}

static void the_wish_reaches_the_session(void **state) {
  struct site *s = *state;
  world_publish(s->w, "r", 5, 0, NULL);
  assert_upgraded(s, get_with_token(s, "&after=2&subscriber=phone", ""));
  const struct buf *b = fake_received(s->c);
  assert_non_null(memmem(b->data, b->len, "\"resume_from\":2", 15));
  assert_non_null(memmem(b->data, b->len, "\"subscriber\":\"ann/phone\"", 24));
}

static void a_page_of_the_hub_or_of_the_list_is_let_in(void **state) {
  struct site *s = *state;
  assert_upgraded(s, get_with_token(s, "", "Origin: http://hub.example.org\r\n"));
  assert_upgraded(s, get_with_token(s, "", "Origin: https://app.example.org\r\n"));
}

static void who_may_only_publish_is_let_in(void **state) {
  struct site *s = *state;
  free(s->token);
  s->token = world_token(s->w, "pub", none, all, 3600);
  assert_upgraded(s, get_with_token(s, "", ""));
}

static void bytes_right_behind_the_request_are_heard(void **state) {
  struct site *s = *state;
  struct buf b;
  connect_to(s);
  buf_init(&b);
  buf_addf(&b, "GET /api/v1/ws/r?token=%s HTTP/1.1\r\n%s\r\n", s->token, UPGRADE);
  ws_frame_append_masked(&b, WS_PING, "hello", 5, 0x01020304);
  fake_send(s->c, b.data, b.len);
  buf_finish(&b);
  WAIT_FOR(s->w, fake_received(s->c)->len > 0 &&
                     memmem(fake_received(s->c)->data, fake_received(s->c)->len, "\x8a\x05hello",
                            7) != NULL);
  assert_upgraded(s, fake_received(s->c)->data);
}

/* ---- what is refused ---- */

static void only_a_get_will_do(void **state) {
  struct site *s = *state;
  const char *answer = ask(s, "POST /api/v1/ws/r", UPGRADE "Content-Length: 0\r\n");
  assert_refused(answer, "405", "method_not_allowed");
  assert_has(answer, "Allow: GET\r\n");
}

static void without_an_upgrade_it_says_what_is_required(void **state) {
  struct site *s = *state;
  const char *answer = ask(s, "GET /api/v1/ws/r", "Host: h\r\n");
  assert_refused(answer, "426", "bad_request");
  assert_has(answer, "Upgrade: websocket\r\n");
  assert_has(answer, "Sec-WebSocket-Version: 13\r\n");
}

static void http_1_0_cannot_be_upgraded(void **state) {
  struct site *s = *state;
  struct buf b;
  connect_to(s);
  buf_init(&b);
  buf_addf(&b, "GET /api/v1/ws/r?token=%s HTTP/1.0\r\n%s\r\n", s->token, UPGRADE);
  fake_send(s->c, b.data, b.len);
  buf_finish(&b);
  WAIT_FOR(s->w, has_answer(s));
  assert_refused(fake_received(s->c)->data, "400", "bad_request");
  assert_has(fake_received(s->c)->data, "HTTP/1.1\"");
}

static void another_version_is_told_the_right_one(void **state) {
  struct site *s = *state;
  const char *answer = ask(s, "GET /api/v1/ws/r",
                           "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Version: 8\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  assert_refused(answer, "426", "bad_request");
  assert_has(answer, "Sec-WebSocket-Version: 13\r\n");
}

static void a_key_has_16_bytes_in_base64(void **state) {
  struct site *s = *state;
  static const char *const keys[] = {"", "Sec-WebSocket-Key: short\r\n",
                                     ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")};
  for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
    char headers[512];
    snprintf(headers, sizeof(headers),
             "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\n%s",
             keys[i]);
    assert_refused(ask(s, "GET /api/v1/ws/r", headers), "400", "bad_request");
  }
}

static void malformed_parameters_are_named(void **state) {
  struct site *s = *state;
  static const struct {
    const char *query, *name;
  } bad[] = {
      {"&after=x", "after"},
      {"&after=-1", "after"},
      {"&after=", "after"},
      {"&after=1.5", "after"},
      {"&after=9007199254740993", "after"},
      {"&epoch=much-too-long-for-an-epoch", "epoch"},
      {"&from=old", "from"},
      {"&from=", "from"},
      {"&subscriber=", "subscriber"},
      {"&subscriber=a/b", "subscriber"},
      {"&subscriber=a%2Fb", "subscriber"},
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    const char *answer = get_with_token(s, bad[i].query, "");
    assert_refused(answer, "400", "bad_request");
    assert_has(answer, bad[i].name);
  }
}

static void a_bad_request_id_is_refused(void **state) {
  struct site *s = *state;
  char line[2048];
  snprintf(line, sizeof(line), "GET /api/v1/ws/a%%20b?token=%s", s->token);
  assert_refused(ask(s, line, UPGRADE), "400", "bad_request");
}

static void another_origin_is_refused(void **state) {
  struct site *s = *state;
  assert_refused(get_with_token(s, "", "Origin: https://evil.example.org\r\n"), "403",
                 "bad_origin");
}

static void without_a_good_token_it_is_401(void **state) {
  struct site *s = *state;
  assert_refused(get(s, "", ""), "401", "no_token");
  assert_refused(get(s, "?token=", ""), "401", "no_token");
  assert_refused(get(s, "?token=abc", ""), "401", "bad_token");
  s->w->wall_ms += 4000 * 1000;
  assert_refused(get_with_token(s, "", ""), "401", "token_expired");
}

static void two_different_tokens_are_refused(void **state) {
  struct site *s = *state;
  const char *answer = get_with_token(s, "", "Authorization: Bearer another\r\n");
  assert_refused(answer, "400", "bad_request");
  assert_null(strstr(answer, s->token));
}

static void without_a_right_it_is_forbidden(void **state) {
  struct site *s = *state;
  static const char *const other[] = {"other", NULL};
  world_publish(s->w, "r", 1, 0, "bob");
  assert_refused(get_with_token(s, "", ""), "403", "forbidden");
  free(s->token);
  s->token = world_token(s->w, "pub", other, other, 3600);
  assert_refused(get_with_token(s, "", ""), "403", "forbidden");
}

static void too_many_connections_are_told_when_to_come_back(void **state) {
  struct site *s = *state;
  struct quota_limits limits = {.max_connections_per_user = 1};
  struct quota *before = s->w->settings.quota;
  struct quota_hold hold = {0};
  s->w->settings.quota = quota_new(&limits, &s->w->clock);
  assert_int_equal(quota_take_user(s->w->settings.quota, "ann", &hold), 0);
  const char *answer = get_with_token(s, "", "");
  assert_refused(answer, "429", "too_many_connections");
  assert_has(answer, "Retry-After: ");
  quota_release(&hold);
  assert_upgraded(s, get_with_token(s, "", ""));
  hang_up(s);
  assert_upgraded(s, get_with_token(s, "", ""));
  hang_up(s);
  quota_free(s->w->settings.quota);
  s->w->settings.quota = before;
}

static void a_draining_hub_says_so(void **state) {
  struct site *s = *state;
  session_drain_all(&s->w->settings, s->w->loops[0], 100);
  const char *answer = get_with_token(s, "", "");
  assert_refused(answer, "503", "draining");
  assert_has(answer, "Retry-After: ");
}

static void who_leaves_in_the_middle_leaves_nothing(void **state) {
  struct site *s = *state;
  struct buf b;
  connect_to(s);
  buf_init(&b);
  buf_addf(&b, "GET /api/v1/ws/r?token=%s HTTP/1.1\r\n%s\r\n", s->token, UPGRADE);
  fake_send(s->c, b.data, b.len);
  buf_finish(&b);
  fake_kill(s->c);
  fake_turn(s->c); /* before the stream was opened */
  world_settle(s->w);
  assert_int_equal(session_count(&s->w->settings, s->w->loops[0]), 0);
}

static void keys_that_are_gone_end_their_sessions(void **state) {
  struct site *s = *state;
  static const char other[] = "another secret, also of 32 bytes or more";
  assert_upgraded(s, get_with_token(s, "", ""));
  session_recheck_all(&s->w->settings, s->w->loops[0], s->auth);
  struct buf *b = fake_received(s->c);
  assert_null(memmem(b->data, b->len, "\"bye\"", 5));
  const struct cws_server_options options = {
      .size = sizeof(options), .local_secret = other, .local_secret_len = strlen(other)};
  struct auth *changed;
  assert_int_equal(auth_new(&options, &s->w->clock, NULL, &changed, NULL), 0);
  session_recheck_all(&s->w->settings, s->w->loops[0], changed);
  assert_non_null(memmem(b->data, b->len, "\"code\":4503", 11));
  auth_free(changed);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_token_in_the_query_opens_a_session),
      TEST(the_answer_and_the_first_message_are_one_write),
      TEST(a_token_in_authorization_opens_a_session),
      TEST(a_token_in_the_subprotocols_is_never_echoed),
      TEST(other_subprotocols_are_not_answered),
      TEST(the_same_token_twice_is_one),
      TEST(another_scheme_in_authorization_is_a_proxys),
      TEST(unknown_parameters_are_ignored),
      TEST(the_wish_reaches_the_session),
      TEST(a_page_of_the_hub_or_of_the_list_is_let_in),
      TEST(who_may_only_publish_is_let_in),
      TEST(bytes_right_behind_the_request_are_heard),
      TEST(only_a_get_will_do),
      TEST(without_an_upgrade_it_says_what_is_required),
      TEST(http_1_0_cannot_be_upgraded),
      TEST(another_version_is_told_the_right_one),
      TEST(a_key_has_16_bytes_in_base64),
      TEST(malformed_parameters_are_named),
      TEST(a_bad_request_id_is_refused),
      TEST(another_origin_is_refused),
      TEST(without_a_good_token_it_is_401),
      TEST(two_different_tokens_are_refused),
      TEST(without_a_right_it_is_forbidden),
      TEST(too_many_connections_are_told_when_to_come_back),
      TEST(a_draining_hub_says_so),
      TEST(who_leaves_in_the_middle_leaves_nothing),
      TEST(keys_that_are_gone_end_their_sessions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
