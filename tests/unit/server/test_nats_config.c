/* nats_config: what is said of a log that hubs share: what is refused, by which name, and what goes
 * on to the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <string.h>

#include "server/nats_config.h"
#include "server/server_internal.h"
#include "tests/unit/support/live_hub.h"

#define ONE "nats://127.0.0.1:4222"

static struct cws_nats_options plain(void) {
  return (struct cws_nats_options){.size = sizeof(struct cws_nats_options),
                                   .state_file = "/nowhere/state.db"};
}

static void expect_refusal(const char *store, const struct cws_nats_options *o, int code,
                           const char *part) {
  struct nats_config c;
  struct cws_error err = {0};
  int rc = nats_config_init(&c, store, o, &err);
  if (rc != code || err.code != code || strstr(err.message, part) == NULL)
    fail_msg("expected %d '%s': %d '%s'", code, part, rc, err.message);
  nats_config_finish(&c);
}

static void expect_success(const char *store, const struct cws_nats_options *o) {
  struct nats_config c;
  struct cws_error err = {0};
  if (nats_config_init(&c, store, o, &err) != 0)
    fail_msg("'%s': %s", store, err.message);
  nats_config_finish(&c);
}

/* ---- servers ---- */

static void servers_are_hosts_with_or_without_a_port(void **state) {
  (void)state;
  static const char *const GOOD[] = {"nats://a",
                                     "nats://a:4222",
                                     "nats://a-b.example.org:1,c_d:65535",
                                     "nats://10.0.0.1",
                                     "nats://[::1]:4222,[fe80::1%eth0]",
                                     "nats://a,b,c"};
  static const char *const BAD[] = {
      "nats:",       "nats:a:4222",    "nats://",      "nats://a,",       "nats://,a",
      "nats://a:0",  "nats://a:65536", "nats://a:",    "nats://a:4222/",  "nats://a b",
      "nats://[::1", "nats://[]:1",    "nats://a:1:2", "nats://a:000001", "nats://tls://a"};
  const struct cws_nats_options o = plain();
  for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
    expect_success(GOOD[i], &o);
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
    expect_refusal(BAD[i], &o, CWS_ECONFIG, BAD[i]);
}

static void a_password_in_the_address_is_refused_and_not_shown(void **state) {
  (void)state;
  const struct cws_nats_options o = plain();
  struct cws_server_options hub;
  struct cws_server *made = NULL;
  struct cws_error err = {0};
  expect_refusal("nats://ann:hush@a", &o, CWS_ECONFIG, "nats-password-file");
  live_hub_options(&hub);
  hub.store = "nats://ann:hush@a";
  hub.nats = &o;
  assert_int_equal(cws_server_new(&hub, &made, &err), CWS_ECONFIG);
  assert_null(strstr(err.message, "hush"));
}

/* ---- options ---- */

static void what_is_out_of_range_is_refused_by_the_options_name(void **state) {
  (void)state;
  struct cws_nats_options o = plain();
  o.replicas = 6;
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-replicas: 6");
  o.replicas = -1;
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-replicas: -1");
  o = plain();
  o.max_age_ms = -1;
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-max-age: ");
  o = plain();
  o.max_bytes = INT64_MAX;
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-max-bytes: ");
  o = plain();
  o.storage = "tape";
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-storage 'tape'");
  o = plain();
  o.state_file = NULL;
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-state");
  o.state_file = "";
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-state");
}

/* It becomes a subject: one word of it, without a wildcard. */
static void a_prefix_is_one_word(void **state) {
  (void)state;
  static const char *const BAD[] = {
      "",    "a.b", "a>",  "*",
      "a b", "a/b", "$JS", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
  struct cws_nats_options o = plain();
  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
    o.prefix = BAD[i];
    expect_refusal(ONE, &o, CWS_ECONFIG, "nats-prefix '");
  }
  o.prefix = "Team_1-a";
  expect_success(ONE, &o);
}

static void one_way_to_sign_in_and_whole(void **state) {
  (void)state;
  struct cws_nats_options o = plain();
  o.user = "ann";
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-user and nats-password-file");
  o.password = "hush";
  expect_success(ONE, &o);
  o.credentials_file = "/dev/null";
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-user or nats-credentials");
  o.user = NULL;
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-user and nats-password-file");
  o = plain();
  o.tls_key_file = "/dev/null";
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-tls-cert and nats-tls-key");
}

