/* server_config: the options of a hub: what is refused, by which name, and what is worked out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "server/server_internal.h"
#include "tests/unit/support/certs.h"
#include "tests/unit/support/live_hub.h"

static void expect_refusal(const struct cws_server_options *o, int code, const char *part) {
  struct cws_server *hub = NULL;
  struct cws_error err = {0};
  int rc = cws_server_new(o, &hub, &err);
  if (rc != code || err.code != code || strstr(err.message, part) == NULL)
    fail_msg("expected %d '%s': %d '%s'", code, part, rc, err.message);
  assert_null(hub);
  assert_int_equal(cws_server_new(o, &hub, NULL), code); /* the detail is optional */
}

static void expect_success(const struct cws_server_options *o) {
  cws_server_free(live_hub_new(o));
}

/* ---- numbers ---- */

#define CENTURY_MS ((int64_t)100 * 365 * 24 * 3600 * 1000)
#define COUNT_MAX ((int64_t)1 << 40)
#define MIB ((int64_t)1024 * 1024)

static const struct {
  const char *name;
  size_t offset;
  int64_t min, max;
} NUMBERS[] = {
#define NUMBER(name, member, min, max)                                                             \
  { name, offsetof(struct cws_server_options, member), min, max }
    NUMBER("heartbeat-interval", heartbeat_interval_ms, 0, CENTURY_MS),
    NUMBER("inactivity-timeout", inactivity_timeout_ms, 0, CENTURY_MS),
    NUMBER("retention", retention_ms, 0, CENTURY_MS),
    NUMBER("max-request-events", max_request_events, 0, COUNT_MAX),
    NUMBER("max-request-bytes", max_request_bytes, 0, COUNT_MAX),
    NUMBER("max-event-bytes", max_event_bytes, 1, 64 * MIB),
    NUMBER("max-body-bytes", max_body_bytes, 1, 1024 * MIB),
    NUMBER("max-batch-events", max_batch_events, 1, COUNT_MAX),
    NUMBER("max-connections", max_connections, 0, COUNT_MAX),
    NUMBER("max-connections-per-user", max_connections_per_user, 0, COUNT_MAX),
    NUMBER("max-connections-per-address", max_connections_per_address, 0, COUNT_MAX),
    NUMBER("max-publish-rate", max_publish_rate, 0, COUNT_MAX),
    NUMBER("drain-timeout", drain_timeout_ms, 0, CENTURY_MS),
#undef NUMBER
};

static void set_number(struct cws_server_options *o, size_t i, int64_t value) {
  memcpy((char *)o + NUMBERS[i].offset, &value, sizeof value);
}

static void every_number_out_of_its_range_is_refused_by_the_options_name(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
    struct cws_server_options o;
    char name[64];
    snprintf(name, sizeof name, "%s: ", NUMBERS[i].name);
    live_hub_options(&o);
    set_number(&o, i, NUMBERS[i].min - 1);
    expect_refusal(&o, CWS_ECONFIG, name);
    set_number(&o, i, NUMBERS[i].max + 1);
    expect_refusal(&o, CWS_ECONFIG, name);
    set_number(&o, i, INT64_MIN);
    expect_refusal(&o, CWS_ECONFIG, name);
  }
}

static void both_ends_of_every_range_are_fine(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
    struct cws_server_options o;
    live_hub_options(&o);
    set_number(&o, i, NUMBERS[i].min);
    expect_success(&o);
    set_number(&o, i, NUMBERS[i].max);
    expect_success(&o);
  }
}

static void the_number_of_workers_has_a_range_too(void **state) {
  (void)state;
  struct cws_server_options o;
  live_hub_options(&o);
  o.workers = -1;
  expect_refusal(&o, CWS_ECONFIG, "workers: ");
  o.workers = 1025;
  expect_refusal(&o, CWS_ECONFIG, "workers: ");
  o.workers = 1024;
  expect_success(&o);
}

/* ---- addresses ---- */

static void a_hub_without_an_address_is_refused(void **state) {
  (void)state;
  static const char *const NONE[] = {NULL};
  struct cws_server_options o;
  live_hub_options(&o);
  o.listen = NULL;
  expect_refusal(&o, CWS_ECONFIG, "listen: ");
  o.listen = NONE;
  expect_refusal(&o, CWS_ECONFIG, "listen: ");
}

