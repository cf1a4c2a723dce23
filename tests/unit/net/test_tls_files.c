/* Certificate, key and CA are looked at before anything depends on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <string.h>

#include "server/net/tls_files.h"
#include "tests/unit/support/certs.h"

static struct certs a, b;

static int make_certs(void **state) {
  (void)state;
  certs_make(&a, "IP:127.0.0.1", 10);
  certs_make(&b, "IP:127.0.0.1", 10);
  return 0;
}

static int remove_certs(void **state) {
  (void)state;
  certs_remove(&a);
  certs_remove(&b);
  return 0;
}

static void assert_refused(const char *cert, const char *key, const char *ca, const char *what,
                           const char *path) {
  struct cws_error err = {0};
  assert_int_equal(tls_files_check(cert, key, ca, &err), CWS_ECONFIG);
  assert_int_equal(err.code, CWS_ECONFIG);
  if (strstr(err.message, what) == NULL || strstr(err.message, path) == NULL)
    fail_msg("no '%s' and '%s' in '%s'", what, path, err.message);
  assert_int_equal(tls_files_check(cert, key, ca, NULL), CWS_ECONFIG);
}

static void good_files_are_good(void **state) {
  (void)state;
  struct cws_error err = {0};
  assert_int_equal(tls_files_check(a.cert, a.key, NULL, &err), 0);
  assert_int_equal(tls_files_check(a.cert, a.key, a.ca, &err), 0);
  assert_int_equal(tls_files_check(a.cert, a.key, b.ca, &err), 0); /* clients of another CA */
  assert_int_equal(err.code, 0);
}

static void a_file_that_is_missing_is_named(void **state) {
  (void)state;
  assert_refused("/nonexistent", a.key, NULL, "certificate", "/nonexistent");
  assert_refused(a.cert, "/nonexistent", NULL, "key", "/nonexistent");
  assert_refused(a.cert, a.key, "/nonexistent", "CA", "/nonexistent");
}

static void a_file_of_the_wrong_kind_is_named(void **state) {
  (void)state;
  assert_refused(a.key, a.key, NULL, "certificate", a.key);
  assert_refused(a.cert, a.cert, NULL, "key", a.cert);
  assert_refused(a.cert, a.key, a.key, "CA", a.key);
  assert_refused("/dev/null", a.key, NULL, "certificate", "/dev/null");
}

static void a_key_of_another_certificate_is_told(void **state) {
  (void)state;
  assert_refused(a.cert, b.key, NULL, "key", b.key);
}

/* What one check left in OpenSSL's queue must not be the reason of the next. */
static void a_failure_leaves_nothing_behind(void **state) {
  (void)state;
  struct cws_error err = {0};
  tls_files_check(a.cert, b.key, NULL, NULL);
  assert_int_equal(tls_files_check(a.cert, a.key, a.ca, &err), 0);
  assert_refused("/nonexistent", a.key, NULL, "certificate", "/nonexistent");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_files_are_good),
      cmocka_unit_test(a_file_that_is_missing_is_named),
      cmocka_unit_test(a_file_of_the_wrong_kind_is_named),
      cmocka_unit_test(a_key_of_another_certificate_is_told),
      cmocka_unit_test(a_failure_leaves_nothing_behind),
  };
  return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
