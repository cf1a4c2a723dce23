/* origin: which pages may talk to the hub, by the text of their origin alone. */
#include "tests/unit/auth/support.h"

#include "server/auth/origin.h"

static void a_page_of_the_hub_itself_is_own_by_http_and_by_https(void **state) {
  (void)state;
  assert_true(origin_is_own("http://hub.example.org", "hub.example.org"));
  assert_true(origin_is_own("https://hub.example.org", "hub.example.org"));
  assert_true(origin_is_own("https://hub.example.org:8443", "hub.example.org:8443"));
  assert_true(origin_is_own("http://127.0.0.1:8765", "127.0.0.1:8765"));
}

static void another_host_or_port_is_not_own(void **state) {
  (void)state;
  static const struct {
    const char *origin, *host;
  } cases[] = {
      {"https://evil.example.org", "hub.example.org"},
      {"https://hub.example.org.evil.net", "hub.example.org"},
      {"https://evil.net?hub.example.org", "hub.example.org"},
      {"https://hub.example.or", "hub.example.org"},
      {"https://hub.example.org:8444", "hub.example.org:8443"},
      {"https://hub.example.org", "hub.example.org:8443"},
      {"https://hub.example.org:8443", "hub.example.org"},
      {"https://hub.example.org:443@evil.net", "hub.example.org"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    if (origin_is_own(cases[i].origin, cases[i].host))
      fail_msg("\"%s\" is not \"%s\"", cases[i].origin, cases[i].host);
  }
}

static void a_port_left_out_is_that_of_the_scheme_on_both_sides(void **state) {
  (void)state;
  assert_true(origin_is_own("http://hub:80", "hub"));
  assert_true(origin_is_own("http://hub", "hub:80"));
  assert_true(origin_is_own("https://hub:443", "hub"));
  assert_true(origin_is_own("https://hub", "hub:443"));
  assert_false(origin_is_own("http://hub", "hub:443"));
  assert_false(origin_is_own("https://hub", "hub:80"));
  assert_false(origin_is_own("http://hub:443", "hub"));
}

static void ipv6_hosts_are_compared_with_their_brackets(void **state) {
  (void)state;
  assert_true(origin_is_own("http://[::1]:8765", "[::1]:8765"));
  assert_true(origin_is_own("https://[fd00::2]", "[fd00::2]:443"));
  assert_true(origin_is_own("https://[FD00::2]", "[fd00::2]"));
  assert_false(origin_is_own("http://[::1]:8765", "[::1]:8766"));
  assert_false(origin_is_own("http://[::1]", "[::2]"));
  assert_false(origin_is_own("http://[::1", "[::1"));
  assert_false(origin_is_own("http://[::1]8", "[::1]8"));
}

static void case_makes_no_difference(void **state) {
  (void)state;
  static const char *const list[] = {"https://App.Example.org", NULL};
  assert_true(origin_is_own("HTTPS://HUB.example.ORG", "hub.EXAMPLE.org"));
  assert_true(origin_is_listed("https://app.example.ORG", list));
}

static void what_is_no_origin_is_not_own(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "null",
                                    "hub",
                                    "//hub",
                                    "://hub",
                                    "ftp://hub",
                                    "http:hub",
                                    "http://",
                                    "http://hub/",
                                    "http://hub:",
                                    "http://hub:0",
                                    "http://hub:x",
                                    "http://hub:65536",
                                    "http://hub:000080",
                                    "http://u@hub",
                                    "http://hub,http://hub",
                                    "ht tp://hub"};
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    if (origin_is_own(bad[i], "hub") || origin_is_own(bad[i], bad[i]))
      fail_msg("\"%s\" is no origin", bad[i]);
  }
  assert_false(origin_is_own("http://hub", NULL));
  assert_false(origin_is_own("http://hub", ""));
  assert_false(origin_is_own("http://hub", "hub:x"));
}

static void a_listed_origin_agrees_in_scheme_host_and_port(void **state) {
  (void)state;
  static const char *const list[] = {"https://app.example.org", "http://localhost:3000",
                                     "capacitor://localhost", NULL};
  assert_true(origin_is_listed("https://app.example.org", list));
  assert_true(origin_is_listed("https://app.example.org:443", list));
  assert_true(origin_is_listed("http://localhost:3000", list));
  assert_true(origin_is_listed("capacitor://localhost", list));
  assert_false(origin_is_listed("http://app.example.org", list));
  assert_false(origin_is_listed("http://app.example.org:443", list));
  assert_false(origin_is_listed("https://app.example.org:444", list));
  assert_false(origin_is_listed("https://www.app.example.org", list));
  assert_false(origin_is_listed("http://localhost", list));
  assert_false(origin_is_listed("capacitor://localhost:80", list));
  assert_false(origin_is_listed("null", list));
}

static void nothing_is_on_an_empty_list(void **state) {
  (void)state;
  static const char *const empty[] = {NULL};
  assert_false(origin_is_listed("https://app.example.org", NULL));
  assert_false(origin_is_listed("https://app.example.org", empty));
  assert_false(origin_is_listed("null", empty));
  assert_false(origin_is_listed("*", empty));
}

static void a_star_is_any_origin(void **state) {
  (void)state;
  static const char *const any[] = {"*", NULL};
  assert_true(origin_is_listed("https://app.example.org", any));
  assert_true(origin_is_listed("null", any));
}

static void null_is_only_null(void **state) {
  (void)state;
  static const char *const null_only[] = {"null", NULL};
  assert_true(origin_is_listed("null", null_only));
  assert_false(origin_is_listed("https://app.example.org", null_only));
  assert_false(origin_is_listed("https://null", null_only));
}

static void entries_are_origins_without_a_path(void **state) {
  (void)state;
  static const char *const good[] = {
      "*", "null", "https://a.b", "http://a:1", "http://[::1]:65535", "chrome-extension://abcdef"};
  static const char *const bad[] = {"",
                                    "a.b",
                                    "a.b:80",
                                    "https://",
                                    "https://a.b/",
                                    "https://a.b/c",
                                    "https://*.a.b/",
                                    "https://a.b:0",
                                    "https://a b",
                                    "https://u:p@a.b",
                                    "https://u@a.b",
                                    "https://a.b?c",
                                    "https://a.b, https://c.d",
                                    "**",
                                    "NULL"};
  for (size_t i = 0; i < COUNT_OF(good); i++) {
    if (!origin_is_entry(good[i]))
      fail_msg("\"%s\" is an entry", good[i]);
  }
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    if (origin_is_entry(bad[i]))
      fail_msg("\"%s\" is no entry", bad[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_page_of_the_hub_itself_is_own_by_http_and_by_https),
      cmocka_unit_test(another_host_or_port_is_not_own),
      cmocka_unit_test(a_port_left_out_is_that_of_the_scheme_on_both_sides),
      cmocka_unit_test(ipv6_hosts_are_compared_with_their_brackets),
      cmocka_unit_test(case_makes_no_difference),
      cmocka_unit_test(what_is_no_origin_is_not_own),
      cmocka_unit_test(a_listed_origin_agrees_in_scheme_host_and_port),
      cmocka_unit_test(nothing_is_on_an_empty_list),
      cmocka_unit_test(a_star_is_any_origin),
      cmocka_unit_test(null_is_only_null),
      cmocka_unit_test(entries_are_origins_without_a_path),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