static void an_address_that_is_none_is_quoted(void **state) {
  (void)state;
  static const char *const BAD[] = {
      "127.0.0.1", "127.0.0.1:65536", "host:80",       "127.0.0.1:", "[::1:80", "unix:", "fd:x",
      "",          "127.1:0",         "127.0.0.1:0x10"};
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
    const char *const listen[] = {"127.0.0.1:0", BAD[i], NULL};
    struct cws_server_options o;
    char quoted[64];
    snprintf(quoted, sizeof quoted, "'%s'", BAD[i]);
    live_hub_options(&o);
    o.listen = listen;
    expect_refusal(&o, CWS_ECONFIG, quoted);
    expect_refusal(&o, CWS_ECONFIG, "listen");
  }
}

/* ---- TLS ---- */

static void a_certificate_and_its_key_go_together(void **state) {
  (void)state;
  struct certs certs;
  struct cws_server_options o;
  certs_make(&certs, "IP:127.0.0.1", 10);
  live_hub_options(&o);
  o.tls_cert_file = certs.cert;
  expect_refusal(&o, CWS_ECONFIG, "tls-cert and tls-key");
  o.tls_cert_file = NULL;
  o.tls_key_file = certs.key;
  expect_refusal(&o, CWS_ECONFIG, "tls-cert and tls-key");
  o.tls_key_file = NULL;
  o.tls_client_ca_file = certs.ca;
  expect_refusal(&o, CWS_ECONFIG, "tls-client-ca");
  o.tls_cert_file = certs.cert;
  o.tls_key_file = certs.key;
  expect_success(&o);
  certs_remove(&certs);
}

static void files_that_make_no_tls_are_named(void **state) {
  (void)state;
  struct certs certs, others;
  struct cws_server_options o;
  certs_make(&certs, "IP:127.0.0.1", 10);
  certs_make(&others, "IP:127.0.0.1", 10);
  live_hub_options(&o);
  o.tls_cert_file = "/nowhere/cert.pem";
  o.tls_key_file = certs.key;
  expect_refusal(&o, CWS_ECONFIG, "/nowhere/cert.pem");
  o.tls_cert_file = certs.cert;
  o.tls_key_file = others.key;
  expect_refusal(&o, CWS_ECONFIG, others.key);
  o.tls_key_file = certs.key;
  o.tls_client_ca_file = certs.key; /* a PEM file, and no certificate */
  expect_refusal(&o, CWS_ECONFIG, certs.key);
  certs_remove(&certs);
  certs_remove(&others);
}

/* ---- keys, origins, store ---- */

static void a_hub_without_a_key_is_refused(void **state) {
  (void)state;
  static const char *const NONE[] = {NULL}, *const GONE[] = {"/nowhere/secret", NULL};
  struct cws_server_options o;
  live_hub_options(&o);
  o.local_secret = NULL;
  o.secret_files = NONE;
  expect_refusal(&o, CWS_ECONFIG, "no key");
  o.secret_files = GONE;
  expect_refusal(&o, CWS_ECONFIG, "/nowhere/secret");
  o.secret_files = NULL;
  o.public_key_files = GONE;
  expect_refusal(&o, CWS_ECONFIG, "/nowhere/secret");
  o.public_key_files = NULL;
  o.jwks = GONE;
  expect_refusal(&o, CWS_ECONFIG, "/nowhere/secret");
}

static void a_short_secret_is_refused_and_not_shown(void **state) {
  (void)state;
  struct cws_server_options o;
  struct cws_server *hub = NULL;
  struct cws_error err = {0};
  live_hub_options(&o);
  o.local_secret = "hush-hush";
  o.local_secret_len = 9;
  assert_int_equal(cws_server_new(&o, &hub, &err), CWS_ECONFIG);
  assert_non_null(strstr(err.message, "secret"));
  assert_null(strstr(err.message, "hush"));
}

static void an_allowed_origin_that_is_none_is_quoted(void **state) {
  (void)state;
  static const char *const BAD[] = {"https://fine.example", "fine.example", NULL};
  struct cws_server_options o;
  live_hub_options(&o);
  o.allow_origins = BAD;
  expect_refusal(&o, CWS_ECONFIG, "\"fine.example\"");
}

static void an_unknown_store_is_refused(void **state) {
  (void)state;
  static const char *const BAD[] = {"redis://127.0.0.1", "sqlite", "memory", "", NULL};
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
    struct cws_server_options o;
    live_hub_options(&o);
    o.store = BAD[i];
    expect_refusal(&o, CWS_ECONFIG, "store");
  }
}

/* ---- the struct itself ---- */

static void a_struct_that_was_not_initialised_is_refused(void **state) {
  (void)state;
  struct cws_server_options o;
  live_hub_options(&o);
  o.size = 0;
  expect_refusal(&o, CWS_EINVAL, "cws_server_options_init");
  o.size = sizeof o + 1; /* of a newer library: what it means is not known */
  expect_refusal(&o, CWS_EINVAL, "cws_server_options_init");
  expect_refusal(NULL, CWS_EINVAL, "cws_server_options_init");
}

