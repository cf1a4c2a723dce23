/* auth: what a hub does not start with, and which tokens and origins it takes. */
#include "tests/unit/auth/support.h"

#include "server/auth/auth.h"
#include <stdio.h>

#define HS256 "{\"alg\":\"HS256\"}"
#define EXP "\"exp\":1800003600"

static struct folder folder;
static struct fake_time fake;

static struct auth *auth_of(const struct cws_server_options *options) {
  struct auth *a = NULL;
  struct cws_error err = {0};
  fake_time_init(&fake);
  if (auth_new(options, &fake.clock, NULL, &a, &err) != 0)
    fail_msg("%s", err.message);
  return a;
}

static struct auth *auth_of_secret(void) {
  const struct cws_server_options options = {.local_secret = SECRET, .local_secret_len = 32};
  return auth_of(&options);
}

/* Takes the token. */
static int check(struct auth *a, char *token) {
  struct grants *g = NULL;
  struct cws_error err = {0};
  int code = auth_check(a, token, &g, &err);
  assert_int_equal(err.code, code);
  assert_int_equal(code == 0, g != NULL);
  grants_free(g);
  free(token);
  return code;
}

/* ---- starting ---- */

static void assert_no_start(const struct cws_server_options *options, const char *part) {
  struct auth *a = NULL;
  struct cws_error err = {0};
  fake_time_init(&fake);
  assert_int_equal(auth_new(options, &fake.clock, NULL, &a, &err), CWS_ECONFIG);
  assert_contains(err.message, part);
  assert_null(a);
}

static void a_hub_does_not_start_without_any_key(void **state) {
  (void)state;
  const struct cws_server_options options = {0};
  assert_no_start(&options, "no key to check tokens with");
}

static void a_hub_does_not_start_with_a_bad_key_file_and_names_it(void **state) {
  (void)state;
  struct path good = folder_put(&folder, "good", SECRET);
  struct path short_secret = folder_put(&folder, "short", "short\n");
  struct path no_pem = folder_put(&folder, "key.pem", "no key");
  struct path no_json = folder_put(&folder, "keys.json", "no key");
  struct path missing = folder_at(&folder, "missing");
  const char *const secrets[] = {good.text, short_secret.text, NULL},
                    *const pems[] = {no_pem.text, NULL}, *const sets[] = {no_json.text, NULL},
                    *const nowhere[] = {missing.text, NULL};
  const struct cws_server_options bad[] = {
      {.secret_files = secrets}, {.public_key_files = pems},    {.jwks = sets},
      {.secret_files = nowhere}, {.public_key_files = nowhere}, {.jwks = nowhere},
  };
  const char *const names[] = {short_secret.text, no_pem.text,  no_json.text,
                               missing.text,      missing.text, missing.text};
  for (size_t i = 0; i < COUNT_OF(bad); i++)
    assert_no_start(&bad[i], names[i]);
}

static void a_hub_does_not_start_with_an_origin_that_is_none(void **state) {
  (void)state;
  static const char *const origins[] = {"https://good.example", "bad.example/", NULL};
  const struct cws_server_options options = {
      .local_secret = SECRET, .local_secret_len = 32, .allow_origins = origins};
  assert_no_start(&options, "\"bad.example/\"");
}

static void only_the_embedders_own_secret_is_local(void **state) {
  (void)state;
  struct path p = folder_put(&folder, "secret", OTHER_SECRET);
  const char *const secrets[] = {p.text, NULL};
  const struct cws_server_options both = {
      .local_secret = SECRET, .local_secret_len = 32, .secret_files = secrets};
  struct auth *a = auth_of_secret();
  assert_true(auth_is_local_only(a));
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), 0);
  auth_free(a);
  a = auth_of(&both);
  assert_false(auth_is_local_only(a));
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), CWS_EBADTOKEN);
  assert_int_equal(check(a, token_of_ann(OTHER_SECRET, NULL)), 0);
  auth_free(a);
  auth_free(NULL);
}

