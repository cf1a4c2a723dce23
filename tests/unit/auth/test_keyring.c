/* keyring: the keys of all sources as one set, which is read anew as a whole or not at all. */
#include "tests/unit/auth/support.h"

#include "server/auth/keyring.h"
#include "tests/unit/auth/key_server.h"

static struct folder folder;

/* The ring of the options, read once. */
static struct keyring *ring_of(const struct cws_server_options *options) {
  struct keyring *unread = NULL, *ring = NULL;
  struct cws_error err = {0};
  assert_int_equal(keyring_new(options, &unread, &err), 0);
  assert_null(unread->keys);
  if (keyring_reload(unread, NULL, &ring, &err) != 0)
    fail_msg("%s", err.message);
  keyring_unref(unread);
  return ring;
}

static bool takes(const struct keyring *ring, const char *secret) {
  struct cws_claims_owned *claims = NULL;
  struct cws_verify_options options = {.size = sizeof options, .now_s = NOW_S};
  char *token = token_of_ann(secret, NULL);
  int code = cws_token_verify(ring->keys, token, strlen(token), &options, &claims, NULL);
  if (code == 0)
    cws_claims_free(claims);
  free(token);
  return code == 0;
}

static void without_any_source_there_is_no_ring(void **state) {
  (void)state;
  static const char *const none[] = {NULL};
  const struct cws_server_options nothing = {0};
  const struct cws_server_options empty = {
      .secret_files = none, .public_key_files = none, .jwks = none};
  struct keyring *ring = NULL;
  struct cws_error err = {0};
  assert_int_equal(keyring_new(&nothing, &ring, &err), CWS_ECONFIG);
  assert_contains(err.message, "no key");
  assert_int_equal(keyring_new(&empty, &ring, NULL), CWS_ECONFIG);
  assert_null(ring);
  keyring_unref(NULL);
}

static void keys_of_every_kind_of_source_are_in_one_set(void **state) {
  (void)state;
  char *private_pem, *public_pem;
  pem_make(&private_pem, &public_pem);
  struct path secret = folder_put(&folder, "secret", SECRET);
  struct path pem = folder_put(&folder, "key.pem", public_pem);
  struct path jwks = folder_put(&folder, "keys.json", "{\"keys\":[" JWK_A "," JWK_B "]}");
  const char *const secrets[] = {secret.text, NULL}, *const pems[] = {pem.text, NULL},
                    *const sets[] = {jwks.text, NULL};
  const struct cws_server_options options = {
      .secret_files = secrets, .public_key_files = pems, .jwks = sets};
  struct keyring *ring = ring_of(&options);
  assert_int_equal(ring->count, 3);
  assert_int_equal(cws_keys_count(ring->keys), 4);
  assert_false(keyring_has_urls(ring));
  assert_false(keyring_is_local(ring));
  keyring_unref(ring);
  free(private_pem);
  free(public_pem);
}

static void the_local_secret_counts_only_alone(void **state) {
  (void)state;
  struct path other = folder_put(&folder, "secret", OTHER_SECRET);
  const char *const secrets[] = {other.text, NULL};
  struct cws_server_options options = {.local_secret = SECRET, .local_secret_len = 32};
  struct keyring *ring = ring_of(&options);
  assert_true(keyring_is_local(ring));
  assert_true(takes(ring, SECRET));
  keyring_unref(ring);
  options.secret_files = secrets;
  ring = ring_of(&options);
  assert_false(keyring_is_local(ring));
  assert_false(takes(ring, SECRET));
  assert_true(takes(ring, OTHER_SECRET));
  keyring_unref(ring);
}

static void a_reload_reads_every_file_anew_into_a_new_ring(void **state) {
  (void)state;
  struct path p = folder_put(&folder, "secret", SECRET);
  const char *const secrets[] = {p.text, NULL};
  const struct cws_server_options options = {.secret_files = secrets};
  struct keyring *ring = ring_of(&options), *fresh = NULL;
  folder_put(&folder, "secret", OTHER_SECRET);
  assert_int_equal(keyring_reload(ring, NULL, &fresh, NULL), 0);
  assert_true(takes(fresh, OTHER_SECRET));
  assert_false(takes(fresh, SECRET));
  assert_true(takes(ring, SECRET));
  assert_false(takes(ring, OTHER_SECRET));
  keyring_unref(ring);
  keyring_unref(fresh);
}

static void a_reload_takes_all_or_nothing(void **state) {
  (void)state;
  struct path good = folder_put(&folder, "good", SECRET);
  struct path bad = folder_put(&folder, "bad", OTHER_SECRET);
  const char *const secrets[] = {good.text, bad.text, NULL};
  const struct cws_server_options options = {.secret_files = secrets};
  struct keyring *ring = ring_of(&options), *fresh = NULL;
  struct cws_error err = {0};
  folder_put(&folder, "good", "ffffffffffffffffffffffffffffffff");
  folder_put(&folder, "bad", "short");
  assert_int_equal(keyring_reload(ring, NULL, &fresh, &err), CWS_ECONFIG);
  assert_contains(err.message, bad.text);
  assert_null(fresh);
  assert_true(takes(ring, SECRET));
  assert_true(takes(ring, OTHER_SECRET));
  keyring_unref(ring);
}