static void a_shorter_struct_of_an_older_caller_gets_the_rest_by_default(void **state) {
  (void)state;
  struct cws_server_options old, wide, plain;
  live_hub_options(&old);
  cws_server_options_init(&plain);
  old.size = offsetof(struct cws_server_options, max_event_bytes);
  old.retention_ms = 7;
  old.max_event_bytes = -1; /* behind its end: not read */
  old.drain_timeout_ms = -1;
  assert_int_equal(server_config_widen(&old, &wide, NULL), 0);
  assert_int_equal(wide.size, sizeof wide);
  assert_int_equal(wide.retention_ms, 7);
  assert_int_equal(wide.max_event_bytes, plain.max_event_bytes);
  assert_int_equal(wide.drain_timeout_ms, plain.drain_timeout_ms);
  old.local_secret = LIVE_SECRET;
  expect_success(&old);
}

static void texts_are_copied(void **state) {
  (void)state;
  char address[] = "127.0.0.1:0", store[] = "memory:", secret[] = LIVE_SECRET;
  const char *listen[] = {address, NULL};
  struct cws_server_options o;
  struct cws_error err = {0};
  live_hub_options(&o);
  o.listen = listen;
  o.store = store;
  o.local_secret = secret;
  struct cws_server *hub = live_hub_new(&o);
  memset(address, 'x', sizeof address - 1);
  memset(store, 'x', sizeof store - 1);
  memset(secret, 'x', sizeof secret - 1);
  listen[0] = NULL;
  assert_int_equal(cws_server_start(hub, &err), 0);
  cws_server_free(hub);
}

/* ---- what is worked out ---- */

static void one_event_always_fits_into_one_publish(void **state) {
  (void)state;
  struct cws_server_options o;
  struct server_config c;
  live_hub_options(&o);
  o.max_event_bytes = 2 * MIB;
  o.max_body_bytes = MIB;
  assert_int_equal(server_config_init(&c, &o, NULL), 0);
  assert_int_equal(c.numbers.max_body_bytes, 2 * MIB);
  server_config_finish(&c);
}

static void connections_without_a_limit_get_that_of_the_descriptors(void **state) {
  (void)state;
  struct cws_server_options o;
  struct server_config c;
  struct rlimit before, low;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  low = before;
  low.rlim_cur = 512;
  live_hub_options(&o);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  int rc = server_config_init(&c, &o, NULL);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(rc, 0);
  assert_in_range(c.numbers.max_connections, 64, 512 - 1);
  assert_int_equal(server_config_quota(&c.numbers).max_connections, c.numbers.max_connections);
  server_config_finish(&c);
}

static void workers_are_one_a_core_unless_they_are_given(void **state) {
  (void)state;
  struct cws_server_options o;
  struct server_config c;
  live_hub_options(&o);
  o.workers = 0;
  assert_int_equal(server_config_init(&c, &o, NULL), 0);
  assert_in_range(c.numbers.workers, 1, 1024);
  server_config_finish(&c);
  o.workers = 3;
  assert_int_equal(server_config_init(&c, &o, NULL), 0);
  assert_int_equal(c.numbers.workers, 3);
  server_config_finish(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_number_out_of_its_range_is_refused_by_the_options_name),
      cmocka_unit_test(both_ends_of_every_range_are_fine),
      cmocka_unit_test(the_number_of_workers_has_a_range_too),
      cmocka_unit_test(a_hub_without_an_address_is_refused),
      cmocka_unit_test(an_address_that_is_none_is_quoted),
      cmocka_unit_test(a_certificate_and_its_key_go_together),
      cmocka_unit_test(files_that_make_no_tls_are_named),
      cmocka_unit_test(a_hub_without_a_key_is_refused),
      cmocka_unit_test(a_short_secret_is_refused_and_not_shown),
      cmocka_unit_test(an_allowed_origin_that_is_none_is_quoted),
      cmocka_unit_test(an_unknown_store_is_refused),
      cmocka_unit_test(a_struct_that_was_not_initialised_is_refused),
      cmocka_unit_test(a_shorter_struct_of_an_older_caller_gets_the_rest_by_default),
      cmocka_unit_test(texts_are_copied),
      cmocka_unit_test(one_event_always_fits_into_one_publish),
      cmocka_unit_test(connections_without_a_limit_get_that_of_the_descriptors),
      cmocka_unit_test(workers_are_one_a_core_unless_they_are_given),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