static void the_options_may_go_once_auth_is_made(void **state) {
  (void)state;
  char issuer[] = "issuer", audience[] = "hub", origin[] = "https://app.example", secret[] = SECRET;
  const char *origins[] = {origin, NULL};
  const struct cws_server_options options = {.local_secret = secret,
                                             .local_secret_len = 32,
                                             .issuer = issuer,
                                             .audience = audience,
                                             .allow_origins = origins};
  struct auth *a = auth_of(&options);
  memset(issuer, 'x', strlen(issuer));
  memset(audience, 'x', strlen(audience));
  memset(origin, 'x', strlen(origin));
  memset(secret, 'x', strlen(secret));
  assert_int_equal(
      check(a, token_craft(HS256, "{\"sub\":\"ann\"," EXP ",\"iss\":\"issuer\",\"aud\":\"hub\"}",
                           SECRET)),
      0);
  assert_true(auth_origin_allowed(a, "https://app.example", "hub"));
  assert_int_equal(auth_reload(a, NULL, NULL), 0);
  auth_free(a);
}

/* ---- tokens ---- */

static void a_good_token_gives_what_it_grants(void **state) {
  (void)state;
  struct auth *a = auth_of_secret();
  struct grants *g = NULL;
  char *token = token_craft(
      HS256, "{\"sub\":\"ann\"," EXP ",\"councilws\":{\"publish\":[\"req-*\"]}}", SECRET);
  assert_int_equal(auth_check(a, token, &g, NULL), 0);
  assert_string_equal(g->sub, "ann");
  assert_string_equal(g->token, token);
  assert_int_equal(g->exp_s, NOW_S + 3600);
  assert_true(grants_may_publish(g, "req-1"));
  assert_false(grants_may_publish(g, "x"));
  grants_free(g);
  free(token);
  auth_free(a);
}

static void no_token_is_told_from_a_bad_one(void **state) {
  (void)state;
  struct auth *a = auth_of_secret();
  assert_int_equal(check(a, NULL), CWS_ENOTOKEN);
  assert_int_equal(check(a, strdup("")), CWS_ENOTOKEN);
  assert_int_equal(check(a, strdup(" ")), CWS_EBADTOKEN);
  auth_free(a);
}

static void what_is_no_token_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"x",     ".",        "..",          "...",      "a.b",
                                    "a.b.c", "e30.e30.", "e30.e30.e30", "\xc3\xa4", "a b"};
  struct auth *a = auth_of_secret();
  for (size_t i = 0; i < COUNT_OF(bad); i++)
    assert_int_equal(check(a, strdup(bad[i])), CWS_EBADTOKEN);
  char *endless = calloc(1, CWS_TOKEN_MAX + 2);
  memset(endless, 'a', CWS_TOKEN_MAX + 1);
  assert_int_equal(check(a, endless), CWS_EBADTOKEN);
  auth_free(a);
}

static void a_token_that_is_signed_wrongly_or_says_too_little_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *header, *claims, *secret;
  } cases[] = {
      {HS256, "{\"sub\":\"ann\"," EXP "}", OTHER_SECRET},
      {"{\"alg\":\"none\"}", "{\"sub\":\"ann\"," EXP "}", SECRET},
      {"{\"alg\":\"None\"}", "{\"sub\":\"ann\"," EXP "}", SECRET},
      {"{\"alg\":\"HS512\"}", "{\"sub\":\"ann\"," EXP "}", SECRET},
      {"{\"alg\":\"RS256\"}", "{\"sub\":\"ann\"," EXP "}", SECRET},
      {"{\"alg\":1}", "{\"sub\":\"ann\"," EXP "}", SECRET},
      {"{}", "{\"sub\":\"ann\"," EXP "}", SECRET},
      {"[]", "{\"sub\":\"ann\"," EXP "}", SECRET},
      {HS256, "{" EXP "}", SECRET},
      {HS256, "{\"sub\":\"\"," EXP "}", SECRET},
      {HS256, "{\"sub\":7," EXP "}", SECRET},
      {HS256, "{\"sub\":\"a\\nb\"," EXP "}", SECRET},
      {HS256, "{\"sub\":\"ann\"}", SECRET},
      {HS256, "{\"sub\":\"ann\",\"exp\":\"1800003600\"}", SECRET},
      {HS256, "{\"sub\":\"ann\",\"exp\":1800003600000}", SECRET},
      {HS256, "{\"sub\":\"ann\"," EXP ",\"nbf\":1800000061}", SECRET},
      {HS256, "{\"sub\":\"ann\"," EXP ",\"iat\":1800000061}", SECRET},
      {HS256, "{\"sub\":\"ann\"," EXP ",\"councilws\":true}", SECRET},
      {HS256, "{\"sub\":\"ann\"," EXP ",\"councilws\":{\"admin\":1}}", SECRET},
      {HS256, "{\"sub\":\"ann\"," EXP ",\"councilws\":{\"publish\":\"*\"}}", SECRET},
      {HS256, "\"ann\"", SECRET},
  };
  struct auth *a = auth_of_secret();
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    int code = check(a, token_craft(cases[i].header, cases[i].claims, cases[i].secret));
    if (code != CWS_EBADTOKEN)
      fail_msg("%s %s: %d", cases[i].header, cases[i].claims, code);
  }
  auth_free(a);
}

