/* key_source: what is read from files and URLs, and how a failure is told: by the name of the
 * source, never by what is in it. */
#include "tests/unit/auth/support.h"

#include "server/auth/key_source.h"
#include "tests/unit/auth/key_server.h"
#include <stdio.h>

#define MARK "s3cr3t" /* stands in what no message may show */

static struct folder folder;

static int read_source(struct key_source *s, enum key_source_kind kind, const char *where,
                       struct cws_error *err) {
  *err = (struct cws_error){0};
  assert_int_equal(key_source_init(s, kind, where, NULL, 0), 0);
  return key_source_read(s, NULL, err);
}

/* Whether a token signed with the secret is good for the source's keys. */
static bool takes(const struct key_source *s, const char *secret) {
  struct cws_claims_owned *claims = NULL;
  struct cws_verify_options options = {.size = sizeof options, .now_s = NOW_S};
  struct cws_keys *keys = cws_keys_new();
  char *token = token_of_ann(secret, NULL);
  assert_int_equal(key_source_add(s, keys, NULL), 0);
  int code = cws_token_verify(keys, token, strlen(token), &options, &claims, NULL);
  if (code == 0)
    cws_claims_free(claims);
  cws_keys_free(keys);
  free(token);
  return code == 0;
}

static void assert_secret_of(const char *content, const char *secret) {
  struct key_source s;
  struct cws_error err;
  struct path p = folder_put(&folder, "secret", content);
  if (read_source(&s, SOURCE_SECRET, p.text, &err) != 0)
    fail_msg("%s", err.message);
  assert_true(takes(&s, secret));
  key_source_finish(&s);
}

/* Reading fails with a message that has this part and the name, and shows nothing of the content.
 */
static void assert_bad(enum key_source_kind kind, const char *where, const char *label,
                       const char *part) {
  struct key_source s;
  struct cws_error err;
  assert_int_equal(read_source(&s, kind, where, &err), CWS_ECONFIG);
  assert_int_equal(err.code, CWS_ECONFIG);
  assert_contains(err.message, label);
  assert_contains(err.message, where);
  assert_contains(err.message, part);
  assert_null(strstr(err.message, MARK));
  key_source_finish(&s);
}

/* ---- files ---- */

static void one_newline_at_the_end_is_no_part_of_a_secret(void **state) {
  (void)state;
  assert_secret_of(SECRET, SECRET);
  assert_secret_of(SECRET "\n", SECRET);
  assert_secret_of(SECRET "\n\n", SECRET "\n");
}

static void every_other_byte_is_part_of_a_secret(void **state) {
  (void)state;
  assert_secret_of(SECRET "\r", SECRET "\r");
  assert_secret_of(SECRET "\r\n", SECRET "\r"); /* as `councilws token` reads it */
  assert_secret_of(" " SECRET " ", " " SECRET " ");
  assert_secret_of("\n" SECRET, "\n" SECRET);
}

static void a_secret_has_32_bytes_without_its_newline(void **state) {
  (void)state;
  assert_bad(SOURCE_SECRET, folder_put(&folder, "secret", "").text, "secret file", "32");
  assert_bad(SOURCE_SECRET, folder_put(&folder, "secret", MARK).text, "secret file", "32");
  assert_bad(SOURCE_SECRET, folder_put(&folder, "secret", MARK "789012345678901234567890 \n").text,
             "secret file", "31 bytes");
}

static void a_pem_file_holds_one_key(void **state) {
  (void)state;
  char *private_pem, *public_pem, two[2048];
  struct key_source s;
  struct cws_error err;
  pem_make(&private_pem, &public_pem);
  struct path p = folder_put(&folder, "key.pem", public_pem);
  assert_int_equal(read_source(&s, SOURCE_PEM, p.text, &err), 0);
  assert_int_equal(s.len, strlen(public_pem));
  key_source_finish(&s);
  snprintf(two, sizeof two, "%s%s", public_pem, private_pem);
  assert_bad(SOURCE_PEM, folder_put(&folder, "key.pem", two).text, "public key file", "");
  assert_bad(SOURCE_PEM, folder_put(&folder, "key.pem", MARK).text, "public key file", "PEM");
  free(private_pem);
  free(public_pem);
}

