/* TLS: bytes both ways, a graceful end, garbage instead of a handshake, and clients that have to
 * show a certificate. */
#include "tests/unit/net/near_end.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/loop_internal.h"
#include "tests/unit/support/certs.h"

static struct certs certs, strangers; /* of another CA, with the same names */

struct site {
  struct rig rig;
  struct near_end near;
  struct far_end far;
};

static int make_certs(void **state) {
  (void)state;
  certs_make(&certs, "IP:127.0.0.1", 10);
  certs_make(&strangers, "IP:127.0.0.1", 10);
  return 0;
}

static int remove_certs(void **state) {
  (void)state;
  certs_remove(&certs);
  certs_remove(&strangers);
  return 0;
}

static struct site *open_site(const char *client_ca) {
  struct site *s = calloc(1, sizeof *s);
  const struct loop_options options = {
      .tls_cert_file = certs.cert, .tls_key_file = certs.key, .tls_client_ca_file = client_ca};
  rig_open(&s->rig, &options);
  near_open(&s->near, &s->rig, FAR_V4, true, &s->far);
  return s;
}

static int set_up(void **state) {
  *state = open_site(NULL);
  return 0;
}

static int set_up_for_known_clients(void **state) {
  *state = open_site(certs.ca);
  return 0;
}

static int tear_down(void **state) {
  struct site *s = *state;
  rig_close(&s->rig);
  assert_int_equal(s->near.closes, 1);
  far_free(&s->far);
  near_free(&s->near);
  free(s);
  return 0;
}

static void shake(struct site *s, const struct far_tls *tls) {
  far_start_tls(&s->far, tls);
  WAIT_FOR(&s->rig, far_shakes(&s->far));
}

static void shake_as_usual(struct site *s) {
  shake(s, &(struct far_tls){.ca = certs.ca});
  assert_true(s->far.has_tls);
  far_send(&s->far, &s->rig, ".", 1); /* then the near end's part is over, too */
  WAIT_FOR(&s->rig, s->near.datas == 1);
  buf_reset(&s->near.in);
}

static int timeouts_ended;

void __real_lws_set_timeout(struct lws *wsi, enum pending_timeout reason, int seconds);
void __wrap_lws_set_timeout(struct lws *wsi, enum pending_timeout reason, int seconds);

void __wrap_lws_set_timeout(struct lws *wsi, enum pending_timeout reason, int seconds) {
  timeouts_ended += reason == NO_PENDING_TIMEOUT;
  __real_lws_set_timeout(wsi, reason, seconds);
}

/* libwebsockets ends a connection 10 s after its handshake, unless it is told that this is over. */
static void the_time_for_the_handshake_ends_with_the_first_bytes(void **state) {
  struct site *s = *state;
  timeouts_ended = 0;
  shake_as_usual(s);
  assert_int_equal(timeouts_ended, 1);
  far_send(&s->far, &s->rig, "hello", 5);
  WAIT_FOR(&s->rig, near_has(&s->near, "hello"));
  assert_int_equal(timeouts_ended, 1);
}

static void bytes_go_both_ways(void **state) {
  struct site *s = *state;
  shake_as_usual(s);
  far_send(&s->far, &s->rig, "hello", 5);
  WAIT_FOR(&s->rig, near_has(&s->near, "hello"));
  assert_int_not_equal(connection_write(s->near.c, "world", 5), CONNECTION_DEAD);
  WAIT_FOR(&s->rig, far_has_text(&s->far, "world"));
  assert_true(connection_peer(s->near.c)->is_tls);
  assert_string_equal(connection_peer(s->near.c)->address, "127.0.0.1");
}

/* The distribution's own policy would refuse as well: it is taken away, so that ours is seen. */
static void allow_everything(struct site *s) {
  SSL_CTX_set_security_level(s->rig.loop->tls_ctx, 0);
  SSL_CTX_set_min_proto_version(s->rig.loop->tls_ctx, 0);
  connection_abort(s->near.c); /* it began with the other policy */
  WAIT_FOR(&s->rig, s->near.closes == 1);
  far_free(&s->far);
  near_free(&s->near);
  near_open(&s->near, &s->rig, FAR_V4, true, &s->far);
}