static void a_changed_token_is_refused(void **state) {
  (void)state;
  struct auth *a = auth_of_secret();
  char *token = token_of_ann(SECRET, NULL);
  size_t len = strlen(token);
  for (size_t i = 0; i < len; i += 7) {
    char *changed = strdup(token);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (i != len - 1) /* some of its bits say nothing */
      assert_int_equal(check(a, changed), CWS_EBADTOKEN);
    else
      free(changed);
  }
  char *unsigned_token = strdup(token);
  *(strrchr(unsigned_token, '.') + 1) = '\0';
  assert_int_equal(check(a, unsigned_token), CWS_EBADTOKEN);
  free(token);
  auth_free(a);
}

static void a_public_key_is_no_hmac_secret(void **state) {
  (void)state;
  char *private_pem, *public_pem, *token = NULL;
  pem_make(&private_pem, &public_pem);
  struct path p = folder_put(&folder, "key.pem", public_pem);
  const char *const pems[] = {p.text, NULL};
  const struct cws_server_options options = {.public_key_files = pems};
  struct auth *a = auth_of(&options);
  assert_int_equal(check(a, token_of_ann(public_pem, NULL)), CWS_EBADTOKEN);

  struct cws_keys *keys = cws_keys_new();
  const struct cws_sign_options sign = {
      .size = sizeof sign, .now_s = NOW_S, .ttl_s = 60, .sub = "ann"};
  assert_int_equal(cws_keys_add_pem(keys, private_pem, strlen(private_pem), NULL), 0);
  assert_int_equal(cws_token_sign(keys, &sign, &token, NULL), 0);
  assert_int_equal(check(a, token), 0);
  cws_keys_free(keys);
  auth_free(a);
  free(private_pem);
  free(public_pem);
}

static void a_token_expires_by_the_hubs_clock_and_60_s_of_leeway(void **state) {
  (void)state;
  struct auth *a = auth_of_secret();
  fake_time_pass(&fake, 3600 * 1000 + 59999);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), 0);
  fake_time_pass(&fake, 1);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), CWS_ETOKENEXPIRED);
  assert_int_equal(check(a, token_of_ann(OTHER_SECRET, NULL)), CWS_EBADTOKEN);
  auth_free(a);
}

static void issuer_and_audience_must_be_those_of_the_options(void **state) {
  (void)state;
  static const struct {
    const char *claims;
    int code;
  } cases[] = {
      {"{\"sub\":\"ann\"," EXP ",\"iss\":\"login\",\"aud\":\"hub\"}", 0},
      {"{\"sub\":\"ann\"," EXP ",\"iss\":\"login\",\"aud\":[\"x\",\"hub\"]}", 0},
      {"{\"sub\":\"ann\"," EXP ",\"iss\":\"other\",\"aud\":\"hub\"}", CWS_EBADTOKEN},
      {"{\"sub\":\"ann\"," EXP ",\"aud\":\"hub\"}", CWS_EBADTOKEN},
      {"{\"sub\":\"ann\"," EXP ",\"iss\":\"login\",\"aud\":\"other\"}", CWS_EBADTOKEN},
      {"{\"sub\":\"ann\"," EXP ",\"iss\":\"login\",\"aud\":[]}", CWS_EBADTOKEN},
      {"{\"sub\":\"ann\"," EXP ",\"iss\":\"login\"}", CWS_EBADTOKEN},
  };
  const struct cws_server_options options = {
      .local_secret = SECRET, .local_secret_len = 32, .issuer = "login", .audience = "hub"};
  struct auth *a = auth_of(&options);
  for (size_t i = 0; i < COUNT_OF(cases); i++)
    assert_int_equal(check(a, token_craft(HS256, cases[i].claims, SECRET)), cases[i].code);
  auth_free(a);
}

