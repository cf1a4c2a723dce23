/* desk: see desk.h. */
#include "tests/unit/api/desk.h"

#include <stdio.h>

int desk_open(void **state) {
  static const char *const ORIGINS[] = {"https://app.example", NULL};
  struct desk *d = calloc(1, sizeof *d);
  struct cws_server_options o;
  live_hub_options(&o);
  o.allow_origins = ORIGINS;
  o.max_event_bytes = 4096;
  o.max_body_bytes = 16384;
  o.max_batch_events = 5;
  d->hub = live_hub_start(&o);
  d->port = live_hub_port(d->hub);
  d->ann = live_token_all();
  d->reader = live_token(&(struct live_token){.sub = "rea", .subscribe = "*"});
  d->visitor = live_token(&(struct live_token){.sub = "vic", .is_plain = true});
  d->admin = live_token(&(struct live_token){.sub = "root", .admin = true});
  *state = d;
  return 0;
}

int desk_close(void **state) {
  struct desk *d = *state;
  raw_reply_free(&d->reply);
  cws_server_free(d->hub);
  free(d->ann);
  free(d->reader);
  free(d->visitor);
  free(d->admin);
  free(d);
  return 0;
}

static void take(struct desk *d, const struct raw_request *request) {
  raw_reply_free(&d->reply);
  raw_ask(d->port, request, &d->reply);
}

void ask_with(struct desk *d, const char *method, const char *path, const char *token,
              const char *headers) {
  take(d,
       &(struct raw_request){.method = method, .path = path, .token = token, .headers = headers});
}

void ask(struct desk *d, const char *method, const char *path, const char *token) {
  ask_with(d, method, path, token, NULL);
}

void post_to(struct desk *d, const char *path, const char *token, const char *headers,
             const char *body) {
  take(d, &(struct raw_request){
              .method = "POST", .path = path, .token = token, .headers = headers, .body = body});
}

void post(struct desk *d, const char *request_id, const char *headers, const char *body) {
  char path[256];
  snprintf(path, sizeof path, "/api/v1/requests/%s/events", request_id);
  post_to(d, path, d->ann, headers, body);
}

void expect_json(const struct desk *d, int status, const char *json) {
  raw_assert_json(&d->reply, status, json);
  expect_header(d, "content-type", "application/json");
}

void expect_error(const struct desk *d, int status, const char *code, const char *part) {
  raw_assert_error(&d->reply, status, code, part);
  expect_header(d, "content-type", "application/json");
}

void expect_published(const struct desk *d, int64_t first, int64_t last, bool duplicate) {
  if (d->reply.status != 201)
    fail_msg("not published: %d %s", d->reply.status, d->reply.body);
  assert_int_equal(raw_int(&d->reply, "first_message_id"), first);
  assert_int_equal(raw_int(&d->reply, "last_message_id"), last);
  assert_int_equal(raw_int(&d->reply, "count"), last - first + 1);
  assert_int_equal(json_is_true(json_object_get(d->reply.json, "duplicate")), duplicate);
}

void expect_header(const struct desk *d, const char *name, const char *value) {
  const char *got = raw_header(&d->reply, name);
  if ((got == NULL) != (value == NULL) || (got != NULL && strcmp(got, value) != 0))
    fail_msg("%s: expected '%s', got '%s'", name, value != NULL ? value : "(none)",
             got != NULL ? got : "(none)");
}
