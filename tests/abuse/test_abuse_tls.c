/* TLS where plain text is spoken, plain text and noise where TLS is; and what the log says of all.
 */
#include "tests/abuse/bystander.h"

#include <stdlib.h>
#include <string.h>
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

static void plain_text_and_noise_on_the_tls_port_end_at_once(void **state) {
  (void)state;
  struct certs certs;
  struct cws_server_options o;
  certs_make(&certs, "IP:127.0.0.1", 1);
  live_hub_options(&o);
  o.tls_cert_file = certs.cert;
  o.tls_key_file = certs.key;
  struct cws_server *hub = live_hub_start(&o);
  int port = live_hub_port(hub);
  static const char *const NOISE[] = {"GET /healthz/live HTTP/1.1\r\nHost: hub\r\n\r\n",
                                      "\x16\x03\x01\xff\xff noise", "\x80\x2e\x01\x00\x02",
                                      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
  for (int i = 0; i < 100; i++) {
    const char *noise = NOISE[i % 4];
    int fd = raw_connect(port);
    int64_t start = now_ms();
    raw_send(fd, noise, strlen(noise));
    if (i % 4 != 2) { /* that one looks like the beginning of more */
      raw_read_end(fd);
      assert_in_range(now_ms() - start, 0, 5000);
    }
    close(fd);
  }
  cws_server_free(hub);
  certs_remove(&certs);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ABUSE(tls_on_the_plain_port_is_400),
      cmocka_unit_test(plain_text_and_noise_on_the_tls_port_end_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