static void no_message_shows_a_token(void **state) {
  (void)state;
  struct auth *a = auth_of_secret();
  char *const tokens[] = {token_of_ann(OTHER_SECRET, NULL), token_of_ann(SECRET, "k1d"),
                          token_craft("{\"alg\":\"t0ken\"}", "{}", SECRET), strdup("t0ken.x.y"),
                          strdup("t0ken")};
  fake_time_pass(&fake, 3600 * 1000 * 2);
  for (size_t i = 0; i < COUNT_OF(tokens); i++) {
    struct grants *g;
    struct cws_error err = {0};
    assert_int_not_equal(auth_check(a, tokens[i], &g, &err), 0);
    assert_true(err.message[0] != '\0');
    assert_null(strstr(err.message, "t0ken"));
    for (char *part = strtok(tokens[i], "."); part != NULL; part = strtok(NULL, ".")) {
      if (strlen(part) > 1) /* header, claims or signature; an "x" may be anywhere */
        assert_null(strstr(err.message, part));
    }
    free(tokens[i]);
  }
  auth_free(a);
}

/* ---- reload ---- */

static void a_reload_revokes_tokens_of_a_secret_that_is_gone(void **state) {
  (void)state;
  struct path p = folder_put(&folder, "secret", SECRET);
  const char *const secrets[] = {p.text, NULL};
  const struct cws_server_options options = {.secret_files = secrets};
  struct auth *a = auth_of(&options);
  folder_put(&folder, "secret", OTHER_SECRET);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), 0);
  assert_int_equal(auth_reload(a, NULL, NULL), 0);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), CWS_EBADTOKEN);
  assert_int_equal(check(a, token_of_ann(OTHER_SECRET, NULL)), 0);
  auth_free(a);
}

static void two_secrets_are_good_at_once_for_rotation(void **state) {
  (void)state;
  struct path old = folder_put(&folder, "old", SECRET);
  struct path fresh = folder_put(&folder, "new", OTHER_SECRET);
  const char *const secrets[] = {old.text, fresh.text, NULL};
  const struct cws_server_options options = {.secret_files = secrets};
  struct auth *a = auth_of(&options);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), 0);
  assert_int_equal(check(a, token_of_ann(OTHER_SECRET, NULL)), 0);
  auth_free(a);
}

static void a_reload_that_fails_names_the_file_and_keeps_the_old_keys(void **state) {
  (void)state;
  struct path p = folder_put(&folder, "secret", SECRET);
  const char *const secrets[] = {p.text, NULL};
  const struct cws_server_options options = {.secret_files = secrets};
  struct auth *a = auth_of(&options);
  struct cws_error err = {0};
  folder_put(&folder, "secret", "short");
  assert_int_equal(auth_reload(a, NULL, &err), CWS_ECONFIG);
  assert_contains(err.message, p.text);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), 0);
  auth_free(a);
}

static void a_reload_takes_the_sources_of_new_options(void **state) {
  (void)state;
  struct path old = folder_put(&folder, "old", SECRET);
  struct path fresh = folder_put(&folder, "new", OTHER_SECRET);
  const char *const before[] = {old.text, NULL}, *const after[] = {fresh.text, NULL};
  const struct cws_server_options options = {.secret_files = before};
  const struct cws_server_options changed = {.secret_files = after};
  struct auth *a = auth_of(&options);
  assert_int_equal(auth_reload(a, &changed, NULL), 0);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), CWS_EBADTOKEN);
  assert_int_equal(check(a, token_of_ann(OTHER_SECRET, NULL)), 0);
  folder_put(&folder, "new", SECRET);
  assert_int_equal(auth_reload(a, NULL, NULL), 0); /* of the sources there are now */
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), 0);
  auth_free(a);
}

static void a_reload_never_falls_back_to_the_local_secret(void **state) {
  (void)state;
  struct path p = folder_put(&folder, "secret", SECRET);
  const char *const secrets[] = {p.text, NULL};
  const struct cws_server_options options = {.secret_files = secrets};
  const struct cws_server_options local = {.local_secret = OTHER_SECRET, .local_secret_len = 32};
  const struct cws_server_options nothing = {0};
  struct auth *a = auth_of(&options);
  struct cws_error err = {0};
  assert_int_equal(auth_reload(a, &local, &err), CWS_ECONFIG);
  assert_contains(err.message, "no key");
  assert_int_equal(auth_reload(a, &nothing, NULL), CWS_ECONFIG);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), 0);
  assert_int_equal(check(a, token_of_ann(OTHER_SECRET, NULL)), CWS_EBADTOKEN);
  auth_free(a);
}

