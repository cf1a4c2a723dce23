/* server: keys and certificates are read again while it runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/support/certs.h"
#include "tests/unit/support/live_hub.h"
#include "tests/unit/support/raw_http.h"
#include "tests/unit/support/temp_folder.h"

#define OLD "the-old-secret-of-at-least-32-bytes"
#define NEW "the-new-secret-of-at-least-32-bytes"

/* A hub whose one key is in a file. */
struct fixture {
  struct temp_folder folder;
  char secret_file[96];
  const char *files[2];
  struct cws_server *hub;
  char *old_token, *new_token;
};

static int begin(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct cws_server_options o;
  temp_folder_make(&f->folder);
  temp_folder_write(&f->folder, "secret", OLD "\n");
  snprintf(f->secret_file, sizeof f->secret_file, "%s/secret", f->folder.path);
  f->files[0] = f->secret_file;
  live_hub_options(&o);
  o.local_secret = NULL;
  o.secret_files = f->files;
  f->hub = live_hub_start(&o);
  f->old_token = live_token(&(struct live_token){.subscribe = "*", .publish = "*", .secret = OLD});
  f->new_token = live_token(&(struct live_token){.subscribe = "*", .publish = "*", .secret = NEW});
  *state = f;
  return 0;
}

static int end(void **state) {
  struct fixture *f = *state;
  cws_server_free(f->hub);
  temp_folder_remove(&f->folder);
  free(f->old_token);
  free(f->new_token);
  free(f);
  return 0;
}

static int status_with(const struct fixture *f, const char *token) {
  struct raw_reply reply;
  raw_ask(live_hub_port(f->hub), &(struct raw_request){.path = "/api/v1/requests", .token = token},
          &reply);
  int status = reply.status;
  raw_reply_free(&reply);
  return status;
}

static struct raw_ws *watch(const struct fixture *f, const char *token) {
  struct raw_ws *ws = raw_ws_open(live_hub_port(f->hub), "r", token, NULL);
  raw_ws_next(ws, "connection_established");
  raw_ws_next(ws, "replay_complete");
  return ws;
}

static void another_key_takes_over_and_closes_the_sessions_of_the_old_one(void **state) {
  struct fixture *f = *state;
  struct raw_ws *watchers[6]; /* enough to be on every worker */
  for (size_t i = 0; i < 6; i++)
    watchers[i] = watch(f, f->old_token);
  assert_int_equal(status_with(f, f->new_token), 401);
  temp_folder_write(&f->folder, "secret", NEW "\n");
  assert_int_equal(cws_server_reload(f->hub, NULL, NULL), 0);
  assert_int_equal(status_with(f, f->new_token), 200);
  assert_int_equal(status_with(f, f->old_token), 401);
  for (size_t i = 0; i < 6; i++) {
    const json_t *data = json_object_get(raw_ws_next(watchers[i], "bye"), "data");
    assert_int_equal(json_integer_value(json_object_get(data, "code")), 4503);
    assert_true(json_is_false(json_object_get(data, "reconnect")));
    assert_int_equal(raw_ws_close_code(watchers[i]), 4503);
    raw_ws_free(watchers[i]);
  }
}

static void what_is_no_key_leaves_the_old_ones_and_their_sessions(void **state) {
  struct fixture *f = *state;
  struct cws_error err = {0};
  struct raw_ws *ws = watch(f, f->old_token);
  temp_folder_write(&f->folder, "secret", "short\n");
  assert_int_equal(cws_server_reload(f->hub, NULL, &err), CWS_ECONFIG);
  assert_non_null(strstr(err.message, f->secret_file));
  assert_null(strstr(err.message, "short\n"));
  assert_int_equal(remove(f->secret_file), 0);
  assert_int_equal(cws_server_reload(f->hub, NULL, NULL), CWS_ECONFIG);
  assert_int_equal(status_with(f, f->old_token), 200);
  raw_ws_say(ws, "{\"type\":\"publish\",\"event\":{\"type\":\"t\"},\"ref\":1}");
  raw_ws_next(ws, "published"); /* still there, and may as before */
  temp_folder_write(&f->folder, "secret", NEW "\n");
  assert_int_equal(cws_server_reload(f->hub, NULL, NULL), 0); /* mended */
  assert_int_equal(status_with(f, f->new_token), 200);
  assert_int_equal(raw_ws_close_code(ws), 4503);
  raw_ws_free(ws);
}

