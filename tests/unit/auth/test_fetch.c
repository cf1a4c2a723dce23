/* fetch: what is taken for an answer, what is not, and what messages show of a URL. */
#include "tests/unit/auth/support.h"

#include "lib/core/buf.h"
#include "server/auth/fetch.h"
#include "tests/unit/client/fake_hub.h"
#include "tests/unit/support/certs.h"
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>

enum { MAX_BYTES = 1000 };

static struct certs certs;
static const char *trusted_ca; /* NULL: the machine's own */

CURL *__real_curl_easy_init(void);
CURL *__wrap_curl_easy_init(void);
CURL *__wrap_curl_easy_init(void) {
  CURL *curl = __real_curl_easy_init();
  if (curl != NULL && trusted_ca != NULL)
    curl_easy_setopt(curl, CURLOPT_CAINFO, trusted_ca);
  return curl;
}

/* ---- the other side ---- */

struct site {
  struct fake_hub *hub;
  char body[MAX_BYTES + 2];
  char elsewhere[256]; /* where /elsewhere leads */
  atomic_bool stop;
  atomic_bool offers_encoding;
};

static void redirect(struct fake_conn *c, const char *to) {
  char header[320];
  snprintf(header, sizeof header, "Location: %s\r\nConnection: close\r\n", to);
  fake_reply(c, 302, header, "moved");
}

/* /hops/3 leads to /hops/2 and so on; /hops/0 is the goal. */
static void hop(struct fake_conn *c) {
  char to[32];
  int left = atoi(strstr(fake_head(c), "/hops/") + 6);
  snprintf(to, sizeof to, "/hops/%d", left - 1);
  if (left > 0)
    redirect(c, to);
  else
    fake_reply(c, 200, "", "there");
}

static void send_without_end(struct fake_conn *c) {
  static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
  fake_raw(c, head, sizeof head - 1);
  while (!fake_is_cut(c))
    fake_raw(c, "more and more ", 14);
}

