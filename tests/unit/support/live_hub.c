/* live_hub: see live_hub.h. */
#include "tests/unit/support/live_hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those before it */
#include <cmocka.h>

#include <councilws/token.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void live_hub_options(struct cws_server_options *o) {
  static const char *const LISTEN[] = {"127.0.0.1:0", NULL};
  cws_server_options_init(o);
  o->listen = LISTEN;
  o->local_secret = LIVE_SECRET;
  o->local_secret_len = strlen(LIVE_SECRET);
  o->workers = 2;
}

struct cws_server *live_hub_new(const struct cws_server_options *options) {
  struct cws_server_options plain;
  struct cws_server *hub = NULL;
  struct cws_error err = {0};
  live_hub_options(&plain);
  if (cws_server_new(options != NULL ? options : &plain, &hub, &err) != 0)
    fail_msg("cws_server_new: %s", err.message);
  return hub;
}

struct cws_server *live_hub_start(const struct cws_server_options *options) {
  struct cws_server *hub = live_hub_new(options);
  struct cws_error err = {0};
  if (cws_server_start(hub, &err) != 0)
    fail_msg("cws_server_start: %s", err.message);
  return hub;
}

int live_hub_port(const struct cws_server *hub) {
  const char *url = cws_server_url(hub, 0);
  assert_non_null(url);
  return (int)strtol(strrchr(url, ':') + 1, NULL, 10);
}

char *live_token(const struct live_token *what) {
  const char *const subscribe[] = {what->subscribe, NULL}, *const publish[] = {what->publish, NULL};
  const char *secret = what->secret != NULL ? what->secret : LIVE_SECRET;
  const struct cws_sign_options options = {
      .size = sizeof options,
      .now_s = (int64_t)time(NULL) - what->age_s,
      .ttl_s = what->ttl_s != 0 ? what->ttl_s : 3600,
      .sub = what->sub != NULL ? what->sub : "ann",
      .with_rights = !what->is_plain,
      .admin = what->admin,
      .subscribe = subscribe,
      .publish = publish,
  };
  struct cws_keys *keys = cws_keys_new();
  struct cws_error err = {0};
  char *token = NULL;
  if (cws_keys_add_secret(keys, secret, strlen(secret), &err) != 0 ||
      cws_token_sign(keys, &options, &token, &err) != 0)
    fail_msg("signing a token: %s", err.message);
  cws_keys_free(keys);
  return token;
}

char *live_token_all(void) {
  return live_token(&(struct live_token){.subscribe = "*", .publish = "*"});
}