static void a_session_whose_key_is_still_there_stays(void **state) {
  struct fixture *f = *state;
  struct raw_ws *ws = watch(f, f->old_token);
  for (int i = 0; i < 3; i++)
    assert_int_equal(cws_server_reload(f->hub, NULL, NULL), 0);
  raw_ws_say(ws, "{\"type\":\"publish\",\"event\":{\"type\":\"t\"},\"ref\":1}");
  raw_ws_next(ws, "published");
  raw_ws_free(ws);
}

static void two_secrets_hold_while_one_replaces_the_other(void **state) {
  const struct fixture *f = *state;
  struct temp_folder folder;
  char old_file[96], new_file[96];
  struct cws_server_options o;
  temp_folder_make(&folder);
  temp_folder_write(&folder, "old", OLD);
  temp_folder_write(&folder, "new", NEW);
  snprintf(old_file, sizeof old_file, "%s/old", folder.path);
  snprintf(new_file, sizeof new_file, "%s/new", folder.path);
  const char *const files[] = {old_file, new_file, NULL};
  live_hub_options(&o);
  o.local_secret = NULL;
  o.secret_files = files;
  const struct fixture both = {.hub = live_hub_start(&o)};
  assert_int_equal(status_with(&both, f->old_token), 200);
  assert_int_equal(status_with(&both, f->new_token), 200);
  cws_server_free(both.hub);
  temp_folder_remove(&folder);
}

/* ---- certificates ---- */

/* The second listener is a unix socket, which speaks without TLS whatever the first one does. */
static int status_over_unix(const char *path, const char *token) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct raw_reply reply;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
  raw_sendf(fd, "GET /api/v1/requests HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %s\r\n\r\n",
            token);
  raw_read_reply(fd, false, &reply);
  int status = reply.status;
  raw_reply_free(&reply);
  close(fd);
  return status;
}

static void a_broken_certificate_leaves_the_keys_as_they_were_too(void **state) {
  struct fixture *f = *state;
  struct certs certs;
  struct cws_server_options o;
  struct cws_error err = {0};
  char address[96];
  snprintf(address, sizeof address, "unix:%s/socket", f->folder.path);
  const char *const listen[] = {"127.0.0.1:0", address, NULL};
  certs_make(&certs, "IP:127.0.0.1", 10);
  live_hub_options(&o);
  o.listen = listen;
  o.local_secret = NULL;
  o.secret_files = f->files;
  o.tls_cert_file = certs.cert;
  o.tls_key_file = certs.key;
  struct cws_server *hub = live_hub_start(&o);
  assert_memory_equal(cws_server_url(hub, 0), "https://", 8);
  FILE *file = fopen(certs.cert, "w");
  fputs("no certificate\n", file);
  fclose(file);
  temp_folder_write(&f->folder, "secret", NEW "\n");
  assert_int_equal(cws_server_reload(hub, NULL, &err), CWS_ECONFIG);
  assert_non_null(strstr(err.message, certs.cert));
  assert_int_equal(status_over_unix(address + 5, f->old_token), 200);
  assert_int_equal(status_over_unix(address + 5, f->new_token), 401);
  cws_server_free(hub);
  certs_remove(&certs);
}

/* ---- threads ---- */

static void *reload_often(void *hub) {
  for (int i = 0; i < 20; i++)
    cws_server_reload(hub, NULL, NULL);
  return NULL;
}

static void reloads_from_many_threads_do_not_disturb_the_traffic(void **state) {
  struct fixture *f = *state;
  pthread_t threads[3];
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, reload_often, f->hub), 0);
  for (int i = 0; i < 30; i++)
    assert_int_equal(status_with(f, f->old_token), 200);
  for (size_t i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(another_key_takes_over_and_closes_the_sessions_of_the_old_one,
                                      begin, end),
      cmocka_unit_test_setup_teardown(what_is_no_key_leaves_the_old_ones_and_their_sessions, begin,
                                      end),
      cmocka_unit_test_setup_teardown(a_session_whose_key_is_still_there_stays, begin, end),
      cmocka_unit_test_setup_teardown(two_secrets_hold_while_one_replaces_the_other, begin, end),
      cmocka_unit_test_setup_teardown(a_broken_certificate_leaves_the_keys_as_they_were_too, begin,
                                      end),
      cmocka_unit_test_setup_teardown(reloads_from_many_threads_do_not_disturb_the_traffic, begin,
                                      end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
