/* url: what users write, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include "lib/client/url.h"
#include <string.h>

static void good_urls_are_taken_apart(void **state) {
  (void)state;
  static const struct {
    const char *text, *host, *host_port, *prefix, *unix_path;
    int port, tls;
  } cases[] = {
      {"http://127.0.0.1:8765", "127.0.0.1", "127.0.0.1:8765", "", NULL, 8765, 0},
      {"http://hub", "hub", "hub", "", NULL, 80, 0},
      {"https://hub.example/", "hub.example", "hub.example", "", NULL, 443, 1},
      {"https://hub.example:443", "hub.example", "hub.example", "", NULL, 443, 1},
      {"https://hub.example:8443/a/b//", "hub.example", "hub.example:8443", "/a/b", NULL, 8443, 1},
      {"http://[::1]:80", "::1", "[::1]", "", NULL, 80, 0},
      {"https://[fd00::2]:9", "fd00::2", "[fd00::2]:9", "", NULL, 9, 1},
      {"unix:/run/councilws.sock", "localhost", "localhost", "", "/run/councilws.sock", 0, 0},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct url url;
    assert_int_equal(url_parse(cases[i].text, &url, NULL), 0);
    assert_string_equal(url.host, cases[i].host);
    assert_string_equal(url.host_port, cases[i].host_port);
    assert_string_equal(url.prefix, cases[i].prefix);
    assert_int_equal(url.port, cases[i].port);
    assert_int_equal(url.tls, cases[i].tls);
    if (cases[i].unix_path != NULL)
      assert_string_equal(url.unix_path, cases[i].unix_path);
    else
      assert_null(url.unix_path);
    url_finish(&url);
  }
}

static void bad_urls_are_refused_with_a_reason(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "hub:80",
      "ws://hub",
      "http://",
      "http:///x",
      "http://:80",
      "http://h:0",
      "http://h:65536",
      "http://h:123456",
      "http://h:",
      "http://h:x",
      "http://a b",
      "http://h?token=x",
      "http://h/x?y=z",
      "http://h/#f",
      "http://u@h",
      "http://u:p@h",
      "http://[::1",
      "http://[]",
      "http://[::1]x",
      "unix:x.sock",
      "unix:",
      "http://h/a\r\nX: y",
      "http://h:80@evil",
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    struct url url;
    struct cws_error err = {0};
    assert_int_equal(url_parse(bad[i], &url, &err), CWS_EINVAL);
    assert_true(err.message[0] != '\0');
  }
  char path[300] = "unix:/";
  struct url url;
  memset(path + 6, 'x', 200);
  assert_int_equal(url_parse(path, &url, NULL), CWS_EINVAL);
}

static void queries_are_escaped(void **state) {
  (void)state;
  struct url url;
  struct buf b;
  assert_int_equal(url_parse("https://h:1/p", &url, NULL), 0);
  buf_init(&b);
  url_add_origin(&b, &url);
  url_add_path(&b, &url, "/x");
  url_add_query(&b, "a", "1&2 \xc3\xa9/~");
  url_add_query_i64(&b, "b", -1);
  assert_string_equal(b.data, "https://h:1/p/api/v1/x?a=1%262%20%C3%A9%2F~&b=-1");
  buf_reset(&b);
  url_add_outer_path(&b, &url, "/healthz/ready");
  assert_string_equal(b.data, "/p/healthz/ready");
  buf_finish(&b);
  url_finish(&url);
}

/* A token that was signed for one's own hub goes to no other machine. */
static void only_this_machine_is_loopback(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool is_loopback;
  } cases[] = {
      {"http://127.0.0.1:8765", true},
      {"https://127.9.9.9", true},
      {"http://localhost/x", true},
      {"http://[::1]:1", true},
      {"unix:/run/x.sock", true},
      {"http://127.evil.example", false},
      {"http://localhost.example", false},
      {"http://128.0.0.1", false},
      {"http://[::2]", false},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    struct url url;
    assert_int_equal(url_parse(cases[i].text, &url, NULL), 0);
    assert_int_equal(url_is_loopback(&url), cases[i].is_loopback);
    url_finish(&url);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_urls_are_taken_apart),
      cmocka_unit_test(bad_urls_are_refused_with_a_reason),
      cmocka_unit_test(only_this_machine_is_loopback),
      cmocka_unit_test(queries_are_escaped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
