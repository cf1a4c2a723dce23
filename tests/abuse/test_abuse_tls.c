/* TLS where plain text is spoken, plain text and noise where TLS is; and what the log says of all.
 */
#include "tests/abuse/bystander.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/support/certs.h"

/* The beginning of a ClientHello. */
static const char HELLO[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\0\0\0\0\r\n\r\n";

static void tls_on_the_plain_port_is_400(void **state) {
  struct bystander *b = *state;
  for (int i = 0; i < 50; i++) {
    struct raw_reply reply;
    int fd = raw_connect(b->port);
    raw_send(fd, HELLO, sizeof HELLO - 1);
    raw_read_reply(fd, false, &reply);
    raw_assert_error(&reply, 400, "bad_request", "");
    raw_reply_free(&reply);
    raw_read_end(fd);
    close(fd);
  }
  bystander_works(b);
  bystander_is_light(b);
}

/* ---- on a TLS port ---- */

/* No bystander speaks TLS here: tests/abuse/tls.bats has one. This one weighs. */
struct site {
  struct bystander scale;
  struct certs certs;
  struct cws_server *hub;
  int port;
};

static const char *const NOISE[] = {"GET /healthz/live HTTP/1.1\r\nHost: hub\r\n\r\n",
                                    "\x16\x03\x01\xff\xff noise", "\x80\x2e\x01\x00\x02",
                                    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};

/* An alert may be said, an answer in plain text may not. */
static void read_no_answer(int fd) {
  char bytes[4096];
  ssize_t n;
  while ((n = recv(fd, bytes, sizeof bytes - 1, 0)) > 0) {
    bytes[n] = '\0';
    if (strstr(bytes, "HTTP") != NULL)
      fail_msg("answered in plain text: %s", bytes);
  }
}

static void make_noise(struct site *s, int i) {
  const char *noise = NOISE[i % 4];
  int fd = raw_connect(s->port);
  int64_t start = now_ms();
  raw_send(fd, noise, strlen(noise));
  if (i % 4 != 2) { /* that one looks like the beginning of more */
    read_no_answer(fd);
    assert_in_range(now_ms() - start, 0, 5000);
  }
  close(fd);
}

static int set_up(void **state) {
  struct site *s = calloc(1, sizeof *s);
  struct cws_server_options o;
  certs_make(&s->certs, "IP:127.0.0.1", 1);
  live_hub_options(&o);
  o.tls_cert_file = s->certs.cert;
  o.tls_key_file = s->certs.key;
  s->hub = live_hub_start(&o);
  s->port = live_hub_port(s->hub);
  for (int i = 0; i < 20; i++) /* what OpenSSL makes once is not counted */
    make_noise(s, i);
  bystander_weigh(&s->scale);
  *state = s;
  return 0;
}

static int tear_down(void **state) {
  struct site *s = *state;
  cws_server_free(s->hub);
  certs_remove(&s->certs);
  free(s);
  return 0;
}

static void plain_text_and_noise_on_the_tls_port_end_at_once_and_cost_nothing(void **state) {
  struct site *s = *state;
  for (int i = 0; i < 600; i++)
    make_noise(s, i);
  bystander_is_light(&s->scale);
}

/* A client has as long for its handshake as for its headers. */
static void silence_on_the_tls_port_ends_in_time_and_costs_little(void **state) {
  struct site *s = *state;
  enum { COUNT = 100 };
  int fds[COUNT];
  int64_t start = now_ms();
  for (int i = 0; i < COUNT; i++) {
    fds[i] = raw_connect(s->port);
    raw_send(fds[i], HELLO, (size_t)(i % 4) * 5); /* none of it, or not all */
  }
  for (int i = 0; i < COUNT; i++) {
    raw_read_end(fds[i]);
    close(fds[i]);
  }
  assert_in_range(now_ms() - start, 8000, 16000);
  bystander_is_light(&s->scale);
}

#define TLS(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      ABUSE(tls_on_the_plain_port_is_400),
      TLS(plain_text_and_noise_on_the_tls_port_end_at_once_and_cost_nothing),
      TLS(silence_on_the_tls_port_ends_in_time_and_costs_little),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
