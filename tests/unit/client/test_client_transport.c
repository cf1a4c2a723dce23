/* TLS with a CA of one's own, and unix sockets: for the WebSocket and for the calls alike. */
#include "tests/unit/client/harness.h"

#include "tests/unit/client/fake_hub.h"
#include "tests/unit/support/certs.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct seen {
  int events, ends, code, dones, call_code;
  char message[512], call_message[512];
};

static void on_event(struct cws_follow *f, const struct cws_event *event, void *user) {
  struct seen *s = user;
  (void)event;
  if (++s->events == 300)
    cws_follow_end(f);
}

static void on_end(struct cws_follow *f, const struct cws_error *why, void *user) {
  struct seen *s = user;
  (void)f;
  s->ends++;
  s->code = why == NULL ? 0 : why->code;
  snprintf(s->message, sizeof(s->message), "%s", why == NULL ? "" : why->message);
}

static void on_done(const struct cws_error *why, const char *json, size_t len, void *user) {
  struct seen *s = user;
  (void)json;
  (void)len;
  s->dones++;
  s->call_code = why == NULL ? 0 : why->code;
  snprintf(s->call_message, sizeof(s->call_message), "%s", why == NULL ? "" : why->message);
}

static void serve_script(struct fake_conn *c, int index, void *user) {
  (void)index;
  snprintf(user, 64, "%s", strstr(fake_head(c), "Host: "));
  *strchr(user, '\r') = '\0';
  if (fake_has(c, "GET /api/v1/ws/status ")) {
    fake_reply(c, 200, "", "{}");
    return;
  }
  int64_t after = fake_query(c, "after", 0);
  if (index == 0)
    fake_cut_after(c, 6000);
  fake_upgrade(c);
  fake_hello(c, "e1", after, 30);
  for (int64_t id = after + 1; id <= 300; id++)
    fake_event(c, id);
  fake_wait_end(c);
}

/* Follows 300 events over one cut, and asks for the status. */
static void use_as(const char *url, const char *ca_file, const char *cert_file,
                   const char *key_file, struct seen *s) {
  struct cws_client_options co;
  struct cws_follow_handlers h = {.size = sizeof(h), .on_event = on_event, .on_end = on_end};
  struct cws_follow_options o;
  harness_options(&co, url);
  co.ca_file = ca_file;
  co.cert_file = cert_file;
  co.key_file = key_file;
  struct cws_client *client = harness_new(&co);
  cws_follow_options_init(&o);
  o.request_id = "r";
  o.max_attempts = 3;
  assert_int_equal(cws_follow_start(client, &o, &h, s, NULL, NULL), 0);
  harness_run(client);
  assert_int_equal(cws_status(client, NULL, on_done, s, NULL, NULL), 0);
  harness_run(client);
  assert_int_equal(s->ends, 1);
  assert_int_equal(s->dones, 1);
  cws_client_free(client);
}

static void use(const char *url, const char *ca_file, struct seen *s) {
  use_as(url, ca_file, NULL, NULL, s);
}

static void use_tls(const char *names, int valid_days, bool with_ca, struct seen *s) {
  struct certs certs;
  char host[64] = "";
  certs_make(&certs, names, valid_days);
  struct fake_options fo = {.cert_file = certs.cert, .key_file = certs.key};
  struct fake_hub *hub = fake_hub_start(&fo, serve_script, host);
  use(fake_hub_url(hub), with_ca ? certs.ca : NULL, s);
  fake_hub_stop(hub);
  certs_remove(&certs);
}

static void a_hub_of_a_known_ca_is_followed_by_tls(void **state) {
  (void)state;
  struct seen s = {0};
  use_tls("IP:127.0.0.1", 10, true, &s);
  assert_int_equal(s.code, 0);
  assert_int_equal(s.call_code, 0);
  assert_int_equal(s.events, 300);
}

static void assert_tls_refused(const char *names, int valid_days, bool with_ca, const char *text) {
  struct seen s = {0};
  use_tls(names, valid_days, with_ca, &s);
  assert_int_equal(s.code, CWS_ETLS);
  assert_int_equal(s.call_code, CWS_ETLS);
  assert_int_equal(s.events, 0);
  if (strstr(s.message, text) == NULL)
    fail_msg("'%s' in '%s'", text, s.message);
}