/* Two chunks, each within the limit, together beyond it. */
static void send_in_pieces(struct fake_conn *c) {
  char piece[701];
  memset(piece, 'x', sizeof piece - 1);
  piece[sizeof piece - 1] = '\0';
  struct buf b;
  buf_init(&b);
  buf_addf(&b, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  buf_addf(&b, "2bc\r\n%s\r\n2bc\r\n%s\r\n0\r\n\r\n", piece, piece);
  fake_raw(c, b.data, b.len);
  buf_finish(&b);
}

static void answer(struct fake_conn *c, int index, void *user) {
  struct site *s = user;
  (void)index;
  if (fake_has(c, "ccept-") && fake_has(c, "ncoding"))
    atomic_store(&s->offers_encoding, true);
  if (fake_has(c, "GET /body "))
    fake_reply(c, 200, "", s->body);
  else if (fake_has(c, "GET /packed "))
    fake_reply(c, 200, "Content-Encoding: gzip\r\n", "not unpacked");
  else if (fake_has(c, "GET /created "))
    fake_reply(c, 201, "", "hello");
  else if (fake_has(c, "GET /hops/"))
    hop(c);
  else if (fake_has(c, "GET /elsewhere "))
    redirect(c, s->elsewhere);
  else if (fake_has(c, "GET /endless "))
    send_without_end(c);
  else if (fake_has(c, "GET /pieces "))
    send_in_pieces(c);
  else if (fake_has(c, "GET /silent ")) {
    atomic_store(&s->stop, true);
    fake_wait_end(c);
  } else if (!fake_has(c, "GET /gone "))
    fake_reply(c, 404, "", "no such thing");
}

/* OpenSSL's writes to who has gone raise SIGPIPE: blocked on the hub's thread, and only there, so
 * that one of the fetching thread would be seen. */
static void site_open(struct site *s, bool with_tls) {
  struct fake_options options = {.cert_file = with_tls ? certs.cert : NULL, .key_file = certs.key};
  sigset_t pipe, before;
  *s = (struct site){.body = "hello"};
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  s->hub = fake_hub_start(&options, answer, s);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void site_close(struct site *s) {
  fake_hub_stop(s->hub);
}

static char *got; /* what the last fetch got, or NULL */

static int fetch(struct site *s, const char *path) {
  char url[512];
  size_t len = 0;
  struct cws_error err = {0};
  free(got);
  got = NULL;
  snprintf(url, sizeof url, "%s%s", fake_hub_url(s->hub), path);
  int code = fetch_url(url, MAX_BYTES, &s->stop, &got, &len, &err);
  assert_int_equal(err.code, code);
  assert_int_equal(code == 0, got != NULL);
  if (code == 0)
    assert_int_equal(strlen(got), len);
  else
    assert_true(err.message[0] != '\0');
  return code;
}

/* ---- answers ---- */

static void the_body_of_a_200_is_what_is_got(void **state) {
  (void)state;
  struct site s;
  site_open(&s, false);
  assert_int_equal(fetch(&s, "/body"), 0);
  assert_string_equal(got, "hello");
  s.body[0] = '\0';
  assert_int_equal(fetch(&s, "/body"), 0);
  assert_string_equal(got, "");
  site_close(&s);
}

static void any_other_status_is_an_error_that_names_it(void **state) {
  (void)state;
  struct site s;
  char url[512], *out = NULL;
  size_t len;
  struct cws_error err = {0};
  site_open(&s, false);
  assert_int_equal(fetch(&s, "/nowhere"), CWS_EPROTOCOL);
  assert_int_equal(fetch(&s, "/created"), CWS_EPROTOCOL);
  snprintf(url, sizeof url, "%s/nowhere", fake_hub_url(s.hub));
  assert_int_equal(fetch_url(url, MAX_BYTES, NULL, &out, &len, &err), CWS_EPROTOCOL);
  assert_contains(err.message, "404");
  assert_null(out);
  site_close(&s);
}

static void a_body_may_have_so_many_bytes_and_not_one_more(void **state) {
  (void)state;
  struct site s;
  site_open(&s, false);
  memset(s.body, 'x', MAX_BYTES);
  assert_int_equal(fetch(&s, "/body"), 0);
  assert_int_equal(strlen(got), MAX_BYTES);
  s.body[MAX_BYTES] = 'x';
  assert_int_equal(fetch(&s, "/body"), CWS_ETOOLARGE);
  site_close(&s);
}

static void a_body_in_pieces_is_left_at_the_limit(void **state) {
  (void)state;
  struct site s;
  site_open(&s, false);
  assert_int_equal(fetch(&s, "/endless"), CWS_ETOOLARGE);
  assert_int_equal(fetch(&s, "/pieces"), CWS_ETOOLARGE);
  site_close(&s);
}

static void a_packed_body_is_neither_asked_for_nor_unpacked(void **state) {
  (void)state;
  struct site s;
  site_open(&s, false);
  assert_int_equal(fetch(&s, "/packed"), 0);
  assert_string_equal(got, "not unpacked");
  assert_false(atomic_load(&s.offers_encoding));
  site_close(&s);
}

static void who_hangs_up_or_is_not_there_is_not_connected_to(void **state) {
  (void)state;
  struct site s;
  char url[512], *out = NULL;
  size_t len;
  site_open(&s, false);
  assert_int_equal(fetch(&s, "/gone"), CWS_ECONNECT);
  snprintf(url, sizeof url, "%s/body", fake_hub_url(s.hub));
  site_close(&s);
  assert_int_equal(fetch_url(url, MAX_BYTES, NULL, &out, &len, NULL), CWS_ECONNECT);
}

static void the_stop_flag_ends_a_wait(void **state) {
  (void)state;
  struct site s;
  site_open(&s, false);
  assert_int_equal(fetch(&s, "/silent"), CWS_ECANCELED); /* raises it once asked */
  assert_int_equal(fetch(&s, "/body"), CWS_ECANCELED);
  site_close(&s);
}

/* ---- redirects ---- */

static void redirects_are_followed_three_times_at_most(void **state) {
  (void)state;
  struct site s;
  char path[32];
  site_open(&s, false);
  assert_int_equal(FETCH_REDIRECTS, 3);
  for (int hops = 1; hops <= FETCH_REDIRECTS; hops++) {
    snprintf(path, sizeof path, "/hops/%d", hops);
    assert_int_equal(fetch(&s, path), 0);
    assert_string_equal(got, "there");
  }
  assert_int_equal(fetch(&s, "/hops/4"), CWS_EPROTOCOL);
  site_close(&s);
}

static void no_redirect_leads_out_of_http(void **state) {
  (void)state;
  static const char *const targets[] = {"file:///etc/passwd", "ftp://127.0.0.1/x", "dict://x"};
  struct site s;
  site_open(&s, false);
  for (size_t i = 0; i < COUNT_OF(targets); i++) {
    snprintf(s.elsewhere, sizeof s.elsewhere, "%s", targets[i]);
    assert_int_equal(fetch(&s, "/elsewhere"), CWS_EPROTOCOL);
  }
  site_close(&s);
}

static void nothing_but_http_is_fetched(void **state) {
  (void)state;
  char *out = NULL;
  size_t len;
  assert_int_equal(fetch_url("file:///etc/passwd", MAX_BYTES, NULL, &out, &len, NULL),
                   CWS_EPROTOCOL);
  assert_null(out);
}

static void no_redirect_leads_from_https_to_http(void **state) {
  (void)state;
  struct site plain, safe;
  trusted_ca = certs.ca;
  site_open(&plain, false);
  site_open(&safe, true);
  snprintf(safe.elsewhere, sizeof safe.elsewhere, "%s/body", fake_hub_url(plain.hub));
  assert_int_equal(fetch(&safe, "/elsewhere"), CWS_EPROTOCOL);
  assert_int_equal(fake_hub_connections(plain.hub), 0);
  site_close(&safe);
  site_close(&plain);
}

static void a_redirect_may_lead_from_http_to_https(void **state) {
  (void)state;
  struct site plain, safe;
  trusted_ca = certs.ca;
  site_open(&plain, false);
  site_open(&safe, true);
  snprintf(plain.elsewhere, sizeof plain.elsewhere, "%s/body", fake_hub_url(safe.hub));
  assert_int_equal(fetch(&plain, "/elsewhere"), 0);
  assert_string_equal(got, "hello");
  site_close(&safe);
  site_close(&plain);
}

/* ---- TLS ---- */

static void a_certificate_must_be_signed_by_a_known_ca(void **state) {
  (void)state;
  struct site s;
  site_open(&s, true);
  assert_int_equal(fetch(&s, "/body"), CWS_ETLS);
  trusted_ca = certs.ca;
  assert_int_equal(fetch(&s, "/body"), 0);
  assert_string_equal(got, "hello");
  site_close(&s);
}

static void a_certificate_must_be_the_hosts(void **state) {
  (void)state;
  struct site s;
  char url[256], *out = NULL;
  size_t len;
  trusted_ca = certs.ca;
  site_open(&s, true);
  snprintf(url, sizeof url, "https://localhost%s/body", strrchr(fake_hub_url(s.hub), ':'));
  assert_int_equal(fetch_url(url, MAX_BYTES, NULL, &out, &len, NULL), CWS_ETLS);
  site_close(&s);
}

/* ---- URLs as text ---- */

static void urls_are_told_from_paths(void **state) {
  (void)state;
  assert_true(fetch_is_url("http://h"));
  assert_true(fetch_is_url("HTTPS://h/x"));
  assert_false(fetch_is_url("/etc/keys.json"));
  assert_false(fetch_is_url("https"));
  assert_false(fetch_is_url("http:/h"));
  assert_false(fetch_is_url("file:///etc/keys.json"));
  assert_false(fetch_is_url(""));
}

static void http_is_plain_but_on_this_machine(void **state) {
  (void)state;
  static const char *const plain[] = {"http://h/x",
                                      "HTTP://h",
                                      "http://127.0.0.1.evil.net/",
                                      "http://localhosts",
                                      "http://10.0.0.1",
                                      "http://[::12]/",
                                      "http://127.0.0.1:80@evil.net/",
                                      "http://localhost:x@evil.net"};
  static const char *const not_plain[] = {
      "https://h",          "https://localhost@h", "http://127.0.0.1",  "http://127.0.0.1:8080/x",
      "http://LOCALHOST/x", "http://localhost?x",  "http://[::1]:80/x", "http://u:p@localhost/x",
      "/etc/keys.json"};
  for (size_t i = 0; i < COUNT_OF(plain); i++) {
    if (!fetch_is_plain(plain[i]))
      fail_msg("%s is plain", plain[i]);
  }
  for (size_t i = 0; i < COUNT_OF(not_plain); i++) {
    if (fetch_is_plain(not_plain[i]))
      fail_msg("%s is not plain", not_plain[i]);
  }
}

static void a_label_has_no_user_password_or_query(void **state) {
  (void)state;
  static const struct {
    const char *url, *label;
  } cases[] = {
      {"https://h", "https://h"},
      {"https://h:8443/a/keys.json", "https://h:8443/a/keys.json"},
      {"https://u:p@h/keys", "https://h/keys"},
      {"https://u@h", "https://h"},
      {"https://u:p@q@h/keys", "https://h/keys"},
      {"https://h/keys?token=t", "https://h/keys"},
      {"https://h?token=t", "https://h"},
      {"https://h/keys#t", "https://h/keys"},
      {"https://u:p@h?a@b/c", "https://h"},
      {"https://h/a@b", "https://h/a@b"},
      {"http://[::1]:80/x", "http://[::1]:80/x"},
  };
  char label[100];
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    fetch_url_label(cases[i].url, label, sizeof label);
    assert_string_equal(label, cases[i].label);
  }
  fetch_url_label("https://u:p@host.example/keys", label, 12);
  assert_string_equal(label, "https://hos");
}

static int make_certs(void **state) {
  (void)state;
  certs_make(&certs, "IP:127.0.0.1", 100);
  return 0;
}

static int remove_certs(void **state) {
  (void)state;
  certs_remove(&certs);
  free(got);
  return 0;
}

static int trust_nobody(void **state) {
  (void)state;
  trusted_ca = NULL;
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_body_of_a_200_is_what_is_got),
      cmocka_unit_test(any_other_status_is_an_error_that_names_it),
      cmocka_unit_test(a_body_may_have_so_many_bytes_and_not_one_more),
      cmocka_unit_test(a_body_in_pieces_is_left_at_the_limit),
      cmocka_unit_test(a_packed_body_is_neither_asked_for_nor_unpacked),
      cmocka_unit_test(who_hangs_up_or_is_not_there_is_not_connected_to),
      cmocka_unit_test(the_stop_flag_ends_a_wait),
      cmocka_unit_test(redirects_are_followed_three_times_at_most),
      cmocka_unit_test(no_redirect_leads_out_of_http),
      cmocka_unit_test(nothing_but_http_is_fetched),
      cmocka_unit_test_setup(no_redirect_leads_from_https_to_http, trust_nobody),
      cmocka_unit_test_setup(a_redirect_may_lead_from_http_to_https, trust_nobody),
      cmocka_unit_test_setup(a_certificate_must_be_signed_by_a_known_ca, trust_nobody),
      cmocka_unit_test_setup(a_certificate_must_be_the_hosts, trust_nobody),
      cmocka_unit_test(urls_are_told_from_paths),
      cmocka_unit_test(http_is_plain_but_on_this_machine),
      cmocka_unit_test(a_label_has_no_user_password_or_query),
  };
  return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
