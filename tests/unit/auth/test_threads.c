/* auth on many threads: tokens are checked while keys are read again, by file and by URL. */
#include "tests/unit/auth/support.h"

#include "server/auth/auth.h"
#include "tests/unit/auth/key_server.h"

enum { CHECKERS = 3, RELOADS = 60, REFRESHES = 20 };

static struct folder folder;
static struct fake_time fake;
static struct auth *a;
static atomic_bool stop;
static atomic_int wrong; /* answers that cannot be */

static int check(const char *token) {
  struct grants *g = NULL;
  int code = auth_check(a, token, &g, NULL);
  if (code == 0)
    grants_free(g);
  return code;
}

/* The key of the file changes all the time, that of the URL does not. */
static void *check_without_end(void *arg) {
  char *changing = token_of_ann(SECRET, NULL), *lasting = token_of_ann(OTHER_SECRET, "b"),
       *unknown = token_of_ann("gggggggggggggggggggggggggggggggg", "g");
  (void)arg;
  while (!atomic_load(&stop)) {
    int code = check(changing);
    if ((code != 0 && code != CWS_EBADTOKEN) || check(lasting) != 0 ||
        check(unknown) != CWS_EBADTOKEN)
      atomic_fetch_add(&wrong, 1);
  }
  free(changing);
  free(lasting);
  free(unknown);
  return NULL;
}

static void *refresh_often(void *arg) {
  (void)arg;
  for (int i = 0; i < REFRESHES; i++) {
    if (auth_refresh(a, NULL) != 0)
      atomic_fetch_add(&wrong, 1);
  }
  return NULL;
}

/* Each reload counts from its return on, whatever refresh goes on beside it. */
static void reload_often(void) {
  char *token = token_of_ann(SECRET, NULL);
  for (int i = 0; i < RELOADS; i++) {
    bool is_good = i % 2 == 1;
    folder_put(&folder, "secret", is_good ? SECRET : "ffffffffffffffffffffffffffffffff");
    assert_int_equal(auth_reload(a, NULL, NULL), 0);
    assert_int_equal(check(token), is_good ? 0 : CWS_EBADTOKEN);
  }
  free(token);
}

static void tokens_are_checked_while_keys_are_read_again(void **state) {
  (void)state;
  struct key_server server;
  pthread_t checkers[CHECKERS], refresher;
  key_server_start(&server, "{\"keys\":[" JWK_B "]}");
  struct path p = folder_put(&folder, "secret", SECRET);
  const char *const secrets[] = {p.text, NULL}, *const sets[] = {server.url, NULL};
  const struct cws_server_options options = {.secret_files = secrets, .jwks = sets};
  assert_int_equal(auth_new(&options, &fake.clock, NULL, &a, NULL), 0);
  for (int i = 0; i < CHECKERS; i++)
    assert_int_equal(pthread_create(&checkers[i], NULL, check_without_end, NULL), 0);
  assert_int_equal(pthread_create(&refresher, NULL, refresh_often, NULL), 0);
  reload_often();
  pthread_join(refresher, NULL);
  atomic_store(&stop, true);
  for (int i = 0; i < CHECKERS; i++)
    pthread_join(checkers[i], NULL);
  assert_int_equal(atomic_load(&wrong), 0);
  auth_free(a);
  key_server_stop(&server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_are_checked_while_keys_are_read_again),
  };
  folder_init(&folder);
  fake_time_init(&fake);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  folder_finish(&folder);
  return failed;
}