static void a_hub_of_the_local_secret_may_change_it_or_get_real_keys(void **state) {
  (void)state;
  struct path p = folder_put(&folder, "secret", SECRET);
  const char *const secrets[] = {p.text, NULL};
  const struct cws_server_options local = {.local_secret = OTHER_SECRET, .local_secret_len = 32};
  const struct cws_server_options real = {
      .secret_files = secrets, .local_secret = OTHER_SECRET, .local_secret_len = 32};
  struct auth *a = auth_of_secret();
  assert_int_equal(auth_reload(a, &local, NULL), 0);
  assert_int_equal(check(a, token_of_ann(OTHER_SECRET, NULL)), 0);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), CWS_EBADTOKEN);
  assert_true(auth_is_local_only(a));
  assert_int_equal(auth_reload(a, &real, NULL), 0);
  assert_int_equal(check(a, token_of_ann(OTHER_SECRET, NULL)), CWS_EBADTOKEN);
  assert_int_equal(check(a, token_of_ann(SECRET, NULL)), 0);
  assert_false(auth_is_local_only(a));
  auth_free(a);
}

static void without_urls_an_unknown_kid_is_just_unknown(void **state) {
  (void)state;
  struct auth *a = auth_of_secret();
  assert_int_equal(check(a, token_of_ann(OTHER_SECRET, "k")), CWS_EBADTOKEN);
  assert_int_equal(check(a, token_of_ann(SECRET, "k")), 0);
  auth_free(a);
}

/* ---- origins ---- */

static void no_origin_the_hubs_own_and_the_listed_are_allowed(void **state) {
  (void)state;
  static const char *const origins[] = {"https://app.example.org", NULL};
  const struct cws_server_options options = {
      .local_secret = SECRET, .local_secret_len = 32, .allow_origins = origins};
  struct auth *a = auth_of(&options);
  assert_true(auth_origin_allowed(a, NULL, "hub:8765"));
  assert_true(auth_origin_allowed(a, "", "hub:8765"));
  assert_true(auth_origin_allowed(a, "http://hub:8765", "hub:8765"));
  assert_true(auth_origin_allowed(a, "https://app.example.org", "hub:8765"));
  assert_true(auth_origin_allowed(a, "https://app.example.org", NULL));
  assert_false(auth_origin_allowed(a, "https://evil.example.org", "hub:8765"));
  assert_false(auth_origin_allowed(a, "null", "hub:8765"));
  auth_free(a);
}

static void without_a_list_only_the_hubs_own_is_allowed(void **state) {
  (void)state;
  struct auth *a = auth_of_secret();
  assert_true(auth_origin_allowed(a, "https://hub", "hub"));
  assert_false(auth_origin_allowed(a, "https://app.example.org", "hub"));
  assert_false(auth_origin_allowed(a, "null", "null"));
  auth_free(a);
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
      cmocka_unit_test(a_hub_does_not_start_without_any_key),
      cmocka_unit_test(a_hub_does_not_start_with_a_bad_key_file_and_names_it),
      cmocka_unit_test(a_hub_does_not_start_with_an_origin_that_is_none),
      cmocka_unit_test(only_the_embedders_own_secret_is_local),
      cmocka_unit_test(the_options_may_go_once_auth_is_made),
      cmocka_unit_test(a_good_token_gives_what_it_grants),
      cmocka_unit_test(no_token_is_told_from_a_bad_one),
      cmocka_unit_test(what_is_no_token_is_refused),
      cmocka_unit_test(a_token_that_is_signed_wrongly_or_says_too_little_is_refused),
      cmocka_unit_test(a_changed_token_is_refused),
      cmocka_unit_test(a_public_key_is_no_hmac_secret),
      cmocka_unit_test(a_token_expires_by_the_hubs_clock_and_60_s_of_leeway),
      cmocka_unit_test(issuer_and_audience_must_be_those_of_the_options),
      cmocka_unit_test(no_message_shows_a_token),
      cmocka_unit_test(a_reload_revokes_tokens_of_a_secret_that_is_gone),
      cmocka_unit_test(two_secrets_are_good_at_once_for_rotation),
      cmocka_unit_test(a_reload_that_fails_names_the_file_and_keeps_the_old_keys),
      cmocka_unit_test(a_reload_takes_the_sources_of_new_options),
      cmocka_unit_test(a_reload_never_falls_back_to_the_local_secret),
      cmocka_unit_test(a_hub_of_the_local_secret_may_change_it_or_get_real_keys),
      cmocka_unit_test(without_urls_an_unknown_kid_is_just_unknown),
      cmocka_unit_test(no_origin_the_hubs_own_and_the_listed_are_allowed),
      cmocka_unit_test(without_a_list_only_the_hubs_own_is_allowed),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