static void a_file_that_cannot_be_read_is_named(void **state) {
  (void)state;
  struct cws_nats_options o = plain();
  o.tls_ca_file = "/nowhere/ca.pem";
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-tls-ca: cannot read '/nowhere/ca.pem'");
  o = plain();
  o.credentials_file = "/nowhere/hub.creds";
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-credentials: cannot read '/nowhere/hub.creds'");
  o = plain();
  o.tls_cert_file = "/dev/null";
  o.tls_key_file = "/nowhere/key.pem";
  expect_refusal(ONE, &o, CWS_ECONFIG, "nats-tls-key: cannot read '/nowhere/key.pem'");
}

static void nothing_is_given_in_vain(void **state) {
  (void)state;
  static const struct {
    const char *name;
    struct cws_nats_options options;
  } ONES[] = {
      {"nats-state", {.state_file = "x"}},
      {"nats-prefix", {.prefix = "x"}},
      {"nats-replicas", {.replicas = 1}},
      {"nats-storage", {.storage = "file"}},
      {"nats-max-age", {.max_age_ms = 1}},
      {"nats-max-bytes", {.max_bytes = 1}},
      {"nats-user", {.user = "x"}},
      {"nats-password-file", {.password = "x"}},
      {"nats-credentials", {.credentials_file = "x"}},
      {"nats-tls-ca", {.tls_ca_file = "x"}},
      {"nats-tls-cert", {.tls_cert_file = "x"}},
      {"nats-tls-key", {.tls_key_file = "x"}},
  };
  for (size_t i = 0; i < sizeof ONES / sizeof ONES[0]; i++) {
    struct cws_nats_options o = ONES[i].options;
    o.size = sizeof o;
    expect_refusal("sqlite:/x", &o, CWS_ECONFIG, ONES[i].name);
    expect_refusal("memory:", &o, CWS_ECONFIG, "needs a store nats://HOST");
  }
  expect_success("memory:", NULL);
}

/* ---- what goes on ---- */

static void texts_are_copied_and_handed_on(void **state) {
  (void)state;
  char path[] = "/nowhere/state.db", prefix[] = "team", storage[] = "memory", user[] = "ann";
  char password[] = "hush", file[] = "/dev/null";
  struct cws_nats_options o = {.size = sizeof o,
                               .state_file = path,
                               .prefix = prefix,
                               .replicas = 3,
                               .storage = storage,
                               .max_age_ms = 5,
                               .max_bytes = 6,
                               .user = user,
                               .password = password,
                               .tls_ca_file = file,
                               .tls_cert_file = file,
                               .tls_key_file = file};
  struct nats_config c;
  assert_int_equal(nats_config_init(&c, ONE, &o, NULL), 0);
  path[0] = prefix[0] = storage[0] = user[0] = password[0] = file[0] = 'x';
  const struct store_nats_options *s = &c.options;
  assert_string_equal(s->state_path, "/nowhere/state.db");
  assert_string_equal(s->prefix, "team");
  assert_int_equal(s->replicas, 3);
  assert_string_equal(s->storage, "memory");
  assert_int_equal(s->max_age_ms, 5);
  assert_int_equal(s->max_bytes, 6);
  assert_string_equal(s->user, "ann");
  assert_string_equal(s->password, "hush");
  assert_null(s->credentials);
  assert_string_equal(s->tls_ca, "/dev/null");
  assert_string_equal(s->tls_cert, "/dev/null");
  assert_string_equal(s->tls_key, "/dev/null");
  nats_config_finish(&c);
}

static void a_struct_of_an_older_caller_is_read_to_its_end(void **state) {
  (void)state;
  struct cws_nats_options o = plain();
  o.size = offsetof(struct cws_nats_options, replicas);
  o.replicas = 99;
  expect_success(ONE, &o);
  o.size = 0;
  expect_refusal(ONE, &o, CWS_EINVAL, "size");
  o.size = sizeof o + 1;
  expect_refusal(ONE, &o, CWS_EINVAL, "size");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(servers_are_hosts_with_or_without_a_port),
      cmocka_unit_test(a_password_in_the_address_is_refused_and_not_shown),
      cmocka_unit_test(what_is_out_of_range_is_refused_by_the_options_name),
      cmocka_unit_test(a_prefix_is_one_word),
      cmocka_unit_test(one_way_to_sign_in_and_whole),
      cmocka_unit_test(a_file_that_cannot_be_read_is_named),
      cmocka_unit_test(nothing_is_given_in_vain),
      cmocka_unit_test(texts_are_copied_and_handed_on),
      cmocka_unit_test(a_struct_of_an_older_caller_is_read_to_its_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
