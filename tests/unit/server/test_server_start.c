/* server: from new to running and to the end, once and many times, alone and beside another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/support/live_hub.h"
#include "tests/unit/support/raw_http.h"
#include "tests/unit/support/temp_folder.h"

static void ask(const struct cws_server *hub, const char *path, struct raw_reply *out) {
  raw_ask(live_hub_port(hub), &(struct raw_request){.path = path}, out);
}

static void expect_ready(const struct cws_server *hub) {
  struct raw_reply reply;
  ask(hub, "/healthz/ready", &reply);
  raw_assert_json(&reply, 200, "{\"status\": \"ready\"}");
  raw_reply_free(&reply);
}

static void expect_refused_start(const struct cws_server_options *o, int code, const char *part) {
  struct cws_server *hub = live_hub_new(o);
  struct cws_error err = {0};
  int rc = cws_server_start(hub, &err);
  if (rc != code || err.code != code || strstr(err.message, part) == NULL)
    fail_msg("expected %d '%s': %d '%s'", code, part, rc, err.message);
  assert_int_equal(cws_server_start(hub, &err), CWS_EINVAL); /* it had its one chance */
  assert_null(cws_server_url(hub, 0));
  assert_int_equal(cws_server_drain(hub, NULL), 0); /* nothing runs: nothing to wait for */
  cws_server_stop(hub);
  cws_server_free(hub);
}

/* ---- starting ---- */

static void a_free_port_is_taken_and_told_once_it_accepts(void **state) {
  (void)state;
  struct cws_server *hub = live_hub_new(NULL);
  assert_null(cws_server_url(hub, 0));
  assert_int_equal(cws_server_start(hub, NULL), 0);
  assert_memory_equal(cws_server_url(hub, 0), "http://127.0.0.1:", 17);
  assert_in_range(live_hub_port(hub), 1, 65535);
  assert_null(cws_server_url(hub, 1));
  expect_ready(hub);
  cws_server_free(hub);
}

static void every_listener_has_its_url_in_the_order_of_the_options(void **state) {
  (void)state;
  struct temp_folder f;
  temp_folder_make(&f);
  char socket[128];
  snprintf(socket, sizeof socket, "unix:%s.sock", f.db);
  const char *const listen[] = {socket, "127.0.0.1:0", "127.0.0.1:0", NULL};
  struct cws_server_options o;
  live_hub_options(&o);
  o.listen = listen;
  struct cws_server *hub = live_hub_start(&o);
  assert_string_equal(cws_server_url(hub, 0), socket);
  assert_string_not_equal(cws_server_url(hub, 1), cws_server_url(hub, 2));
  for (size_t i = 1; i < 3; i++)
    assert_true(raw_is_open((int)strtol(strrchr(cws_server_url(hub, i), ':') + 1, NULL, 10)));
  assert_null(cws_server_url(hub, 3));
  assert_int_equal(access(socket + 5, F_OK), 0);
  cws_server_free(hub);
  assert_int_not_equal(access(socket + 5, F_OK), 0);
  temp_folder_remove(&f);
}

static void a_running_hub_is_not_started_again(void **state) {
  (void)state;
  struct cws_server *hub = live_hub_start(NULL);
  struct cws_error err = {0};
  assert_int_equal(cws_server_start(hub, &err), CWS_EINVAL);
  assert_int_equal(err.code, CWS_EINVAL);
  expect_ready(hub);
  cws_server_stop(hub);
  assert_int_equal(cws_server_start(hub, NULL), CWS_EINVAL);
  cws_server_free(hub);
}

static void the_callers_own_secret_is_not_enough_beyond_loopback(void **state) {
  (void)state;
  static const char *const OPEN[] = {"0.0.0.0:0", ":0", "[::]:0", NULL};
  for (size_t i = 0; OPEN[i] != NULL; i++) {
    const char *const listen[] = {"127.0.0.1:0", OPEN[i], NULL};
    struct cws_server_options o;
    live_hub_options(&o);
    o.listen = listen;
    expect_refused_start(&o, CWS_ECONFIG, OPEN[i]);
    expect_refused_start(&o, CWS_ECONFIG, "--secret-file");
  }
}

/* ---- refused starts ---- */

static void a_second_hub_on_the_same_port_is_refused_and_the_first_goes_on(void **state) {
  (void)state;
  struct cws_server *first = live_hub_start(NULL);
  char address[64];
  snprintf(address, sizeof address, "127.0.0.1:%d", live_hub_port(first));
  const char *const listen[] = {"127.0.0.1:0", address, NULL};
  struct cws_server_options o;
  live_hub_options(&o);
  o.listen = listen;
  expect_refused_start(&o, CWS_ESYSTEM, address);
  expect_ready(first);
  cws_server_free(first);
}

/* A port that was free a moment ago. */
static int free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (const struct sockaddr *)&address, len), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  close(fd);
  return ntohs(address.sin_port);
}

static void a_second_hub_on_the_same_store_is_refused_and_its_port_is_free_again(void **state) {
  (void)state;
  struct temp_folder f;
  temp_folder_make(&f);
  char address[64];
  snprintf(address, sizeof address, "127.0.0.1:%d", free_port());
  const char *const listen[] = {address, NULL};
  struct cws_server_options o;
  live_hub_options(&o);
  o.store = f.store;
  struct cws_server *first = live_hub_start(&o);
  o.listen = listen;
  expect_refused_start(&o, CWS_ESTORE, f.db);
  expect_ready(first);
  cws_server_free(first);
  struct cws_server *second = live_hub_start(&o); /* both are free now */
  expect_ready(second);
  cws_server_free(second);
  temp_folder_remove(&f);
}