static void a_certificate_that_is_not_good_is_refused_and_says_why(void **state) {
  (void)state;
  assert_tls_refused("IP:127.0.0.1", 10, false, "CA");
  assert_tls_refused("DNS:hub.example", 10, true, "another host");
  assert_tls_refused("IP:127.0.0.1", -5, true, "expired");
}

/* ---- hubs that ask for a certificate ---- */

/* `of`: whose certificate the client shows; NULL: none. */
static void use_known(const struct certs *hubs, const struct certs *of, struct seen *s) {
  char host[64] = "";
  struct fake_options fo = {
      .cert_file = hubs->cert, .key_file = hubs->key, .client_ca_file = hubs->ca};
  struct fake_hub *hub = fake_hub_start(&fo, serve_script, host);
  use_as(fake_hub_url(hub), hubs->ca, of != NULL ? of->cert : NULL, of != NULL ? of->key : NULL, s);
  fake_hub_stop(hub);
}

static void a_hub_that_asks_is_shown_the_certificate(void **state) {
  (void)state;
  struct certs certs;
  struct seen s = {0};
  certs_make(&certs, "IP:127.0.0.1", 10);
  use_known(&certs, &certs, &s);
  certs_remove(&certs);
  assert_int_equal(s.code, 0);
  assert_int_equal(s.call_code, 0);
  assert_int_equal(s.events, 300);
}

/* In TLS 1.3 that comes as an alert behind the handshake, on a connection that ends: it must not be
 * taken for one that was lost, and tried again and again. */
static void assert_final(const struct seen *s, const char *text) {
  assert_int_equal(s->code, CWS_ETLS);
  assert_int_equal(s->call_code, CWS_ETLS);
  if (strstr(s->message, text) == NULL || strstr(s->call_message, text) == NULL)
    fail_msg("'%s' in '%s' and '%s'", text, s->message, s->call_message);
}

static void without_a_certificate_it_says_that_one_is_asked_for(void **state) {
  (void)state;
  struct certs certs;
  struct seen s = {0};
  certs_make(&certs, "IP:127.0.0.1", 10);
  use_known(&certs, NULL, &s);
  certs_remove(&certs);
  assert_final(&s, "asks for a certificate of its clients");
}

static void with_a_strangers_certificate_it_says_what_is_wrong_with_it(void **state) {
  (void)state;
  struct certs certs, strangers;
  struct seen s = {0};
  certs_make(&certs, "IP:127.0.0.1", 10);
  certs_make(&strangers, "IP:127.0.0.1", 10);
  use_known(&certs, &strangers, &s);
  certs_remove(&certs);
  certs_remove(&strangers);
  assert_final(&s, "certificate");
}

static void a_file_without_certificate_or_key_is_refused(void **state) {
  (void)state;
  struct certs certs, others;
  certs_make(&certs, "IP:127.0.0.1", 10);
  certs_make(&others, "IP:127.0.0.1", 10);
  const char *const pairs[][2] = {{"/dev/null", certs.key},
                                  {certs.cert, "/dev/null"},
                                  {certs.cert, NULL},
                                  {certs.cert, others.key}};
  for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
    struct seen s = {0};
    use_as("https://127.0.0.1:1", certs.ca, pairs[i][0], pairs[i][1], &s);
    assert_int_equal(s.code, CWS_ETLS);
    assert_non_null(strstr(s.message, pairs[i][0]));
  }
  certs_remove(&certs);
  certs_remove(&others);
}

/* Answers the client's TLS hello with plain HTTP, as a hub without TLS does. */
static void *answer_plainly(void *arg) {
  int listener = *(int *)arg, fd;
  char bytes[4096];
  while ((fd = accept(listener, NULL, NULL)) >= 0) {
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    if (recv(fd, bytes, sizeof(bytes), 0) > 0)
      send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    close(fd);
  }
  return NULL;
}

