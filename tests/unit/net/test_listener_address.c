/* Addresses as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/net/listener.h"

static void what_is_an_address_is_told_by_kind_and_reach(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int kind;
    bool is_loopback;
  } good[] = {
      {"127.0.0.1:8765", LISTEN_TCP, true},
      {"127.1.2.3:0", LISTEN_TCP, true},
      {"localhost:65535", LISTEN_TCP, true},
      {"0.0.0.0:8765", LISTEN_TCP, false},
      {"192.0.2.1:80", LISTEN_TCP, false},
      {"[::1]:0", LISTEN_TCP, true},
      {"[::]:8765", LISTEN_TCP, false},
      {"[2001:db8::1]:443", LISTEN_TCP, false},
      {":8765", LISTEN_TCP, false},
      {":0", LISTEN_TCP, false},
      {"unix:/run/councilws.sock", LISTEN_UNIX, true},
      {"unix:relative.sock", LISTEN_UNIX, true},
      {"unix:/with:colon", LISTEN_UNIX, true},
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    struct listener_address a;
    struct cws_error err = {0};
    if (listener_address_parse(good[i].text, &a, &err) != 0)
      fail_msg("%s: %s", good[i].text, err.message);
    assert_string_equal(a.text, good[i].text);
    assert_int_equal(a.kind, good[i].kind);
    if (a.is_loopback != good[i].is_loopback)
      fail_msg("%s: is_loopback is wrong", good[i].text);
  }
}

static void assert_refused(const char *text) {
  struct listener_address a;
  struct cws_error err = {0};
  if (listener_address_parse(text, &a, &err) != CWS_ECONFIG)
    fail_msg("'%s' was taken", text);
  assert_int_equal(err.code, CWS_ECONFIG);
  assert_int_equal(listener_address_parse(text, &a, NULL), CWS_ECONFIG);
}

static void what_is_not_an_address_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "8765",
      ":",
      "127.0.0.1",
      "127.0.0.1:",
      "127.0.0.1:65536",
      "127.0.0.1:-1",
      "127.0.0.1:+1",
      "127.0.0.1: 80",
      "127.0.0.1:80 ",
      "127.0.0.1:http",
      "127.0.0.1:99999999999999999999999",
      "127.0.0.256:80",
      "127.0.1:80",
      "hub.example.org:80", /* names are not resolved */
      "::1:80",
      "[::1]",
      "[::1]80",
      "[::1:80",
      "[]:80",
      "[127.0.0.1]:80",
      "unix:",
      "fd:",
      "fd:-1",
      "fd:x",
      "fd:3x",
      "fd:99999999999999999999",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_refused(bad[i]);
}

static void the_refusal_names_the_text_and_says_what_is_right(void **state) {
  (void)state;
  struct listener_address a;
  struct cws_error err = {0};
  listener_address_parse("nowhere", &a, &err);
  assert_non_null(strstr(err.message, "'nowhere'"));
  assert_non_null(strstr(err.message, "unix:PATH"));
}

/* sun_path has 108 bytes with its NUL. */
static void a_unix_path_may_be_as_long_as_the_kernel_takes(void **state) {
  (void)state;
  struct listener_address a;
  char text[400];
  snprintf(text, sizeof text, "unix:%0107d", 0);
  assert_int_equal(listener_address_parse(text, &a, NULL), 0);
  snprintf(text, sizeof text, "unix:%0108d", 0);
  assert_refused(text);
  snprintf(text, sizeof text, "unix:%0300d", 0);
  assert_refused(text);
  snprintf(text, sizeof text, "%0100d:80", 0);
  assert_refused(text);
}

static int listening_fd(int family, bool listens) {
  struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
  int fd = socket(family, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&a,
                        family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(sa_family_t)),
                   0);
  if (listens)
    assert_int_equal(listen(fd, 1), 0);
  return fd;
}

static void parse_fd(int fd, int expected, struct listener_address *a) {
  char text[32];
  snprintf(text, sizeof text, "fd:%d", fd);
  assert_int_equal(listener_address_parse(text, a, NULL), expected);
}

static void an_inherited_descriptor_says_itself_what_it_is(void **state) {
  (void)state;
  struct listener_address a;
  int any = listening_fd(AF_INET, true), local = listening_fd(AF_UNIX, true);
  parse_fd(any, 0, &a);
  assert_int_equal(a.kind, LISTEN_FD);
  assert_false(a.is_loopback); /* bound to 0.0.0.0 */
  parse_fd(local, 0, &a);
  assert_int_equal(a.kind, LISTEN_FD);
  assert_true(a.is_loopback);
  close(any);
  close(local);
}

static void a_descriptor_that_does_not_listen_is_refused(void **state) {
  (void)state;
  struct listener_address a;
  int deaf = listening_fd(AF_INET, false), ends[2];
  parse_fd(deaf, CWS_ECONFIG, &a);
  close(deaf);
  parse_fd(deaf, CWS_ECONFIG, &a); /* closed */
  assert_int_equal(pipe(ends), 0);
  parse_fd(ends[0], CWS_ECONFIG, &a);
  close(ends[0]);
  close(ends[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_an_address_is_told_by_kind_and_reach),
      cmocka_unit_test(what_is_not_an_address_is_refused),
      cmocka_unit_test(the_refusal_names_the_text_and_says_what_is_right),
      cmocka_unit_test(a_unix_path_may_be_as_long_as_the_kernel_takes),
      cmocka_unit_test(an_inherited_descriptor_says_itself_what_it_is),
      cmocka_unit_test(a_descriptor_that_does_not_listen_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
