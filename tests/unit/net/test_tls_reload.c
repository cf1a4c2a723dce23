/* New files are taken while connections go on; broken ones change nothing. */
#include "tests/unit/net/near_end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/support/certs.h"

struct site {
  struct rig rig;
  struct certs live, next; /* the loop's, and what is to replace them */
};

static void copy(const char *from, const char *to) {
  char bytes[8192];
  FILE *in = fopen(from, "r"), *out = fopen(to, "w");
  assert_non_null(in);
  assert_non_null(out);
  size_t n = fread(bytes, 1, sizeof bytes, in);
  assert_int_equal(fwrite(bytes, 1, n, out), n);
  fclose(in);
  fclose(out);
}

static int set_up(void **state) {
  struct site *s = calloc(1, sizeof *s);
  certs_make(&s->live, "IP:127.0.0.1", 10);
  certs_make(&s->next, "IP:127.0.0.1", 10);
  *state = s;
  return 0;
}

static void start(struct site *s, bool asks_clients) {
  const struct loop_options options = {.tls_cert_file = s->live.cert,
                                       .tls_key_file = s->live.key,
                                       .tls_client_ca_file = asks_clients ? s->live.ca : NULL};
  rig_open(&s->rig, &options);
}

static int tear_down(void **state) {
  struct site *s = *state;
  rig_close(&s->rig);
  certs_remove(&s->live);
  certs_remove(&s->next);
  free(s);
  return 0;
}

/* Whether a new client that trusts `ca` alone, and shows what `tls` says, is heard. */
static bool is_served(struct site *s, const struct far_tls *tls) {
  struct near_end near;
  struct far_end far;
  near_open(&near, &s->rig, FAR_V4, true, &far);
  far_start_tls(&far, tls);
  WAIT_FOR(&s->rig, far_shakes(&far));
  if (far.has_tls)
    far_send_some(&far, "hello", 5);
  else
    far_finish(&far);
  WAIT_FOR(&s->rig, near_has(&near, "hello") || near.closes == 1);
  bool is_heard = near_has(&near, "hello");
  far_free(&far);
  WAIT_FOR(&s->rig, near.closes == 1);
  near_free(&near);
  return is_heard;
}

static bool is_trusted(struct site *s, const char *ca) {
  return is_served(s, &(struct far_tls){.ca = ca});
}

static void renew(struct site *s) {
  copy(s->next.cert, s->live.cert);
  copy(s->next.key, s->live.key);
}

static void new_files_serve_new_clients_and_old_ones_go_on(void **state) {
  struct site *s = *state;
  struct near_end near;
  struct far_end far;
  start(s, false);
  near_open(&near, &s->rig, FAR_V4, true, &far);
  far_start_tls(&far, &(struct far_tls){.ca = s->live.ca});
  WAIT_FOR(&s->rig, far_shakes(&far));
  assert_false(is_trusted(s, s->next.ca));
  renew(s);
  assert_false(is_trusted(s, s->next.ca)); /* not before it is told */
  assert_int_equal(loop_reload_tls(s->rig.loop, NULL), 0);
  assert_true(is_trusted(s, s->next.ca));
  assert_false(is_trusted(s, s->live.ca));
  far_send(&far, &s->rig, "still here", 10);
  WAIT_FOR(&s->rig, near_has(&near, "still here"));
  far_free(&far);
  WAIT_FOR(&s->rig, near.closes == 1);
  near_free(&near);
}

static void assert_keeps_the_old(struct site *s, const char *path) {
  struct cws_error err = {0};
  assert_int_equal(loop_reload_tls(s->rig.loop, &err), CWS_ECONFIG);
  assert_non_null(strstr(err.message, path));
  assert_true(is_trusted(s, s->live.ca));
}

static void broken_files_keep_the_old_ones(void **state) {
  struct site *s = *state;
  start(s, false);
  copy("/dev/null", s->live.cert);
  assert_keeps_the_old(s, s->live.cert);
  unlink(s->live.cert);
  assert_keeps_the_old(s, s->live.cert);
  copy(s->next.cert, s->live.cert); /* the new certificate, but still the old key */
  assert_keeps_the_old(s, s->live.key);
  renew(s); /* then the rest has come */
  assert_int_equal(loop_reload_tls(s->rig.loop, NULL), 0);
  assert_true(is_trusted(s, s->next.ca));
}

static void clients_are_still_asked_for_certificates_after_a_reload(void **state) {
  struct site *s = *state;
  start(s, true);
  struct far_tls known = {.ca = s->live.ca, .cert = s->live.cert, .key = s->live.key};
  assert_true(is_served(s, &known));
  assert_int_equal(loop_reload_tls(s->rig.loop, NULL), 0);
  assert_true(is_served(s, &known));
  assert_false(is_trusted(s, s->live.ca));
  struct far_tls stranger = {.ca = s->live.ca, .cert = s->next.cert, .key = s->next.key};
  assert_false(is_served(s, &stranger));
}

static void the_clients_ca_is_read_again_too(void **state) {
  struct site *s = *state;
  start(s, true);
  assert_false(
      is_served(s, &(struct far_tls){.ca = s->live.ca, .cert = s->next.cert, .key = s->next.key}));
  renew(s);
  copy(s->next.ca, s->live.ca);
  assert_int_equal(loop_reload_tls(s->rig.loop, NULL), 0);
  assert_true(
      is_served(s, &(struct far_tls){.ca = s->next.ca, .cert = s->next.cert, .key = s->next.key}));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(new_files_serve_new_clients_and_old_ones_go_on),
      TEST(broken_files_keep_the_old_ones),
      TEST(the_clients_ca_is_read_again_too),
      TEST(clients_are_still_asked_for_certificates_after_a_reload),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