static void nothing_older_than_tls_1_2_is_spoken(void **state) {
  struct site *s = *state;
  allow_everything(s);
  far_start_tls(&s->far, &(struct far_tls){.ca = certs.ca});
  SSL_set_security_level(s->far.ssl, 0);
  SSL_set_min_proto_version(s->far.ssl, TLS1_VERSION);
  SSL_set_max_proto_version(s->far.ssl, TLS1_1_VERSION);
  WAIT_FOR(&s->rig, far_shakes(&s->far));
  assert_false(s->far.has_tls);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void tls_1_2_is_spoken(void **state) {
  struct site *s = *state;
  far_start_tls(&s->far, &(struct far_tls){.ca = certs.ca});
  SSL_set_max_proto_version(s->far.ssl, TLS1_2_VERSION);
  WAIT_FOR(&s->rig, far_shakes(&s->far));
  assert_true(s->far.has_tls);
  far_send(&s->far, &s->rig, "hello", 5);
  WAIT_FOR(&s->rig, near_has(&s->near, "hello"));
}

/* What browsers and curl offer; libwebsockets must not take the connection for its own HTTP. */
static void a_client_that_offers_http_by_alpn_is_answered_and_stays_raw(void **state) {
  struct site *s = *state;
  const unsigned char *chosen;
  unsigned len;
  shake(s, &(struct far_tls){.ca = certs.ca, .alpn = "http/1.1"});
  SSL_get0_alpn_selected(s->far.ssl, &chosen, &len);
  assert_int_equal(len, 8);
  assert_memory_equal(chosen, "http/1.1", 8);
  far_send(&s->far, &s->rig, "GET / HTTP/1.1\r\n\r\n", 18);
  WAIT_FOR(&s->rig, near_has(&s->near, "GET / HTTP/1.1\r\n\r\n"));
}

/* More than one TLS record: what OpenSSL still holds has to be read without the socket's help. */
static void much_arrives_whole_both_ways(void **state) {
  struct site *s = *state;
  enum { LEN = 3000000 };
  char *bytes = malloc(LEN);
  for (int i = 0; i < LEN; i++)
    bytes[i] = (char)(i * 7 + i / 256);
  shake_as_usual(s);
  far_send(&s->far, &s->rig, bytes, LEN);
  WAIT_FOR(&s->rig, s->near.in.len == LEN);
  assert_memory_equal(s->near.in.data, bytes, LEN);
  assert_int_not_equal(connection_write(s->near.c, bytes, LEN), CONNECTION_DEAD);
  WAIT_FOR(&s->rig, far_has(&s->far) == LEN);
  assert_memory_equal(s->far.in.data, bytes, LEN);
  free(bytes);
}

static void pause_it(struct near_end *near) {
  connection_pause(near->c);
}

/* Decrypted bytes that wait inside OpenSSL are not announced by the socket again. */
static void what_waits_inside_openssl_comes_after_resume(void **state) {
  struct site *s = *state;
  static char bytes[100000];
  shake_as_usual(s);
  s->near.on_data = pause_it;
  far_send(&s->far, &s->rig, bytes, sizeof bytes);
  while (s->near.in.len < sizeof bytes) {
    size_t before = s->near.in.len;
    connection_resume(s->near.c);
    WAIT_FOR(&s->rig, s->near.in.len > before);
  }
  assert_int_equal(s->near.in.len, sizeof bytes);
}

static void a_graceful_close_sends_everything_then_says_goodbye(void **state) {
  struct site *s = *state;
  enum { LEN = 2 << 20 };
  char *bytes = calloc(1, LEN);
  shake_as_usual(s);
  assert_int_equal(connection_write(s->near.c, bytes, LEN), CONNECTION_BUFFERED);
  connection_close(s->near.c, 20000);
  free(bytes);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_int_equal(s->far.in.len, LEN);
  assert_true(s->far.says_goodbye);
  far_free(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void a_peer_that_says_goodbye_ends_it(void **state) {
  struct site *s = *state;
  shake_as_usual(s);
  far_send(&s->far, &s->rig, "last words", 10);
  far_finish(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_true(near_has(&s->near, "last words"));
}

static void a_peer_that_resets_ends_it(void **state) {
  struct site *s = *state;
  shake_as_usual(s);
  far_reset(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

/* ---- instead of a handshake ---- */

static void plain_http_on_a_tls_port_is_closed_and_heard_by_nobody(void **state) {
  struct site *s = *state;
  far_send(&s->far, &s->rig, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_int_equal(s->near.datas, 0);
}

static void garbage_on_a_tls_port_is_closed_and_heard_by_nobody(void **state) {
  struct site *s = *state;
  unsigned char bytes[4096];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (unsigned char)(i * 131 + 17);
  bytes[0] = 22; /* a handshake record, it seems */
  bytes[1] = 3;
  bytes[2] = 1;
  far_send(&s->far, &s->rig, bytes, sizeof bytes);
  far_finish(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_int_equal(s->near.datas, 0);
}

static void a_peer_that_leaves_before_the_handshake_ends_it(void **state) {
  struct site *s = *state;
  far_free(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

static void a_peer_that_leaves_amid_the_handshake_ends_it(void **state) {
  struct site *s = *state;
  far_start_tls(&s->far, &(struct far_tls){.ca = certs.ca});
  far_shakes(&s->far); /* its hello only */
  settle(&s->rig);
  far_reset(&s->far);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_int_equal(s->near.datas, 0);
}

static void close_and_abort_before_the_handshake_end_it(void **state) {
  struct site *s = *state;
  connection_close(s->near.c, 30);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  far_free(&s->far);
  near_free(&s->near);
  near_open(&s->near, &s->rig, FAR_V4, true, &s->far);
  connection_abort(s->near.c);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

/* ---- certificates of clients ---- */

/* In TLS 1.3 the client's part of the handshake is over before its certificate is judged. */
static void assert_shut_out(struct site *s) {
  far_send_some(&s->far, "hello", 5);
  WAIT_FOR(&s->rig, s->near.closes == 1);
  assert_int_equal(s->near.datas, 0);
  WAIT_FOR(&s->rig, far_has_ended(&s->far));
  assert_int_equal(s->far.in.len, 0);
}

static void a_client_of_the_known_ca_is_let_in(void **state) {
  struct site *s = *state;
  shake(s, &(struct far_tls){.ca = certs.ca, .cert = certs.cert, .key = certs.key});
  far_send(&s->far, &s->rig, "hello", 5);
  WAIT_FOR(&s->rig, near_has(&s->near, "hello"));
}

static void a_client_without_a_certificate_is_shut_out(void **state) {
  struct site *s = *state;
  shake(s, &(struct far_tls){.ca = certs.ca});
  assert_shut_out(s);
}

static void a_client_of_another_ca_is_shut_out(void **state) {
  struct site *s = *state;
  shake(s, &(struct far_tls){.ca = certs.ca, .cert = strangers.cert, .key = strangers.key});
  assert_shut_out(s);
}

static void a_client_whose_certificate_has_expired_is_shut_out(void **state) {
  struct site *s = *state;
  struct certs old;
  certs_make(&old, "IP:127.0.0.1", -5);
  rig_close(&s->rig);
  far_free(&s->far);
  const struct loop_options options = {
      .tls_cert_file = certs.cert, .tls_key_file = certs.key, .tls_client_ca_file = old.ca};
  rig_open(&s->rig, &options);
  near_open(&s->near, &s->rig, FAR_V4, true, &s->far);
  shake(s, &(struct far_tls){.ca = certs.ca, .cert = old.cert, .key = old.key});
  assert_shut_out(s);
  certs_remove(&old);
}

static void tls_1_2_clients_are_judged_as_well(void **state) {
  struct site *s = *state;
  far_start_tls(&s->far,
                &(struct far_tls){.ca = certs.ca, .cert = strangers.cert, .key = strangers.key});
  SSL_set_max_proto_version(s->far.ssl, TLS1_2_VERSION);
  WAIT_FOR(&s->rig, far_shakes(&s->far));
  assert_false(s->far.has_tls);
  WAIT_FOR(&s->rig, s->near.closes == 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define KNOWN(f) cmocka_unit_test_setup_teardown(f, set_up_for_known_clients, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_time_for_the_handshake_ends_with_the_first_bytes),
      TEST(bytes_go_both_ways),
      TEST(nothing_older_than_tls_1_2_is_spoken),
      TEST(tls_1_2_is_spoken),
      TEST(a_client_that_offers_http_by_alpn_is_answered_and_stays_raw),
      TEST(much_arrives_whole_both_ways),
      TEST(what_waits_inside_openssl_comes_after_resume),
      TEST(a_graceful_close_sends_everything_then_says_goodbye),
      TEST(a_peer_that_says_goodbye_ends_it),
      TEST(a_peer_that_resets_ends_it),
      TEST(plain_http_on_a_tls_port_is_closed_and_heard_by_nobody),
      TEST(garbage_on_a_tls_port_is_closed_and_heard_by_nobody),
      TEST(a_peer_that_leaves_before_the_handshake_ends_it),
      TEST(a_peer_that_leaves_amid_the_handshake_ends_it),
      TEST(close_and_abort_before_the_handshake_end_it),
      KNOWN(a_client_of_the_known_ca_is_let_in),
      KNOWN(a_client_without_a_certificate_is_shut_out),
      KNOWN(a_client_of_another_ca_is_shut_out),
      KNOWN(a_client_whose_certificate_has_expired_is_shut_out),
      KNOWN(tls_1_2_clients_are_judged_as_well),
  };
  return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