static void a_pem_text_is_no_secret(void **state) {
  (void)state;
  char *private_pem, *public_pem;
  pem_make(&private_pem, &public_pem);
  assert_bad(SOURCE_SECRET, folder_put(&folder, "secret", public_pem).text, "secret file", "PEM");
  free(private_pem);
  free(public_pem);
}

static void a_jwk_file_holds_a_key_or_a_set(void **state) {
  (void)state;
  static const char *const good[] = {JWK_A, "{\"keys\":[" JWK_A "]}",
                                     "{\"keys\":[{\"kty\":\"OKP\"}," JWK_A "]}\n"};
  for (size_t i = 0; i < COUNT_OF(good); i++) {
    struct key_source s;
    struct cws_error err;
    struct path p = folder_put(&folder, "keys.json", good[i]);
    assert_int_equal(read_source(&s, SOURCE_JWKS, p.text, &err), 0);
    assert_true(takes(&s, SECRET));
    assert_false(key_source_is_url(&s));
    key_source_finish(&s);
  }
}

static void a_bad_jwk_file_is_refused_without_quoting_it(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    MARK,
                                    "{\"kty\":\"oct\",\"k\":\"" MARK "\"",
                                    "{\"kty\":\"oct\",\"k\":\"" MARK "\"}",
                                    "{\"kty\":\"" MARK "\",\"k\":\"" MARK "\"}",
                                    "{\"keys\":[]}",
                                    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"" MARK "\"}]}",
                                    "{\"keys\":\"" MARK "\"}",
                                    "[\"" MARK "\"]"};
  for (size_t i = 0; i < COUNT_OF(bad); i++)
    assert_bad(SOURCE_JWKS, folder_put(&folder, "keys.json", bad[i]).text, "JWK set", "");
}

static void what_cannot_be_read_is_named(void **state) {
  (void)state;
  struct path missing = folder_at(&folder, "missing");
  assert_bad(SOURCE_SECRET, missing.text, "secret file", "cannot be opened: No such file");
  assert_bad(SOURCE_PEM, missing.text, "public key file", "cannot be opened");
  assert_bad(SOURCE_JWKS, missing.text, "JWK set", "cannot be opened");
  assert_bad(SOURCE_SECRET, folder.path, "secret file", "cannot be read: Is a directory");
}

static void a_file_has_so_many_bytes_at_most(void **state) {
  (void)state;
  char *text = malloc(KEY_SOURCE_MAX + 1);
  struct key_source s;
  struct cws_error err;
  memset(text, ' ', KEY_SOURCE_MAX + 1);
  memcpy(text, JWK_A, strlen(JWK_A));
  struct path p = folder_put_bytes(&folder, "keys.json", text, KEY_SOURCE_MAX);
  assert_int_equal(read_source(&s, SOURCE_JWKS, p.text, &err), 0);
  key_source_finish(&s);
  folder_put_bytes(&folder, "keys.json", text, KEY_SOURCE_MAX + 1);
  assert_bad(SOURCE_JWKS, p.text, "JWK set", "larger than 262144 bytes");
  assert_bad(SOURCE_SECRET, "/dev/zero", "secret file", "larger than 262144 bytes");
  free(text);
}

static void a_long_path_is_named_whole(void **state) {
  (void)state;
  char path[300];
  snprintf(path, sizeof path, "/nowhere/%0200d/secret", 0);
  assert_bad(SOURCE_SECRET, path, "secret file", "cannot be opened");
  assert_bad(SOURCE_PEM, path, "public key file", "No such file");
}

static void a_failed_reading_keeps_what_was_read_before(void **state) {
  (void)state;
  struct key_source s;
  struct cws_error err;
  struct path p = folder_put(&folder, "secret", SECRET);
  assert_int_equal(read_source(&s, SOURCE_SECRET, p.text, &err), 0);
  folder_put(&folder, "secret", "short");
  assert_int_equal(key_source_read(&s, NULL, &err), CWS_ECONFIG);
  assert_true(takes(&s, SECRET));
  folder_put(&folder, "secret", OTHER_SECRET);
  assert_int_equal(key_source_read(&s, NULL, &err), 0);
  assert_true(takes(&s, OTHER_SECRET));
  assert_false(takes(&s, SECRET));
  key_source_finish(&s);
}

/* ---- the embedder's own secret ---- */