static void a_store_that_cannot_be_opened_is_named(void **state) {
  (void)state;
  struct temp_folder f;
  temp_folder_make(&f);
  struct cws_server_options o;
  live_hub_options(&o);
  o.store = "sqlite:";
  expect_refused_start(&o, CWS_ECONFIG, "store");
  char inside[128];
  snprintf(inside, sizeof inside, "sqlite:%s/file/hub.db", f.path);
  char file[96];
  snprintf(file, sizeof file, "%s/file", f.path);
  static const char TEXT[] = "no database, and too long to be taken for an empty one\n";
  temp_folder_write(&f, "file", TEXT);
  o.store = inside;
  expect_refused_start(&o, CWS_ESTORE, file);
  snprintf(inside, sizeof inside, "sqlite:%s", file);
  expect_refused_start(&o, CWS_ECORRUPT, file);
  struct stat st;
  assert_int_equal(stat(file, &st), 0);
  assert_int_equal(st.st_size, strlen(TEXT)); /* as it was */
  temp_folder_remove(&f);
}

/* ---- other orders ---- */

static void what_needs_a_running_hub_says_so(void **state) {
  (void)state;
  struct cws_server *hub = live_hub_new(NULL);
  struct cws_error err = {0};
  assert_int_equal(cws_server_reload(hub, NULL, &err), CWS_EINVAL);
  assert_int_equal(err.code, CWS_EINVAL);
  err = (struct cws_error){0};
  assert_int_equal(cws_server_drain(hub, &err), CWS_EINVAL);
  assert_int_equal(err.code, CWS_EINVAL);
  cws_server_stop(hub);
  assert_int_equal(cws_server_reload(hub, NULL, NULL), CWS_EINVAL);
  assert_int_equal(cws_server_drain(hub, NULL), 0);
  assert_int_equal(cws_server_start(hub, NULL), CWS_EINVAL);
  cws_server_stop(hub);
  cws_server_free(hub);
  cws_server_free(NULL);
}

static void a_hub_starts_and_stops_many_times(void **state) {
  (void)state;
  struct temp_folder f;
  temp_folder_make(&f);
  char *token = live_token_all();
  for (int i = 1; i <= 15; i++) {
    struct cws_server_options o;
    struct raw_reply reply;
    live_hub_options(&o);
    o.store = f.store;
    o.workers = 1 + i % 3;
    struct cws_server *hub = live_hub_start(&o);
    raw_ask(live_hub_port(hub),
            &(struct raw_request){
                .path = "/api/v1/requests/r/events", .token = token, .body = "{\"type\":\"t\"}"},
            &reply);
    assert_int_equal(reply.status, 201);
    assert_int_equal(raw_int(&reply, "first_message_id"),
                     i); /* what the last one stored is there */
    raw_reply_free(&reply);
    if (i % 2 == 0)
      assert_int_equal(cws_server_drain(hub, NULL), 0);
    if (i % 5 == 0)
      cws_server_stop(hub);
    cws_server_free(hub);
  }
  free(token);
  temp_folder_remove(&f);
}

static void two_hubs_in_one_process_know_nothing_of_each_other(void **state) {
  (void)state;
  struct cws_server_options o;
  struct raw_reply reply;
  live_hub_options(&o);
  struct cws_server *one = live_hub_start(&o);
  o.local_secret = "another-secret-of-at-least-32-bytes";
  o.local_secret_len = 35;
  struct cws_server *two = live_hub_start(&o);
  char *token = live_token_all();
  char *other = live_token(&(struct live_token){
      .publish = "*", .subscribe = "*", .secret = "another-secret-of-at-least-32-bytes"});
  struct raw_request publish = {
      .path = "/api/v1/requests/r/events", .token = token, .body = "{\"type\":\"t\"}"};
  raw_ask(live_hub_port(one), &publish, &reply);
  assert_int_equal(reply.status, 201);
  raw_reply_free(&reply);
  raw_ask(live_hub_port(two), &publish, &reply);
  raw_assert_error(&reply, 401, "bad_token", "");
  raw_reply_free(&reply);
  cws_server_free(one);
  raw_ask(live_hub_port(two), &(struct raw_request){.path = "/api/v1/requests/r", .token = other},
          &reply);
  raw_assert_error(&reply, 404, "unknown_request", "");
  raw_reply_free(&reply);
  cws_server_free(two);
  free(token);
  free(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_free_port_is_taken_and_told_once_it_accepts),
      cmocka_unit_test(every_listener_has_its_url_in_the_order_of_the_options),
      cmocka_unit_test(a_running_hub_is_not_started_again),
      cmocka_unit_test(the_callers_own_secret_is_not_enough_beyond_loopback),
      cmocka_unit_test(a_second_hub_on_the_same_port_is_refused_and_the_first_goes_on),
      cmocka_unit_test(a_second_hub_on_the_same_store_is_refused_and_its_port_is_free_again),
      cmocka_unit_test(a_store_that_cannot_be_opened_is_named),
      cmocka_unit_test(what_needs_a_running_hub_says_so),
      cmocka_unit_test(a_hub_starts_and_stops_many_times),
      cmocka_unit_test(two_hubs_in_one_process_know_nothing_of_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