static void a_hub_that_speaks_no_tls_is_told_apart(void **state) {
  (void)state;
  struct seen s = {0};
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof(sa);
  pthread_t thread;
  char url[64];
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
  assert_int_equal(listen(listener, 8), 0);
  getsockname(listener, (struct sockaddr *)&sa, &len);
  pthread_create(&thread, NULL, answer_plainly, &listener);
  snprintf(url, sizeof(url), "https://127.0.0.1:%d", ntohs(sa.sin_port));
  use(url, NULL, &s);
  shutdown(listener, SHUT_RDWR);
  pthread_join(thread, NULL);
  close(listener);
  assert_int_equal(s.code, CWS_ETLS);
  assert_int_equal(s.call_code, CWS_ETLS);
}

static void a_ca_file_without_a_certificate_is_named(void **state) {
  (void)state;
  struct seen s = {0};
  use("https://127.0.0.1:1", "/dev/null", &s);
  assert_int_equal(s.code, CWS_ETLS);
  assert_non_null(strstr(s.message, "/dev/null"));
}

static void a_unix_socket_serves_as_well(void **state) {
  (void)state;
  struct seen s = {0};
  char path[64], host[64] = "";
  snprintf(path, sizeof(path), "/tmp/cws-test-%d.sock", (int)getpid());
  struct fake_options fo = {.unix_path = path};
  struct fake_hub *hub = fake_hub_start(&fo, serve_script, host);
  use(fake_hub_url(hub), NULL, &s);
  fake_hub_stop(hub);
  assert_int_equal(s.code, 0);
  assert_int_equal(s.call_code, 0);
  assert_int_equal(s.events, 300);
  assert_string_equal(host, "Host: localhost");
}

/* As a hub's is while it opens its store. libwebsockets would leave a handle on the loop for each
 * attempt. */
static void
a_unix_socket_that_is_bound_but_not_listened_on_leaves_nothing_on_the_loop(void **state) {
  (void)state;
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  struct seen s = {0};
  char url[128];
  uv_loop_t loop;
  snprintf(sa.sun_path, sizeof(sa.sun_path), "/tmp/cws-test-%d-bound.sock", (int)getpid());
  snprintf(url, sizeof(url), "unix:%s", sa.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
  assert_int_equal(uv_loop_init(&loop), 0);

  struct cws_client_options co;
  harness_options(&co, url);
  co.uv_loop = &loop;
  struct cws_client *client = harness_new(&co);
  struct cws_follow_options fo;
  cws_follow_options_init(&fo);
  fo.request_id = "r";
  fo.max_attempts = 3;
  const struct cws_follow_handlers handlers = {.size = sizeof(handlers), .on_end = on_end};
  assert_int_equal(cws_follow_start(client, &fo, &handlers, &s, NULL, NULL), 0);
  while (s.ends == 0)
    uv_run(&loop, UV_RUN_ONCE);
  cws_client_free(client);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(s.code, CWS_ECONNECT);
  assert_int_equal(uv_loop_close(&loop), 0);
  close(fd);
  unlink(sa.sun_path);
}

static void a_name_with_several_addresses_is_tried_in_order(void **state) {
  (void)state;
  struct seen s = {0};
  char url[64], host[64] = "";
  struct fake_hub *hub = fake_hub_start(NULL, serve_script, host);
  snprintf(url, sizeof(url), "http://localhost%s", strrchr(fake_hub_url(hub), ':'));
  use(url, NULL, &s); /* usually ::1 first, where nobody listens */
  fake_hub_stop(hub);
  assert_int_equal(s.code, 0);
  assert_int_equal(s.call_code, 0);
  assert_int_equal(s.events, 300);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hub_of_a_known_ca_is_followed_by_tls),
      cmocka_unit_test(a_certificate_that_is_not_good_is_refused_and_says_why),
      cmocka_unit_test(a_hub_that_asks_is_shown_the_certificate),
      cmocka_unit_test(without_a_certificate_it_says_that_one_is_asked_for),
      cmocka_unit_test(with_a_strangers_certificate_it_says_what_is_wrong_with_it),
      cmocka_unit_test(a_file_without_certificate_or_key_is_refused),
      cmocka_unit_test(a_hub_that_speaks_no_tls_is_told_apart),
      cmocka_unit_test(a_ca_file_without_a_certificate_is_named),
      cmocka_unit_test(a_unix_socket_serves_as_well),
      cmocka_unit_test(a_unix_socket_that_is_bound_but_not_listened_on_leaves_nothing_on_the_loop),
      cmocka_unit_test(a_name_with_several_addresses_is_tried_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