static void a_local_secret_is_taken_as_it_is(void **state) {
  (void)state;
  struct key_source s;
  char label[64];
  assert_int_equal(key_source_init(&s, SOURCE_LOCAL, NULL, SECRET "\n", 33), 0);
  assert_int_equal(key_source_read(&s, NULL, NULL), 0);
  assert_true(takes(&s, SECRET "\n"));
  assert_false(key_source_is_url(&s));
  key_source_label(&s, label, sizeof label);
  assert_string_equal(label, "local secret");
  key_source_finish(&s);
}

static void a_short_local_secret_is_refused(void **state) {
  (void)state;
  struct key_source s;
  struct cws_error err = {0};
  assert_int_equal(key_source_init(&s, SOURCE_LOCAL, NULL, MARK, strlen(MARK)), 0);
  assert_int_equal(key_source_read(&s, NULL, &err), CWS_ECONFIG);
  assert_contains(err.message, "local secret: ");
  assert_null(strstr(err.message, MARK));
  key_source_finish(&s);
}

/* ---- URLs ---- */

static void a_jwk_set_is_fetched_from_a_url(void **state) {
  (void)state;
  struct key_server server;
  struct key_source s;
  struct cws_error err;
  key_server_start(&server, "{\"keys\":[" JWK_A "]}");
  assert_int_equal(read_source(&s, SOURCE_JWKS, server.url, &err), 0);
  assert_true(key_source_is_url(&s));
  assert_true(takes(&s, SECRET));
  key_source_finish(&s);
  key_server_stop(&server);
}

static void only_a_jwk_set_may_be_a_url(void **state) {
  (void)state;
  struct key_server server;
  key_server_start(&server, SECRET);
  assert_bad(SOURCE_SECRET, server.url, "secret file", "cannot be opened");
  assert_int_equal(key_server_requests(&server), 0);
  key_server_stop(&server);
}

static void a_url_that_fails_is_named_without_its_password(void **state) {
  (void)state;
  struct key_server server;
  char with_password[256];
  struct key_source s;
  struct cws_error err;
  key_server_start(&server, MARK);
  snprintf(with_password, sizeof with_password, "http://user:" MARK "@%s?key=" MARK,
           server.url + strlen("http://"));
  for (int status = 200; status <= 500; status += 300) { /* no JSON, then no answer */
    key_server_set(&server, status, MARK);
    assert_int_equal(read_source(&s, SOURCE_JWKS, with_password, &err), CWS_ECONFIG);
    assert_contains(err.message, server.url);
    assert_null(strstr(err.message, MARK));
    key_source_finish(&s);
  }
  assert_contains(err.message, "500");
  key_server_stop(&server);
}

static void stopping_is_no_fault_of_the_source(void **state) {
  (void)state;
  struct key_server server;
  struct key_source s;
  atomic_bool stop = true;
  struct cws_error err = {0};
  key_server_start(&server, "{\"keys\":[" JWK_A "]}");
  assert_int_equal(key_source_init(&s, SOURCE_JWKS, server.url, NULL, 0), 0);
  assert_int_equal(key_source_read(&s, &stop, &err), CWS_ECANCELED);
  assert_int_equal(err.code, CWS_ECANCELED);
  key_source_finish(&s);
  key_server_stop(&server);
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
      cmocka_unit_test(one_newline_at_the_end_is_no_part_of_a_secret),
      cmocka_unit_test(every_other_byte_is_part_of_a_secret),
      cmocka_unit_test(a_secret_has_32_bytes_without_its_newline),
      cmocka_unit_test(a_pem_file_holds_one_key),
      cmocka_unit_test(a_pem_text_is_no_secret),
      cmocka_unit_test(a_jwk_file_holds_a_key_or_a_set),
      cmocka_unit_test(a_bad_jwk_file_is_refused_without_quoting_it),
      cmocka_unit_test(what_cannot_be_read_is_named),
      cmocka_unit_test(a_file_has_so_many_bytes_at_most),
      cmocka_unit_test(a_long_path_is_named_whole),
      cmocka_unit_test(a_failed_reading_keeps_what_was_read_before),
      cmocka_unit_test(a_local_secret_is_taken_as_it_is),
      cmocka_unit_test(a_short_local_secret_is_refused),
      cmocka_unit_test(a_jwk_set_is_fetched_from_a_url),
      cmocka_unit_test(only_a_jwk_set_may_be_a_url),
      cmocka_unit_test(a_url_that_fails_is_named_without_its_password),
      cmocka_unit_test(stopping_is_no_fault_of_the_source),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