static void a_reload_fails_with_a_url_that_fails(void **state) {
  (void)state;
  struct key_server server;
  key_server_start(&server, JWK_A);
  const char *const sets[] = {server.url, NULL};
  const struct cws_server_options options = {.jwks = sets};
  struct keyring *ring = ring_of(&options), *fresh = NULL;
  struct cws_error err = {0};
  key_server_set(&server, 404, "");
  assert_int_equal(keyring_reload(ring, NULL, &fresh, &err), CWS_ECONFIG);
  assert_contains(err.message, server.url);
  assert_null(fresh);
  keyring_unref(ring);
  key_server_stop(&server);
}

static void a_ring_lives_as_long_as_someone_holds_it(void **state) {
  (void)state;
  const struct cws_server_options options = {.local_secret = SECRET, .local_secret_len = 32};
  struct keyring *ring = ring_of(&options);
  struct keyring *same = keyring_ref(ring);
  assert_ptr_equal(ring, same);
  keyring_unref(ring);
  assert_true(takes(same, SECRET));
  keyring_unref(same);
}

/* ---- refresh ---- */

/* A ring of a secret file and two URLs, whose servers gave JWK_A and JWK_B. */
struct fixture {
  struct key_server a, b;
  struct path secret;
  struct log_lines lines;
  struct keyring *ring;
};

static void fixture_init(struct fixture *f) {
  key_server_start(&f->a, JWK_A);
  key_server_start(&f->b, JWK_B);
  f->secret = folder_put(&folder, "secret", "ffffffffffffffffffffffffffffffff");
  log_lines_init(&f->lines);
  const char *const secrets[] = {f->secret.text, NULL}, *const sets[] = {f->a.url, f->b.url, NULL};
  const struct cws_server_options options = {.secret_files = secrets, .jwks = sets};
  f->ring = ring_of(&options);
  assert_true(keyring_has_urls(f->ring));
}

static void fixture_finish(struct fixture *f) {
  keyring_unref(f->ring);
  log_lines_finish(&f->lines);
  key_server_stop(&f->a);
  key_server_stop(&f->b);
}

static void a_refresh_reads_urls_and_no_files(void **state) {
  (void)state;
  struct fixture f;
  struct keyring *fresh = NULL;
  fixture_init(&f);
  folder_put(&folder, "secret", "short");
  key_server_set(&f.a, 200, "{\"keys\":[" JWK_B "]}");
  assert_int_equal(keyring_refresh(f.ring, NULL, f.lines.log, &fresh, NULL), 0);
  assert_false(takes(fresh, SECRET));
  assert_true(takes(fresh, OTHER_SECRET));
  assert_true(takes(fresh, "ffffffffffffffffffffffffffffffff"));
  assert_string_equal(f.lines.text, "");
  keyring_unref(fresh);
  fixture_finish(&f);
}

static void a_refresh_keeps_the_keys_of_a_url_that_fails(void **state) {
  (void)state;
  struct fixture f;
  struct keyring *fresh = NULL;
  static const struct {
    int status;
    const char *body;
  } failures[] = {{500, ""}, {200, "no JSON"}, {200, "{\"keys\":[]}"}};
  fixture_init(&f);
  for (size_t i = 0; i < COUNT_OF(failures); i++) {
    f.lines.text[0] = '\0';
    key_server_set(&f.a, failures[i].status, failures[i].body);
    assert_int_equal(keyring_refresh(f.ring, NULL, f.lines.log, &fresh, NULL), 0);
    assert_true(takes(fresh, SECRET));
    assert_true(takes(fresh, OTHER_SECRET));
    assert_true(log_lines_have(&f.lines, f.a.url));
    assert_false(log_lines_have(&f.lines, f.b.url));
    keyring_unref(fresh);
  }
  fixture_finish(&f);
}

static void a_refresh_that_is_stopped_makes_no_ring(void **state) {
  (void)state;
  struct fixture f;
  struct keyring *fresh = NULL;
  struct cws_error err = {0};
  atomic_bool stop = true;
  fixture_init(&f);
  assert_int_equal(keyring_refresh(f.ring, &stop, f.lines.log, &fresh, &err), CWS_ECANCELED);
  assert_int_equal(err.code, CWS_ECANCELED);
  assert_int_equal(keyring_reload(f.ring, &stop, &fresh, NULL), CWS_ECANCELED);
  assert_null(fresh);
  fixture_finish(&f);
}

static int make_folder(void **state) {
  (void)state;
  folder_init(&folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  folder_finish(&folder);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_any_source_there_is_no_ring),
      cmocka_unit_test(keys_of_every_kind_of_source_are_in_one_set),
      cmocka_unit_test(the_local_secret_counts_only_alone),
      cmocka_unit_test(a_reload_reads_every_file_anew_into_a_new_ring),
      cmocka_unit_test(a_reload_takes_all_or_nothing),
      cmocka_unit_test(a_reload_fails_with_a_url_that_fails),
      cmocka_unit_test(a_ring_lives_as_long_as_someone_holds_it),
      cmocka_unit_test(a_refresh_reads_urls_and_no_files),
      cmocka_unit_test(a_refresh_keeps_the_keys_of_a_url_that_fails),
      cmocka_unit_test(a_refresh_that_is_stopped_makes_no_ring),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
